"""The verdict and the means as a person reads them in a terminal."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from eval.compare import Change, Comparison
from eval.run import Evaluation
from eval.verdict import Exit, Judgement

_SIGNS = {
    "pass": "",
    "better": "[green]better[/]",
    "inconclusive": "[yellow]unclear[/]",
    "fail": "[red]worse[/]",
}


def show(found: Evaluation, judgement: Judgement, *, console: Console | None = None) -> None:
    """Print verdict, causes, means, and the gates that were missed."""
    console = console or _console()
    good = judgement.exit is Exit.PASSED
    console.print(
        f"[bold {'green' if good else 'red'}]{'✓' if good else '✗'} {escape(judgement.headline)}[/]"
    )
    for cause in judgement.causes if not good or judgement.comparison else ():
        console.print(f"  → {escape(cause)}")
    console.print(_table(found, judgement.comparison))
    for verdict in judgement.thresholds:
        mark = "[green]✓[/]" if verdict.passed else "[red]✗[/]"
        console.print(f"{mark} {escape(verdict.gate)}: {verdict.says}")
    for line in notes(found, judgement):
        console.print(escape(line), style="dim")


def _console() -> Console:
    """Open standard output; where that is a file or a CI log, tables may be wide."""
    console = Console(soft_wrap=True)
    return console if console.is_terminal else Console(soft_wrap=True, width=120)


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
        lines.append(f"{judgement.unreviewed} cases are not reviewed and do not gate.")
    unstable = [row.id for row in found.rows if row.unstable]
    if unstable:
        lines.append(f"Passed in some runs and failed in others: {', '.join(unstable)}.")
    if found.noise:
        worst = max(found.noise, key=lambda name: found.noise[name])
        lines.append(f"Between repeats the means vary by {found.noise[worst]:.4f} at most ({worst}).")
    if judgement.errors:
        lines.append(f"{judgement.errors} of {judgement.cases} cases broke and count in no mean.")
    return lines


def _compared(comparison: Comparison) -> list[str]:
    gated = [change for change in comparison.changes if change.gated]
    lines = [f"{comparison.paired} cases were compared with {comparison.baseline.name}."]
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
        row = [name, f"{mean.value:.3f}", f"{mean.low:.3f} – {mean.high:.3f}", str(mean.n)]
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


def _some(ids: tuple[str, ...] | list[str]) -> str:
    return ", ".join(ids[:8]) + (f" and {len(ids) - 8} more" if len(ids) > 8 else "")
