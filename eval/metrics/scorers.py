"""Every metric of a single outcome, and a version for each: what it says about a fixed set of probes.

A version made of behaviour changes when a scorer does, or the support checker under it, and stays when only its
code is tidied. Scores of different versions are never compared.
"""

import hashlib
import math
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TypeAlias

from app.events import Citation, Passage
from eval.cases import Case, Evidence, Nugget
from eval.metrics.answer import CORRECTNESS, citations, contents, correctness, groundedness, nuggets
from eval.metrics.outcome import ERROR, PLAIN, Outcome, Ruler, Score
from eval.metrics.refusal import refusal
from eval.metrics.retrieval import retrieval
from vectorstore.errors import Unavailable
from vectorstore.plugins import PlugIn, passed_over, plug_ins
from vectorstore.types import Document, DocumentId, Span

K = 5
_TEXT = (
    "Staff get 25 days of annual leave a year, interns get 12 days. Up to 5 days may be carried over. "
    "They expire on 31 March. Taxis need the approval of a manager, and receipts are handed in within 30 days."
)
_ANSWERS = (
    "Staff get 25 days of annual leave a year, interns get 12 days. [1] They expire on 31 March. [1]",
    "Staff get 28 days of annual leave a year. [1] A manager approves a taxi beforehand. [1]",
    "Receipts are handed in within a month, and up to 5 days can be taken into the next year. [1]",
    "Interns get fewer days than staff. [1] The canteen serves lunch until two, which everybody likes.",
    "Up to 5 days may not be carried over. [1] Leave expires on 31 December. [2]",
    "They lapse at the end of March unless a manager has agreed to something else. [1]",
)


def scores_of(outcome: Outcome, ruler: Ruler = PLAIN) -> dict[str, Score]:
    """Score one outcome by every metric that needs no other outcome; a broken turn scores `error` throughout."""
    rows = (
        retrieval(outcome, k=K),
        groundedness(outcome, ruler),
        citations(outcome, ruler),
        refusal(outcome),
        contents(outcome),
        correctness(outcome, ruler),
        nuggets(outcome, ruler),
    )
    scores = {name: score for row in rows for name, score in row.items()}
    return dict.fromkeys(scores, ERROR) if outcome.error else scores


def versions(ruler: Ruler = PLAIN) -> dict[str, str]:
    """Return each metric's version. Words weigh as in general English here: a document more makes no new scorer."""
    said: dict[str, list[str]] = {name: [ruler.words] for name in CORRECTNESS}
    probed = Ruler(ruler.tau)
    for probe in _probes():
        for name, score in scores_of(probe, probed).items():
            said.setdefault(name, []).append(f"{score.status} {score.value:.2f}")
    return {name: _version(values) for name, values in sorted(said.items())}


def _version(said: Sequence[str]) -> str:
    return hashlib.sha256(" ".join(said).encode()).hexdigest()[:8]


Metric: TypeAlias = Callable[[Outcome], Score]


class PluggedMetrics:
    """The metrics of plug-ins whose names are none of ours (`own`).

    One that breaks on any case is left out of the whole run, so that its mean is never one over the easy cases.
    """

    def __init__(self, own: Collection[str]) -> None:
        self.left_out = passed_over("metric", own=own)
        """A sentence for each that is not used."""
        self._metrics: dict[str, tuple[PlugIn, Metric]] = {}
        for name, plug_in in plug_ins("metric", own=own).items():
            try:
                self._metrics[name] = plug_in, plug_in.load()
            except Unavailable as error:
                self.left_out.append(error.what)

    def names(self) -> list[str]:
        """Return the names of those that can be used so far."""
        return list(self._metrics)

    def scores(self, outcomes: Sequence[Outcome]) -> list[dict[str, Score]]:
        """Score every outcome by each metric; a broken turn scores `error`."""
        columns: dict[str, list[Score]] = {}
        for name, (plug_in, metric) in list(self._metrics.items()):
            try:
                columns[name] = [ERROR if each.error else _sound(metric(each)) for each in outcomes]
            except Exception as error:  # noqa: BLE001 - the edge: another's code, and the other metrics stand
                self.left_out.append(plug_in.broken("broke and is left out", error).what)
                del self._metrics[name]
        return [{name: column[place] for name, column in columns.items()} for place in range(len(outcomes))]

    def versions(self) -> dict[str, str]:
        """Return the version of each that scored."""
        return {name: _version(list(_said(metric))) for name, (_, metric) in self._metrics.items()}


def _said(metric: Metric) -> Iterator[str]:
    for probe in _probes():
        try:
            score = _sound(metric(probe))
        except Exception as error:  # noqa: BLE001 - the edge: what it does to a probe is its version
            yield type(error).__name__
        else:
            yield f"{score.status} {score.value:.2f}"


def _sound(score: object) -> Score:
    if not isinstance(score, Score) or not math.isfinite(score.value) or not 0 <= score.value <= 1:
        raise ValueError(f"{score!r} is no Score from 0 to 1")
    return score


def _probes() -> list[Outcome]:
    document = Document(DocumentId("doc_probe"), "probe.md", "Probe", "text/markdown", "0")
    passage = Passage(1, document, Span(0, len(_TEXT)), _TEXT, ())
    case = Case(
        id="probe",
        question="How many days of leave do I get, and when do they expire?",
        reference="Staff get 25 days of leave; they expire on 31 March.",
        evidence=(Evidence(doc="probe.md", quote="They expire on 31 March"), Evidence(doc="other.md")),
        nuggets=(Nugget(text="25 days"), Nugget(text="expire on 31 March", vital=False)),
        must_include=("25 days",),
    )
    answered = [_answered(case, answer, passage) for answer in _ANSWERS]
    both = [case.model_copy(update={"answerable": answerable}) for answerable in (True, False)]
    refused = [Outcome(each, refused=True) for each in both]
    unsure = [Outcome(each, f"I am not sure: {_ANSWERS[0]}", unsure=True) for each in both]
    return answered + refused + unsure


def _answered(case: Case, answer: str, passage: Passage) -> Outcome:
    """Give an answer one citation, over its first sentence, that rests on half support."""
    end = answer.index(".") + 1
    quote = _TEXT[:40]
    cited = Citation(1, (end + 1, end + 4), (0, end), passage.document, Span(0, 40), quote, 0.5)
    return Outcome(case, answer, passages=(passage,), citations=(cited,), verbatim=(True,))
