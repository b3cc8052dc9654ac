"""`footnote audit`: check the log of who asked, read and changed what, show it, take it elsewhere."""

import csv
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from app.audit.audit import note, open_audit
from app.audit.heads import Signer
from app.audit.journal import entries_of, is_missing, missing_log
from app.audit.row_pseudonyms import open_pseudonyms
from app.audit.verify import verify as verify_log
from app.identity.grant import person_id
from app.people.masking import masked_in
from vectorstore.errors import BadInput, FootnoteError, NotFound
from vectorstore.printable import printable
from vectorstore.settings import StoreSettings
from vectorstore.state.cell import State
from vectorstore.state.open import open_state
from vectorstore.types import DEFAULT_TENANT, Generation

app = typer.Typer(no_args_is_help=True)

Since = Annotated[str | None, typer.Option(metavar="DATE", help="Entries from this day or time on (UTC).")]
Until = Annotated[str | None, typer.Option(metavar="DATE", help="Entries before this day or time (UTC).")]
User = Annotated[str | None, typer.Option(help="Entries of this user, and of previews as this user.")]
Tenant = Annotated[str, typer.Option(help="Whose user.")]
_COLUMNS = (
    "n",
    "at",
    "what",
    "key",
    "tenant",
    "who",
    "name",
    "as",
    "route",
    "status",
    "run",
    "outcome",
    "more",
)


@contextmanager
def written_down(command: str) -> Iterator[None]:
    """Write down a command before it begins and when it has ended, with what it made of the index."""
    audit = open_audit()
    if audit is None:
        yield
        return
    before = _generation(command)
    with audit.command(command):
        try:
            yield
        finally:
            if (after := _generation(command)) != before:
                note(generation=after, **_difference(before, after))


@app.command()
def verify(
    head: Annotated[
        Path | None, typer.Option(help="Signed heads kept elsewhere: finds an end that was cut off.")
    ] = None,
    key: Annotated[str, typer.Option(help="The public key that heads must be signed with.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check that no entry was changed, removed or moved; exit 1 when something is wrong."""
    found = verify_log(_place(), head=head, key=key)
    if as_json:
        findings = [
            {"file": each.file, "line": each.line, "sentence": each.sentence} for each in found.findings
        ]
        counts = {"first": found.first, "last": found.last, "entries": found.entries, "heads": found.heads}
        typer.echo(
            json.dumps(
                {"sound": found.sound, **counts, "torn": found.torn, "key": found.key, "findings": findings}
            )
        )
    else:
        for each in found.findings:
            typer.echo(printable(str(each)))
        counted = f"Checked {found.entries:,} entries ({found.first} to {found.last}) and {found.heads:,} signed heads"
        typer.echo(f"{counted}: {'as they were written' if found.sound else 'see above'}.", err=True)
        if found.torn:
            typer.echo(
                f"Half an entry was cut off {found.torn:,} times, after a process was killed.", err=True
            )
        typer.echo(f"Public key: {found.key or 'none yet'}", err=True)
    if not found.sound:
        raise typer.Exit(1)


@app.command()
def head() -> None:
    """Print a signed head of the log as it is now, to be kept elsewhere for `verify --head`."""
    last = next(reversed(list(entries_of(_place()))), None)
    if last is None:
        raise NotFound("The audit log has no entry yet.", "Ask something, then try again.")
    typer.echo(Signer(_place()).signed_line(last.n, last.hash))


@app.command()
def export(
    since: Since = None,
    until: Until = None,
    user: User = None,
    tenant: Tenant = DEFAULT_TENANT,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV instead of JSON lines.")] = False,
    mask: Annotated[
        bool,
        typer.Option("--masked", help="Put addresses, numbers and keys in names and contents out of sight."),
    ] = False,
) -> None:
    """Print entries with the names of people who are not forgotten, and contents where they are kept."""
    told = _told(since, until, user, tenant)
    if mask:
        told = ({name: masked_in(value) for name, value in each.items()} for each in told)
    if not as_csv:
        for each in told:
            typer.echo(json.dumps(each))
        return
    writer = csv.writer(sys.stdout)
    writer.writerow(_COLUMNS)
    for each in told:
        more = {name: value for name, value in each.items() if name not in _COLUMNS}
        shown = {**each, "more": json.dumps(more) if more else ""}
        writer.writerow([_cell(shown.get(column, "")) for column in _COLUMNS])


@app.command()
def show(
    run: Annotated[
        str | None, typer.Argument(help="Everything about this run. Default: the newest entries.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many of the newest.")] = 20,
) -> None:
    """Show entries as lines that people read, oldest first."""
    told = [each for each in _told(None, None, None, DEFAULT_TENANT) if run is None or each.get("run") == run]
    if not told:
        raise NotFound(f"No entry is about {run!r}." if run else "The audit log has no entry yet.")
    for each in told if run else told[-limit:]:
        facts = {name: value for name, value in each.items() if name not in {"n", "at", "what"}}
        words = "  ".join(f"{name}={_plain(value)}" for name, value in facts.items())
        typer.echo(printable(f"{each['n']:>7}  {each['at']}  {each['what']:<8}  {words}"))


def _told(since: str | None, until: str | None, user: str | None, tenant: str) -> "Iterator[dict[str, Any]]":
    """Yield entries with the names behind pseudonyms beside them; raises NotFound, BadInput."""
    place = _place()
    people = open_pseudonyms(place)
    names, contents = people.names(), people.contents()
    first, last = _time(since), _time(until)
    wanted = people.known(person_id(tenant, user)) if user else ""
    if user and not wanted:
        raise NotFound(
            f"The audit log knows no user {user!r} in the tenant {tenant!r}.", "Or the user was forgotten."
        )
    for entry in entries_of(place):
        facts = dict(entry.facts)
        if wanted and wanted not in {facts.get("who"), facts.get("as")}:
            continue
        if (first and facts["at"] < first) or (last and facts["at"] >= last):
            continue
        for pseudonym, name in (("who", "name"), ("as", "as_name")):
            if known := names.get(facts.get(pseudonym, "")):
                facts[name] = known
        if kept := contents.get(facts.get("contents", "")):
            facts |= kept
        yield facts


def _time(given: str | None) -> str:
    """Return a day or a time as entries write it."""
    if not given:
        return ""
    try:
        read = datetime.fromisoformat(given)
    except ValueError as error:
        raise BadInput(
            f"{given!r} is no day or time.", "Write it like 2026-12-31 or 2026-12-31T18:00."
        ) from error
    at = read if read.tzinfo else read.replace(tzinfo=UTC)
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _cell(value: object) -> object:
    """Keep a spreadsheet from reading a cell as a formula."""
    text = _plain(value)
    return f"'{text}" if text[:1] in "=+-@\t\r" and text else text


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _generation(command: str) -> int | None:
    """Return the index's newest generation, where the command may change it."""
    if command.partition(" ")[0] not in {"ingest", "docs", "index"}:
        return None
    from app.commands.index import maintenance

    with suppress(FootnoteError), maintenance() as upkeep:
        return upkeep.info().newest.number
    return None


def _difference(before: int | None, after: int | None) -> dict[str, int]:
    """Count the documents that differ; empty where one of the generations is not kept."""
    from app.commands.index import maintenance

    if before is None or after is None:
        return {}
    with suppress(FootnoteError), maintenance() as upkeep:
        found = upkeep.compare(Generation(before), Generation(after))
        return {"added": len(found.added), "removed": len(found.removed), "replaced": len(found.changed)}
    return {}


def _place() -> State:
    state = open_state(StoreSettings()).below("audit")
    if is_missing(state):
        raise missing_log(state)
    return state
