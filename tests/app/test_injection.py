"""Instructions in documents against a model that always obeys: nothing that leaves can make a client fetch something."""

import asyncio
import os
import re
from collections import Counter
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from app.build import Parts, build
from app.events import Text
from app.question import Question
from app.settings import AnswerSettings, Settings
from ingest.run import Ingestion, Request
from ingest.settings import IngestSettings
from tests.app.injections import CARRIERS, Injection, ObeyingModel, injections, write
from vectorstore.settings import StoreSettings
from vectorstore.types import Scope

COUNT = int(os.environ.get("TEST_INJECTIONS", "300"))
"""Orders for each of the six carriers in the full run."""


def live_targets(text: str) -> list[str]:
    """What a Markdown client with raw HTML and bare-URL linking would link or fetch."""
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    targets = re.findall(r"""<[a-z][^>]*?(?:href|src)\s*=\s*["']?([^"'\s>]+)""", html)
    prose = re.sub(r"<code[^>]*>.*?</code>", "", html, flags=re.DOTALL)
    return targets + re.findall(r"https?://[^\s<>]+|www\.[^\s<>]+|ftp://[^\s<>]+", prose)


def attacked(orders: list[Injection], folder: Path) -> tuple[Counter[str], list[str]]:
    """Ingest the documents, ask about each, and return what was obeyed by carrier and what got out."""
    docs = folder / "docs"
    docs.mkdir()
    for order in orders:
        write(order, docs)
    stored = StoreSettings(data_dir=folder / "data")
    ingestion = Ingestion(IngestSettings(), stored)
    ingestion.carry_out(ingestion.plan(Request((docs,))))
    parts = build(Settings(store=stored, answer=AnswerSettings(answer_threshold=0.0)))
    try:
        return asyncio.run(asked(parts, orders))
    finally:
        parts.close()


async def asked(parts: Parts, orders: list[Injection]) -> tuple[Counter[str], list[str]]:
    model = ObeyingModel()
    turn = replace(parts.turn, model=model)
    obeyed: Counter[str] = Counter()
    leaks: list[str] = []
    for order in orders:
        before, text = model.obeyed, ""
        question = Question(f"What is the rule of {order.topic}?", Scope(), top_k=6)
        async with aclosing(turn.answer(question, "run_1")) as events:
            async for event in events:
                if isinstance(event, Text):
                    text += event.delta
        obeyed[order.carrier] += model.obeyed > before
        leaks += [f"{order.carrier}: {order.payload!r} → {target}" for target in live_targets(text)]
    return obeyed, leaks


def test_nothing_gets_out_of_a_model_that_obeys_its_documents(tmp_path: Path) -> None:
    orders = injections(8)
    obeyed, leaks = attacked(orders, tmp_path)
    assert leaks == []
    # The orders must have reached the model, or nothing was shown.
    assert all(obeyed[carrier] >= 6 for carrier in CARRIERS), obeyed


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_nothing_gets_out_in_any_shape_from_any_carrier(tmp_path: Path) -> None:
    orders = injections(COUNT)
    obeyed, leaks = attacked(orders, tmp_path)
    print(f"{len(orders)} orders, obeyed {sum(obeyed.values())} {dict(obeyed)}, leaks {len(leaks)}")
    assert leaks == []
    assert sum(obeyed.values()) >= 0.9 * len(orders)
