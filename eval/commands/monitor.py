"""`footnote monitor`: look at the questions of the last days, and say what stands out."""

from collections.abc import Collection, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from typer import Option

from app.commands.exit_codes import FINDINGS
from app.people.ledger import Ledger
from app.runs.live import LiveRun
from app.runs.records import Records, records_url
from app.settings import MonitorSettings, RecordSettings
from eval.live.monitor import Found, Sources, monitor
from eval.live.reference import Dates, chosen_cases, keep, read
from vectorstore.errors import BadInput, NotFound
from vectorstore.settings import StoreSettings
from vectorstore.state.cell import State
from vectorstore.state.open import open_state
from vectorstore.store import Snapshot
from vectorstore.types import DocumentId, Scope


@dataclass(frozen=True, slots=True)
class Open:
    """The records without those who wait for their erasure; `left_out` are their owners, `held` those under a hold."""

    records: Records
    state: State
    left_out: frozenset[str]
    held: frozenset[str]

    def between(self, since: datetime, until: datetime) -> Generator[LiveRun]:
        """Yield the live runs of [since, until), oldest first."""
        for run in self.records.live(since, until):
            if run.owner not in self.left_out:
                yield run


@contextmanager
def opened_records() -> Iterator[Open]:
    """Open the records of the configured service; raises Unavailable, StoreDamaged."""
    state = open_state(StoreSettings())
    book = Ledger(state).read()
    records = Records(records_url(RecordSettings().records_url, state))
    try:
        wishes = frozenset(wish.owner for wish in book.wishes)
        yield Open(records, state, wishes, frozenset(book.holds))
    finally:
        records.close()


def monitor_command(
    days: Annotated[
        int | None, Option(min=1, max=366, help="Days to look at; else FOOTNOTE_MONITOR_DAYS.")
    ] = None,
    as_json: Annotated[bool, Option("--json", help="Print JSON.")] = False,
    html: Annotated[Path | None, Option(dir_okay=False, help="Also write a page to this file.")] = None,
    set_reference: Annotated[
        str,
        Option(
            metavar="WHAT",
            help="From now on hold questions against this: a file of cases, the folder of an evaluation's result, "
            "`window` (the questions of these days), or `evaluation` (the newest one again).",
        ),
    ] = "",
) -> None:
    """Look at what people asked, of all tenants: has it changed, what went unanswered, who fares worse.

    Exits 0 where nothing stands out, 1 with findings.
    """
    settings = MonitorSettings()
    settings = settings if days is None else settings.model_copy(update={"monitor_days": days})
    until = datetime.now(UTC)
    with opened_records() as held:
        if set_reference:
            _set(set_reference, held.state, until, settings)
            return
        found = _found(held, settings, until)
        found.keep(held.state)
    from eval.live.told import html as page
    from eval.live.told import show

    if html is not None:
        html.write_text(page(found), encoding="utf-8")
    if as_json:
        typer.echo(found.told())
    else:
        console = Console(soft_wrap=True)
        show(found, console if console.is_terminal else Console(soft_wrap=True, width=160))
    if html is not None:
        typer.echo(f"Page: {html}", err=True)
    if found.has_alarms:
        raise typer.Exit(FINDINGS)


def _found(held: Open, settings: MonitorSettings, until: datetime) -> Found:
    from vectorstore.open import open_store

    with ExitStack() as stack:
        store = open_store(StoreSettings(), None)
        stack.callback(store.close)
        snapshot = stack.enter_context(store.snapshot())
        asked = partial(_asked, held.records) if settings.monitor_texts else None
        sources = Sources(held.records.nearest, partial(_is_there, snapshot), asked)
        return monitor(held.between, read(held.state), sources, settings, until=until)


def _is_there(snapshot: Snapshot, tenant: str, document: DocumentId) -> bool:
    try:
        snapshot.document(document, scope=Scope(tenant, unrestricted=True))
    except NotFound:
        return False
    return True


def _asked(records: Records, wanted: Collection[str]) -> dict[str, str]:
    return {run: words.alone for run, words in records.words(wanted).items()}


def _set(what: str, state: State, until: datetime, settings: MonitorSettings) -> None:
    if what == "evaluation":
        kept = read(state)
        keep(state, chosen=None)
        named = (
            f"the newest evaluation, {kept.evaluation.name}"
            if kept.evaluation
            else "the newest evaluation, once there is one"
        )
    elif what == "window":
        dates = Dates(since=until - timedelta(days=settings.monitor_days), until=until)
        keep(state, chosen=dates)
        named = f"what was asked from {dates.since:%Y-%m-%d} to {dates.until:%Y-%m-%d}, as long as it is kept"
    elif Path(what).exists():
        from vectorstore.open import open_configured_embedder

        keep(state, chosen=chosen_cases(Path(what), open_configured_embedder(StoreSettings()), made=until))
        named = f"the questions of {what}"
    else:
        raise BadInput(
            f"{what!r} is neither a file, a folder, `window` nor `evaluation`.",
            "Name a file of cases, or the folder of an evaluation's result.",
        )
    typer.echo(f"Questions are held against {named}.", err=True)
