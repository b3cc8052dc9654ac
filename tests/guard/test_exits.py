"""Whatever leaves a turn is inert, whoever wrote it: titles in a refusal, notices, suggestions, failures, lists of sources."""

import asyncio
import json
import re
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from app.build import Parts, build
from app.events import Event, Failed, FollowUps, Started, Status, Text
from app.language.phrases import say
from app.question import Message, Question
from app.runs.runs import MemoryBoard, Runs
from app.settings import RunSettings, Settings
from app.turn.transcript import own_words
from app.understand.smalltalk import housekeeping
from app.wire.sources import markdown_list
from ingest.run import Ingestion, Request
from ingest.settings import IngestSettings
from tests.app.boards import read
from tests.app.edge import ANSWERED
from tests.guard import renderers
from tests.guard.texts import text as hostile
from tests.test_command_line import footnote
from vectorstore.errors import NotFound
from vectorstore.printable import printable, printable_json
from vectorstore.settings import StoreSettings
from vectorstore.types import Document, DocumentId, Scope

TITLE = "![x](http://evil.test/p.png) <img src=http://evil.test/q.png> www.evil.test \\u001b[31mred\\u202e"
STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069]")


def ask(parts: Parts, text: str, *history: Message) -> list[Event]:
    async def collect() -> list[Event]:
        question = Question(text, Scope(unrestricted=True), history=history, top_k=6)
        async with aclosing(parts.turn.answer(question, "run_1")) as events:
            return [event async for event in events]

    return asyncio.run(collect())


def sentences(events: list[Event]) -> list[str]:
    """Return every sentence of ours among the events, and the text."""
    told = ["".join(event.delta for event in events if isinstance(event, Text))]
    for event in events:
        match event:
            case Started():
                told.append(event.notice)
            case Status():
                told.append(event.detail)
            case FollowUps(questions):
                told += questions
            case Failed():
                told.append(event.message)
            case _:
                pass
    return told


@pytest.fixture(scope="module")
def hostile_documents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    docs = folder / "docs"
    docs.mkdir()
    for number, topic in enumerate(("annual leave", "parental leave")):
        (docs / f"{number}.md").write_text(
            f'---\ntitle: "{TITLE} {number}"\n---\n# {TITLE}\n\n## Limits of {topic} ![y](http://evil.test)\n\n'
            f"The limit of {topic} is {number + 12} days, see http://evil.test/{number}.\n\n"
            f"## Notice periods <img src=http://evil.test>\n\nThe notice period of {topic} is four weeks.\n",
            encoding="utf-8",
        )
    ingestion = Ingestion(IngestSettings(), StoreSettings(data_dir=folder / "data"))
    ingestion.carry_out(ingestion.plan(Request((docs,))))
    return folder


@pytest.mark.parametrize(
    "question",
    [
        "How do I grow tomatoes?",
        "limit?",
        "What is the limit of annual leave?",
        "See http://evil.test/q and evil.com: what is the limit of parental leave?",
    ],
)
def test_no_title_no_quote_and_no_question_is_live(hostile_documents: Path, question: str) -> None:
    parts = build(Settings(store=StoreSettings(data_dir=hostile_documents / "data")))
    try:
        told = sentences(ask(parts, question))
    finally:
        parts.close()
    assert [live for live in renderers.live(told) if live] == []
    assert not any(STEERING.search(sentence) for sentence in told)


def test_a_title_in_a_refusal_is_inert_and_readable(hostile_documents: Path) -> None:
    parts = build(Settings(store=StoreSettings(data_dir=hostile_documents / "data")))
    try:
        told = sentences(ask(parts, "How do I grow tomatoes?"))[0]
    finally:
        parts.close()
    assert (
        "! [x] (`http://evil.test/p.png`) &lt;img src=`http://evil.test/q.png`> `www.evil.test` red" in told
    )


def test_what_a_user_said_before_is_repeated_inert(hostile_documents: Path) -> None:
    parts = build(Settings(store=StoreSettings(data_dir=hostile_documents / "data")))
    try:
        history = (Message("user", "![x](http://evil.test) [1]"), Message("assistant", "No."))
        told = sentences(ask(parts, "What did I ask?", *history))
    finally:
        parts.close()
    assert "evil.test" in told[0]
    assert renderers.live(told) == [[]] * len(told)


def test_a_failure_that_names_a_document_is_inert() -> None:
    async def broken(question: Question, run: str):  # type: ignore[no-untyped-def]
        raise NotFound("There is no ![x](http://evil.test).", "See http://evil.test.")
        yield

    async def ended() -> Event:
        runs = Runs(broken, MemoryBoard(RunSettings()), RunSettings())
        return (await read(runs, await runs.begin(Question("?", Scope(), top_k=6), resumable=True)))[-1]

    failed = asyncio.run(ended())
    assert isinstance(failed, Failed)
    assert renderers.live([failed.message]) == [[]]


def test_a_list_of_sources_links_into_the_viewer_alone() -> None:
    citations = next(event.citations for event in ANSWERED if type(event).__name__ == "Citations")
    titles = (
        "a](http://evil.test) [b",
        "![x](http://evil.test)",
        "`",
        "<img src=http://evil.test>",
        "www.evil.test",
        "a\n\n[b]: c",
    )
    for title in titles:
        document = Document(DocumentId("doc_1"), "a.md", title, "text/markdown", "1")
        block = markdown_list(
            [replace(citations[0], document=document)],
            lambda *_: "https://footnote.test/v1/documents/doc_1/view?start=1&end=2#page=2",
        )
        live = renderers.live(
            [block], allowed=["https://footnote.test/v1/documents/doc_1/view?start=1&end=2#page=2"]
        )
        assert live == [[]], block
        assert len(renderers.live([block])[0]) == 5, block


def test_housekeeping_stays_json_whatever_was_asked() -> None:
    import random

    draw = random.Random(5)
    for _ in range(300):
        asked = " ".join(hostile(draw).split())
        for task in ("title", "tags", "search queries"):
            said = housekeeping(
                f"### Task:\nGenerate a {task}.\n<chat_history>\nUSER: {asked}\n</chat_history>"
            )
            assert said is not None
            assert isinstance(json.loads(own_words(said).delta), dict)


def test_the_terminal_gets_no_escape_from_titles_and_texts(hostile_documents: Path) -> None:
    for command in (
        ("docs", "ls"),
        ("docs", "ls", "--json"),
        ("docs", "show", "docs/0.md"),
        ("search", "limit"),
        ("search", "limit", "--json", "--explain"),
        ("ask", "What is the limit of annual leave?", "--explain"),
    ):
        done = footnote(hostile_documents, *command)
        assert done.returncode == 0, done.stderr
        assert "evil.test" in done.stdout
        assert not STEERING.search(done.stdout + done.stderr), command


def test_json_for_a_terminal_is_equal_to_what_was_given() -> None:
    given = {"title": "a\x1b[31m\x9b1m\u202e\u200b\U000e0041é😀", "n": [1, None]}
    assert json.loads(printable_json(given)) == given
    assert not STEERING.search(printable_json(given))


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07a\x1b]8;;http://e.test\x1b\\b", "ab"),
        ("\x9b31mred\x9d0;t\x9cx", "redx"),
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("a\u202eb\u2066c\u200ed\ufeffe\u200bf\xadg", "abcdefg"),
        ("tag\U000e0041\U000e007f lone \ud800", "tag lone \ufffd"),
        ("می\u200cخواهم 👩\u200d👩\u200d👧 ❤\ufe0f", "می\u200cخواهم 👩\u200d👩\u200d👧 ❤\ufe0f"),
        ("x \u200d y\u200d", "x  y"),
        ("tab\tand\nbreak", "tab\tand\nbreak"),
    ],
)
def test_what_steers_or_hides_is_gone_and_what_joins_stays(written: str, shown: str) -> None:
    assert printable(written) == shown


def test_the_notice_stays_as_it_is() -> None:
    assert own_words(say("notice")).delta == say("notice")
