"""Write what an evaluation found: for machines, for a pull request, for a person's browser."""

import json
import os
import re
import sys
from collections.abc import Sequence
from html import escape
from pathlib import Path

from eval.gate.compare import Change, Comparison
from eval.gate.conclusion import Conclusion, Exit
from eval.metrics.row import Row, write_rows
from eval.metrics.summary import Mean
from eval.reports.ci import annotations, write_junit
from eval.reports.html import html
from eval.reports.notes import LIMITS, headlines, lost, notes, ordered, printed, running, shortcomings
from eval.run import Evaluation


def write(found: Evaluation, conclusion: Conclusion, folder: Path) -> None:
    """Write summary.json (byte-stable), cases.jsonl, times.json, report.md, report.html and junit.xml.

    In a GitHub workflow the report is added to the step's summary, and annotations go to standard output.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "summary.json", summary_json(found, conclusion))
    write_rows(found.rows, folder / "cases.jsonl")
    _write(folder / "times.json", _json({k: round(v, 6) for k, v in found.seconds.items()}))
    told = markdown(found, conclusion)
    _write(folder / "report.md", told)
    _write(folder / "report.html", html(found, conclusion))
    write_junit(found, conclusion, folder / "junit.xml")
    if step_summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(step_summary).open("a", encoding="utf-8") as file:
            file.write(told)
    if os.environ.get("GITHUB_ACTIONS") == "true":
        sys.stdout.writelines(f"{line}\n" for line in annotations(conclusion))


def summary_json(found: Evaluation, conclusion: Conclusion) -> str:
    """Return the means and verdicts with sorted keys and fixed decimals; no time, no machine."""
    body: dict[str, object] = {
        "cases": len(found.rows),
        "by_construction": [name for name in found.means if not printed(name, found)[1]],
        "causes": conclusion.causes,
        "errors": found.errors,
        "exit": int(conclusion.exit),
        "fingerprint": found.fingerprint,
        "gates": [{"gate": v.gate, "passed": v.passed, "says": v.says} for v in conclusion.thresholds],
        "metrics": {name: _mean(mean) for name, mean in found.means.items()},
        "missing_documents": found.missing,
        "noise": {name: f"{value:.4f}" for name, value in found.noise.items()},
        "quarantined": conclusion.quarantined or {},
        "scorers": found.scorers,
        "unstable": [row.id for row in found.rows if row.unstable],
        "verdict": conclusion.headline,
    }
    if found.spread:
        body["judge_spread"] = {name: f"{value:.4f}" for name, value in found.spread.items()}
    if conclusion.comparison is not None:
        body["comparison"] = _comparison(conclusion.comparison)
    return _json(body)


def _comparison(comparison: Comparison) -> dict[str, object]:
    return {
        "changes": {change.metric: _change(change) for change in comparison.changes},
        "differences": {name: list(pair) for name, pair in (comparison.differences or {}).items()},
        "newly_failing": [[flip.id, flip.check] for flip in comparison.flips],
        "newly_passing": [[flip.id, flip.check] for flip in comparison.fixed],
        "not_comparable": comparison.not_comparable,
        "paired": comparison.paired,
    }


def _change(change: Change) -> dict[str, object]:
    figures = {
        "before": change.before, "after": change.after, "low": change.interval[0], "high": change.interval[1],
        "p": change.p, "detectable": change.detectable,
    }  # fmt: skip
    return {name: f"{value:.4f}" for name, value in figures.items()} | {
        "clusters": change.found.clusters,
        "gated": change.gated,
        "method": change.found.method,
        "n": change.found.n,
        "status": change.status,
    }


def _mean(mean: Mean) -> dict[str, object]:
    figures = {"mean": mean.value, "low": mean.low, "high": mean.high}
    return {name: f"{value:.4f}" for name, value in figures.items()} | {"n": mean.n, "errors": mean.errors}


def _json(body: object) -> str:
    return json.dumps(body, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


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
