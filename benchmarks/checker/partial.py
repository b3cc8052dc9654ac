"""Claims of several parts of which the evidence holds all but one, each beside a twin that is held whole.

Human claims that are wrong mostly are so in a part: a clause, a place, one of two statements that the source never
made. Here that part is taken out of the source and stays in the claim, marked; the twin is the same claim with the
whole source, or the claim without that part with the same source. So neither the claim nor the source gives the
label away, only what they have in common does.
"""

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.language.reading import read
from benchmarks.checker.corrupt import CLAUSE
from benchmarks.checker.paraphrase import (
    COORDINATED,
    FRONTED,
    PARENTHESIS,
    RELATIVE,
    TRAILING,
    paraphrase,
    synonyms,
)
from vectorstore.language.words import total, word_set

_DETAIL = re.compile(
    r",? (?:in|on|at|by|from|with|near|under|of|for|to|against|during|through) (?:the |a |an |his |her |its )?"
    r"(?:[A-Z][\w’'-]+(?: (?:of |the |and )?[A-Z][\w’'-]+){0,3})(?=[ ,.;])"
)
_PATTERNS = (RELATIVE, TRAILING, COORDINATED, PARENTHESIS, CLAUSE, _DETAIL)
_NEW = 0.5
"""The share of a part's words, weighed by rarity, that the rest of the source must lack for the part to be missed."""
LONGEST = 420
"""Characters of a claim of several sentences."""

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Told:
    """A claim, the text that it is to be held against, and whether that text says it."""

    claim: str
    text: str
    label: int
    kind: str
    spans: tuple[Span, ...] | None


def clause_missing(sentence: str, text: str, draw: random.Random) -> Iterator[Told]:
    """Take a clause or detail out of the source's sentence; yield a pair with it and one without."""
    plain = " ".join(sentence.split())
    cut = _cut(plain, draw)
    if cut is None:
        return
    start, end = cut
    bare = _whole(plain[:start] + plain[end:])
    lean = text.replace(sentence, bare)
    if not _is_new(plain[start:end], lean):
        return
    share = draw.choice((0.0, 0.3, 0.6, 0.9))
    head, part, tail = (
        synonyms(piece, draw, share=share) for piece in (plain[:start], plain[start:end], plain[end:])
    )
    said = head + part + tail
    if draw.random() < 0.5:
        yield Told(said, text, 1, "clause kept", ())
    else:
        yield Told(_whole(head + tail), lean, 1, "clause dropped", ())
    yield Told(said, lean, 0, "clause missing", ((len(head), len(head + part)),))


def part_missing(sentences: Sequence[str], text: str, draw: random.Random) -> Iterator[Told]:
    """Take one of the sentences out of the source; yield a pair with it and one without."""
    place = draw.randrange(len(sentences))
    lean = text.replace(sentences[place], "")
    if not _is_new(sentences[place], lean):
        return
    parts = [paraphrase(" ".join(item.split()), draw, steps=draw.choice((0, 1, 2, 3))) for item in sentences]
    joins = [draw.choice(_JOINS) for _ in parts[1:]]
    said, spans = joined(parts, joins)
    if len(said) > LONGEST:
        return
    if draw.random() < 0.5:
        yield Told(said, text, 1, "parts kept", ())
    else:
        yield Told(joined(parts[:place] + parts[place + 1 :], joins[1:])[0], lean, 1, "part dropped", ())
    yield Told(said, lean, 0, "part missing", (spans[place],))


def joined(parts: Sequence[str], joins: Sequence[str]) -> tuple[str, list[Span]]:
    """Return sentences as one claim, and where each of them stands in it."""
    said = parts[0]
    spans = [(0, len(said))]
    for part, join in zip(parts[1:], joins, strict=True):
        if join != " ":
            said = said.rstrip(".! ")
            spans[-1] = (spans[-1][0], len(said))
        said += join
        spans.append((len(said), len(said) + len(part)))
        said += part if join == " " else _lowered(part)
    return said, spans


def _cut(sentence: str, draw: random.Random) -> Span | None:
    """Choose what the sentence can do without."""
    found = [match.span() for pattern in _PATTERNS for match in pattern.finditer(sentence)]
    front = FRONTED.match(sentence)
    if front:
        found.append((0, front.end(1) + 2))
    fit = [(start, end) for start, end in found if len(sentence) - (end - start) >= 30]
    return draw.choice(fit) if fit else None


def _is_new(part: str, rest: str) -> bool:
    """Say whether the rest does without most of what the part says."""
    stems = read(part).stems
    return bool(stems) and total(stems - read(rest).stems) >= _NEW * total(stems)


def _whole(text: str) -> str:
    text = " ".join(text.split())
    return text[:1].upper() + text[1:]


def _lowered(sentence: str) -> str:
    head = sentence.split(maxsplit=1)[0]
    return head.lower() + sentence[len(head) :] if head in _LOWER else sentence


_JOINS = (" ", " ", " ", ", and ", " and ", "; ", ", while ")
_LOWER = word_set(
    "The A An This That These Those It He She They We You There In On At For To If When All Some"
)
