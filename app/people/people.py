"""What is kept of a person: shown, erased, held. The one place that deletes what people asked.

An erasure is written down before it begins and struck off when nothing is left, so that a kill on the way leaves
it to the next to start. A legal hold wins over all: wishes wait for its end, and are carried out then.
"""

import asyncio
import json
import logging
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from math import inf
from pathlib import Path
from typing import Final

from app.audit.journal import entries_of
from app.audit.row_pseudonyms import open_pseudonyms
from app.people.ledger import Book, Certificate, Hold, Ledger, Wish
from app.people.serving import serving
from app.problems import Conflict
from app.runs.records import Records
from app.runs.runs import Runs
from vectorstore.errors import FootnoteError, NotFound, Unavailable
from vectorstore.index.maintenance.byte_search import files_holding
from vectorstore.index.postgresql.storage import write_anew
from vectorstore.state.cell import State
from vectorstore.state.files import state_of

_LOOK: Final = 1.0
"""Seconds after which a running service sees what a command wrote down."""
_AGAIN: Final = 60.0
"""Seconds until what could not be erased is tried again."""
_PLACES: Final = ("answers kept for clients that resume them", "names and contents of the audit log")
_SHORTEST: Final = 16
"""Characters of an id that nobody else's can be taken for."""
BACKUP: Final = "backup.json"
"""The cell that says when the last backup was completed, and where it lies."""
_log = logging.getLogger(__name__)


def last_backup(state: State) -> tuple[float, str] | None:
    """Return when the last backup was completed, in seconds since 1970, and where it lies; None: there was none."""
    try:
        told = json.loads(state.cell(BACKUP).read() or b"null")
        return (float(told["completed"]), str(told["where"])) if told else None
    except (ValueError, KeyError, TypeError):
        return None


def in_backups(state: State) -> tuple[str, ...]:
    """Return the sentence that a certificate needs of backups; none where there never was one."""
    if (found := last_backup(state)) is None:
        return ()
    return (
        f"Backups in {found[1]} that were made before hold it until `footnote backups prune --erased`; no restore brings it "
        "back once the next backup, or `footnote backups erased`, has noted it there.",
    )


class People:
    """What is kept of people: in one data folder or database, and in the records wherever they are."""

    def __init__(self, records: Records, place: State | Path) -> None:
        """Read who is held; raises StoreDamaged where that is not known."""
        self.records = records
        self._state = state_of(place)
        self._audit = self._state.below("audit")
        self._pseudonyms = open_pseudonyms(self._audit)
        self._one_at_a_time = asyncio.Lock()
        self.ledger = Ledger(self._state)
        self.ledger.read()

    def export(self, owner: str) -> dict[str, object]:
        """Return all that is kept of somebody as plain JSON: what they asked, and what the audit log says of them."""
        held = self.ledger.read().holds.get(owner)
        return {
            "made": _now().isoformat(),
            "held_since": held.since.isoformat() if held else None,
            "answers": list(self.records.all(owner)),
            "audit": self._written_down(owner),
        }

    def known_as(self, owner: str) -> str:
        """Return somebody's pseudonym in the audit log; empty where there is none."""
        return self._pseudonyms.known(owner)

    def holds_anybody(self) -> bool:
        """Say whether there is a legal hold; raises StoreDamaged."""
        return bool(self.ledger.read().holds)

    def hold(self, owner: str, *, name: str, reason: str, by: str) -> None:
        """Keep everything of somebody from now on, whoever asks for its erasure and however old it grows.

        A second hold adds its reason to the first, and takes nothing from it.
        """
        with self.ledger.open() as book:
            first = book.holds.get(owner)
            book.holds[owner] = (
                replace(first, reason=f"{first.reason}; {reason}")
                if first
                else Hold(name, reason, _now(), by)
            )

    def release(self, owner: str, *, name: str) -> list[Wish]:
        """End a hold; return what is to be erased now, which `settle` does. Raises NotFound."""
        with self.ledger.open() as book:
            if book.holds.pop(owner, None) is None:
                raise NotFound(f"There is no hold on {name}.", "`footnote people holds` lists them.")
            return [wish for wish in book.wishes if wish.owner == owner]

    async def forget(self, conversation: str, *, owner: str, by: str, runs: Runs) -> int:
        """Erase a conversation of somebody's, and return how many answers went; raises Conflict under a hold.

        Raises Unavailable when something may be left.
        """
        wish = Wish(owner, conversation, _now(), by)

        def recorded() -> int:
            with self._unheld(wish):
                return self.records.forget(conversation, owner=owner)

        await asyncio.to_thread(self._check, wish)
        count = await runs.erase(conversation, owner=owner, recorded=partial(asyncio.to_thread, recorded))
        await asyncio.to_thread(self._strike, wish)
        return count

    async def erase(self, owner: str, *, by: str, runs: Runs) -> Certificate:
        """Erase all that is kept of somebody; raises Conflict under a hold, Unavailable when something may be left.

        It is done when the certificate is there. After anything else, `settle` goes on with it.
        """
        async with self._one_at_a_time:
            return await self._finish(await asyncio.to_thread(self.note, owner, by=by), runs)

    def note(self, owner: str, *, by: str) -> Wish:
        """Write down that all of somebody is to be erased, for `settle` to do; raises Conflict under a hold."""
        wish = Wish(owner, None, _now(), by)
        with self._unheld(wish) as book:
            return self._noted(book, wish)

    async def settle(self, runs: Runs) -> None:
        """Carry out what is due: erasures not finished, wishes after a hold, whom a backup brought back.

        Raises the last of what stood in the way, having done all else.
        """
        trouble: FootnoteError | None = None
        await asyncio.to_thread(self.replay)
        for wish in (await asyncio.to_thread(self.ledger.read)).due():
            try:
                if wish.conversation is not None:
                    await self.forget(wish.conversation, owner=wish.owner, by=wish.by, runs=runs)
                    continue
                async with self._one_at_a_time:
                    if begun := await asyncio.to_thread(self._taken_up, wish):
                        await self._finish(begun, runs)
            except FootnoteError as error:
                trouble = error
        if trouble is not None:
            raise trouble

    def replay(self) -> int:
        """Erase again those erased whom an older copy of the records has brought back; return how many answers."""
        with self.ledger.open() as book:
            if not book.erased:
                return 0
            made = self._pseudonyms.made()
            count = 0
            for owner in self.records.owners() | made.keys():
                when = book.erased.get(book.stone(owner))
                if when is None or owner in book.holds:
                    continue
                count += self.records.erase(owner, until=when)
                if made.get(owner, inf) <= when.timestamp():
                    self._pseudonyms.forget(owner)
            return count

    def sweep(self, days: int) -> int:
        """Erase what was asked more than so many days ago, but for those held; return how many answers went."""
        with self.ledger.open() as book:
            return self.records.sweep(days, but=book.holds)

    @asynccontextmanager
    async def kept(self, runs: Runs, *, days: int, every: float = 86_400.0) -> AsyncGenerator[None]:
        """Settle what is due at once and while the block runs, and every so many seconds sweep; with 0 days nothing."""
        with serving(self._state):
            await self._try(runs)
            task = asyncio.create_task(self._keep(runs, days, every))
            try:
                yield
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    async def _keep(self, runs: Runs, days: int, every: float) -> None:
        seen, tried, swept = await self._stamp(), time.monotonic(), -every
        is_settled = True
        while True:
            now = time.monotonic()
            if days and now - swept >= every:
                swept = now
                await self._sweep(days)
            if (stamp := await self._stamp()) != seen or (not is_settled and now - tried >= _AGAIN):
                seen, tried = stamp, now
                runs.on_erasure()  # whoever it was that erased
                is_settled = await self._try(runs)
            await asyncio.sleep(min(_LOOK, every))

    async def _stamp(self) -> object:
        try:
            return await asyncio.to_thread(self.ledger.stamp)
        except FootnoteError:  # what is kept is away: it is looked at again
            return None

    async def _try(self, runs: Runs) -> bool:
        try:
            await self.settle(runs)
        except FootnoteError as error:
            _log.warning("What people wished to have erased is not all erased yet: %s", error)
            return False
        return True

    async def _sweep(self, days: int) -> None:
        try:
            if count := await asyncio.to_thread(self.sweep, days):
                _log.info("Erased %d answers older than %d days.", count, days)
        except FootnoteError as error:
            _log.warning("Answers older than %d days are not all erased yet: %s", days, error)

    def _written_down(self, owner: str) -> list[dict[str, object]]:
        """Return the entries of the audit log about somebody, with contents where they are kept."""
        known = self.known_as(owner)
        if not known:
            return []
        found = [
            {**each.facts}
            for each in entries_of(self._audit)
            if known in {each.facts.get("who"), each.facts.get("as")}
        ]
        if any("contents" in each for each in found):
            kept = self._pseudonyms.contents()
            found = [
                each | {"contents": kept.get(each["contents"])} if "contents" in each else each
                for each in found
            ]
        return found

    async def _finish(self, wish: Wish, runs: Runs) -> Certificate:
        await runs.erase(None, owner=wish.owner, recorded=partial(asyncio.to_thread, self._erase, wish))
        return await asyncio.to_thread(self._certify, wish)

    @contextmanager
    def _unheld(self, wish: Wish) -> Generator[Book]:
        """Keep holds from being placed meanwhile; where there is one, remember the wish and raise Conflict."""
        with self.ledger.open() as book:
            held = book.holds.get(wish.owner)
            if held is None:
                yield book
            else:
                book.wish(wish)
        if held is not None:
            raise Conflict(
                f"This is under a legal hold since {held.since:%Y-%m-%d}, and stays for now.",
                "The wish is remembered: it is erased when the hold ends.",
            )

    def _check(self, wish: Wish) -> None:
        with self._unheld(wish):
            pass

    def _taken_up(self, wish: Wish) -> Wish | None:
        """Return a wish with what there is to erase now, or None where somebody else has granted it."""
        with self._unheld(wish) as book:
            return self._noted(book, wish) if book.has(wish) else None

    def _noted(self, book: Book, wish: Wish) -> Wish:
        """Write the wish down, with what it is to erase."""
        earlier = book.has(wish) or wish
        runs = dict.fromkeys((*earlier.runs, *self.records.ids(wish.owner)))
        noted = replace(earlier, runs=tuple(runs), rated=max(earlier.rated, self.records.rated(wish.owner)))
        book.wishes = [each for each in book.wishes if each != earlier] + [noted]
        return noted

    def _erase(self, wish: Wish) -> int:
        with self._unheld(wish) as book:
            if book.has(wish) is None:  # another process was quicker
                return 0
            noted = self._noted(book, wish)
            gone = replace(noted, gone=_now())
            self._pseudonyms.forget(wish.owner)
            count = self.records.erase(wish.owner)
            book.wishes = [gone if each == noted else each for each in book.wishes]
            return count

    def _certify(self, wish: Wish) -> Certificate:
        """Search every file for what was erased, strike the wish off and certify it; raises Unavailable."""
        not_searched = (
            *self._write_anew("audit_people", "audit_contents", *self.records.tables()),
            *in_backups(self._state),
        )
        files = {path for path in (*self._state.folder.rglob("*"), *self.records.files()) if path.is_file()}
        files -= self.ledger.files
        ids = [name.rpartition("_")[2].encode() for name in (wish.owner, *wish.runs)]
        owner, *runs = [name if len(name) >= _SHORTEST else b"" for name in ids]
        needles = [name for name in runs if name]
        # The audit log names answers by their ids and nobody who asked: the chain stays whole.
        kept = {path for path in files if self._audit.folder in path.parents}
        found = files_holding(files - kept, needles) | files_holding(files, [owner] if owner else [])
        if left := sorted(map(str, found)):
            raise Unavailable(
                f"It is erased, but bytes of it are still in {', '.join(left)}.",
                "Delete that file if it is a copy of yours; it is tried again by itself.",
            )
        with self.ledger.open() as book:
            person = book.stone(wish.owner)
            noted = book.has(wish)
            if noted is None:  # another process was quicker
                return next(each for each in reversed(book.certificates) if each.person == person)
            certificate = Certificate(
                person,
                noted.asked,
                noted.by,
                _now(),
                answers=len(noted.runs),
                opinions=noted.rated,
                places=(self.records.place, *_PLACES),
                searched_files=len(files),
                searched_patterns=len(needles) + bool(owner),
                not_searched=not_searched,
            ).sealed()
            book.grant(noted, certificate)
        self._write_anew("cells")  # where the wish stood
        return certificate

    def _write_anew(self, *tables: str) -> tuple[str, ...]:
        """Leave no byte of what was deleted in tables of the database, and return where there may be some; raises Busy."""
        if self._state.database is None:
            return ()
        place = self._state.database.address.place
        searched = (
            f"The files of {place} were not searched: its rows are gone, and their tables written anew."
        )
        with self._state.database.connection() as connection:
            return (searched, *write_anew(connection, tables))

    def _strike(self, wish: Wish) -> None:
        with self.ledger.open() as book:
            book.grant(wish)


def _now() -> datetime:
    return datetime.now(UTC)
