"""What every engine's upkeep does, and that both mean the same by it."""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.backups import back_up, restore
from tests.contract.conftest import Make
from tests.contract.test_readers import ANYONE, HR, PAY, PLAN, seen, with_readers
from tests.vectorstore.sample import FINGERPRINT, OPERATOR, SPACE, Sample, Space, find, put, sample, uris
from vectorstore.errors import BadInput, Busy, EmbedderMismatch, NotFound, StoreDamaged
from vectorstore.index.maintenance.byte_search import files_holding
from vectorstore.index.postgresql.database import PostgreSQLConnection
from vectorstore.index.sqlite.database import SQLiteConnection
from vectorstore.index.truth.database import Connection, Row, Value
from vectorstore.open import open_store, open_upkeep
from vectorstore.settings import StoreSettings
from vectorstore.store import Store
from vectorstore.types import Generation, Vectors
from vectorstore.upkeep import Upkeep


@dataclass(frozen=True)
class Index:
    """One index, opened for search and for upkeep as two processes would."""

    settings: StoreSettings
    store: Store
    upkeep: Upkeep


Open = Callable[[str], Index]


@pytest.fixture
def open_index(make_settings: Make, tmp_path: Path) -> Iterator[Open]:
    """Open a new, empty index of a name."""
    opened: list[Index] = []

    def fresh(name: str) -> Index:
        settings = make_settings(tmp_path / name)
        opened.append(Index(settings, open_store(settings, SPACE), open_upkeep(settings)))
        return opened[-1]

    yield fresh
    for each in opened:
        each.store.close()
        each.upkeep.close()


@pytest.fixture
def index(open_index: Open) -> Index:
    return open_index("data")


def commit(index: Index, *made: Sample, without: Sequence[str] = ()) -> None:
    with index.store.draft() as draft:
        for uri in without:
            draft.remove(tenant="default", uri=uri)
        for each in made:
            put(draft, each)


def secret(number: int) -> Sample:
    word = hashlib.sha256(str(number).encode()).hexdigest()
    return sample(
        f"people/{word[:12]}.md",
        f"The record {word} is private. It was written by {word[::-1]} in Zürich.",
        title=f"On {word[20:50]}",
    )


def needles_of(made: Sequence[Sample]) -> list[bytes]:
    """What is sought of them, our own way: words of texts, titles and uris, and vectors."""
    needles = []
    for each in made:
        words = re.findall(r"[0-9a-f]{64}", each.text)
        for text in (*words, each.document.uri, each.document.title):
            needles += [text.encode(), text.encode("utf-16-le"), text.upper().encode()]
        needles += [row.astype(kind).tobytes() for row in each.vectors for kind in ("<f2", "<f4")]
    return needles


def leftovers(folder: Path, made: Sequence[Sample]) -> dict[Path, set[bytes]]:
    return files_holding([path for path in folder.rglob("*") if path.is_file()], needles_of(made))


def answers(store: Store, at: Generation | None = None) -> list[list[tuple[str, str, float]]]:
    with store.snapshot(at) as snapshot:
        return [
            [(hit.chunk.text, hit.document.uri, round(hit.score, 5)) for hit in find(snapshot, question)]
            for question in ("Fact 3 is here.", "more of 7", "nothing of the kind")
        ]


def facts(count: int, version: str = "") -> list[Sample]:
    return [sample(f"{n}.md", f"Fact {n} is here{version}. And more of {n}.") for n in range(count)]


# --- looking ---


def test_upkeep_of_nothing_says_so(index: Index) -> None:
    with pytest.raises(NotFound):
        index.upkeep.info()
    assert index.upkeep.store.generations() == []


def test_info_counts_what_is_there_and_shows_no_password(index: Index) -> None:
    commit(index, sample("a.md", "A. B."))
    with index.store.snapshot() as snapshot:
        find(snapshot, "a")
    info = index.upkeep.info()
    assert (info.newest.number, info.newest.chunks, info.searchable, info.generations) == (1, 2, 1, 2)
    assert info.embedder == FINGERPRINT
    assert all(size > 0 for size in info.sizes.values())
    assert "secret" not in info.place


def test_difference_between_generations(index: Index) -> None:
    commit(index, sample("a.md", "A."), sample("b.md", "B."))
    commit(index, sample("b.md", "Changed."), sample("c.md", "C."), without=["a.md"])
    found = index.upkeep.compare(Generation(1), Generation(2))
    assert found.added == (("default", "c.md"),)
    assert found.removed == (("default", "a.md"),)
    assert found.changed == (("default", "b.md"),)
    with pytest.raises(NotFound):
        index.upkeep.compare(Generation(1), Generation(7))


def test_held_documents_are_those_of_all_generations(index: Index) -> None:
    commit(index, sample("a.md", "A."))
    commit(index, sample("b.md", "B."), without=["a.md"])
    assert {uri for _, uri, _ in index.upkeep.held()} == {"a.md", "b.md"}


# --- verifying, rebuilding ---


def test_an_index_is_sound_after_whatever_was_done_to_it(index: Index) -> None:
    commit(index, *facts(6))
    commit(index, *facts(3, " again"), without=["5.md"])
    index.store.rollback(Generation(1))
    assert index.upkeep.verify().sound is True
    counts = index.upkeep.verify()
    assert (counts.generations, counts.documents, counts.chunks) == (4, 9, 18)


def test_a_changed_value_is_damage(index: Index) -> None:
    commit(index, *facts(3))
    with index.store.database.connection() as connection:  # type: ignore[attr-defined]
        connection.run("UPDATE chunks SET text = 'Fact 1 is there.' WHERE text = 'Fact 1 is here.'")
    assert any("'1.md'" in each for each in index.upkeep.verify().damage)


def before(monkeypatch: pytest.MonkeyPatch, start: str, do: Callable[[], None]) -> None:
    """Do something right before the next query that begins so, in either engine."""
    waiting = [do]
    for kind in (SQLiteConnection, PostgreSQLConnection):
        monkeypatch.setattr(kind, "rows", _interrupted(kind.rows, start, waiting))


def _interrupted(rows: Callable[..., list[Row]], start: str, waiting: list[Callable[[], None]]) -> object:
    def interrupted(self: Connection, sql: str, values: Sequence[Value] = ()) -> list[Row]:
        if sql.startswith(start) and waiting:
            waiting.pop()()
        return rows(self, sql, values)

    return interrupted


@pytest.mark.parametrize("start", ["SELECT number, created, note", "SELECT c.row, c.id"])
def test_what_others_do_meanwhile_is_no_damage(
    index: Index, monkeypatch: pytest.MonkeyPatch, start: str
) -> None:
    commit(index, *facts(3))
    commit(index, *facts(3, " again"))

    def others_write() -> None:
        commit(index, sample("late.md", "Late fact."))
        # A folder's log is not emptied while somebody reads.
        if index.settings.store.get_secret_value():
            with closing(open_upkeep(index.settings)) as other:
                other.compact(keep=1)

    before(monkeypatch, start, others_write)
    assert index.upkeep.verify().damage == ()
    assert index.upkeep.verify().documents >= 4


def test_rebuilding_gives_the_same_answers(index: Index) -> None:
    commit(index, *facts(10))
    golden = answers(index.store)
    index.upkeep.rebuild()
    assert index.upkeep.verify().sound
    assert answers(index.store) == golden


# --- compacting ---


def test_compaction_keeps_the_newest_generations_and_what_they_show(index: Index) -> None:
    for version in range(5):
        commit(index, *facts(4, f" as of {version}"))
    golden = answers(index.store), answers(index.store, Generation(4))
    done = index.upkeep.compact(keep=2)
    assert (done.generations, done.documents, done.chunks, done.rebuilt) == (4, 12, 24, True)
    assert index.upkeep.verify().sound
    assert [each.number for each in index.store.generations()] == [4, 5]
    assert (answers(index.store), answers(index.store, Generation(4))) == golden
    with pytest.raises(NotFound), index.store.snapshot(Generation(3)):
        pass
    commit(index, sample("new.md", "New fact."))
    assert index.store.generations()[-1].number == 6
    assert index.upkeep.verify().sound


# --- erasing ---


def test_erased_documents_are_in_no_generation_and_no_file(index: Index) -> None:
    private = [secret(number) for number in range(20)]
    public = [sample(f"public/{n}.md", f"Public fact {n} is open.") for n in range(10)]
    commit(index, *public, *private[:12])
    commit(index, *private[10:])
    commit(index, without=[private[0].document.uri])
    with index.store.snapshot() as snapshot:
        assert find(snapshot, private[5].chunks[0].text)
    certificate = index.upkeep.erase([each.document.uri for each in private])
    assert (certificate.documents, certificate.left, certificate.outstanding) == (22, (), ())
    assert certificate.complete
    assert leftovers(index.settings.data_dir, private) == {}
    assert index.upkeep.verify().sound
    for number in (None, Generation(1), Generation(2)):
        with index.store.snapshot(number) as snapshot:
            assert set(uris(find(snapshot, "private record", limit=500))) == {
                each.document.uri for each in public
            }
            assert snapshot.info().documents == 10
    assert index.upkeep.certificates() == [certificate]


def test_erasing_what_never_was_changes_nothing(index: Index) -> None:
    commit(index, secret(1))
    asked = []
    with pytest.raises(NotFound):
        index.upkeep.erase([secret(1).document.uri, "nowhere.md"], also=lambda: [f"{asked.append(1)}"])
    assert not asked
    assert index.store.generations()[-1].documents == 1


def test_words_shared_with_other_documents_are_not_called_left(index: Index) -> None:
    same = "This notice stands at the FOOT of every page, 100% of them."
    commit(index, sample("a.md", f"Mine alone. {same}"), sample("b.md", f"Another. {same}"))
    assert index.upkeep.erase(["a.md"]).left == ()


def test_erased_document_can_be_put_again_by_will(index: Index, tmp_path: Path) -> None:
    commit(index, secret(1))
    index.upkeep.erase([secret(1).document.uri])
    commit(index, secret(1))
    back_up(index.settings, tmp_path / "copy")
    assert restore(index.settings, tmp_path / "copy") == 0
    with index.store.snapshot() as snapshot:
        assert find(snapshot, "record")


# --- backing up ---


def test_a_backup_restores_every_generation_in_a_new_place(open_index: Open, tmp_path: Path) -> None:
    index, fresh = open_index("old"), open_index("new")
    commit(index, *facts(12))
    commit(index, *facts(4, " again"), without=["11.md"])
    golden = [answers(index.store, each.number) for each in index.store.generations()]
    back_up(index.settings, tmp_path / "backup")
    assert {path.stat().st_mode & 0o77 for path in (tmp_path / "backup").rglob("*")} == {0}
    assert restore(fresh.settings, tmp_path / "backup", replaces=False) == 0
    assert fresh.upkeep.verify().sound
    assert fresh.store.generations() == index.store.generations()
    assert [answers(fresh.store, each.number) for each in index.store.generations()] == golden
    commit(fresh, sample("next.md", "Next fact."))
    assert fresh.upkeep.verify().sound


def test_a_running_reader_follows_a_restore(index: Index, tmp_path: Path) -> None:
    commit(index, sample("a.md", "Old fact."))
    back_up(index.settings, tmp_path / "backup")
    commit(index, sample("a.md", "New fact."))
    with index.store.snapshot() as snapshot:
        assert [hit.chunk.text for hit in find(snapshot, "fact")] == ["New fact."]
    restore(index.settings, tmp_path / "backup")
    with index.store.snapshot() as snapshot:
        assert [hit.chunk.text for hit in find(snapshot, "fact")] == ["Old fact."]
    commit(index, sample("b.md", "Next fact."))
    with index.store.snapshot() as snapshot:
        assert {hit.chunk.text for hit in find(snapshot, "fact")} == {"Old fact.", "Next fact."}
    assert index.upkeep.verify().sound


def test_what_was_erased_stays_erased_when_an_older_backup_is_restored(index: Index, tmp_path: Path) -> None:
    commit(index, secret(1), secret(2))
    back_up(index.settings, tmp_path / "backup")
    index.upkeep.erase([secret(1).document.uri])
    assert restore(index.settings, tmp_path / "backup") == 1
    assert leftovers(index.settings.data_dir, [secret(1)]) == {}
    with index.store.snapshot() as snapshot:
        assert set(uris(find(snapshot, "record"))) == {secret(2).document.uri}
    assert index.upkeep.verify().sound
    assert [each.documents for each in index.upkeep.certificates()] == [1]


def test_a_restored_backup_has_todays_readers(index: Index, tmp_path: Path) -> None:
    commit(index, PAY, PLAN)
    back_up(index.settings, tmp_path / "backup")
    commit(index, with_readers(PAY, "hr"))
    restore(index.settings, tmp_path / "backup")
    with index.store.snapshot() as snapshot:
        assert not seen(snapshot, ANYONE)
        assert seen(snapshot, HR)
        assert seen(snapshot, ANYONE, PLAN.document)
    assert index.upkeep.verify().sound


def test_a_damaged_backup_changes_nothing(index: Index, tmp_path: Path) -> None:
    commit(index, *facts(8))
    made = back_up(index.settings, tmp_path / "backup")
    digest = made.tables["index.texts"][0].digest
    blob = tmp_path / "backup" / "blobs" / digest[:2] / digest
    whole = blob.read_bytes()
    for content in (whole[:-9], whole[:20] + bytes([whole[20] ^ 1]) + whole[21:], None):
        blob.unlink()
        if content is not None:
            blob.write_bytes(content)
        with pytest.raises(StoreDamaged):
            restore(index.settings, tmp_path / "backup")
        assert index.upkeep.verify().sound
        blob.touch()
    assert not list(index.settings.data_dir.glob(".restore"))


def test_what_is_there_is_not_replaced_unless_that_is_said(index: Index, tmp_path: Path) -> None:
    commit(index, *facts(2))
    back_up(index.settings, tmp_path / "backup")
    with pytest.raises(BadInput, match="something already"):
        restore(index.settings, tmp_path / "backup", replaces=False)
    with index.store.snapshot() as snapshot:
        assert find(snapshot, "Fact 1")


def test_nobody_restores_where_somebody_writes(index: Index, tmp_path: Path) -> None:
    commit(index, *facts(3))
    back_up(index.settings, tmp_path / "backup")
    with index.store.draft() as draft:
        put(draft, *facts(1))
        with pytest.raises(Busy):
            restore(index.settings, tmp_path / "backup")
    assert restore(index.settings, tmp_path / "backup") == 0


# --- another embedder ---


def other_embedding(texts: Sequence[str]) -> Vectors:
    rows = [
        np.frombuffer(hashlib.sha256(text.encode()).digest()[:16], np.uint8).astype(np.float32)
        for text in texts
    ]
    made = np.array(rows, dtype=np.float32)
    return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True), dtype=np.float32)


def test_reembedding_goes_on_where_it_stopped_and_switches_at_once(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vectorstore.index.maintenance.reembed._BATCH", 10)
    commit(index, *(sample(f"{n}.md", f"Fact {n}.") for n in range(35)))
    calls = []

    def stops_after_two(texts: Sequence[str]) -> Vectors:
        calls.append(len(texts))
        if len(calls) > 2:
            raise KeyboardInterrupt
        return other_embedding(texts)

    with pytest.raises(KeyboardInterrupt):
        index.upkeep.reembed(stops_after_two, fingerprint="other", dimension=16)
    with index.store.snapshot() as snapshot:
        assert find(snapshot, "Fact 3.")[0].chunk.text == "Fact 3."
    commit(index, sample("late.md", "Late fact."))
    assert index.upkeep.reembed(other_embedding, fingerprint="other", dimension=16) == 16
    with pytest.raises(EmbedderMismatch), index.store.snapshot():
        pass
    other = open_store(index.settings, Space("other", 16))
    with other.snapshot() as snapshot:
        question = other_embedding(["Fact 3."])[0]
        assert snapshot.search("nothing", question, scope=OPERATOR)[0].chunk.text == "Fact 3."
    other.close()
    assert index.upkeep.verify().sound


def test_of_what_is_erased_no_new_vector_is_left_either(index: Index) -> None:
    commit(index, sample("a.md", "One fact."), secret(1))

    def stops(texts: Sequence[str]) -> Vectors:
        if stopping:
            raise KeyboardInterrupt
        stopping.append(1)
        return other_embedding(texts)

    stopping: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vectorstore.index.maintenance.reembed._BATCH", 2)
        with pytest.raises(KeyboardInterrupt):
            index.upkeep.reembed(stops, fingerprint="other", dimension=16)
    index.upkeep.erase([secret(1).document.uri])
    with index.store.database.connection() as connection:  # type: ignore[attr-defined]
        made = {row[0] for row in connection.rows("SELECT chunk FROM vectors_next")}
        assert made == {row[0] for row in connection.rows("SELECT row FROM chunks")} & {1, 2}


def test_an_index_that_was_empty_and_is_not_any_more_is_no_other_embedders(index: Index) -> None:
    commit(index, sample("a.md", "One fact."))
    commit(index, without=["a.md"])
    index.upkeep.compact(keep=1)
    with closing(open_store(index.settings, Space("other", 16))) as other:
        with other.snapshot() as snapshot:
            assert snapshot.info().documents == 0
        commit(index, sample("b.md", "Another fact."))
        for use in (other.draft, other.snapshot):
            with pytest.raises(EmbedderMismatch), use():
                pass
