"""`footnote docs`: the documents that are in the index."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from app.commands.index import documents, maintenance
from ingest.originals import Originals, forget_uris
from ingest.report import Inspection, inspect
from ingest.twins import Twin, Twins
from vectorstore.errors import NotFound
from vectorstore.printable import printable, printable_json
from vectorstore.settings import StoreSettings
from vectorstore.store import Snapshot
from vectorstore.types import DEFAULT_TENANT, Condition, Document, Generation, Scope

app = typer.Typer(no_args_is_help=True)

Tenant = Annotated[str, typer.Option(help="Whose documents.")]
At = Annotated[int | None, typer.Option(help="Look at an earlier generation.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait while another process writes, instead of failing.")]


@app.command()
def ls(
    prefix: Annotated[str, typer.Argument(help="Only documents whose uri begins so.")] = "",
    tenant: Tenant = DEFAULT_TENANT,
    at: At = None,
    as_json: Json = False,
) -> None:
    """List the documents, by uri."""
    where = (Condition("uri", "prefix", (prefix,)),) if prefix else ()
    with maintenance() as upkeep, upkeep.store.snapshot(_generation(at)) as snapshot:
        found = list(snapshot.documents(scope=_operator(tenant), where=where))
    if as_json:
        typer.echo(printable_json([_as_json(each) for each in found]))
        return
    for each in found:
        readers = f"  [{', '.join(sorted(each.readers))}]" if each.readers else ""
        typer.echo(printable(f"{each.uri}  {each.title}{readers}"))
    typer.echo(documents(len(found)), err=True)


@app.command()
def show(
    uri: Annotated[str, typer.Argument(help="The document's uri, as `ls` shows it.")],
    tenant: Tenant = DEFAULT_TENANT,
    at: At = None,
    text: Annotated[bool, typer.Option("--text", help="Print the extracted text and nothing else.")] = False,
    as_json: Json = False,
) -> None:
    """Show one document: what is known about it, and how it was cut into chunks."""
    with maintenance() as upkeep, upkeep.store.snapshot(_generation(at)) as snapshot:
        document = _named(snapshot, uri, tenant)
        if text:
            typer.echo(printable(snapshot.text(document.id)))
            return
        chunks = snapshot.chunks(document.id)
        seen = inspect(document, snapshot.text(document.id))
        twins = Twins(StoreSettings().data_dir).of(document, snapshot)
    read = {**asdict(seen), "near_duplicates": {each.document.uri: each.share for each in twins}}
    if as_json:
        shown = [asdict(chunk) for chunk in chunks]
        typer.echo(printable_json({**_as_json(document), "report": read, "chunks": shown}))
        return
    for name, value in _as_json(document).items():
        typer.echo(printable(f"{name:<12} {value}"))
    for line in _report(seen, twins):
        typer.echo(printable(line))
    for chunk in chunks:
        page = "" if chunk.span.page is None else f"  page {chunk.span.page}"
        path = " › ".join(chunk.headings)
        typer.echo(printable(f"\n#{chunk.position}  {chunk.span.start}–{chunk.span.end}{page}  {path}"))
        typer.echo(" ".join(printable(chunk.text).split())[:300])


@app.command()
def rm(
    uris: Annotated[
        list[str], typer.Argument(help="Documents to take out, by uri; with / at its end, all below it.")
    ],
    tenant: Tenant = DEFAULT_TENANT,
    wait: Wait = False,
) -> None:
    """Take documents out; earlier generations still hold them. `erase` leaves nothing."""
    with maintenance() as upkeep:
        with upkeep.store.snapshot() as snapshot:
            uris = [each for uri in uris for each in _below(snapshot, uri, tenant)]
        with upkeep.store.draft(note=f"remove {documents(len(uris))}", wait=wait) as draft:
            for uri in uris:
                draft.remove(tenant=tenant, uri=uri)
                _originals().forget(tenant=tenant, uri=uri)
    typer.echo(f"Removed {documents(len(uris))}.", err=True)


@app.command()
def erase(
    uris: Annotated[list[str], typer.Argument(help="Documents to erase, by uri.")],
    tenant: Tenant = DEFAULT_TENANT,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    wait: Wait = False,
) -> None:
    """Erase documents from every generation and file, and print a certificate; exit 1 if anything is left."""
    if not yes:
        typer.confirm(f"Erase {documents(len(uris))} for good, from all generations?", abort=True, err=True)

    def forget() -> None:
        for uri in uris:
            _originals().forget(tenant=tenant, uri=uri)
        forget_uris(StoreSettings().data_dir, uris)

    with maintenance() as upkeep:
        certificate = upkeep.erase(uris, tenant=tenant, wait=wait, also=forget)
        _originals().sweep(upkeep.held)
    typer.echo(json.dumps(asdict(certificate), default=str, indent=2))
    if certificate.left:
        typer.echo(f"Still in: {', '.join(certificate.left)}", err=True)
        raise typer.Exit(1)


def _below(snapshot: Snapshot, uri: str, tenant: str) -> list[str]:
    if not uri.endswith("/"):
        return [_named(snapshot, uri, tenant).uri]
    where = (Condition("uri", "prefix", (uri,)),)
    found = [each.uri for each in snapshot.documents(scope=_operator(tenant), where=where)]
    if not found:
        raise NotFound(f"There is no document below {uri!r}.", "`footnote docs ls` lists what there is.")
    return found


def _named(snapshot: Snapshot, uri: str, tenant: str) -> Document:
    where = (Condition("uri", "eq", (uri,)),)
    found = next(snapshot.documents(scope=_operator(tenant), where=where), None)
    if found is None:
        raise NotFound(f"There is no document at {uri!r}.", "`footnote docs ls` lists what there is.")
    return found


def _report(seen: Inspection, twins: Sequence[Twin]) -> Iterator[str]:
    """Say how well a document was read."""
    yield f"{'characters':<12} {seen.characters:,}"
    if seen.characters_per_page:
        yield f"{'per page':<12} {' '.join(map(str, seen.characters_per_page))}"
    if seen.pages_without_text:
        yield f"{'no text on':<12} page {', '.join(map(str, seen.pages_without_text))}"
    yield f"{'tables':<12} {seen.tables}"
    if seen.unreadable:
        yield f"{'encoding':<12} suspicious: {seen.unreadable} characters could not be read"
    for twin in twins:
        yield f"{'like':<12} {twin.document.uri} ({twin.share:.0%})"


def _operator(tenant: str) -> Scope:
    return Scope(tenant, unrestricted=True)


def _generation(at: int | None) -> Generation | None:
    return None if at is None else Generation(at)


def _as_json(document: Document) -> dict[str, object]:
    return {
        "id": document.id,
        "uri": document.uri,
        "title": document.title,
        "media_type": document.media_type,
        "modified": document.modified.isoformat() if document.modified else None,
        "readers": sorted(document.readers),
        "pages": len(document.pages),
        "metadata": dict(document.metadata),
    }


def _originals() -> Originals:
    return Originals(StoreSettings().data_dir)
