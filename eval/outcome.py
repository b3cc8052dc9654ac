"""What came back for a case, in the terms that metrics need."""

from dataclasses import dataclass

from app.events import Citation, Passage, SentenceChecked
from eval.cases import Case


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
