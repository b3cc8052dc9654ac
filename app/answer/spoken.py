"""What a language model writes beside its answer: thinking aloud, the prompt's delimiter, and the agreed refusal.

It comes in many dresses and in any pieces. None of it leaves: not to the reader, not into what is searched next.
"""

import re
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass, replace

from app.answer.answerer import Piece, Restart, Written
from app.language.phrases import say
from vectorstore.language.marks import MARKER

SENTINEL = "NOT_IN_DOCUMENTS"
"""What a model is asked to reply where the passages do not hold the answer."""

_NAMES = r"(?i:think|thinking|thought|reasoning)"
_TAG = re.compile(
    rf"(?<!`)(?:<\s{{0,4}}(?P<slash>/?)\s{{0,4}}{_NAMES}(?:\s[^<>]{{0,200}})?>|\[(?P<barred>/?)THINK\]|◁(?P<struck>/?)think▷)"
)
_DELIMITER = re.compile(r"<<[0-9a-f]{16}>>\n?")
_BEGUN = re.compile(
    rf"(?:`?<\s{{0,4}}/?\s{{0,4}}(?:[A-Za-z]{{0,9}}|{_NAMES}\s[^<>]{{0,200}})|`?[\[◁]/?[A-Za-z]{{0,5}}|`|<<[0-9a-f]{{0,16}}>{{0,2}})\Z"
)
_REACH = 240
"""More characters than a tag may have."""
_REFUSED = re.compile(r"(?i:not(?:\\?_|-)in(?:\\?_|-)documents)|NOT IN DOCUMENTS")
_LONGEST = len(SENTINEL) + 2
"""Characters of the refusal with the backslashes that Markdown has before its underscores."""


@dataclass(slots=True)
class Habit:
    """What has been learnt of a model: whether it ends a thought that it has not begun, as some servers make it do."""

    closes_only: bool = False


class _Thinking:
    """A streaming filter that drops what stands between the tags of a thought, and after one that never closes."""

    def __init__(self, habit: Habit) -> None:
        self._habit = habit
        self._inside = False
        self._awaiting = habit.closes_only
        """Whether everything is held until the tag that closes, as this model's answers begin with a thought."""
        self._held = ""

    def feed(self, delta: str) -> Iterator[str | Restart]:
        text, looked = self._held + delta, max(0, len(self._held) - _REACH)
        while tag := _TAG.search(text, looked):
            before, text, looked = text[: tag.start()], text[tag.end() :], 0
            if tag["slash"] or tag["barred"] or tag["struck"]:
                if not self._inside:
                    self._habit.closes_only = True
                    yield Restart()
                self._inside = self._awaiting = False
                text = text.lstrip()
            else:
                if not self._inside and before:
                    yield _DELIMITER.sub("", before)
                self._inside, self._awaiting = True, False
        begun = _BEGUN.search(text, max(0, len(text) - _REACH))
        cut = 0 if self._awaiting else begun.start() if begun else len(text)
        self._held = text[cut:]
        if not self._inside and cut:
            yield _DELIMITER.sub("", text[:cut])

    def finish(self) -> str:
        """Return what was held and is no thought."""
        return "" if self._inside else _DELIMITER.sub("", self._held)


async def without_thoughts(pieces: AsyncGenerator[Piece, None], habit: Habit) -> AsyncGenerator[Piece, None]:
    """Pass on what is no thought; `Restart` where what has been passed on turns out to have been one."""
    thinking = _Thinking(habit)
    async with aclosing(pieces) as stream:
        async for piece in stream:
            if isinstance(piece, str):
                for said in thinking.feed(piece):
                    if said:
                        yield said
                continue
            if rest := thinking.finish():
                yield rest
            yield piece


async def whole(pieces: AsyncGenerator[Piece, None], habit: Habit) -> str:
    """Return a whole reply, without thoughts."""
    text = ""
    async with aclosing(without_thoughts(pieces, habit)) as stream:
        async for piece in stream:
            text = "" if isinstance(piece, Restart) else text + piece if isinstance(piece, str) else text
    return text.strip()


def refuses(text: str) -> bool:
    """Say whether the agreed refusal stands in a text."""
    return bool(_REFUSED.search(text))


async def with_refusal(pieces: AsyncGenerator[Piece, None], *, language: str) -> AsyncGenerator[Piece, None]:
    """Pass an answer on until the agreed refusal comes, in whatever dress, and mark the ending as refused.

    Where passages have been cited before it only a part is refused: it then stands there in words. Text is held back
    only while it could still become the refusal.
    """
    held, seen, refused = "", "", False
    async with aclosing(pieces) as stream:
        async for piece in stream:
            if isinstance(piece, Written):
                if held and not refused:
                    yield held
                yield replace(piece, outcome="refused") if refused else piece
            elif isinstance(piece, Restart):
                held, seen, refused = "", "", False
                yield piece
            elif not refused:
                text = held + piece
                if (found := _REFUSED.search(text)) and not MARKER.search(seen + text[: found.start()]):
                    refused, text = True, text[: found.start()]
                text = _REFUSED.sub(say("absent", language), text)
                cut = len(text) if refused else len(text) - _begun(text)
                held = text[cut:]
                seen = (seen + text[:cut])[-4_096:]
                if cut:
                    yield text[:cut]


def _begun(text: str) -> int:
    """Return how many characters at the end may be the beginning of a refusal."""
    for length in range(min(_LONGEST, len(text)), 0, -1):
        plain = text[-length:].replace("\\", "").replace(" ", "_").replace("-", "_").upper()
        if plain and SENTINEL.startswith(plain):
            return length
    return 0
