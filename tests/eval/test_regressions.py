"""Break the product on purpose: the gate fails, and the first screen of the report says what was broken."""

import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from app.answer.answerer import Piece
from app.build import Parts, build
from app.events import Passage
from app.question import Message
from app.reader.extractive import ExtractiveAnswerer
from app.settings import AnswerSettings, ModelSettings, Settings
from eval.cases import Case, load_cases
from eval.commands.configuration import Configuration, in_process
from eval.gate.baseline import baseline_of
from eval.gate.compare import Tolerance, compare
from eval.gate.conclusion import Exit, conclude
from eval.reports.report import markdown
from eval.run import Evaluation, evaluate
from ingest.run import Ingestion
from ingest.run import Request as IngestRequest
from ingest.sample.make import HANDBOOK
from ingest.settings import IngestSettings
from prompts.loader import prompts_from
from tests.fakes.scripted_model import serving
from vectorstore.models.embed import Embedder
from vectorstore.settings import StoreSettings
from vectorstore.types import Vector, Vectors

SAMPLE = Path(__file__).parents[2] / "eval/sample/cases.jsonl"
TOP_K = AnswerSettings().top_k
FIRST_SCREEN = 12
"""Lines of the report's Markdown."""


@dataclass(frozen=True)
class Workshop:
    """The handbook's personnel documents, ingested once, and how the unbroken product answers."""

    folder: Path
    cases: list[Case]
    before: Evaluation

    def parts(self, **answers: object) -> Parts:
        return build(
            Settings(
                store=StoreSettings(data_dir=self.folder),
                answer=AnswerSettings(**answers),
                model=ModelSettings(**answers),
            )
        )

    def ask(
        self, parts: Parts, *, top_k: int = TOP_K, cases: Sequence[Case] = (), **values: str
    ) -> Evaluation:
        given: dict[str, Any] = {"top_k": top_k, **values}
        held = Settings(
            store=StoreSettings(data_dir=self.folder, **given),
            answer=AnswerSettings(**given),
            model=ModelSettings(**given),
        )
        target = in_process(parts, Configuration("", values), held)
        return evaluate(cases or self.cases, target, embedder=parts.embedder)

    def first_screen(self, after: Evaluation, before: Evaluation | None = None) -> str:
        """Judge, expect a failure, and return what stands at the top of the report."""
        before = before or self.before
        baseline = baseline_of(before.rows, before.fingerprint, before.scorers)
        tolerance = Tolerance()
        comparison = compare(
            after.rows, baseline, fingerprint=after.fingerprint, scorers=after.scorers, tolerance=tolerance
        )
        conclusion = conclude(after, thresholds=(), tolerance=tolerance, comparison=comparison)
        assert conclusion.exit is Exit.FAILED
        return "\n".join(markdown(after, conclusion).splitlines()[:FIRST_SCREEN]).replace("\\", "")


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    folder = tmp_path_factory.mktemp("handbook")
    ingestion = Ingestion(IngestSettings(), StoreSettings(data_dir=folder))
    ingestion.carry_out(ingestion.plan(IngestRequest((HANDBOOK / "hr",))))
    workshop = Workshop(folder, _cases(), None)  # type: ignore[arg-type]
    parts = workshop.parts()
    yield replace(workshop, before=workshop.ask(parts))
    parts.close()


def _cases() -> list[Case]:
    """Take a question on every other personnel document, since documents are what is resampled, and unanswerable ones."""
    cases = load_cases(SAMPLE)
    by_document: dict[str, list[Case]] = {}
    for case in cases:
        if case.answerable and not case.history and all(e.doc.startswith("hr/") for e in case.evidence):
            by_document.setdefault(case.group, []).append(case)
    chosen = [case for group in list(by_document.values())[::2] for case in group[:1]]
    return chosen + [case for case in cases if not case.answerable][:6]


@pytest.fixture
def opened(workshop: Workshop) -> Iterator[Callable[..., Parts]]:
    with ExitStack() as stack:

        def open_parts(**answers: object) -> Parts:
            parts = workshop.parts(**answers)
            stack.callback(parts.close)
            return parts

        yield open_parts


def test_nothing_changed_and_nothing_is_said(workshop: Workshop, opened: Callable[..., Parts]) -> None:
    some = workshop.cases[::3]
    after = workshop.ask(opened(), cases=some)
    before = [row for row in workshop.before.rows if row.id in {case.id for case in some}]
    baseline = baseline_of(before, workshop.before.fingerprint, workshop.before.scorers)
    tolerance = Tolerance()
    found = compare(
        after.rows, baseline, fingerprint=after.fingerprint, scorers=after.scorers, tolerance=tolerance
    )
    conclusion = conclude(after, thresholds=(), tolerance=tolerance, comparison=found)
    assert conclusion.exit is Exit.PASSED
    assert conclusion.causes == ()
    assert {change.found.moved for change in found.changes} == {0}


def test_one_chunk_in_place_of_twenty_is_named(workshop: Workshop, opened: Callable[..., Parts]) -> None:
    told = workshop.first_screen(workshop.ask(opened(), top_k=1))
    assert f"top_k: {TOP_K} → 1" in told
    assert "Retrieval finds less" in told


def test_refusals_switched_off_are_named(workshop: Workshop, opened: Callable[..., Parts]) -> None:
    after = workshop.ask(opened(answer_threshold=0), answer_threshold="0")
    told = workshop.first_screen(after)
    assert "answer_threshold: None → 0" in told
    assert "Refusals are gone" in told


def test_an_embedder_that_knows_nothing_is_named(workshop: Workshop, opened: Callable[..., Parts]) -> None:
    parts = opened()
    noise = Noise(parts.embedder)
    turn = replace(parts.turn, retriever=replace(parts.retriever, embedder=noise))
    after = workshop.ask(replace(parts, embedder=noise, turn=turn))
    told = workshop.first_screen(after)
    assert "embedder: all-MiniLM-L6-v2" in told
    assert "→ noise" in told
    assert "Retrieval finds less" in told


def test_shuffled_citations_are_named(
    workshop: Workshop, opened: Callable[..., Parts], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.turn.turn.ExtractiveAnswerer", Shuffled)
    told = workshop.first_screen(workshop.ask(opened()))
    assert "Citations are shuffled or missing" in told


def test_a_document_that_is_gone_is_named(workshop: Workshop, opened: Callable[..., Parts]) -> None:
    parts = opened()
    before = parts.store.generations()[-1].number
    with parts.store.draft() as draft:
        assert draft.remove(tenant="default", uri="hr/annual-leave.md")
    try:
        told = workshop.first_screen(workshop.ask(parts))
        some = workshop.cases[:4]
        then = workshop.ask(parts, cases=some, at=str(before))
        scores = {row.id: row.scores["recall@5"] for row in workshop.before.rows}
        assert [row.scores["recall@5"] for row in then.rows] == [scores[case.id] for case in some]
    finally:
        parts.store.rollback(before)
    assert "The document hr/annual-leave.md is not in the index" in told
    assert "leave-01" in told


def test_a_broken_prompt_is_named(workshop: Workshop, tmp_path: Path, opened: Callable[..., Parts]) -> None:
    (tmp_path / "answer.md").write_text("---\nversion: 2\n---\nBe friendly. ${delimiter}\n")
    cases = [case for case in workshop.cases if case.answerable]
    with serving(Starlette(routes=[Route("/v1/chat/completions", obedient, methods=["POST"])])) as address:
        # Else quotes would take the place of what the sources do not support, and nothing would be broken.
        model = {"llm_base_url": f"{address}/v1", "llm_model": "obedient", "unsupported": "mark"}
        before = workshop.ask(opened(**model), cases=cases)
        with prompts_from(tmp_path):
            after = workshop.ask(opened(**model), cases=cases)
    told = workshop.first_screen(after, before)
    assert "the prompt prompts/answer.md has changed" in told
    assert "have no marker that supports them" in told or "do not hold" in told


@dataclass(frozen=True)
class Noise:
    """An embedder whose vectors mean nothing."""

    real: Embedder
    name: str = "noise"
    fingerprint: str = "noise"
    max_tokens: int = 256

    @property
    def dimension(self) -> int:
        return self.real.dimension

    def count_tokens(self, text: str) -> int:
        return self.real.count_tokens(text)

    def token_offsets(self, text: str) -> list[tuple[int, int]]:
        return self.real.token_offsets(text)

    def embed_query(self, text: str) -> Vector:
        return self.embed_documents([text])[0]

    def embed_documents(
        self, texts: Sequence[str], *, on_batch: Callable[[int], None] | None = None
    ) -> Vectors:
        rows = [np.random.default_rng(list(text.encode())).normal(size=self.dimension) for text in texts]
        found = np.array(rows, np.float32)
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    def token_states(
        self, texts: Sequence[str], *, query: bool = False
    ) -> list[tuple[list[tuple[int, int]], Vectors]]:
        del query
        found = []
        for text in texts:
            offsets = self.token_offsets(text)
            found.append((offsets, self.embed_documents([text[start:end] for start, end in offsets])))
        return found


class Shuffled(ExtractiveAnswerer):
    """Its markers name the next passage in place of the right one."""

    async def write(
        self, question: str, *, passages: Sequence[Passage], history: Sequence[Message]
    ) -> AsyncGenerator[Piece, None]:
        async for piece in super().write(question, passages=passages, history=history):
            yield (
                piece
                if not isinstance(piece, str)
                else re.sub(r"\[(\d+)\]", lambda marker: f"[{int(marker[1]) % len(passages) + 1}]", piece)
            )


async def obedient(request: Request) -> StreamingResponse:
    """A model that does what its system message says: told to cite, it quotes a passage; told nothing, it chats."""
    messages = (await request.json())["messages"]
    text = "Thanks for asking! Most companies handle it generously, so ask your manager about the usual tolerance."
    if "cite the passage" in messages[0]["content"]:
        passage = re.search(
            r"\[1\] [^\n]*\n(?:[^\n]* > [^\n]*\n)?(.+?)(?:\n\n\[2\]|\Z)", messages[-1]["content"], re.S
        )
        sentences = re.findall(r"[A-Z][^.\n|#]{30,200}\.", passage[1] if passage else "")
        text = " ".join(f"{sentence} [1]" for sentence in sentences[:2]) or "NOT_IN_DOCUMENTS"
    return StreamingResponse(_streamed(text), media_type="text/event-stream")


async def _streamed(text: str) -> AsyncIterator[bytes]:
    for delta, reason in ((text, None), ("", "stop")):
        body = {"choices": [{"index": 0, "delta": {"content": delta}, "finish_reason": reason}]}
        yield b"data: " + json.dumps(body).encode() + b"\n\n"
    yield b"data: [DONE]\n\n"
