"""Blocks grouped under their heading: the stretch of text that a chunk never leaves."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ingest.extract import Block, Extract
from vectorstore.types import Span

_UNWRAPPED = 160
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
    """Say whether a block leaves the section: headings that follow one another downwards stay together."""
    last = gathered[-1]
    if block.kind == "heading":
        return last.kind != "heading" or block.level <= last.level
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
