"""Whatever the model's server does, a run ends once, in bounded time, and leaves nothing open.

All 1,000 faults: `python -m pytest -m slow -s tests/app/test_upstream_faults.py`.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import replace

import pytest

from app.answer.openai_compatible import OpenAICompatibleAnswerer
from app.build import Parts
from app.events import Cancelled, Done, Event, Failed, Text
from app.language.phrases import say
from app.question import Part, Question
from app.reader.answerable import Answerability, PartRead, PassagesRead, Thresholds
from app.reader.asked import ask
from app.runs.runs import MemoryBoard, Runs
from app.settings import ModelSettings, RunSettings
from tests.fakes.faulty_model import EITHER, FAULTS, FINE, FaultyModel, faulty_model
from tests.fakes.handbook import small_handbook
from vectorstore.types import Scope

LIMITS = ModelSettings(
    llm_connect_seconds=10,
    llm_first_token_seconds=30,
    llm_idle_seconds=30,
    llm_total_seconds=60,
    llm_retries=0,
)
HURRIED = ModelSettings(
    llm_connect_seconds=2,
    llm_first_token_seconds=2.0,
    llm_idle_seconds=1.5,
    llm_total_seconds=3.0,
    llm_retries=0,
)
"""For servers that are waited for in vain; a busy machine may make others as slow."""
IN_VAIN = frozenset(
    {"hangs before the headers", "hangs after the headers", "stalls in the middle", "never ends"}
)
REFUSES = "refuses the connection"
DECIDED = Answerability("answered", 1.0, Thresholds(0.4, 0.2))
ANSWERABLE = PassagesRead((PartRead(Part(""), ask(Part("")), (), DECIDED),))
NOWHERE = "http://127.0.0.1:9/v1"
QUESTION = Question("How many days of annual leave do full-time staff get?", Scope(), top_k=6)
NOTED = {
    "stops at the length": f"\n\n{say('length')}",
    "filters": f"\n\n{say('content_filter')}",
}
TERMINAL = (Done, Failed, Cancelled)


@pytest.fixture(scope="module")
def handbook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    with small_handbook(tmp_path_factory.mktemp("faults")) as parts:
        yield parts


def limits_of(kind: str) -> ModelSettings:
    return HURRIED if kind in IN_VAIN else LIMITS


class Asking:
    """Asks one question of many kinds of server, through real turns in real runs."""

    def __init__(self, parts: Parts, model: FaultyModel) -> None:
        self._answerers = {
            kind: OpenAICompatibleAnswerer(
                limits_of(kind).model_copy(
                    update={"llm_base_url": NOWHERE if kind == REFUSES else model.url, "llm_model": kind}
                )
            )
            for kind in (*FINE, *EITHER, *FAULTS, REFUSES)
        }
        self._turn = replace(parts.turn, read=lambda *_: ANSWERABLE)
        settings = RunSettings(max_concurrent_runs=16, max_queued_runs=2_000, queue_seconds=300)
        self.runs = Runs(self._answer, MemoryBoard(settings), settings)

    async def _answer(self, question: Question, run: str) -> AsyncGenerator[Event, None]:
        turn = replace(self._turn, model=self._answerers[question.conversation])
        async with aclosing(turn.answer(question, run)) as events:
            async for event in events:
                yield event

    async def ask(self, kind: str) -> tuple[list[Event], float]:
        """Return a run's events, and the seconds from the first of them to the last."""
        run = await self.runs.begin(replace(QUESTION, conversation=kind), resumable=True)
        events: list[Event] = []
        began = time.monotonic()
        with self.runs.reading(run):
            async for batch in run.batches():
                began = began if events else time.monotonic()
                events.extend(batch)
        await self.runs.stop(run)
        return events, time.monotonic() - began

    async def close(self) -> None:
        for answerer in self._answerers.values():
            await answerer.close()


def outcomes(parts: Parts, kinds: list[str]) -> Counter[str]:
    """Ask every kind, see that each run keeps the promise, and count how they ended."""

    async def main(model: FaultyModel) -> Counter[str]:
        asking = Asking(parts, model)
        ended: Counter[str] = Counter()
        slowest, broken = 0.0, []
        try:
            await asking.ask("answers")  # what is loaded only once is loaded
            for kind, (events, took) in zip(
                kinds, await asyncio.gather(*map(asking.ask, kinds)), strict=True
            ):
                ending = events[-1]
                assert [isinstance(event, TERMINAL) for event in events].count(True) == 1, kind
                text = "".join(event.delta for event in events if isinstance(event, Text))
                if kind in FINE:
                    kept = (
                        isinstance(ending, Done)
                        and text == f"Staff get 25 days of leave [1].{NOTED.get(kind, '')}"
                    )
                elif kind in EITHER:
                    kept = not isinstance(ending, Failed) or ending.code != "internal"
                else:
                    kept = isinstance(ending, Failed) and ending.code != "internal"
                if not kept:
                    broken.append((kind, ending, text))
                ended[type(ending).__name__] += 1
                slowest = max(slowest, took)
                assert took < limits_of(kind).llm_total_seconds + 5, kind  # the machine may be busy
            assert broken == []
            assert asking.runs.active == 0
        finally:
            await asking.close()
        deadline = time.monotonic() + 10
        while model.open and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
        assert model.open == 0
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        assert left == []
        print(f"{len(kinds)} runs: {dict(ended)}, the slowest {slowest:.1f} s")
        return ended

    with faulty_model() as model:
        return asyncio.run(main(model))


def test_every_kind_of_fault_ends_a_run_once_and_every_sound_answer_is_whole(handbook: Parts) -> None:
    ended = outcomes(handbook, [*FINE, *EITHER, *FAULTS, REFUSES])
    assert ended["Done"] >= len(FINE)
    assert ended["Failed"] >= len(FAULTS) + 1


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_thousand_faults_each_end_a_run_once(handbook: Parts) -> None:
    kinds = [*FAULTS, REFUSES]
    ended = outcomes(handbook, [kinds[place % len(kinds)] for place in range(1_000)])
    assert ended == {"Failed": 1_000}
