"""What came back for a case, in the terms that metrics need."""

from dataclasses import dataclass
from typing import Literal

from app.events import Citation, Passage, SentenceChecked
from eval.cases import Case


@dataclass(frozen=True, slots=True)
class Score:
    """`value` in [0, 1] counts only when `status` is ok."""

    status: Literal["ok", "not_applicable", "error"]
    value: float = 0.0


NOT_APPLICABLE = Score("not_applicable")
ERROR = Score("error")


def ok(value: float) -> Score:
    """Return a score that counts."""
    return Score("ok", float(value))


@dataclass(frozen=True, slots=True)
class Outcome:
    """One answered case. `error` is set when the turn failed; then the rest is what came before.

    `verbatim` says, for each citation, whether its quote stands at its offsets in the document. `sentences`
    are the answer's, as the live turn checked them. Tokens and times are 0 where the target does not tell.
    """

    case: Case
    answer: str = ""
    refused: bool = False
    passages: tuple[Passage, ...] = ()
    citations: tuple[Citation, ...] = ()
    verbatim: tuple[bool, ...] = ()
    sentences: tuple[SentenceChecked, ...] = ()
    first_text_seconds: float | None = None
    seconds: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0
    error: str = ""
