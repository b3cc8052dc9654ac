"""Runs end exactly once, within limits, and stop what they started, on whatever board they stand.

`here` executes them, `there` is any process at the same board: numbers, replay, stopping and erasing hold through both.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.events import Cancelled, Done, Event, Failed, Started, Status, Text
from app.problems import TooMany
from app.question import Question
from app.runs.run import Run, report
from app.runs.runs import Runs
from app.settings import RunSettings
from tests.app.boards import Boards, begun, boards, read
from tests.app.edge import ANSWERED, ScriptedTurn
from vectorstore.errors import Busy, NotFound, Unavailable
from vectorstore.types import Scope

__all__ = ["boards"]
QUESTION = Question("How much leave?", Scope(), conversation="conv_1", top_k=6)
BEGUN = (*ANSWERED[:5], Text("Staff "))
FOREVER = 60.0
PAUSED = ScriptedTurn([step for event in ANSWERED for step in (event, 0.01)])


async def gone(runs: Runs, run: Run, *, owner: str = "") -> None:
    """Wait until a run is not found any more: what one process drops, others may find for a moment."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            await runs.find(run.id, owner=owner)
        except NotFound:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"{run.id} is still found")


def test_every_reader_gets_every_event_in_order(boards: Boards) -> None:
    async def test() -> None:
        here, there = await boards.open(PAUSED)
        run = await here.begin(QUESTION, resumable=True, owner="anna")
        copy = await there.find(run.id, owner="anna")
        first, second, third = await asyncio.gather(read(here, run), read(here, run), read(there, copy))
        assert first == second == third
        assert [event for event in first if isinstance(event, Text)] == [
            e for e in ANSWERED if isinstance(e, Text)
        ]
        assert isinstance(first[-1], Done)

    asked = len(PAUSED.asked)
    boards.together(test)
    assert len(PAUSED.asked) == asked + 1


def test_reading_again_from_any_event_loses_and_repeats_nothing(boards: Boards) -> None:
    async def test() -> None:
        here, there = await boards.open(PAUSED)
        run = await here.begin(QUESTION, resumable=True)
        whole = await read(here, run)
        for runs, found in ((here, run), (there, await there.find(run.id, owner=""))):
            assert (found.id, found.created, found.question) == (run.id, run.created, QUESTION)
            for cut in range(len(whole) + 1):
                assert await read(runs, found, cut) == whole[cut:]

    boards.together(test)


def test_a_reader_that_comes_in_the_middle_gets_the_rest_as_it_is_written(boards: Boards) -> None:
    async def test() -> None:
        here, there = await boards.open(PAUSED)
        run = await here.begin(QUESTION, resumable=True)
        for seen in (1, 3, 5):
            await begun(run, seen)
            rest = await read(there, await there.find(run.id, owner=""), seen)
            assert [*run.recorded[:seen], *rest] == run.recorded
        assert run.ending == Done()

    boards.together(test)


@pytest.mark.parametrize(
    ("script", "ending"),
    [
        ((*BEGUN, Done()), Done()),
        ((*BEGUN, Failed("model_timeout", "Too slow.")), Failed("model_timeout", "Too slow.")),
        ((*BEGUN, Done(), Text("more"), Failed("internal", "x")), Done()),
    ],
)
def test_the_turns_own_ending_ends_the_run(boards: Boards, script: Sequence[Event], ending: Event) -> None:
    async def test() -> None:
        turn = ScriptedTurn(script)
        here, _ = await boards.open(turn)
        events = await read(here, await here.begin(QUESTION, resumable=True))
        assert events[-1] == ending
        assert sum(isinstance(event, Done | Failed | Cancelled) for event in events) == 1
        assert turn.open == 0

    boards.together(test)


def test_a_turn_that_breaks_ends_as_failed_with_the_run_and_without_the_question(
    boards: Boards, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        here, _ = await boards.open(ScriptedTurn((*BEGUN, ValueError(f"cannot read {QUESTION.text}"))))
        run = await here.begin(QUESTION, resumable=True)
        ending = (await read(here, run))[-1]
        assert isinstance(ending, Failed)
        assert ending.code == "internal"
        assert run.id in ending.message

    with caplog.at_level(logging.DEBUG):
        boards.together(test)
    assert "ValueError" in caplog.text
    assert QUESTION.text not in caplog.text


def test_what_is_away_is_told_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    for error in (
        Unavailable("The database is away; who asked what stays unsaid."),
        ValueError("a question"),
    ):
        try:
            raise error
        except (Unavailable, ValueError) as raised:
            report("Recording run run_1 failed", raised)
    away, broken = (record.getMessage() for record in caplog.records)
    assert away == "Recording run run_1 failed: what it needs is away or busy (Unavailable)."
    assert "test_runs.py" in broken
    assert "question" not in broken


def test_a_turn_that_just_stops_is_not_taken_for_a_finished_one(boards: Boards) -> None:
    async def test() -> None:
        here, _ = await boards.open(ScriptedTurn(BEGUN))
        run = await here.begin(QUESTION, resumable=True)
        assert isinstance((await read(here, run))[-1], Failed)

    boards.together(test)


def test_an_error_of_the_family_reaches_the_reader_in_its_own_words(boards: Boards) -> None:
    async def test() -> None:
        here, _ = await boards.open(ScriptedTurn((NotFound("There is no generation 41."),)))
        run = await here.begin(QUESTION, resumable=True)
        ending = (await read(here, run))[-1]
        assert ending == Failed("not_found", "There is no generation 41.", retryable=False)

    boards.together(test)


def test_cancelling_closes_the_turn_and_names_the_reason(boards: Boards) -> None:
    async def test() -> None:
        turn = ScriptedTurn((*BEGUN, FOREVER))
        here, there = await boards.open(turn)
        run = await here.begin(QUESTION, resumable=True)
        await begun(run, len(BEGUN))
        began = time.monotonic()
        copy = await there.find(run.id, owner="")
        await there.stop(copy)
        assert time.monotonic() - began < 5
        assert copy.ending == run.ending == Cancelled("user")
        await here.stop(run, "shutdown")  # too late: it waits for the task, and changes nothing
        assert run.ending == Cancelled("user")
        assert (turn.open, here.active) == (0, 0)

    boards.together(test)


def test_the_newest_run_of_a_conversation_is_found_and_stopped_by_its_owner_alone(boards: Boards) -> None:
    async def test() -> None:
        here, there = await boards.open(ScriptedTurn((*BEGUN, FOREVER)))
        question = replace(QUESTION, conversation="conv_newest")
        await here.begin(question, resumable=True, owner="anna")
        run = await here.begin(question, resumable=True, owner="anna")
        latest = await there.board.latest("conv_newest", owner="anna")
        assert latest is not None
        assert latest.id == run.id
        assert await there.board.latest("conv_newest", owner="bert") is None
        await there.stop(latest)
        assert run.ending == Cancelled("user")

    boards.together(test)


def test_cancelling_before_the_first_step_still_ends_the_run(boards: Boards) -> None:
    async def test() -> None:
        here, _ = await boards.open(ScriptedTurn((FOREVER,)))
        run = await here.begin(QUESTION, resumable=True)
        here.cancel(run, "user")
        assert await read(here, run) == [Cancelled("user")]

    boards.together(test)


def test_a_turn_that_reports_its_own_cancelling_ends_with_the_callers_reason(boards: Boards) -> None:
    async def stubborn(question: Question, run: str) -> AsyncGenerator[Event, None]:
        yield Text("Staff ")
        try:
            await asyncio.sleep(FOREVER)
        except asyncio.CancelledError:
            yield Cancelled("shutdown")

    async def test() -> None:
        here, _ = await boards.open(stubborn)
        run = await here.begin(QUESTION, resumable=True)
        await begun(run)
        await here.stop(run)
        assert run.ending == Cancelled("user")

    boards.together(test)


def test_the_last_reader_to_leave_stops_a_run_that_cannot_be_resumed(boards: Boards) -> None:
    async def test() -> None:
        turn = ScriptedTurn((*BEGUN, FOREVER))
        here, _ = await boards.open(turn)
        run = await here.begin(QUESTION, resumable=False)
        with here.reading(run):
            with here.reading(run):
                await begun(run)
            assert run.stop_reason is None
        assert run.stop_reason == "disconnect"
        await run.wait_for_end(5)
        assert run.ending == Cancelled("disconnect")
        assert turn.open == 0

    boards.together(test)


def test_a_resumable_run_survives_its_grace_and_no_longer(boards: Boards) -> None:
    async def test() -> None:
        here, _ = await boards.open(ScriptedTurn((*BEGUN, FOREVER)), settings=RunSettings(grace_seconds=1.5))
        run = await here.begin(QUESTION, resumable=True)
        with here.reading(run):
            await begun(run)
        await asyncio.sleep(0.05)
        with here.reading(run):
            await asyncio.sleep(2.0)
            assert not run.ended
        await run.wait_for_end(10)
        assert run.ending == Cancelled("disconnect")

    boards.together(test)


def test_a_reader_through_any_process_keeps_a_run_going_and_its_leaving_stops_it(boards: Boards) -> None:
    async def test() -> None:
        here, there = await boards.open(
            ScriptedTurn((*BEGUN, FOREVER)), settings=RunSettings(grace_seconds=2.0)
        )
        run = await here.begin(QUESTION, resumable=True)
        copy = await there.find(run.id, owner="")
        with there.reading(copy):
            await asyncio.sleep(3.0)
            assert not run.ended
        await asyncio.wait_for(run.wait_for_end(15), 20)
        assert run.ending == Cancelled("disconnect")

    boards.together(test)


def test_a_run_that_nobody_ever_reads_is_stopped_unless_it_is_in_the_background(boards: Boards) -> None:
    async def test() -> None:
        turn = ScriptedTurn((*BEGUN, 0.4, Done()))
        here, _ = await boards.open(turn, settings=RunSettings(grace_seconds=0.05))
        unread = await here.begin(QUESTION, resumable=False)
        background = await here.begin(QUESTION, resumable=False, background=True)
        await asyncio.gather(unread.wait_for_end(5), background.wait_for_end(5))
        assert unread.ending == Cancelled("disconnect")
        assert background.ending == Done()

    boards.together(test)


def test_more_runs_than_slots_and_queue_are_refused_and_the_queue_moves_on(boards: Boards) -> None:
    async def test() -> None:
        turn = ScriptedTurn((*BEGUN, 0.3, Done()))
        here, _ = await boards.open(turn, settings=RunSettings(max_concurrent_runs=2, max_queued_runs=1))
        asking = [asyncio.create_task(here.begin(QUESTION, resumable=True)) for _ in range(4)]
        *started, refused = await asyncio.gather(*asking, return_exceptions=True)
        assert isinstance(refused, Busy)
        runs = [run for run in started if isinstance(run, Run)]
        await asyncio.gather(*(begun(run) for run in runs[:2]))
        assert turn.open == 2
        await asyncio.gather(*(read(here, run) for run in runs))
        assert [run.ending for run in runs] == [Done()] * 3
        await asyncio.gather(*(here.stop(run) for run in runs))
        again = await here.begin(QUESTION, resumable=True)
        assert (await read(here, again))[-1] == Done()

    boards.together(test)


def test_one_owner_does_not_take_every_place(boards: Boards) -> None:
    async def test() -> None:
        turn = ScriptedTurn((*BEGUN, 0.3, Done()))
        here, _ = await boards.open(turn, settings=RunSettings(max_concurrent_runs=3, max_caller_runs=2))
        owners = ("anna", "anna", "anna", "bob")
        asking = [asyncio.create_task(here.begin(QUESTION, resumable=True, owner=owner)) for owner in owners]
        first, second, refused, other = await asyncio.gather(*asking, return_exceptions=True)
        assert isinstance(refused, TooMany)
        for run in (first, second, other):
            assert isinstance(run, Run)
            await read(here, run)
            await here.stop(run)
        again = await here.begin(QUESTION, resumable=True, owner="anna")
        assert (await read(here, again))[-1] == Done()

    boards.together(test)


def test_waiting_too_long_in_the_queue_is_said_and_frees_the_place(boards: Boards) -> None:
    async def test() -> None:
        turn = ScriptedTurn((*BEGUN, 0.4, Done()))
        limits = RunSettings(max_concurrent_runs=1, max_queued_runs=1, queue_seconds=0.05)
        here, _ = await boards.open(turn, settings=limits)
        first = await here.begin(QUESTION, resumable=True)
        second = await here.begin(QUESTION, resumable=True)
        await asyncio.gather(read(here, first), read(here, second))
        assert first.ending == Done()
        assert isinstance(second.ending, Failed)
        assert len(turn.asked) == 1

    boards.together(test)


def test_an_endless_answer_is_cut_and_says_so(boards: Boards) -> None:
    async def test() -> None:
        turn = ScriptedTurn([Text("x" * 100)] * 50)
        here, _ = await boards.open(turn, settings=RunSettings(max_answer_chars=1_000))
        run = await here.begin(QUESTION, resumable=True)
        assert isinstance((await read(here, run))[-1], Failed)
        assert run.answer_size <= 1_100
        assert turn.open == 0

    boards.together(test)


def test_old_runs_are_forgotten_and_the_newest_kept(boards: Boards) -> None:
    async def test() -> None:
        here, there = await boards.open(ScriptedTurn(), settings=RunSettings(kept_runs=3))
        started = []
        for _ in range(6):
            run = await here.begin(QUESTION, resumable=True)
            await read(here, run)
            started.append(run)
        for runs in (here, there):
            await gone(runs, started[0])
            assert (await runs.find(started[-1].id, owner="")).id == started[-1].id
            latest = await runs.board.latest("conv_1", owner="")
            assert latest is not None
            assert latest.id == started[-1].id

    boards.together(test)


def test_the_largest_answers_are_forgotten_first_when_there_is_too_much(boards: Boards) -> None:
    async def test() -> None:
        here, there = await boards.open(
            ScriptedTurn((Text("x" * 1_000), Done())), settings=RunSettings(kept_chars=2_500)
        )
        started = []
        for _ in range(4):
            run = await here.begin(QUESTION, resumable=True)
            await read(here, run)
            started.append(run)
        for runs in (here, there):
            await gone(runs, started[0])
            assert (await runs.find(started[-1].id, owner="")).recorded == started[-1].recorded

    boards.together(test)


def test_runs_past_their_time_are_gone(boards: Boards) -> None:
    async def test() -> None:
        here, there = await boards.open(ScriptedTurn(), settings=RunSettings(kept_seconds=1))
        run = await here.begin(QUESTION, resumable=True)
        await read(here, run)
        assert await here.find(run.id, owner="") is run
        await asyncio.sleep(1.1)
        for runs in (here, there):
            await gone(runs, run)

    boards.together(test)


def test_another_owners_run_looks_like_one_that_is_not_there(boards: Boards) -> None:
    async def test() -> None:
        here, there = await boards.open(ScriptedTurn())
        run = await here.begin(replace(QUESTION, conversation="conv_2"), resumable=True, owner="anna")
        await read(here, run)
        unknown = "run_" + "0" * 24
        for runs in (here, there):
            assert (await runs.find(run.id, owner="anna")).id == run.id
            with pytest.raises(NotFound) as other:
                await runs.find(run.id, owner="bert")
            with pytest.raises(NotFound) as absent:
                await runs.find(unknown, owner="bert")
            assert str(other.value).replace(run.id, "") == str(absent.value).replace(unknown, "")
            assert await runs.board.latest("conv_2", owner="bert") is None

    boards.together(test)


def test_draining_lets_short_runs_end_stops_long_ones_and_takes_no_new_ones(boards: Boards) -> None:
    scripts = {"short": ScriptedTurn((*BEGUN, 0.05, Done())), "long": ScriptedTurn((*BEGUN, FOREVER))}

    async def test() -> None:
        here, there = await boards.open(lambda question, run: scripts[question.text](question, run))
        short = await here.begin(replace(QUESTION, text="short"), resumable=True)
        long = await here.begin(replace(QUESTION, text="long"), resumable=True)
        followed = [await there.find(run.id, owner="") for run in (short, long)]
        await here.drain(0.5)
        await here.board.close()
        with pytest.raises(Busy):
            await here.begin(QUESTION, resumable=True)
        assert (short.ending, long.ending) == (Done(), Cancelled("shutdown"))
        # their last words reach those who read through another process, now and later
        for run, copy in zip((short, long), followed, strict=True):
            assert await read(there, copy) == run.recorded
            assert (await there.find(run.id, owner="")).recorded == run.recorded

    boards.together(test)


def test_every_run_is_recorded_once_and_a_broken_record_harms_nobody(
    boards: Boards, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        seen: list[tuple[str, Event]] = []

        async def on_end(run: Run, events: Sequence[Event]) -> None:
            seen.append((run.id, events[-1]))
            raise OSError("disk full")

        here, there = await boards.open(ScriptedTurn((*BEGUN, FOREVER)), on_end=on_end)
        run = await here.begin(QUESTION, resumable=True)
        await begun(run)
        await there.stop(await there.find(run.id, owner=""))
        await here.stop(run)
        assert seen == [(run.id, Cancelled("user"))]

    boards.together(test)
    assert "Recording" in caplog.text


def test_who_comes_at_the_last_word_waits_until_the_run_is_recorded(boards: Boards) -> None:
    async def test() -> None:
        slow, kept = asyncio.Event(), []

        async def on_end(run: Run, events: Sequence[Event]) -> None:
            await slow.wait()
            kept.append(run.id)

        here, _ = await boards.open(ScriptedTurn((*BEGUN, Done())), on_end=on_end)
        run = await here.begin(QUESTION, resumable=True, owner="anna")
        await read(here, run)
        await asyncio.wait_for(here.recorded(owner="bert"), 1)
        waiting = asyncio.create_task(here.recorded(owner="anna"))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        slow.set()
        await waiting
        assert kept == [run.id]

    boards.together(test)


@pytest.mark.parametrize("asked", ["here", "there"])
def test_an_erased_conversation_is_ended_unrecorded_and_found_nowhere(boards: Boards, asked: str) -> None:
    turn = ScriptedTurn((*BEGUN, FOREVER))
    recorded: list[str] = []

    async def on_end(run: Run, events: Sequence[Event]) -> None:
        recorded.append(run.id)

    async def test() -> None:
        here, there = await boards.open(turn, on_end=on_end)
        run = await here.begin(QUESTION, resumable=True, owner="anna")
        other = await here.begin(QUESTION, resumable=True, owner="bert")
        await begun(run, len(BEGUN))
        copy = await there.find(run.id, owner="anna")
        reading = [asyncio.create_task(read(here, run)), asyncio.create_task(read(there, copy))]
        await begun(copy, len(BEGUN))
        before = (here.erasures, there.erasures)

        async def count() -> int:
            return 7

        eraser = {"here": here, "there": there}[asked]
        assert await eraser.erase("conv_1", owner="anna", recorded=count) == 7
        for events in await asyncio.gather(*reading):
            assert events[-1] == Cancelled("user")
        assert here.erasures > before[0]
        assert there.erasures > before[1]
        for runs in (here, there):
            with pytest.raises(NotFound):
                await runs.find(run.id, owner="anna")
            assert await runs.board.latest("conv_1", owner="anna") is None
        assert [each.question.text for each in (run, copy)] == ["", ""]
        assert run.recorded == copy.recorded == [Cancelled("user")]
        assert not other.ended
        assert (await there.find(other.id, owner="bert")).id == other.id
        assert (turn.open, recorded) == (1, [])

    boards.together(test)


def test_an_answer_that_is_slow_to_stop_is_not_found_while_it_is_erased(boards: Boards) -> None:
    async def slow(question: Question, run: str) -> AsyncGenerator[Event, None]:
        yield Text("Staff ")
        try:
            await asyncio.sleep(FOREVER)
        finally:
            await asyncio.sleep(0.5)

    async def test() -> None:
        here, there = await boards.open(slow)
        run = await here.begin(QUESTION, resumable=True)
        await begun(run)

        async def count() -> int:
            return 0

        erasing = asyncio.create_task(here.erase("conv_1", owner="", recorded=count))
        await run.wait_for_end(5)
        assert here.active == 1
        with pytest.raises(NotFound):
            await here.find(run.id, owner="")
        assert await here.board.latest("conv_1", owner="") is None
        assert here.active == 1
        await erasing
        assert here.active == 0
        with pytest.raises(NotFound):
            await there.find(run.id, owner="")

    boards.together(test)


def test_nothing_is_begun_in_a_conversation_while_it_is_erased(boards: Boards) -> None:
    async def test() -> None:
        here, _ = await boards.open(ScriptedTurn())

        async def count() -> int:
            with pytest.raises(Busy):
                await here.begin(QUESTION, resumable=True)
            await read(here, await here.begin(replace(QUESTION, conversation="conv_3"), resumable=True))
            return 0

        assert await here.erase("conv_1", owner="", recorded=count) == 0
        assert (await read(here, await here.begin(QUESTION, resumable=True)))[-1] == Done()

    boards.together(test)


def test_a_record_that_cannot_be_erased_is_told_and_the_runs_are_gone(boards: Boards) -> None:
    async def test() -> None:
        here, there = await boards.open(ScriptedTurn())
        run = await here.begin(QUESTION, resumable=True)
        await read(here, run)

        async def count() -> int:
            raise Unavailable("The records cannot be read or written now.")

        with pytest.raises(Unavailable, match="records"):
            await there.erase("conv_1", owner="", recorded=count)
        for runs in (here, there):
            await gone(runs, run)
        assert (await read(here, await here.begin(QUESTION, resumable=True)))[-1] == Done()

    boards.together(test)


def test_a_board_that_works_has_no_trouble(boards: Boards) -> None:
    async def test() -> None:
        here, there = await boards.open(ScriptedTurn())
        await read(here, await here.begin(QUESTION, resumable=True))
        assert (here.board.trouble, there.board.trouble) == ("", "")

    boards.together(test)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
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
    boards: Boards, steps: list[Event | float | Exception], cancel_after: int | None
) -> None:
    async def test() -> None:
        turn = ScriptedTurn((Started("", "", "m", 0.0, ""), *steps))
        here, there = await boards.open(turn)
        run = await here.begin(QUESTION, resumable=True)
        count = 0
        async with aclosing(run.batches()) as batches:
            async for batch in batches:
                if cancel_after is not None and count <= cancel_after < count + len(batch):
                    here.cancel(run)
                count += len(batch)
        terminal = [isinstance(event, Done | Failed | Cancelled) for event in run.recorded]
        assert terminal == [False] * (len(terminal) - 1) + [True]
        assert await read(there, await there.find(run.id, owner="")) == run.recorded
        await here.stop(run)
        assert turn.open == 0

    boards.together(test)
