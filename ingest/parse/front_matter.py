"""Front matter: the block of `key: value` lines that a document may begin with, and what it says of readers.

A thematic break (`---`) also begins a document, so not every such block is front matter. One that cannot be read
is left out with a finding, unless it may have named readers: then the document is refused, for taking it for text
would open what its author closed.
"""

import re
import string
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from ingest.extract import Unparsable
from ingest.parse.access import names_readers, read_yaml, readers_of, states_readers

_CLOSED_BY: Final = {"---": ("---", "..."), "+++": ("+++",)}
_LONGEST: Final = 64_000
_HEAD_LINES: Final = 60
_FENCE = re.compile(r"\A\w?[^\w\s|>][^\w\s|>]+\w?[ \t]{0,3}(?:yaml|toml|json)?\Z", re.I)
_CODE = re.compile(r"\A[ \t]*(?:```|~~~)")
_KEY_LINE = re.compile(r"""\A(?:["']?[\w.-]{1,60}["']?[ \t]*[:=]|#)""")
_HEAD_LINE = re.compile(r"""[ \t]|[#{}\[\]<!-]|\.\. |["':]?[\w.-]{1,40}["']?[ \t]*[:=]""")
_REFUSED: Final = (
    "Its front matter cannot be read and may name readers. Correct it: a line of ---, then `key: value` lines "
    "with values that hold a colon in quotes, then a line of ---."
)
_OUTSIDE: Final = (
    "It begins with a line that looks like `readers: …` and is no front matter. Write it as Markdown that begins "
    "with a line of ---, then readers: [hr, board], then a line of ---; or name the readers in a side-car."
)


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """What a document says of itself before its text. `readers` is None when it names none."""

    values: Mapping[str, object] = field(default_factory=dict)
    readers: tuple[str, ...] | None = None
    finding: str = ""


def split_front_matter(text: str) -> tuple[FrontMatter, str]:
    """Part a Markdown text into its front matter and the rest.

    Raises:
        Unparsable: the front matter is broken and may name readers, or names them wrongly ("metadata").

    """
    front, rest = _split(text)
    refuse_lost_readers(rest)
    return front, rest


def refuse_lost_readers(text: str) -> None:
    """Refuse a text that begins with what looks like readers and would be taken for content.

    Raises:
        Unparsable: a `readers: …` line stands in its head ("metadata").

    """
    if any(any(map(states_readers, block)) for block in _head(text)):
        raise Unparsable("metadata", _OUTSIDE)


def _split(text: str) -> tuple[FrontMatter, str]:
    body = text.lstrip()
    first, _, after = body.partition("\n")
    fence = first.rstrip()
    if fence not in _CLOSED_BY:
        return FrontMatter(), text
    raw, rest = _until(after, _CLOSED_BY[fence])
    if rest is None or len(raw) > _LONGEST:
        return FrontMatter(), text
    try:
        values = tomllib.loads(raw) if fence == "+++" else read_yaml(raw)
    except (ValueError, RecursionError) as error:
        return _broken(raw, error), rest if _looks_meant(raw) else text
    if values is None or isinstance(values, dict):
        front = {str(key): value for key, value in (values or {}).items()}
        return FrontMatter(front, readers_of(front, text=raw, where="The front matter")), rest
    if names_readers(raw):
        raise Unparsable("metadata", _REFUSED)
    return FrontMatter(), text


def _until(text: str, closers: tuple[str, ...]) -> tuple[str, str | None]:
    """Return the lines before the first closing one and those after it; None when there is none."""
    at = 0
    for line in text.splitlines(keepends=True):
        if line.rstrip() in closers:
            return text[:at], text[at + len(line) :]
        at += len(line)
    return text, None


def _broken(raw: str, error: Exception) -> FrontMatter:
    if names_readers(raw):
        raise Unparsable("metadata", _REFUSED) from error
    if not _looks_meant(raw):
        return FrontMatter()
    return FrontMatter(finding="The front matter is not valid YAML or TOML; it was left out.")


def _looks_meant(raw: str) -> bool:
    return _KEY_LINE.match(raw.lstrip()) is not None


def _head(text: str) -> Iterator[list[str]]:
    """Yield the blocks of lines in which lost front matter may stand.

    All until the first line of prose; after it those with a fence among their lines, but for quoted code.
    """
    block: list[str] = []
    fenced = prose = code = False
    lines = text.lstrip().split("\n", _HEAD_LINES)[:_HEAD_LINES]
    for number, line in enumerate([*lines, ""]):
        if _CODE.match(line) and number and prose:
            code = not code
        if code:
            continue
        if line.strip():
            fence = _FENCE.match(line.strip()) is not None
            if not prose and not fence and not _HEAD_LINE.match(line):
                yield block
                prose = True
            block.append(line)
            fenced = fenced or fence
            continue
        if fenced:
            yield [each.lstrip(string.punctuation + string.whitespace) for each in block]
        elif not prose:
            yield block
        block, fenced = [], False
