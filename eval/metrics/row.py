"""One scored case as it is kept in `cases.jsonl`: what every report, gate and comparison reads.

An evaluation that has just run and one that was stored last month look the same from here on.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, ValidationError

from eval.cases import Case
from eval.metrics.outcome import Outcome, Score
from vectorstore.errors import BadInput, NotFound
from vectorstore.text_file import numbered_lines, read_text


@dataclass(frozen=True, slots=True)
class Prices:
    """What a million tokens cost, and the most that a run may; 0 means that nothing is counted."""

    read: float = 0.0
    written: float = 0.0
    most: float = 0.0


CHECKS = ("abstention_accuracy", "must_include", "citation_validity")
"""Deterministic checks: a case passes one or fails it. Refusal, contents, markers that resolve."""
Kept: TypeAlias = float | Literal["not_applicable", "error"]


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Marked(_Kept):
    """A sentence of the answer, [start, end), as the support checker sees it."""

    start: int
    end: int
    verdict: str
    support: float


class Shown(_Kept):
    """A passage that the answer was written from."""

    n: int
    uri: str
    title: str = ""
    page: int | None = None
    score: float = 0.0
    text: str = ""


class Cited(_Kept):
    """A marker of the answer, resolved."""

    n: int
    uri: str
    quote: str = ""
    support: float = 0.0
    claim: tuple[int, int] = (0, 0)


class Row(_Kept):
    """A case, what came back for it, and its scores (over several runs: their mean).

    `passed` holds, for each check, the share of runs that passed it.
    """

    id: str
    question: str
    digest: str = ""
    group: str = ""
    tags: tuple[str, ...] = ()
    critical: bool = False
    reviewed: bool = False
    answerable: bool = True
    reference: str = ""
    gold: tuple[str, ...] = ()
    answer: str = ""
    refused: bool = False
    unsure: bool = False
    error: str = ""
    sentences: tuple[Marked, ...] = ()
    passages: tuple[Shown, ...] = ()
    citations: tuple[Cited, ...] = ()
    scores: dict[str, Kept] = {}
    passed: dict[str, float] = {}
    runs: int = 1

    def value(self, metric: str) -> float | None:
        """Return a score that counts, or None."""
        found = self.scores.get(metric)
        return float(found) if isinstance(found, int | float) else None

    @property
    def unstable(self) -> tuple[str, ...]:
        """The checks that some runs passed and others failed."""
        return tuple(name for name, share in sorted(self.passed.items()) if 0 < share < 1)

    @property
    def failed(self) -> tuple[str, ...]:
        """The checks that no run passed."""
        return tuple(name for name, share in sorted(self.passed.items()) if share == 0)


def make_row(case: Case, outcomes: list[Outcome], scores: list[Mapping[str, Score]]) -> Row:
    """Put one case's runs together; the first run's answer is the one that is shown."""
    shown = next((outcome for outcome in outcomes if not outcome.error), outcomes[0])
    return Row(
        id=case.id,
        question=case.question,
        digest=case_digest(case),
        group=case.group or case.id,
        tags=case.tags,
        critical=case.critical,
        reviewed=case.reviewed,
        answerable=case.answerable,
        reference=case.reference,
        gold=tuple(dict.fromkeys(evidence.doc for evidence in case.evidence)),
        answer=shown.answer,
        refused=shown.refused,
        unsure=shown.unsure,
        error=next((outcome.error for outcome in outcomes if outcome.error), ""),
        sentences=tuple(
            Marked(start=s.start, end=s.end, verdict=s.verdict, support=round(s.support, 4))
            for s in shown.sentences
        ),
        passages=tuple(
            Shown(
                n=p.number,
                uri=p.document.uri,
                title=p.document.title,
                page=p.span.page,
                score=round(p.score, 4),
                text=p.text,
            )
            for p in shown.passages
        ),
        citations=tuple(
            Cited(n=c.number, uri=c.document.uri, quote=c.quote, support=round(c.support, 4), claim=c.claim)
            for c in shown.citations
        ),
        scores={name: _together([row[name] for row in scores if name in row]) for name in _names(scores)},
        passed=_passed(scores),
        runs=len(outcomes),
    )


def case_digest(case: Case) -> str:
    """Return a hash that changes whenever the question, or what is expected of its answer, does."""
    aside = {"critical", "reviewed", "tags", "group", "note"} | ({"scope"} if case.scope is None else set())
    said = case.model_dump_json(exclude=aside)
    return hashlib.sha256(said.encode()).hexdigest()[:12]


def read_rows(path: Path) -> list[Row]:
    """Read a `cases.jsonl` that an evaluation wrote; raises NotFound, or BadInput naming the line."""
    if not path.is_file():
        raise NotFound(
            f"There is no file {str(path)!r}.", "Give a folder that `footnote eval run --out` wrote."
        )
    rows = []
    for number, line in numbered_lines(read_text(path)):
        try:
            rows.append(Row.model_validate_json(line))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the object"
            raise BadInput(f"{path.name}, line {number}: {where}: {first['msg'].lower()}.") from error
    return rows


def write_rows(rows: Iterable[Row], path: Path) -> None:
    """Write one JSON object a line."""
    path.write_text("".join(f"{row.model_dump_json()}\n" for row in rows), encoding="utf-8")


def _names(scores: list[Mapping[str, Score]]) -> list[str]:
    return sorted({name for row in scores for name in row})


def _together(runs: list[Score]) -> Kept:
    """Average the runs; one broken run makes the score an error, so that no row is dropped in silence."""
    if any(score.status == "error" for score in runs):
        return "error"
    values = [score.value for score in runs if score.status == "ok"]
    return round(sum(values) / len(values), 4) if values else "not_applicable"


def _passed(scores: list[Mapping[str, Score]]) -> dict[str, float]:
    shares = {}
    for name in CHECKS:
        runs = [row[name] for row in scores if name in row and row[name].status == "ok"]
        if runs:
            shares[name] = round(sum(score.value == 1 for score in runs) / len(runs), 4)
    return shares
