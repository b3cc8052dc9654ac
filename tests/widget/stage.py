"""The real service on a free port, whose turn is scripted by the question, and pages of strangers around it.

The wire, the routes and the policies are the product's own; only what a turn says is written here.
"""

import asyncio
import threading
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from app.events import (
    Citation,
    Citations,
    Considered,
    Done,
    Event,
    Explained,
    Failed,
    FollowUps,
    Passage,
    SentenceChecked,
    Sources,
    Started,
    Status,
    Text,
    Timing,
    Usage,
)
from app.people.people import People
from app.question import Question
from app.runs.records import Records
from app.runs.run import Run
from app.settings import ClientSettings, RunSettings, Settings
from tests.app.edge import MemoryStore, Served, serve, service
from vectorstore.types import ChunkId, Document, DocumentId, Generation, Span
from vectorstore.types import Stage as Ranked

STATIC = Path(__file__).parents[2] / "app" / "widget"
NOTICE = "You are talking to a machine. Check the sources."

_LEAVE_TEXT = (
    "# Annual leave policy\n\n## Entitlement\n\nFull-time staff receive 28 working days of paid annual leave per "
    "calendar year, on top of public holidays. Interns receive 12 days. Part-time staff receive a share.\n\n"
    "## Carrying days over\n\nUp to 5 days may be carried into the next year. They expire on 31 March unless "
    "sickness kept you from taking them.\n"
)
_EXPENSES_TEXT = "Expenses policy\n\nMeals on business travel are refunded up to EUR 40 a day.\n"


def _document(name: str, title: str, text: str, **more: Any) -> tuple[Document, str]:
    media = "application/pdf" if name.endswith(".pdf") else "text/markdown"
    found = Document(
        DocumentId(f"doc_{name.split('.', maxsplit=1)[0]}"), f"hr/{name}", title, media, "0" * 64, **more
    )
    return found, text


LEAVE, LEAVE_TEXT = _document(
    "annual-leave.md", "Annual leave policy", _LEAVE_TEXT, modified=datetime(2026, 3, 1, tzinfo=UTC)
)
EXPENSES, EXPENSES_TEXT = _document("expenses.pdf", "Expenses policy", _EXPENSES_TEXT, pages=(0,))


def _span(text: str, first: str, last: str, page: int | None = None) -> Span:
    start = text.index(first)
    return Span(start, text.index(last, start) + len(last), page)


ENTITLED = _span(LEAVE_TEXT, "## Entitlement", "receive a share.")
CARRIED = _span(LEAVE_TEXT, "## Carrying", "taking them.")
MEALS = _span(EXPENSES_TEXT, "Meals", "a day.", 1)
PASSAGES = (
    Passage(1, LEAVE, ENTITLED, LEAVE_TEXT[ENTITLED.start : ENTITLED.end], (ChunkId("chk_1"),),
            ("Annual leave policy", "Entitlement"), "", 0.91),
    Passage(2, LEAVE, CARRIED, LEAVE_TEXT[CARRIED.start : CARRIED.end], (ChunkId("chk_2"),),
            ("Annual leave policy", "Carrying days over"), "", 0.84),
    Passage(3, EXPENSES, MEALS, EXPENSES_TEXT[MEALS.start : MEALS.end], (ChunkId("chk_3"),), (), "", 0.42),
)  # fmt: skip
SENTENCES = (
    "Full-time staff get **28 working days** of paid annual leave a year. [1] ",
    "Up to 5 days may be carried over; they expire on 31 March. [2] ",
    "Most teams close between the years. ",
    "Interns get 12 days and free `lunch_on_Fridays`. [1]",
)
_EVIDENCE = {
    0: (1, _span(LEAVE_TEXT, "Full-time staff", "calendar year")),
    1: (2, _span(LEAVE_TEXT, "Up to 5 days", "31 March")),
    3: (1, _span(LEAVE_TEXT, "Interns receive 12 days", "12 days")),
}
_VERDICTS = ("supported", "supported", "unsupported", "partly")


def _places() -> list[tuple[int, int]]:
    places, position = [], 0
    for sentence in SENTENCES:
        places.append((position, position + len(sentence.rstrip())))
        position += len(sentence)
    return places


def _cited() -> tuple[Citation, ...]:
    places = _places()
    found = []
    for index, (number, evidence) in _EVIDENCE.items():
        start, end = places[index]
        quote = LEAVE_TEXT[evidence.start : evidence.end]
        found.append(Citation(number, (end - 3, end), (start, end), LEAVE, evidence, quote, 0.97))
    return tuple(found)


def _considered(rank: int, passage: Passage, packed: int | None, dropped: str = "") -> Considered:
    document = passage.document
    ranks = (
        Ranked("dense", rank, 0.7),
        Ranked("lexical", 4 - rank, 12.0),
        Ranked("fused", rank, passage.score),
    )
    return Considered(
        rank, passage.chunks[0], document.id, document.title, document.uri, passage.headings, passage.span.page,
        passage.score, ranks, packed, dropped,
    )  # fmt: skip


EXPLAINED = Explained(
    "How many days of annual leave does a full-time employee get?",
    Generation(41),
    0.91,
    0.38,
    0.19,
    (
        _considered(1, PASSAGES[0], 1),
        _considered(2, PASSAGES[1], 2),
        _considered(3, PASSAGES[2], None, "does not fit the token budget"),
    ),
    missing=("sabbatical",),
    timings=(Timing("understanding", 2.0), Timing("retrieving", 12.4), Timing("deciding", 31.0)),
)
OPENING: tuple[Event, ...] = (
    Started("run_x", "conv_x", "scripted", 1_790_000_000.0, NOTICE),
    Status("understanding"),
    Status("retrieving"),
    Sources(PASSAGES),
    EXPLAINED,
    Status("writing"),
)


def _words(text: str) -> list[Event]:
    return [Text(word) for word in text.replace(" ", " \0").split("\0")]


def _answered() -> list[Event]:
    events = list(OPENING)
    for sentence, (start, end), verdict in zip(SENTENCES, _places(), _VERDICTS, strict=True):
        support = {"supported": 0.97, "partly": 0.41}.get(verdict, 0.04)
        events += [*_words(sentence), SentenceChecked(start, end, verdict, support)]  # type: ignore[arg-type]
    questions = ("How do I ask for leave?", "What happens to days I cannot take?")
    return [
        *events,
        Citations(_cited()),
        FollowUps(questions),
        Usage(1_011, 58, (Timing("first_text", 49.0), Timing("writing", 1_240.0))),
        Done(),
    ]


def slowed(events: Sequence[Event], pause: float) -> list[Event | float]:
    """Put a pause before every piece of text."""
    return [step for event in events for step in ((pause, event) if isinstance(event, Text) else (event,))]


ANSWERED = _answered()
TEXT = "".join(SENTENCES)
LONG_PARAGRAPH = (
    "The office in **Tarn** opens at eight and closes at six on every working day of the year. [1] "
)
SCRIPTS: dict[str, Sequence[Event | float | Exception]] = {
    "How many days of annual leave do I get?": ANSWERED,
    "Slowly, please": [*OPENING, *slowed(_words(LONG_PARAGRAPH * 200), 0.03), Done()],
    "Haltingly": [*slowed(ANSWERED, 0.08)],
    "What is the wifi password?": [
        *OPENING[:4], Text("I did not find an answer to that in the documents."), Done(outcome="refused"),
    ],
    "Is there a bicycle shed?": [*ANSWERED[:-1], Done(outcome="unsure")],
    "Break": [*OPENING, *_words(SENTENCES[0]), Failed("model_cut_off", "The language model stopped in mid-sentence.")],
    "Table": [
        *OPENING,
        *_words(
            "## Per-diem rates\n\n| Country | Meals | Hotel |\n|---|---|---|\n| Norway | NOK 620 | NOK 1900 |\n"
            "| Spain | EUR 53 | EUR 120 |\n\n1. Keep the *receipt*. [3]\n2. Claim within 30 days.\n\n"
            "```\nFOOTNOTE_DATA_DIR=/srv $HOME\n```\n"
        ),
        Done(),
    ],
    "Five thousand words": [*OPENING, *slowed(_words(("\n\n" + LONG_PARAGRAPH * 5) * 56), 0.0), Done()],
}  # fmt: skip


@dataclass
class Stage:
    """A running stage: where it is, what was asked, and what its pages asked of anyone."""

    served: Served
    scripts: dict[str, Sequence[Event | float | Exception]]
    records: Records
    store: MemoryStore
    asked: list[Question] = field(default_factory=list)
    running: list[Question] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    hosts: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The address of the service."""
        return self.served.url

    def has_closed(self, question: Question, *, within: float = 20.0) -> bool:
        """Wait until nothing of a question's turn is open any more; say whether that came to pass."""
        with self.changed:
            return self.changed.wait_for(lambda: all(one is not question for one in self.running), within)

    def host(self, name: str, body: str, *, policy: str = "", head: str = "") -> str:
        """Add a page of a stranger; return its address, which is of another origin than the service."""
        html = f"<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport content='width=device-width'><title>Host</title>{head}</head><body>{body}</body></html>"
        self.hosts[name] = (html, policy)
        return f"http://localhost:{urlsplit(self.url).port}/host/{name}"

    async def turn(self, question: Question, run: str) -> AsyncGenerator[Event, None]:
        """Play the script of the question; a number in it is a pause in seconds."""
        self.running.append(question)
        self.asked.append(question)
        try:
            for step in self.scripts.get(question.text, ANSWERED):
                if isinstance(step, float):
                    await asyncio.sleep(step)
                elif isinstance(step, Started):
                    yield replace(step, run=run, conversation=question.conversation)
                elif isinstance(step, Exception):
                    raise step
                else:
                    yield step
        finally:
            with self.changed:
                self.running = [one for one in self.running if one is not question]
                self.changed.notify_all()

    async def page(self, request: Request) -> Response:
        """Send a page of a stranger."""
        html, policy = self.hosts[request.path_params["name"]]
        return HTMLResponse(html, headers={"Content-Security-Policy": policy} if policy else {})


@contextmanager
def stage(folder: Path, *, keys: Path | None = None, cors: str = "*") -> Iterator[Stage]:
    """Serve a stage until the block ends; with `keys`, to who has one; `cors` are the origins of FOOTNOTE_CORS_ORIGINS."""
    records = Records(f"sqlite:///{folder / 'records.db'}")
    made: Stage | None = None

    async def turn(question: Question, run: str) -> AsyncGenerator[Event, None]:
        assert made is not None
        async with aclosing(made.turn(question, run)) as events:
            async for event in events:
                yield event

    async def record(run: Run, events: Sequence[Event]) -> None:
        await asyncio.to_thread(records.add, run.id, run.question, run.owner, events)

    settings = Settings(
        client=ClientSettings(static_dir=str(STATIC), cors_origins=cors), runs=RunSettings(grace_seconds=5.0)
    )
    store = MemoryStore([LEAVE, EXPENSES])
    store.texts = {LEAVE.id: LEAVE_TEXT, EXPENSES.id: EXPENSES_TEXT}
    built = replace(
        service(turn, settings=settings, keys=keys),
        records=records,
        people=People(records, folder),
        on_end=record,
        store=store,  # type: ignore[arg-type]
        starters=lambda scope: ["How do I book a room?"] if scope.tenant == "default" else [],
    )
    with serve(built) as served:
        made = Stage(served, dict(SCRIPTS), records, store)
        served.app.router.routes.insert(0, Route("/host/{name}", made.page))
        yield made
    records.close()
