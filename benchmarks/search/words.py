"""Word search alone, by language: how many questions find their paragraph first and among five, and what it costs.

    python -m benchmarks.search.words [--part fitting|reporting|both] [--data ../shared/data]

XQuAD's 240 paragraphs are indexed in each language by themselves, and in all five together; a question is asked in
its paragraph's language. A paragraph's language is what the detector says, as for a document that is taken in. Beside
it stand SciFact's train and test part at nDCG@10, for what English loses or gains. No vector, no reranking.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import get_args

import numpy as np

from benchmarks.answers.sets import DATA, LANGUAGES, Paragraph, paragraphs_of
from benchmarks.answers.splits import PART, part_of
from benchmarks.search.retrieval import as_document, ndcg, scifact
from vectorstore.index.projection.word_index import WordIndex
from vectorstore.index.truth.read import IndexedChunk
from vectorstore.language.detect import language_throughout
from vectorstore.types import Chunk, ChunkId, DocumentId, Span

DEPTH = 100


def indexed(texts: Iterable[tuple[str, str, str]]) -> list[IndexedChunk]:
    """Return a chunk for each path, title and text."""
    made = []
    for row, (path, title, text) in enumerate(texts):
        chunk = Chunk(ChunkId(str(row)), DocumentId(str(row)), 0, text, Span(0, len(text)), context=title)
        spoken = tuple(filter(None, [language_throughout(text)]))
        made.append(IndexedChunk(row, row, title, path, chunk, spoken))
    return made


def filled(chunks: Sequence[IndexedChunk]) -> tuple[WordIndex, float]:
    """Return an index of the chunks, and the seconds of processor time that a thousand took."""
    index = WordIndex(Path(tempfile.mkdtemp(prefix="footnote-words-")))
    started = time.process_time()
    index.add(chunks)
    return index, (time.process_time() - started) * 1_000 / len(chunks)


def timed(index: WordIndex, questions: Iterable[str]) -> tuple[list[list[int]], float]:
    """Return the rows found for each question, and the median processor time in milliseconds."""
    found, times = [], []
    for question in questions:
        started = time.process_time()
        hits = index.search(question, DEPTH)
        times.append((time.process_time() - started) * 1_000)
        found.append(hits.rows.tolist())
    return found, float(np.median(times))


def across(
    index: WordIndex, paragraphs: Sequence[Paragraph], first: int, counts: Callable[[str], bool]
) -> str:
    """Return the cells of one language, whose paragraphs stand in the rows from `first` on."""
    asked = [
        (row, each.question)
        for row, paragraph in enumerate(paragraphs, first)
        if counts(paragraph.article)
        for each in paragraph.asked
    ]
    found, median = timed(index, [question for _, question in asked])
    hits = [
        np.mean([row in rows[:depth] for (row, _), rows in zip(asked, found, strict=True)])
        for depth in (1, 5)
    ]
    return f"{hits[0]:.3f} · {hits[1]:.3f} | {len(asked)} | {median:.2f}"


def main() -> None:
    """Measure, and print tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--part", choices=[*get_args(PART), "both"], default="both")
    parser.add_argument("--data", type=Path, default=DATA)
    options = parser.parse_args()
    if not (options.data / "xquad").is_dir():
        sys.exit(f"The test sets are not here: {options.data}")

    def counts(article: str) -> bool:
        return options.part == "both" or part_of(article.replace(" ", "_")) == options.part

    spoken = {name: paragraphs_of(f"xquad-{name}", options.data, None) for name in LANGUAGES}
    texts = {name: [(each.path, each.article, each.text) for each in own] for name, own in spoken.items()}
    print("| index | hit@1 · hit@5 | questions | ms | s per 1,000 |\n|---|---|---:|---:|---:|")
    for name, own in spoken.items():
        index, seconds = filled(indexed(texts[name]))
        print(f"| {name} | {across(index, own, 0, counts)} | {seconds:.2f} |")
    index, seconds = filled(indexed(text for own in texts.values() for text in own))
    first = 0
    for name, own in spoken.items():
        print(f"| {name} among all five | {across(index, own, first, counts)} | {seconds:.2f} |")
        first += len(own)
    print("\n| SciFact | nDCG@10 | questions | ms | s per 1,000 |\n|---|---:|---:|---:|---:|")
    for split in ("train", "test"):
        tests = scifact(split)
        made = [as_document(passage) for passage in tests.passages]
        index, seconds = filled(indexed((each.uri, each.title, chunk.text) for each, chunk in made))
        found, median = timed(index, [tests.questions[question] for question in tests.relevant])
        uris = [each.uri for each, _ in made]
        scores = [
            ndcg([uris[row] for row in rows], relevant, tests.cut)
            for rows, relevant in zip(found, tests.relevant.values(), strict=True)
        ]
        print(f"| {split} | {np.mean(scores):.4f} | {len(scores)} | {median:.2f} | {seconds:.2f} |")


if __name__ == "__main__":
    main()
