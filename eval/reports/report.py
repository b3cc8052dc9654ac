"""Write what an evaluation found: for machines, for a pull request, for a person's browser."""

import json
import os
import sys
from pathlib import Path

from eval.gate.compare import Change, Comparison
from eval.gate.conclusion import Conclusion
from eval.metrics.row import write_rows
from eval.metrics.summary import Mean
from eval.reports.ci import annotations, write_junit
from eval.reports.html import html
from eval.reports.markdown import markdown
from eval.reports.notes import printed
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
