"""Cuts a document into chunks: along its structure first, then by the embedder's own tokens.

A chunk never crosses a heading. Small blocks under one heading share a chunk up to the target size; lists, code
and tables stay whole where they fit; what must be cut is cut between sentences, items, rows or lines, rather
where the subject changes than inside a thought, and only there neighbours overlap. A heading opens the first chunk under it, so every word of the document can be quoted;
the later chunks of the section carry it in their context.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, islice
from math import inf

from ingest.cut.atoms import Atom, TokenCount, atoms_of, coarser
from ingest.cut.cohesion import with_cohesion
from ingest.extract import Block, Extract
from vectorstore.language.words import with_name
from vectorstore.models.embed import Embedder
from vectorstore.types import Chunk, Document, Span, chunk_id

_UNWRAPPED = 160
_MOST_HEADINGS = 3
"""In a row of equal rank, before a section begins: a company's name over a statement's, and no table of contents."""
_LINE = re.compile(r"[^\n]++")


@dataclass(frozen=True, slots=True)
class Section:
    """Consecutive blocks under one heading path.

    A heading opens the section it names: it is the first block, so that its words can be quoted and found.
    `above` is the path over the first block, `headings` the path over the rest.
    """

    blocks: tuple[Block, ...]
    above: tuple[str, ...]
    headings: tuple[str, ...]


def sections_of(extract: Extract) -> Iterator[Section]:
    """Yield the document's sections in order; together they hold every character that is not white space."""
    gathered: list[Block] = []
    for block in _covering(extract):
        if gathered and _begins_section(block, gathered):
            yield _section(gathered)
            gathered = []
        gathered.append(block)
    if gathered:
        yield _section(gathered)


def _section(blocks: Sequence[Block]) -> Section:
    return Section(tuple(blocks), above=blocks[0].headings, headings=blocks[-1].headings)


def _begins_section(block: Block, gathered: Sequence[Block]) -> bool:
    """Say whether a block leaves the section: headings with nothing between them open one together, up to a few."""
    last = gathered[-1]
    if block.kind == "heading":
        alone = len(gathered) if all(each.kind == "heading" for each in gathered) else 0
        return not alone or (block.level <= last.level and alone >= _MOST_HEADINGS)
    return last.kind != "heading" and block.headings != last.headings


def _covering(extract: Extract) -> Iterator[Block]:
    """Yield the blocks that hold something, with paragraphs for text that no block covers."""
    done = 0
    headings: tuple[str, ...] = ()
    end_of_text = Block("paragraph", Span(len(extract.text), len(extract.text)))
    for block in (*extract.blocks, end_of_text):
        gap = Span(done, block.span.start)
        if extract.text[gap.start : gap.end].strip():
            yield Block("paragraph", gap, headings)
        left = block if done <= block.span.start else replace(block, span=Span(done, block.span.end))
        if extract.text[left.span.start : left.span.end].strip():
            yield from _paragraphs(left, extract.text)
        done = max(done, block.span.end)
        headings = block.headings


def _paragraphs(block: Block, text: str) -> Iterator[Block]:
    """Cut a paragraph at its line ends where lines are longer than any editor breaks them."""
    start, end = block.span.start, block.span.end
    lines = text.count("\n", start, end) + 1
    if block.kind != "paragraph" or lines == 1 or end - start < _UNWRAPPED * lines:
        yield block
        return
    for line in _LINE.finditer(text, start, end):
        if line[0].strip():
            yield replace(block, span=Span(*line.span()))


def segments(atoms: Sequence[Atom], *, target: int, limit: int) -> list[tuple[int, int]]:
    """Return [start, end) atom ranges, each at most `limit` tokens and near `target` if that costs little.

    Minimises the sum over chunks of ((size - target) / target)² plus the cost of each cut, by dynamic
    programming, as lines are broken into a paragraph. An atom heavier than the limit stands alone.
    """
    sizes = [0, *accumulate(atom.weight for atom in atoms)]
    best = [0.0] + [inf] * len(atoms)
    came_from = [0] * (len(atoms) + 1)
    for start, atom in enumerate(atoms):
        base = best[start] + atom.cost
        before = sizes[start] - atom.lead_weight
        for end in range(start + 1, len(atoms) + 1):
            size = sizes[end] - before
            if end > start + 1 and (size > limit or atom.alone or atoms[end - 1].alone):
                break
            price = base + (size / target - 1.0) ** 2
            if price < best[end]:
                best[end] = price
                came_from[end] = start
    return _walk_back(came_from)


def _walk_back(came_from: Sequence[int]) -> list[tuple[int, int]]:
    ranges = []
    end = len(came_from) - 1
    while end > 0:
        ranges.append((came_from[end], end))
        end = came_from[end]
    return ranges[::-1]


CHUNKER = "structure-6"
"""Changes whenever the same text would give other chunks; part of every document's digest."""


MOST_PASSAGES = 10_000
"""Of one document: more than the longest text has that is read, where its passages have their usual size."""
_MANY = 5_000
"""Atoms of a section from which on very small ones are taken together."""
_COARSE = 8
"""Into how many parts of a passage they are taken together."""


def chunks_of(
    extract: Extract,
    document: Document,
    *,
    embedder: Embedder,
    target_tokens: int,
    overlap_tokens: int,
    most: int = MOST_PASSAGES,
) -> list[Chunk]:
    """Cut a parsed document into chunks whose embedded text never exceeds `embedder.max_tokens`.

    `chunk.text` is exactly `extract.text` at `chunk.span`, and every character that is not white space is in
    a chunk, but for what comes after the first `most`. `target_tokens` is the size aimed at, `overlap_tokens`
    the most that a cut block repeats.
    """
    title = with_name(document.title, document.uri)
    cutter = _Cutter(extract, title, embedder, target=target_tokens, overlap=overlap_tokens)
    return [
        Chunk(
            id=chunk_id(document=document.id, position=position, text=piece.text),
            document=document.id,
            position=position,
            text=piece.text,
            span=Span(piece.start, piece.start + len(piece.text), _page(extract.pages, piece.start)),
            headings=piece.headings,
            context=piece.context,
        )
        for position, piece in enumerate(islice(cutter.pieces(), most))
    ]


@dataclass(frozen=True, slots=True)
class _Piece:
    start: int
    text: str
    headings: tuple[str, ...]
    context: str


class _Cutter:
    def __init__(
        self, extract: Extract, title: str, embedder: Embedder, *, target: int, overlap: int
    ) -> None:
        self._extract = extract
        self._title = title
        self._embedder = embedder
        self._target = target
        self._overlap = overlap
        self._tokens = TokenCount(extract.text, embedder)

    def pieces(self) -> Iterator[_Piece]:
        for section in sections_of(self._extract):
            yield from self._section(section)

    def _section(self, section: Section) -> Iterator[_Piece]:
        context = self._context(section.headings)
        limit = self._embedder.max_tokens - self._embedder.count_tokens(context)
        atoms = atoms_of(section.blocks, self._extract.text, tokens=self._tokens, limit=limit)
        target = min(self._target, limit)
        if len(atoms) > _MANY:
            atoms = coarser(atoms, least=target // _COARSE)
        if sum(atom.weight for atom in atoms) > target:
            atoms = with_cohesion(atoms, self._extract.text, reach=target // 2)
        for first, last in segments(atoms, target=target, limit=limit):
            start = self._overlapping(atoms, first, last, limit=limit)
            lines = (self._context(section.above) if start == 0 else context, atoms[start].lead)
            yield from self._fitting(
                atoms[start].start,
                atoms[last - 1].end,
                headings=section.headings,
                context="\n".join(line for line in lines if line),
            )

    def _overlapping(self, atoms: Sequence[Atom], first: int, last: int, *, limit: int) -> int:
        """Return the atom that a chunk begins with, moved back into the paragraph or list that was cut."""
        if atoms[first].kind in ("code", "table"):
            return first
        room = min(self._overlap, limit - sum(atom.weight for atom in atoms[first:last]))
        start = first
        while start and atoms[start - 1].block == atoms[first].block and atoms[start - 1].weight <= room:
            start -= 1
            room -= atoms[start].weight
        return start

    def _fitting(self, start: int, end: int, *, headings: tuple[str, ...], context: str) -> Iterator[_Piece]:
        """Yield text[start:end], halved until the embedder reads all of it (tokens may not add up at a cut)."""
        text = self._extract.text[start:end]
        start += len(text) - len(text.lstrip())
        text = text.strip()
        if not text:
            return
        whole = f"{context}\n{text}"
        if len(text) == 1 or self._embedder.count_tokens(whole) <= self._embedder.max_tokens:
            yield _Piece(start, text, headings, context)
            return
        middle = start + (text.rfind(" ", 1, len(text) // 2) + 1 or (len(text) + 1) // 2)
        yield from self._fitting(start, middle, headings=headings, context=context)
        yield from self._fitting(middle, start + len(text), headings=headings, context=context)

    def _context(self, headings: tuple[str, ...]) -> str:
        """Join title and headings, at most a quarter of what the embedder reads: the middle goes first."""
        parts = [part for part in (self._title, *headings) if part]
        if len(parts) > 1 and parts[0].casefold() == parts[1].casefold():
            del parts[0]
        elif len(parts) > 1 and parts[0].casefold().startswith(f"{parts[1].casefold()} ("):
            del parts[1]  # the title has the file's name besides
        most = self._embedder.max_tokens // 4
        while len(parts) > 2 and self._embedder.count_tokens(" > ".join(parts)) > most:
            del parts[1]
        joined = " > ".join(parts)
        if self._embedder.count_tokens(joined) <= most:
            return joined
        return joined[: self._embedder.token_offsets(joined)[most // 2][0]].rstrip()


def _page(pages: Sequence[int], offset: int) -> int | None:
    return max(bisect_right(pages, offset), 1) if pages else None
