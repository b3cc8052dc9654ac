"""The report as Markdown: what a pull request shows. Document text is quoted inert."""

import re
from collections.abc import Sequence
from html import escape

from eval.gate.compare import Comparison
from eval.gate.conclusion import Conclusion, Exit
from eval.metrics.row import Row
from eval.reports.notes import LIMITS, headlines, lost, notes, ordered, printed, running, shortcomings
from eval.run import Evaluation

_WORST = 8
_MOST = 20
_SPECIAL = re.compile(r"([\\`*_\[\]#|~@])")


def markdown(found: Evaluation, conclusion: Conclusion) -> str:
    """Return the report: conclusion and causes first, then gates, means, changes, the worst cases."""
    passed = conclusion.exit is Exit.PASSED
    lines = [f"# Evaluation {'✓' if passed else '✗'} {inert(conclusion.headline)}", ""]
    if conclusion.causes:
        lines += ["**Likely causes**", "", *(f"- {inert(cause)}" for cause in conclusion.causes), ""]
    lines += [f"- {'✓' if v.passed else '✗'} {inert(v.gate)}: {v.says}" for v in conclusion.thresholds]
    lines += ["", *(f"{name}: **{figure}**. {limit}\n" for name, figure, limit in headlines(found))]
    lines += ["", *_means(found, conclusion.comparison), ""]
    lines += [f"{inert(note)}  " for note in notes(found, conclusion)]
    if conclusion.comparison is not None and conclusion.comparison.flips:
        lines += ["", "## Newly failing", "", *_newly(conclusion.comparison)]
    worst = [row for row in ordered(found.rows, conclusion.comparison) if lost(row)][:_WORST]
    if worst:
        lines += ["", "## Worst cases", "", *(line for row in worst for line in _case(row))]
    return "\n".join([*lines, "", *(f"{line}  " for line in running(found)), "", LIMITS]) + "\n"


def inert(text: str) -> str:
    """Escape what Markdown would read as markup, a link, an image, HTML, or a person's name."""
    spaced = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return _SPECIAL.sub(r"\\\1", escape(spaced, quote=False).replace("://", ":\u200b//"))


def _means(found: Evaluation, comparison: Comparison | None) -> list[str]:
    changes = {change.metric: change for change in comparison.changes} if comparison else {}
    more = ("", " before | change | 90 % interval | |", "---:|---:|---:|---|") if changes else ("", "", "")
    lines = ["| metric | mean | 95 % interval | cases |" + more[1], "|---|---:|---:|---:|" + more[2]]
    for name, mean in found.means.items():
        line = f"| {name} | {' | '.join(printed(name, found))} | {mean.n} |"
        change = changes.get(name)
        if change is not None:
            what = (
                "" if change.status == "pass" else f"**{change.status}**" if change.gated else change.status
            )
            line += (
                f" {change.before:.3f} | {change.after - change.before:+.3f} | "
                f"{change.interval[0]:+.3f} – {change.interval[1]:+.3f} | {what} |"
            )
        elif changes:
            line += " | | | |"
        lines.append(line)
    return lines


def _newly(comparison: Comparison) -> list[str]:
    critical = {flip.id for flip in comparison.flips if flip.critical}
    lines = [
        f"- **{inert(name)}**{' (critical)' if name in critical else ''}: {', '.join(checks)}"
        for name, checks in comparison.flipped.items()
    ]
    return lines[:_MOST] + ([f"- and {len(lines) - _MOST} more"] if len(lines) > _MOST else [])


def _case(row: Row) -> Sequence[str]:
    lacks = ", ".join(f"{name} {value:.2f}" for name, value in shortcomings(row).items()) or "broke"
    about = ", ".join((*row.tags, *(("critical",) if row.critical else ())))
    return (
        f"**{inert(row.id)}** ({inert(about)}): {inert(row.question)}",
        "",
        f"> {inert(row.error or row.answer) or '—'}",
        "",
        f"lacks: {lacks}",
        "",
    )
