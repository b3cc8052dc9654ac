"""Documents, search, and the page that shows a place."""

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.http.view_page import page_at, render
from app.identity.grant import Right
from app.identity.keys import Keys
from app.settings import ClientSettings, Settings
from tests.app.edge import (
    HANDBOOK,
    HANDBOOK_TEXT,
    LEAVE,
    Served,
    serve,
    service,
)
from vectorstore.types import Span


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serve(service()) as running:
        yield running


def test_only_documents_in_scope_are_listed_and_pages_follow_each_other(served: Served) -> None:
    whole = httpx.get(f"{served.url}/v1/documents").json()
    assert [each["id"] for each in whole["documents"]] == ["doc_wiki", "doc_handbook"]
    assert whole["next"] is None
    first = httpx.get(f"{served.url}/v1/documents", params={"limit": 1}).json()
    second = httpx.get(f"{served.url}/v1/documents", params={"limit": 1, "after": first["next"]}).json()
    assert first["documents"] + second["documents"] == whole["documents"]


def test_a_document_out_of_scope_looks_like_one_that_is_not_there(served: Served) -> None:
    answers = [
        httpx.get(f"{served.url}/v1/documents/{name}") for name in ("doc_secret", "doc_other", "doc_none")
    ]
    assert {answer.status_code for answer in answers} == {404}
    shapes = {re.sub(r"doc_\w+", "", answer.text) for answer in answers}
    assert len(shapes) == 1
    for name in ("doc_secret", "doc_other"):
        assert httpx.get(f"{served.url}/v1/documents/{name}/view").status_code == 404


def test_a_document_is_described(served: Served) -> None:
    shown = httpx.get(f"{served.url}/v1/documents/doc_handbook").json()
    assert (shown["title"], shown["pages"], shown["chunks"]) == ("Handbook <b>2026</b>", 2, 1)
    assert shown["characters"] == len(HANDBOOK_TEXT)


def test_search_brings_hits_with_links_and_no_vectors(served: Served) -> None:
    found = httpx.post(f"{served.url}/v1/search", json={"query": "leave", "top_k": 3}).json()["results"]
    assert [stage["name"] for stage in found[0]["stages"]] == ["dense", "fused"]
    page = httpx.get(found[0]["url"])
    assert page.status_code == 200
    assert "<mark" in page.text
    assert "vector" not in found[0]


@pytest.mark.parametrize(("query", "status"), [("", 422), (" ", 422), ("x" * 9_000, 413)])
def test_a_search_for_nothing_or_too_much_is_refused(served: Served, query: str, status: int) -> None:
    assert httpx.post(f"{served.url}/v1/search", json={"query": query}).status_code == status


@pytest.mark.parametrize("place", ["chunk=chk_1", f"start={LEAVE.start}&end={LEAVE.end}"])
def test_the_viewer_marks_the_place_and_its_page_leads_there(served: Served, place: str) -> None:
    page = httpx.get(f"{served.url}/v1/documents/doc_handbook/view?{place}")
    assert '<mark id="page=2">Staff get 25 days of annual leave.</mark>' in page.text
    assert page.text.count('id="page=2"') == 1
    assert "<script" not in page.text
    assert "&lt;script&gt;" in page.text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert page.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(("query", "status"), [
    ("start=5", 422), ("start=9&end=3", 422), ("start=-1&end=3", 422), ("chunk=none", 404), ("start=0&end=99999", 200),
])  # fmt: skip
def test_a_place_that_is_none_is_refused(served: Served, query: str, status: int) -> None:
    assert httpx.get(f"{served.url}/v1/documents/doc_handbook/view?{query}").status_code == status


@settings(deadline=None)  # a busy machine
@given(text=st.text(max_size=60), start=st.integers(0, 70), length=st.integers(0, 70), data=st.data())
def test_the_page_shows_the_text_whole_and_marks_exactly_the_span(
    text: str, start: int, length: int, data: st.DataObject
) -> None:
    breaks = sorted(data.draw(st.sets(st.integers(1, 60), max_size=3)))
    pages = (0, *[each for each in breaks if each < len(text)]) if breaks else ()
    document = replace(HANDBOOK, pages=pages, title=text)
    body = re.search(r"<pre>(.*)</pre>", render(document, text, Span(start, start + length)), re.DOTALL)
    assert body is not None
    plain = re.sub(r'<span class="page"[^>]*>\d+</span>', "", body[1])
    marked = "".join(re.findall(r"<mark[^>]*>(.*?)</mark>", plain, re.DOTALL))
    assert _unescaped(re.sub(r"</?(mark|span)[^>]*>", "", plain)) == text
    assert _unescaped(marked) == text[start : start + length]
    ids = re.findall(r'id="([^"]+)"', body[1])
    assert len(ids) == len(set(ids))


def _unescaped(text: str) -> str:
    for entity, character in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&#x27;", "'"), ("&amp;", "&")):
        text = text.replace(entity, character)
    return text


def test_pages_are_counted_from_one() -> None:
    assert page_at(HANDBOOK, 0) == 1
    assert page_at(HANDBOOK, LEAVE.start) == 2
    assert page_at(replace(HANDBOOK, pages=()), 5) is None


def test_with_keys_the_links_in_an_answer_open_in_a_browser_until_the_key_is_revoked(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    made = keys.create("anna")
    with serve(service(keys=tmp_path / "keys.json")) as served:
        body = {"messages": [{"role": "user", "content": "q"}]}
        headers = {"Authorization": f"Bearer {made.secret}"}
        whole = httpx.post(f"{served.url}/v1/chat/completions", json=body, headers=headers).json()
        link = whole["choices"][0]["message"]["annotations"][0]["url_citation"]["url"]
        assert httpx.get(link).status_code == 200
        assert made.secret not in link
        forged = [
            link.replace("doc_handbook", "doc_wiki"),
            link.replace("expires=", "expires=9"),
            link.replace("signature=", "signature=0"),
            re.sub(r"&key=.*#", "#", link),
        ]
        assert [httpx.get(each).status_code for each in forged] == [401] * 4
        keys.revoke(made.key.id)
        assert httpx.get(link).status_code == 401


@pytest.mark.parametrize("scopes", [["search"], ["chat"], ["search", "chat"]])
def test_a_link_of_a_key_that_reads_no_documents_opens_the_place_and_no_more(
    tmp_path: Path, scopes: list[Right]
) -> None:
    keys = Keys(tmp_path / "keys.json")
    narrow, reader = keys.create("narrow", rights=scopes).secret, keys.create("reader").secret
    text = f"{HANDBOOK_TEXT} {'x' * 400} SECRET {'After. ' * 200}"
    with serve(service(keys=tmp_path / "keys.json")) as served:
        served.app.state.service.store.texts[HANDBOOK.id] = text
        for secret, is_whole in ((narrow, False), (reader, True)):
            for link in _links(served, secret, "chat" in scopes or is_whole):
                page = httpx.get(link)
                assert page.status_code == 200
                assert "Staff get 25 days of annual leave." in page.text
                assert ("SECRET" in page.text) == is_whole
                assert ("an excerpt" in page.text) != is_whole
        bearer = {"Authorization": f"Bearer {narrow}"}
        assert httpx.get(f"{served.url}/v1/documents/doc_handbook/view", headers=bearer).status_code == 403


def _links(served: Served, secret: str, chats: bool) -> list[str]:
    """Return every link that the key is given."""
    headers = {"Authorization": f"Bearer {secret}"}
    question = {"messages": [{"role": "user", "content": "q"}], "input": "q", "query": "q"}
    paths = ("/v1/chat", "/v1/chat/completions", "/v1/responses", "/agui") if chats else ("/v1/search",)
    answers = [httpx.post(served.url + path, json=question, headers=headers).text for path in paths]
    found = [
        link for answer in answers for link in re.findall(r'http://127[^"#\s)]+/view\?[^"#\s)]+', answer)
    ]
    assert found
    return sorted({link for link in found if "doc_handbook" in link})


def test_a_link_that_was_changed_anywhere_opens_nothing(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    headers = {"Authorization": f"Bearer {keys.create('x').secret}"}
    other = keys.create("y").key.id
    with serve(service(keys=tmp_path / "keys.json")) as served:
        results = httpx.post(f"{served.url}/v1/search", json={"query": "q"}, headers=headers).json()[
            "results"
        ]
        by_chunk = results[0]["url"].partition("#")[0]
        by_span = httpx.get(f"{served.url}/v1/documents", headers=headers).json()["documents"][0]["url"]
        for link in (by_chunk, by_span.partition("#")[0]):
            assert httpx.get(link).status_code == 200
            address, _, query = link.partition("?")
            parts = dict(parse_qsl(query))
            changed = [
                *(
                    parts | {name: value}
                    for name in parts
                    for value in (parts[name] + "0", "", "0", "1", "\0")
                ),
                *({key: value for key, value in parts.items() if key != name} for name in parts),
                *(parts | {name: "1"} for name in ("chunk", "start", "end", "page")),
                parts | {"key": other},
                parts | {"start": "0", "end": "1000"},
                parts | {"expires": f"0{parts['expires']}"},
                parts | {"expires": str(int(parts["expires"]) + 1)},
            ]
            for each in changed:
                if each != parts:
                    assert httpx.get(f"{address}?{urlencode(each)}").status_code == 401, each
            for extra in ("&chunk=chk_1&chunk=x", f"&{query}", "&start=0", "&start=0&start=1"):
                assert httpx.get(link + extra).status_code == 401, extra
            for elsewhere in ("/pages/1.png", "/pages/2.png", ""):
                assert httpx.get(f"{address.removesuffix('/view')}{elsewhere}?{query}").status_code == 401
            assert httpx.get(f"{address.replace('doc_handbook', 'doc_wiki')}?{query}").status_code in (
                {401} if "doc_handbook" in address else {200}
            )


@settings(deadline=None)
@given(
    text=st.text(max_size=2_000),
    start=st.integers(0, 2_100),
    length=st.integers(0, 300),
    breaks=st.sets(st.integers(1, 2_000), max_size=4),
)
def test_an_excerpt_shows_nothing_that_is_farther_from_the_place_than_a_little(
    text: str, start: int, length: int, breaks: set[int]
) -> None:
    pages = (0, *sorted(each for each in breaks if each < len(text))) if breaks else ()
    document = replace(HANDBOOK, pages=pages)
    page = render(document, text, Span(start, start + length), is_whole=False)
    body = re.search(r"<pre>(.*)</pre>", page, re.DOTALL)
    assert body is not None
    shown = _unescaped(re.sub(r'<span class="page"[^>]*>\d+</span>|</?(?:mark|span)[^>]*>', "", body[1]))
    assert shown == text[max(0, start - 300) : start + length + 300]


def test_an_expired_link_is_closed_and_signing_can_be_switched_off(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    headers = {"Authorization": f"Bearer {keys.create('anna').secret}"}
    for seconds, signed in ((0.0, False), (0.5, True)):
        settings = Settings(client=ClientSettings(link_seconds=seconds))
        with serve(service(keys=tmp_path / "keys.json", settings=settings)) as served:
            found = httpx.post(f"{served.url}/v1/search", json={"query": "q"}, headers=headers).json()[
                "results"
            ]
            assert ("signature" in found[0]["url"]) == signed
            if signed:
                expires = int(parse_qs(urlsplit(found[0]["url"]).query)["expires"][0])
                time.sleep(max(0.0, expires + 0.05 - time.time()))
            assert httpx.get(found[0]["url"]).status_code == 401


def test_links_start_with_the_public_address_when_it_is_set() -> None:
    with serve(service(settings=Settings(client=ClientSettings(base_url="https://ask.example/")))) as served:
        found = httpx.post(f"{served.url}/v1/search", json={"query": "q"}).json()["results"]
    assert urlsplit(found[0]["url"])[:3] == ("https", "ask.example", "/v1/documents/doc_handbook/view")


def test_the_page_of_the_api_names_every_route_and_loads_nothing_from_elsewhere(served: Served) -> None:
    page = httpx.get(f"{served.url}/docs")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for path in httpx.get(f"{served.url}/openapi.json").json()["paths"]:
        assert path in page.text
    assert "<script" not in page.text
    assert "https://" not in page.text
    assert f"curl -N {served.url}/v1/chat -H" in page.text


def test_every_post_in_the_openapi_document_has_an_example(served: Served) -> None:
    document = httpx.get(f"{served.url}/openapi.json").json()
    for path, methods in document["paths"].items():
        for operation in methods.values():
            if "requestBody" in operation:
                name = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition(
                    "/"
                )[2]
                assert document["components"]["schemas"][name]["examples"], path
            assert operation["summary"]
