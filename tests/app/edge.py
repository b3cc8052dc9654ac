"""A service to test against: a scripted turn, a store in memory, and a real server on a free port."""

import asyncio
import socket
import threading
from collections.abc import AsyncGenerator, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import uvicorn

from app.events import (
    Citation,
    Citations,
    Done,
    Event,
    FollowUps,
    Passage,
    SentenceChecked,
    Sources,
    Started,
    Status,
    Text,
    Usage,
)
from app.http.application import create_app
from app.identity.identity import Identity
from app.identity.keys import Keys
from app.people.people import People
from app.question import Question
from app.service import Health, Service
from app.settings import Settings
from app.turn.retrieve import Found
from vectorstore.errors import NotFound
from vectorstore.state.cell import Cell
from vectorstore.types import (
    Chunk,
    ChunkId,
    Condition,
    Document,
    DocumentId,
    Generation,
    GenerationInfo,
    Hit,
    Named,
    Scope,
    Span,
    Stage,
)

HANDBOOK_TEXT = "Welcome to Acme. <script>alert(1)</script>\nStaff get 25 days of annual leave.\nThe end."
LEAVE = Span(HANDBOOK_TEXT.index("Staff"), HANDBOOK_TEXT.index("\nThe end"), 2)
HANDBOOK = Document(
    id=DocumentId("doc_handbook"),
    uri="policies/handbook.pdf",
    title="Handbook <b>2026</b>",
    media_type="application/pdf",
    digest="0" * 64,
    pages=(0, HANDBOOK_TEXT.index("Staff")),
)
WIKI = Document(
    id=DocumentId("doc_wiki"),
    uri="https://wiki.example/leave",
    title="Leave policy",
    media_type="text/html",
    digest="1" * 64,
)
SECRET = replace(HANDBOOK, id=DocumentId("doc_secret"), uri="secret/pay.pdf", readers=frozenset({"hr"}))
OTHER = replace(HANDBOOK, id=DocumentId("doc_other"), tenant="other")
PASSAGES = (
    Passage(1, HANDBOOK, LEAVE, HANDBOOK_TEXT[LEAVE.start : LEAVE.end], (ChunkId("chk_1"),), score=0.83),
    Passage(2, WIKI, Span(0, 12), "Leave policy", (ChunkId("chk_2"), ChunkId("chk_3")), score=0.5),
)
DELTAS = ("Staff get ", "25 days \U0001f334 [1]. ", "Ask your lead [2].")
ANSWER = "".join(DELTAS)


def citation(number: int) -> Citation:
    """Cite passage 1 or 2 at its marker in ANSWER."""
    marker = ANSWER.index(f"[{number}]")
    passage = PASSAGES[number - 1]
    claim = (0, marker + 4) if number == 1 else (ANSWER.index("Ask"), len(ANSWER))
    return Citation(number, (marker, marker + 3), claim, passage.document, passage.span, passage.text, 0.9)


ANSWERED: tuple[Event, ...] = (
    Started("run_x", "conv_x", "scripted", 1_790_000_000.0, "A machine answers."),
    Status("understanding"),
    Status("retrieving", "annual leave"),
    Sources(PASSAGES),
    Status("writing"),
    *(Text(delta) for delta in DELTAS),
    SentenceChecked(0, ANSWER.index("Ask"), "supported", 0.9),
    Citations((citation(1), citation(2))),
    FollowUps(("How do I book leave?",)),
    Usage(512, 9),
    Done(),
)


@dataclass
class ScriptedTurn:
    """Plays events. A number among them is a pause in seconds, an exception is raised."""

    script: Sequence[Event | float | Exception] = ANSWERED
    asked: list[Question] = field(default_factory=list)
    open: int = 0
    closed: threading.Event = field(default_factory=threading.Event)

    async def __call__(self, question: Question, run: str) -> AsyncGenerator[Event, None]:
        self.asked.append(question)
        self.open += 1
        self.closed.clear()
        try:
            for step in self.script:
                if isinstance(step, Exception):
                    raise step
                if isinstance(step, float):
                    await asyncio.sleep(step)
                elif isinstance(step, Started):
                    yield replace(step, run=run, conversation=question.conversation)
                else:
                    yield step
        finally:
            self.open -= 1
            self.closed.set()


class MemoryStore:
    """Just enough of a store for the document routes."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self.texts = {document.id: HANDBOOK_TEXT for document in documents}
        self.all = list(documents)
        self.generation = Generation(1)

    @contextmanager
    def snapshot(self, at: Generation | None = None) -> Iterator["MemoryStore"]:
        if at not in {None, self.generation}:
            raise NotFound(f"There is no generation {at}.")
        yield self

    def document(self, document: DocumentId, *, scope: Scope) -> Document:
        found = next((each for each in self.all if each.id == document and scope.allows(each)), None)
        if found is None:
            raise NotFound(f"There is no document {document!r}.")
        return found

    def documents(
        self, *, scope: Scope, where: Sequence[Condition] = (), after: str = ""
    ) -> Iterator[Document]:
        allowed = (each for each in self.all if scope.allows(each) and each.uri > after)
        yield from sorted(allowed, key=lambda each: each.uri)

    def names(self, *, scope: Scope) -> Iterator[Named]:
        return (Named(each.uri, each.title, each.modified) for each in self.documents(scope=scope))

    def count(self, *, scope: Scope, where: Sequence[Condition] = ()) -> int:
        return sum(1 for _ in self.documents(scope=scope))

    def readers(self, *, scope: Scope) -> frozenset[str]:
        return frozenset[str]().union(*(each.readers for each in self.documents(scope=scope)))

    def chunks(self, document: DocumentId) -> list[Chunk]:
        return [Chunk(ChunkId("chk_1"), document, 0, self.texts[document][LEAVE.start : LEAVE.end], LEAVE)]

    def around(self, chunk: Chunk, radius: int) -> list[Chunk]:
        return [chunk]

    def text(self, document: DocumentId) -> str:
        return self.texts[document]

    def readable(self, documents: Collection[DocumentId], *, scope: Scope) -> bool:
        known = {each.id: each for each in self.all}
        return all(each in known and scope.allows(known[each]) for each in documents)

    def info(self) -> GenerationInfo:
        raise NotImplementedError


def hit(store: MemoryStore) -> Hit:
    chunk = store.chunks(HANDBOOK.id)[0]
    return Hit(chunk, HANDBOOK, 0.83, (Stage("dense", 1, 0.7), Stage("fused", 1, 0.83)))


def service(
    turn: Any = None, *, keys: Cell | Path | None = None, settings: Settings | None = None, **more: Any
) -> Service:
    """Build a Service of fakes around a turn."""
    store = MemoryStore([HANDBOOK, WIKI, SECRET, OTHER])
    if (records := more.get("records")) is not None:
        more.setdefault("people", People(records, records.files()[0].parent))

    async def search(question: Question, *, trail: bool = False, expect: str = "") -> Found:
        del trail, expect
        hits = (hit(store),) if question.scope.tenant == "default" else ()
        return Found(Generation(1), hits, (), ())

    return Service(
        turn=turn or ScriptedTurn(),
        search=more.pop("search", search),
        store=store,  # type: ignore[arg-type]  # the routes under test read, and read only this much
        identity=more.pop("identity", None)
        or Identity(Keys(keys or Path("/nonexistent/keys.json")), (settings or Settings()).identity),
        health=lambda: Health(ready=True, generation=1, documents=4, chunks=4),
        version="0.0-test",
        model_name="footnote",
        settings=settings or Settings(),
        **more,
    )


@dataclass
class Served:
    """A running server."""

    url: str
    app: Any
    server: uvicorn.Server

    @property
    def runs(self) -> Any:
        return self.app.state.runs


@contextmanager
def serve(of: Service) -> Iterator[Served]:
    """Run the service in a thread on a free port of the loopback until the block ends."""
    app = create_app(of)
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, log_level="warning", lifespan="on", proxy_headers=False, timeout_graceful_shutdown=2
    )
    server = uvicorn.Server(config)
    started = threading.Event()
    original = server.startup

    async def startup(sockets: list[socket.socket] | None = None) -> None:
        await original(sockets)
        started.set()

    server.startup = startup  # type: ignore[method-assign]
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        assert started.wait(10), "the server did not start"
        yield Served(f"http://127.0.0.1:{listening.getsockname()[1]}", app, server)
    finally:
        server.should_exit = True
        thread.join(10)
        listening.close()
