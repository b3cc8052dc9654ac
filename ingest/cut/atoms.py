"""The pieces a block can be cut into: sentences, list items, table rows, lines of code."""

import re
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from ingest.extract import Block, BlockKind
from vectorstore.language.marks import BULLET, ENUMERATOR
from vectorstore.language.sentences import sentence_spans
from vectorstore.models.embed import Embedder

_CHARACTERS_PER_TOKEN = 16
"""A token never counts for more text than this, or one unknown "word" could be a megabyte long."""

_WINDOW = 50_000
"""Characters tokenised at a time: token offsets as Python objects weigh fifty times their text."""


class TokenCount:
    """The embedder's tokens in one text, by where each starts."""

    def __init__(self, text: str, embedder: Embedder) -> None:
        self._starts = array("L")
        for start, end in _windows(text):
            self._starts.extend(start + begin for begin, _ in embedder.token_offsets(text[start:end]))

    def between(self, start: int, end: int) -> int:
        """Weigh text[start:end]: its tokens, or its length where single tokens are very long; 1 at least."""
        tokens = bisect_left(self._starts, end) - bisect_left(self._starts, start)
        return max(tokens, (end - start) // _CHARACTERS_PER_TOKEN, 1)


def _windows(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    while start < len(text):
        end = min(start + _WINDOW, len(text))
        if end < len(text):
            end = text.rfind("\n", start, end) + 1 or text.rfind(" ", start, end) + 1 or end
        yield start, end
        start = end


_INTRODUCES = 0.5
_SENTENCE = 0.12
_LINE = 0.15
_FORCED = 1.5
_HEADING = 5.0
_WHOLE = {"list": 0.6, "code": 1.5, "table": 0.3}
"""What cutting costs on top when the block would fit into one chunk."""

_ITEM = re.compile(rf"\n(?=[^\S\n]*(?:{BULLET}|{ENUMERATOR})\s)")
_NEWLINE = re.compile(r"\n+")
_BAR = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True, slots=True)
class Atom:
    """A piece of a block, [start, end) in the extracted text; a block's atoms tile it.

    `weight` is its tokens, `cost` what it costs to begin a chunk here (0: between blocks), and `lead` what a
    chunk that begins here must repeat (a cut table's header row), weighing `lead_weight`. One that is `alone`
    shares no chunk: what it repeats is for itself only.
    """

    start: int
    end: int
    block: int
    kind: BlockKind
    cost: float
    weight: int = 0
    lead: str = ""
    lead_weight: int = 0
    alone: bool = False


def atoms_of(blocks: Sequence[Block], text: str, *, tokens: TokenCount, limit: int) -> list[Atom]:
    """Cut blocks into atoms of at most `limit` tokens, in order."""
    atoms: list[Atom] = []
    for number, block in enumerate(blocks):
        pieces = list(_cut_block(block, text, number=number, tokens=tokens, limit=limit))
        pieces[0] = replace(pieces[0], cost=_cost_between(blocks, number, text))
        atoms.extend(pieces)
    return atoms


def coarser(atoms: Sequence[Atom], *, least: int) -> list[Atom]:
    """Take neighbours of one kind together until each weighs `least` tokens: each costs time, however small it is."""
    found: list[Atom] = []
    first, end, weight = atoms[0], atoms[0].end, atoms[0].weight
    for atom in atoms[1:]:
        apart = atom.kind != first.kind or atom.kind == "heading" or first.alone or atom.alone
        if apart or weight + atom.weight > least:
            found.append(replace(first, end=end, weight=weight))
            first, weight = atom, 0
        end, weight = atom.end, weight + atom.weight
    return [*found, replace(first, end=end, weight=weight)]


def _cost_between(blocks: Sequence[Block], number: int, text: str) -> float:
    """Say what a cut in front of a block costs: a heading keeps its text, "as follows:" keeps its list.

    A short line without a full stop is taken for a heading that the parser could not know as one.
    """
    if number == 0:
        return 0.0
    before = blocks[number - 1]
    if before.kind == "heading":
        return _HEADING
    if before.span.end - before.span.start > 300:
        return _INTRODUCES if text[before.span.end - 1] == ":" else 0.0
    line = text[before.span.start : before.span.end].strip()
    is_title = before.kind == "paragraph" and len(line) < 80 and not line.endswith((".", "!", "?", ";", ","))
    return _INTRODUCES if line.endswith(":") or is_title else 0.0


def _cut_block(block: Block, text: str, *, number: int, tokens: TokenCount, limit: int) -> Iterator[Atom]:
    start, end = block.span.start, block.span.end
    header = _table_header(text[start:end]) if block.kind == "table" else ""
    header_weight = tokens.between(start, start + len(header)) if header else 0
    by_cells = header_weight > limit // 3
    cost = _LINE if block.kind in _WHOLE else _SENTENCE
    if tokens.between(start, end) <= limit:
        cost += _WHOLE.get(block.kind, 0.0)
        by_cells = False
    edges = [start, *_cuts(block, text), end]
    if by_cells or (
        header and tokens.between(*edges[:2]) > limit
    ):  # the first row is not cut with its header
        rule = text.index("\n", start + len(header) + 1, end)
        edges[1:1] = [rule + 1] if rule + 1 < edges[1] else []
    for begin, stop in pairwise(edges):
        if header and begin > start and (by_cells or tokens.between(begin, stop) > limit - header_weight):
            row = _cells_apart(
                (begin, stop), (start, start + len(header)), text=text, tokens=tokens, limit=limit
            )
            for a, b, lead, lead_weight in row:
                forced = cost if a == begin else _FORCED
                weight = tokens.between(a, b)
                yield Atom(a, b, number, block.kind, forced, weight, lead, lead_weight, alone=True)
            continue
        room = limit if by_cells else limit - header_weight
        for a, b in _pieces(begin, stop, text=text, tokens=tokens, limit=room):
            lead, lead_weight = (header, header_weight) if a > start and not by_cells else ("", 0)
            weight = tokens.between(a, b)
            yield Atom(a, b, number, block.kind, cost if a == begin else _FORCED, weight, lead, lead_weight)


def _cells_apart(
    row: tuple[int, int], header: tuple[int, int], *, text: str, tokens: TokenCount, limit: int
) -> Iterator[tuple[int, int, str, int]]:
    """Cut a row too wide for one chunk between cells: start, end, what is repeated, and what that weighs.

    Repeated are the header of the cells, and the row's first cell: it says what the row is about.
    """
    cells, heads = _cells(text, *row), _cells(text, *header)
    if len(cells) != len(heads):
        cells, heads = [row], [header]
    first = (*heads[0], *cells[0])
    own = tokens.between(*heads[0]) + tokens.between(*cells[0])
    if own > limit // 4:
        first, own = (0, 0, 0, 0), 0
    at = 0
    while at < len(cells):
        a, head, after = cells[at][0], heads[at][0], at + 1
        while (
            after < len(cells)
            and own + tokens.between(a, cells[after][1]) + tokens.between(head, heads[after][1])
            <= limit * 3 // 4
        ):
            after += 1
        above, weight = text[head : heads[after - 1][1]], tokens.between(head, heads[after - 1][1])
        if after == at + 1 and weight > limit // 3:
            above, weight = "", 0
        lead = f"{above}|"
        if at and own:
            lead = f"{text[first[0] : first[1]]}{above}|\n{text[first[2] : first[3]]}|"
            weight += own
        lead, weight = (lead, weight + 4) if lead != "|" else ("", 0)
        start, end = a if at else row[0], cells[after - 1][1] if after < len(cells) else row[1]
        for begin, stop in _pieces(start, end, text=text, tokens=tokens, limit=limit - weight):
            yield begin, stop, lead, weight
        at = after


def _cells(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Return where each cell of a table's line begins, with the bar in front of it, and ends."""
    return list(pairwise(match.start() for match in _BAR.finditer(text, start, end))) or [(start, end)]


def _cuts(block: Block, text: str) -> list[int]:
    """Return where a block may be cut, in order, both ends left out."""
    start, end = block.span.start, block.span.end
    inner = text[start:end]
    match block.kind:
        case "list":
            found = [match.end() for match in _ITEM.finditer(inner)]
        case "code":
            found = [match.end() for match in _NEWLINE.finditer(inner)]
        case "table":
            found = [match.end() for match in _NEWLINE.finditer(inner)][2:]
        case _:
            found = [first for first, _ in sentence_spans(inner)]
    return [start + offset for offset in found if 0 < offset < end - start]


def _pieces(start: int, end: int, *, text: str, tokens: TokenCount, limit: int) -> Iterator[tuple[int, int]]:
    """Halve what is too long for one chunk until it fits, between words where there are any."""
    if end - start < 2 or tokens.between(start, end) <= limit:
        yield start, end
        return
    middle = _word_start(text, (start + end) // 2, floor=start + 1)
    yield from _pieces(start, middle, text=text, tokens=tokens, limit=limit)
    yield from _pieces(middle, end, text=text, tokens=tokens, limit=limit)


def _word_start(text: str, wanted: int, *, floor: int) -> int:
    """Move a cut back to the start of a word, unless that is far away."""
    for offset in range(wanted, max(floor, wanted - 60), -1):
        if text[offset - 1].isspace():
            return offset
    return wanted


def _table_header(table: str) -> str:
    """Return a Markdown table's header row, empty if it has none or nothing stands in it."""
    header, _, rest = table.partition("\n")
    if not header.strip("| "):
        return ""
    rule = rest.partition("\n")[0].strip()
    return header if rule and set(rule) <= set("|-: ") and header.strip("| ") else ""
