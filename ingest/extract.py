"""What a parser hands back: the document's plain text and the blocks that structure it, or why it cannot."""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from traceback import walk_tb
from typing import Final, Literal, TypeAlias

from vectorstore.types import MetadataValue, Span


@dataclass(frozen=True, slots=True)
class OcrPages:
    """What OCR made of a document's pages, from 1: their texts, and why others have none."""

    texts: Mapping[int, str] = field(default_factory=dict)
    failed: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RawFile:
    """A file's bytes, its type by content, and its name (a hint only: it decides between dialects of text).

    `ocr` is None when nobody has tried to read its pictures.
    """

    data: bytes
    name: str
    media_type: str
    ocr: OcrPages | None = None


def suffix_of(name: str) -> str:
    """Return the name's ending without the dot, in lower case; empty when it has none."""
    return name.rpartition(".")[2].lower() if "." in name else ""


NOT_OPENED: Final = "named but not read; ingest the message with `footnote ingest`, or each as a file."
"""The end of what is said of attachments where they do not become documents of their own."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that parsing one file may take; beyond any of them that file fails, and only that file."""

    memory_bytes: int
    cpu_seconds: int
    wall_seconds: float
    max_file_bytes: int
    max_text_chars: int
    max_pages: int


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
class LeftOut:
    """Text of the file that the parser saw and left out: what it is (`hidden text`), the text, and where it stood."""

    what: str
    text: str
    place: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """What became of a file's own text, in letters and digits.

    `characters` are those of the file, `left_out` those that the parser left out on purpose, by what they are, and
    `unexplained` those that nobody knows of; `worst` is where most of them stood (`on page 7`), if they are many.
    """

    characters: int
    kept: int
    left_out: Mapping[str, int] = field(default_factory=dict)
    unexplained: int = 0
    worst: str = ""

    def lines(self) -> tuple[str, ...]:
        """Return it as a document's metadata keeps it, a line for each number; `account_in` reads it back."""
        left_out = (f"left out {count} {what}" for what, count in sorted(self.left_out.items()))
        last = f"unexplained {self.unexplained} {self.worst}".rstrip()
        return f"characters {self.characters}", f"kept {self.kept}", *left_out, last


ACCOUNT: Final = "text_account"
_LINE = re.compile(r"(characters|kept|left out|unexplained) (\d{1,10})(?: (.*))?", re.S)


def account_in(metadata: Mapping[str, MetadataValue]) -> Account | None:
    """Return the account that a document's metadata keeps; None where there is none."""
    lines = metadata.get(ACCOUNT, ())
    found = [_LINE.fullmatch(line) for line in lines] if isinstance(lines, tuple) else []
    read = [(match[1], int(match[2]), match[3] or "") for match in found if match]
    numbers = {name: number for name, number, _ in read}
    if not {"characters", "kept", "unexplained"} <= numbers.keys():
        return None
    left_out = {what: number for name, number, what in read if name == "left out"}
    return Account(numbers["characters"], numbers["kept"], left_out, numbers["unexplained"], read[-1][2])


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
    left_out: tuple[LeftOut, ...] = ()
    """What was left out on purpose. It stays in the worker."""
    layer: tuple[str, ...] = ()
    """A PDF's own text, page by page, as PDFium gives it. It stays in the worker."""
    account: Account | None = None


@dataclass(frozen=True, slots=True)
class ParseFailure:
    """Why a file could not be read: a reason to count by, and one sentence that says what to do.

    `unread` are pages, from 1, that could be read off a picture of them.
    """

    reason: FailureReason
    message: str
    unread: tuple[int, ...] = ()


class Unparsable(Exception):
    """Ends the parsing of one file. The worker turns it into a `ParseFailure`; it never crosses a process."""

    def __init__(self, reason: FailureReason, message: str, *, unread: tuple[int, ...] = ()) -> None:
        super().__init__(message)
        self.reason: FailureReason = reason
        self.message = message
        self.unread = unread


_OWN: Final = frozenset({"app", "eval", "footnote", "ingest", "prompts", "vectorstore"})
_READERS: Final = frozenset(
    {
        "binascii",
        "codecs",
        "csv",
        "email",
        "encodings",
        "gzip",
        "html",
        "json",
        "lzma",
        "mailbox",
        "plistlib",
        "quopri",
    }
    | {"struct", "tarfile", "xml", "zipfile", "zlib"}
)
"""The parts of Python that read files, as libraries do; other parts fail for what we give them."""


def own_error(error: BaseException) -> str:
    """Return the error and its place (`IndexError in ingest.parse.plain:12`) where our code broke; empty where it met damage.

    An error of a library's own kind, or one that a library or a reader of Python's raised, tells of the file; so does
    text that cannot be decoded. What breaks in our own lines is ours, whatever the file holds.
    """
    kind = type(error).__module__.partition(".")[0]
    if (
        isinstance(error, UnicodeError | EOFError)
        or kind in _READERS
        or not (kind in _OWN or _is_python(kind))
    ):
        return ""
    for frame, line in reversed(list(walk_tb(error.__traceback__))):
        module = str(frame.f_globals.get("__name__", ""))
        root = module.partition(".")[0]
        if root in _OWN or root == "__main__":
            return f"{type(error).__name__} in {module}:{line}"
        if root in _READERS or not _is_python(root):
            return ""
    return ""


def _is_python(module: str) -> bool:
    return module == "builtins" or module in sys.stdlib_module_names
