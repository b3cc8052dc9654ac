"""Workers where something is amiss: no room, files that are gone, other settings, readers that were to be kept."""

import errno
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from ingest.jobs.incoming import IncomingFolder
from ingest.plan import content_of
from tests.fakes.word_embedder import WordEmbedder
from tests.ingest.jobs.desk import Place, incoming, place
from tests.postgresql import needs_postgresql
from vectorstore.errors import Unavailable
from vectorstore.types import Document, Scope, Vectors

pytestmark = needs_postgresql


@pytest.fixture
def here(postgresql_url: str, tmp_path: Path) -> Iterator[Place]:
    with place(postgresql_url, tmp_path) as opened:
        yield opened


def only(here: Place) -> Document:
    """Return the only document of the index."""
    with here.store(WordEmbedder()).snapshot() as snapshot:
        [document] = snapshot.documents(scope=Scope("default", unrestricted=True))
    return document


def test_a_full_disk_of_a_worker_puts_nothing_aside(here: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    here.hand_in({"a.md": "Alpha."})
    fetch = IncomingFolder.fetch
    full = [OSError(errno.ENOSPC, "No space left on device")] * 5

    def fetched(self: IncomingFolder, name: str, into: Path) -> None:
        if full:
            raise full.pop()
        fetch(self, name, into)

    monkeypatch.setattr(IncomingFolder, "fetch", fetched)
    monkeypatch.setattr("ingest.jobs.worker._AWAY", 0.01)
    here.worker().run(most=1)
    assert here.texts() == {"a.md": "Alpha."}
    assert (here.board.jobs()[0].attempts, full) == (1, [])


def test_a_document_without_which_all_would_be_up_holds_up_no_other(
    postgresql_url: str, tmp_path: Path
) -> None:
    class Refusing(WordEmbedder):
        def embed_documents(
            self, texts: Sequence[str], *, on_batch: Callable[[int], None] | None = None
        ) -> Vectors:
            if any("BROKEN" in text for text in texts):
                raise Unavailable("The embedding server answered 400.")
            return super().embed_documents(texts, on_batch=on_batch)

    with place(postgresql_url, tmp_path, queue_retry_seconds=60.0) as here:
        here.hand_in({"bad.md": "BROKEN"} | {f"{n}.md": f"Text {n}." for n in range(3)})
        here.worker(Refusing()).run(once=True)
        here.run("UPDATE jobs SET not_before = now() WHERE uri <> 'bad.md'")
        here.worker(Refusing()).run(once=True)
        [waits] = here.board.jobs(states=["todo"])
        assert (waits.uri, waits.attempts, waits.error) == (
            "bad.md",
            0,
            "The embedding server answered 400.",
        )


def test_a_document_is_as_old_as_its_file(here: Place) -> None:
    here.hand_in({"a.md": "Alpha."}, when=1_000_000_000.0)
    here.worker().run(once=True)
    modified = only(here).modified
    assert modified is not None
    assert modified.timestamp() == 1_000_000_000.0


def test_one_file_that_vanishes_keeps_none_of_the_others_from_the_queue(here: Place) -> None:
    plan, recipe = here.plan({"a.md": "Alpha.", "gone.md": "Gone."})
    plan.steps[1].source.path.unlink()
    report = here.desk.take_in(plan, recipe)
    assert report.queued == ["a.md"]
    assert [(each.uri, each.reason) for each in report.failed] == [("gone.md", "unreadable")]
    assert len(incoming(here)) == 1


def test_what_is_closed_and_replaced_before_it_is_read_stays_closed(here: Place) -> None:
    here.hand_in({"a.md": "One."}, readers=frozenset({"hr"}))
    here.hand_in({"a.md": "Two."})
    here.hand_in({"a.md": "Three."})
    here.worker().run(once=True)
    assert only(here).readers == {"hr"}
    here.hand_in({"a.md": "Four."}, readers=frozenset({"it"}))
    here.hand_in({"a.md": "Five."}, readers=frozenset())
    here.worker().run(once=True)
    assert only(here).readers == frozenset()


def test_a_copy_of_what_is_no_document_is_not_kept(here: Place) -> None:
    here.hand_in({"docs/film.mp4": "\0\0\0\x18ftypmp42"}, named=False)
    here.worker().run(once=True)
    [(reason,)] = here.rows("SELECT reason FROM jobs")
    assert (reason, incoming(here)) == ("skipped", [])


def test_a_file_that_another_worker_drops_meanwhile_ends_no_tidying(here: Place) -> None:
    here.hand_in({"a.md": "Alpha."})
    (here.folder / "data" / "incoming" / "gone").symlink_to(here.folder / "nowhere")
    assert here.desk.incoming.old(seconds=-10) == [name for name in incoming(here) if name != "gone"]


def test_a_document_is_known_by_the_settings_that_it_was_read_with(here: Place) -> None:
    text = " ".join(f"word{n}" for n in range(200))
    [queued] = here.hand_in({"a.md": text})
    here.worker(chunk_tokens=64).run(once=True)
    assert here.states() == {"a.md": "done"}
    held, made = only(here).digest, here.board.job(queued.id).digest
    assert held != made
    assert content_of(held) == content_of(made)
