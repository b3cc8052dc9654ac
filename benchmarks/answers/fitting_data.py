"""What the reader is fitted on: questions with the passages that a search brings, and which sentences answer.

Office questions (the part for fitting), SQuAD 2.0's articles for fitting, and facts of our own; each also with what
answers it taken away. Nothing of it is reported on.
"""

import csv
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from app.events import Passage
from app.language.reading import Line
from app.question import Message, Part, Question
from app.settings import AnswerSettings
from app.turn.retrieve import Retriever
from app.understand.condense import parts_of, standalone
from benchmarks.answers.splits import part_of
from benchmarks.answers.squad import FILE as SQUAD
from benchmarks.answers.squad import questions
from vectorstore.language.sentences import sentence_spans
from vectorstore.types import Hit, Scope

SHARED = Path(__file__).parents[2] / "../shared/data"
FACTS = Path(__file__).with_name("fitting_facts.tsv")
FACTS_ACROSS = Path(__file__).with_name("fitting_facts_across.tsv")
"""The same, the question in another language than the fact."""
_OPERATOR = Scope(unrestricted=True)


@dataclass(frozen=True)
class Sample:
    """A question with its passages. `answers` are the patterns and places by which a sentence is known to answer."""

    source: str
    group: str
    part: Part
    passages: tuple[Passage, ...]
    hits: tuple[Hit, ...]
    answerable: bool
    must: tuple[str, ...] = ()
    quotes: tuple[str, ...] = ()

    def holds(self, line: Line) -> bool:
        """Say whether a sentence says what must be said, and is of what the answer stands on."""
        said = {*_words(line.text)}
        near = max(
            (len(said & q) / max(1, min(len(said), len(q))) for q in map(_bag, self.quotes)), default=0.0
        )
        return near > 0.5 and all(re.search(each, line.text, re.I | re.S) for each in self.must)

    def overlaps(self, line: Line) -> bool:
        """Say whether a sentence is mostly of what the answer stands on."""
        said = _bag(line.text)
        return any(len(said & q) >= 0.6 * max(1, min(len(said), len(q))) for q in map(_bag, self.quotes))


def _sentence_around(text: str, place: int) -> str:
    return next(text[start:end] for start, end in sentence_spans(text) if place < end)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _bag(text: str) -> frozenset[str]:
    return frozenset(_words(text))


def office(retriever: Retriever, file: Path) -> Iterator[Sample]:
    """Yield the office questions of a file, over an index of the three handbooks."""
    for line in file.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        history = tuple(Message(each["role"], each["content"]) for each in row.get("history", []))
        alone = standalone(row["question"], history)
        parts = parts_of(alone)
        texts = [alone.whole, *(part.whole for part in parts)] if len(parts) > 1 else [alone.whole]
        question = Question(row["question"], _OPERATOR, history, top_k=AnswerSettings().top_k)
        found = retriever.trace(question, texts)
        quotes = tuple(each["quote"] for each in row.get("evidence", ()))
        yield from _with_and_without(
            Sample(
                "office", row["group"], alone, retriever.pack(found).passages, found.hits, row["answerable"],
                tuple(row.get("must_include", ())), quotes,
            )
        )  # fmt: skip


def squad(
    retriever: Retriever, *, most: int, file: Path = SQUAD, question: Mapping[str, str] | None = None
) -> Iterator[Sample]:
    """Yield every so manieth question of the articles for fitting, over an index of their paragraphs.

    `question` says by id how questions read that are asked in another language than the file's.
    """
    rows = [asked for asked in questions(file) if part_of(asked.article) == "fitting"]
    for asked in islice(rows, 0, None, max(1, len(rows) // most)):
        quotes = tuple(_sentence_around(asked.context, start) for start in asked.starts)
        must = ("|".join(re.escape(answer) for answer in asked.answers),) if asked.answers else ()
        text = question[asked.id] if question else asked.text
        yield from _searched(retriever, "squad", asked.article, text, asked.answerable, must, quotes)


def facts(retriever: Retriever, file: Path = FACTS) -> Iterator[Sample]:
    """Yield our own facts: the question that each answers, and one about the same thing that nothing answers."""
    for fact, question, other in csv.reader(file.open(encoding="utf-8"), delimiter="\t"):
        yield from _searched(retriever, "facts", fact, question, True, (), (fact,))
        yield from _searched(retriever, "facts", fact, other, False, (), ())


def _searched(
    retriever: Retriever,
    source: str,
    group: str,
    text: str,
    answerable: bool,
    must: tuple[str, ...],
    quotes: tuple[str, ...],
) -> Iterator[Sample]:
    found = retriever.trace(Question(text, _OPERATOR, top_k=AnswerSettings().top_k))
    yield from _with_and_without(
        Sample(
            source, group, Part(text), retriever.pack(found).passages, found.hits, answerable, must, quotes
        )
    )


def _with_and_without(sample: Sample) -> Iterator[Sample]:
    """Yield a sample, and where it is answerable the same with the passages taken away that hold its quotes."""
    yield sample
    if sample.answerable:
        rest = tuple(
            each for each in sample.passages if not any(_holds(each, quote) for quote in sample.quotes)
        )
        yield replace(
            sample, source=f"{sample.source} withheld", passages=rest, answerable=False, must=(), quotes=()
        )


def _holds(passage: Passage, quote: str) -> bool:
    wanted = _bag(quote)
    return len(wanted & _bag(passage.text)) >= 0.8 * len(wanted)
