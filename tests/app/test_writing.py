"""How an answer is written when the model says too much, reads too little, or breaks."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import pytest

from app.answer.answerer import ModelFailure, Piece, Written
from app.events import Done, Event, FailureCode, Passage, SentenceChecked, Text
from app.language.phrases import say
from app.question import Message, Question
from app.settings import Unsupported
from app.support import ground
from app.turn.retrieve import TokenCounter
from app.turn.writing import Stopwatch, Task, Writing, supported_only
from tests.app.passages import passage
from tests.app.reader import Ready, understood
from vectorstore.types import Scope

LEAVE = passage("Full-time staff get 25 days of annual leave a year. Interns get 12 days.")
MORE = tuple(
    passage(f"Policy number {number} is about something else.", number=number) for number in (2, 3, 4)
)
QUESTION = Question("How much leave do staff get?", Scope(), top_k=6)
ASKED = understood(QUESTION.text)

Reason: TypeAlias = Literal["stop", "length", "content_filter"]
SILENT: dict[Reason, str] = {"stop": "without an answer", "content_filter": "content filter held"}


@dataclass
class Scripted:
    """An answerer that reads at most so many passages, and writes what the script says."""

    pieces: Sequence[str] = ("Full-time staff get ", "25 days of annual leave [1].")
    reads: int = 9
    reason: Reason = "stop"
    code: FailureCode = "context_overflow"
    name: str = "scripted"
    asked: list[int] = field(default_factory=list)

    async def write(
        self, question: str, *, passages: Sequence[Passage], history: Sequence[Message]
    ) -> AsyncGenerator[Piece, None]:
        self.asked.append(len(passages))
        if len(passages) > self.reads:
            raise ModelFailure(self.code, "Too long.")
        for piece in self.pieces:
            yield piece
        yield Written(self.reason)


def write(
    answerer: Scripted,
    *passages: Passage,
    fallback: bool = False,
    unsupported: Unsupported = "quote",
    quotes: Sequence[str] = ("“Interns get 12 days.” [1]",),
) -> list[Event]:
    counter = TokenCounter("words", lambda text: len(text.split()))
    writing = Writing(
        Scripted(quotes),
        ground.check,
        counter,
        Stopwatch(),
        unsupported,
        answerer,
        fallback=fallback,
    )

    async def collect() -> list[Event]:
        async with aclosing(writing.events(Task(ASKED, passages, (), Ready()))) as events:
            return [event async for event in events]

    return asyncio.run(collect())


def text_of(events: list[Event]) -> str:
    return "".join(event.delta for event in events if isinstance(event, Text))


def test_an_overflowing_context_is_halved_once_and_numbers_stay() -> None:
    answerer = Scripted(reads=2)
    events = write(answerer, LEAVE, *MORE)
    assert answerer.asked == [4, 2]
    assert text_of(events) == "Full-time staff get 25 days of annual leave [1]."
    assert events[-1] == Done()


def test_a_context_that_still_overflows_is_a_failure() -> None:
    answerer = Scripted(reads=0)
    with pytest.raises(ModelFailure):
        write(answerer, LEAVE, *MORE)
    assert answerer.asked == [4, 2]


def test_the_fallback_takes_over_after_the_second_overflow() -> None:
    events = write(Scripted(reads=0), LEAVE, *MORE, fallback=True)
    assert text_of(events) == "“Interns get 12 days.” [1]"
    done = events[-1]
    assert isinstance(done, Done)
    assert done.instead


@pytest.mark.parametrize("reason", ["length", "content_filter"])
def test_an_answer_that_was_cut_says_so(reason: Reason) -> None:
    events = write(Scripted(reason=reason), LEAVE)
    assert text_of(events) == f"Full-time staff get 25 days of annual leave [1].\n\n{say(reason)}"
    assert events[-1] == Done(reason)
    assert [event.verdict for event in events if isinstance(event, SentenceChecked)] == ["supported"]


@pytest.mark.parametrize("pieces", [(), (" ", "\n")])
def test_an_empty_answer_is_a_failure_for_which_the_fallback_steps_in(pieces: tuple[str, ...]) -> None:
    for reason, sentence in SILENT.items():
        with pytest.raises(ModelFailure, match=sentence):
            write(Scripted(pieces, reason=reason), LEAVE)
        events = write(Scripted(pieces, reason=reason), LEAVE, fallback=True)
        assert text_of(events) == "“Interns get 12 days.” [1]"


def strictly(pieces: Sequence[str], rewrite: Callable[[str], str] | None = None) -> tuple[str, bool]:
    asked: list[str] = []

    async def second(sentence: str, passages: Sequence[Passage]) -> str:
        asked.append(sentence)
        assert rewrite is not None
        return rewrite(sentence)

    async def collect() -> tuple[str, bool]:
        source = Scripted(pieces).write("?", passages=[LEAVE], history=())
        kept = supported_only(
            source,
            passages=[LEAVE],
            asked=QUESTION.text,
            check=ground.check,
            rewrite=second if rewrite else None,
        )
        text, refused = "", False
        async with aclosing(kept) as stream:
            async for piece in stream:
                if isinstance(piece, Written):
                    refused = piece.outcome == "refused"
                elif isinstance(piece, str):
                    text += piece
        return text, refused

    found = asyncio.run(collect())
    assert len(asked) == len(set(asked))
    return found


INVENTED = ("Interns get 12 days [1]. The CEO g", "ets 90 days [1].\n", "Full-time staff get 25 days [1].")


def test_what_the_sources_do_not_say_is_withheld() -> None:
    assert strictly(INVENTED) == ("Interns get 12 days [1].\nFull-time staff get 25 days [1].", False)


def test_a_second_wording_that_holds_is_taken() -> None:
    text, _ = strictly(INVENTED, lambda _: "Interns get 12 days [1].")
    assert "90" not in text
    assert text.count("Interns get 12 days [1].") == 2


@pytest.mark.parametrize("second", ["The CEO gets 80 days [1].", "NOT_IN_DOCUMENTS", ""])
def test_a_second_wording_that_does_not_hold_is_withheld(second: str) -> None:
    assert "days [1]." not in strictly(INVENTED[:2], lambda _: second)[0].replace("12 days [1].", "")


def test_what_could_not_be_worded_anew_is_withheld() -> None:
    def broken(_: str) -> str:
        raise ModelFailure("model_unavailable", "Gone.")

    assert strictly(INVENTED, broken) == strictly(INVENTED)


def test_an_answer_of_which_nothing_holds_is_a_refusal() -> None:
    assert strictly(["The CEO gets 90 days [1]."]) == ("", True)
