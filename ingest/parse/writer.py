"""Builds an Extract block by block, so that every span is right by construction."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import zip_longest
from typing import Final, NamedTuple

from ingest.extract import Block, BlockKind, Extract, LeftOut, Limits, Unparsable
from ingest.parse.characters import clean, decode
from vectorstore.language.marks import LISTED
from vectorstore.types import MetadataValue, Span

_SHORTEST: Final = 45
_LONGEST: Final = 140
_HARD_BREAK = re.compile(r"(?:  |\\)\Z")
_FENCE = re.compile(r"\A\s*+(?:```|~~~)")
_APART = re.compile(r"\A\s*+(?:\||>|#|:\s)")


def unwrapped(text: str) -> str:
    """Return a paragraph on one line if its breaks come from wrapping; verses, addresses and logs stay."""
    lines = text.split("\n")
    if len(lines) < 2 or not all(_is_wrapped(line) and len(line) <= _LONGEST for line in lines[:-1]):
        return text
    return " ".join([lines[0].rstrip(), *(line.strip() for line in lines[1:])])


def unwrapped_items(text: str) -> str:
    """Return a list with each item's wrapped lines on one line; code inside items stays."""
    lines: list[str] = []
    in_code = False
    for line in text.split("\n"):
        fence = bool(_FENCE.match(line))
        starts = fence or in_code or not line.strip() or LISTED.match(line) or _APART.match(line)
        if (
            not starts
            and lines
            and _is_wrapped(lines[-1])
            and not _FENCE.match(lines[-1])
            and line.startswith(" ")
        ):
            lines[-1] = f"{lines[-1].rstrip()} {line.strip()}"
        else:
            lines.append(line)
        in_code ^= fence
    return "\n".join(lines)


def _is_wrapped(line: str) -> bool:
    return len(line) >= _SHORTEST and not _HARD_BREAK.search(line)


_SEPARATOR = "\n\n"
_LONGEST_TITLE = 500
"""Characters of a heading that every passage under it carries; as text it stays whole."""
_SENTENCE_ENDS = ".!?:;…。"


class _Heading(NamedTuple):
    level: int
    title: str


class ExtractWriter:
    """Collects blocks in reading order. The text it builds is Markdown, blocks parted by an empty line."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._parts: list[str] = []
        self._length = 0
        self._blocks: list[Block] = []
        self._path: list[_Heading] = []
        self._pages: list[int] = []
        self._waiting_pages = 0
        self._findings: dict[str, None] = {}
        self._links: dict[str, None] = {}
        self._left_out: list[LeftOut] = []
        self._hidden = 0
        self.first_heading = ""

    def start_page(self) -> None:
        """Begin the next page: the next block stands at its top."""
        self._waiting_pages += 1
        if len(self._pages) + self._waiting_pages > self._limits.max_pages:
            raise Unparsable(
                "too_large", f"The document has more than {self._limits.max_pages} pages; split it."
            )

    def heading(self, title: str, level: int) -> None:
        """Add a heading of depth `level` from 1; what follows stands under it."""
        title = " ".join(self.clean(title).split())
        if not title:
            return
        level = min(max(level, 1), 6)
        while self._path and self._path[-1].level >= level:
            self._path.pop()
        self._add("heading", f"{'#' * level} {title}", level)
        self._path.append(_Heading(level, title[:_LONGEST_TITLE]))
        self.first_heading = self.first_heading or title[:_LONGEST_TITLE]

    def paragraph(self, text: str) -> None:
        """Add a paragraph; one that was cut by the page break before it is joined to its first half."""
        text = self.clean(text).strip()
        if not text:
            return
        if self._waiting_pages and self._is_cut(text):
            self._continue(text)
        else:
            self._add("paragraph", text)

    def block(self, kind: BlockKind, text: str) -> None:
        """Add a list, a paragraph or code as it is written."""
        text = self.clean(text).strip("\n").rstrip()
        if text.strip():
            self._add(kind, text)

    def code(self, text: str, language: str = "") -> None:
        """Add program text, fenced."""
        text = self.clean(text).strip("\n").rstrip()
        if text.strip():
            fence = "````" if "```" in text else "```"
            self._add("code", f"{fence}{language}\n{text}\n{fence}")

    def table(self, rows: Iterable[Sequence[str]], *, header_rows: int = 1) -> None:
        """Add a table whose first rows are the header (may be empty). Columns without any content are left out.

        Of several header rows each column's words are joined: `Letter` over `Standard` is `Letter Standard`.
        """
        cells = [[self.clean(cell) for cell in row] for row in rows]
        if header_rows > 1:
            cells = [_one_header(cells[:header_rows]), *cells[header_rows:]]
        lines = table_lines(cells)
        if lines:
            self._add("table", "\n".join(lines))

    def finding(self, sentence: str) -> None:
        """Note once what could not be read or had to be repaired."""
        self._findings[sentence] = None

    def leave_out(self, what: str, text: str, place: str = "") -> None:
        """Note text that is left out on purpose: what it is, in two or three words (`hidden text`), and where it stood."""
        if text.strip():
            self._left_out.append(LeftOut(what, text, place))

    def link(self, target: str) -> None:
        """Note an address that the document points to."""
        target = self.clean(target).strip()
        if target.startswith(("http://", "https://", "mailto:")) and len(target) < 2_000:
            self._links[target] = None

    def finish(
        self,
        media_type: str,
        *,
        title: str = "",
        modified: datetime | None = None,
        metadata: dict[str, MetadataValue] | None = None,
        readers: tuple[str, ...] | None = None,
        page_labels: Sequence[str] = (),
        headed: bool = True,
    ) -> Extract:
        """Return the document; without a title its first heading serves, unless `headed` is false.

        Raises:
            Unparsable: nothing was added ("no_text").

        """
        if not self._blocks:
            raise Unparsable("no_text", "There is no text in the file.")
        while self._waiting_pages:
            self._waiting_pages -= 1
            self._pages.append(self._length)
        title = " ".join(self.clean(title).split())
        if self._hidden:
            self.finding(f"Removed {self._hidden} invisible characters, which can hide text from a reader.")
        return Extract(
            text="".join(self._parts),
            blocks=tuple(self._blocks),
            title=title or (self.first_heading if headed else ""),
            media_type=media_type,
            modified=modified,
            pages=tuple(self._pages),
            metadata=metadata or {},
            readers=readers,
            findings=tuple(self._findings),
            page_labels=tuple(page_labels),
            links=tuple(self._links),
            left_out=tuple(self._left_out),
        )

    def _add(self, kind: BlockKind, text: str, level: int = 0) -> None:
        self._append(_SEPARATOR if self._blocks else "")
        self._open_pages()
        start = self._length
        self._append(text)
        span = Span(start, self._length, len(self._pages) or None)
        self._blocks.append(Block(kind, span, tuple(heading.title for heading in self._path), level))

    def _is_cut(self, text: str) -> bool:
        last = self._blocks[-1] if self._blocks else None
        if last is None or last.kind != "paragraph" or not self._pages:
            return False
        return text[0].islower() and self._parts[-1][-1] not in _SENTENCE_ENDS

    def _continue(self, text: str) -> None:
        self._append(" ")
        self._open_pages()
        self._append(text)
        last = self._blocks[-1]
        span = Span(last.span.start, self._length, last.span.page)
        self._blocks[-1] = Block(last.kind, span, last.headings, last.level)

    def _open_pages(self) -> None:
        self._pages.extend([self._length] * self._waiting_pages)
        self._waiting_pages = 0

    def _append(self, text: str) -> None:
        self._parts.append(text)
        self._length += len(text)
        if self._length > self._limits.max_text_chars:
            raise Unparsable(
                "too_large",
                f"The document has more than {self._limits.max_text_chars:,} characters; split it.",
            )

    def decode(self, data: bytes) -> str:
        """Return the text that the bytes hold; a guessed encoding is a finding. Raises `Unparsable`."""
        decoded = decode(data)
        if decoded.finding:
            self.finding(decoded.finding)
        return decoded.text

    def clean(self, text: str) -> str:
        """Take invisible characters out of text, and count them for the findings."""
        cleaned, hidden = clean(text)
        self._hidden += hidden
        return cleaned


def _one_header(rows: list[list[str]]) -> list[str]:
    columns = zip_longest(*rows, fillvalue="")
    return [" ".join(dict.fromkeys(cell.strip() for cell in column if cell.strip())) for column in columns]


def table_lines(rows: list[list[str]]) -> list[str]:
    """Write rows as a Markdown table: header, rule, body; empty when no cell holds anything."""
    cells = [[" ".join(cell.split()).replace("|", "\\|") for cell in row] for row in rows]
    cells = cells[:1] + [row for row in cells[1:] if any(row)]
    width = max((len(row) for row in cells), default=0)
    cells = [row + [""] * (width - len(row)) for row in cells]
    kept = [column for column in range(width) if any(row[column] for row in cells)]
    if not kept:
        return []
    lines = ["| " + " | ".join(row[column] for column in kept) + " |" for row in cells]
    return [lines[0], "|" + " --- |" * len(kept), *lines[1:]]
