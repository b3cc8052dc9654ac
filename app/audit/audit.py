"""What is written down, and of whom: the one face of the log to the service and to the commands.

An entry names documents by their ids, callers by their keys' ids, people by pseudonyms; never what was asked,
answered or shown, unless FOOTNOTE_AUDIT=contents, and then apart from the log (`pseudonyms.py`).
"""

import asyncio
import getpass
import hashlib
import hmac
import json
import logging
import os
import secrets
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Final, TypeAlias

from pydantic import SecretStr

from app.access_settings import AuditSettings
from app.audit.heads import Signer
from app.audit.journal import open_journal
from app.audit.pseudonyms import written
from app.audit.row_pseudonyms import open_pseudonyms
from app.events import Cancelled, Citations, Done, Event, Explained, Failed, Sources, Started, Terminal, Text
from app.guard import inert
from app.identity.grant import Grant, person_id
from app.identity.keys import Keys
from app.question import Question
from app.settings import Settings
from vectorstore.errors import FootnoteError, StoreDamaged
from vectorstore.settings import StoreSettings
from vectorstore.state.cell import State
from vectorstore.state.files import state_of
from vectorstore.state.open import open_state

Facts: TypeAlias = dict[str, Any]  # Any: JSON
_MOST_REFUSALS: Final = 20
"""Refusals of one caller a minute that get an entry of their own; those beyond are counted, so that no flood fills the disk."""
_DAY: Final = 86_400.0
_noted: ContextVar[Facts | None] = ContextVar("noted", default=None)
_log = logging.getLogger(__name__)


def note(**facts: object) -> None:
    """Add to what will be written down of the request or command that this is done for, if anything will."""
    if (noted := _noted.get()) is not None:
        noted.update(facts)


@contextmanager
def noting() -> Iterator[Facts]:
    """Gather what is noted while the block runs, also in threads and tasks that it starts."""
    noted: Facts = {}
    token = _noted.set(noted)
    try:
        yield noted
    finally:
        _noted.reset(token)


class Audit:
    """Writes down who asked, read and changed what. What it cannot write down is not to be answered: it raises Unavailable."""

    def __init__(self, place: State | Path, settings: AuditSettings, *, keys: Keys) -> None:
        self.place = state_of(place)
        self._keys = keys
        self.people = open_pseudonyms(self.place)
        self.signer = Signer(self.place, elsewhere=settings.audit_head_file)
        self._settings = settings
        self._entries = open_journal(self.place, on_seal=self.signer.head)
        self._refused = _Refused()
        self.trouble = ""
        """Why the log could not be written the last time; empty when it could."""

    @property
    def waits(self) -> bool:
        """Say whether writing waits for another machine, so that it is to be done in a thread."""
        return self._entries.waits

    @property
    def _is_begun(self) -> bool:
        return self.place.database is not None or self.place.folder.parent.is_dir()

    def write(self, what: str, *, sync: bool = False, **facts: object) -> None:
        """Write an entry; with `sync` onto the disk. Raises Unavailable and StoreDamaged."""
        try:
            self._entries.append({"what": what, **facts}, sync=sync)
        except FootnoteError as error:
            self.trouble = str(error)
            raise
        self.trouble = ""

    def check(self) -> None:
        """Raise what keeps the log from being written, if something does, before anything is done."""
        if self.trouble:
            self.write("resumed")

    def request(self, route: str, status: int, noted: Mapping[str, object], *, sync: bool = False) -> None:
        """Write down a request that is about to be answered, and what was noted on its way."""
        facts: Facts = dict(noted)
        grant = facts.pop("grant", None)
        caller = self._caller(grant) if isinstance(grant, Grant) else {}
        if status >= 400:
            if self._refused.take(str(caller.get("key", ""))):
                self.write("denied", route=route, status=status, **caller, **facts)
            return
        if contents := facts.pop("contents", None):
            facts |= self._kept(grant.owner if isinstance(grant, Grant) else "", contents)
        self.write("request", sync=sync, route=route, status=status, **caller, **facts)

    def answer(
        self, run: str, question: Question, owner: str, events: Sequence[Event], ending: Terminal
    ) -> Terminal:
        """Write down what came of a question, before whoever asked sees the end; return the end that is to be seen.

        It does not raise: what cannot be written down ends as failed.
        """
        try:
            self._answer(run, question, owner, events, ending)
        except FootnoteError as error:
            return Failed("unavailable", inert(str(error)))
        except Exception as error:  # noqa: BLE001 - the run's edge: it has to end, and nothing unwritten is answered
            _log.error("The end of run %s could not be written down: %s", run, type(error).__name__)
            return Failed("internal", f"Something went wrong on our side (run {run}).")
        return ending

    def _answer(
        self, run: str, question: Question, owner: str, events: Sequence[Event], ending: Terminal
    ) -> None:
        grant = (_noted.get() or {}).get("grant")
        facts: Facts = {"run": run, **_decision(ending)}
        if isinstance(grant, Grant):
            facts |= self._caller(grant)
            facts.pop("groups", None)
        said: list[str] = []
        for event in events:
            match event:
                case Started(model=model):
                    facts["model"] = model
                case Explained(generation=generation, prompt_hash=prompt_hash):
                    facts["generation"] = generation
                    facts |= {"prompt": prompt_hash} if prompt_hash else {}
                case Sources(passages):
                    facts["read"] = sorted({each.document.id for each in passages})
                case Citations(citations):
                    facts["cited"] = sorted({each.document.id for each in citations})
                case Text(delta):
                    said.append(delta)
                case _:
                    pass
        facts |= self._kept(owner, {"question": question.text, "answer": "".join(said)})
        self.write("answer", **facts)

    @contextmanager
    def command(self, name: str) -> Iterator[None]:
        """Write down a command before it begins and when it has ended, with what was noted on its way.

        Where there is no data folder there is nothing to read, nor to write down before the command has made one.
        """
        user = _user()

        def tell(**facts: object) -> None:
            if self._is_begun:
                who = self.people.of(f"os:{user}", user)
                self.write("command", sync=True, command=name, **facts, key="command", who=who)

        tell(state="begins")
        outcome: object = 0
        with noting() as noted:
            try:
                yield
            except SystemExit as error:
                outcome = error.code or 0
                raise
            except BaseException as error:
                outcome = type(error).__name__
                raise
            finally:
                if self._is_begun:
                    self._notice_keys()
                tell(state="ends", outcome=outcome, **noted)
                self._entries.close()

    def notice(self, of: str, now: Mapping[str, tuple[str, str]]) -> None:
        """Write down what is other than the last time: of each name its state and a keyed hash of the rest, never that."""
        with written(), self.place.cell("noticed.json").changing() as change:
            stored = _stored(change.content)
            salt = bytes.fromhex(stored["salt"])
            told = {name: f"{state} {_digest(salt, value)}" for name, (state, value) in now.items()}
            known = stored.get(of, {})
            changed = {
                name: told.get(name, "gone")
                for name in sorted({*told, *known})
                if told.get(name) != known.get(name)
            }
            if changed:
                self.write("changed", sync=True, of=of, names=changed)
                change.content = json.dumps({**stored, of: told}).encode()

    def start(self, version: str, settings: Settings) -> None:
        """Write down that the service begins, and which settings and keys are other than the last time."""
        self.write("started", sync=True, version=version)
        self.notice("settings", named(settings))
        self._notice_keys()

    def minute(self, *, hold: bool = False) -> None:
        """Do what is due: what has changed, counts of refusals, a signed head; drop what is too old, unless something holds it."""
        self._notice_keys()
        if counts := self._refused.rest():
            self.write("refused", callers=counts)
        with written():
            self.signer.due(self._entries, minutes=self._settings.audit_head_minutes)
            if not hold and self.signer.drop(self._entries, days=self._settings.audit_days):
                self.people.sweep(self._settings.audit_days)

    def sync(self) -> None:
        """Have all entries on the disk."""
        self._entries.sync()

    def close(self) -> None:
        """Write down that the service ends, with a signed head."""
        self.minute(hold=True)
        self.write("stopped", sync=True)
        with written():
            self.signer.due(self._entries, minutes=0)
        self._entries.close()

    def _notice_keys(self) -> None:
        try:
            held = self._keys.all()
        except StoreDamaged:  # whoever needs a key is told
            return
        states = {key.id: ("revoked" if key.revoked else "open", json.dumps(asdict(key))) for key in held}
        self.notice("keys", states)

    def _caller(self, grant: Grant) -> Facts:
        scope = grant.scope
        caller: Facts = {"key": grant.key, "tenant": scope.tenant}
        if grant.person:
            caller["who"] = self.people.of(grant.person, scope.user)
        elif scope.user:
            caller["as"] = self.people.of(person_id(scope.tenant, scope.user), scope.user)
        return caller | ({"groups": sorted(scope.groups)} if scope.groups else {})

    def _kept(self, owner: str, contents: object) -> Facts:
        if self._settings.audit != "contents" or not isinstance(contents, Mapping):
            return {}
        return {"contents": self.people.keep(owner, contents)}


class _Refused:
    """Says which refusals get an entry of their own, and counts the others by caller; who shows no key is one."""

    def __init__(self) -> None:
        self._minute = 0
        self._told: Counter[str] = Counter()
        self._counted: Counter[str] = Counter()

    def take(self, caller: str) -> bool:
        minute = int(time.monotonic() // 60)
        if minute != self._minute:
            self._minute = minute
            self._told.clear()
        self._told[caller] += 1
        if self._told[caller] <= _MOST_REFUSALS:
            return True
        self._counted[caller] += 1
        return False

    def rest(self) -> dict[str, int]:
        counted, self._counted = self._counted, Counter()
        return dict(counted)


def open_audit(place: State | Path | None = None, settings: AuditSettings | None = None) -> Audit | None:
    """Open the log of a place, the configured ones where none are given; None where it is off."""
    settings = settings or AuditSettings()
    if settings.audit == "off":
        return None
    state = open_state(StoreSettings()) if place is None else state_of(place)
    return Audit(state.below("audit"), settings, keys=Keys(state.cell("keys.json")))


def named(settings: Settings) -> dict[str, tuple[str, str]]:
    """Return the settings that are not as they are written in the code, by name."""
    found = {}
    for concern in fields(settings):
        held = getattr(settings, concern.name)
        for key, field in type(held).model_fields.items():
            value = getattr(held, key)
            if value != field.default:
                written = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
                found[f"FOOTNOTE_{key.upper()}"] = ("set", written)
    return found


@asynccontextmanager
async def kept(
    audit: Audit | None, *, every: float = 1.0, held: Callable[[], bool] = lambda: False
) -> AsyncGenerator[None]:
    """Keep the log while the block runs: on the disk within a second, signed, no longer than it is to be.

    While somebody is under a legal hold, as `held` says, nothing of it is dropped.
    """
    if audit is None:
        yield
        return
    task = asyncio.create_task(_keep(audit, every, held))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        try:
            await asyncio.to_thread(audit.close)
        except FootnoteError as error:
            _log.error("The end of the service stands in no audit log: %s", error)


async def _keep(audit: Audit, every: float, held: Callable[[], bool]) -> None:
    due = 0.0
    while True:
        try:
            await asyncio.to_thread(audit.sync)
            if time.monotonic() >= due:
                due = time.monotonic() + 60
                await asyncio.to_thread(lambda: audit.minute(hold=held()))
        except (FootnoteError, OSError) as error:
            _log.error("The audit log is not in order: %s", error)
        await asyncio.sleep(every)


def _decision(ending: Terminal) -> Facts:
    match ending:
        case Done(outcome=outcome):
            return {"outcome": outcome}
        case Failed(code=code):
            return {"outcome": "failed", "code": code}
        case Cancelled(reason=reason):
            return {"outcome": "stopped", "code": reason}


def _user() -> str:
    """Name who runs this process; where the machine has no name for them, by number."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _stored(content: bytes | None) -> Facts:
    """Read what was noticed the last time; where that cannot be read, all is noticed anew."""
    if content is not None:
        try:
            stored: Facts = json.loads(content)
            bytes.fromhex(stored["salt"])
            if all(isinstance(known, dict) for of, known in stored.items() if of != "salt"):
                return stored
        except (ValueError, KeyError, TypeError, AttributeError):
            pass
        _log.warning("noticed.json cannot be read, so all settings and keys are written down as new.")
    return {"salt": secrets.token_hex(32)}


def _digest(salt: bytes, value: str) -> str:
    return hmac.new(salt, value.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:16]
