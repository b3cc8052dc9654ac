"""Dense search finds what an exact search finds, however the vectors are coded."""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tests.vectorstore.sample import OPERATOR, put, sample
from vectorstore.index.projection import codes, dense, dense_files
from vectorstore.index.projection.dense import Dense
from vectorstore.index.projection.faiss_codes import HalfCodes, RaBitQCodes, decode, load_codes, nearest
from vectorstore.index.projection.manifest import Covered, Manifest
from vectorstore.index.store import IndexStore
from vectorstore.index.truth.arrays import Allowed, Half, allowed_of
from vectorstore.index.truth.files import write_atomically
from vectorstore.index.upkeep import IndexUpkeep
from vectorstore.types import Vector

COUNT = 5_000
WIDTH = 384


def clustered(count: int, seed: int = 0) -> Half:
    chance = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(200, WIDTH))
    rows = centres[chance.integers(0, 200, count)] + 0.6 * chance.normal(size=(count, WIDTH))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float16)


VECTORS = clustered(COUNT)
QUESTIONS = clustered(40, seed=1).astype(np.float32)


def written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Manifest:
    """Write a projection with codes."""
    monkeypatch.setattr(codes, "CODED_FROM", 1_000)
    rows = np.arange(COUNT, dtype=np.int64)
    covered = Covered("i", "f", 0, 1, "", COUNT)
    batches = [dense_files.DenseBatch(rows, rows, VECTORS)]
    return dense_files.extend_dense(
        folder, None, batches, covered=covered, dimension=WIDTH, recall_target=0.9
    )


def over(coded: codes.Codes) -> Dense:
    rows = np.arange(COUNT, dtype=np.int64) * 3 + 5
    return Dense(rows=rows, owners=rows // 30, vectors=VECTORS, codes=coded)


def recall(searched: Dense, mask: np.ndarray | None) -> float:
    allowed = np.arange(COUNT) if mask is None else np.flatnonzero(mask)
    hits = 0.0
    for question in QUESTIONS:
        cosines = VECTORS[allowed].astype(np.float32) @ question
        true = searched.rows[allowed[np.argsort(-cosines)[:10]]]
        found = searched.search(question, 10, None if mask is None else allowed_of(mask))
        assert len(found.rows) == min(10, len(allowed))
        assert np.isin(found.rows, searched.rows[allowed]).all()
        assert (np.diff(found.scores) <= 0).all()
        hits += np.isin(true, found.rows).mean()
    return hits / len(QUESTIONS)


@pytest.fixture
def lists(monkeypatch: pytest.MonkeyPatch) -> RaBitQCodes:
    with monkeypatch.context() as patched:
        patched.setattr(codes, "LISTS_FROM", 1_000)
        return codes.build_codes(VECTORS, recall_target=0.98)


@pytest.mark.parametrize("share", [None, 0.5, 0.05, 0.001])
def test_every_way_of_coding_finds_the_nearest(share: float | None, lists: RaBitQCodes) -> None:
    mask = None if share is None else np.random.default_rng(3).random(COUNT) < share
    assert lists.probes
    for coded, least in (
        (HalfCodes(VECTORS), 1.0),
        (codes.build_codes(VECTORS, recall_target=0.99), 0.99),
        (lists, 0.96),
    ):
        assert recall(over(coded), mask) >= least


def test_lists_are_left_out_when_they_cannot_hold_the_target(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codes, "LISTS_FROM", 1_000)
    scattered = np.random.default_rng(5).normal(size=(3_000, 32)).astype(np.float16)
    assert codes.build_codes(scattered, recall_target=1.0).probes == 0


def test_extended_codes_find_old_and_new_and_leave_the_old_ones_alone(
    lists: RaBitQCodes, tmp_path: Path
) -> None:
    first = 3_500
    before = codes.build_codes(VECTORS[:first], recall_target=0.99)
    after = before.extended(VECTORS, known=first)
    assert (before.count, after.count) == (first, COUNT)
    assert recall(over(after), None) >= 0.99
    codes_file = tmp_path / "codes.faiss"
    codes_file.write_bytes(after.serialized()[0])
    again = load_codes(codes_file, reranked=after.reranked)
    assert recall(over(again), None) >= 0.99
    assert lists.extended(VECTORS, known=COUNT) is lists


@pytest.mark.parametrize("listed", [False, True])
def test_searches_of_several_threads_find_what_one_finds(listed: bool, lists: RaBitQCodes) -> None:
    searched = over(lists if listed else codes.build_codes(VECTORS, recall_target=0.99))
    half = allowed_of(np.arange(COUNT) % 2 == 0)

    def rows(question: Vector, allowed: Allowed | None) -> list[int]:
        return [int(row) for row in searched.search(question, 50, allowed).rows]

    asked = [(question, allowed) for question in QUESTIONS for allowed in (None, half)] * 5
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(rows, *zip(*asked, strict=True)))
    assert together == [rows(*each) for each in asked]


def test_nearest_of_no_vectors_are_none() -> None:
    found = nearest(VECTORS[:0], QUESTIONS[0], 5)
    assert [len(each) for each in found] == [0, 0]


def test_decoding_is_what_numpy_says() -> None:
    assert np.array_equal(decode(VECTORS), VECTORS.astype(np.float32))
    assert decode(VECTORS[:0]).shape == (0, WIDTH)


def test_index_that_grows_past_every_limit_answers_the_same(
    open_index: Callable[[], IndexStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vectorstore.index.projection.codes.CODED_FROM", 60)
    monkeypatch.setattr(codes, "LISTS_FROM", 300)
    monkeypatch.setattr(dense, "EXACT_BELOW", 0)
    store, kinds = open_index(), set()
    for step in range(12):
        with store.draft() as draft:
            for number in range(step * 50, step * 50 + 50):
                put(draft, sample(f"{number}.md", f"Fact {number}."))
        for reader in (store, open_index()):
            opened = reader.opened()
            assert opened is not None
            with reader.snapshot() as snapshot:
                for number in (0, step * 50, step * 50 + 49):
                    made = sample(f"{number}.md", f"Fact {number}.")
                    best = snapshot.search("", made.vectors[0], scope=OPERATOR, limit=1)[0]
                    assert best.chunk == made.chunks[0]
                coded = opened.projections(snapshot.generation).dense.codes
                kinds.add((type(coded).__name__, isinstance(coded, RaBitQCodes) and coded.probes > 0))
    assert IndexUpkeep(store).verify().sound
    assert {("HalfCodes", False), ("RaBitQCodes", False)} <= kinds


def test_where_lists_find_too_little_a_scan_reranks_no_more_than_it_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(codes, "LISTS_FROM", 1_000)
    monkeypatch.setattr(RaBitQCodes, "probed", lambda *_, **__: np.empty(0, dtype=np.int64))
    found = codes.build_codes(VECTORS, recall_target=0.9)
    assert (found.probes, found.reranked) == (0, 200)


@pytest.mark.parametrize("meanwhile", ["replaced", "swept away"])
def test_codes_that_a_writer_takes_between_check_and_reading_are_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, meanwhile: str
) -> None:
    manifest = written(tmp_path, monkeypatch)
    assert dense_files.load_dense(tmp_path, manifest, dimension=WIDTH) is not None
    path = tmp_path / manifest.folder / dense_files.CODES

    def late(*paths: Path, reranked: int) -> RaBitQCodes:
        if meanwhile == "replaced":
            write_atomically(path, path.read_bytes())
        else:
            shutil.rmtree(path.parent)
        return load_codes(*paths, reranked=reranked)

    monkeypatch.setattr(dense_files, "load_codes", late)
    assert dense_files.load_dense(tmp_path, manifest, dimension=WIDTH) is None


@pytest.mark.parametrize("share", [0.5, 0.1])
def test_vectors_that_a_caller_may_not_read_change_nothing_of_what_codes_find(
    share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dense, "CODED_FROM", 100)
    monkeypatch.setattr(dense, "RERANKED_BESIDE_OTHERS", 50)
    mask = np.random.default_rng(3).random(COUNT) < share
    found = []
    for hidden in (VECTORS, clustered(COUNT, seed=8)):
        vectors = np.where(mask[:, np.newaxis], VECTORS, hidden)
        searched = Dense(
            rows=np.arange(COUNT),
            owners=np.arange(COUNT),
            vectors=vectors,
            codes=codes.build_codes(vectors, recall_target=0.99),
        )
        told = [searched.search(each, 40, allowed_of(mask), alone=False) for each in QUESTIONS]
        found.append([(each.rows.tolist(), each.scores.tolist()) for each in told])
    assert found[0] == found[1]
