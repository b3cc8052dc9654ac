"""The verdict and the means as a person reads them in a terminal."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from eval.compare import Change, Comparison
from eval.reports.notes import notes
from eval.reports.running import running
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
    for cause in judgement.causes:
        console.print(f"  → {escape(cause)}")
    console.print(_table(found, judgement.comparison))
    for verdict in judgement.thresholds:
        mark = "[green]✓[/]" if verdict.passed else "[red]✗[/]"
        console.print(f"{mark} {escape(verdict.gate)}: {verdict.says}")
    for line in (*notes(found, judgement), *running(found)):
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
