"""`footnote backup`, `footnote restore`, `footnote backups`: everything kept elsewhere, and put back."""

import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import SecretStr

from app.commands.exit_codes import FINDINGS
from vectorstore.printable import printable

if TYPE_CHECKING:
    from app.backup.put_back import Restored
    from app.backup.repository import Manifest, Repository
    from app.settings import Settings

app = typer.Typer(no_args_is_help=True)

Where = Annotated[
    str,
    typer.Argument(
        help="A folder, or s3://bucket/prefix, gs://, az://. Default: FOOTNOTE_BACKUP.", show_default=False
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Which = Annotated[
    str,
    typer.Option(
        "--id", help="Which backup: its id, or the beginning of one, as a day. Default: the newest."
    ),
]


def backup(
    destination: Where = "",
    anew: Annotated[
        bool, typer.Option("--new", help="Begin again where backups were, and are no more.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Back everything up, while others go on reading and writing; what has not changed since the last is not written again.

    The index with all generations, uploaded files, keys, holds, conversations, the audit log with its signing key and the
    names behind its pseudonyms, and the settings but for secrets.
    """
    from app.backup.take import take

    repository, settings = _opened(destination)
    started = time.monotonic()
    made = take(settings, repository, anew=anew)
    if as_json:
        typer.echo(json.dumps({**_summary(made), "wrote": repository.wrote, "bytes": repository.bytes}))
        return
    typer.echo(_line(made))
    typer.echo(
        printable(
            f"Backed up to {repository.place.name} in {time.monotonic() - started:.1f} s; wrote "
            f"{repository.wrote:,} pieces ({repository.bytes / 1e6:,.1f} MB), the others were there."
        ),
        err=True,
    )
    if lost := made.facts["lost_originals"]:
        typer.echo(f"Of {lost:,} uploaded documents the file was gone already.", err=True)
    if dirty := _dirty(repository):
        typer.echo(_still(len(dirty), repository.place.name), err=True)


def restore(
    source: Where = "",
    which: Which = "",
    replaces: Annotated[
        bool, typer.Option("--replace", help="Move aside what is there, and say where it lies then.")
    ] = False,
    accept_readers: Annotated[
        bool,
        typer.Option(
            "--accept-readers", help="Over an index that cannot be read: take the readers of the backup."
        ),
    ] = False,
) -> None:
    """Put a backup back where the settings say, whole or not at all; what has been erased since stays erased."""
    from app.audit.audit import note, open_audit
    from app.backup.put_back import put_back

    repository, settings = _opened(source)
    started = time.monotonic()
    made = put_back(settings, repository, name=which, replaces=replaces, accept_readers=accept_readers)
    if (audit := open_audit()) is not None:
        with audit.command("restore"):
            note(changed={"restored": made.manifest.id})
    typer.echo(_line(made.manifest))
    typer.echo(f"Restored in {time.monotonic() - started:.1f} s. {_settings_said(made.manifest)}", err=True)
    _say_erased(made)
    for place in made.aside:
        typer.echo(
            printable(
                f"What was there lies in {place} now, with whatever was erased from the backup: delete it once you are sure."
            ),
            err=True,
        )


@app.command()
def ls(destination: Where = "", as_json: Json = False) -> None:
    """List the backups, oldest first; exit 1 when one cannot be read."""
    from vectorstore.errors import BadInput, NotFound, StoreDamaged

    repository, _ = _opened(destination)
    wrong = False
    for name in repository.ids():
        try:
            each = repository.manifest(name)
        except NotFound:  # pruned meanwhile
            continue
        except (BadInput, StoreDamaged) as error:
            typer.echo(printable(error.what), err=True)
            wrong = True
            continue
        typer.echo(json.dumps(_summary(each)) if as_json else _line(each))
    if wrong:
        raise typer.Exit(FINDINGS)


@app.command()
def verify(destination: Where = "") -> None:
    """Read every piece of every backup and check it; exit 1 when something is wrong."""
    from app.backup.keeping import problems

    repository, _ = _opened(destination)
    found = list(problems(repository))
    for sentence in found:
        typer.echo(printable(sentence))
    typer.echo(
        f"Checked {len(repository.ids()):,} backups: {'see above' if found else 'all sound'}.", err=True
    )
    if found:
        typer.echo(
            "Delete the file of a damaged piece: the next backup writes it again, where what it holds is still there.",
            err=True,
        )
        raise typer.Exit(FINDINGS)


@app.command()
def prune(
    destination: Where = "",
    keep: Annotated[int | None, typer.Option(min=1, help="Keep so many of the newest backups.")] = None,
    is_erased: Annotated[
        bool,
        typer.Option(
            "--erased", help="Drop every backup that still holds what was erased after it was taken."
        ),
    ] = False,
) -> None:
    """Drop backups, and the pieces that no other needs."""
    from app.backup.keeping import prune as drop
    from vectorstore.errors import BadInput

    if keep is None and not is_erased:
        raise BadInput("It is not said which backups are to go.", "Add --keep N or --erased.")
    repository, _ = _opened(destination)
    names, pieces = drop(repository, keep=keep, is_erased=is_erased)
    typer.echo(f"Dropped {len(names):,} backups and {pieces:,} pieces.", err=True)
    if dirty := _dirty(repository):
        typer.echo(_still(len(dirty), repository.place.name), err=True)


@app.command()
def erased(destination: Where = "") -> None:
    """Note beside the backups what was erased until now, so that none of them brings it back; for cron, between backups."""
    from app.backup.take import note_erased

    repository, settings = _opened(destination)
    note_erased(settings, repository)
    if dirty := _dirty(repository):
        typer.echo(_still(len(dirty), repository.place.name), err=True)


@app.command()
def drill(destination: Where = "", which: Which = "") -> None:
    """Put a backup back into a folder that is thrown away, and check all of it; exit 1 when something is wrong."""
    from app.audit.verify import verify as verify_log
    from app.backup.put_back import put_back
    from vectorstore.open import open_upkeep

    repository, settings = _opened(destination)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="footnote-drill-") as folder:
        store = settings.store.model_copy(
            update={
                "data_dir": Path(folder) / "data",
                "store": SecretStr(""),
                "search": "local",
                "cache_dir": None,
            }
        )
        tried = replace(
            settings,
            store=store,
            objects=settings.objects.model_copy(update={"objects": ""}),
            records=settings.records.model_copy(update={"records_url": ""}),
        )
        made = put_back(tried, repository, name=which)
        wrong: list[str] = []
        if made.manifest.tables.get("index.meta"):
            upkeep = open_upkeep(store)
            found = upkeep.verify()
            upkeep.close()
            wrong += [*found.damage, *found.stale]
        if made.manifest.rows("audit"):
            wrong += [str(each) for each in verify_log(store.data_dir / "audit").findings]
    for sentence in wrong:
        typer.echo(printable(sentence))
    typer.echo(_line(made.manifest))
    _say_erased(made)
    typer.echo(
        f"Put back and checked in {time.monotonic() - started:.1f} s: {'see above' if wrong else 'all sound'}.",
        err=True,
    )
    if wrong:
        raise typer.Exit(FINDINGS)


def noted_at_once() -> None:
    """Have what was just erased noted beside the backups, where FOOTNOTE_BACKUP says where those are."""
    from app.backup.take import note_erased
    from app.settings import Settings
    from vectorstore.errors import FootnoteError

    settings = Settings()
    if not settings.backup.backup:
        return
    try:
        note_erased(settings, _opened("")[0])
    except FootnoteError as error:
        typer.echo(
            f"It could not be noted beside the backups: {error.what} Run `footnote backups erased` later.",
            err=True,
        )


def _opened(destination: str) -> "tuple[Repository, Settings]":
    from app.backup.place import open_place
    from app.backup.repository import Repository
    from app.settings import Settings

    settings = Settings()
    return Repository(open_place(destination or settings.backup.backup)), settings


def _dirty(repository: "Repository") -> list[str]:
    from app.backup.keeping import holding_erased
    from vectorstore.errors import FootnoteError

    try:
        return holding_erased(repository)
    except FootnoteError:  # pruned meanwhile, or away: what was to be done is done
        return []


def _still(count: int, place: str) -> str:
    which = "1 backup holds" if count == 1 else f"{count:,} backups hold"
    return printable(
        f"{which} what has been erased since, until `footnote backups prune --erased` drops what is in {place}; no restore "
        "brings it back."
    )


def _say_erased(made: "Restored") -> None:
    if made.erased or made.answers_erased:
        typer.echo(
            f"Erased again what had been erased after this backup: documents {len(made.erased):,}, answers "
            f"{made.answers_erased:,}.",
            err=True,
        )


def _settings_said(made: "Manifest") -> str:
    return f"These settings were set, secrets by name: {', '.join(made.settings)}." if made.settings else ""


def _summary(made: "Manifest") -> dict[str, object]:
    return {
        "id": made.id,
        "taken": made.taken,
        "version": made.version,
        "engine": made.engine,
        "generation": made.facts.get("generation", 0),
        "documents": made.facts.get("documents", 0),
        "chunks": made.facts.get("chunks", 0),
        "originals": made.rows("originals"),
        "answers": made.rows("records.runs"),
        "audit": made.rows("audit"),
        "size": made.size,
        "settings": made.settings,
    }


def _line(made: "Manifest") -> str:
    told = _summary(made)
    return (
        f"{made.id}  generation {told['generation']}, documents {told['documents']:,}, chunks {told['chunks']:,}, uploaded "
        f"files {told['originals']:,}, answers {told['answers']:,}, audit entries {told['audit']:,}; {made.size / 1e6:,.1f} MB"
    )
