"""`footnote docs`: the documents that are in the index."""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from typing import Annotated

import typer

from app.audit.audit import note
from app.commands.backup import noted_at_once
from app.commands.index import as_certificate, documents, maintenance
from app.people.people import in_backups
from ingest.extract import ACCOUNT, Account, account_in
from ingest.jobs.enqueue import failure_of
from ingest.jobs.open import open_desk
from ingest.originals import Originals, forget_uris, open_originals
from ingest.report import Inspection, findings_of, inspect
from ingest.settings import IngestSettings
from ingest.sources.ledger import load_ledger
from ingest.sources.placed import UPLOAD
from ingest.sources.shared import PastFailure
from ingest.twins import Twin, Twins
from vectorstore.errors import NotFound
from vectorstore.printable import printable, printable_json
from vectorstore.settings import StoreSettings
from vectorstore.state.open import open_state
from vectorstore.store import Snapshot
from vectorstore.types import DEFAULT_TENANT, Condition, Document, Generation, Scope

app = typer.Typer(no_args_is_help=True)

_REPLICAS_ANSWER = 15.0
"""Seconds to wait for replicas after an erasure: they look every two."""

_ON_OTHERS = (
    "Uploaded files lie with the machine that took them (FOOTNOTE_OBJECTS is not set): the folders of other machines were "
    "not searched; what is left in their originals/ goes with `footnote index compact` there."
)

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
        failure = _failures(tenant).get(uri)
        document = _named(snapshot, uri, tenant, failure)
        if text:
            typer.echo(printable(snapshot.text(document.id)))
            return
        chunks = snapshot.chunks(document.id)
        seen = inspect(document, snapshot.text(document.id))
        twins = Twins(StoreSettings().data_dir).of(document, snapshot)
    read = {**asdict(seen), "near_duplicates": {each.document.uri: each.share for each in twins}}
    if as_json:
        shown = [asdict(chunk) for chunk in chunks]
        failed = asdict(failure) if failure else None
        typer.echo(printable_json({**_as_json(document), "report": read, "failed": failed, "chunks": shown}))
        return
    facts = _as_json(document)
    facts["metadata"] = {key: value for key, value in document.metadata.items() if key != ACCOUNT}
    for name, value in facts.items():
        typer.echo(printable(f"{name:<12} {value}"))
    for line in _report(seen, twins):
        typer.echo(printable(line))
    if account := account_in(document.metadata):
        typer.echo(printable(f"{'account':<12} {_accounted(account)}"))
    if failure:
        typer.echo(printable(f"{'failed':<12} {_since(failure)} its file as it is now: {failure.message}"))
    for chunk in chunks:
        page = "" if chunk.span.page is None else f"  page {chunk.span.page}"
        path = " › ".join(chunk.headings)
        typer.echo(printable(f"\n#{chunk.position}  {chunk.span.start}–{chunk.span.end}{page}  {path}"))
        typer.echo(" ".join(printable(chunk.text).split())[:300])


@app.command()
def findings(
    prefix: Annotated[str, typer.Argument(help="Only documents and files whose uri begins so.")] = "",
    tenant: Tenant = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """List what a person should look at: findings of documents, and files that failed, with why and since when."""
    with maintenance() as upkeep, upkeep.store.snapshot() as snapshot:
        held = [each for each in snapshot.documents(scope=_operator(tenant)) if findings_of(each)]
    found = [each for each in held if each.uri.startswith(prefix)]
    failed = {uri: each for uri, each in _failures(tenant).items() if uri.startswith(prefix)}
    if as_json:
        documents_found = [
            {"uri": each.uri, "when": each.metadata.get("found_on", ""), "findings": findings_of(each)}
            for each in found
        ]
        failures = [{"uri": uri, **asdict(each)} for uri, each in sorted(failed.items())]
        typer.echo(printable_json({"documents": documents_found, "failed": failures}))
        return
    for each in found:
        when = f"  {when}" if (when := each.metadata.get("found_on", "")) else ""
        typer.echo(printable(f"{each.uri}{when}"))
        for sentence in findings_of(each):
            typer.echo(printable(f"  {sentence}"))
    for uri, failure in sorted(failed.items()):
        typer.echo(printable(f"{uri}  {_since(failure)}\n  {failure.message}"))
    typer.echo(f"Findings: {documents(len(found))}; not in the index: {files(len(failed))}.", err=True)


@app.command()
def rm(
    uris: Annotated[
        list[str], typer.Argument(help="Documents to take out, by uri; with / at its end, all below it.")
    ],
    tenant: Tenant = DEFAULT_TENANT,
    wait: Wait = False,
) -> None:
    """Take documents out; earlier generations still hold them. `erase` leaves nothing.

    Where there is a queue a worker does it, in the order of what was asked for at each address; --wait waits for that.
    """
    with maintenance() as upkeep:
        with upkeep.store.snapshot() as snapshot:
            found = [each for uri in uris for each in _below(snapshot, uri, tenant)]
        note(documents=[each.id for each in found])
        uris = [each.uri for each in found]
        if _queued(tenant, uris, wait=wait):
            return
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

    def forget() -> Sequence[str]:
        originals = _originals()
        for uri in uris:
            originals.forget(tenant=tenant, uri=uri)
        forget_uris(open_state(StoreSettings()), uris)
        alone = originals.are_shared or not StoreSettings().store.get_secret_value()
        away = () if alone or not any(uri.startswith(f"{UPLOAD}/") for uri in uris) else (_ON_OTHERS,)
        return (*away, *in_backups(open_state(StoreSettings())))

    if (desk := open_desk(StoreSettings())) is not None:
        # Nothing that waits may bring it back.
        with closing(desk):
            desk.forget(tenant, uris)
    with maintenance() as upkeep:
        with upkeep.store.snapshot() as snapshot:
            held = snapshot.documents(scope=_operator(tenant), where=(Condition("uri", "in", tuple(uris)),))
            note(documents=[each.id for each in held])
        certificate = upkeep.erase(uris, tenant=tenant, wait=wait, also=forget)
        _originals().sweep(upkeep.held)
        until = time.monotonic() + _REPLICAS_ANSWER
        while certificate.outstanding and time.monotonic() < until:
            time.sleep(1)
            certificate = next(each for each in upkeep.certificates() if each.epoch == certificate.epoch)
    noted_at_once()
    typer.echo(as_certificate(certificate))
    for sentence in certificate.unsearched:
        typer.echo(printable(sentence), err=True)
    if certificate.left:
        typer.echo(f"Still in: {', '.join(certificate.left)}", err=True)
    if certificate.outstanding:
        typer.echo(
            f"Replicas that have not said yet that it is gone: {', '.join(certificate.outstanding)}. "
            "`footnote index certificate` shows when they have.",
            err=True,
        )
    if not certificate.complete:
        raise typer.Exit(1)


def _queued(tenant: str, uris: list[str], *, wait: bool) -> bool:
    """Have workers take documents out, where there is a queue, and say so; say whether there is one."""
    desk = open_desk(StoreSettings())
    if desk is None:
        return False
    with closing(desk):
        ended = desk.remove(tenant, uris, wait=wait)
    failed = [each for each in ended if each.state in ("failed", "cancelled")]
    for each in failed:
        typer.echo(printable(f"failed {each.uri}: {failure_of(each).message}"), err=True)
    done = "Removed" if wait else "Queued the removal of"
    typer.echo(f"{done} {documents(len(ended) - len(failed))}.", err=True)
    if failed:
        raise typer.Exit(1)
    return True


def _below(snapshot: Snapshot, uri: str, tenant: str) -> list[Document]:
    if not uri.endswith("/"):
        return [_named(snapshot, uri, tenant)]
    where = (Condition("uri", "prefix", (uri,)),)
    found = list(snapshot.documents(scope=_operator(tenant), where=where))
    if not found:
        raise NotFound(f"There is no document below {uri!r}.", "`footnote docs ls` lists what there is.")
    return found


def _named(snapshot: Snapshot, uri: str, tenant: str, failure: PastFailure | None = None) -> Document:
    where = (Condition("uri", "eq", (uri,)),)
    found = next(snapshot.documents(scope=_operator(tenant), where=where), None)
    if found is None and failure is not None:
        raise NotFound(
            f"{uri!r} is not in the index, {_since(failure)} {failure.message}",
            "`footnote ingest` reads it when it has changed, with --retry-failed as it is.",
        )
    if found is None and next(
        snapshot.documents(scope=_operator(tenant), where=(Condition("uri", "prefix", (f"{uri}/",)),)), None
    ):
        raise NotFound(
            f"{uri!r} is no document itself but holds some.", f"`footnote docs ls {uri}/` lists them."
        )
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


def _failures(tenant: str) -> dict[str, PastFailure]:
    """Return the files that could not be read, by uri; what a folder holds beside documents is none."""
    failures: dict[str, PastFailure] = {}
    if tenant == IngestSettings().tenant:
        failures |= load_ledger(open_state(StoreSettings())).failures
    if (desk := open_desk(StoreSettings())) is not None:
        with closing(desk):
            failures |= desk.failures(tenant)
    return {uri: each for uri, each in failures.items() if each.reason != "skipped"}


def _since(failure: PastFailure) -> str:
    return f"[{failure.reason}] since {failure.when}:" if failure.when else f"[{failure.reason}]:"


def _accounted(account: Account) -> str:
    """Say what became of a file's own text."""
    parts = [f"{account.kept:,} of {account.characters:,} letters and digits of the file kept"]
    parts += [f"{count:,} left out ({what})" for what, count in account.left_out.items()]
    if account.unexplained:
        parts.append(f"{account.unexplained:,} not found again {account.worst}".rstrip())
    return "; ".join(parts)


def files(count: int) -> str:
    """Return `1 file`, or `2,000 files`."""
    return f"{count:,} file{'' if count == 1 else 's'}"


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
    return open_originals(StoreSettings().data_dir)
