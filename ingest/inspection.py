"""What can be told from a document's extracted text about how well it was read."""

import re
from dataclasses import dataclass
from itertools import pairwise

from vectorstore.types import Document

_TABLE_RULE = re.compile(r"^\|(?:[^\S\n]*+:?-++:?[^\S\n]*+\|)++[^\S\n]*+$", re.M)


@dataclass(frozen=True, slots=True)
class Inspection:
    """A document's text in numbers. Pages count from 1; `unreadable` is how many characters stand for lost ones."""

    characters: int
    characters_per_page: tuple[int, ...]
    pages_without_text: tuple[int, ...]
    tables: int
    unreadable: int


def inspect(document: Document, text: str) -> Inspection:
    """Look at a document's extracted text."""
    per_page = tuple(len(text[start:end].strip()) for start, end in pairwise([*document.pages, len(text)]))
    return Inspection(
        characters=len(text),
        characters_per_page=per_page if document.pages else (),
        pages_without_text=tuple(number for number, count in enumerate(per_page, start=1) if not count),
        tables=len(_TABLE_RULE.findall(text)),
        unreadable=text.count("\ufffd"),
    )
