"""Word search finds the same whether all of a question's words are looked for or the frequent ones only score."""

import random
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from vectorstore.index.projection import word_index
from vectorstore.index.projection.word_index import WordIndex
from vectorstore.index.truth.read import IndexedChunk
from vectorstore.types import Chunk, ChunkId, DocumentId, Span

COUNT = 4_000
WORDS = {"everywhere": 0.9, "often": 0.4, "sometimes": 0.05, "seldom": 0.01, "ERR-4012": 0.005}
QUESTION = "everywhere often sometimes seldom err-4012 nowhere"


def chunks() -> Iterator[IndexedChunk]:
    chance = random.Random(1)
    for row in range(COUNT):
        words = [word for word, share in WORDS.items() if chance.random() < share]
        text = " ".join([*words, *words[: chance.randrange(3)], "filler"])
        chunk = Chunk(ChunkId(str(row)), DocumentId(str(row // 2)), row % 2, text, Span(0, len(text)))
        yield IndexedChunk(row, row // 2, "", f"{row // 2}.md", chunk)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> WordIndex:
    made = WordIndex(tmp_path_factory.mktemp("lexical"))
    made.add(chunks())
    return made


def found(index: WordIndex, limit: int, documents: np.ndarray | None = None) -> dict[int, float]:
    hits = index.search(QUESTION, limit, within=documents)
    assert (np.diff(hits.scores) <= 0).all()
    return dict(zip(hits.rows.tolist(), hits.scores.tolist(), strict=True))


@pytest.mark.parametrize(
    "documents", [None, np.arange(0, 2_000, 30), np.arange(0, 2_000, 1), np.arange(1_500)]
)
def test_frequent_words_that_only_score_change_nothing_of_what_is_best(
    index: WordIndex, monkeypatch: pytest.MonkeyPatch, documents: np.ndarray | None
) -> None:
    whole = found(index, COUNT, documents)
    monkeypatch.setattr(word_index, "_SOME", 0)
    monkeypatch.setattr(word_index, "_MUCH", 0)
    best = found(index, 10, documents)
    assert len(best) == 10
    assert sorted(best.values()) == pytest.approx(sorted(whole.values())[-10:], rel=1e-5)
    assert all(score == pytest.approx(whole[row], rel=1e-5) for row, score in best.items())


def test_frequent_words_are_not_looked_for_in_a_large_index(
    index: WordIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = {each.row: each.chunk.text for each in chunks()}
    assert any("seldom" not in text[row] for row in found(index, 500))
    monkeypatch.setattr(word_index, "_SOME", 0)
    monkeypatch.setattr(word_index, "_MUCH", 0)
    monkeypatch.setattr(word_index, "_SPARE", 0.01)
    rare = found(index, 10)
    assert rare
    assert all("ERR-4012" in text[row] for row in rare)


@pytest.mark.parametrize("typed", ["seldmo", "sellom", "selddom", "sldom"])
def test_a_word_that_no_document_holds_is_looked_for_one_slip_away(index: WordIndex, typed: str) -> None:
    right = index.search("seldom", COUNT)
    assert set(index.search(typed, COUNT).rows) == set(right.rows)


@pytest.mark.parametrize("typed", ["ofte", "ERR-4013", "seldoomm"])
def test_short_words_codes_and_two_slips_are_not_guessed_at(index: WordIndex, typed: str) -> None:
    found = index.search(typed, COUNT)
    texts = {each.row: each.chunk.text for each in chunks()}
    assert all("ERR" in texts[row] for row in found.rows)


def test_documents_that_hold_no_word_of_the_question_are_not_found(index: WordIndex) -> None:
    holding = [each.row for each in chunks() if each.chunk.text != "filler"]
    assert len(holding) < COUNT
    assert sorted(found(index, COUNT, np.arange(500))) == [row for row in holding if row < 1_000]


@pytest.mark.parametrize("limit", [1, 5, 40, 300])
@pytest.mark.parametrize("readable", [None, np.arange(0, 2_000, 3)])
def test_looking_for_the_rarest_words_first_finds_the_same_to_the_bit(
    index: WordIndex, monkeypatch: pytest.MonkeyPatch, limit: int, readable: np.ndarray | None
) -> None:
    questions = [" ".join(some) for count in (2, 3, 5) for some in combinations([*WORDS, "sellom"], count)]

    def all_found() -> list[tuple[list[int], list[float]]]:
        found = [index.search(each, limit, readable=readable) for each in questions]
        return [(each.rows.tolist(), each.scores.tolist()) for each in found]

    whole = all_found()
    monkeypatch.setattr(word_index, "_SOME", 0)
    monkeypatch.setattr(word_index, "_SEEK", 0.01)
    assert all_found() == whole


def test_segments_are_few_and_hold_what_one_would(tmp_path: Path, index: WordIndex) -> None:
    made, every = WordIndex(tmp_path), list(chunks())
    for start in range(0, COUNT, 90):
        made.add(every[start : start + 90])
    assert len(list(tmp_path.iterdir())) < 8
    for each in (made, WordIndex(tmp_path)):
        for question in (QUESTION, "often", "seldmo"):
            told, wanted = each.search(question, 100), index.search(question, 100)
            assert told.rows.tolist() == wanted.rows.tolist()
            assert told.scores.tolist() == wanted.scores.tolist()
