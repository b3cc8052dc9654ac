"""`footnote access`: who may read a document, and whether somebody may."""

from dataclasses import asdict
from typing import Annotated

import typer

from app.commands.exit_codes import FINDINGS
from app.commands.index import maintenance
from app.identity.grant import sight_of
from app.identity.permission import access_to, document_at, verdict
from ingest.settings import IngestSettings
from vectorstore.printable import printable, printable_json
from vectorstore.settings import StoreSettings
from vectorstore.state.open import open_state
from vectorstore.types import DEFAULT_TENANT

app = typer.Typer(no_args_is_help=True)

Uri = Annotated[str, typer.Argument(help="The document's uri, as `footnote docs ls` shows it.")]
Tenant = Annotated[str, typer.Option(help="Whose documents.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command()
def show(uri: Uri, tenant: Tenant = DEFAULT_TENANT, as_json: Json = False) -> None:
    """Say who may read a document, and by whose word."""
    with maintenance() as upkeep, upkeep.store.snapshot() as snapshot:
        document = document_at(snapshot, uri, tenant)
    told = access_to(document, rules=IngestSettings().rules, place=open_state(StoreSettings()))
    if as_json:
        typer.echo(printable_json(asdict(told)))
        return
    for reader in told.readers or ("everyone in the tenant",):
        typer.echo(printable(reader))
    for sentence in told.said_by:
        typer.echo(printable(sentence), err=True)


@app.command("test")
def may_read(
    uri: Uri,
    user: Annotated[str, typer.Option(help="A user, as tokens and keys name them.")] = "",
    group: Annotated[
        list[str] | None, typer.Option(help="A group that they belong to; may be repeated.")
    ] = None,
    tenant: Tenant = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Say whether somebody may read a document, and why. Exit code 1: they may not."""
    with maintenance() as upkeep, upkeep.store.snapshot() as snapshot:
        document = document_at(snapshot, uri, tenant)
    found = verdict(document, sight_of(tenant, user, group or ()))
    if as_json:
        typer.echo(printable_json(asdict(found)))
    else:
        typer.echo(printable(f"{'yes' if found.may_read else 'no'}: {found.why}"))
    if not found.may_read:
        raise typer.Exit(FINDINGS)
