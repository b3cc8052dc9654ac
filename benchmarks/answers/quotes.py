"""Measure which sentences the extractive answer quotes, on ClapNQ: people's questions, passages, chosen sentences.

    python -m benchmarks.answers.quotes --cache FOLDER          # all 300 passages searched, six hits each
    python -m benchmarks.answers.quotes --cache FOLDER --given  # the right passage alone, as the data set has it

The figure: of the sentences that annotators selected, the share that the answer's first three sentences quote.
"""

import argparse
import asyncio
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.events import Passage
from app.question import Part
from app.reader.answerable import Thresholds, read_passages
from app.reader.extractive import ExtractiveAnswerer
from benchmarks.kept_vectors import KeptVectors
from vectorstore.language.sentences import sentence_spans
from vectorstore.language.words import words
from vectorstore.types import Chunk, Document, Span, Vectors, chunk_id, document_id

FILE = Path(__file__).parents[2] / "../shared/data/clapnq/clapnq_dev_answerable.jsonl"
_HITS = 6


@dataclass(frozen=True, slots=True)
class Question:
    """A question, its passage, and the sentences that each annotator selected."""

    text: str
    passage: Passage
    selected: tuple[tuple[str, ...], ...]


def questions() -> Iterator[Question]:
    """Yield the answerable questions."""
    for line in FILE.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        passage = row["passages"][0]
        selected = tuple(
            tuple(sentence for sentence in output["selected_sentences"] if sentence)
            for output in row["output"]
        )
        yield Question(
            row["input"], _passage(row["id"], passage["title"], " ".join(passage["sentences"])), selected
        )


def _passage(uri: str, title: str, text: str) -> Passage:
    digest = hashlib.sha256(text.encode()).hexdigest()
    document = Document(
        document_id(tenant="default", uri=uri, digest=digest), uri, title, "text/plain", digest
    )
    chunk = Chunk(
        chunk_id(document=document.id, position=0, text=text), document.id, 0, text, Span(0, len(text))
    )
    return Passage(1, document, chunk.span, text, (chunk.id,), context=title)


def nearest(vectors: Vectors, question: int, query: Vectors, passages: list[Passage]) -> list[Passage]:
    """Return the passages nearest to a question by meaning, numbered."""
    order = np.argsort(-(vectors @ query[question]))[:_HITS]
    return [
        Passage(n, p.document, p.span, p.text, p.chunks, context=p.context)
        for n, p in enumerate((passages[i] for i in order), start=1)
    ]


async def extract(question: str, passages: list[Passage], embedder: KeptVectors) -> str:
    """Return what the extractive answerer says, whether or not the passages are held to answer."""
    part = Part(question)
    vector = embedder.embed_query(part.whole)
    read = asyncio.get_running_loop().create_future()
    read.set_result(
        read_passages([part], [vector], passages, embedder=embedder, thresholds=Thresholds(0.0, 0.0))
    )
    answerer = ExtractiveAnswerer(read, language="en")
    pieces = answerer.write(question, passages=passages, history=())
    return "".join([piece async for piece in pieces if isinstance(piece, str)])


async def first_three(question: str, passages: list[Passage], embedder: KeptVectors) -> str:
    """Return the first three sentences of the answer."""
    text = await extract(question, passages, embedder)
    spans = sentence_spans(text, quotations=True)[:3]
    return text[: spans[-1][1]] if spans else ""


def share(answer: str, selected: tuple[tuple[str, ...], ...]) -> float:
    """Return the best annotator's share of sentences that the answer holds."""
    spoken = f" {' '.join(words(answer))} "
    best = 0.0
    for sentences in selected:
        held = [f" {' '.join(words(sentence))} " in spoken for sentence in sentences]
        best = max(best, sum(held) / max(1, len(held)))
    return best


def main() -> None:
    """Print the figure, beside the passage's first three sentences as a baseline."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--given", action="store_true")
    arguments = parser.parse_args()
    embedder = KeptVectors(arguments.cache)
    rows = list(questions())
    passages = [row.passage for row in rows]
    vectors = embedder.embed_documents([f"{p.context}\n{p.text}" for p in passages])
    query = embedder.embed_documents([row.text for row in rows])
    ours, baseline = [], []
    for number, row in enumerate(rows):
        given = [row.passage] if arguments.given else nearest(vectors, number, query, passages)
        ours.append(share(asyncio.run(first_three(row.text, given, embedder)), row.selected))
        lead = sentence_spans(given[0].text)[:3]
        baseline.append(share(given[0].text[: lead[-1][1]], row.selected))
    embedder.save()
    for name, values in (("extractive", ours), ("first three sentences", baseline)):
        mean, spread = float(np.mean(values)), 1.96 * float(np.std(values)) / len(values) ** 0.5
        print(f"{name:22} {mean:.3f} ± {spread:.3f} of the selected sentences, {len(values)} questions")


if __name__ == "__main__":
    main()
