"""Documents whose readers come and go, a model of who may read what today, and the service over them."""

import random
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import pytest
from starlette.testclient import TestClient

from app.build import build, build_service
from app.http.application import create_app
from app.identity.keys import Keys
from app.settings import ServeSettings, Settings
from tests.backups import back_up, restore
from tests.fakes.word_embedder import WordEmbedder
from tests.vectorstore.sample import Sample, put, sample
from vectorstore.errors import Busy
from vectorstore.open import open_store, open_upkeep
from vectorstore.settings import StoreSettings
from vectorstore.store import Store
from vectorstore.types import Generation, Scope

Address: TypeAlias = tuple[str, str]
Readers: TypeAlias = frozenset[str]
TENANTS = ("acme", "blue")
GROUPS = ("hr", "board", "sales")
NAMES = ("pay.md", "plan.md", "deep/memo.md", "list.md")
QUESTIONS = (
    "What is the code word of the plan?",
    "Which code word does the memo tell?",
    "code word pay list",
    "Tell me about the pay and about the list.",
)
EMBEDDER = WordEmbedder()


def narrower(first: Readers, second: Readers) -> Readers:
    """Return whom both lists let in: none of them is written as a name that nobody has."""
    return (first & second or frozenset({"none"})) if first and second else first or second


def _admits(scope: Scope, readers: Readers) -> bool:
    return not readers or bool(readers & scope.groups)


@dataclass
class Ledger:
    """What an index holds, as far as reading goes. A content is named by its secret word."""

    now: dict[Address, str] = field(default_factory=dict)
    last: dict[Address, Readers] = field(default_factory=dict)
    last_of: dict[tuple[Address, str], Readers] = field(default_factory=dict)
    generations: list[dict[Address, str]] = field(default_factory=lambda: [{}])
    first: int = 0

    def copy(self) -> "Ledger":
        return Ledger(
            dict(self.now),
            dict(self.last),
            dict(self.last_of),
            [dict(each) for each in self.generations],
            self.first,
        )

    def put(self, address: Address, secret: str, readers: Readers) -> None:
        self.now[address] = secret
        self.last[address] = self.last_of[address, secret] = readers

    def publish(self) -> None:
        self.generations.append(dict(self.now))

    def kept(self) -> list[int]:
        return list(range(self.first, len(self.generations)))

    def ruling(self, address: Address, secret: str) -> Readers:
        return narrower(self.last[address], self.last_of[address, secret])

    def roll_back(self, to: int) -> None:
        then = {
            address: (secret, self.ruling(address, secret))
            for address, secret in self.generations[to].items()
        }
        self.now = {}
        for address, (secret, readers) in then.items():
            self.put(address, secret, readers)
        self.publish()

    def compact(self, keep: int) -> None:
        self.first = max(self.first, len(self.generations) - keep)
        held = {pair for number in self.kept() for pair in self.generations[number].items()}
        self.last_of = {pair: readers for pair, readers in self.last_of.items() if pair in held}
        self.last = {address: readers for address, readers in self.last.items() if address in dict(held)}

    def restored_over(self, live: "Ledger") -> "Ledger":
        """Return this ledger, a backup's, as it is in the place of a live one."""
        new = self.copy()
        for (address, secret), readers in self.last_of.items():
            if address in live.last:
                same = live.last_of.get((address, secret), readers)
                new.last_of[address, secret] = narrower(live.last[address], same)
        for address in self.last:
            if address in live.last:
                newest = self.now.get(address) or self._last_content(address)
                new.last[address] = new.last_of[address, newest]
        return new

    def _last_content(self, address: Address) -> str:
        return next(each[address] for each in reversed(self.generations) if address in each)

    def readable(self, secret: str, scope: Scope) -> bool:
        """Say whether a caller may read a content anywhere today."""
        return any(
            address[0] == scope.tenant
            and address in self.now
            and _admits(scope, self.ruling(address, secret))
            for address, known in self.last_of
            if known == secret
        )


@dataclass(frozen=True)
class Caller:
    """A key, and what it lets its holder see."""

    scope: Scope
    headers: dict[str, str]


class Library:
    """An index under change, the service over it in process, and the model beside them."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self.data, self._backups = folder / "data", folder / "backups"
        self._backups.mkdir()
        self.chance = chance
        self.model = Ledger()
        self.saved: list[tuple[str, Ledger]] = []
        self.secrets: list[str] = []
        self.contents: dict[str, Address] = {}
        self.documents: list[str] = []
        self.runs: dict[str, list[str]] = {}
        self.store: Store = open_store(StoreSettings(data_dir=self.data), EMBEDDER)
        keys = Keys(self.data / "keys.json")
        self.callers = [
            Caller(
                Scope(tenant, frozenset(groups)),
                {"Authorization": f"Bearer {keys.create(tenant, tenant=tenant, groups=groups).secret}"},
            )
            for tenant in TENANTS
            for groups in ((), ("hr",), ("board", "sales"), GROUPS)
        ]

    def new_secret(self) -> str:
        secret = "q" + "".join(self.chance.choices("bcdfghjklmnprstvwxz", k=11))
        self.secrets.append(secret)
        return secret

    def sample(self, address: Address, secret: str, readers: Readers) -> Sample:
        tenant, uri = address
        topic = uri.rpartition("/")[2].removesuffix(".md")
        text = f"The code word of the {topic} is {secret}. The {topic} is kept by the office of {tenant}."
        made = sample(uri, text, tenant=tenant, readers=readers, title=f"{topic} {secret}")
        vectors = EMBEDDER.embed_documents([chunk.embedded_text for chunk in made.chunks])
        self.documents.append(made.document.id)
        return replace(made, vectors=vectors)

    def any_readers(self) -> Readers:
        return frozenset(self.chance.sample(GROUPS, self.chance.choice((0, 0, 1, 1, 2))))

    def any_address(self) -> Address:
        return self.chance.choice(TENANTS), self.chance.choice(NAMES)

    # --- what happens to documents ---

    def write(self) -> None:
        """Add, change or re-add some documents, with the same content or another."""
        with self.store.draft() as draft:
            # Each once: what is written over before it is published was never there.
            for address in sorted({self.any_address() for _ in range(self.chance.randint(1, 3))}):
                known = [secret for place, secret in self.model.last_of if place == address]
                secret = (
                    self.chance.choice(known) if known and self.chance.random() < 0.5 else self.new_secret()
                )
                readers = self.any_readers()
                put(draft, self.sample(address, secret, readers))
                self.model.put(address, secret, readers)
        self.model.publish()

    def restrict(self) -> None:
        """Give a document that stands other readers and nothing else."""
        if not self.model.now:
            return
        address, secret = self.chance.choice(sorted(self.model.now.items()))
        readers = self.any_readers()
        with self.store.draft() as draft:
            put(draft, self.sample(address, secret, readers))
        self.model.put(address, secret, readers)
        self.model.publish()

    def delete(self) -> None:
        if not self.model.now:
            return
        address = self.chance.choice(sorted(self.model.now))
        with self.store.draft() as draft:
            draft.remove(tenant=address[0], uri=address[1])
        del self.model.now[address]
        self.model.publish()

    def rename(self) -> None:
        """Move a document's content to another address, which has readers of its own."""
        if not self.model.now:
            return
        old, secret = self.chance.choice(sorted(self.model.now.items()))
        new, readers = (old[0], self.chance.choice(NAMES)), self.any_readers()
        if new == old:
            return
        with self.store.draft() as draft:
            put(draft, self.sample(new, secret, readers))
            draft.remove(tenant=old[0], uri=old[1])
        self.model.put(new, secret, readers)
        del self.model.now[old]
        self.model.publish()

    def roll_back(self) -> None:
        to = self.chance.choice(self.model.kept())
        self.store.rollback(Generation(to))
        self.model.roll_back(to)

    def compact(self) -> None:
        keep = self.chance.randint(2, 12)
        open_upkeep(StoreSettings(data_dir=self.data)).compact(keep=keep)
        self.model.compact(keep)

    def back_up(self) -> None:
        made = back_up(StoreSettings(data_dir=self.data), self._backups)
        self.saved.append((made.id, self.model.copy()))

    def restore(self) -> None:
        if self.saved:
            name, ledger = self.chance.choice(self.saved)
            # Beside a service that runs nothing is put back.
            with suppress(Busy):
                restore(StoreSettings(data_dir=self.data), self._backups, name=name)
                self.model = ledger.restored_over(self.model)

    def change(self) -> str:
        steps = (
            self.write,
            self.restrict,
            self.delete,
            self.rename,
            self.roll_back,
            self.compact,
            self.back_up,
            self.restore,
        )
        step = self.chance.choices(steps, (6, 6, 3, 2, 3, 1, 1, 1))[0]
        step()
        return step.__name__

    # --- what is forbidden ---

    def forbidden(self, caller: Caller) -> list[str]:
        return [secret for secret in self.secrets if not self.model.readable(secret, caller.scope)]

    def leaked(self, caller: Caller, said: str) -> list[str]:
        told = said.lower()
        return [secret for secret in self.forbidden(caller) if secret in told]


@pytest.fixture
def library_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Open a library over HTTP for a seed, as often as a test likes."""
    monkeypatch.setattr("app.build.open_configured_embedder", lambda _: EMBEDDER)
    with ExitStack() as stack:

        def opened(seed: int) -> tuple[Library, TestClient]:
            folder = tmp_path / str(seed)
            folder.mkdir()
            library = Library(folder, random.Random(seed))
            library.write()
            stored = StoreSettings(data_dir=library.data)
            settings = Settings(store=stored, serve=ServeSettings(uploads=False))
            parts = build(settings)
            stack.callback(parts.close)
            stack.callback(library.store.close)
            service = build_service(parts, settings)
            return library, stack.enter_context(TestClient(create_app(service)))

        yield opened
    shutil.rmtree(tmp_path, ignore_errors=True)


def said(response: httpx.Response) -> str:
    """Return all of a response that a client could read: the body and the headers."""
    return response.text + str(response.headers)
