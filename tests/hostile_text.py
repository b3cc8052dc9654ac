"""Texts that make a pattern slow which is not linear, and what tells that it is: those that anybody may write."""

import re
import re._constants as code  # type: ignore[import-not-found]
import re._parser as parser  # type: ignore[import-not-found]
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import permutations
from math import inf
from types import FrameType
from typing import Any

LENGTH = 4_000
LIMIT = 0.05
"""Seconds of processor time that one call may take over `LENGTH` characters."""
PROBES = "aZ0 _-\t\n.,é'\"`*#|[](){}<>:;/\\=~!?+@&%$^\u0660\u0301日\r\x001ixQ\u2028\u2022"
SHORT = (
    "1. ", "- ", "# ", "a, ", "| a ", "|--", "[a](", "![a](b)", "[1]", "http://a.b/", "www.", "a@b.c ", "a-b_c/", "1.1.",
    "** ", "**a", "`a`", "``a", "<a ", "<!--", "<!---->", "{{<", "{%", "\\a", "a\n\n", " \n", "/// a ", ":::", "=== ", '"a" ',
    "and what is ", "between 1 and ", "12,000.00 ", "1 000 ", "EUR 43 million ", "(a) ", "see [", "### Task: ", "user: a\n",
    "<chat_history>", "2024-01-", "May 3 ", "AbA ", "how many a a ", ":a:`", "`a <", ".. a::", "|a|", "٣", "ﷺ", "e\u0301\u0316",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Held:
    """A compiled pattern, and where it stands."""

    place: str
    pattern: re.Pattern[Any]


class _TooLong(BaseException):
    pass


def repeated(text: str, ending: str = "") -> str:
    return (text * (LENGTH // len(text) + 1))[: LENGTH - len(ending)] + ending


def common_seeds() -> list[str]:
    """Runs of a character of every class, of what Markdown, numbers and questions are made of, each with an end too."""
    seeds = [repeated(each, ending) for each in PROBES for ending in ("", "\x00")]
    seeds += [repeated(each) for each in SHORT]
    return seeds


def more_seeds() -> list[str]:
    seeds = [repeated(each, ending) for each in (*PROBES, *SHORT) for ending in ("!x", "\n.", " ", "x")]
    seeds += [f"a {repeated(each)}"[:LENGTH] for each in PROBES]
    seeds += [repeated(one + other) for one, other in permutations('a0 .\n-["*|_:`#=', 2)]
    return seeds


def own_seeds(pattern: re.Pattern[Any], *, most: int) -> list[str]:
    """Texts made of the pattern's own pieces: each thing that it repeats, many times over, behind what comes before it."""
    flags = pattern.flags
    tree = parser.parse(pattern.pattern, flags)
    seeds = []
    for choice in range(4):
        if whole := example(tree, flags, choice):
            seeds += [repeated(whole), repeated(whole, "\x00"), repeated(whole[:-1] or whole)]
    for before, piece in pumps(tree, flags, ""):
        for ending in ("", "\x00", "!x"):
            seeds.append((before + repeated(piece))[: LENGTH - len(ending)] + ending)
        seeds.append(repeated(before + piece * 3))
    distinct = list(dict.fromkeys(seeds))
    return distinct[:: max(1, len(distinct) // most)]


def pumps(tree: Any, flags: int, before: str) -> Iterator[tuple[str, str]]:
    for operation, value in tree:
        if operation in (code.MAX_REPEAT, code.MIN_REPEAT, code.POSSESSIVE_REPEAT):
            if value[1] > 8:
                pieces = dict.fromkeys(example(value[2], flags, choice) for choice in range(8))
                yield from ((before, piece) for piece in (*pieces, "".join(pieces)) if piece)
            yield from pumps(value[2], flags, before)
        elif operation is code.SUBPATTERN:
            yield from pumps(value[3], flags, before)
        elif operation is code.ATOMIC_GROUP:
            yield from pumps(value, flags, before)
        elif operation is code.BRANCH:
            for branch in value[1]:
                yield from pumps(branch, flags, before)
        elif operation in (code.ASSERT, code.ASSERT_NOT):
            yield from pumps(value[1], flags, before)
        before += example([(operation, value)], flags, 0)


def example(tree: Any, flags: int, choice: int) -> str:
    """Return a text that the tree matches, or nearly so; `choice` picks among what it allows."""
    said = ""
    for operation, value in tree:
        if characters := allowed(operation, value, flags):
            said += characters[choice % len(characters)]
        elif operation in (code.MAX_REPEAT, code.MIN_REPEAT, code.POSSESSIVE_REPEAT):
            said += example(value[2], flags, choice) * max(value[0], 1)
        elif operation is code.SUBPATTERN:
            said += example(value[3], flags, choice)
        elif operation is code.ATOMIC_GROUP:
            said += example(value, flags, choice)
        elif operation is code.BRANCH:
            said += example(value[1][choice % len(value[1])], flags, choice)
    return said


def allowed(operation: Any, value: Any, flags: int) -> list[str]:
    if operation is code.LITERAL:
        return [chr(value)]
    if operation is code.NOT_LITERAL:
        return [each for each in PROBES if ord(each) != value]
    if operation is code.ANY:
        return [each for each in PROBES if each != "\n" or flags & re.DOTALL]
    if operation is code.IN:
        first = [
            chr(part[0] if kind is code.RANGE else part)
            for kind, part in value
            if kind in (code.LITERAL, code.RANGE)
        ]
        return [each for each in PROBES if in_class(value, each)] or first
    return []


CATEGORIES: dict[Any, Callable[[str], bool]] = {
    code.CATEGORY_DIGIT: str.isdigit,
    code.CATEGORY_NOT_DIGIT: lambda each: not each.isdigit(),
    code.CATEGORY_SPACE: str.isspace,
    code.CATEGORY_NOT_SPACE: lambda each: not each.isspace(),
    code.CATEGORY_WORD: lambda each: each.isalnum() or each == "_",
    code.CATEGORY_NOT_WORD: lambda each: not (each.isalnum() or each == "_"),
}


def in_class(parts: Any, character: str) -> bool:
    held = False
    for kind, part in parts:
        if kind is code.LITERAL:
            held |= ord(character) == part
        elif kind is code.RANGE:
            held |= part[0] <= ord(character) <= part[1]
        elif kind is code.CATEGORY:
            held |= CATEGORIES[part](character)
    return bool(held != (parts[0][0] is code.NEGATE))


def ways(pattern: re.Pattern[Any]) -> dict[str, Callable[[Any], object]]:
    nothing = b"" if isinstance(pattern.pattern, bytes) else ""
    return {
        "finditer": lambda text: sum(1 for _ in pattern.finditer(text)),
        "fullmatch": pattern.fullmatch,
        "search": pattern.search,
        "match": pattern.match,
        "sub": lambda text: pattern.sub(nothing, text),
    }


def seconds(call: Callable[[Any], object], text: object, *, at_most: float) -> float:
    """Return the processor time that a call takes; one that would take longer is broken off."""

    def stop(_: int, __: FrameType | None) -> None:
        raise _TooLong

    signal.signal(signal.SIGVTALRM, stop)
    started = time.thread_time()
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, at_most)
        call(text)
    except _TooLong:
        return at_most
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        # Never the default again: where other threads run, a late signal would end the whole test run.
        signal.signal(signal.SIGVTALRM, signal.SIG_IGN)
    return time.thread_time() - started


def together(call: Callable[[Any], object], whole: object, part: object) -> tuple[float, float]:
    """Return the best times of two texts, taken in turn: what slows the machine meets both."""
    best = other = inf
    for taken in range(15):
        best = min(best, seconds(call, whole, at_most=4 * LIMIT))
        other = min(other, seconds(call, part, at_most=4 * LIMIT))
        # Once is enough far from every bound; near one, the processor may have been somebody else's meanwhile.
        if (
            best <= LIMIT / 5
            or (best <= LIMIT / 2 and best <= 6 * other)
            or (taken > 1 and best >= 2 * LIMIT)
        ):
            break
    return best, other


def slow(held: Held, seeds: list[str]) -> str:
    """Name the first call that takes too long: above the limit, or growing faster than its text."""
    calls = ways(held.pattern)
    for seed in seeds:
        text: Any = seed.encode() if isinstance(held.pattern.pattern, bytes) else seed
        # These two cost the most: a search is the beginning of finding all, and a match that of a whole one.
        suspect = max(seconds(calls[name], text, at_most=LIMIT) for name in ("finditer", "fullmatch"))
        if suspect < LIMIT / 10:
            continue
        for name, call in calls.items():
            # Twice the text takes twice as long where it is linear, four times where it is not. Two lengths that are
            # four apart tell 4 from 16, which no busy machine makes of each other.
            whole, part = together(call, text, text[: len(text) // 8] + text[-len(text) // 8 :])
            if whole >= LIMIT or (whole > LIMIT / 5 and whole > 8 * part):
                return f"{name}: {whole * 1000:.0f} ms, a quarter {part * 1000:.1f} ms, {seed[:24]!r}…{seed[-8:]!r}"
    return ""


BAD = (
    r"\A(?:\d+[.)]?)+ ",
    r"\s+x",
    r"\w+(?:[-.]\w+)+",
    r"(?:<!--.*?-->\s*)*<html",
    r"[-:]*\|?[-:]*$",
)
"""Exponential or quadratic."""


def missed() -> list[str]:
    """Return those that the seeds do not find."""
    patterns = [re.compile(bad) for bad in BAD]
    return [
        each.pattern
        for each in patterns
        if not slow(Held("", each), common_seeds() + own_seeds(each, most=40))
    ]
