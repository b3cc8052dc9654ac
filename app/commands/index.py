"""`footnote index`: look at the index, check it, go back in time, keep it small, move it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from ingest.originals import open_originals
from vectorstore.errors import BadInput, NotFound
from vectorstore.printable import printable
from vectorstore.settings import StoreSettings
from vectorstore.types import DEFAULT_TENANT, Generation, GenerationInfo

if TYPE_CHECKING:
    from vectorstore.upkeep import Certificate, Upkeep


@contextmanager
def maintenance() -> "Iterator[Upkeep]":
    """Open the configured index for upkeep, which needs no embedder."""
    from vectorstore.open import open_upkeep

    upkeep = open_upkeep(StoreSettings())
    try:
        yield upkeep
    finally:
        upkeep.close()


def documents(count: int) -> str:
    """Return `1 document`, or `2,000 documents`."""
    return f"{count:,} document{'' if count == 1 else 's'}"


app = typer.Typer(no_args_is_help=True)

_AFTER_A_MOVE = (
    "What it was moved from is as it was: whoever still writes there writes to what nobody reads any more. Delete it once "
    "you are sure, or an erasure does not reach it. API keys, holds, conversations, the audit log and what ingest remembers "
    "stay where they were: docs/scale.md says what to do about each."
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait while another process writes, instead of failing.")]


@app.command()
def info(as_json: Json = False) -> None:
    """Show what the index holds and how large it is."""
    with maintenance() as upkeep:
        found = upkeep.info()
    if as_json:
        typer.echo(json.dumps(asdict(found), default=str))
        return
    newest = found.newest
    if found.place != found.folder:
        typer.echo(f"database     {found.place}")
    typer.echo(f"folder       {found.folder}")
    typer.echo(f"embedder     {found.embedder} ({found.dimension} dimensions)")
    typer.echo(
        f"generation   {newest.number} of {newest.created:%Y-%m-%d %H:%M} UTC; {found.generations} kept"
    )
    typer.echo(f"documents    {newest.documents:,}")
    typer.echo(f"chunks       {newest.chunks:,}")
    for name, size in found.sizes.items():
        typer.echo(f"{name:<12} {size / 1e6:,.1f} MB")
    if found.searchable < newest.number:
        typer.echo(
            f"The search index reaches generation {found.searchable}; the next search catches up.", err=True
        )


@app.command()
def verify(as_json: Json = False) -> None:
    """Check every value against its checksum; exit 1 when something is wrong."""
    with maintenance() as upkeep:
        found = upkeep.verify()
    if as_json:
        typer.echo(json.dumps({**asdict(found), "sound": found.sound}))
    else:
        for sentence in (*found.damage, *found.stale):
            typer.echo(printable(sentence))
        counts = f"{found.generations} generations, {found.documents:,} documents, {found.chunks:,} chunks"
        typer.echo(f"Checked {counts}: {'all sound' if found.sound else 'see above'}.", err=True)
        if found.damage:
            typer.echo("Run `footnote restore SRC --replace`, or ingest into a new folder.", err=True)
        elif found.stale:
            typer.echo("Run `footnote index rebuild`; the next search would do it too.", err=True)
    if not found.sound:
        raise typer.Exit(1)


@app.command()
def upgrade() -> None:
    """Bring the tables in PostgreSQL to what this version makes; versions that still may use them go on meanwhile."""
    from vectorstore.open import open_database

    database = open_database(StoreSettings())
    said = "The index has all that this version needs."
    try:
        database.upgrade()
    except NotFound:
        # No failure: what starts a new installation runs this first, and goes on when it has ended well.
        said = "There is no index yet: the first ingest makes it as this version needs it."
    finally:
        database.close()
    typer.echo(said, err=True)


@app.command()
def generations(as_json: Json = False) -> None:
    """List the kept generations, newest first."""
    with maintenance() as upkeep:
        kept = upkeep.store.generations()[::-1]
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in kept], default=str))
        return
    for each in kept:
        typer.echo(_line(each))


@app.command()
def rollback(
    to: Annotated[int | None, typer.Argument(help="The generation to go back to. Default: the last.")] = None,
    wait: Wait = False,
) -> None:
    """Publish a new generation equal to an older one; who may read which document stays as it is."""
    with maintenance() as upkeep:
        if to is None:
            to = max(0, upkeep.info().newest.number - 1)
        made = upkeep.store.rollback(Generation(to), wait=wait)
    typer.echo(f"Generation {made} is equal to generation {to}, for those who may read it today.", err=True)


@app.command()
def diff(
    first: Annotated[int, typer.Argument(help="The earlier generation.")],
    second: Annotated[int, typer.Argument(help="The later generation.")],
    as_json: Json = False,
) -> None:
    """Show which documents differ between two generations."""
    with maintenance() as upkeep:
        found = upkeep.compare(Generation(first), Generation(second))
    if as_json:
        typer.echo(json.dumps(asdict(found)))
        return
    for sign, changed in (("+", found.added), ("-", found.removed), ("~", found.changed)):
        for tenant, uri in changed:
            typer.echo(
                printable(f"{sign} {uri}" + ("" if tenant == DEFAULT_TENANT else f"  (tenant {tenant})"))
            )


@app.command()
def compact(
    keep: Annotated[
        int | None, typer.Option(min=1, help="Generations to keep. Default: FOOTNOTE_KEEP_GENERATIONS.")
    ] = None,
    wait: Wait = False,
) -> None:
    """Drop old generations and give their space back, with the uploaded files that only they showed."""
    with maintenance() as upkeep:
        done = upkeep.compact(keep=keep or StoreSettings().keep_generations, wait=wait)
        open_originals(StoreSettings().data_dir).sweep(upkeep.held)
    typer.echo(
        f"Dropped {done.generations} generations, {done.documents:,} documents, {done.chunks:,} chunks.",
        err=True,
    )


@app.command()
def rebuild(wait: Wait = False) -> None:
    """Make the search index anew from the documents kept in the database."""
    with maintenance() as upkeep:
        upkeep.rebuild(wait=wait)
    typer.echo("The search index is new.", err=True)


@app.command()
def publish(wait: Wait = False) -> None:
    """Put the search index into the object storage now, for replicas to take instead of building their own."""
    with maintenance() as upkeep:
        generation, size = upkeep.publish(wait=wait)
    typer.echo(f"Published generation {generation} ({size / 1e6:,.1f} MB).", err=True)


def _moved() -> None:
    """Say where the command went."""
    raise BadInput(
        "`footnote index backup` and `restore` are gone.",
        "Use `footnote backup DEST` and `footnote restore SRC`: they hold everything, and do not read what the old ones wrote.",
    )


for _name in ("backup", "restore"):
    app.command(
        _name, hidden=True, context_settings={"allow_extra_args": True, "ignore_unknown_options": True}
    )(_moved)


@app.command()
def move(
    to: Annotated[
        str,
        typer.Option(
            metavar="URL|FOLDER",
            help="Where to: postgresql://user@host/database?schema=footnote, or a folder. Default: from the folder in "
            "FOOTNOTE_DATA_DIR to FOOTNOTE_STORE. A password may stand in PGPASSWORD instead of the address.",
        ),
    ] = "",
    wait: Wait = False,
) -> None:
    """Copy the index into PostgreSQL or back into a folder, all generations; goes on where it was interrupted."""
    from vectorstore.open import move_index

    done = move_index(
        StoreSettings(),
        to,
        wait=wait,
        on_progress=lambda done, total: typer.echo(f"{done:,} of {total:,} rows", err=True),
    )
    typer.echo(
        f"In {done.place}: generation {done.generation}, {done.generations} kept, {documents(done.documents)}, "
        f"{done.chunks:,} chunks, every value as its seal says.",
        err=True,
    )
    originals = open_originals(StoreSettings().data_dir)
    if originals.are_shared:
        with maintenance() as upkeep:
            shared = originals.share(upkeep.held)
        if shared:
            files = "1 uploaded file" if shared == 1 else f"{shared:,} uploaded files"
            typer.echo(f"Put {files} into object storage.", err=True)
    typer.echo(_AFTER_A_MOVE, err=True)


@app.command()
def certificate(
    every: Annotated[bool, typer.Option("--all", help="Those of all erasures, oldest first.")] = False,
) -> None:
    """Print the certificate of the last erasure, with the replicas that are waited for now; exit 1 until it is complete."""
    with maintenance() as upkeep:
        kept = upkeep.certificates()
    if not kept:
        raise NotFound("Nothing was erased from this index.", "`footnote docs erase URI` does.")
    shown = kept if every else kept[-1:]
    for each in shown:
        typer.echo(as_certificate(each))
    if not all(each.complete for each in shown):
        raise typer.Exit(1)


def as_certificate(each: "Certificate") -> str:
    """Return a certificate as JSON."""
    return json.dumps({**asdict(each), "complete": each.complete}, default=str, indent=2)


@app.command()
def reembed(wait: Wait = False) -> None:
    """Give every kept chunk a vector of the embedder that is set now; goes on where it was interrupted."""
    from vectorstore.open import open_configured_embedder

    settings = StoreSettings()
    embedder = open_configured_embedder(settings)
    with maintenance() as upkeep:
        if upkeep.info().embedder == embedder.fingerprint:
            typer.echo("The index already holds this embedder's vectors.", err=True)
            return
        count = upkeep.reembed(
            embedder.embed_documents,
            fingerprint=embedder.fingerprint,
            dimension=embedder.dimension,
            on_progress=lambda done, total: typer.echo(f"{done:,} of {total:,} chunks", err=True),
            wait=wait,
        )
    typer.echo(f"Embedded {count:,} chunks with {embedder.name}; searches use them now.", err=True)


def _line(each: GenerationInfo) -> str:
    counts = f"{each.documents:>7,} documents  {each.chunks:>9,} chunks"
    return f"{each.number:>5}  {each.created:%Y-%m-%d %H:%M}  {counts}  {each.note}".rstrip()
