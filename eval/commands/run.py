"""`footnote eval run`: ask, score, judge, report, and set the exit code."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from app.settings import EvaluationSettings
from eval.cases import HARVESTED, Case, load_cases, load_quarantine
from eval.commands import options
from eval.commands.configuration import Configuration
from eval.commands.options import JudgeOptions, check_gates, check_metrics, judging, parse_prices
from eval.gate.baseline import Baseline, baseline_of, load_baseline, save_baseline
from eval.gate.compare import GATED, MIN_EFFECT, Change, Comparison, Tolerance, compare
from eval.gate.conclusion import Conclusion, Exit, conclude
from eval.gate.thresholds import Threshold, load_thresholds, parse_threshold
from eval.judge.judge import Judge
from eval.metrics.retrieval import spoken
from eval.reports.notes import headlines, notes, printed, running
from eval.run import Evaluation, evaluate
from eval.targets.over_http import over_http
from eval.targets.recorded import load_answers
from eval.targets.target import Target
from ingest.sample import HANDBOOK
from vectorstore.errors import BadInput, FootnoteError
from vectorstore.models.embed import Embedder
from vectorstore.settings import StoreSettings
from vectorstore.state.open import open_state
from vectorstore.text_file import numbered_lines, read_text

_SIGNS = {
    "pass": "",
    "better": "[green]better[/]",
    "inconclusive": "[yellow]unclear[/]",
    "fail": "[red]worse[/]",
}


def show(found: Evaluation, conclusion: Conclusion, *, console: Console | None = None) -> None:
    """Print conclusion, causes, means, and the gates that were missed."""
    console = console or _console()
    good = conclusion.exit is Exit.PASSED
    console.print(
        f"[bold {'green' if good else 'red'}]{'✓' if good else '✗'} {escape(conclusion.headline)}[/]"
    )
    for cause in conclusion.causes:
        console.print(f"  → {escape(cause)}")
    console.print(" · ".join(f"{escape(name.lower())} {figure}" for name, figure, _ in headlines(found)))
    console.print(_table(found, conclusion.comparison))
    for held in conclusion.thresholds:
        mark = "[green]✓[/]" if held.passed else "[red]✗[/]"
        console.print(f"{mark} {escape(held.gate)}: {held.says}")
    for line in (*notes(found, conclusion), *running(found)):
        console.print(escape(line), style="dim")


def _console() -> Console:
    """Open standard output; where that is a file or a CI log, tables may be wide."""
    console = Console(soft_wrap=True)
    return console if console.is_terminal else Console(soft_wrap=True, width=120)


def _table(found: Evaluation, comparison: Comparison | None) -> Table:
    changes = {change.metric: change for change in comparison.changes} if comparison else {}
    table = Table(box=None, pad_edge=False)
    for name in ("metric", "mean", "95 % interval", "cases"):
        table.add_column(name, justify="left" if name == "metric" else "right", no_wrap=True)
    if changes:
        table.add_column("change", justify="right")
        table.add_column("90 % interval", justify="right")
        table.add_column("")
    for name, mean in found.means.items():
        row = [escape(name), *printed(name, found), str(mean.n)]
        table.add_row(*row, *(_change(changes.get(name)) if changes else ()))
    return table


def _change(change: Change | None) -> tuple[str, ...]:
    if change is None:
        return "", "", ""
    sign = _SIGNS[change.status] if change.gated or change.status != "fail" else "[yellow]worse[/]"
    if not change.found.moved:
        return "0", "", ""
    return (
        f"{change.after - change.before:+.3f}",
        f"{change.interval[0]:+.3f} – {change.interval[1]:+.3f}",
        sign,
    )


def chosen(*, answers: Path | None, url: str, model: str = "") -> Target | None:
    """Return the target that the flags name, None for this process; raises BadInput for both at once."""
    if answers is not None and url:
        raise BadInput("--answers and --url name two sources of answers.", "Give one of them.")
    if answers is not None:
        return load_answers(answers)
    if url:
        return over_http(url, key=EvaluationSettings().eval_key.get_secret_value(), model=model)
    return None


def embedder_of(configuration: Configuration) -> Embedder:
    """Open the configured embedder, which answer relevance is measured with."""
    from vectorstore.open import open_configured_embedder

    return open_configured_embedder(configuration.settings(StoreSettings))


def check_quotes(cases: Sequence[Case], texts: Mapping[str, str], path: Path) -> None:
    """Raise BadInput for the first quote that its document does not hold, word for word (`spoken` says what counts).

    A document that is not in `texts` is not looked for: that it is missing is a finding of the run.
    """
    spoken: dict[str, str] = {}
    for case in cases:
        for doc, quote in ((evidence.doc, evidence.quote) for evidence in case.evidence if evidence.quote):
            uris = [uri for uri in texts if uri == doc or uri.endswith(f"/{doc}")]
            for uri in uris:
                spoken.setdefault(uri, _spoken(texts[uri]))
            if uris and not any(_spoken(quote) in spoken[uri] for uri in uris):
                raise BadInput(
                    f"{path.name}, line {_line(path, case.id)}: evidence.quote: the document {doc!r} does not hold it.",
                    "Copy the quote from the document.",
                )


def _line(path: Path, case: str) -> int:
    return next((number for number, known in _ids(path) if known == case), 0)


def _ids(path: Path) -> Iterator[tuple[int, object]]:
    for number, line in numbered_lines(read_text(path)):
        yield number, json.loads(line).get("id")


def _spoken(text: str) -> str:
    return f" {' '.join(spoken(text))} "


SAMPLE = Path(__file__).parents[1] / "sample"


@dataclass(frozen=True, slots=True)
class Gate:
    """What the flags say about passing and failing."""

    thresholds: tuple[Threshold, ...] = ()
    baseline: Path | None = None
    update: bool = False
    require: bool = False
    max_error_rate: float = 0.0
    tolerance: Tolerance = field(default_factory=Tolerance)


def run(
    data: options.Data = None,
    sample: options.Sample = False,
    docs: options.Docs = None,
    out: options.Out = Path("eval/out"),
    fail_under: options.FailUnder = None,
    thresholds: options.Thresholds = None,
    baseline: options.BaselineFile = None,
    update_baseline: options.UpdateBaseline = False,
    require_baseline: options.RequireBaseline = False,
    gate: options.Gated = None,
    min_effect: options.MinEffect = MIN_EFFECT,
    max_flips: options.MaxFlips = 0,
    repeat: options.Repeat = 1,
    quarantine: options.Quarantine = None,
    allow_unreviewed: options.AllowUnreviewed = False,
    max_error_rate: options.MaxErrorRate = 0.0,
    tag: options.Tags = None,
    set_: options.Settings = None,
    top_k: options.TopK = None,
    mlflow: options.Mlflow = "",
    answers: options.Answers = None,
    url: options.Url = "",
    url_model: options.UrlModel = "",
    judge: options.JudgeModel = "",
    judge_url: options.JudgeUrl = "",
    judge_cache: options.JudgeCacheFile = Path(".footnote-judge.db"),
    cache_only: options.CacheOnly = False,
    judge_repeats: options.JudgeRepeats = 1,
    judge_price: options.JudgePrice = "",
    max_cost: options.MaxCost = 0.0,
    price: options.Price = "",
    calibration: options.CalibrationFile = None,
    exit_zero: options.ExitZero = False,
) -> None:
    """Ask every question, score the answers, and fail when a gate is missed or something got worse."""
    sample = sample or data is None
    data = SAMPLE / "cases.jsonl" if data is None else data
    every = load_cases(data)
    cases = select(every, tag or [])
    set_aside = load_quarantine(quarantine, known={case.id for case in every}) if quarantine else None
    tolerance = Tolerance(tuple(gate or GATED), min_effect, max_flips, set_aside, allow_unreviewed)
    limits = tuple(_thresholds(fail_under or [], thresholds, sample=sample))
    gates = Gate(limits, baseline, update_baseline, require_baseline, max_error_rate, tolerance)
    judges = JudgeOptions(
        judge, judge_url, judge_cache, cache_only, judge_repeats, max_cost, judge_price, calibration
    )
    before = _baseline(gates)
    _check_gates(cases, gates, judges)
    settings = [*(set_ or []), *([] if top_k is None else [f"top_k={top_k}"])]
    docs = HANDBOOK if sample else docs
    _check_scopes(cases, url)
    elsewhere = chosen(answers=answers, url=url, model=url_model)
    with judging(judges) as judged_by:
        found = _evaluated(cases, settings, docs, repeat, elsewhere, judged_by, data, price, is_whole=not tag)
    conclusion = concluded(found, gates, before)
    finish(found, conclusion, out, mlflow=mlflow)
    _update_baseline(found, conclusion, gates)
    leave(conclusion, exit_zero=exit_zero)


def _check_scopes(cases: Sequence[Case], url: str) -> None:
    """Raise BadInput for a case that belongs to a scope, where a service would answer it in its key's."""
    scoped = [case.id for case in cases if case.scope is not None]
    if url and scoped:
        raise BadInput(
            f"{len(scoped)} cases belong to the scope in which they were asked ({scoped[0]} among them), and --url asks in "
            "that of its key.",
            "Ask without --url, on the machine of the index; or take `scope` out of those that anybody may read.",
        )


def select(cases: list[Case], tags: Sequence[str]) -> list[Case]:
    """Return the cases with one of the tags; exits 5 when there is none.

    What was harvested is asked again only when somebody has read it.
    """
    tagged = [case for case in cases if not tags or set(tags) & set(case.tags)]
    chosen = [case for case in tagged if case.reviewed or HARVESTED not in case.tags]
    if waiting := len(tagged) - len(chosen):
        typer.echo(
            f"Not asked: {waiting} harvested question{'' if waiting == 1 else 's'} that nobody has reviewed. Run "
            "`footnote eval review --data FILE` first.",
            err=True,
        )
    if not chosen:
        typer.echo("No case was selected, so nothing was scored.", err=True)
        raise typer.Exit(Exit.NO_CASES)
    return chosen


def concluded(found: Evaluation, gates: Gate, before: Baseline | None) -> Conclusion:
    """Hold a run against its gates and the baseline."""
    comparison = None
    problem = ""
    if before is not None:
        comparison = compare(
            found.rows,
            before,
            fingerprint=found.fingerprint,
            scorers=found.scorers,
            tolerance=gates.tolerance,
        )
    elif gates.baseline is not None and not gates.update:
        problem = f"there is no baseline {str(gates.baseline)!r}"
    elif gates.require and not gates.update:
        problem = "no --baseline was given"
    return conclude(
        found,
        thresholds=gates.thresholds,
        tolerance=gates.tolerance,
        comparison=comparison,
        baseline_problem=problem,
        require_baseline=gates.require,
        max_error_rate=gates.max_error_rate,
    )


def finish(found: Evaluation, conclusion: Conclusion, out: Path, *, mlflow: str = "") -> None:
    """Write the report's files, show the tables, and log where that was asked for."""
    from eval.reports.report import write

    write(found, conclusion, out)
    show(found, conclusion)
    typer.echo(f"Report: {out / 'report.html'}", err=True)
    if mlflow:
        from eval.reports.ci import log_run

        typer.echo(f"MLflow run: {log_run(found, conclusion, out, tracking=mlflow)}", err=True)


def leave(conclusion: Conclusion, *, exit_zero: bool) -> None:
    """Leave with the conclusion's exit code; `exit_zero` forgives a missed gate, not a run that says nothing."""
    if conclusion.exit is Exit.PASSED or (exit_zero and conclusion.exit is Exit.FAILED):
        return
    raise typer.Exit(conclusion.exit)


def _evaluated(
    cases: Sequence[Case],
    settings: Sequence[str],
    docs: Path | None,
    repeat: int,
    elsewhere: Target | None,
    judge: Judge | None,
    data: Path,
    price: str,
    *,
    is_whole: bool,
) -> Evaluation:
    from eval.commands.configuration import opened, parse_configuration, ruler_of

    configuration = parse_configuration("run", settings)
    asked: dict[str, Any] = {"repeat": repeat, "judge": judge, "prices": parse_prices(price, most=0)}
    if elsewhere is not None:
        embedder = embedder_of(configuration)
        return evaluate(cases, elsewhere, embedder=embedder, ruler=ruler_of(configuration), **asked)
    with ExitStack() as stack:
        target = stack.enter_context(opened(configuration, docs=docs))
        if any(evidence.quote for case in cases for evidence in case.evidence):
            check_quotes(cases, target.texts(), data)
        ruler = ruler_of(configuration, target)
        found = evaluate(cases, target, embedder=target.parts.embedder, ruler=ruler, **asked)
        if docs is None and is_whole:
            _keep_reference(cases, target.parts.embedder, data)
        return found


def _keep_reference(cases: Sequence[Case], embedder: Embedder, data: Path) -> None:
    """Keep the questions for `footnote monitor`, which holds live ones against them."""
    from eval.live.reference import cases_of, keep

    try:
        asked = cases_of(cases, embedder, name=data.name, made=datetime.now(UTC))
        keep(open_state(StoreSettings()), evaluation=asked)
    except (FootnoteError, OSError) as error:
        typer.echo(f"The questions were not kept for `footnote monitor`: {error}", err=True)


def _thresholds(flags: list[str], path: Path | None, *, sample: bool) -> list[Threshold]:
    gates = [parse_threshold(flag) for flag in flags]
    if path is not None:
        return gates + load_thresholds(path)
    return gates or (load_thresholds(SAMPLE / "thresholds.toml") if sample else [])


def _baseline(gates: Gate) -> Baseline | None:
    if gates.update and gates.baseline is None:
        raise BadInput("--update-baseline needs to know which file.", "Add --baseline eval/baseline.json.")
    if gates.baseline is None or gates.update or not gates.baseline.is_file():
        return None
    return load_baseline(gates.baseline)


def _update_baseline(found: Evaluation, conclusion: Conclusion, gates: Gate) -> None:
    if gates.update and gates.baseline is not None and not conclusion.incomplete:
        save_baseline(baseline_of(found.rows, found.fingerprint, found.scorers), gates.baseline)
        typer.echo(f"Baseline written: {gates.baseline}", err=True)


def _check_gates(cases: Sequence[Case], gates: Gate, judges: JudgeOptions) -> None:
    gated = gates.thresholds or (gates.baseline is not None and not gates.update)
    if gated and not gates.tolerance.allow_unreviewed and not any(case.reviewed for case in cases):
        typer.echo(
            'No selected case is reviewed, so none may gate. Set "reviewed": true on those that a person has '
            "read, or add --allow-unreviewed.",
            err=True,
        )
        raise typer.Exit(Exit.NO_CASES)
    gating = [*gates.tolerance.metrics, *(threshold.metric for threshold in gates.thresholds)]
    check_metrics(gating)
    check_gates(gating, judges)
