"""D4, D5: torn files and flipped bits in the projections are noticed and mended; in the truth, noticed."""

import hashlib
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.vectorstore.sample import FINGERPRINT, SPACE, Space, find, put, sample
from vectorstore.errors import EmbedderMismatch, FootnoteError
from vectorstore.index.projection import entry, faiss_codes
from vectorstore.index.projection.manifest import read_manifest
from vectorstore.index.store import IndexStore
from vectorstore.index.upkeep import IndexUpkeep
from vectorstore.open import open_store
from vectorstore.settings import StoreSettings

QUESTIONS = ("Fact 3 is here.", "what about sentence 7", "ERR-12", "nothing of the kind")
Answers = list[list[tuple[str, float]]]


def build(folder: Path) -> None:
    store = open_store(StoreSettings(data_dir=folder), SPACE)
    for commit in range(3):
        with store.draft() as draft:
            for number in range(commit * 10, commit * 10 + 10):
                put(
                    draft,
                    sample(f"{number}.md", f"Fact {number} is here. Sentence {number} says ERR-{number}."),
                )
    store.close()


def answers(store: IndexStore) -> Answers:
    with store.snapshot() as snapshot:
        return [
            [(hit.chunk.text, round(hit.score, 5)) for hit in find(snapshot, question)]
            for question in QUESTIONS
        ]


def projection_files(folder: Path) -> list[Path]:
    """The manifests, and every file they name that has something in it."""
    found = []
    for kind in ("dense", "lexical"):
        manifest = read_manifest(folder / f"{kind}.json")
        assert manifest is not None
        files = [folder / manifest.folder / name for name in sorted(manifest.files)]
        found += [folder / f"{kind}.json", *(path for path in files if path.stat().st_size)]
    return found


@pytest.fixture
def built(tmp_path: Path, dense_kind: str) -> tuple[Path, Answers]:
    del dense_kind
    build(tmp_path / "built")
    store = open_store(StoreSettings(data_dir=tmp_path / "built"), SPACE)
    golden = answers(store)
    assert IndexUpkeep(store).verify().sound
    store.close()
    return tmp_path / "built", golden


def damaged(built: Path, tmp_path: Path, rounds: int) -> Iterator[tuple[Path, random.Random]]:
    for number in range(rounds):
        copy = tmp_path / f"copy-{number}"
        shutil.copytree(built, copy)
        yield copy, random.Random(number)
        shutil.rmtree(copy, ignore_errors=True)


def reopen(folder: Path) -> IndexStore:
    return open_store(StoreSettings(data_dir=folder), SPACE)


def check_noticed_and_mended(folder: Path, golden: Answers, *, writing: bool) -> None:
    store = reopen(folder)
    verification = IndexUpkeep(store).verify()
    assert verification.stale
    assert not verification.damage
    if writing:
        # A commit upon damaged files must not seal the damage in.
        with store.draft() as draft:
            put(draft, sample("new.md", "New."))
        with store.draft() as draft:
            draft.remove(tenant="default", uri="new.md")
        found = [[text for text, _ in each] for each in answers(store)]
        assert found == [[text for text, _ in each] for each in golden]
    else:
        assert answers(store) == golden
    assert IndexUpkeep(store).verify().sound
    store.close()


def check_made_anew(folder: Path, *, writing: bool) -> None:
    """Hold the index in `old`, once it has been opened, against one that this version wrote."""
    build(folder / "new")
    store = reopen(folder / "new")
    golden = answers(store)
    store.close()
    check_noticed_and_mended(folder / "old", golden, writing=writing)


def flip_bit(path: Path, chance: random.Random, *, in_use: bool = False) -> None:
    content = bytearray(path.read_bytes())
    place = chance.randrange(len(content))
    while in_use and not content[place]:
        place = chance.randrange(len(content))
    content[place] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


def flips(built: Path, golden: Answers, tmp_path: Path, rounds: int) -> None:
    for copy, chance in damaged(built, tmp_path, rounds):
        flip_bit(chance.choice(projection_files(copy)), chance)
        check_noticed_and_mended(copy, golden, writing=chance.random() < 0.3)


def test_flipped_bit_in_a_projection_is_noticed_and_mended(
    built: tuple[Path, Answers], tmp_path: Path
) -> None:
    flips(*built, tmp_path, 12)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_thousand_flipped_bits_in_projections(built: tuple[Path, Answers], tmp_path: Path) -> None:
    flips(*built, tmp_path, 500)


def test_torn_projection_file_is_noticed_and_mended(built: tuple[Path, Answers], tmp_path: Path) -> None:
    source, golden = built
    names = [path.relative_to(source) for path in projection_files(source)]
    for number, (copy, chance) in enumerate(damaged(source, tmp_path, len(names))):
        path = copy / names[number]
        size = path.stat().st_size
        with path.open("r+b") as file:
            file.truncate(chance.choice([0, size // 2, size - 1]))
        check_noticed_and_mended(copy, golden, writing=False)


def test_missing_projection_file_is_noticed_and_mended(built: tuple[Path, Answers], tmp_path: Path) -> None:
    source, golden = built
    names = [path.relative_to(source) for path in projection_files(source)]
    for number, (copy, _) in enumerate(damaged(source, tmp_path, len(names))):
        (copy / names[number]).unlink()
        check_noticed_and_mended(copy, golden, writing=False)


def test_projections_of_another_index_are_not_taken(built: tuple[Path, Answers], tmp_path: Path) -> None:
    source, golden = built
    other = tmp_path / "other"
    build(other)
    for path in projection_files(source):
        path.unlink()
    for path in projection_files(other):
        target = source / path.relative_to(other)
        target.parent.mkdir(exist_ok=True)
        shutil.copy(path, target)
    check_noticed_and_mended(source, golden, writing=False)


def truth_flips(built: Path, golden: Answers, tmp_path: Path, rounds: int) -> None:
    noticed = 0
    for copy, chance in damaged(built, tmp_path, rounds):
        path = copy / "index.db"
        # Most of a small database is empty pages, in which a flip means nothing.
        flip_bit(path, chance, in_use=True)
        try:
            store = reopen(copy)
            sound = IndexUpkeep(store).verify().sound
        except (FootnoteError, EmbedderMismatch):
            noticed += 1
            continue
        if sound:
            # In a byte that means nothing (a free page, a hint in the header): everything reads as before.
            assert answers(store) == golden
        else:
            noticed += 1
        store.close()
    assert noticed >= rounds // 2


def test_flipped_bit_in_the_truth_is_noticed_by_verify(built: tuple[Path, Answers], tmp_path: Path) -> None:
    truth_flips(*built, tmp_path, 25)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_thousand_flipped_bits_in_the_truth(built: tuple[Path, Answers], tmp_path: Path) -> None:
    truth_flips(*built, tmp_path, 500)


def test_index_of_another_embedder_is_refused_with_a_way_out(
    folder: Path, open_index: Callable[[], IndexStore]
) -> None:
    build(folder)
    with pytest.raises(EmbedderMismatch) as caught:
        open_store(StoreSettings(data_dir=folder), Space("another"))
    assert FINGERPRINT in caught.value.what
    assert "footnote" in caught.value.hint
    with open_index().snapshot() as snapshot:
        assert find(snapshot, "Fact 3 is here.")


def test_empty_index_of_another_embedder_is_taken_over(folder: Path) -> None:
    store = reopen(folder)
    with store.draft() as draft:
        put(draft, sample("a.md", "A."))
        draft.remove(tenant="default", uri="a.md")
    store.close()
    other = open_store(StoreSettings(data_dir=folder), Space("another"))
    with other.snapshot() as snapshot:
        assert find(snapshot, "a") == []
    with other.draft() as draft:
        put(draft, sample("b.md", "B."))
    with other.snapshot() as snapshot:
        assert [hit.document.uri for hit in find(snapshot, "b")] == ["b.md"]
    other.close()
    with pytest.raises(EmbedderMismatch):
        reopen(folder)


@pytest.mark.parametrize("writing", [False, True])
def test_lexical_projection_of_another_schema_is_made_anew(
    writing: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr("vectorstore.index.projection.entry.key_of", lambda *word: hash(word) & 0xFFFF)
        earlier.setattr("vectorstore.index.projection.lexical_files.SCHEMA", entry.SCHEMA - 1)
        build(tmp_path / "old")
    check_made_anew(tmp_path, writing=writing)


@pytest.mark.parametrize("writing", [False, True])
def test_codes_of_another_format_are_made_anew(
    writing: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vectorstore.index.projection.codes.CODED_FROM", 2)
    with monkeypatch.context() as earlier:
        earlier.setattr("vectorstore.index.projection.dense_files.FORMAT", faiss_codes.FORMAT - 1)
        build(tmp_path / "old")
    check_made_anew(tmp_path, writing=writing)


def test_fields_and_words_do_not_change_without_a_new_schema_number(tmp_path: Path) -> None:
    build(tmp_path)
    content = b"".join(path.read_bytes() for path in sorted(tmp_path.glob("lexical-*/*.words")))
    # Changed on purpose? Raise entry.SCHEMA and write the new number and digest here.
    found = (entry.SCHEMA, hashlib.sha256(content).hexdigest()[:16])
    assert found == (5, "f60954b9d829fb61")
