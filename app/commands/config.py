"""`footnote config`: the settings in force."""

import json
from dataclasses import asdict

import typer
from rich.console import Console
from rich.table import Table

app = typer.Typer(no_args_is_help=True)


@app.callback()
def config() -> None:
    """Show the settings in force."""


@app.command()
def show(
    origin: bool = typer.Option(False, "--origin", help="Say where each value comes from."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object per setting, in a list."),
) -> None:
    """List every setting with its value; secrets are masked."""
    from app.configuration import settings

    rows = settings()
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in rows], indent=2))
        return
    table = Table("Setting", "Value", *(["From"] if origin else []), box=None, pad_edge=False)
    for row in rows:
        table.add_row(row.names[0], row.value or "—", *([row.origin] if origin else []))
    Console(soft_wrap=True).print(table)
