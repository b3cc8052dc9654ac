"""Runs end exactly once, within limits, and stop what they started."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.events import Cancelled, Done, Event, Failed, Started, Status, Text
from app.problems import TooMany
from app.question import Question
from app.runs.run import Run
from app.runs.runs import RunLimits, Runs
from tests.app.edge import ANSWERED, ScriptedTurn
from vectorstore.errors import Busy, NotFound
from vectorstore.types import Scope

QUESTION = Question("How much leave?", Scope(), conversation="conv_1")
BEGUN = (*ANSWERED[:5], Text("Staff "))
FOREVER = 60.0


def together(test: Callable[[], Awaitable[None]]) -> None:
    """Run a test on its own loop and see that it leaves no task behind."""

    async def main() -> None:
        await asyncio.wait_for(test(), 10)
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        assert left == []

    asyncio.run(main())


async def read(run: Run, after: int = 0) -> list[Event]:
    return [event async for _, event in run.events(after)]


def test_every_reader_gets_every_event_in_order() -> None:
    async def test() -> None:
        runs = Runs(ScriptedTurn())
        run = runs.start(QUESTION, resumable=True)
        first, second = await asyncio.gather(read(run), read(run))
        assert first == second
        assert [event for event in first if isinstance(event, Text)] == [
            e for e in ANSWERED if isinstance(e, Text)
        ]
        assert isinstance(first[-1], Done)

    together(test)


def test_reading_again_from_any_event_loses_and_repeats_nothing() -> None:
    async def test() -> None:
        run = Runs(ScriptedTurn()).start(QUESTION, resumable=True)
        whole = await read(run)
        for cut in range(len(whole) + 1):
            assert await read(run, after=cut) == whole[cut:]
            numbered = [number async for number, _ in run.events(cut)]
            assert numbered == list(range(cut + 1, len(whole) + 1))

    together(test)


@pytest.mark.parametrize(
    ("script", "ending"),
    [
        ((*BEGUN, Done()), Done()),
        ((*BEGUN, Failed("model_timeout", "Too slow.")), Failed("model_timeout", "Too slow.")),
        ((*BEGUN, Done(), Text("more"), Failed("internal", "x")), Done()),
    ],
)
def test_the_turns_own_ending_ends_the_run(script: Sequence[Event], ending: Event) -> None:
    async def test() -> None:
        turn = ScriptedTurn(script)
        run = Runs(turn).start(QUESTION, resumable=True)
        events = await read(run)
        assert events[-1] == ending
        assert sum(isinstance(event, Done | Failed | Cancelled) for event in events) == 1
        assert turn.open == 0

    together(test)


def test_a_turn_that_breaks_ends_as_failed_with_the_run_and_without_the_question(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def test() -> None:
        run = Runs(ScriptedTurn((*BEGUN, ValueError(f"cannot read {QUESTION.text}")))).start(
            QUESTION, resumable=True
        )
        ending = (await read(run))[-1]
        assert isinstance(ending, Failed)
        assert ending.code == "internal"
        assert run.id in ending.message

    with caplog.at_level(logging.DEBUG):
        together(test)
    assert "ValueError" in caplog.text
    assert QUESTION.text not in caplog.text


def test_a_turn_that_just_stops_is_not_taken_for_a_finished_one() -> None:
    async def test() -> None:
        run = Runs(ScriptedTurn(BEGUN)).start(QUESTION, resumable=True)
        assert isinstance((await read(run))[-1], Failed)

    together(test)


def test_an_error_of_the_family_reaches_the_reader_in_its_own_words() -> None:
    async def test() -> None:
        run = Runs(ScriptedTurn((NotFound("There is no generation 41."),))).start(QUESTION, resumable=True)
        assert (await read(run))[-1] == Failed("not_found", "There is no generation 41.", retryable=False)

    together(test)


def test_cancelling_closes_the_turn_and_names_the_reason() -> None:
    async def test() -> None:
        turn = ScriptedTurn((*BEGUN, FOREVER))
        runs = Runs(turn)
        run = runs.start(QUESTION, resumable=True)
        async with aclosing(run.events()) as events:
            async for _, event in events:
                if isinstance(event, Text):
                    runs.cancel(run.id, "user")
        await runs.stopped(run)
        assert run.ending == Cancelled("user")
        assert turn.open == 0
        assert runs.active == 0
        runs.cancel(run.id, "shutdown")
        assert run.ending == Cancelled("user")

    together(test)


def test_cancelling_before_the_first_step_still_ends_the_run() -> None:
    async def test() -> None:
        runs = Runs(ScriptedTurn((FOREVER,)))
        run = runs.start(QUESTION, resumable=True)
        runs.cancel(run.id, "user")
        assert await read(run) == [Cancelled("user")]

    together(test)


def test_a_turn_that_reports_its_own_cancelling_ends_with_the_callers_reason() -> None:
    async def stubborn(question: Question, run: str) -> AsyncGenerator[Event, None]:
        yield Text("Staff ")
        try:
            await asyncio.sleep(FOREVER)
        except asyncio.CancelledError:
            yield Cancelled("shutdown")

    async def test() -> None:
        runs = Runs(stubborn)
        run = runs.start(QUESTION, resumable=True)
        async for _, event in run.events():
            if isinstance(event, Text):
                runs.cancel(run.id, "user")
        assert run.ending == Cancelled("user")

    together(test)


def test_the_last_reader_to_leave_stops_a_run_that_cannot_be_resumed() -> None:
    async def test() -> None:
        turn = ScriptedTurn((*BEGUN, FOREVER))
        runs = Runs(turn)
        run = runs.start(QUESTION, resumable=False)
        with runs.reading(run), runs.reading(run):
            await anext(run.events())
        assert run.stop_reason == "disconnect"
        await runs.stopped(run)
        assert run.ending == Cancelled("disconnect")
        assert turn.open == 0

    together(test)


def test_a_resumable_run_survives_its_grace_and_no_longer() -> None:
    async def test() -> None:
        runs = Runs(ScriptedTurn((*BEGUN, FOREVER)), limits=RunLimits(grace_seconds=1.5))
        run = runs.start(QUESTION, resumable=True)
        with runs.reading(run):
            await anext(run.events())
        await asyncio.sleep(0.05)
        with runs.reading(run):
            await asyncio.sleep(2.0)
            assert not run.ended
        assert (await read(run))[-1] == Cancelled("disconnect")

    together(test)


def test_a_run_that_nobody_ever_reads_is_stopped_unless_it_is_in_the_background() -> None:
    async def test() -> None:
        limits = RunLimits(grace_seconds=0.05)
        runs = Runs(ScriptedTurn((*BEGUN, 0.2, Done())), limits=limits)
        unread = runs.start(QUESTION, resumable=False)
        background = runs.start(QUESTION, resumable=False, background=True)
        await asyncio.gather(runs.stopped(unread), runs.stopped(background))
        assert unread.ending == Cancelled("disconnect")
        assert background.ending == Done()

    together(test)


def test_more_runs_than_slots_and_queue_are_refused_and_the_queue_moves_on() -> None:
    async def test() -> None:
        turn = ScriptedTurn((*BEGUN, 0.05, Done()))
        runs = Runs(turn, limits=RunLimits(concurrent=2, queued=1))
        started = [runs.start(QUESTION, resumable=True) for _ in range(3)]
        with pytest.raises(Busy):
            runs.start(QUESTION, resumable=True)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert turn.open == 2
        await asyncio.gather(*(read(run) for run in started))
        assert all(run.ending == Done() for run in started)
        await asyncio.gather(*(runs.stopped(run) for run in started))
        again = runs.start(QUESTION, resumable=True)
        assert (await read(again))[-1] == Done()
        await runs.stopped(again)

    together(test)


def test_one_owner_does_not_take_every_place() -> None:
    async def test() -> None:
        runs = Runs(ScriptedTurn((*BEGUN, 0.05, Done())), limits=RunLimits(concurrent=3, of_one_owner=2))
        started = [runs.start(QUESTION, resumable=True, owner="anna") for _ in range(2)]
        with pytest.raises(TooMany):
            runs.start(QUESTION, resumable=True, owner="anna")
        started.append(runs.start(QUESTION, resumable=True, owner="bob"))
        await asyncio.gather(*(read(run) for run in started))
        await asyncio.gather(*(runs.stopped(run) for run in started))
        again = runs.start(QUESTION, resumable=True, owner="anna")
        assert (await read(again))[-1] == Done()
        await runs.stopped(again)

    together(test)


def test_waiting_too_long_in_the_queue_is_said_and_frees_the_place() -> None:
    async def test() -> None:
        turn = ScriptedTurn((*BEGUN, 0.2, Done()))
        runs = Runs(turn, limits=RunLimits(concurrent=1, queued=1, queue_seconds=0.05))
        first, second = runs.start(QUESTION, resumable=True), runs.start(QUESTION, resumable=True)
        await asyncio.gather(read(first), read(second))
        assert first.ending == Done()
        assert isinstance(second.ending, Failed)
        assert len(turn.asked) == 1

    together(test)


def test_an_endless_answer_is_cut_and_says_so() -> None:
    async def test() -> None:
        turn = ScriptedTurn([Text("x" * 100)] * 50)
        run = Runs(turn, limits=RunLimits(answer_size=1_000)).start(QUESTION, resumable=True)
        assert isinstance((await read(run))[-1], Failed)
        assert run.answer_size <= 1_100
        assert turn.open == 0

    together(test)


def test_old_runs_are_forgotten_and_the_newest_kept() -> None:
    async def test() -> None:
        runs = Runs(ScriptedTurn(), limits=RunLimits(kept=3))
        started = []
        for _ in range(6):
            run = runs.start(QUESTION, resumable=True)
            await read(run)
            await runs.stopped(run)
            started.append(run)
        with pytest.raises(NotFound):
            runs.get(started[0].id)
        assert runs.get(started[-1].id) is started[-1]
        assert runs.latest("conv_1", owner="") is started[-1]

    together(test)


def test_runs_past_their_time_are_gone() -> None:
    async def test() -> None:
        runs = Runs(ScriptedTurn(), limits=RunLimits(kept_seconds=0))
        run = runs.start(QUESTION, resumable=True)
        await read(run)
        with pytest.raises(NotFound):
            runs.get(run.id)
        await runs.stopped(run)

    together(test)


def test_another_owners_run_looks_like_one_that_is_not_there() -> None:
    async def test() -> None:
        runs = Runs(ScriptedTurn())
        run = runs.start(QUESTION, resumable=True, owner="anna")
        await read(run)
        assert runs.get(run.id, owner="anna") is run
        with pytest.raises(NotFound) as other:
            runs.get(run.id, owner="bert")
        with pytest.raises(NotFound) as absent:
            runs.get("run_" + "0" * 24, owner="bert")
        assert str(other.value).replace(run.id, "") == str(absent.value).replace("run_" + "0" * 24, "")
        assert runs.latest("conv_1", owner="bert") is None
        await runs.stopped(run)

    together(test)


def test_draining_lets_short_runs_end_stops_long_ones_and_takes_no_new_ones() -> None:
    async def test() -> None:
        runs = Runs(lambda question, run: scripts[question.text](question, run))
        scripts = {"short": ScriptedTurn((*BEGUN, 0.05, Done())), "long": ScriptedTurn((*BEGUN, FOREVER))}
        short = runs.start(replace(QUESTION, text="short"), resumable=True)
        long = runs.start(replace(QUESTION, text="long"), resumable=True)
        await runs.drain(0.2)
        assert short.ending == Done()
        assert long.ending == Cancelled("shutdown")
        with pytest.raises(Busy):
            runs.start(QUESTION, resumable=True)

    together(test)


def test_every_run_is_recorded_once_and_a_broken_record_harms_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def test() -> None:
        seen: list[tuple[str, Event]] = []

        async def on_end(run: Run, events: Sequence[Event]) -> None:
            seen.append((run.id, events[-1]))
            raise OSError("disk full")

        runs = Runs(ScriptedTurn((*BEGUN, FOREVER)), on_end=on_end)
        done = runs.start(QUESTION, resumable=True)
        await anext(done.events())
        runs.cancel(done.id)
        await runs.stopped(done)
        assert seen == [(done.id, Cancelled("user"))]

    together(test)
    assert "Recording" in caplog.text


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(
        st.sampled_from(
            [Text("a"), Status("writing"), Done(), Failed("internal", "x"), ValueError("boom"), 0.0]
        ),
        max_size=8,
    ),
    cancel_after=st.none() | st.integers(0, 8),
)
def test_whatever_a_turn_does_exactly_one_terminal_event_comes_last(
    steps: list[Event | float | Exception], cancel_after: int | None
) -> None:
    async def test() -> None:
        turn = ScriptedTurn((Started("", "", "m", 0.0, ""), *steps))
        runs = Runs(turn)
        run = runs.start(QUESTION, resumable=True)
        count = 0
        async for _ in run.events():
            if count == cancel_after:
                runs.cancel(run.id)
            count += 1
        await runs.stopped(run)
        terminal = [isinstance(event, Done | Failed | Cancelled) for event in run.recorded]
        assert terminal == [False] * (len(terminal) - 1) + [True]
        assert turn.open == 0

    together(test)
