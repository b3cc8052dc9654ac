"""The inside of reStructuredText blocks: roles, references and literals as a reader sees them."""

import re
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from ingest.parse.writer import ExtractWriter

_Cell: TypeAlias = tuple[int, int, int, Iterable[str]]


def read_table(lines: list[str], *, grid: bool) -> list[list[str]]:
    """Return the table's cells row by row, header first; empty when docutils cannot read it."""
    from docutils.parsers.rst.tableparser import GridTableParser, SimpleTableParser, TableMarkupError
    from docutils.statemachine import StringList

    width = max(len(line) for line in lines)
    source = StringList([line.ljust(width) if grid else line for line in lines], source="")
    parser = GridTableParser() if grid else SimpleTableParser()
    try:
        _, head, body = parser.parse(source)
    except (TableMarkupError, IndexError, ValueError, AssertionError):
        return []
    return [_row(cells) for cells in [*head, *body]]


def _row(cells: Sequence[_Cell | None]) -> list[str]:
    return [" ".join(" ".join(cell[3]).split()) if cell else "" for cell in cells]


_LITERAL = re.compile(r"``(.+?)``", re.S)
_NUMBERED_ROLE = re.compile(r":(pep|rfc|PEP|RFC):`(?:([^`<]*+)<)?#?(\d++)(?:#[\w-]++)?>?`")
_ROLE = re.compile(r":[\w.+-]{1,60}+(?::[\w.+-]{1,60}+){0,4}:`([^`]++)`")
_LINK = re.compile(r"`([^`<]*+)<([^`>]++)>`__?", re.S)
_PHRASE = re.compile(r"`([^`]+)`__?(?!\w)", re.S)
_WORD = re.compile(r"(?<![\w`])([A-Za-z0-9][\w.+-]{0,120}?)__?(?![\w`])")
_INTERPRETED = re.compile(r"(?<![\w`])`([^`\n]+)`(?![\w`_])")
_NOTE = re.compile(r"\[((?:#[\w-]*)|\*|[\w.+ -]+)\]_(?!\w)")
_SUBSTITUTION = re.compile(r"\|([^|\s][^|\n]*)\|_{0,2}")
_DEFINED = re.compile(r"^\.\. \|([^|]+)\|\s+(?:replace|unicode)::\s+(.+)$", re.M)
_TARGET = re.compile(r"^[^\S\n]*+\.\. _(`[^`]++`|[^:\n]++):(?:[ \t]*+(?:\n[ \t]++)?(?<=[ \t])(\S++))?", re.M)
_ESCAPED = re.compile(r"\\(\s|.)")


class RstInline:
    """Cleans inline markup; knows the targets and substitutions that the document defines."""

    def __init__(self, document: str, writer: ExtractWriter) -> None:
        self._writer = writer
        self._substitutions = {name.strip(): value.strip() for name, value in _DEFINED.findall(document)}
        self._targets: set[str] = set()
        for name, target in _TARGET.findall(document):
            self._targets.add(_normal(name.strip("`")))
            writer.link(target)

    def text(self, source: str) -> str:
        """Return the block's source as a reader sees it, literals in back-quotes."""
        if not any(mark in source for mark in "`_|\\"):
            return source
        parts = _LITERAL.split(source)
        shown = [f"`{part}`" if at % 2 else self._prose(part) for at, part in enumerate(parts)]
        return "".join(shown)

    def title(self, source: str) -> str:
        """Return a section title as plain words."""
        return self.text(source).replace("`", "").replace("**", "")

    def _prose(self, source: str) -> str:
        source = _NUMBERED_ROLE.sub(
            lambda match: (match[2] or "").rstrip() or f"{match[1].upper()} {match[3]}", source
        )
        source = _ROLE.sub(lambda match: _role_text(match[1]), source)
        source = _LINK.sub(self._link, source)
        source = _PHRASE.sub(r"\1", source)
        source = _NOTE.sub(lambda match: f"[{match[1].lstrip('#') or '#'}]", source)
        source = _WORD.sub(self._word, source)
        source = _INTERPRETED.sub(r"\1", source)
        source = _SUBSTITUTION.sub(lambda match: self._substitutions.get(match[1], match[0]), source)
        return _ESCAPED.sub(lambda match: "" if match[1].isspace() else match[1], source)

    def _link(self, match: re.Match[str]) -> str:
        target = "".join(match[2].split())
        self._writer.link(target)
        return " ".join(match[1].split()) or target.rstrip("_")

    def _word(self, match: re.Match[str]) -> str:
        return match[1] if _normal(match[1]) in self._targets else match[0]


def _role_text(inner: str) -> str:
    title, opens, target = inner.rpartition("<")
    if opens and title.strip() and target.endswith(">") and ">" not in target[:-1] and target != ">":
        return title.rstrip()
    return inner.lstrip("~!").rpartition(".")[2] if inner.startswith("~") else inner.lstrip("!")


def _normal(name: str) -> str:
    return " ".join(name.split()).lower()
