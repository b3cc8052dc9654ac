"""Rows to paragraphs: lines joined, words that were cut at line ends made whole."""

import re
from collections.abc import Iterable
from itertools import pairwise
from statistics import median
from typing import Final, Literal, NamedTuple, TypeAlias

from ingest.parse.pdf.page import Row
from ingest.parse.pdf.table import joined_row
from vectorstore.language.marks import ENUMERATOR, PRINTED_BULLET

PieceKind: TypeAlias = Literal["text", "item"]

_STEP = re.compile(r"(\d{1,2}) (?=[A-Z][^\d]{2})")
_BULLET = re.compile(rf"{PRINTED_BULLET}\s*(?=\S)|(?=(?!\(?[A-Z#]){ENUMERATOR}\s+\S)")
_SOFT: Final = "\u00ad"
_CUT = re.compile(r"(?<!\w)(\w++)[-\u2010\u00ad]\Z")
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_GAP: Final = 0.35
_SAME_SIZE: Final = 0.08


class Piece(NamedTuple):
    """A paragraph or a list item as it stands on the page."""

    kind: PieceKind
    lines: list[Row]

    @property
    def size(self) -> float:
        """The size of its text."""
        return self.lines[0].size

    @property
    def bold(self) -> bool:
        """Whether all of it is bold."""
        return all(line.bold for line in self.lines)


def pieces_of(rows: list[Row]) -> list[Piece]:
    """Part a stretch of rows into paragraphs and list items."""
    pieces: list[Piece] = []
    gaps = [below.top - above.bottom for above, below in pairwise(rows)]
    usual = median([gap for gap, row in zip(gaps, rows[1:], strict=True) if gap < row.size] or [0.0])
    right = max(row.right for row in rows)
    for at, row in enumerate(rows):
        line = joined_row(row)
        is_item = bool(_BULLET.match(line.text)) or _is_step(line, pieces)
        if pieces and not is_item and _goes_on(pieces[-1], line, gap=gaps[at - 1] - usual, right=right):
            pieces[-1].lines.append(line)
        else:
            pieces.append(Piece("item" if is_item else "text", [line]))
    return pieces


def _is_step(line: Row, pieces: list[Piece]) -> bool:
    """Say whether a line begins a numbered step without a dot: "1 Press the button", then "2 …"."""
    match = _STEP.match(line.text)
    if not match or line.bold:
        return False
    before = [piece.lines[0].text for piece in pieces[-4:] if piece.kind == "item"]
    return match[1] == "1" or any(text.startswith(f"{int(match[1]) - 1} ") for text in before)


def _goes_on(piece: Piece, line: Row, *, gap: float, right: float) -> bool:
    above = piece.lines[-1]
    if gap > _GAP * line.size or abs(line.size - above.size) > _SAME_SIZE * above.size:
        return False
    ends = above.text.rstrip().endswith((".", ":", "!", "?"))
    short = above.right < right - 0.15 * (right - above.left)
    are_units = line.text.startswith("(")  # under a heading, and perhaps as wide
    if line.bold != above.bold and (ends or short or are_units) and (line.bold or len(piece.lines) == 1):
        return False
    if piece.kind == "item":
        hangs = line.left > piece.lines[0].left + 0.3 * line.size
        return hangs or (line.left > piece.lines[0].left - 1 and not ends and not short)
    indented = line.left > piece.lines[0].left + line.size and len(piece.lines) > 1
    return not (ends and (short or indented))


def vocabulary(texts: Iterable[str]) -> frozenset[str]:
    """Return the words of a document in lower case, compounds whole and in parts."""
    words: set[str] = set()
    for text in texts:
        found = _WORD.findall(text.lower())
        words.update(found)
        words.update(part for word in found if "-" in word for part in word.split("-"))
    return frozenset(words)


def joined_text(lines: list[Row], words: frozenset[str]) -> str:
    """Return the lines as one text; a word cut at a line's end is whole again."""
    text = ""
    for line in lines:
        text = joined(text, line.text.strip(), words)
    return text.replace(_SOFT, "")


def joined(text: str, line: str, words: frozenset[str]) -> str:
    """Append a line to a text."""
    if not text:
        return line
    cut = _CUT.search(text)
    if cut is None:
        return f"{text} {line}"
    after = _WORD.match(line)
    if after is None or not line[0].islower() or _keeps_hyphen(cut[1].lower(), after[0].lower(), words):
        return f"{text[:-1]}-{line}"
    return text[:-1] + line


def _keeps_hyphen(before: str, rest: str, words: frozenset[str]) -> bool:
    if before + rest in words:
        return False
    return f"{before}-{rest}" in words or (before in words and rest in words)


def is_bulleted(text: str) -> bool:
    """Say whether a text begins with a bullet, not with a number or letter, which headings have too."""
    match = _BULLET.match(text)
    return bool(match and match.end())


def item_text(text: str) -> str:
    """Return a list item with a mark that Markdown knows."""
    if match := _STEP.match(text):
        return f"{match[1]}. {text[match.end() :]}"
    match = _BULLET.match(text)
    return f"- {text[match.end() :]}" if match and match.end() else text
