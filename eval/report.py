"""Write what an evaluation found: for the terminal, for machines, for a pull request."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from eval.gate import Verdict
from eval.run import Evaluation
from eval.score import Score
from eval.summary import Mean

_WORST = 8


def write(evaluation: Evaluation, folder: Path) -> None:
    """Write summary.json (byte-stable), cases.jsonl and report.md; add the report to GitHub's step summary."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "summary.json").write_text(summary_json(evaluation), encoding="utf-8")
    (folder / "cases.jsonl").write_text(
        "".join(f"{line}\n" for line in _case_lines(evaluation)), encoding="utf-8"
    )
    report = markdown(evaluation)
    (folder / "report.md").write_text(report, encoding="utf-8")
    if step_summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(step_summary).open("a", encoding="utf-8") as file:
            file.write(report)


def summary_json(evaluation: Evaluation) -> str:
    """Return the means and verdicts with sorted keys and fixed decimals; no time, no machine."""
    body = {
        "cases": len(evaluation.outcomes),
        "fingerprint": evaluation.fingerprint,
        "metrics": {name: _rounded(mean) for name, mean in evaluation.means.items()},
        "gates": [
            {"gate": verdict.gate, "passed": verdict.passed, "says": verdict.says}
            for verdict in evaluation.verdicts
        ],
    }
    return json.dumps(body, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def markdown(evaluation: Evaluation) -> str:
    """Return the report as Markdown: verdicts, means, the worst cases first."""
    passed = all(verdict.passed for verdict in evaluation.verdicts)
    lines = [
        f"# Evaluation: {'passed' if passed else 'failed'}",
        "",
        *_verdict_lines(evaluation.verdicts),
        "",
    ]
    lines += ["| metric | mean | 95 % interval | cases |", "|---|---:|---:|---:|"]
    lines += [
        f"| {name} | {mean.value:.3f} | {mean.low:.3f} – {mean.high:.3f} | {mean.n} |"
        for name, mean in evaluation.means.items()
    ]
    lines += ["", "## Worst cases", ""]
    for outcome, row in evaluation.worst(_WORST):
        failed = ", ".join(f"{name} {score.value:.2f}" for name, score in failures(row).items())
        lines += [
            f"**{outcome.case.id}** ({', '.join(outcome.case.tags)}): {outcome.case.question}",
            "",
            f"> {outcome.error or ' '.join(outcome.answer.split())}",
            "",
            f"failed: {failed}",
            "",
        ]
    lines.append(
        "Groundedness and citation scores come from a lexical support checker: it finds unsupported additions, "
        "not subtle contradictions. Answer relevance detects answers off the topic and nothing else; it never gates."
    )
    return "\n".join(lines) + "\n"


def failures(row: Mapping[str, Score]) -> dict[str, Score]:
    """Return the scores that keep a case from being perfect, diagnostics left out."""
    names = ("abstention_accuracy", "must_include", "citation_validity", "hit@5", "groundedness", "recall@5")
    return {
        name: row[name] for name in names if name in row and row[name].status == "ok" and row[name].value < 1
    }


def _verdict_lines(verdicts: Sequence[Verdict]) -> list[str]:
    return [f"- {'✓' if verdict.passed else '✗'} {verdict.gate}: {verdict.says}" for verdict in verdicts]


def _rounded(mean: Mean) -> dict[str, object]:
    return {
        "mean": f"{mean.value:.4f}",
        "low": f"{mean.low:.4f}",
        "high": f"{mean.high:.4f}",
        "n": mean.n,
        "errors": mean.errors,
    }


def _case_lines(evaluation: Evaluation) -> list[str]:
    return [
        json.dumps(
            {
                "id": outcome.case.id,
                "question": outcome.case.question,
                "answerable": outcome.case.answerable,
                "refused": outcome.refused,
                "answer": outcome.answer,
                "error": outcome.error,
                "passages": [
                    {"n": p.number, "uri": p.document.uri, "page": p.span.page, "score": round(p.score, 4)}
                    for p in outcome.passages
                ],
                "citations": [
                    {"n": c.number, "uri": c.document.uri, "quote": c.quote, "support": round(c.support, 4)}
                    for c in outcome.citations
                ],
                "scores": {
                    name: round(score.value, 4) if score.status == "ok" else score.status
                    for name, score in sorted(row.items())
                },
            },
            ensure_ascii=False,
        )
        for outcome, row in zip(evaluation.outcomes, evaluation.scores, strict=True)
    ]
