"""Answer without a language model: the sentences of the passages that answer, quoted, each with its marker."""

import re
from collections.abc import AsyncGenerator, Awaitable, Sequence

from app.answer.answerer import Piece, Written
from app.events import Passage
from app.language.phrases import quoted
from app.language.reading import Line, lines
from app.question import Message
from app.reader.answerable import PassagesRead
from app.reader.choice import Choice, choose
from app.reader.rank import MOST
from app.support.claim import closest, under
from ingest.parse.marked.markdown_inline import Marks
from vectorstore.language.marks import ITEM, MARKER, NUMBERED
from vectorstore.types import Document

EXTRACTIVE = "extractive"
"""What answers are said to be written by where no language model writes them."""
_UNSURE = 2
"""Quotes at most where the answer is not sure."""
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
_ENDED = re.compile(r"[.!?:…。．｡！？：؟۔।։።។။][\"'“”’»」』)）\]】〕》〉*_]*\Z")
_IDEOGRAPHIC = re.compile(r"[。．｡！？][」』）】〕》〉]*\Z")
"""An end that no space follows."""
_EASTERN = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff][」』）】〕》〉]*\Z")
_RULE = re.compile(r"\A[|\s:-]++\Z")


def written(said: Sequence[Line]) -> str:
    """Return sentences as the answer says them, in quotation marks, ending in a full stop, question mark or colon."""
    # White space first: emphasis and links go on over soft line breaks.
    texts = [_row(line) if line.kind == "row" else _prose(" ".join(line.text.split())) for line in said]
    ended = [_ended(text.rstrip(" ;,\\")) for text in texts]
    return quoted("".join(text if _IDEOGRAPHIC.search(text[-8:]) else f"{text} " for text in ended))


def _ended(text: str) -> str:
    if _ENDED.search(text[-8:]):
        return text
    return f"{text}{'。' if _EASTERN.search(text[-8:]) else '.'}"


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
        outcome = found.decision.outcome
        choices = self._choices(found, passages, most=MOST if outcome == "answered" else _UNSURE)
        if outcome == "refused" or not choices:
            yield Written(outcome="refused")
            return
        before: Document | None = None
        for choice in choices:
            document, lead = choice.passage.document, choice.lead
            if not before and outcome == "unsure":
                lead = closest(document, self._language)
            elif not lead and document != before:
                lead = under(document, _heading(choice))
            yield f"{_gap(before, document)}{lead}{_told(choice)}"
            before = document
        yield Written(outcome=outcome)

    def _choices(self, found: PassagesRead, passages: Sequence[Passage], *, most: int) -> list[Choice]:
        said: list[Choice] = []
        parts = [each for each in found.parts if len(found.parts) == 1 or not each.lacks] or found.parts
        for part in parts:
            # Fewer passages may be left than were ranked: the first ones.
            ranked = [one for one in part.ranked if one.passage < len(passages)]
            said += choose(
                part.asked,
                ranked,
                passages,
                said=said,
                most=most if len(parts) == 1 else 1,
                language=self._language,
            )
        return said


def _gap(before: Document | None, document: Document) -> str:
    """Return what parts a quote from the one before it: a line where another document begins."""
    if before is None:
        return ""
    return " " if document == before else "\n\n"


def _told(choice: Choice) -> str:
    """Return a quote with its marker; the steps of a list each on a line of its own, with its number."""
    marker = f"[{choice.passage.number}]"
    lines_ = [each.line for each in choice.candidates]
    lead = lines_[:1] if len(lines_) > 1 and not NUMBERED.match(lines_[0].text) else []
    steps = lines_[len(lead) :]
    numbers = [match[0].strip() for line in steps if (match := NUMBERED.match(line.text))]
    if not len(numbers) == len(steps) > 1:
        return f"{written(lines_)} {marker}"
    if len(set(numbers)) < len(numbers):  # Markdown counts for itself where every step is numbered 1.
        numbers = [f"{place}." for place in range(1, len(numbers) + 1)]
    told = f"{written(lead)} {marker}" if lead else ""
    return told + "".join(
        f"\n{number} {written([line])} {marker}" for number, line in zip(numbers, steps, strict=True)
    )


def _heading(choice: Choice) -> str:
    """Return the heading above the quote, as the document has it."""
    first = choice.candidates[0].line
    above = [
        line.text.lstrip("# ")
        for line in lines(choice.passage.text, choice.passage.context)
        if line.kind == "heading" and line.start < first.start
    ]
    heading = above[-1] if above else next(reversed(choice.passage.headings), "")
    return heading.rstrip(": ")
