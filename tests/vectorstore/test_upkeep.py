"""D12, D14, P1, P3: compaction, erasure, backup, restore, re-embedding, rollback."""

import hashlib
import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median

import numpy as np
import pytest

from tests.backups import back_up, restore
from tests.vectorstore.sample import (
    DIMENSION,
    FINGERPRINT,
    OPERATOR,
    SPACE,
    Sample,
    Space,
    find,
    put,
    sample,
    uris,
)
from vectorstore.errors import Busy, EmbedderMismatch, NotFound
from vectorstore.index.maintenance.byte_search import files_holding
from vectorstore.index.store import IndexStore
from vectorstore.index.truth.seal import write_meta
from vectorstore.index.upkeep import IndexUpkeep
from vectorstore.open import open_store, open_upkeep
from vectorstore.settings import StoreSettings
from vectorstore.types import Generation, Vectors

OpenStore = Callable[[], IndexStore]


def secret(number: int) -> Sample:
    word = hashlib.sha256(str(number).encode()).hexdigest()
    return sample(
        f"people/{word[:12]}.md", f"The record {word} is private. It was written by {word[::-1]} in Zürich."
    )


def commit(store: IndexStore, *made: Sample) -> None:
    with store.draft() as draft:
        for each in made:
            put(draft, each)


def test_compaction_keeps_the_newest_and_gives_space_back(folder: Path, open_index: OpenStore) -> None:
    store = open_index()
    for version in range(12):
        commit(store, *(sample(f"{n}.md", f"Version {version} of {n}. " * 40) for n in range(20)))
    before = (folder / "index.db").stat().st_size
    done = open_upkeep(StoreSettings(data_dir=folder)).compact(keep=2)
    assert (done.generations, done.documents, done.rebuilt) == (11, 200, True)
    assert (folder / "index.db").stat().st_size < before / 2
    assert IndexUpkeep(store).verify().sound
    assert [each.number for each in store.generations()] == [11, 12]
    with store.snapshot() as snapshot:
        assert "Version 11 of 3." in find(snapshot, "Version 11 of 3.")[0].chunk.text
    with store.snapshot(Generation(11)) as snapshot:
        assert "Version 10 of 3." in find(snapshot, "Version 10 of 3.")[0].chunk.text
    with pytest.raises(NotFound), store.snapshot(Generation(10)):
        pass


def test_compaction_of_little_leaves_the_search_index_alone(folder: Path, open_index: OpenStore) -> None:
    store = open_index()
    commit(store, *(sample(f"{n}.md", f"Fact {n}.") for n in range(30)))
    commit(store, sample("0.md", "Fact 0 again."))
    done = open_upkeep(StoreSettings(data_dir=folder)).compact(keep=1)
    assert (done.documents, done.rebuilt) == (1, False)
    assert IndexUpkeep(store).verify().sound
    with store.snapshot() as snapshot:
        assert len(find(snapshot, "fact", limit=100)) == 30


def test_compaction_keeps_what_a_rollback_brought_back(folder: Path, open_index: OpenStore) -> None:
    store = open_index()
    commit(store, sample("a.md", "First."))
    commit(store, sample("a.md", "Second."))
    store.rollback(Generation(1))
    open_upkeep(StoreSettings(data_dir=folder)).compact(keep=1)
    assert IndexUpkeep(store).verify().sound
    with store.snapshot() as snapshot:
        assert [hit.chunk.text for hit in find(snapshot, "first")] == ["First."]


def test_difference_between_generations(folder: Path, open_index: OpenStore) -> None:
    store = open_index()
    commit(store, sample("a.md", "A."), sample("b.md", "B."))
    with store.draft() as draft:
        draft.remove(tenant="default", uri="a.md")
        put(draft, sample("b.md", "Changed."))
        put(draft, sample("c.md", "C."))
    found = open_upkeep(StoreSettings(data_dir=folder)).compare(Generation(1), Generation(2))
    assert found.added == (("default", "c.md"),)
    assert found.removed == (("default", "a.md"),)
    assert found.changed == (("default", "b.md"),)


# --- erasure ---


def leftovers(folder: Path, made: list[Sample]) -> dict[Path, set[bytes]]:
    """Look for texts (UTF-8, UTF-16, any case) and vectors (float16, float32) in every file, our own way."""
    needles = []
    for each in made:
        for text in (*re.findall(r"[0-9a-f]{64}", each.text), each.document.uri):
            needles += [text.encode(), text.encode("utf-16-le"), text.upper().encode()]
        needles += [row.astype(kind).tobytes() for row in each.vectors for kind in ("<f2", "<f4")]
    return files_holding([path for path in folder.rglob("*") if path.is_file()], needles)


def test_erased_documents_leave_no_byte_in_any_file(
    folder: Path, open_index: OpenStore, dense_kind: str
) -> None:
    del dense_kind
    store = open_index()
    private = [secret(number) for number in range(200)]
    public = [sample(f"public/{n}.md", f"Public fact {n} is open.") for n in range(50)]
    commit(store, *public, *private[:120])
    commit(store, *private[100:])
    with store.draft() as draft:
        draft.remove(tenant="default", uri=private[0].document.uri)
    with store.snapshot() as snapshot:
        assert find(snapshot, private[5].chunks[0].text)
    assert leftovers(folder, private)
    certificate = open_upkeep(StoreSettings(data_dir=folder)).erase([each.document.uri for each in private])
    assert leftovers(folder, private) == {}
    assert certificate.left == ()
    assert certificate.documents == 220
    assert certificate.searched_files > 5
    assert IndexUpkeep(store).verify().sound
    for number in (None, Generation(1), Generation(2)):
        with store.snapshot(number) as snapshot:
            assert set(uris(find(snapshot, "private record", limit=500))) == {
                each.document.uri for each in public
            }
            assert snapshot.info().documents == 50


def test_certificate_names_a_file_that_still_holds_erased_text(folder: Path, open_index: OpenStore) -> None:
    commit(open_index(), secret(1), secret(2))
    (folder / "notes.txt").write_text(f"copied: {secret(1).text}")
    assert open_upkeep(StoreSettings(data_dir=folder)).erase([secret(1).document.uri]).left == ("notes.txt",)


def test_words_shared_with_other_documents_are_not_called_left(folder: Path, open_index: OpenStore) -> None:
    same = "This notice stands at the foot of every page."
    commit(open_index(), sample("a.md", f"Mine alone. {same}"), sample("b.md", f"Another. {same}"))
    assert open_upkeep(StoreSettings(data_dir=folder)).erase(["a.md"]).left == ()


def test_erasing_what_never_was_is_not_found(folder: Path, open_index: OpenStore) -> None:
    commit(open_index(), secret(1))
    with pytest.raises(NotFound):
        open_upkeep(StoreSettings(data_dir=folder)).erase(["nowhere.md"])


def test_erasure_that_was_interrupted_is_finished_by_the_next_writer(
    folder: Path, open_index: OpenStore
) -> None:
    store = open_index()
    commit(store, secret(1), secret(2))
    opened = store.opened()
    assert opened is not None
    from vectorstore.index.maintenance import erasure

    with opened.database.connection() as connection, connection.transaction():
        erasure.erase(connection, tenant="default", uris=[secret(1).document.uri], dimension=DIMENSION)
    assert leftovers(folder, [secret(1)])
    commit(open_index(), secret(3))
    assert leftovers(folder, [secret(1)]) == {}
    assert IndexUpkeep(store).verify().sound


# --- backup ---


@pytest.mark.slow
def test_twenty_backups_restore_byte_equal_answers(
    folder: Path, open_index: OpenStore, tmp_path: Path
) -> None:
    for number in range(20):
        at = folder / str(number)
        store = open_store(StoreSettings(data_dir=at), SPACE)
        for round_number in range(number % 4 + 1):
            commit(store, *(sample(f"{n}.md", f"Fact {n} of {round_number}.") for n in range(5 + number)))
        with store.snapshot() as snapshot:
            golden = [find(snapshot, f"fact {n}") for n in range(5)]
        store.close()
        back_up(StoreSettings(data_dir=at), tmp_path / f"backup-{number}")
        fresh = tmp_path / f"fresh-{number}"
        restore(StoreSettings(data_dir=fresh), tmp_path / f"backup-{number}", replaces=False)
        other = open_store(StoreSettings(data_dir=fresh), SPACE)
        with other.snapshot() as snapshot:
            assert [find(snapshot, f"fact {n}") for n in range(5)] == golden
        other.close()


# --- another embedder ---


def other_embedding(texts: Sequence[str]) -> Vectors:
    rows = [
        np.frombuffer(hashlib.sha256(text.encode()).digest()[:16], np.uint8).astype(np.float32)
        for text in texts
    ]
    made = np.array(rows, dtype=np.float32)
    return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True), dtype=np.float32)


def test_reembedding_goes_on_where_it_was_interrupted_and_switches_at_once(
    folder: Path, open_index: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vectorstore.index.maintenance.reembed._BATCH", 10)
    store = open_index()
    commit(store, *(sample(f"{n}.md", f"Fact {n}.") for n in range(35)))
    calls = []

    def stops_after_two(texts: Sequence[str]) -> Vectors:
        calls.append(len(texts))
        if len(calls) > 2:
            raise KeyboardInterrupt
        return other_embedding(texts)

    upkeep = open_upkeep(StoreSettings(data_dir=folder))
    with pytest.raises(KeyboardInterrupt):
        upkeep.reembed(stops_after_two, fingerprint="other", dimension=16)
    with store.snapshot() as snapshot:
        assert find(snapshot, "Fact 3.")[0].chunk.text == "Fact 3."
    assert upkeep.reembed(other_embedding, fingerprint="other", dimension=16) == 15
    with pytest.raises(EmbedderMismatch), store.snapshot():
        pass
    other = open_store(StoreSettings(data_dir=folder), Space("other", 16))
    with other.snapshot() as snapshot:
        question = other_embedding(["Fact 3."])[0]
        best = snapshot.search("nothing", question, scope=OPERATOR)[0]
        assert best.chunk.text == "Fact 3."
    assert IndexUpkeep(other).verify().sound
    other.close()


# --- rollback ---


def test_rollback_to_any_generation_gives_its_answers_again(open_index: OpenStore) -> None:
    store = open_index()
    golden = {}
    for number in range(1, 11):
        commit(store, *(sample(f"{n}.md", f"Fact {n} as of {number}.") for n in range(number % 4, 12, 2)))
        with store.snapshot() as snapshot:
            golden[number] = {(hit.chunk.text, hit.document.uri) for hit in find(snapshot, "fact", limit=100)}
    took = []
    for number in (3, 10, 1, 7, 2) * 4:
        started = time.perf_counter()
        assert store.rollback(Generation(number)) > 10
        took.append(time.perf_counter() - started)
        with store.snapshot() as snapshot:
            assert {
                (hit.chunk.text, hit.document.uri) for hit in find(snapshot, "fact", limit=100)
            } == golden[number]
    assert median(took) < 1  # a busy machine may hold up some
    assert IndexUpkeep(store).verify().sound


def test_everything_is_private_to_its_owner(folder: Path, open_index: OpenStore) -> None:
    store = open_index()
    commit(store, sample("a.md", "A."))
    with store.snapshot() as snapshot:
        find(snapshot, "a")
        for path in folder.rglob("*"):
            mode = path.stat().st_mode & 0o777
            assert mode == (0o700 if path.is_dir() else 0o600), path
    assert folder.stat().st_mode & 0o777 == 0o700


def test_upkeep_of_nothing_says_so(folder: Path) -> None:
    with pytest.raises(NotFound):
        open_upkeep(StoreSettings(data_dir=folder)).info()
    assert not folder.exists()


def test_info_counts_what_is_there(folder: Path, open_index: OpenStore) -> None:
    commit(open_index(), sample("a.md", "A. B."))
    info = open_upkeep(StoreSettings(data_dir=folder)).info()
    assert (info.newest.number, info.newest.chunks, info.searchable, info.generations) == (1, 2, 1, 2)
    assert info.embedder == FINGERPRINT
    assert all(size > 0 for size in info.sizes.values())


def test_upkeep_waits_its_turn(folder: Path, open_index: OpenStore) -> None:
    store = open_index()
    commit(store, sample("a.md", "A."))
    with store.draft(), pytest.raises(Busy):
        open_upkeep(StoreSettings(data_dir=folder)).compact(keep=1)


def test_meta_seal_follows_every_change(open_index: OpenStore) -> None:
    store = open_index()
    commit(store, sample("a.md", "A."))
    opened = store.opened()
    assert opened is not None
    with opened.database.connection() as connection:
        with connection.transaction():
            write_meta(connection, note="x")
        assert IndexUpkeep(store).verify().sound
        connection.run("UPDATE meta SET value = 'y' WHERE key = 'note'")
    assert IndexUpkeep(store).verify().damage


def test_index_that_nothing_was_put_in_is_sound(folder: Path, open_index: OpenStore) -> None:
    with suppress(RuntimeError), open_index().draft():
        raise RuntimeError
    assert (folder / "index.db").exists()
    for path in folder.glob("*.json"):
        path.unlink()
    assert IndexUpkeep(open_index()).verify().sound
