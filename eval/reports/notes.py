"""What a reader should know of how far the figures carry, in the same words in every report."""

from collections.abc import Sequence

from eval.gate.compare import NO_MODEL, Comparison
from eval.gate.conclusion import Conclusion
from eval.metrics.row import CHECKS, Row
from eval.metrics.summary import counted
from eval.run import Evaluation


def running(found: Evaluation) -> list[str]:
    """Return a line each on the answers, the scorers and the judge, as far as they are known."""
    took, lines = found.seconds, []
    if "answer, p95" in took:
        first = f", their first text {took['first text, p50']:.2f} s" if "first text, p50" in took else ""
        lines.append(
            f"Answers took {took['answer, p50']:.2f} s in the middle, {took['answer, p95']:.2f} s at the 95th percentile{first}."
        )
    if "tokens read, mean" in took:
        cost = took.get("cost of an answer, mean")
        price = "" if cost is None else f", {cost:.6f} an answer at --price"
        lines.append(
            f"{took['tokens read, mean']:.0f} tokens read and {took['tokens written, mean']:.0f} written an answer{price}."
        )
    if "scorers, CPU seconds" in took:
        lines.append(f"The scorers took {took['scorers, CPU seconds']:.1f} s of processor time.")
    if "judge, calls" in took:
        lines.append(
            f"The judge was asked {took['judge, calls']:.0f} times, {took['judge, from the cache']:.0f} verdicts came from "
            f"the cache, cost {took['judge, cost']:.4f}."
        )
    if found.spread:
        told = ", ".join(f"{name} {value:.3f}" for name, value in sorted(found.spread.items()))
        lines.append(f"Between its repeats the judge varies within a case, on average, by: {told}.")
    return lines


_LOST = (*CHECKS, "hit@5", "groundedness", "citation_recall")


def lost(row: Row) -> float:
    """Return how much a case lacks of being perfect; a broken turn lacks everything."""
    if row.error:
        return float(len(_LOST))
    return sum(1 - value for name in _LOST if (value := row.value(name)) is not None)


def ordered(rows: Sequence[Row], comparison: Comparison | None) -> list[Row]:
    """Return the rows, the worst first: what newly fails, then critical cases, then the most lost."""
    flipped = {flip.id for flip in comparison.flips} if comparison else set()
    return sorted(
        rows, key=lambda row: (row.id not in flipped, not (row.critical and lost(row)), -lost(row), row.id)
    )


def shortcomings(row: Row) -> dict[str, float]:
    """Return the scores that keep a case from being perfect, the checks first."""
    found = {name: row.value(name) for name in _LOST}
    return {name: value for name, value in found.items() if value is not None and value < 1}


_HEADLINES = (
    ("Right", "right", "Of the questions that the documents answer: answered as sure, with what must be said."),
    ("Wrong", "wrong", "Answered as sure, without what must be said or with what must not."),
    ("Unsure", "unsure", "Said not to be sure, with the closest passage."),
    ("Refused", "over_refusal", "Refused although the documents answer."),
    ("False answers", "false_answer_rate", "Of the questions that they do not answer: answered as sure all the same."),
    ("Groundedness", "groundedness", "Share of sentences that the passages support. The checker finds additions; a sentence "
     "turned into its opposite by one word it often misses."),
    ("Answer relevance", "answer_relevance", "Whether answers fit their own question best. It detects answers off the topic "
     "and nothing else, and never gates."),
)  # fmt: skip
LIMITS = "Citation scores rest on the same checker as groundedness, with the same limits."


_QUOTED = frozenset({"groundedness", "groundedness_strict"})
"""What cannot but be 1 where the answer is made of quotes."""


def headlines(found: Evaluation) -> list[tuple[str, str, str]]:
    """Return the headline figures: name, mean with its interval, and what is counted or cannot be told."""
    return [
        (name, " ".join((value, f"({interval})" if interval else "")).strip(), limit)
        for name, metric, limit in _HEADLINES
        if metric in found.means
        for value, interval in [printed(metric, found)]
    ]


def printed(metric: str, found: Evaluation) -> tuple[str, str]:
    """Return a mean and its interval as they are printed; one that could not be other than it is says so instead."""
    mean = found.means[metric]
    if metric in _QUOTED and mean.value == 1 and found.fingerprint.get("model") == NO_MODEL:
        return "by construction", ""
    return f"{mean.value:.3f}", f"{mean.low:.3f} – {mean.high:.3f}"


def notes(found: Evaluation, conclusion: Conclusion) -> list[str]:
    """Return what a reader should know of how far the figures carry."""
    lines = []
    comparison = conclusion.comparison
    if conclusion.baseline_problem:
        lines.append(f"Nothing was compared: {conclusion.baseline_problem}.")
    elif comparison is not None:
        lines += _compared(comparison)
    if conclusion.quarantined:
        held = "; ".join(f"{name}: {reason}" for name, reason in sorted(conclusion.quarantined.items()))
        lines.append(f"In quarantine, not gating: {held}.")
    if conclusion.unreviewed:
        lines.append(f"Not reviewed, and not gating: {counted(conclusion.unreviewed)}.")
    unstable = [row.id for row in found.rows if row.unstable]
    if unstable:
        lines.append(f"Passed in some runs and failed in others: {', '.join(unstable)}.")
    if found.noise:
        worst = max(found.noise, key=lambda name: found.noise[name])
        lines.append(f"Between repeats the means vary by {found.noise[worst]:.4f} at most ({worst}).")
    lines += found.left_out
    if conclusion.errors:
        lines.append(f"Broken, and counted in no mean: {conclusion.errors} of {counted(conclusion.cases)}.")
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
