"""Answer without a language model: the sentences of the passages that answer, quoted, each with its marker."""

import re
from collections.abc import AsyncGenerator, Awaitable, Sequence
from dataclasses import replace

from app.answer.answerer import Piece, Written
from app.events import Passage
from app.language.quotation import quoted
from app.language.reading import Line
from app.question import Message
from app.reader.answerable import PassagesRead
from app.reader.choice import Choice, choose
from app.support.claim import closest
from ingest.parse.marked.markdown_inline import Marks
from vectorstore.language.marks import ITEM, MARKER

EXTRACTIVE = "extractive"
"""What answers are said to be written by where no language model writes them."""
_EMPHASIS = Marks(
    re.compile(r"(?<!\\)\*|(?<![\w\\])_"),
    {
        "***": re.compile(r"(?<=[^\s\\])\*\*\*(?!\w)"),
        "**": re.compile(r"(?<=[^\s\\])\*\*(?!\w)"),
        "*": re.compile(r"(?<=[^\s\\])\*(?!\w)"),
        "__": re.compile(r"(?<=[^\s\\])__(?!\w)"),
        "_": re.compile(r"(?<=[^\s\\])_(?!\w)"),
    },
)
_LINK = re.compile(r"!?\[([^\[\]\n]*+)\]\([^)\n]{0,1000}+\)")
_NOTE = re.compile(rf"\[\^\w{{1,8}}\]|(?<!\w){MARKER.pattern}")
_ESCAPED = re.compile(r"\\([*_#+\-.!$~`<>|(){}\[\]])")
_ENDED = re.compile(r"[.!?:…。！？؟۔।][\"'“”’»」』)*_]*\Z")
_RULE = re.compile(r"\A[|\s:-]++\Z")


def written(line: Line) -> str:
    """Return the sentence as the answer says it, in quotation marks, ending in a full stop, question mark or colon."""
    # White space first: emphasis and links go on over soft line breaks.
    text = _row(line) if line.kind == "row" else _prose(" ".join(line.text.split()))
    text = text.rstrip(" ;,\\")
    return quoted(text if _ENDED.search(text[-8:]) else f"{text}.")


def _prose(text: str) -> str:
    """Take bullets, emphasis, link targets, footnote marks and the backslashes of escapes away."""
    text = _LINK.sub(r"\1", _LINK.sub(r"\1", ITEM.sub("", text.lstrip("> "))))
    text = _NOTE.sub("", text)
    text = _EMPHASIS.removed(_EMPHASIS.removed(text)).lstrip("# ").strip("*")
    return _ESCAPED.sub(r"\1", text).replace("`", "")


def _row(line: Line) -> str:
    cells = _cells(line.text)
    headers = next(
        (
            _cells(part)
            for part in reversed(line.frame.split("\n"))
            if part.startswith("|") and not _RULE.match(part)
        ),
        [],
    )
    filled = [place for place, cell in enumerate(cells) if cell and cell != "-"]
    if len(headers) != len(cells) or len(filled) < 2:
        return ", ".join(cells[place] for place in filled)
    first, *rest = filled
    named = [f"{headers[place]}: {cells[place]}" if headers[place] else cells[place] for place in rest]
    return f"{cells[first]}, {', '.join(named)}"


def _cells(row: str) -> list[str]:
    return [_prose(cell.strip()) for cell in row.strip().strip("|").split("|")]


class ExtractiveAnswerer:
    """Composes an answer to one question from the passages' own sentences, as they have been ranked for it."""

    name = EXTRACTIVE

    def __init__(self, found: Awaitable[PassagesRead], *, language: str) -> None:
        self._found = found
        self._language = language

    async def write(
        self, question: str, *, passages: Sequence[Passage], history: Sequence[Message]
    ) -> AsyncGenerator[Piece, None]:
        """Stream the answer sentence by sentence, each followed by its marker; refuse when no sentence is left."""
        found = await self._found
        choices, outcome = self._choices(found, passages), found.decision.outcome
        if outcome == "unsure":
            choices = [
                replace(choice, lead=closest(choice.passage.document, self._language))
                for choice in choices[:1]
            ]
        if outcome == "refused" or not choices:
            yield Written(outcome="refused")
            return
        for place, choice in enumerate(choices):
            gap = " " if place else ""
            yield f"{gap}{choice.lead}{written(choice.candidate.line)} [{choice.passage.number}]"
        yield Written(outcome=outcome)

    def _choices(self, found: PassagesRead, passages: Sequence[Passage]) -> list[Choice]:
        said: list[Choice] = []
        parts = [each for each in found.parts if len(found.parts) == 1 or not each.lacks] or found.parts
        for part in parts:
            most = 2 if len(parts) > 1 else 4 if part.asked.kind in ("list", "how_to") else 3
            # Fewer passages may be left than were ranked: the first ones.
            ranked = [one for one in part.ranked if one.passage < len(passages)]
            said += choose(part.asked, ranked, passages, said=said, most=most, language=self._language)
        return said
