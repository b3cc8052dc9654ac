"""Forty documents with random readers, callers of every kind, and for each caller a twin of the world.

In a caller's twin whatever is hidden from them says something else, or is not there at all. Who is asked on behalf of
the caller must not be able to tell the two worlds apart.
"""

import asyncio
import json
import random
import re
import shutil
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Final

import httpx
import pytest
from starlette.testclient import TestClient

from app.access_settings import BudgetSettings, IdentitySettings
from app.build import build, build_service
from app.events import Event
from app.http.application import create_app
from app.identity.grant import Right
from app.identity.keys import Keys
from app.identity.tokens import Tokens
from app.question import Question
from app.runs.runs import TurnFunction
from app.settings import Settings
from tests.fakes.word_embedder import WordEmbedder
from tests.vectorstore.sample import Sample, put, sample
from vectorstore.models.embed import TokenStates
from vectorstore.open import open_store
from vectorstore.settings import StoreSettings
from vectorstore.types import Scope

TENANTS: Final = ("default", "acme", "blue", "cove", "dune", "east")
GROUPS: Final = tuple(f"group-{number}" for number in range(12))
USERS: Final = tuple(f"user-{number}" for number in range(6))


class ReadingEmbedder(WordEmbedder):
    """Reads token by token as well, so that no model is loaded and answers are quick."""

    def token_states(self, texts: Sequence[str], *, query: bool = False) -> list[TokenStates]:
        """Return a vector of its own for each token."""
        del query
        read: list[TokenStates] = []
        for text in texts:
            offsets = self.token_offsets(text)[:200]
            tokens = [text[start:end].lower() for start, end in offsets]
            read.append((offsets, self.embed_documents(tokens)))
        return read


EMBEDDER: Final = ReadingEmbedder()
TOPICS: Final = (
    "leave",
    "travel",
    "salary",
    "bonus",
    "merger",
    "audit",
    "hiring",
    "budget",
    "office",
    "security",
)
DOCUMENTS: Final = 40


@dataclass(frozen=True)
class Page:
    """One document: everything that it says holds a canary of its own."""

    tenant: str
    topic: str
    readers: frozenset[str]
    canary: str
    number: int

    @property
    def uri(self) -> str:
        folder = self.topic if self.number % 4 else "upload"
        return f"{folder}/{self.canary}-{self.number}.md"

    def sample(self) -> Sample:
        """Return it as it goes into an index; made once."""
        return _sample(self)

    def _written(self) -> Sample:
        word, number = self.canary, random.Random(self.canary).randrange(10**9, 10**10)
        text = (
            f"The code word of the {self.topic} is {word}. The {self.topic} costs {number} euros. "
            f"What is the {self.topic} of {word}? Ask the office about {word} before the {self.topic} begins. "
            f"{word.capitalize()} means the {self.topic} of all. "
        ) * (1 + self.number % 3)
        made = sample(
            self.uri,
            text,
            tenant=self.tenant,
            readers=self.readers,
            title=f"{self.topic.capitalize()} {word}",
            metadata={"code": word, "topic": self.topic, "amount": number},
        )
        vectors = EMBEDDER.embed_documents([chunk.embedded_text for chunk in made.chunks])
        return replace(made, vectors=vectors)

    def canaries(self) -> tuple[str, ...]:
        """What of this document nobody else may be shown: its words, its number, its id."""
        made = self.sample()
        return (self.canary, str(made.document.metadata["amount"]), made.document.id)


@cache
def _sample(page: Page) -> Sample:
    return page._written()


def pages(chance: random.Random) -> list[Page]:
    """Make the documents."""
    return [
        Page(
            chance.choice(TENANTS),
            chance.choice(TOPICS),
            frozenset(
                chance.sample(GROUPS, chance.choice((0, 1, 1, 2)))
                + [f"user:{user}" for user in chance.sample(USERS, chance.choice((0, 0, 1)))]
            ),
            word(chance),
            number,
        )
        for number in range(DOCUMENTS)
    ]


def word(chance: random.Random) -> str:
    """Make a word that nothing else holds."""
    return "q" + "".join(chance.choices("bcdfghjklmnprstvwxz", k=9))


@dataclass(frozen=True)
class Caller:
    """Who asks: what they may see, and how they come in."""

    name: str
    scope: Scope
    headers: dict[str, str]

    @property
    def owner(self) -> tuple[str, str]:
        """Whose runs theirs are: a person's, whichever way they come; a preview's are the operator's."""
        is_person = self.scope.user and not self.name.startswith("operator")
        return (self.scope.tenant, self.scope.user) if is_person else ("", self.headers["Authorization"])

    def sees(self, page: Page) -> bool:
        """Say by a rule of our own whether the caller may read a document: the product's may be broken on purpose."""
        names = {*self.scope.groups, *([f"user:{self.scope.user}"] if self.scope.user else [])}
        allowed = self.scope.unrestricted or not page.readers or not page.readers.isdisjoint(names)
        return page.tenant == self.scope.tenant and allowed


LINGER: Final = "Take your time."


def _lingering(turn: TurnFunction) -> TurnFunction:
    """Let the answer to one question take long, so that others find it being written."""

    async def answer(question: Question, run: str) -> AsyncGenerator[Event, None]:
        async for event in turn(question, run):
            yield event
            if question.text == LINGER:
                await asyncio.sleep(5)

    return answer


_ENDLESS: Final = BudgetSettings(
    page_requests_per_minute=0, page_tokens_per_day=0, page_runs=0,
    visitor_requests_per_minute=0, visitor_tokens_per_day=0, visitor_runs=0, address_requests_per_minute=0,
)  # fmt: skip


class World:
    """An index over some documents and the service over it, in process."""

    def __init__(self, folder: Path, held: Sequence[Page], keys: Path) -> None:
        self._made, self._folder = folder, folder.with_name(folder.name + "-open")
        folder.mkdir(parents=True)
        (folder / "keys.json").write_bytes(keys.read_bytes())
        (folder / "keys.json").chmod(0o600)
        store = open_store(StoreSettings(data_dir=folder), EMBEDDER)
        with store.draft() as draft:
            for page in held:
                put(draft, page.sample())
        store.close()
        self.names: dict[str, str] = {}
        self.runs: list[str] = []

    @contextmanager
    def open(self) -> Iterator[TestClient]:
        """Serve a copy of it: nothing is left of what was asked and added before."""
        self.runs = []
        shutil.copytree(self._made, self._folder)
        people = IdentitySettings(proxy_addresses="127.0.0.1")
        settings = Settings(store=StoreSettings(data_dir=self._folder), identity=people, budgets=_ENDLESS)
        parts = build(settings)
        try:
            service = build_service(parts, settings)
            application = create_app(replace(service, turn=_lingering(service.turn)))
            with TestClient(application, client=("127.0.0.1", 50_000)) as client:
                yield client
        finally:
            parts.close()
            shutil.rmtree(self._folder)


_IDS: Final = re.compile(r"\b(run|resp|msg|req|conv|item|call|call_ui|fc|fs|chatcmpl|rs)[_-][0-9a-f]{8,64}\b")
_TIMES: Final = (
    re.compile(r"expires=\d+|signature=[\w-]+"),
    re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|\+00:00)?"),
    re.compile(r'(?<="created":)\s*\d+|(?<="created_at":)\s*[\d.]+|(?<="completed_at":)\s*[\d.]+'),
    re.compile(r'(?<="createdAt":)\s*[\d.]+|(?<="timestamp":)\s*[\d.]+'),
    # certificates of erasure: salted names, and where it was looked for what is left
    re.compile(r'"(?:person|hash|digest)":"[0-9a-f]{64}"|"searched_files":\d+|sqlite:////[^"]+'),
    re.compile(r'(?<="ms":)\s*[\d.]+|(?<="expires":)\s*[\d.]+'),
)


def plain(response: httpx.Response) -> str:
    """Return what a client can read of a response, without what differs between two moments."""
    headers = {
        name: value
        for name, value in response.headers.items()
        if name not in {"date", "x-request-id", "content-length"}
    }
    text = f"{response.status_code} {json.dumps(headers, sort_keys=True)}\n{response.text}"
    for pattern in _TIMES:
        text = pattern.sub("…", text)
    known: dict[str, str] = {}
    return _IDS.sub(lambda found: known.setdefault(found[0], f"{found[1]}_{len(known)}"), text)


@dataclass
class Library:
    """All documents, all callers, the world as it is and each caller's twin."""

    folder: Path
    seed: int
    held: list[Page] = field(default_factory=list)
    callers: list[Caller] = field(default_factory=list)

    def __post_init__(self) -> None:
        chance = random.Random(self.seed)
        self.held = pages(chance)
        keys = Keys(self.folder / "keys.json")
        self.callers = callers(keys, chance)
        self.world = World(self.folder / "world", self.held, self.folder / "keys.json")
        self._twins: dict[str, World] = {}

    def twin(self, caller: Caller) -> World:
        """Return the world in which what is hidden from this caller says something else."""
        if caller.name not in self._twins:
            chance = random.Random(f"{self.seed} {caller.name}")
            held = [
                page
                if caller.sees(page)
                else replace(
                    page,
                    canary=word(chance),
                    topic=chance.choice(TOPICS),
                    number=page.number + chance.randrange(2),
                )
                for page in self.held
                if caller.sees(page) or chance.random() < 0.7
            ]
            self._twins[caller.name] = World(
                self.folder / f"twin-{len(self._twins)}", held, self.folder / "keys.json"
            )
        return self._twins[caller.name]

    def hidden(self, caller: Caller) -> list[Page]:
        return [page for page in self.held if not caller.sees(page)]


PAGE: Final = "https://page.example"


def callers(keys: Keys, chance: random.Random) -> list[Caller]:
    """Make callers of every kind."""
    made: list[Caller] = []

    def add(name: str, secret: str, scope: Scope, **headers: str) -> None:
        shown = {"Authorization": f"Bearer {secret}"} if secret else {}
        made.append(
            Caller(name, scope, shown | {key.replace("_", "-"): value for key, value in headers.items()})
        )

    everything: tuple[Right, ...] = ("chat", "search", "documents", "write")
    for number, tenant in enumerate((*TENANTS, "default", "acme")):
        groups = tuple(chance.sample(GROUPS, number % 5))
        rights = everything if number % 2 else everything[:3]
        secret = keys.create(f"key {number}", tenant=tenant, groups=groups, rights=rights).secret
        add(f"key {number}", secret, Scope(tenant, frozenset(groups)))
    tokens = Tokens(keys)
    for number, tenant in enumerate(("default", "acme", "blue")):
        groups, user = tuple(chance.sample(GROUPS, 8)), USERS[number]
        server = keys.create(f"server {number}", kind="server", tenant=tenant, groups=groups)
        add(
            f"{user} by a server",
            server.secret,
            Scope(tenant, frozenset(groups[:2]), user=user),
            X_Footnote_User=user,
            X_Footnote_Groups=",".join(groups[:2]),
        )
        token = tokens.for_user(keys.check(server.secret), USERS[number + 3], groups[2:5], seconds=900).token
        add(
            f"{USERS[number + 3]} with a client token",
            token,
            Scope(tenant, frozenset(groups[2:5]), user=USERS[number + 3]),
        )
        page = keys.create(f"page {number}", kind="page", tenant=tenant, groups=groups[:1], origins=[PAGE])
        for name in ("one", "another"):
            visitor = tokens.for_visitor(keys.check(page.secret), days=1).token
            add(
                f"{name} visitor of page {number}", visitor, Scope(tenant, frozenset(groups[:1])), Origin=PAGE
            )
        ingest = keys.create(f"ingest {number}", kind="ingest", tenant=tenant, groups=groups[5:7])
        add(f"ingest {number}", ingest.secret, Scope(tenant, frozenset(groups[5:7])))
        operator = keys.create(f"operator {number}", kind="operator", tenant=tenant)
        add(f"operator {number}", operator.secret, Scope(tenant, unrestricted=True))
        add(
            f"operator {number} as {user}",
            operator.secret,
            Scope(tenant, frozenset(groups[:1]), user=user),
            X_Footnote_User=user,
            X_Footnote_Groups=groups[0],
        )
        add(
            f"{user} behind a proxy",
            "",
            Scope("default", frozenset(groups[3:6]), user=user),
            X_Forwarded_User=user,
            X_Forwarded_Groups=",".join(groups[3:6]),
        )
    return made


@contextmanager
def library_at(folder: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    """Make a library; its embedder needs no model."""
    monkeypatch.setattr("app.build.open_configured_embedder", lambda _: EMBEDDER)
    yield Library(folder, seed)
