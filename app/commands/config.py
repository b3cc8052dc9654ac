"""`footnote config`: the settings in force."""

import json
from dataclasses import asdict

import typer

from app.commands.exit_codes import FINDINGS
from vectorstore.errors import BadInput, FootnoteError

config_app = typer.Typer()


@config_app.callback(invoke_without_command=True)
def config(context: typer.Context) -> None:
    """Show the settings in force."""
    if context.invoked_subcommand is None:
        show(origin=False, as_json=False)


def _promoted() -> dict[str, tuple[str, str]]:
    """Return the values that a promoted variant sets, each with where it comes from."""
    from app.variants.standing import cell_of, standing
    from vectorstore.settings import StoreSettings
    from vectorstore.state.open import open_state

    try:
        promotion = standing(cell_of(open_state(StoreSettings()))).promotion
    except (FootnoteError, ValueError) as error:
        if isinstance(error, FootnoteError):
            typer.echo(f"Whether a variant is promoted cannot be read: {error}", err=True)
        return {}
    if promotion is None:
        return {}
    origin = f"promoted variant {promotion.name}"
    return {name: (value, origin) for name, value in promotion.changes.told().items()}


@config_app.command()
def show(
    origin: bool = typer.Option(False, "--origin", help="Say where each value comes from."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object per setting, in a list."),
) -> None:
    """List every setting with its value, then what is wrong with them (exit 1); secrets are masked."""
    from rich.console import Console
    from rich.table import Table

    from app.configuration import check, settings

    rows = settings(_promoted())
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in rows], indent=2))
    else:
        table = Table("Setting", "Value", *(["From"] if origin else []), box=None, pad_edge=False)
        for row in rows:
            table.add_row(row.names[0], row.value or "—", *([row.origin] if origin else []))
        Console(soft_wrap=True).print(table)
    try:
        for passed_over in check():
            typer.echo(passed_over, err=True)
    except BadInput as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(FINDINGS) from error
