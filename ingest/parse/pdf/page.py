"""A PDF page as its reader sees it: words with their boxes, and the lines drawn between them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(slots=True)
class Word:
    """A run of text on one line. Points from the page's upper left corner; `size` is the line's height.

    `cells` makes it a whole ruled table instead, found before the lines were read.
    """

    text: str
    left: float
    right: float
    top: float
    bottom: float
    bold: bool = False
    cells: list[list[str]] | None = None

    @property
    def size(self) -> float:
        """The height of the font's box."""
        return self.bottom - self.top

    @property
    def middle(self) -> float:
        """The height on the page at which the word stands."""
        return (self.top + self.bottom) / 2


@dataclass(frozen=True, slots=True)
class Stroke:
    """A straight line drawn on the page: level when `top == bottom`, upright when `left == right`."""

    left: float
    right: float
    top: float
    bottom: float


@dataclass(slots=True)
class PdfPage:
    """One page. `plain` holds its text when the layout is of no use: turned text in the file's order, OCR."""

    number: int
    width: float
    height: float
    words: list[Word]
    rules: list[Stroke]
    label: str = ""
    plain: str = ""
    is_damaged: bool = False
    is_empty: bool = False
    """Whether nothing at all is drawn on it."""
    layer: str = ""
    """Its text as PDFium gives it, untouched."""

    @property
    def is_unread(self) -> bool:
        """Whether it shows something and has no text."""
        return not (self.words or self.plain.strip() or self.is_damaged or self.is_empty)


class OutlineEntry(NamedTuple):
    """A bookmark: depth from 1, title, page from 1."""

    level: int
    title: str
    page: int


@dataclass(slots=True)
class Row:
    """What stands at one height in one column: runs of words parted by wide gaps, from left to right."""

    runs: list[Word]

    @property
    def left(self) -> float:
        """Where its first run begins."""
        return self.runs[0].left

    @property
    def right(self) -> float:
        """Where its last run ends."""
        return max(run.right for run in self.runs)

    @property
    def top(self) -> float:
        """The upper edge of its highest run."""
        return min(run.top for run in self.runs)

    @property
    def bottom(self) -> float:
        """The lower edge of its lowest run."""
        return max(run.bottom for run in self.runs)

    @property
    def size(self) -> float:
        """The size of its longest run."""
        return max(self.runs, key=lambda run: run.right - run.left).size

    @property
    def bold(self) -> bool:
        """Whether all of it is bold."""
        return all(run.bold for run in self.runs)

    @property
    def text(self) -> str:
        """All of it on one line."""
        return " ".join(run.text for run in self.runs)


def rows_of(runs: Sequence[Word]) -> list[Row]:
    """Group runs that stand at the same height, from top to bottom."""
    rows: list[Row] = []
    for run in sorted(runs, key=lambda run: (run.middle, run.left)):
        for row in reversed(rows[-3:]):
            if run.cells or row.runs[0].cells:
                continue
            shared = min(row.bottom, run.bottom) - max(row.top, run.top)
            if shared > 0.5 * min(run.size, row.bottom - row.top):
                row.runs.append(run)
                break
        else:
            rows.append(Row([run]))
    for row in rows:
        row.runs.sort(key=lambda run: run.left)
    return rows
