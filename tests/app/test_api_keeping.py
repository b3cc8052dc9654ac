"""What who keeps documents is told and may do over HTTP: a real store, real parsers, a real socket."""

import io
import json
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.http.routes.documents import _key
from app.identity.grant import Right
from ingest.uploads import Upload
from tests.app.edge import HANDBOOK
from tests.app.test_api_uploads import LEAVE, Desk, bearer, front, opened
from vectorstore.types import Scope

KEEPING: list[Right] = ["documents", "search", "write"]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with opened(tmp_path_factory.mktemp("desk")) as running:
        yield running


def steps(desk: Desk, *files: tuple[str, bytes], **form: str) -> list[dict[str, Any]]:
    """Send files and return all that is said of them on the way."""
    answer = httpx.post(
        f"{desk.served.url}/v1/documents",
        files=[("file", (name, io.BytesIO(content))) for name, content in files],
        data=form,
        headers={"Accept": "text/event-stream"},
        timeout=60,
    )
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    return [
        json.loads(line.removeprefix("data: "))
        for line in answer.text.splitlines()
        if line.startswith("data: ")
    ]


def listed(desk: Desk, secret: str = "", **query: Any) -> dict[str, Any]:
    answer = httpx.get(f"{desk.served.url}/v1/documents", params=query, headers=bearer(secret), timeout=30)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_each_file_is_told_of_on_its_way_and_gets_its_verdict_once(tmp_path: Path) -> None:
    with opened(tmp_path) as desk:
        files = [(f"{number}.md", b"# Note %d\n\nWords." % number) for number in range(10)]
        said = steps(desk, *files, ("empty.txt", b" "), ("../up.md", b"out"), ("0.md", b"twice"))
        assert said[-1] == {"type": "done", "taken": 10, "failed": 3}
        ways = {
            number: [
                each.get("stage", each.get("document", {}).get("status"))
                for each in said
                if each.get("file") == number
            ]
            for number in range(13)
        }
        assert ways[0] == ["waiting", "reading", "embedding", "added"]
        assert [ways[number] for number in range(1, 10)] == [ways[0]] * 9
        assert ways[10] == ["waiting", "reading", "no_text"]
        assert ways[11] == ways[12] == ["failed"]
        again = steps(desk, ("3.md", files[3][1]))
        assert [each.get("stage", each["type"]) for each in again] == ["waiting", "document", "done"]
        assert again[1]["document"]["status"] == "unchanged"
        # the same words as without the stream
        whole = desk.send(("3.md", files[3][1])).json()["documents"][0]
        assert again[1]["document"] == whole


def test_what_is_wrong_from_the_start_is_an_error_and_no_stream(desk: Desk) -> None:
    events = {"Accept": "text/event-stream"}
    url = f"{desk.served.url}/v1/documents"
    none = httpx.post(url, data={"readers": "x"}, files={}, headers=events)
    assert none.status_code in {400, 422}
    foreign = httpx.post(url, data={"readers": "hr"}, files={"file": ("a.md", b"x")}, headers=events)
    assert foreign.status_code == 403
    absent = httpx.post(url, data={"replaces": "doc_0"}, files={"file": ("a.md", b"x")}, headers=events)
    assert absent.status_code == 404


def test_a_reader_who_leaves_does_not_stop_what_has_been_sent(tmp_path: Path) -> None:
    with opened(tmp_path) as desk:
        url = httpx.URL(desk.served.url)
        body = (
            b'--x\r\ncontent-disposition: form-data; name="file"; filename="left.md"\r\n\r\n'
            b"# Left\n\nThe tab is closed.\r\n--x--\r\n"
        )
        with socket.create_connection((url.host, url.port or 80), timeout=10) as raw:
            raw.sendall(
                b"POST /v1/documents HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n"
                b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: %d\r\n\r\n%s"
                % (len(body), body)
            )
            assert raw.recv(100).startswith(b"HTTP/1.1 200")
        until = time.monotonic() + 30
        while not desk.all() and time.monotonic() < until:
            time.sleep(0.05)
        assert [each.title for each in desk.all()] == ["Left"]
        # and the next is let in
        assert steps(desk, ("next.md", LEAVE))[-1]["taken"] == 1


def test_what_is_left_out_and_found_is_told_to_who_may_write_alone(tmp_path: Path) -> None:
    with opened(tmp_path, max_passages=1) as desk:
        keeper = desk.keys.create("keeper", rights=KEEPING).secret
        reader = desk.keys.create("reader").secret
        text = b"# Long\n\n" + b"\n\n".join(b"Paragraph %d has its own words." % each for each in range(40))
        desk.send(("long.md", text), secret=keeper)
        [shown] = listed(desk, keeper, findings=True)["documents"]
        assert "were left out" in shown["upkeep"]["findings"][0]
        assert shown["upkeep"]["account"]["kept"] > 0
        assert shown["upkeep"]["readers"] == {"everyone": True, "names": [], "others": 0, "said_by": None}
        assert shown["upkeep"]["replaceable"] is True
        assert not {"findings", "account", "readers_said_by", "found_on"} & shown["metadata"].keys()
        for_reader = listed(desk, reader)
        assert for_reader["documents"][0]["upkeep"] is None
        assert (for_reader["choices"], for_reader["any_reader"], for_reader["writable"]) == (
            None,
            False,
            False,
        )
        assert "left out" not in json.dumps(for_reader)
        refused = httpx.get(
            f"{desk.served.url}/v1/documents", params={"findings": True}, headers=bearer(reader)
        )
        assert refused.status_code == 403
        whole = httpx.get(f"{desk.served.url}/v1/documents/{shown['id']}", headers=bearer(keeper)).json()
        assert whole["upkeep"] == shown["upkeep"]
        assert whole["chunks"] == 1


def test_of_readers_a_caller_is_told_its_own_names_and_how_many_others(tmp_path: Path) -> None:
    with opened(tmp_path) as desk:
        both = desk.keys.create("both", groups=["hr", "sales"], rights=KEEPING).secret
        sales = desk.keys.create("sales", groups=["sales"], rights=KEEPING).secret
        desk.send(("pay.md", LEAVE), secret=both, readers="hr,sales")
        [seen] = listed(desk, sales)["documents"]
        assert seen["upkeep"]["readers"] == {
            "everyone": False, "names": ["sales"], "others": 1, "said_by": "operator",
        }  # fmt: skip
        assert "hr" not in json.dumps(listed(desk, sales)).replace("characters", "")
        assert listed(desk, both)["choices"] == ["hr", "sales"]
        desk.send(("own.md", front("[sales]")), secret=sales)
        own = listed(desk, sales, q="own")["documents"][0]["upkeep"]["readers"]
        assert own == {"everyone": False, "names": ["sales"], "others": 0, "said_by": "document"}


def test_the_list_is_filtered_sorted_and_paged_in_any_order(desk: Desk) -> None:
    sent = {"b.md": "Alpha", "a.md": "beta", "c.md": "Alpha two", "d.md": "Gamma"}
    dated = b"---\ndate: 2026-0%d-01\n---\n# %s\n\nText."
    desk.send(*((name, dated % (len(title) % 9 + 1, title.encode())) for name, title in sent.items()))
    whole = listed(desk)
    assert whole["total"] == len(whole["documents"]) == 4
    orders = {
        "uri": ["beta", "Alpha", "Alpha two", "Gamma"],
        "title": ["Alpha", "Alpha two", "beta", "Gamma"],
        "date": ["Alpha two", "beta", "Alpha", "Gamma"],
    }
    for by, titles in orders.items():
        for sort in (by, f"-{by}"):
            shown, after = [], None
            while True:
                page = listed(desk, sort=sort, limit=1, **({"after": after} if after else {}))
                shown += [each["title"] for each in page["documents"]]
                assert page["total"] == 4
                if (after := page["next"]) is None:
                    break
            expected = titles if sort == by else titles[::-1]
            if by == "date":
                dates = [each["modified"] for each in listed(desk, sort=sort)["documents"]]
                assert dates == sorted(dates, reverse=sort != by)
            else:
                assert shown == expected
            assert sorted(shown) == sorted(sent.values())
    assert [each["title"] for each in listed(desk, q="ALPHA two")["documents"]] == ["Alpha two"]
    assert [each["title"] for each in listed(desk, q="d.md")["documents"]] == ["Gamma"]
    assert listed(desk, q="nothing like it")["total"] == 0
    assert httpx.get(f"{desk.served.url}/v1/documents", params={"sort": "size"}).status_code == 422


@settings(deadline=None)
@given(st.lists(st.tuples(st.text(max_size=12), st.text(max_size=12)), unique_by=lambda pair: pair[1]))
def test_no_two_documents_are_sorted_as_one(pairs: list[tuple[str, str]]) -> None:
    clean = [("".join(title.split()), "".join(uri.split())) for title, uri in pairs]
    found = [replace(HANDBOOK, title=title, uri=uri) for title, uri in dict.fromkeys(clean)]
    by_uri = {each.uri: each for each in found}
    for by in ("uri", "title", "date"):
        assert len({_key(each, by) for each in by_uri.values()}) == len(by_uri)


def test_a_file_takes_the_place_of_a_document_and_keeps_its_readers(tmp_path: Path) -> None:
    with opened(tmp_path) as desk:
        hr = desk.keys.create("hr", groups=["hr"], rights=KEEPING).secret
        wide = desk.keys.create("wide", groups=["hr", "sales"], rights=KEEPING).secret
        sales = desk.keys.create("sales", groups=["sales"], rights=KEEPING).secret
        first = desk.send(("pay.md", LEAVE), secret=hr, readers="hr").json()["documents"][0]

        def replacing(name: str, content: bytes, secret: str, identity: str) -> httpx.Response:
            return httpx.post(
                f"{desk.served.url}/v1/documents", files={"file": (name, content)}, data={"replaces": identity},
                headers=bearer(secret), timeout=30,
            )  # fmt: skip

        # at its own address, also by a caller whose own uploads lie elsewhere and under any name
        changed = replacing("new-pay.md", b"# New pay\n\nMore.", wide, first["id"]).json()["documents"][0]
        assert (changed["status"], changed["uri"], changed["name"]) == ("changed", first["uri"], "pay.md")
        [document] = desk.all()
        assert (document.title, document.readers) == ("New pay", {"hr"})
        assert len(desk.kept()) == 1
        assert replacing("a.md", b"x", sales, document.id).status_code == 404
        kind = replacing("a.pdf", b"%PDF-", hr, document.id)
        assert (kind.status_code, "same kind" in kind.json()["detail"]) == (400, True)
        broken = replacing("a.md", b"\x7fELF\0\1\2\3" * 9, hr, document.id)
        assert broken.status_code == 422
        assert [each.title for each in desk.all()] == ["New pay"]


def test_readers_are_changed_without_sending_the_file_again(tmp_path: Path) -> None:
    with opened(tmp_path) as desk:
        both = desk.keys.create("both", groups=["hr", "sales"], rights=KEEPING).secret
        sales = desk.keys.create("sales", groups=["sales"], rights=KEEPING).secret
        added = desk.send(("pay.md", LEAVE), secret=both).json()["documents"][0]
        assert listed(desk, sales)["total"] == 1

        def read_by(readers: str, identity: str, secret: str = both) -> httpx.Response:
            return httpx.post(
                f"{desk.served.url}/v1/documents", data={"replaces": identity, "readers": readers}, files={"x": b""},
                headers=bearer(secret), timeout=30,
            )  # fmt: skip

        narrowed = read_by("hr", added["id"]).json()["documents"][0]
        assert (narrowed["status"], narrowed["uri"]) == ("changed", added["uri"])
        assert desk.all()[0].readers == {"hr"}
        assert listed(desk, sales)["total"] == 0
        assert len(desk.kept()) == 1
        assert read_by("hr", narrowed["id"]).json()["documents"][0]["status"] == "unchanged"
        assert read_by("board", narrowed["id"]).status_code == 403
        assert read_by("sales", narrowed["id"], sales).status_code == 404
        opened_again = read_by("", narrowed["id"]).json()["documents"][0]
        assert desk.all()[0].readers == frozenset()
        for kept in desk.kept():
            kept.unlink()
        gone = read_by("hr", opened_again["id"])
        assert (gone.status_code, "Send the file too" in gone.json()["detail"]) == (404, True)


def test_people_own_what_they_upload_and_never_meet_at_an_address(tmp_path: Path) -> None:
    with opened(tmp_path) as desk:
        uploads = desk.served.app.state.service.uploads
        scopes = {user: Scope(groups=frozenset({"hr"}), user=user) for user in ("ann", "bob")}
        uris = {
            user: uploads.add(
                [Upload("notes.md", io.BytesIO(b"---\nreaders: ['user:%s']\n---\nMine." % user.encode()))],
                scope=scope,
                readers=frozenset({f"user:{user}"}),
            )[0].uri
            for user, scope in scopes.items()
        }
        assert uris["ann"] != uris["bob"]
        assert all(uri.count("/") == 2 for uri in uris.values())
        assert {each.readers for each in desk.all()} == {frozenset({"user:ann"}), frozenset({"user:bob"})}
        [foreign] = uploads.add(
            [Upload("other.md", io.BytesIO(b"---\nreaders: ['user:bob']\n---\nYours."))], scope=scopes["ann"]
        )
        assert foreign.failure.reason == "not_allowed"
