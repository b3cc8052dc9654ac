"""What a parser hands back: the document's plain text and the blocks that structure it, or why it cannot."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

from vectorstore.types import MetadataValue, Span

BlockKind: TypeAlias = Literal["heading", "paragraph", "list", "table", "code"]

FailureReason: TypeAlias = Literal[
    "unsupported",
    "corrupt",
    "encrypted",
    "too_large",
    "timeout",
    "out_of_memory",
    "crashed",
    "no_text",
    "encoding",
    "unreadable",
    "metadata",
]


@dataclass(frozen=True, slots=True)
class Block:
    """One structural piece. `span` points into the extracted text; blocks follow one another in it.

    `level` is a heading's depth from 1. `headings` is the path of headings above the block (its own title
    excluded). A table's text is Markdown, its first two lines the header and the rule.
    """

    kind: BlockKind
    span: Span
    headings: tuple[str, ...] = ()
    level: int = 0


@dataclass(frozen=True, slots=True)
class Extract:
    """A parsed document. `text[block.span.start:block.span.end]` is the block's text, exactly."""

    text: str
    blocks: tuple[Block, ...]
    title: str = ""
    media_type: str = "text/plain"
    modified: datetime | None = None
    pages: tuple[int, ...] = ()
    metadata: dict[str, MetadataValue] = field(default_factory=dict)
    readers: tuple[str, ...] | None = None
    """Whom its front matter names as readers: () is everyone, None that it says nothing."""
    findings: tuple[str, ...] = ()
    """What the parser could not read or had to repair, one sentence each."""
    page_labels: tuple[str, ...] = ()
    """Page numbers as printed, one for each of `pages`; empty when they are simply 1, 2, 3…"""
    links: tuple[str, ...] = ()
    """The addresses (http, https, mailto) that the document points to, each once, in order."""
    unread: tuple[int, ...] = ()
    """Pages, from 1, that show something and have no text layer."""
    by_ocr: tuple[int, ...] = ()
    """Pages, from 1, whose text was read off a picture of them, so that it may hold mistakes."""


@dataclass(frozen=True, slots=True)
class ParseFailure:
    """Why a file could not be read: a reason to count by, and one sentence that says what to do.

    `unread` are pages, from 1, that could be read off a picture of them.
    """

    reason: FailureReason
    message: str
    unread: tuple[int, ...] = ()
