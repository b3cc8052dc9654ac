"""`footnote eval`: score answers, in CI or by hand.

Exit codes: 0 every gate passes, 1 a gate failed, 2 usage or data, 3 cases could not be answered, 5 no cases.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from eval.cases import load_cases
from eval.gate import Threshold, load_thresholds, parse_threshold

if TYPE_CHECKING:
    from app.build import Parts

app = typer.Typer(no_args_is_help=True)

SAMPLE = Path(__file__).parent / "sample"
_FAILED, _INCOMPLETE, _NO_CASES = 1, 3, 5


@app.callback()
def evaluation() -> None:
    """Score answers against a set of questions."""


@app.command()
def run(
    data: Annotated[Path | None, typer.Option(help="Questions, one JSON object a line.")] = None,
    sample: Annotated[bool, typer.Option("--sample", help="The sample handbook and its questions.")] = False,
    out: Annotated[Path, typer.Option(help="Folder for summary.json, cases.jsonl and report.md.")] = Path(
        "eval/out"
    ),
    fail_under: Annotated[
        list[str] | None, typer.Option(help="A gate: groundedness=0.9, or over_refusal<=0.1.")
    ] = None,
    thresholds: Annotated[Path | None, typer.Option(help="A TOML file of gates.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Only cases with this tag.")] = None,
    top_k: Annotated[int | None, typer.Option(help="Chunks to retrieve.")] = None,
    exit_zero: Annotated[bool, typer.Option("--exit-zero", help="Report, but never fail a gate.")] = False,
) -> None:
    """Ask every question, score the answers, and fail when a gate is missed."""
    from app.settings import AnswerSettings
    from eval.report import write
    from eval.run import evaluate

    cases = load_cases(SAMPLE / "cases.jsonl" if data is None else data)
    cases = [case for case in cases if not tag or set(tag) & set(case.tags)]
    if not cases:
        typer.echo("No case was selected, so nothing was scored.", err=True)
        raise typer.Exit(_NO_CASES)
    gates = _gates(fail_under or [], thresholds, sample or data is None)
    with _parts(sample=sample or data is None) as parts:
        found = evaluate(cases, parts, thresholds=gates, top_k=top_k or AnswerSettings().top_k)
    write(found, out)
    console = Console(stderr=False, soft_wrap=True)
    table = Table("metric", "mean", "95 % interval", "cases", box=None, pad_edge=False)
    for name, mean in found.means.items():
        table.add_row(name, f"{mean.value:.3f}", f"{mean.low:.3f} – {mean.high:.3f}", str(mean.n))
    console.print(table)
    for verdict in found.verdicts:
        colour = "green" if verdict.passed else "red"
        console.print(f"[{colour}]{'✓' if verdict.passed else '✗'}[/] {verdict.gate}: {verdict.says}")
    typer.echo(f"Report: {out / 'report.md'}", err=True)
    if found.errors:
        typer.echo(f"{found.errors} of {len(cases)} cases could not be answered.", err=True)
        raise typer.Exit(_INCOMPLETE)
    if not found.passed and not exit_zero:
        raise typer.Exit(_FAILED)


def _gates(flags: list[str], path: Path | None, sample: bool) -> list[Threshold]:
    gates = [parse_threshold(flag) for flag in flags]
    if path is not None:
        return gates + load_thresholds(path)
    return gates or (load_thresholds(SAMPLE / "thresholds.toml") if sample else [])


@contextmanager
def _parts(*, sample: bool) -> "Iterator[Parts]":
    """Open the configured index, or a fresh one that holds the sample handbook."""
    from app.build import build
    from app.settings import AnswerSettings
    from vectorstore.settings import StoreSettings

    folder = Path(tempfile.mkdtemp(prefix="footnote-eval-")) if sample else None
    settings = StoreSettings() if folder is None else StoreSettings(data_dir=folder)
    try:
        if folder is not None:
            from app.commands.demo import ingest_sample

            ingest_sample(settings, quiet=True)
        parts = build(settings, AnswerSettings())
        try:
            yield parts
        finally:
            parts.close()
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
