"""Answers from a file: what any system said, scored by the same ruler as our own.

One JSON object a line, either as `footnote eval run` writes them (`cases.jsonl`) or in this short form:
`{"id": "hr-017", "answer": "20 weeks [1].", "passages": [{"doc": "leave.md", "text": "…"}]}`.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from app.events import Citation, Passage, SentenceChecked
from app.events import Outcome as Said
from app.support.claim import claim
from app.support.ground import check
from eval.cases import Case, parsed_line
from eval.metrics.outcome import Outcome
from eval.metrics.refusal import sounds_refused
from vectorstore.errors import BadInput, NotFound
from vectorstore.language.marks import MARKER, numbers, unmarked
from vectorstore.language.sentences import sentence_spans
from vectorstore.text_file import numbered_lines, read_text
from vectorstore.types import Document, DocumentId, Span

_OWN_FORM = frozenset(("question", "scores", "digest"))


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Read(_Strict):
    """A passage that the answer was written from; `n` is the number that markers cite, else its place from 1."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    doc: str = Field(default="", validation_alias=AliasChoices("doc", "uri", "url"))
    text: str = ""
    n: int | None = Field(default=None, ge=1)
    title: str = ""
    page: int | None = None
    start: int = 0
    score: float = 0.0


class Cite(_Strict):
    """A citation by place: the words [start, end) of the answer rest on passage `n`."""

    n: int
    start: int
    end: int


class Answer(_Strict):
    """What a system said to one case. Without `outcome` and `refused` the wording decides (`eval/metrics/refusal.py`)."""

    id: Annotated[str, Field(min_length=1)]
    answer: str = ""
    refused: bool | None = None
    outcome: Said | None = None
    passages: tuple[Read, ...] = ()
    citations: tuple[Cite, ...] = ()
    seconds: Annotated[float, Field(ge=0)] = 0.0
    first_text_seconds: Annotated[float, Field(ge=0)] | None = None
    input_tokens: Annotated[int, Field(ge=0)] = 0
    output_tokens: Annotated[int, Field(ge=0)] = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A file of answers as a target; a case without one counts as broken, never as left out."""

    name: str
    answers: Mapping[str, Answer]
    digest: str = ""

    def ask(self, cases: Sequence[Case]) -> list[Outcome]:
        """Look every case up."""
        return [self._outcome(case) for case in cases]

    def _outcome(self, case: Case) -> Outcome:
        found = self.answers.get(case.id)
        if found is None:
            return Outcome(case, error=f"{self.name} holds no answer to this case.")
        return outcome_of(case, found)

    def fingerprint(self) -> Mapping[str, str]:
        """Name the file's content."""
        return {"model": f"recorded {self.digest}"}

    def documents(self) -> None:
        """Return None: recorded answers do not tell which documents there were."""
        return


def load_answers(path: Path) -> Recorded:
    """Read a file of answers; raises NotFound, or BadInput naming the line."""
    if not path.is_file():
        raise NotFound(
            f"There is no file {str(path)!r}.", "Give recorded answers with --answers answers.jsonl."
        )
    text = read_text(path)
    found: dict[str, Answer] = {}
    for number, line in numbered_lines(text):
        answer = parsed_line(line, f"{path.name}, line {number}", _answer)
        if answer.id in found:
            raise BadInput(f"{path.name}, line {number}: the id {answer.id!r} is used twice.")
        found[answer.id] = answer
    return Recorded(path.name, found, hashlib.sha256(text.encode()).hexdigest()[:16])


def outcome_of(case: Case, said: Answer) -> Outcome:
    """Put an answer into the terms of the metrics; its markers are resolved and held against their passages."""
    passages = tuple(_passage(place, read) for place, read in enumerate(said.passages, start=1))
    citations = tuple(_citations(said, passages))
    refused = said.outcome == "refused" if said.outcome else said.refused
    if refused is None:
        refused = sounds_refused(said.answer) and not citations
    return Outcome(
        case=case,
        answer=said.answer,
        refused=refused and not said.error,
        unsure=said.outcome == "unsure" and not said.error,
        passages=passages,
        citations=citations,
        verbatim=(True,) * len(citations),
        sentences=tuple(_checked(said.answer, passages)),
        first_text_seconds=said.first_text_seconds,
        seconds=said.seconds,
        input_tokens=said.input_tokens,
        output_tokens=said.output_tokens,
        error=said.error,
    )


def _passage(place: int, read: Read) -> Passage:
    known = DocumentId(f"doc_{hashlib.sha256(read.doc.encode()).hexdigest()[:16]}")
    document = Document(known, read.doc, read.title, "", "")
    span = Span(read.start, read.start + len(read.text), read.page)
    return Passage(read.n or place, document, span, read.text, (), score=read.score)


def _citations(said: Answer, passages: Sequence[Passage]) -> list[Citation]:
    known = {passage.number: passage for passage in passages}
    spans = sentence_spans(said.answer, quotations=True)
    markers = [(number, match.span()) for match in MARKER.finditer(said.answer) for number in numbers(match)]
    places = markers or [(cite.n, (cite.start, cite.end)) for cite in said.citations]
    found = []
    for number, (start, end) in places:
        claim = next((span for span in spans if span[0] < max(end, start + 1) and start < span[1]), None)
        if number not in known or claim is None:
            continue
        bare = unmarked(said.answer[claim[0] : claim[1]]).strip()
        rests = check(bare, [known[number]])
        document = known[number].document
        found.append(
            Citation(number, (start, end), claim, document, rests.evidence, rests.quote, rests.support)
        )
    return found


def _checked(answer: str, passages: Sequence[Passage]) -> list[SentenceChecked]:
    rests = [
        (start, end, check(claimed, passages))
        for start, end in sentence_spans(answer, quotations=True)
        if (claimed := claim(answer, start, end, passages))
    ]
    return [SentenceChecked(start, end, found.verdict, found.support) for start, end, found in rests]


def _answer(value: Any) -> Answer:
    if isinstance(value, dict) and value.keys() >= _OWN_FORM:
        unsure = {"outcome": "unsure"} if value.get("unsure") else {}
        kept = ("id", "answer", "refused", "passages", "error")
        value = {key: value[key] for key in kept if key in value} | unsure
    return Answer.model_validate(value)
