"""What metrics measure, a case's outcome; what with, a ruler; and what they say, a score."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from app.events import Citation, Passage, SentenceChecked
from app.events import Outcome as Said
from app.support.ground import SUPPORTED
from eval.cases import Case
from vectorstore.language.words import rarity, rarity_among, stem, words


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
    unsure: bool = False
    passages: tuple[Passage, ...] = ()
    citations: tuple[Citation, ...] = ()
    verbatim: tuple[bool, ...] = ()
    sentences: tuple[SentenceChecked, ...] = ()
    first_text_seconds: float | None = None
    seconds: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0
    error: str = ""

    @property
    def outcome(self) -> Said:
        """What came of the question, in one word."""
        return "refused" if self.refused else "unsure" if self.unsure else "answered"


_FEW = 50
"""Chunks; of fewer, how often a word occurs tells little."""


@dataclass(frozen=True, slots=True)
class Ruler:
    """`tau` is the support from which on a sentence counts; `weight` the rarity of a stem, and `words` where it is of."""

    tau: float = SUPPORTED
    weight: Callable[[str], float] = rarity
    words: str = "general English"


PLAIN = Ruler()


def corpus_ruler(chunks: Iterable[str], *, tau: float = SUPPORTED) -> Ruler:
    """Weigh stems by how few of the index's chunks hold them; by general English where those are under fifty."""
    held: Counter[str] = Counter()
    count = 0
    for text in chunks:
        held.update({stem(word) for word in words(text)})
        count += 1
    if count < _FEW:
        return Ruler(tau)
    return Ruler(tau, rarity_among(count, held), "corpus")
