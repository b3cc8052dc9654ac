"""Documents go in, change, move and leave; what fails or is interrupted harms nothing else."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from ingest.confined.pool import ParserPool
from ingest.extract import Extract, ParseFailure
from ingest.pipeline import BatchSize, ParseAll, ingest
from ingest.plan import Plan, Recipe, make_plan, remember
from ingest.progress import Progress, unheard
from ingest.report import Failure, Report
from ingest.sources.discover import Filters, discover
from ingest.sources.ledger import Ledger
from ingest.sources.roots import Roots
from ingest.sources.rules import Rule
from ingest.sources.shared import Flags
from tests.fakes.word_embedder import WordEmbedder
from tests.ingest.limits import limits
from vectorstore.errors import Busy
from vectorstore.open import open_store
from vectorstore.settings import StoreSettings
from vectorstore.store import Store
from vectorstore.types import Document, Scope

OPERATOR = Scope(unrestricted=True)
RECIPE = Recipe(
    chunk_tokens=30, chunk_overlap=0, max_file_bytes=50_000_000, max_passages=10_000, tenant="default"
)
BATCHES = BatchSize(chunks=2_000, documents=200)


@pytest.fixture(scope="module")
def pool() -> Iterator[ParserPool]:
    with ParserPool(1, limits(wall_seconds=20)) as opened:
        yield opened


@dataclass
class Desk:
    """A folder of documents and the index that it goes into."""

    docs: Path
    store: Store
    parse_all: ParseAll
    embedder: WordEmbedder = field(default_factory=WordEmbedder)
    ledger: Ledger = field(default_factory=Ledger)

    def write(self, **files: str) -> None:
        for name, text in files.items():
            path = self.docs / name.replace("__", "/").replace("_md", ".md")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def plan(self, *, prune: bool = False, retry_failed: bool = False, recipe: Recipe = RECIPE) -> Plan:
        roots = Roots(self.ledger.roots)
        found = discover([self.docs], roots=roots, filters=Filters())
        self.ledger.roots = list(roots)
        with self.store.snapshot() as snapshot:
            indexed = snapshot.digests(tenant=recipe.tenant)
        return make_plan(
            found, indexed, recipe=recipe, ledger=self.ledger, prune=prune, retry_failed=retry_failed
        )

    def ingest(
        self,
        plan: Plan | None = None,
        *,
        batch_size: BatchSize = BATCHES,
        progress: Callable[[Progress], None] = unheard,
        recipe: Recipe = RECIPE,
        **planning: bool,
    ) -> Report:
        plan = plan or self.plan(recipe=recipe, **planning)
        report = ingest(
            plan,
            store=self.store,
            embedder=self.embedder,
            parse_all=self.parse_all,
            recipe=recipe,
            batch_size=batch_size,
            progress=progress,
        )
        remember(self.ledger, plan, report)
        return report

    def documents(self) -> dict[str, Document]:
        with self.store.snapshot() as snapshot:
            return {document.uri: document for document in snapshot.documents(scope=OPERATOR)}

    def text(self, uri: str) -> str:
        with self.store.snapshot() as snapshot:
            return snapshot.text(self.documents()[uri].id)


@pytest.fixture
def desk(tmp_path: Path, pool: ParserPool) -> Iterator[Desk]:
    docs = tmp_path / "docs"
    docs.mkdir()
    embedder = WordEmbedder()
    store = open_store(StoreSettings(data_dir=tmp_path / "data"), embedder)
    yield Desk(docs, store, pool.parse_all, embedder)
    store.close()


def test_documents_go_in_with_their_structure(desk: Desk) -> None:
    desk.write(
        leave_md="# Leave\n\n28 days.\n\n## Sick\n\nCall by nine.", sub__travel_md="# Travel\n\nBy rail."
    )
    report = desk.ingest()
    assert report.added == ["docs/leave.md", "docs/sub/travel.md"]
    assert report.summary() == "2 added"
    assert report.chunks == report.embedded == 3
    leave = desk.documents()["docs/leave.md"]
    assert (leave.title, leave.media_type) == ("Leave", "text/markdown")
    with desk.store.snapshot() as snapshot:
        assert [chunk.headings for chunk in snapshot.chunks(leave.id)] == [("Leave",), ("Leave", "Sick")]


def test_what_was_taken_out_of_a_queue_is_tried_again_as_it_is(desk: Desk) -> None:
    desk.write(a_md="# A\n\nText.", b_md="# B\n\nText.", c_md="# C\n\nText.")
    plan = desk.plan()
    report = plan.report()
    for name, reason in (("a", "cancelled"), ("b", "replaced"), ("c", "crashed")):
        report.note_failure(Failure(f"docs/{name}.md", reason, "It was not read."))
    remember(desk.ledger, plan, report)
    assert [step.source.uri for step in desk.plan().steps] == ["docs/a.md", "docs/b.md"]


def test_second_run_changes_nothing(desk: Desk) -> None:
    desk.write(a_md="# A\n\nText.", b_md="# B\n\nText.")
    desk.ingest()
    generations = len(desk.store.generations())
    report = desk.ingest()
    assert report.summary() == "2 unchanged"
    assert len(desk.store.generations()) == generations


def test_changed_file_replaces_its_document(desk: Desk) -> None:
    desk.write(a_md="# A\n\nOld text.", b_md="# B\n\nText.")
    desk.ingest()
    desk.write(a_md="# A\n\nNew text.")
    report = desk.ingest()
    assert report.summary() == "1 updated, 1 unchanged"
    assert desk.text("docs/a.md").endswith("New text.")
    assert len(desk.documents()) == 2


def test_only_what_is_new_is_embedded(desk: Desk) -> None:
    paragraphs = [f"# Part {i}\n\nThis is the part number {i}." for i in range(10)]
    desk.write(a_md="\n\n".join(paragraphs))
    desk.ingest()
    before = desk.embedder.embedded
    paragraphs[4] = "# Part 4\n\nThis one was rewritten."
    desk.write(a_md="\n\n".join(paragraphs))
    report = desk.ingest()
    assert (report.chunks, report.embedded, desk.embedder.embedded - before) == (10, 1, 1)


def test_moved_file_takes_its_vectors_along_and_leaves_no_double(desk: Desk) -> None:
    desk.write(old_md="# A\n\nText.", b_md="# B\n\nText.")
    desk.ingest()
    (desk.docs / "sub").mkdir()
    (desk.docs / "old.md").rename(desk.docs / "sub/old.md")
    report = desk.ingest()
    assert report.moved == {"docs/sub/old.md": "docs/old.md"}
    assert report.embedded == 0
    assert sorted(desk.documents()) == ["docs/b.md", "docs/sub/old.md"]


def test_renamed_file_is_embedded_anew_where_its_name_is_part_of_the_context(desk: Desk) -> None:
    desk.write(old_md="# A\n\nText.", leave_md="# Leave\n\nText of leave.")
    desk.ingest()
    (desk.docs / "old.md").rename(desk.docs / "new.md")
    (desk.docs / "leave.md").rename(desk.docs / "leave-2.md")
    report = desk.ingest()
    assert (len(report.moved), report.embedded) == (2, 1)


def test_vanished_file_stays_without_prune_and_goes_with_it(desk: Desk) -> None:
    desk.write(a_md="# A\n\nText.", b_md="# B\n\nText.")
    desk.ingest()
    (desk.docs / "b.md").unlink()
    assert desk.ingest().summary() == "1 unchanged; 1 document's file is gone; --prune removes it"
    report = desk.ingest(prune=True)
    assert report.removed == ["docs/b.md"]
    assert list(desk.documents()) == ["docs/a.md"]


def test_prune_keeps_to_the_folders_of_this_run(desk: Desk, tmp_path: Path) -> None:
    desk.write(a_md="# A\n\nText.")
    desk.ingest()
    other = Desk(tmp_path / "other", desk.store, desk.parse_all, desk.embedder, desk.ledger)
    other.write(b_md="# B\n\nText.")
    assert other.ingest(prune=True).summary() == "1 added"
    assert sorted(desk.documents()) == ["docs/a.md", "other/b.md"]


def test_failed_document_changes_nothing_and_is_reported(desk: Desk) -> None:
    desk.write(a_md="# A\n\nText.", b_md="# B\n\nText.")
    desk.ingest()
    (desk.docs / "a.md").write_bytes(b"")
    (desk.docs / "c.md").write_text("# C\n\nText.")
    report = desk.ingest()
    assert ([each.uri for each in report.without_text], report.failed) == (["docs/a.md"], [])
    assert report.added == ["docs/c.md"]
    assert "1 without text (docs/a.md: " in report.summary()
    assert desk.text("docs/a.md").endswith("Text.")


def test_failure_is_not_tried_again_until_the_file_changes_or_it_is_asked_for(desk: Desk) -> None:
    desk.write(a_md="", b_md="# B\n\nText.")
    desk.ingest()
    assert desk.plan().steps == []
    assert [failure.uri for failure in desk.plan().failed] == ["docs/a.md"]
    assert [step.source.uri for step in desk.plan(retry_failed=True).steps] == ["docs/a.md"]
    desk.write(a_md="# A\n\nText.")
    assert desk.ingest().summary() == "1 added, 1 unchanged"
    assert desk.ledger.failures == {}


def test_unsupported_file_in_a_folder_is_skipped_not_failed(desk: Desk) -> None:
    desk.write(a_md="# A\n\nText.")
    (desk.docs / "photo.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    report = desk.ingest()
    assert report.failed == []
    assert list(report.skipped) == ["docs/photo.png"]
    assert list(desk.ingest().skipped) == ["docs/photo.png"]


def test_equal_files_are_both_kept_and_reported(desk: Desk) -> None:
    desk.write(a_md="# A\n\nText.", copy_md="# A\n\nText.")
    report = desk.ingest()
    assert [finding.uri for finding in report.findings] == ["docs/copy.md"]
    assert "docs/a.md" in report.findings[0].message
    assert len(desk.documents()) == 2


def test_rules_front_matter_side_car_and_flags_set_the_readers(desk: Desk) -> None:
    front = "---\nreaders: [board]\ntags: [plan]\n---\n# B\n\nText."
    desk.write(hr__a_md="# A\n\nText.", hr__b_md=front, hr__c_md=front, d_md="# D\n\nText.", e__f_md=front)
    (desk.docs / "hr/c.md.meta.yaml").write_text("readers: [legal, board]\ntitle: Contract\n")
    desk.ledger.flags["docs/e/"] = Flags(frozenset({"night", "board"}), "ops")
    recipe = replace(RECIPE, rules=(Rule(path="hr/", readers=("hr", "board"), tags=("people",)),))
    desk.ingest(recipe=recipe)
    found = desk.documents()
    assert {uri: set(document.readers) for uri, document in found.items()} == {
        "docs/d.md": set(),
        "docs/e/f.md": {"board"},
        "docs/hr/a.md": {"hr", "board"},
        "docs/hr/b.md": {"board"},
        "docs/hr/c.md": {"board"},
    }
    assert found["docs/hr/b.md"].metadata["tags"] == ("people", "plan")
    assert found["docs/hr/c.md"].title == "Contract"
    assert found["docs/e/f.md"].metadata["collection"] == "ops"


def test_changed_access_rule_reaches_documents_that_have_not_changed(desk: Desk) -> None:
    desk.write(hr__a_md="# A\n\nText.", b_md="# B\n\nText.")
    desk.ingest()
    report = desk.ingest(recipe=replace(RECIPE, rules=(Rule(path="hr/", readers=("hr",)),)))
    assert report.updated == ["docs/hr/a.md"]
    assert report.embedded == 0
    assert desk.documents()["docs/hr/a.md"].readers == {"hr"}


def test_other_chunk_size_cuts_anew(desk: Desk) -> None:
    desk.write(a_md="# A\n\n" + "This is a sentence of some length. " * 20)
    desk.ingest()
    assert desk.ingest(recipe=replace(RECIPE, chunk_tokens=50)).updated == ["docs/a.md"]


def test_work_is_committed_in_batches(desk: Desk) -> None:
    for number in range(10):
        (desk.docs / f"{number}.md").write_text(f"# Document {number}\n\nText.")
    seen: list[Progress] = []
    report = desk.ingest(batch_size=replace(BATCHES, chunks=3), progress=seen.append)
    assert len(report.added) == 10
    assert len(desk.store.generations()) >= 4
    assert [step.documents for step in seen] == sorted(step.documents for step in seen)
    assert seen[-1] == Progress(10, 10, 10, 10)


def test_what_is_said_twice_is_embedded_once_though_its_commit_is_under_way(desk: Desk) -> None:
    for number in range(8):
        desk.write(**{f"{number}__same_md": "# Same\n\nText."})
    report = desk.ingest(batch_size=replace(BATCHES, documents=1))
    assert (len(report.added), report.embedded) == (8, 1)


def test_interruption_keeps_what_was_committed(desk: Desk) -> None:
    for number in range(10):
        (desk.docs / f"{number}.md").write_text(f"# Document {number}\n\nText.")

    def interrupt(progress: Progress) -> None:
        if progress.committed >= 4:
            raise KeyboardInterrupt

    report = desk.ingest(batch_size=replace(BATCHES, chunks=2), progress=interrupt)
    assert report.interrupted
    assert report.summary().startswith("Interrupted")
    assert len(desk.documents()) == len(report.added) >= 4
    rest = desk.ingest()
    assert len(rest.added) == 10 - len(report.added)
    assert len(desk.documents()) == 10


def test_another_writer_for_long_is_busy(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.commit._PATIENCE", 0.2)
    desk.write(a_md="# A\n\nText.")
    with desk.store.draft(), pytest.raises(Busy):
        desk.ingest()
    assert desk.documents() == {}
    assert desk.ingest().summary() == "1 added"


def test_two_ingests_at_once_lose_nothing(desk: Desk, tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    desks = []
    for name in ("one", "two", "three"):
        each = Desk(tmp_path / name, desk.store, desk.parse_all, WordEmbedder())
        each.write(**{f"n{number}_md": f"# {name} {number}\n\nText." for number in range(12)})
        desks.append(each)
    with ThreadPoolExecutor(3) as threads:
        reports = list(threads.map(lambda each: each.ingest(batch_size=replace(BATCHES, chunks=2)), desks))
    assert [len(report.added) for report in reports] == [12, 12, 12]
    assert len(desk.documents()) == 36


def test_parser_that_breaks_down_stops_the_run_with_its_error(desk: Desk) -> None:
    def broken(items: Iterable[tuple[str, Path]]) -> Iterator[tuple[str, Extract | ParseFailure]]:
        for key, _ in items:
            yield key, Extract("Text.", ())
            raise OSError("no more processes")

    desk.write(a_md="# A\n\nText.", b_md="# B\n\nText.")
    desk.parse_all = broken
    with pytest.raises(OSError, match="no more processes"):
        desk.ingest(batch_size=replace(BATCHES, chunks=1))


INGEST_UNTIL_KILLED = """
import sys
from pathlib import Path
from dataclasses import replace
from tests.ingest.test_pipeline import BATCHES, Desk
from tests.ingest.limits import limits
from vectorstore.settings import StoreSettings
from tests.fakes.word_embedder import WordEmbedder
from ingest.confined.pool import ParserPool
from vectorstore.open import open_store
docs, data = map(Path, sys.argv[1:])
embedder = WordEmbedder()
store = open_store(StoreSettings(data_dir=data), embedder)
with ParserPool(1, limits()) as pool:
    desk = Desk(docs, store, pool.parse_all, embedder)
    desk.ingest(batch_size=replace(BATCHES, chunks=4), progress=lambda p: print(p.committed, flush=True))
print("done", flush=True)
"""


@pytest.mark.parametrize("after", [0, 1, 8, 21])
def test_kill_in_the_middle_leaves_a_whole_index(desk: Desk, tmp_path: Path, after: int) -> None:
    for number in range(40):
        (desk.docs / f"{number:02}.md").write_text(f"# Document {number}\n\nText {number}.")
    process = subprocess.Popen(
        [sys.executable, "-c", INGEST_UNTIL_KILLED, str(desk.docs), str(tmp_path / "killed")],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    acknowledged = 0
    for line in process.stdout:
        acknowledged = int(line)
        if acknowledged >= after:
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()

    embedder = WordEmbedder()
    store = open_store(StoreSettings(data_dir=tmp_path / "killed"), embedder)
    killed = Desk(desk.docs, store, desk.parse_all, embedder)
    kept = killed.documents()
    assert len(kept) >= acknowledged
    assert all(killed.text(uri).startswith("# Document") for uri in kept)
    report = killed.ingest()
    assert (len(report.added), report.unchanged) == (40 - len(kept), len(kept))
    vector = embedder.embed_query("Document\n# Document 7\n\nText 7.")
    with store.snapshot() as snapshot:
        assert snapshot.search("Document 7", vector, scope=OPERATOR, limit=3)
    store.close()


@pytest.mark.slow
def test_ten_thousand_unchanged_files_take_five_seconds_at_most(desk: Desk) -> None:
    for number in range(10_000):
        path = desk.docs / f"{number % 100}/{number}.md"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"# Document {number}\n\nThe text of document {number}.\n")
    desk.ingest()
    started = time.monotonic()
    report = desk.ingest()
    took = time.monotonic() - started
    assert report.unchanged == 10_000
    assert took <= 5.0, f"{took:.1f} s"


def test_report_is_plain_values(desk: Desk) -> None:
    desk.write(a_md="# A\n\nText.", b_md="")
    content = json.loads(json.dumps(desk.ingest().as_json()))
    assert content["added"] == ["docs/a.md"]
    assert content["without_text"][0]["uri"] == "docs/b.md"


def test_what_comes_after_the_most_passages_is_left_out_and_told(desk: Desk) -> None:
    desk.write(long_md="".join(f"# Rule {number}\n\nIt holds.\n\n" for number in range(40)))
    report = desk.ingest(recipe=replace(RECIPE, max_passages=10))
    told = "Only its first 10 passages were taken in; the last 658 characters (76 %) were left out."
    assert [finding.message.partition(" Split")[0] for finding in report.findings] == [told]
    with desk.store.snapshot() as snapshot:
        (document,) = snapshot.documents(scope=OPERATOR)
        assert len(snapshot.chunks(document.id)) == 10
        assert str(document.metadata["findings"][0]).startswith(told)
    # More of them is another document.
    assert desk.ingest(recipe=replace(RECIPE, max_passages=11)).updated
