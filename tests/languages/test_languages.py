"""Questions in one language over documents in another, with the default and no setting; `-s` shows the answers."""

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from app.build import Parts, build
from app.events import Sources, Text
from app.question import Question
from app.settings import AnswerSettings, Settings
from ingest.run import Ingestion, Request
from ingest.sample import HANDBOOK
from ingest.settings import IngestSettings
from vectorstore.settings import DEFAULT_EMBEDDER, StoreSettings
from vectorstore.types import Scope

HERE = Path(__file__).parent
Asking = Callable[[str], tuple[str, list[str]]]
"""Asks a question: what is said, and the uris of the passages that it is said from."""


def lines(name: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in (HERE / name).read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def over(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Asking]:
    def opened(documents: Path) -> Asking:
        stored = StoreSettings(data_dir=tmp_path_factory.mktemp("data"), embedder=DEFAULT_EMBEDDER)
        ingestion = Ingestion(IngestSettings(), stored)
        ingestion.carry_out(ingestion.plan(Request((documents,))))
        parts = build(Settings(store=stored))
        return lambda question: asked(parts, question)

    return opened


def asked(parts: Parts, text: str) -> tuple[str, list[str]]:
    async def ask() -> tuple[str, list[str]]:
        said, found = "", []
        async for event in parts.turn.answer(Question(text, Scope(), top_k=AnswerSettings().top_k), "run_1"):
            if isinstance(event, Text):
                said += event.delta
            if isinstance(event, Sources):
                found = [passage.document.uri for passage in event.passages]
        return said, found

    return asyncio.run(ask())


def told(question: str, said: str, right: bool) -> bool:
    print(f"\n{'+' if right else '-'} {question}\n  {said}")
    return right


def right(ask: Asking, over: str) -> int:
    """Count the questions over these documents that are answered with what must be said."""
    return sum(
        told(row["question"], said, bool(re.search(row["must"], said)))
        for row in lines("questions.jsonl")
        if row["over"] == over
        for said in ask(row["question"])[:1]
    )


def test_questions_find_their_answer_in_a_german_handbook(over: Callable[[Path], Asking]) -> None:
    assert right(over(HERE / "handbuch"), "handbuch") >= 13


@pytest.mark.slow
def test_twenty_five_of_thirty_questions_are_answered_across_languages(
    over: Callable[[Path], Asking],
) -> None:
    assert right(over(HANDBOOK), "sample") + right(over(HERE / "handbuch"), "handbuch") >= 25


@pytest.mark.parametrize("way", ["same", pytest.param("other", marks=pytest.mark.slow)])
def test_one_line_documents_in_six_languages_are_found_and_answered(
    way: str, over: Callable[[Path], Asking], tmp_path: Path
) -> None:
    rows = lines("lines.jsonl")
    for at, row in enumerate(rows):
        (tmp_path / f"{at:02}.md").write_text(f"{row['text']}\n", encoding="utf-8")
    ask = over(tmp_path)
    answered = 0
    for at, row in enumerate(rows):
        said, found = ask(row[way])
        first = found[:1] == [f"{tmp_path.name}/{at:02}.md"]
        answered += told(row[way], said, first and bool(re.search(row["must"], said)))
    assert answered >= 27
