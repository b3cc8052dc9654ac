"""Words to paragraphs: columns one after the other, lines joined, words that were cut at line ends made whole."""

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import ceil, inf
from statistics import median
from typing import Final, Literal, NamedTuple, TypeAlias

from ingest.parse.pdf.page import CUT, GAP, SPACE, Row, Word, is_right_to_left, joined_row, rows_of
from vectorstore.language.marks import ENUMERATOR, PRINTED_BULLET
from vectorstore.language.words import word_set

PieceKind: TypeAlias = Literal["text", "item"]

_HEADS_PART = re.compile(
    r"(?:part|chapter|item|section|article|note|annex|teil|kapitel|abschnitt|§)\s+(?:\d{1,4}[a-z]?|[ivx]{1,5})\b(?!,|\s+of\b)",
    re.I,
)
"""What a numbered part's heading begins with: it does not go on a heading above it."""
_STEP = re.compile(r"(\d{1,2}) (?=[A-Z][^\d]{2})")
_BULLET = re.compile(rf"{PRINTED_BULLET}\s*(?=\S)|(?=(?!\(?[A-Z#]){ENUMERATOR}\s+\S)")
_BRACKET = re.compile(r"[()\[\]{}]")
_MIRROR: Final = str.maketrans("()[]{}", ")(][}{")
"""Brackets of right-to-left lines are drawn turned round, and some files name what is drawn."""
_SOFT: Final = "\u00ad"
_HYPHENS: Final = ("-", CUT)
_CUT = re.compile(rf"(?<!\w)(\w++)[-{CUT}]\Z")
_CUTS = re.compile(rf"(?<!\w)(\w++)(?:{CUT}|-\n)\s*+(\w++)")
_FIRST: Final = word_set(
    "all cross ex first full half high long low mid multi non post pre quasi second self semi short "
    "third well"
)
_SECOND: Final = frozenset(
    [
        "based",
        "free",
        "known",
        "level",
        "like",
        "looking",
        "party",
        "related",
        "sized",
        "specific",
        "term",
        "wide",
    ]
)
_ENDINGS: Final = frozenset(
    [
        "age",
        "ages",
        "ed",
        "en",
        "er",
        "est",
        "ing",
        "ish",
        "less",
        "ly",
        "ness",
        "self",
        "selves",
        "some",
        "ty",
    ]
)
"""What compounds begin and end with in English, and what is no word of its own behind those."""
_REACH: Final = 60
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_GAP: Final = 0.35
_SAME_SIZE: Final = 0.08
_FEW: Final = 4


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


def usual_gap(stretches: list[list[Row]]) -> float:
    """Return what usually lies between two lines of text on a page; endless where there are too few to tell."""
    gaps = [
        below.top - above.bottom
        for rows in stretches
        for above, below in pairwise(rows)
        if len(above.runs) == len(below.runs) == 1 and below.top - above.bottom < below.size
    ]
    return median(gaps) if len(gaps) >= _FEW else inf


def pieces_of(rows: list[Row], *, usual: float) -> list[Piece]:
    """Part a stretch of rows into paragraphs and list items; `usual` is the gap between two lines, if these are few."""
    pieces: list[Piece] = []
    gaps = [below.top - above.bottom for above, below in pairwise(rows)]
    close = [gap for gap, row in zip(gaps, rows[1:], strict=True) if gap < row.size]
    usual = min(usual, median(close)) if 0 < len(close) < _FEW else median(close or [0.0])
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
    is_aside = line.text.startswith("(") and line.text.endswith(")")  # "(in millions)" under a title
    if line.bold and above.bold and (is_aside or _HEADS_PART.match(line.text)):
        return False
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


class Vocabulary:
    """The words of a document in lower case, and whether it cuts words at line ends."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        known: set[str] = set()
        cuts: list[tuple[str, str]] = []
        for text in texts:
            cuts += _CUTS.findall(text.lower())
            found = _WORD.findall(_CUTS.sub(" ", text.lower()))
            known.update(found)
            known.update(part for word in found if "-" in word for part in word.split("-"))
        self.known = frozenset(known)
        whole = any(before + rest in known for before, rest in cuts)
        compounds = sum(before in known and rest in known for before, rest in cuts)
        self.hyphenates = whole or len(cuts) > 2 * compounds

    def keeps_hyphen(self, text: str, cut: re.Match[str], rest: str) -> bool:
        """Say whether the hyphen at the end of a text belongs to the word that goes on with `rest`."""
        before = cut[1].lower()
        if before + rest in self.known:
            return False
        is_part = len(before) == 1 or not before.isalpha() or text[cut.start() - 1 : cut.start()] in _HYPHENS
        return (
            is_part
            or "-" in rest
            or f"{before}-{rest}" in self.known
            or (before in _FIRST and rest not in _ENDINGS)
            or rest in _SECOND
            or not self.hyphenates
        )


def joined_text(lines: list[Row], words: Vocabulary) -> str:
    """Return the lines as one text; a word cut at a line's end is whole again."""
    text = ""
    for line in lines:
        text = joined(text, line.text.strip(), words)
    return text.replace(_SOFT, "").replace(CUT, "-")


def joined(text: str, line: str, words: Vocabulary) -> str:
    """Append a line to a text."""
    if not text:
        return line
    if text[-1] == _SOFT:
        return text[:-1] + line
    cut = _CUT.search(text, max(len(text) - _REACH, 0))
    if cut is None:
        return f"{text} {line}"
    after = _WORD.match(line)
    if after is None or not line[0].islower() or words.keeps_hyphen(text, cut, after[0].lower()):
        return f"{text[:-1]}-{line}"
    return text[:-1] + line


def unbroken(text: str, words: Vocabulary) -> str:
    """Return PDFium's plain text with the words whole that it cut at line ends."""
    first, *rest = text.split(CUT)
    pieces = [first]
    for part in rest:
        # only the end of what goes before counts: a long text is not searched again for each cut
        before = pieces[-1]
        pieces[-1] = before[:-_REACH]
        pieces.append(joined(before[-_REACH:] + CUT, part.lstrip(), words))
    return "".join(pieces)


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


_SAME_LETTERS: Final = 0.03
_TOLERANCE: Final = 1.0
_IN_WORD = re.compile(r"\w")
_BREADTHS: Final = (
    ("ijl|'", 22),
    ("ftI.,:;/!", 28),
    ("r()-", 33),
    ("cksvxyzJ", 50),
    ("ABEFKPSTVXYZ", 65),
    ("CDGHNOQRUw", 74),
    ("mMW@%", 88),
)


def fills_cell(above: Row, line: Row, limit: tuple[float, float]) -> bool:
    """Say whether a line is but one word, to which the next letter would not fit in the cell."""
    word, rest = above.text, line.text
    if " " in word or not (_IN_WORD.match(word[-1]) and _IN_WORD.match(rest[0])):
        return False
    width, other = above.right - above.left, line.right - line.left
    letter = width / len(word)
    if abs(letter - other / len(rest)) > _SAME_LETTERS * letter:  # no typewriter's font
        letter = width * _breadth(rest[0]) / sum(map(_breadth, word))
    return max(above.right - limit[1], width - (limit[1] - limit[0])) > -letter - _TOLERANCE


def _breadth(letter: str) -> int:
    """Return about how wide a letter is, in hundredths of the size."""
    return next((breadth for letters, breadth in _BREADTHS if letter in letters), 56)


_STEPS: Final = 60
_MIN_ROWS: Final = 5
_MAX_COLUMNS_DEEP: Final = 3


class _Band(NamedTuple):
    rows: list[Row]
    is_split: bool


def reading_order(runs: Sequence[Word], *, depth: int = 0) -> list[list[Row]]:
    """Return stretches of rows in the order in which they are read; a column is a stretch of its own."""
    rows = rows_of(runs)
    if depth >= _MAX_COLUMNS_DEEP or len(rows) < _MIN_ROWS:
        return [rows] if rows else []
    gutter = _best_gutter(rows)
    if gutter is None:
        return [rows]
    stretches: list[list[Row]] = []
    for band in _bands(rows, gutter):
        sides = _sides(band.rows, gutter) if band.is_split else None
        if sides is None:
            _extend(stretches, band.rows)
        else:
            for side in sides:
                stretches += reading_order(side, depth=depth + 1)
            stretches.append([])
    return [stretch for stretch in stretches if stretch]


def _extend(stretches: list[list[Row]], rows: list[Row]) -> None:
    if stretches and stretches[-1]:
        stretches[-1].extend(rows)
    else:
        stretches.append(list(rows))


def _best_gutter(rows: list[Row]) -> float | None:
    """Return where the fewest rows are crossed, among places that have text on both sides."""
    left, right = min(row.left for row in rows), max(row.right for row in rows)
    step = max((right - left) / _STEPS, 0.01)
    crossed, parted = [0] * (_STEPS + 1), [0] * (_STEPS + 1)
    for row in rows:
        for run in row.runs:
            for at in range(int((run.left - left) / step) + 1, min(ceil((run.right - left) / step), _STEPS)):
                crossed[at] += 1
        for before, after in pairwise(row.runs):
            for at in range(ceil((before.right - left) / step), int((after.left - left) / step) + 1):
                parted[min(at, _STEPS)] += 1
    inner = range(_STEPS // 5, _STEPS - _STEPS // 5 + 1)
    best = max(inner, key=lambda at: parted[at] - crossed[at] / 2 - abs(at - _STEPS / 2) / _STEPS)
    return left + best * step if parted[best] >= _MIN_ROWS - 1 else None


def _crosses(row: Row, at: float) -> bool:
    return any(run.left < at < run.right for run in row.runs)


def _bands(rows: list[Row], gutter: float) -> list[_Band]:
    """Part the rows into bands that the gutter runs through and bands that cross it."""
    bands: list[_Band] = []
    for row in rows:
        is_split = not _crosses(row, gutter)
        if bands and bands[-1].is_split == is_split:
            bands[-1].rows.append(row)
        else:
            bands.append(_Band([row], is_split))
    return bands


def _sides(rows: list[Row], gutter: float) -> tuple[list[Word], list[Word]] | None:
    """Return the runs left and right of the gutter if both sides are prose; None for tables and the like."""
    left = [run for row in rows for run in row.runs if run.right <= gutter]
    right = [run for row in rows for run in row.runs if run.left >= gutter]
    if not _is_prose(left) or not _is_prose(right):
        return None
    return left, right


def _is_prose(runs: list[Word]) -> bool:
    rows = rows_of(runs)
    if len(rows) < _MIN_ROWS:
        return False
    column = max(row.right for row in rows) - min(row.left for row in rows)
    widths = [row.right - row.left for row in rows]
    words = [len(row.text.split()) for row in rows]
    text = "".join(run.text for run in runs)
    letters = sum(character.isalpha() for character in text)
    return median(widths) > 0.6 * column and median(words) >= 3 and letters > 0.7 * len(text.replace(" ", ""))


def in_one_direction(runs: list[Word]) -> list[Word]:
    """Join the pieces of right-to-left lines: PDFium gives them in the order in which they are read."""
    if not any(not run.text.isascii() and is_right_to_left(run.text) for run in runs):
        return runs
    joined: list[Word] = []
    for run in runs:
        before = joined[-1] if joined else None
        if before is not None and (is_right_to_left(before.text) or is_right_to_left(run.text)):
            gap = max(before.left - run.right, run.left - before.right)
            overlap = min(before.bottom, run.bottom) - max(before.top, run.top)
            size = min(before.size, run.size)
            if overlap > 0.4 * size and -size < gap <= GAP * size:
                before.text += " " * (gap > SPACE * size) + run.text
                before.left, before.right = min(before.left, run.left), max(before.right, run.right)
                continue
        joined.append(run)
    for run in joined:
        turned = run.text.translate(_MIRROR)
        if turned != run.text and is_right_to_left(run.text) and _unmatched(turned) < _unmatched(run.text):
            run.text = turned
    return joined


def _unmatched(text: str) -> int:
    """Count the brackets without their other half, of whatever kind."""
    open_, unmatched = 0, 0
    for bracket in _BRACKET.findall(text):
        if bracket in "([{":
            open_ += 1
        elif open_:
            open_ -= 1
        else:
            unmatched += 1
    return unmatched + open_
