"""What a reader should know of how far the figures carry, in the same words in every report."""

from collections.abc import Sequence

from eval.compare import Comparison
from eval.run import Evaluation
from eval.summary import counted
from eval.verdict import Judgement

_HEADLINES = (
    ("Groundedness", "groundedness", "Share of sentences that the passages support. The checker finds additions; a sentence "
     "turned into its opposite by one word it often misses."),
    ("Answer relevance", "answer_relevance", "Whether answers fit their own question best. It detects answers off the topic "
     "and nothing else, and never gates."),
)  # fmt: skip
LIMITS = "Citation scores rest on the same checker as groundedness, with the same limits."


def headlines(found: Evaluation) -> list[tuple[str, str, str]]:
    """Return the two headline figures: name, mean with its interval, and what it cannot tell."""
    return [
        (name, f"{mean.value:.3f} ({mean.low:.3f} – {mean.high:.3f})", limit)
        for name, metric, limit in _HEADLINES
        if (mean := found.means.get(metric)) is not None
    ]


def notes(found: Evaluation, judgement: Judgement) -> list[str]:
    """Return what a reader should know of how far the figures carry."""
    lines = []
    comparison = judgement.comparison
    if judgement.baseline_problem:
        lines.append(f"Nothing was compared: {judgement.baseline_problem}.")
    elif comparison is not None:
        lines += _compared(comparison)
    if judgement.quarantined:
        held = "; ".join(f"{name}: {reason}" for name, reason in sorted(judgement.quarantined.items()))
        lines.append(f"In quarantine, not gating: {held}.")
    if judgement.unreviewed:
        lines.append(f"Not reviewed, and not gating: {counted(judgement.unreviewed)}.")
    unstable = [row.id for row in found.rows if row.unstable]
    if unstable:
        lines.append(f"Passed in some runs and failed in others: {', '.join(unstable)}.")
    if found.noise:
        worst = max(found.noise, key=lambda name: found.noise[name])
        lines.append(f"Between repeats the means vary by {found.noise[worst]:.4f} at most ({worst}).")
    if judgement.errors:
        lines.append(f"Broken, and counted in no mean: {judgement.errors} of {counted(judgement.cases)}.")
    return lines


def _compared(comparison: Comparison) -> list[str]:
    gated = [change for change in comparison.changes if change.gated]
    lines = [f"Compared with {comparison.baseline.name}: {counted(comparison.paired)}."]
    if gated:
        sizes = sorted((change.detectable, change.metric) for change in gated)
        named = " to ".join(f"{size:.3f} ({metric})" for size, metric in dict.fromkeys((sizes[0], sizes[-1])))
        lines.append(f"A mean may drop by less than this and go unnoticed (80 % power): {named}.")
    if comparison.varies and comparison.flips:
        lines.append(
            "A language model answers, and no two runs are alike: a single check that breaks fails the run in "
            "critical cases only, with --repeat only when it breaks every time."
        )
    for what, ids in (("new", comparison.new), ("changed, and not compared", comparison.altered)):
        if ids:
            lines.append(f"Cases that are {what}: {_some(ids)}.")
    if comparison.rescored:
        lines.append(f"Scored differently now, and not compared: {', '.join(comparison.rescored)}.")
    allowed = {flip.id for flip in comparison.flips} - {flip.id for flip in comparison.broken}
    if allowed:
        lines.append(f"Newly failing a check, as allowed: {_some(sorted(allowed))}.")
    return lines


def _some(ids: Sequence[str]) -> str:
    return ", ".join(ids[:8]) + (f" and {len(ids) - 8} more" if len(ids) > 8 else "")
