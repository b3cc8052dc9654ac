"""What reads questions, passages and answers takes linear time, beyond its patterns: no loop over all that was before."""

import time
from collections.abc import Callable

import pytest

from app.guard import inert
from app.language.amounts import in_range
from app.language.reading import lines, read, whole, windows
from app.question import Message, Part
from app.reader.asked import ask
from app.reader.extractive import written
from app.support.claim import claim
from app.support.ground import Grounding, support
from app.turn.transcript import Transcript
from app.understand.condense import parts_of, standalone
from app.understand.smalltalk import housekeeping
from tests.hostile_text import common_seeds
from vectorstore.index.projection.analysis import identifiers
from vectorstore.language import detect
from vectorstore.language.sentences import SentenceStream
from vectorstore.same import Distinct
from vectorstore.types import Span

LIMIT = 1.0
"""Seconds of processor time for `LENGTH` characters: far more than any takes, far less than the square of it."""
LENGTH = 24_000


NOTHING = Grounding(0.0, "unsupported", None, Span(0, 0), "")


def streamed(text: str) -> None:
    stream = SentenceStream()
    for start in range(0, len(text), 64):
        stream.feed(text[start : start + 64])
    stream.finish()


def answered(text: str) -> None:
    transcript = Transcript((), check=lambda *_: NOTHING, allowed_links=())
    for start in range(0, len(text), 64):
        list(transcript.feed(text[start : start + 64]))


READERS: dict[str, Callable[[str], object]] = {
    "read": read.__wrapped__,
    "ask": lambda text: ask.__wrapped__(Part(text)),
    "standalone": lambda text: standalone(text, [Message("user", text)] * 3),
    "parts": lambda text: parts_of(Part(text)),
    "language": lambda text: detect._told.__wrapped__(detect._prose(text)),
    "housekeeping": lambda text: housekeeping(f"### Task: tags\n<chat_history>user: {text}"),
    "in_range": lambda text: in_range(["5"], text),
    "lines": lambda text: [written([line]) for line in lines.__wrapped__(text)],
    "windows": lambda text: (whole.__wrapped__(text), windows.__wrapped__(text)),
    "support": lambda text: support("The limit is EUR 40 a day.", text),
    "support of a long sentence": lambda text: support(text[:500], text),
    "sentences": streamed,
    "claim": lambda text: claim(text, 0, len(text), ()),
    "inert": inert,
    "transcript": answered,
    "identifiers": identifiers,
    "distinct": Distinct,
}
# One of each kind of seed, mixed ones too.
SEEDS = [(seed * 6)[:LENGTH] for seed in common_seeds()[::5]] + [
    ("Staff get EUR 4,000 a day in May 2024. ERR-4012 is an Error of Anna's. " * 600)[:LENGTH],
    ("- **a** [b](c) `d` 5-7 k, and what is it?\n" * 1_000)[:LENGTH],
    ("A 1 " * LENGTH)[:LENGTH],
    ("a1 2 " * LENGTH)[:LENGTH],
    ("| A1 | 2 May |\n" * LENGTH)[:LENGTH],
]


@pytest.mark.parametrize("reader", READERS)
def test_a_reader_takes_linear_time_over_hostile_text(reader: str) -> None:
    slow = {}
    for seed in SEEDS:
        if (seconds := taken(READERS[reader], seed)) >= LIMIT / 5:
            half = taken(READERS[reader], seed[: LENGTH // 2])
            if seconds >= LIMIT or seconds > 3.2 * half:
                slow[seed[:30]] = (round(half, 2), round(seconds, 2))
    assert slow == {}


def taken(call: Callable[[str], object], text: str) -> float:
    """Return the processor time, the better of two."""
    best = LIMIT
    for _ in range(2):
        started = time.thread_time()
        call(text)
        best = min(best, time.thread_time() - started)
        if best < LIMIT / 5:
            break
    return best
