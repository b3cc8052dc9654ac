"""What a language model writes beside its answer: thinking aloud, the prompt's own words, and the agreed refusal.

It comes in many dresses and in any pieces. None of it leaves: not to the reader, not into what is searched next.
"""

import re
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Protocol

from app.answer.answerer import ModelFailure, Piece, Restart, Written
from app.answer.dress import SENTINEL, Undressed, WithoutSources
from app.answer.messages import ChatMessage, WithoutEchoes
from app.events import Passage
from app.language.phrases import say
from vectorstore.language.marks import MARKER, AnyMarker

_NAMES = r"(?i:think|thinking|thought|reasoning|reflection|seed:think)"
_TOOLS = r"tool_calls?|tool_code|function_calls?"
_TAG = re.compile(
    rf"(?<!`)(?:<\s{{0,4}}(?P<slash>/?)\s{{0,4}}{_NAMES}(?:\s[^<>]{{0,200}})?>|\[(?P<barred>/?)THINK\]|◁(?P<struck>/?)think▷"
    r"|<\|(?P<begins>START_THINKING|begin_of_thought)\|>|<\|(?P<ends>END_THINKING|end_of_thought)\|>"
    r"|<\|?channel\|?>\s{0,4}(?P<channel>analysis|commentary|thought|final|)|(?P<final>assistant(?:commentary.{0,200})?final)"
    rf"|<(?P<returned>/?)(?:{_TOOLS})>|(?P<called>\[TOOL_CALLS\])"
    r"|<(?:\|(?:im_start|start|start_header_id)\||start_of_turn)>\s{0,2}(?P<role>assistant|model|user|system|developer|tool|ipython)?"
    r"|(?P<asks>\[INST\]|<\|(?:user|human)\|>|<｜User｜>)|(?P<turned><\|end\|>)"
    r"|<\|[\w/.-]{1,40}\|>|<｜[^｜<>\n]{1,40}｜>|</?s>|\[/INST\]|<</?SYS>>|<(?:end_of_turn|eos|bos|pad|unk|end_of_utterance)>"
    r"|</?(?:answer|response|final_answer|output)>|(?P<delimiter><{1,2}[0-9a-f]{12,20}>{1,2}\n?))"
)
"""What stands round a thought or a call, between turns, and at an answer's ends, in the templates of many models."""
_OPENING = ("slash", "barred", "struck", "returned")
_CLOSING = ("slash", "barred", "struck", "ends")
_BEGUN = re.compile(
    rf"`?(?:<\s{{0,4}}/?\s{{0,4}}(?:[0-9A-Za-z_:]{{0,18}}\|?>?|{_NAMES}\s[^<>]{{0,200}})|<[|｜][^<>|｜\n]{{0,40}}[|｜]?"
    r"|<\|?channel\|?>\s{0,4}[a-z]{0,20}|<(?:\|(?:im_start|start|start_header_id)\||start_of_turn)>\s{0,2}[a-z]{0,12}"
    r"|[\[◁]/?[A-Za-z_]{0,11}|<<(?:[0-9a-f]{0,20}>{0,2}|/?[A-Z]{0,3}>?))\Z|`\Z"
)
_CUT = re.compile(r"<[|｜/][^<>\n]{0,44}\Z")
"""A mark of a template that the longest answer has cut."""
_BARE = re.compile(r"analysis(?=[A-Z\"'“])")
"""How a thought begins where a server has dropped the marks round it."""
_LONGEST_TAG = 240
_REFUSED = re.compile(r"(?i:not(?:\\?_|-)in(?:\\?_|-)documents)|NOT IN DOCUMENTS")
_LONGEST = len(SENTINEL) + 2
"""Characters of the refusal with the backslashes that Markdown has before its underscores."""


@dataclass(slots=True)
class Habit:
    """What has been learnt of a model: whether it ends a thought that it has not begun, as some servers make it do."""

    closes_only: bool = False


class _Thinking:
    """A streaming filter that drops thoughts, calls and the marks of templates, and what follows the answer's own turn."""

    def __init__(self, habit: Habit) -> None:
        self._habit = habit
        self._inside = ""
        """What closes the thought: a tag, a channel, or `bare` words."""
        self._kept: list[str] | None = [] if habit.closes_only else None
        """What is held until the tag that closes, as this model's answers begin with a thought."""
        self._held = ""
        self._begun = self._said = self._over = False
        self.echoed = False
        """Whether the prompt's delimiter has come back."""

    def feed(self, delta: str) -> Iterator[str | Restart]:
        """Take more text; yield what is certain to be none of it."""
        text = self._held + delta
        if not self._begun:
            start = text.lstrip()
            if "analysis".startswith(start[:8]) and len(start) < 9:
                self._held = text
                return
            self._begun = True
            if _BARE.match(start):
                self._inside = "bare"
        begun = _BEGUN.search(text, max(0, len(text) - _LONGEST_TAG))
        cut = begun.start() if begun else len(text)
        yield from self._read(text, max(0, len(text) - _LONGEST_TAG) if self._inside == "bare" else cut)

    def finish(self) -> Iterator[str | Restart]:
        """Yield what was held and is no thought."""
        yield from self._read(self._held, len(self._held))
        if self._kept:
            yield "".join(self._kept)

    def _read(self, text: str, cut: int) -> Iterator[str | Restart]:
        position = 0
        for tag in _TAG.finditer(text):
            if tag.start() >= cut and (self._inside != "bare" or tag.end() == len(text) > cut):
                break
            yield from self._out(text[position : tag.start()])
            yield from self._met(tag)
            position = tag.end()
        end = max(cut, position)
        yield from self._out(text[position:end] if cut < len(text) else _CUT.sub("", text[position:end]))
        self._held = text[end:]

    def _out(self, text: str) -> Iterator[str]:
        if self._inside or self._over:
            return
        text = text if self._said else text.lstrip()
        self._said = self._said or bool(text)
        if self._kept is not None:
            self._kept.append(text)
        elif text:
            yield text

    def _met(self, tag: re.Match[str]) -> Iterator[Restart]:
        channel = tag["channel"]
        self.echoed = self.echoed or tag["delimiter"] is not None
        if any(tag[name] for name in _CLOSING):
            if not self._inside:
                self._habit.closes_only = True
                yield from self._anew()
            self._closed()
        elif channel == "final" or tag["final"]:
            if not self._inside:
                yield from self._anew()
            self._closed()
        elif tag["returned"] or channel == "" or (tag["turned"] and self._inside == "channel"):
            self._closed()
        elif channel is not None:
            self._inside = "channel"
        elif tag["begins"] or tag["called"] or any(tag[name] == "" for name in _OPENING):
            self._inside = "tag"
        elif tag["asks"] or tag["role"] not in {None, "assistant", "model"}:
            # A model that goes on writes the next question itself.
            self._over = self._over or (self._said and not self._inside)

    def _anew(self) -> Iterator[Restart]:
        self._said = self._over = False
        yield Restart()

    def _closed(self) -> None:
        self._kept, self._inside = None, ""


class Filter(Protocol):
    """Takes an answer's text in pieces and returns what is certain of it."""

    def feed(self, delta: str) -> str:
        """Take more text."""

    def finish(self) -> str:
        """Return what was still held back."""


def answer_of(
    pieces: AsyncGenerator[Piece, None],
    habit: Habit,
    *,
    messages: Sequence[ChatMessage],
    passages: Sequence[Passage],
    language: str,
) -> AsyncGenerator[Piece, None]:
    """Pass on the answer in what a model writes to `messages`, citing passages as `[n]`, and say whether it refuses."""
    known = frozenset(passage.number for passage in passages)

    def filters() -> list[Filter]:
        return [Undressed(), AnyMarker(known), WithoutSources()]

    said = filtered(without_thoughts(pieces, habit), filters)
    return with_refusal(_without_echoes(said, lambda: WithoutEchoes(messages, passages)), language=language)


async def _without_echoes(
    pieces: AsyncGenerator[Piece, None], begun: Callable[[], WithoutEchoes]
) -> AsyncGenerator[Piece, None]:
    """Pass on sentences that are not the prompt's own nor have been said; one that only repeats itself is cut."""
    echoes = begun()
    try:
        async with aclosing(pieces) as stream:
            async for piece in stream:
                if isinstance(piece, str):
                    if text := echoes.feed(piece):
                        yield text
                    if echoes.loops:
                        yield Written(echoed=True)
                        return
                    continue
                if isinstance(piece, Restart):
                    echoes = begun()
                elif rest := echoes.finish():
                    yield rest
                yield (
                    replace(piece, echoed=piece.echoed or echoes.dropped)
                    if isinstance(piece, Written)
                    else piece
                )
    except ModelFailure:
        if rest := echoes.finish():
            yield rest
        raise


async def filtered(
    pieces: AsyncGenerator[Piece, None], filters: Callable[[], Sequence[Filter]]
) -> AsyncGenerator[Piece, None]:
    """Pass text through filters, one after the other, which are made anew where the answer begins anew.

    What they hold when the model fails is passed on before the failure.
    """
    chain = filters()
    try:
        async with aclosing(pieces) as stream:
            async for piece in stream:
                if isinstance(piece, str):
                    text: str = piece
                    for each in chain:
                        text = each.feed(text)
                    if text:
                        yield text
                    continue
                if isinstance(piece, Restart):
                    chain = filters()
                elif rest := _rest(chain):
                    yield rest
                yield piece
    except ModelFailure:
        if rest := _rest(chain):
            yield rest
        raise


def _rest(chain: Sequence[Filter]) -> str:
    rest = ""
    for each in chain:
        rest = each.feed(rest) + each.finish()
    return rest


async def without_thoughts(pieces: AsyncGenerator[Piece, None], habit: Habit) -> AsyncGenerator[Piece, None]:
    """Pass on what is no thought; `Restart` where what has been passed on turns out to have been one."""
    thinking = _Thinking(habit)
    async with aclosing(pieces) as stream:
        async for piece in stream:
            for said in thinking.feed(piece) if isinstance(piece, str) else thinking.finish():
                yield said
            if not isinstance(piece, str):
                yield replace(piece, echoed=thinking.echoed) if isinstance(piece, Written) else piece


async def whole(pieces: AsyncGenerator[Piece, None], habit: Habit) -> str:
    """Return a whole reply, without thoughts and what it is dressed in."""
    said = list[str]()
    async with aclosing(filtered(without_thoughts(pieces, habit), lambda: [Undressed()])) as stream:
        async for piece in stream:
            if isinstance(piece, Restart):
                said.clear()
            elif isinstance(piece, str):
                said.append(piece)
    return "".join(said).strip()


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
