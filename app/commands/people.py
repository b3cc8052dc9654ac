"""`footnote people`: what is kept of a person, and `footnote forget`: of everybody, when it is old."""

import asyncio
import json
import os
import stat
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final, TypeVar

import typer

from app.audit.audit import note
from app.commands.backup import noted_at_once
from app.events import Done, Event
from app.identity.grant import name_of, person_id
from app.people.ledger import Certificate, Wish
from app.people.masking import masked_in
from app.people.people import People
from app.people.serving import is_served
from app.question import Question
from app.runs.records import Records, records_url
from app.runs.redis_board import RedisBoard
from app.runs.runs import MemoryBoard, Runs
from app.settings import RecordSettings, RunSettings
from vectorstore.errors import BadInput, Unavailable
from vectorstore.printable import printable, printable_json
from vectorstore.settings import StoreSettings
from vectorstore.state.open import open_state
from vectorstore.types import DEFAULT_TENANT

app = typer.Typer(no_args_is_help=True)

User = Annotated[
    str, typer.Argument(help="The user's name, as the provider, the proxy or a server key says it.")
]
Tenant = Annotated[str, typer.Option(help="Whose user.")]
IsOwner = Annotated[
    bool,
    typer.Option(
        "--owner", help="USER is an owner's id instead: a key's, a visitor's, or `local` without keys."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

_BY: Final = "command line"
_WAIT: Final = 120
"""Seconds for which a running service is waited for."""
_Result = TypeVar("_Result")


@app.command()
def export(
    user: User,
    tenant: Tenant = DEFAULT_TENANT,
    is_owner: IsOwner = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", dir_okay=False, help="File to write. Default: print it.")
    ] = None,
    mask: Annotated[
        bool,
        typer.Option("--masked", help="Put addresses, numbers and keys out of sight, for other readers."),
    ] = False,
) -> None:
    """Write all that is kept of a person as JSON: questions, answers, explanations, feedback, audit entries."""
    with _people() as people:
        owner = _owner(user, tenant, is_owner=is_owner)
        note(about=people.known_as(owner))
        found = people.export(owner)
    text = printable_json(masked_in(found) if mask else found)
    if output is None:
        typer.echo(text)
        return
    file = os.open(output, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    if stat.S_ISREG(os.fstat(file).st_mode):
        os.fchmod(file, 0o600)  # one that was there may have been anybody's to read
    with os.fdopen(file, "w", encoding="utf-8") as stream:
        stream.write(text + "\n")
    typer.echo(f"Wrote {output}. It is the person's own: delete it once they have it.", err=True)


@app.command()
def erase(
    user: User,
    tenant: Tenant = DEFAULT_TENANT,
    is_owner: IsOwner = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Erase all that is kept of a person, and print a certificate; a running service does it where there is one."""
    if not yes:
        typer.confirm(f"Erase all that is kept of {user} for good?", abort=True, err=True)
    owner = _owner(user, tenant, is_owner=is_owner)
    with _people() as people:
        wish = people.note(owner, by=_BY)
        certificate = _granted(people, wish) or _alone(lambda runs: people.erase(owner, by=_BY, runs=runs))
    note(changed={"erased": certificate.person})
    noted_at_once()
    typer.echo(certificate.told())


@app.command()
def hold(
    user: User,
    reason: Annotated[str, typer.Option(help="Why: the case, and who ordered it.")],
    tenant: Tenant = DEFAULT_TENANT,
    is_owner: IsOwner = False,
) -> None:
    """Keep all that there is of a person from now on: nothing of it is erased before `release`."""
    name = user if is_owner or tenant == DEFAULT_TENANT else f"{user} of {tenant}"
    with _people() as people:
        owner = _owner(user, tenant, is_owner=is_owner)
        people.hold(owner, name=name, reason=reason, by=_BY)
        note(about=people.known_as(owner))
    typer.echo(printable(f"All that is kept of {name} stays until `footnote people release`."), err=True)


@app.command()
def release(user: User, tenant: Tenant = DEFAULT_TENANT, is_owner: IsOwner = False) -> None:
    """End a hold, and erase what was to be erased meanwhile."""
    with _people() as people:
        owner = _owner(user, tenant, is_owner=is_owner)
        due = people.release(owner, name=user)
        note(about=people.known_as(owner))
        if due and is_served(open_state(StoreSettings())):
            typer.echo("What was to be erased meanwhile, the running service erases now.", err=True)
        elif due:
            _alone(people.settle)
            typer.echo("What was to be erased meanwhile is erased.", err=True)
    typer.echo(printable(f"The hold on {user} has ended."), err=True)


@app.command()
def holds(as_json: Json = False) -> None:
    """List the holds, oldest first, and how many wishes to erase wait for their end."""
    with _people() as people:
        book = people.ledger.read()
    found = [
        {"user": each.name, "since": f"{each.since:%Y-%m-%d}", "reason": each.reason, "by": each.by}
        | {"wishes": sum(wish.owner == owner for wish in book.wishes)}
        for owner, each in book.holds.items()
    ]
    if as_json:
        typer.echo(printable_json(found))
        return
    for line in found:
        waiting = f"  ({line['wishes']} to be erased then)" if line["wishes"] else ""
        typer.echo(printable(f"{line['user']}  {line['since']}  {line['reason']}{waiting}"))
    if not found:
        typer.echo("There are no holds.", err=True)


@app.command()
def erased() -> None:
    """Print the certificates of erasures, as a JSON array, oldest first; they name nobody."""
    with _people() as people:
        kept = people.ledger.read().certificates
    typer.echo(json.dumps([json.loads(each.told()) for each in kept], indent=2))


def forget(
    days: Annotated[
        int | None,
        typer.Option(
            min=1, max=36_500, help="Erase what was asked longer ago. Default: FOOTNOTE_RECORDS_DAYS."
        ),
    ] = None,
) -> None:
    """Erase conversations that are older than FOOTNOTE_RECORDS_DAYS, with the feedback on them."""
    days = days or RecordSettings().records_days
    if not days:
        raise BadInput(
            "FOOTNOTE_RECORDS_DAYS is 0: conversations are kept until they are deleted.", "Give --days."
        )
    with _people() as people:
        count = people.sweep(days)
        held = len(people.ledger.read().holds)
    typer.echo(f"Erased {count:,} answer{'' if count == 1 else 's'} older than {days:,} days.", err=True)
    if held:
        typer.echo(f"What is under a legal hold ({held:,}) stays.", err=True)


@contextmanager
def _people() -> Iterator[People]:
    state = open_state(StoreSettings())
    records = Records(records_url(RecordSettings().records_url, state))
    try:
        yield People(records, state)
    finally:
        records.close()


def _owner(user: str, tenant: str, *, is_owner: bool) -> str:
    return user if is_owner else person_id(tenant, name_of(user))


def _granted(people: People, wish: Wish) -> Certificate | None:
    """Wait for a running service, whose memory holds answers, to erase; None where there is none."""
    deadline = time.monotonic() + _WAIT
    while is_served(open_state(StoreSettings())):
        book = people.ledger.read()
        if book.has(wish) is None:
            person = book.stone(wish.owner)
            return next(each for each in reversed(book.certificates) if each.person == person)
        if time.monotonic() > deadline:
            raise Unavailable(
                "It is not erased yet: the running service has been told, and has not done it.",
                "Read its log; it tries again each minute, and `footnote people erased` shows the certificate.",
            )
        time.sleep(0.1)
    return None


def _alone(work: Callable[[Runs], Awaitable[_Result]]) -> _Result:
    """Work where no service runs with this data folder; others may, that share runs through Redis."""

    async def main() -> _Result:
        settings = RunSettings()
        runs = Runs(_nothing, RedisBoard(settings) if settings.runs_url else MemoryBoard(settings), settings)
        await runs.board.open()
        try:
            return await work(runs)
        finally:
            await runs.board.close()

    return asyncio.run(main())


async def _nothing(question: Question, run: str) -> AsyncGenerator[Event, None]:
    del question, run
    yield Done()  # nobody asks here
