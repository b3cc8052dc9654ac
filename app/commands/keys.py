"""`footnote keys`: create, list and revoke API keys."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, cast

import typer

from app.identity.grant import READING, Right
from app.identity.keys import Key, Keys
from vectorstore.settings import StoreSettings
from vectorstore.types import DEFAULT_TENANT

app = typer.Typer(no_args_is_help=True)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    *,
    tenant: Annotated[str, typer.Option(help="Whose documents it sees.")] = DEFAULT_TENANT,
    group: Annotated[
        list[str] | None, typer.Option(help="A group its holder belongs to; may be repeated.")
    ] = None,
    right: Annotated[
        list[str] | None,
        typer.Option(
            "--right",
            "--scope",
            help="chat, search, documents (to read them), write (to add and remove them); may be repeated. "
            "Default: all but write.",
        ),
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, help="Days until it expires. Default: never.")] = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Make a key and print it. It is shown this once."""
    expires = datetime.now(UTC) + timedelta(days=days) if days else None
    made = _keys().create(
        name,
        tenant=tenant,
        groups=group or (),
        rights=cast("list[Right]", right) if right else READING,
        expires=expires,
    )
    if json_output:
        import json

        typer.echo(json.dumps({"id": made.key.id, "secret": made.secret, "expires": made.key.expires}))
        return
    typer.echo(made.secret)
    typer.echo(f"Key {made.key.id} ({name}). Keep it now: only its hash is stored.", err=True)


@app.command()
def ls(json_output: Annotated[bool, typer.Option("--json", help="Print a JSON array.")] = False) -> None:
    """List the keys, oldest first."""
    keys = _keys().all()
    if json_output:
        import json

        typer.echo(json.dumps([_shown(key) for key in keys]))
        return
    for key in keys:
        shown = _shown(key)
        typer.echo(
            "  ".join(str(shown[column]) for column in ("id", "state", "tenant", "rights", "groups", "name"))
        )
    if not keys:
        typer.echo("No keys: the service answers on loopback only.", err=True)


@app.command()
def revoke(key: Annotated[str, typer.Argument(help="The key's id, as `ls` shows it.")]) -> None:
    """Close a key for good; a running service stops accepting it at once."""
    revoked = _keys().revoke(key)
    typer.echo(f"Key {revoked.id} ({revoked.name}) is revoked.", err=True)


def _shown(key: Key) -> dict[str, str | None]:
    state = "revoked" if key.revoked else "active" if key.active(datetime.now(UTC)) else "expired"
    return {
        "id": key.id,
        "name": key.name,
        "state": state,
        "tenant": key.tenant,
        "groups": ",".join(key.groups) or "-",
        "rights": ",".join(key.rights),
        "created": key.created,
        "expires": key.expires,
    }


def _keys() -> Keys:
    return Keys(Path(StoreSettings().data_dir) / "keys.json")
