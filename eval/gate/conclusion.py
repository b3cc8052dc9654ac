"""One conclusion behind every output: the same object decides the text and the exit code."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from eval.gate.cause import causes
from eval.gate.compare import Comparison, Tolerance
from eval.gate.thresholds import Held, Threshold, hold
from eval.metrics.row import Row
from eval.metrics.summary import counted
from eval.run import Evaluation, means_of

_FEW = 3


class Exit(IntEnum):
    """What `footnote eval` tells the shell."""

    PASSED = 0
    FAILED = 1
    USAGE = 2
    INCOMPLETE = 3
    NO_BASELINE = 4
    NO_CASES = 5


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What the gates say. `baseline_problem` is empty, or says why there was nothing to compare with."""

    thresholds: tuple[Held, ...]
    comparison: Comparison | None = None
    causes: tuple[str, ...] = ()
    errors: int = 0
    cases: int = 0
    max_error_rate: float = 0.0
    baseline_problem: str = ""
    require_baseline: bool = False
    quarantined: Mapping[str, str] | None = None
    unreviewed: int = 0

    @property
    def incomplete(self) -> bool:
        """Whether more cases broke than allowed."""
        return self.errors > self.max_error_rate * self.cases

    @property
    def exit(self) -> Exit:
        """The exit code: an incomplete run judges nothing, then a missing baseline, then the gates."""
        if self.incomplete:
            return Exit.INCOMPLETE
        if self.require_baseline and self.baseline_problem:
            return Exit.NO_BASELINE
        held = all(held.passed for held in self.thresholds)
        return Exit.PASSED if held and (self.comparison is None or self.comparison.passed) else Exit.FAILED

    @property
    def headline(self) -> str:
        """The conclusion in a line."""
        match self.exit:
            case Exit.INCOMPLETE:
                return f"incomplete: {self.errors} of {counted(self.cases)} broke"
            case Exit.NO_BASELINE:
                return f"no comparison: {self.baseline_problem}"
            case Exit.FAILED:
                return "failed: " + "; ".join(self._missed())
        drops = [] if self.comparison is None else self.comparison.unclear
        return "passed" + (f", with inconclusive drops in {', '.join(drops)}" if drops else "")

    def _missed(self) -> list[str]:
        missed = [f"{held.gate} is {held.says}" for held in self.thresholds if not held.passed]
        if len(missed) > 1:
            missed = [f"{len(missed)} of {len(self.thresholds)} thresholds missed"]
        if self.comparison is not None:
            if fell := [change.metric for change in self.comparison.failures]:
                missed.append(f"{_listed(fell)} got worse")
            broken = {flip.id: flip.critical for flip in self.comparison.broken}
            if broken:
                many = _listed(list(broken)) if len(broken) <= _FEW else f"{len(broken)} cases"
                hard = sum(broken.values())
                also = f" ({hard} critical)" if hard else ""
                missed.append(f"a check newly fails in {many}{also}")
        return missed


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def conclude(
    found: Evaluation,
    *,
    thresholds: Sequence[Threshold],
    tolerance: Tolerance,
    comparison: Comparison | None = None,
    baseline_problem: str = "",
    require_baseline: bool = False,
    max_error_rate: float = 0.0,
) -> Conclusion:
    """Hold an evaluation against thresholds and, where there is one, a baseline."""
    gating: list[Row] = tolerance.gating(found.rows)
    comparable = comparison is None or not comparison.not_comparable
    return Conclusion(
        thresholds=tuple(hold(thresholds, means_of(gating))),
        comparison=comparison,
        causes=causes(found.rows, comparison, found.missing),
        errors=found.errors,
        cases=len(found.rows),
        max_error_rate=max_error_rate,
        baseline_problem=baseline_problem
        or ("" if comparable or comparison is None else comparison.not_comparable),
        require_baseline=require_baseline,
        quarantined=dict(tolerance.quarantine or {}),
        unreviewed=0 if tolerance.allow_unreviewed else sum(not row.reviewed for row in found.rows),
    )
