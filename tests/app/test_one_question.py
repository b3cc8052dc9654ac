"""A question travels as one value: parts keep their topic, it is searched once, its passages are ranked once."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.events import Sources
from app.question import Message, Part, Question, Understood
from app.reader import answerable
from app.turn.retrieve import Retriever, TokenCounter
from app.understand.condense import by_words, understand
from ingest.run import Ingestion, Request
from ingest.settings import IngestSettings
from tests.app.test_index_commands import HashedWords
from tests.app.test_turn import ask, text_of
from tests.fakes.handbook import small_handbook
from tests.vectorstore.sample import SPACE, one_chunk, put
from vectorstore.models.late_interaction import LateInteraction
from vectorstore.open import open_store
from vectorstore.settings import StoreSettings
from vectorstore.store import Store
from vectorstore.types import Scope

ROOT = Path(__file__).parents[2]
OPERATOR = Scope(unrestricted=True)


def understood(question: str, *earlier: str) -> Understood:
    history = tuple(
        Message(role, text) for said in earlier for role, text in (("user", said), ("assistant", "Yes [1]."))
    )  # type: ignore[arg-type]
    return asyncio.run(understand(Question(question, Scope(), history=history, top_k=6), by_words))


@pytest.mark.parametrize(
    ("earlier", "question", "topic"),
    [
        ("How much parental leave do I get?", "And how long is it, and who approves it?", {"parental", "leave"}),
        ("How much parental leave do I get?", "How do I apply for it, and by when must it be handed in?", {"parental", "leave"}),
        ("What is the per diem for trips to Japan?", "Is it taxed, and when is it paid out?", {"diem", "japan"}),
        ("Can I bring my own monitor?", "Is it insured, and what happens if it breaks?", {"monitor"}),
        ("How do I rotate the database password?", "How often must that be done, and who checks it?", {"database", "password"}),
        ("What does the retention policy say about invoices?", "And for contracts? And who deletes them?", {"retention"}),
        ("How do I request a standing desk?", "How long does delivery take, and may I take it home?", {"desk"}),
        ("Is there a gym subsidy?", "How much is it and what do I have to submit for it?", {"gym", "subsidy"}),
        ("Who leads the Lisbon office?", "How do I reach her, and on which floor does she sit?", {"lisbon", "office"}),
        ("Wie melde ich eine Dienstreise an?", "Wann muss sie genehmigt sein, und wer genehmigt sie?", {"dienstreise"}),
    ],
)  # fmt: skip
def test_each_part_of_a_follow_up_keeps_its_topic(earlier: str, question: str, topic: set[str]) -> None:
    found = understood(question, earlier)
    assert len(found.parts) == 2
    for part in found.parts:
        assert topic <= set(part.given), part
        assert part.text in question


@pytest.mark.parametrize(
    "question", ["What is the per diem (hotel included) abroad?", "Which forms (A or B (or C)) do I need?"]
)
def test_a_bracket_of_the_asker_is_words_like_others(question: str) -> None:
    found = understood(question)
    assert found.alone == Part(question)
    assert found.parts == (Part(question),)
    first, second = understood(f"{question} And who signs them?").parts
    assert (first.text, second.text) == (question, "And who signs them?")


def test_a_two_part_follow_up_is_answered_as_the_question_written_out(tmp_path: Path) -> None:
    with small_handbook(tmp_path) as parts:
        earlier = (
            Message("user", "How many days of annual leave do staff get?"),
            Message("assistant", "25 [1]."),
        )
        text = text_of(ask(parts, "How many of them may be carried over, and when do they expire?", *earlier))
    assert "Up to 5 days may be carried into the next year." in text
    assert "They expire on 31 March." in text


def test_a_turn_reads_what_it_writes_from_once_and_ranks_it_once_for_each_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[list[str]] = []
    ranked: list[int] = []
    rank, lay = answerable.rank, answerable.lay

    def reading(sources: Sequence[Any], *more: Any) -> Any:
        read.append([source.text for source in sources])
        return lay(sources, *more)

    def counting(asked: Any, laid: Sequence[Any], **more: Any) -> Any:
        ranked.append(len(laid))
        return rank(asked, laid, **more)

    monkeypatch.setattr(answerable, "lay", reading)
    monkeypatch.setattr(answerable, "rank", counting)
    with small_handbook(tmp_path, passages=2) as parts:
        for question, count in (
            ("How much leave do interns get?", 1),
            ("How much leave do interns get, and who approves taxis?", 2),
        ):
            read.clear()
            ranked.clear()
            events = ask(parts, question)
            (shown,) = (event for event in events if isinstance(event, Sources))
            assert read == [[passage.text for passage in shown.passages]]
            assert ranked == [2] * count


def test_a_turn_embeds_its_question_and_reads_each_chunk_once(tmp_path: Path) -> None:
    with small_handbook(tmp_path) as parts:
        counting = Counting(parts.embedder, parts.retriever.near._reader)
        near = LateInteraction(counting)
        turn = replace(
            parts.turn,
            retriever=replace(parts.retriever, embedder=counting, near=near),
            read=lambda *values: answerable.read_passages(*values, near=near, sure=0.0, unsure=0.0),
        )
        ask(replace(parts, turn=turn), "How much leave do interns get?")
        again = len(counting.read)
        ask(replace(parts, turn=turn), "How much leave do interns get?")
    assert counting.questions[0] == "How much leave do interns get?"
    assert counting.embedded == []
    assert len(counting.read) == len(set(counting.read)) == again > 1


class Counting:
    """An embedder that notes what it is asked for."""

    def __init__(self, embedder: Any, reader: Any) -> None:
        self._embedder = embedder
        self._reader = reader
        self.questions: list[str] = []
        self.embedded: list[str] = []
        self.read: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._embedder, name)

    def embed_query(self, text: str) -> Any:
        self.questions.append(text)
        return self._embedder.embed_query(text)

    def embed_documents(self, texts: Sequence[str], **more: Any) -> Any:
        self.embedded += texts
        return self._embedder.embed_documents(texts, **more)

    def token_states(self, texts: Sequence[str], *, query: bool = False) -> Any:
        self.read += texts
        return self._reader.token_states(texts, query=query)


def assert_explained_is_searched(store: Store, questions: Sequence[str]) -> None:
    embedder = HashedWords()
    counter = TokenCounter("words", len)
    retriever = Retriever(store, embedder, LateInteraction(embedder), counter, budget=10_000, most=100)
    for question in questions:
        asked = Question(question, OPERATOR, top_k=10)
        plain = retriever.trace(asked)
        assert plain.hits
        told = retriever.trace(asked, trail=True)
        assert (told.hits, told.passages) == (plain.hits, plain.passages), question
    store.close()


def sample_questions() -> list[str]:
    lines = (ROOT / "eval" / "sample" / "cases.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["question"] for line in lines]


def test_explaining_a_search_of_the_sample_returns_what_the_search_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.run.open_configured_embedder", lambda _: HashedWords())
    stored = StoreSettings(data_dir=tmp_path / "data", deduplicate=True)
    ingestion = Ingestion(IngestSettings(), stored)
    ingestion.carry_out(ingestion.plan(Request((ROOT / "ingest" / "sample" / "sources",))))
    questions = [*sample_questions(), "Who has to sign off a claim of 800 euros?", "My uncle passed away"]
    store = open_store(StoreSettings(data_dir=tmp_path / "data"), SPACE)
    assert_explained_is_searched(store, questions)


@pytest.mark.parametrize("count", [100, pytest.param(500, marks=pytest.mark.slow)])
def test_explaining_searches_of_squad_returns_what_the_searches_return(
    tmp_path: Path, shared_data: Path, count: int
) -> None:
    articles = json.loads((shared_data / "squad2" / "dev-v2.0.json").read_text(encoding="utf-8"))["data"]
    paragraphs = [
        (f"{article['title']}/{at}", paragraph)
        for article in articles
        for at, paragraph in enumerate(article["paragraphs"])
        if at % 4 == 0
    ]
    store = open_store(StoreSettings(data_dir=tmp_path / "data"), SPACE)
    with store.draft() as draft:
        for uri, paragraph in paragraphs:
            put(draft, one_chunk(uri, paragraph["context"]))
    asked = [row["question"] for _, paragraph in paragraphs for row in paragraph["qas"]]
    assert_explained_is_searched(store, asked[:: len(asked) // count][:count])
