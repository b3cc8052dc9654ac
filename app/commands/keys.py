"""`footnote keys`: create, rotate, list and revoke API keys."""

from datetime import UTC, datetime, timedelta
from math import isnan
from typing import Annotated, cast

import typer

from app.identity.grant import Kind, Right
from app.identity.keys import Key, Keys, NewKey
from vectorstore.errors import BadInput
from vectorstore.printable import printable
from vectorstore.settings import StoreSettings
from vectorstore.state.open import open_state
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
    kind: Annotated[
        str | None,
        typer.Option(
            help="Instead of rights: operator (everything in its tenant, and asks as somebody else), server (reads, and "
            "acts for the users it names), page (visitors of a page ask, from its origins only), ingest (search, read, "
            "add and remove documents).",
        ),
    ] = None,
    origin: Annotated[
        list[str] | None,
        typer.Option(help="Origin of a page that has the key (https://www.example.org); may be repeated."),
    ] = None,
    days: Annotated[
        int | None, typer.Option(min=1, max=36_500, help="Days until it expires. Default: never.")
    ] = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Make a key and print it. It is shown this once."""
    expires = datetime.now(UTC) + timedelta(days=days) if days else None
    made = _keys().create(
        name,
        tenant=tenant,
        groups=group or (),
        rights=cast("list[Right]", right) if right else None,
        expires=expires,
        kind=cast("Kind | None", kind),
        origins=origin or (),
    )
    _print(made, json_output=json_output)


@app.command()
def rotate(
    key: Annotated[str, typer.Argument(help="The key's id, as `ls` shows it.")],
    *,
    grace: Annotated[
        float, typer.Option(min=0, max=3_650, help="Days for which the secret until now opens it too.")
    ] = 1.0,
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Give a key a new secret and print it. It is shown this once."""
    if isnan(grace):  # it is neither below the least nor above the most
        raise BadInput("The grace is no number of days.", "Write it like --grace 7.")
    made = _keys().rotate(key, grace=timedelta(days=grace))
    _print(made, json_output=json_output)
    kept = f"opens it until {made.key.earlier_until}" if grace else "opens nothing any more"
    typer.echo(f"The secret until now {kept}.", err=True)


@app.command()
def ls(json_output: Annotated[bool, typer.Option("--json", help="Print a JSON array.")] = False) -> None:
    """List the keys, oldest first."""
    keys = _keys()
    found = [_shown(key, keys.last_use(key.id)) for key in keys.all()]
    if json_output:
        import json

        typer.echo(json.dumps(found))
        return
    for shown in found:
        columns = ("id", "state", "kind", "tenant", "rights", "groups", "origins", "used", "name")
        typer.echo(" ".join(printable("  ".join(shown[column] or "-" for column in columns)).splitlines()))
    if not found:
        typer.echo("No keys: the service answers on loopback only.", err=True)


@app.command()
def revoke(key: Annotated[str, typer.Argument(help="The key's id, as `ls` shows it.")]) -> None:
    """Close a key for good; a running service stops accepting it at once."""
    revoked = _keys().revoke(key)
    typer.echo(printable(f"Key {revoked.id} ({revoked.name}) is revoked."), err=True)


def _print(made: NewKey, *, json_output: bool) -> None:
    if json_output:
        import json

        typer.echo(json.dumps({"id": made.key.id, "secret": made.secret, "expires": made.key.expires}))
        return
    typer.echo(made.secret)
    typer.echo(f"Key {made.key.id} ({made.key.name}). Keep it now: only its hash is stored.", err=True)


def _shown(key: Key, used: datetime | None) -> dict[str, str | None]:
    state = "revoked" if key.revoked else "active" if key.active(datetime.now(UTC)) else "expired"
    return {
        "id": key.id,
        "name": key.name,
        "state": state,
        "kind": key.kind or "custom",
        "tenant": key.tenant,
        "groups": ",".join(key.groups) or "-",
        "rights": ",".join(key.rights),
        "origins": ",".join(key.origins) or "-",
        "created": key.created,
        "expires": key.expires,
        "earlier_secret_until": key.earlier_until,
        "used": used.isoformat(timespec="minutes") if used else None,
    }


def _keys() -> Keys:
    return Keys(open_state(StoreSettings()).cell("keys.json"))
