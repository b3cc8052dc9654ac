"""`footnote ingest`, `worker`, `jobs` and `docs` on one queue, as a person uses them."""

import json
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import build
from ingest.jobs.job import Wanted
from ingest.settings import IngestSettings
from tests.ingest.jobs.desk import Place, place
from tests.postgresql import needs_postgresql
from vectorstore.errors import BadInput, FootnoteError

pytestmark = needs_postgresql


@pytest.fixture
def here(postgresql_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setenv("FOOTNOTE_STORE", postgresql_url)
    monkeypatch.setenv("FOOTNOTE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    with place(postgresql_url, tmp_path) as opened:
        yield opened
    for number, handler in before.items():
        signal.signal(number, handler)


def footnote(*arguments: str, code: int = 0) -> tuple[str, str]:
    done = CliRunner().invoke(build(list(arguments)), list(arguments))
    if done.exception is not None and isinstance(done.exception, FootnoteError):
        raise done.exception
    assert done.exit_code == code, done.output
    return done.stdout, done.stderr


@pytest.mark.usefixtures("here")
def test_documents_go_through_the_queue_and_a_person_sees_and_steers_it(tmp_path: Path) -> None:
    folder = tmp_path / "handbook"
    folder.mkdir()
    (folder / "leave.md").write_text("# Leave\n\n25 days.")
    (folder / "empty.txt").write_text(" ")
    assert footnote("ingest", "handbook", "--json")[0].count('"queued"') == 1
    assert footnote("ingest", "handbook")[0] == "2 queued\n"
    assert "2 waiting" in footnote("jobs", "ls")[1]
    footnote("worker", "--once", "--quiet")
    [dead] = json.loads(footnote("jobs", "ls", "--json")[0])["jobs"]
    assert (dead["uri"], dead["state"], dead["reason"]) == ("handbook/empty.txt", "failed", "no_text")
    assert "no_text" in footnote("jobs", "show", str(dead["id"]))[0]
    assert "handbook/empty.txt  [no_text]" in footnote("docs", "findings")[0]
    assert "1 without text" in footnote("ingest", "handbook")[0]
    assert "todo" in footnote("jobs", "retry", str(dead["id"]))[0]
    with pytest.raises(BadInput, match="waits already"):
        footnote("jobs", "retry", str(dead["id"]))
    assert "cancelled" in footnote("jobs", "cancel", str(dead["id"]))[0]
    assert footnote("jobs", "ls")[1] == "1 done, 1 cancelled\n"
    with pytest.raises(BadInput, match="nothing to cancel"):
        footnote("jobs", "cancel", str(dead["id"]))
    assert footnote("docs", "ls")[0] == "handbook/leave.md  Leave\n"
    assert "Queued the removal of 1 document." in footnote("docs", "rm", "handbook/leave.md")[1]
    footnote("worker", "--once", "--quiet")
    assert footnote("docs", "ls")[0] == ""


def test_who_waits_also_waits_for_what_was_queued_before(here: Place, tmp_path: Path) -> None:
    (tmp_path / "leave.md").write_text("# Leave\n\n25 days.")
    footnote("ingest", "leave.md")
    worker = here.worker(chunk_tokens=IngestSettings().chunk_tokens)
    thread = threading.Timer(0.5, worker.run, kwargs={"once": True})
    thread.start()
    told, _ = footnote("ingest", "leave.md", "--wait")
    thread.join()
    assert told == "1 unchanged\n"
    assert footnote("ingest", "leave.md")[0] == "1 unchanged\n"


def test_one_job_that_cannot_be_tried_again_keeps_none_of_the_others_from_it(
    here: Place, tmp_path: Path
) -> None:
    (tmp_path / "empty.txt").write_text(" ")
    footnote("ingest", "empty.txt", "--json")
    footnote("worker", "--once", "--quiet")
    here.queue.put_aside(
        Wanted("gone.md", "add"), tenant="default", reason="unfetchable", error="It is gone."
    )
    tried, refused = footnote("jobs", "retry", "--failed", code=1)
    assert ["empty.txt" in line for line in tried.splitlines()] == [True]
    assert "nothing is kept of it" in refused
    assert "todo" in footnote("jobs", "ls")[0]


def test_without_postgresql_there_is_no_queue_and_one_sentence_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOOTNOTE_DATA_DIR", str(tmp_path))
    for command in (["jobs", "ls"], ["worker"]):
        with pytest.raises(BadInput, match="FOOTNOTE_STORE"):
            footnote(*command)
