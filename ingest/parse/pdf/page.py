"""A PDF page as its reader sees it: words with their boxes, and the lines drawn between them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from vectorstore.language.marks import ENUMERATOR, PRINTED_BULLET


@dataclass(slots=True)
class Word:
    """A run of text on one line. Points from the page's upper left corner; `size` is the line's height.

    `cells` makes it a whole ruled table instead, found before the lines were read, with its columns' edges; it is
    bold where its first row alone is.
    """

    text: str
    left: float
    right: float
    top: float
    bottom: float
    bold: bool = False
    cells: list[list[str]] | None = None
    columns: tuple[tuple[float, float], ...] = ()

    @property
    def size(self) -> float:
        """The height of the font's box."""
        return self.bottom - self.top

    @property
    def middle(self) -> float:
        """The height on the page at which the word stands."""
        return (self.top + self.bottom) / 2


class Letter(NamedTuple):
    """A character with its edges, in points from the page's upper left corner."""

    text: str
    left: float
    right: float
    top: float
    bottom: float


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
    raw: str = ""
    """Its text as PDFium gives it, without layout; a hyphen at a line's end is `CUT`."""
    outside: str = ""
    """What stands beyond its edges, where nobody sees it."""
    unnamed: int = 0
    """How many of its characters the file draws without saying which they are."""
    notes: "Notes | None" = None
    foot: list["Row"] = field(default_factory=list)
    """Lines at its foot that are said once for all pages."""
    lent: str = ""
    """What of it stands in tables between lines, where broken words are whole, or in the table of the page before."""
    error: str = ""
    """The error of ours that kept its layout from being read, and where."""

    @property
    def is_unread(self) -> bool:
        """Whether it shows something and has no text."""
        return not (self.words or self.plain.strip() or self.is_damaged or self.is_empty)


@dataclass(slots=True)
class Notes:
    """What lies over a page: comments, addresses of links, files, and what the file hides of its form."""

    comments: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)


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
    def middle(self) -> float:
        """The height on the page at which it stands."""
        return (self.top + self.bottom) / 2

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
        """All of it on one line, in the order in which it is read."""
        text = " ".join(run.text for run in self.runs)
        if text.isascii() or len(self.runs) < 2 or not is_right_to_left(text):
            return text
        return " ".join(run.text for run in reversed(self.runs))


_RIGHT_TO_LEFT: Final = re.compile("[\u0590-\u08ff\ufb1d-\ufdcf\ufdf0-\ufdff\ufe70-\ufefc]")


def is_right_to_left(text: str) -> bool:
    """Say whether most letters of a text run from right to left."""
    letters = len(_RIGHT_TO_LEFT.findall(text))
    return letters > 0 and 2 * letters >= sum(map(str.isalpha, text))


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


_GLUED_BEFORE: Final = re.compile(r"[$€£¥(]{1,2}|US\$|[-–—]?\$")
_LAST_SIGN: Final = re.compile(r"\A(.*\S)\s++([$€£¥])\Z")
_TWO_SUMS: Final = re.compile(r"\A(\(?[\d,.]++\)?(?: ?%)?) ++([$€£¥] ?\(?[\d,.]++\)?)\Z")
_GLUED_AFTER: Final = re.compile(r"[)%]{1,2}|pts?|bps|x|\)\s*%")
_BULLET: Final = re.compile(rf"{PRINTED_BULLET}|{ENUMERATOR}")


def joined_row(row: Row) -> Row:
    """Return the row with currency and percent signs joined to their numbers, bullets to their text."""
    runs: list[Word] = []
    parts = [part for run in row.runs for part in _parted(run)]
    for run in parts:
        before = runs[-1] if runs else None
        if before is None:
            runs.append(run)
        elif _GLUED_BEFORE.fullmatch(before.text):
            # a number stands where its digits stand: its sign may hang far to the left
            runs[-1] = _joined(before, run, left=run.left)
        elif _GLUED_AFTER.fullmatch(run.text) or (
            len(runs) == 1 and len(parts) == 2 and _BULLET.fullmatch(before.text)
        ):
            runs[-1] = _joined(before, run, left=before.left)
        else:
            runs.append(run)
    return Row(runs)


def _parted(run: Word) -> list[Word]:
    """Part "12 % $" and "2,466 $ 2": a currency sign belongs to the number behind it."""
    match = _LAST_SIGN.fullmatch(run.text) or _TWO_SUMS.fullmatch(run.text)
    if not match:
        return [run]
    at = run.right - (run.right - run.left) * len(match[2]) / len(run.text)
    return [
        Word(match[1], run.left, at - 1, run.top, run.bottom, run.bold),
        Word(match[2], at, run.right, run.top, run.bottom, run.bold),
    ]


def _joined(before: Word, run: Word, *, left: float) -> Word:
    space = "" if _GLUED_AFTER.fullmatch(run.text) and run.text != "%" else " "
    text = before.text + space + run.text
    if _BULLET.fullmatch(before.text):  # bullets come from fonts of their own, in any size
        return Word(text, left, run.right, run.top, run.bottom, run.bold)
    top, bottom = min(before.top, run.top), max(before.bottom, run.bottom)
    return Word(text, left, run.right, top, bottom, before.bold and run.bold)


RAISED, LOWERED = "\ufdd0", "\ufdd1"
"""Stand before a character that is set higher or lower than its line; noncharacters, which no text holds."""
CUT: Final = "\u2010"
"""The hyphen that a line ends in, as PDFium marks it."""
CHARACTERS: Final = str.maketrans(
    {
        "ﬀ": "ff",
        "ﬁ": "fi",
        "ﬂ": "fl",
        "ﬃ": "ffi",
        "ﬄ": "ffl",
        "ﬅ": "st",
        "ﬆ": "st",
        "\x02": CUT,
        "\ufffe": CUT,
        **dict.fromkeys(
            "\u00a0\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u200b\u202f\u205f\u3000", " "
        ),
    }
)
"""How characters of fonts are written."""
_SCRIPTS = re.compile(r"(?:\ufdd0.)++(?: (?=[.,;:!?)\]]))?|\ufdd1", re.DOTALL)
_NOTE = re.compile(r"\d{1,2}(?:, ?\d{1,2})*+")
_POWER = re.compile(r"[-+−–]?\d{1,3}")
_BASE = re.compile(
    r"(?:(?<![\d,.$€£¥])\d{1,2}|(?<!\w)[a-zA-Zα-ω]|[)\]]|(?<!\w)(?:[kcdmnµμ]m|mi|ft|in|yd|kg|mg|mol|ha|sec|min|ml|dl|cl|rad|px)"
    r"|m(?:et(?:er|re)s?)|feet|inch(?:es)?|miles?|yards?)\Z"
)
_LONE = re.compile(r"(?<!\w)[A-Za-z\d]\Z")
_BASE_REACH: Final = 20


def character_of(code: int) -> str:
    """Return what a code stands for, a space for every kind of it."""
    if code <= 32 and code != 2:
        return " "
    return chr(code).translate(CHARACTERS) if code <= 0x10FFFF else "\ufffd"


def with_scripts(text: str) -> str:
    """Write raised characters so that they keep their meaning: `10^3`, `euro [1]`, `2nd`; lowered ones as they are."""
    if RAISED not in text and LOWERED not in text:
        return text
    return _SCRIPTS.sub(_script, text)


def _script(match: re.Match[str]) -> str:
    raised = match[0][1::2].strip()
    if not raised:
        return ""
    before = match.string[max(match.start() - _BASE_REACH, 0) : match.start()].replace(LOWERED, "")
    is_power = _POWER.fullmatch(raised)
    if is_power and (_BASE.search(before) or not raised[0].isdigit()) and before[-1:].strip():
        return "^" + raised.replace("−", "-").replace("–", "-")
    if _NOTE.fullmatch(raised):
        return f" [{raised}]".lstrip("" if before[-1:].strip() else " ")
    if len(raised) == 1 and raised.isalpha() and _LONE.search(before):
        return "^" + raised
    return raised


GAP: Final = 0.75
"""Of the size: a wider gap parts two runs of a line."""
SPACE: Final = 0.13
_SMALL: Final = 0.86
_UNEVEN: Final = 1e-4
"""Moves a line that has raised characters, so that those that follow are looked at one by one."""


def goes_on(
    run: Word, character: str, left: float, right: float, top: float, bottom: float, *, spaced: bool
) -> bool:
    """Put a character to the run whose line it goes on without a wide gap; say whether it does."""
    size = min(run.size, bottom - top)
    overlap = min(run.bottom, bottom) - max(run.top, top)
    if overlap <= 0.25 * size:
        return False
    if character == "ل" and left == run.left and run.text[-1] in "اأإآ":
        run.text = f"{run.text[:-1]}ل{run.text[-1]}"  # a ligature, which PDFium turned round
        return True
    if character > "\u0590" and not spaced and _is_turned(run, character, left, right, bottom - top):
        run.text = character + run.text  # browsers write the signs of a word from left to right
        run.top, run.bottom, run.right = min(run.top, top), max(run.bottom, bottom), right
        return True
    gap, mark = left - run.right, _set_apart(run, top, bottom)
    last = run.text[-2:-1]
    after = last in (RAISED, LOWERED)
    if (mark or after) and -size <= gap <= GAP * run.size:
        parted = mark != last if mark and after else not mark and gap > SPACE * run.size
        parted = parted and not mark
        if spaced and LOWERED in (mark, last):  # words of a smaller font, not an index
            parted = True
        run.text += " " * parted + mark + character
        run.right = max(run.right, right)
        run.top -= _UNEVEN
        return True
    if overlap <= 0.4 * size:
        return False
    if _begins_raised(run, top, bottom) and gap <= GAP * (bottom - top):
        run.text = "".join(RAISED + each for each in run.text) + " " * (gap > 0) + character
        run.top, run.bottom, run.right = top, bottom, right
        return True
    if is_right_to_left(character) and -GAP * size <= run.left - right <= GAP * size:
        run.text += " " + character if run.left - right > SPACE * size else character
        run.left = min(run.left, left)
        return True
    # the letters of a ligature share its box; PDFium knows what is one word
    is_near = right == run.right or (-1.2 if not spaced else -0.5) * size <= gap <= GAP * size
    if is_near and right >= run.right - size:
        run.text += " " + character if spaced else character
        run.right = max(run.right, right)
        return True
    return False


def _is_turned(run: Word, character: str, left: float, right: float, size: float) -> bool:
    """Say whether a letter of a word that is read from right to left stands right of the one before."""
    size = max(run.size, size)
    is_next = right > run.right and -0.5 * size <= left - run.right <= GAP * size
    return is_next and is_right_to_left(character) and is_right_to_left(run.text[:1])


def _set_apart(run: Word, top: float, bottom: float) -> str:
    """Return the mark of a character that is set smaller and higher than its run, or lower; empty for none."""
    if bottom - top > _SMALL * run.size:
        return ""
    if bottom < run.bottom - 0.15 * run.size:
        return RAISED
    return LOWERED if top > run.top + 0.25 * run.size and bottom > run.bottom - 0.05 * run.size else ""


def _begins_raised(run: Word, top: float, bottom: float) -> bool:
    """Say whether the run so far is a raised mark before a character of this height."""
    size = bottom - top
    return len(run.text) <= 3 and run.size <= _SMALL * size and run.bottom < bottom - 0.15 * size
