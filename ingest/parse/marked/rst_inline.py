"""The inside of reStructuredText blocks: roles, references and literals as a reader sees them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from ingest.parse.html.markup import lowered, raised
from ingest.parse.writer import ExtractWriter

_Cell: TypeAlias = tuple[int, int, int, Iterable[str]]


def read_table(lines: list[str], *, grid: bool) -> list[list[str]]:
    """Return the table's cells row by row, header first; empty when docutils cannot read it."""
    return headed_table(lines, grid=grid)[0]


def headed_table(lines: list[str], *, grid: bool) -> tuple[list[list[str]], int]:
    """Return the table's cells row by row, and how many rows are its header."""
    from docutils.parsers.rst.tableparser import GridTableParser, SimpleTableParser, TableMarkupError
    from docutils.statemachine import StringList

    width = max(len(line) for line in lines)
    source = StringList([line.ljust(width) if grid else line for line in lines], source="")
    parser = GridTableParser() if grid else SimpleTableParser()
    try:
        _, head, body = parser.parse(source)
    except (TableMarkupError, IndexError, ValueError, AssertionError):
        return [], 0
    return _filled([*head, *body]), len(head)


def _filled(rows: Sequence[Sequence[_Cell | None]]) -> list[list[str]]:
    """Return the cells' texts, one over several rows or columns repeated in each."""
    texts = [_row(cells) for cells in rows]
    for at, cells in enumerate(rows):
        for column, cell in enumerate(cells):
            if cell is None:
                continue
            for below in range(min(cell[0], len(rows) - at - 1) + 1):
                for right in range(min(cell[1], len(cells) - column - 1) + 1):
                    texts[at + below][column + right] = texts[at][column]
    return texts


def _row(cells: Sequence[_Cell | None]) -> list[str]:
    return [" ".join(" ".join(cell[3]).split()) if cell else "" for cell in cells]


_ROW_BEGINS = re.compile(r"\A[*-]\s++[-*]\s?(.*)\Z")
_CELL_BEGINS = re.compile(r"\A\s++[-*]\s?(.*)\Z")
_FIELD = re.compile(r"\A:([^:\n`]++):(?:\s++(.*))?\Z")
_LITERAL = re.compile(r"``(.+?)``", re.S)
_NUMBERED_ROLE = re.compile(r":(pep|rfc|PEP|RFC):`(?:([^`<]*+)<)?#?(\d++)(?:#[\w-]++)?>?`")
_ROLE = re.compile(r":[\w.+-]{1,60}+(?::[\w.+-]{1,60}+){0,4}:`([^`]++)`")
_LINK = re.compile(r"`([^`<]*+)<([^`>]++)>`__?", re.S)
_PHRASE = re.compile(r"`([^`]+)`__?(?!\w)", re.S)
_WORD = re.compile(r"(?<![\w`])([A-Za-z0-9][\w.+-]{0,120}?)__?(?![\w`])")
_INTERPRETED = re.compile(r"(?<![\w`])`([^`\n]+)`(?![\w`_])")
_SHIFTED = re.compile(r"(?P<joint>\\ )?:(?P<role>sup|sub|superscript|subscript):`(?P<text>[^`]++)`(?:\\ )?")
_MATH = re.compile(r":math:`([^`]++)`")
_STRUCK = re.compile(r":(?:strike|del|strikethrough):`([^`]++)`")
_CODES = re.compile(r"(?:0x|\\?[xuU]\+?|U\+|&#x)([0-9A-Fa-f]{2,6});?")
_NOTE = re.compile(r"\[((?:#[\w-]*)|\*|[\w.+ -]+)\]_(?!\w)")
_SUBSTITUTION = re.compile(r"\|([^|\s][^|\n]*)\|_{0,2}")
_DEFINED = re.compile(r"^\.\. \|([^|\n]+)\|\s+(replace|unicode|image)::[ \t]+(.+(?:\n[ \t]+\S.*)*)$", re.M)
_TARGET = re.compile(r"^[^\S\n]*+\.\. _(`[^`]++`|[^:\n]++):(?:[ \t]*+(?:\n[ \t]++)?(?<=[ \t])(\S++))?", re.M)
_SPECIAL = re.compile(r"[\\_|`]")
_ESCAPED = re.compile(r"\\(\s|.)")


class RstInline:
    """Cleans inline markup; knows the targets and substitutions that the document defines."""

    def __init__(self, document: str, writer: ExtractWriter) -> None:
        self._writer = writer
        self._substitutions = {
            name.strip(): _defined(kind, value) for name, kind, value in _DEFINED.findall(document)
        }
        self._numbered = 0
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
        source = _STRUCK.sub(r"~~\1~~", _SHIFTED.sub(_shifted, source))
        source = _ROLE.sub(lambda match: _role_text(match[1]), _MATH.sub(_formula, source))
        source = _LINK.sub(self._link, source)
        source = _PHRASE.sub(r"\1", source)
        source = _NOTE.sub(self._note, source)
        source = _WORD.sub(self._word, source)
        source = _INTERPRETED.sub(r"\1", source)
        source = _SUBSTITUTION.sub(lambda match: self._substitutions.get(match[1], match[0]), source)
        return _ESCAPED.sub(lambda match: "" if match[1].isspace() else match[1], source)

    def _link(self, match: re.Match[str]) -> str:
        target = "".join(match[2].split())
        self._writer.link(target)
        return " ".join(match[1].split()) or target.rstrip("_")

    def _note(self, match: re.Match[str]) -> str:
        """Return the mark of a note; those without a name are counted, as the notes themselves are."""
        if match[1] != "#":
            return f"[{match[1].lstrip('#')}]"
        self._numbered += 1
        return f"[{self._numbered}]"

    def _word(self, match: re.Match[str]) -> str:
        return match[1] if _normal(match[1]) in self._targets else match[0]


def _defined(kind: str, value: str) -> str:
    if kind == "image":
        return next((line.partition(":alt:")[2].strip() for line in value.split("\n") if ":alt:" in line), "")
    text = " ".join(value.split("\n.. ", maxsplit=1)[0].split())
    if kind == "replace":
        return text
    parts = [
        _CODES.sub(lambda match: chr(min(int(match[1], 16), 0x10FFFF)), part)
        for part in text.split(" .. ")[0].split()
    ]
    return "".join(parts)


def _shifted(match: re.Match[str]) -> str:
    before = match.string[max(match.start() - 40, 0) : match.start()]
    before = before if match["joint"] else before + " " * (not before.endswith((" ", "\\")))
    return (
        lowered(before, match["text"]) if match["role"].startswith("sub") else raised(before, match["text"])
    )


def _formula(match: re.Match[str]) -> str:
    """Return a formula as it stands: a backslash in it escapes nothing, and `_` or `|` mean no reference."""
    return _SPECIAL.sub(r"\\\g<0>", match[1])


def list_table(content: list[str]) -> list[list[str]]:
    """Return the rows of a `list-table`: a list of lists."""
    rows: list[list[str]] = []
    for line in content:
        if match := _ROW_BEGINS.match(line):
            rows.append([match[1]])
        elif rows and (match := _CELL_BEGINS.match(line)):
            rows[-1].append(match[1])
        elif rows and line.strip():
            rows[-1][-1] += " " + line.strip()
    return rows


def csv_table(content: list[str], options: Mapping[str, str]) -> list[list[str]]:
    """Return the rows of a `csv-table`, those of its option `header` first."""
    import csv

    delimiter = {"tab": "\t", "space": " "}.get(options.get("delim", ""), options.get("delim", ","))
    quote = options.get("quote", '"')
    header = csv.reader([options["header"]] if options.get("header") else [], skipinitialspace=True)
    rows = csv.reader(
        content, skipinitialspace=True, delimiter=delimiter[:1] or ",", quotechar=quote[:1] or '"'
    )
    return [*header, *rows]


def options_of(lines: list[str]) -> tuple[dict[str, str], list[str]]:
    """Part a directive's body into its options, which may be wrapped, and its content."""
    options: dict[str, str] = {}
    at = 0
    while at < len(lines) and not lines[at].strip():
        at += 1
    while at < len(lines) and (match := _FIELD.match(lines[at])):
        end = at + 1
        while end < len(lines) and lines[end].startswith(" "):
            end += 1
        options[match[1]] = " ".join(
            [match[2] or "", *(line.strip() for line in lines[at + 1 : end])]
        ).strip()
        at = end
    while at < len(lines) and not lines[at].strip():
        at += 1
    return options, lines[at:]


def _role_text(inner: str) -> str:
    title, opens, target = inner.rpartition("<")
    if opens and title.strip() and target.endswith(">") and ">" not in target[:-1] and target != ">":
        return title.rstrip()
    return inner.lstrip("~!").rpartition(".")[2] if inner.startswith("~") else inner.lstrip("!")


def _normal(name: str) -> str:
    return " ".join(name.split()).lower()
