"""reStructuredText, read by its layout: sections, lists, tables, code, directives; PEP headers too.

The full docutils machinery would take up to a second for a long file and stops being useful at the first
directive it does not know (Sphinx has hundreds), so only its table reader is used.
"""

import re
from collections.abc import Callable
from typing import Final

from ingest.extract import Extract, Limits, RawFile
from ingest.parse.access import is_readers, readers_of
from ingest.parse.front_matter import refuse_lost_readers
from ingest.parse.html.html import write_html
from ingest.parse.marked.rst_inline import RstInline, csv_table, headed_table, list_table, options_of
from ingest.parse.metadata import parse_date, plain_metadata
from ingest.parse.writer import ExtractWriter, unwrapped, unwrapped_items
from vectorstore.language.marks import BULLET, BULLETED, LISTED
from vectorstore.types import MetadataValue

_ADORNMENT = re.compile(r"\A([!-/:-@\[-`{-~])\1*+\s*+\Z")
_HEADER_FIELD = re.compile(r"\A([A-Z][\w-]*+):(?:\s++(.*))?\Z")
_FIELD = re.compile(r"\A:([^:\n`]++):(?:\s++(.*))?\Z")
_DIRECTIVE = re.compile(r"\A\.\.\s++(?:\|[^|]++\|\s++)?([\w+.:-]+?)\s*+::(?:\s++(.*))?\Z")
_TARGET = re.compile(r"(?:\.\. _|__ )")
_NOTE = re.compile(r"\A\.\.\s++\[([^\]]++)\]\s*+(.*)\Z")
_GRID = re.compile(r"\A\+(?:[-=]++\+)++\s*+\Z")
_SIMPLE = re.compile(r"\A=++(?:\s++=++)++\s*+\Z")
_BULLET = re.compile(rf"\A(\s*+){BULLET}(?=\s)")
_EMPTY_LINES = re.compile(r"\n{2,}+")
_CODE: Final = frozenset(
    {"code", "code-block", "sourcecode", "parsed-literal", "math", "productionlist", "prompt"}
)
_SILENT: Final = frozenset(
    {
        *(
            "contents",
            "index",
            "sectnum",
            "highlight",
            "currentmodule",
            "module",
            "default-role",
            "role",
            "meta",
            "date",
        ),
        *("target-notes", "unicode", "replace", "tabularcolumns", "testsetup", "testcleanup", "toctree"),
    }
)
_UNTITLED: Final = frozenset(
    {"class", "container", "only", "ifconfig", "rst-class", "cssclass", "compound", "header", "footer"}
)
"""Directives whose argument is no text."""
_ADMONITIONS: Final = frozenset(
    {
        *("note", "warning", "tip", "important", "caution", "danger", "error", "hint", "attention", "seealso", "rubric"),
        *("deprecated", "versionadded", "versionchanged", "versionremoved", "admonition", "topic", "sidebar"),
    }
)  # fmt: skip
_ELSEWHERE: Final = frozenset({"include", "literalinclude", "mdinclude"})
_OTHER_OUTPUT = re.compile(r"(?:latex|pdf|texinfo|man|epub|not\s+html)\Z")
_MAX_DEPTH: Final = 12


def parse(source: RawFile, limits: Limits) -> Extract:
    """Read reStructuredText."""
    writer = ExtractWriter(limits)
    text = writer.clean(writer.decode(source.data)).expandtabs(8)
    lines = [line.rstrip() for line in text.split("\n")]
    header, start = _read_header(lines)
    said = readers_of(header, text="\n".join(lines[:start]), where="The header") if header else None
    refuse_lost_readers("\n".join(lines[start:]))
    inline = RstInline(text, writer)
    title = _write_header(header, writer=writer, inline=inline)
    _RstReader(writer, inline).read(lines[start:], depth=0)
    values = {key.lower(): value for key, value in header.items()}
    return writer.finish(
        source.media_type,
        title=title,
        modified=next(
            (parse_date(values[key]) for key in ("last-modified", "created", "date") if values.get(key)), None
        ),
        metadata=_metadata({key: value for key, value in values.items() if not is_readers(key)}),
        readers=said,
    )


def _read_header(lines: list[str]) -> tuple[dict[str, str], int]:
    """Read the mail-style header that PEPs start with; a document without one has none."""
    header: dict[str, str] = {}
    key = ""
    for at, line in enumerate(lines):
        if match := _HEADER_FIELD.match(line):
            key = match[1]
            header[key] = match[2] or ""
        elif line.startswith(" ") and key:
            header[key] = f"{header[key]} {line.strip()}".strip()
        elif not line.strip() and len(header) >= 2:
            return header, at + 1
        else:
            break
    return {}, 0


def _write_header(header: dict[str, str], *, writer: ExtractWriter, inline: RstInline) -> str:
    title = header.get("Title", "")
    if "PEP" in header:
        title = f"PEP {header['PEP']} – {title}"
    if title:
        writer.heading(title, 1)
    facts = [
        f"- {key}: {inline.text(value)}"
        for key, value in header.items()
        if value and key not in ("Title", "PEP")
    ]
    writer.block("list", "\n".join(facts))
    return title


def _metadata(header: dict[str, str]) -> dict[str, MetadataValue]:
    kept = plain_metadata(
        {key: value for key, value in header.items() if key not in ("title", "content-type")}
    )
    if "pep" in header and header["pep"].isdecimal():
        kept["pep"] = int(header["pep"])
    return kept


class _RstReader:
    """Reads lines block by block; indented parts are read again, one level in."""

    def __init__(self, writer: ExtractWriter, inline: RstInline) -> None:
        self._writer = writer
        self._inline = inline
        self._styles: list[str] = []
        self._base = 1 if writer.first_heading else 0
        self._literal_next = False
        self._numbered = 0

    def read(self, lines: list[str], *, depth: int) -> None:
        """Write the blocks that `lines` hold."""
        at = 0
        while at < len(lines):
            at = self._block(lines, at, depth=depth) if lines[at].strip() else at + 1

    def _block(self, lines: list[str], at: int, *, depth: int) -> int:
        line = lines[at]
        if line.startswith(" "):
            return self._indented(lines, at, depth=depth)
        self._literal_next = False
        readers: tuple[Callable[..., int], ...] = (
            self._section, self._explicit, self._table, self._fields, self._doctest, self._list,
        )  # fmt: skip
        for reader in readers:
            if after := reader(lines, at, depth=depth):
                return after
        return self._paragraph(lines, at)

    def _section(self, lines: list[str], at: int, *, depth: int) -> int:
        if depth:
            return 0
        over = bool(_ADORNMENT.fullmatch(lines[at])) and len(lines[at]) >= 3
        title_at = at + 1 if over else at
        if title_at + 1 >= len(lines):
            return 0
        title, under = lines[title_at].strip(), lines[title_at + 1]
        fits = _ADORNMENT.fullmatch(under) and (len(under) >= min(len(title), 4) or under == lines[at])
        if (
            not title
            or not fits
            or (over and under != lines[at])
            or len(under) < 2
            or _ADORNMENT.fullmatch(title)
        ):
            return self._transition(lines, at) if over else 0
        style = under[0] * (2 if over else 1)
        if style not in self._styles:
            self._styles.append(style)
        self._writer.heading(self._inline.title(title), self._styles.index(style) + 1 + self._base)
        return title_at + 2

    def _transition(self, lines: list[str], at: int) -> int:
        alone = at + 1 >= len(lines) or not lines[at + 1].strip()
        return at + 1 if alone and len(lines[at]) >= 4 and not _SIMPLE.match(lines[at]) else 0

    def _explicit(self, lines: list[str], at: int, *, depth: int) -> int:
        line = lines[at]
        if line != ".." and not line.startswith((".. ", "__ ")):
            return 0
        if line == ".." and not "".join(lines[at + 1 : at + 2]).strip():
            return at + 1  # a comment of nothing, which parts what follows from what was before
        end = _indented_end(lines, at + 1)
        if line.startswith(".. |"):
            pass  # what a substitution stands for is written in its place
        elif match := _DIRECTIVE.match(line):
            self._directive(match, lines[at + 1 : end], depth=depth)
        elif (match := _NOTE.match(line)) and not _TARGET.match(line):
            body = [match[2], *(part.strip() for part in lines[at + 1 : end])]
            self._numbered += match[1] == "#"
            mark = self._numbered if match[1] == "#" else match[1].lstrip("#")
            self._writer.paragraph(f"[{mark}] " + self._inline.text(" ".join(body).strip()))
        elif not _TARGET.match(line):
            self._writer.leave_out("comment", "\n".join([line[2:], *lines[at + 1 : end]]))
        return end

    def _directive(self, match: re.Match[str], body: list[str], *, depth: int) -> None:
        name, argument = match[1].lower(), (match[2] or "").strip()
        options, content = options_of(_dedent(body))
        if name in _CODE:
            self._writer.paragraph(self._inline.text(options.get("caption", "")))
            code = [argument, *content] if name in ("math", "productionlist") and argument else content
            self._writer.code(
                "\n".join(code), argument if name in ("code", "code-block", "sourcecode") else ""
            )
        elif name in ("figure", "image"):
            self._figure(options, content, depth=depth)
        elif name in _ELSEWHERE or "file" in options:
            self._writer.finding(
                f"It shows another file, which was not read with it: {options.get('file', argument)[:200]}."
            )
        elif name == "raw" and argument.lower() == "html":
            write_html("\n".join(content), self._writer)
        elif (
            name in _SILENT
            or name == "raw"
            or depth > _MAX_DEPTH
            or (name == "only" and _OTHER_OUTPUT.match(argument))
        ):
            self._writer.leave_out("text for other output", "\n".join([argument, *content]))
        elif name in ("csv-table", "list-table"):
            self._data_table(name, argument, content, options)
        else:
            self._titled(name, argument, body, depth=depth)

    def _titled(self, name: str, argument: str, body: list[str], *, depth: int) -> None:
        """Write a directive's argument, which may be wrapped, and what it holds."""
        wrapped = 0
        while (
            argument
            and wrapped < len(body)
            and body[wrapped].strip()
            and not _FIELD.match(body[wrapped].strip())
        ):
            wrapped += 1
        if name in _UNTITLED:
            self._writer.leave_out("word for the layout", argument)
            argument, wrapped = "", 0
        argument = " ".join([argument, *(line.strip() for line in body[:wrapped])])
        label = f"{name.capitalize()}: " if name in _ADMONITIONS else ""
        if label or argument:
            self._writer.paragraph(self._inline.text(f"{label}{argument}").strip())
        self.read(options_of(_dedent(body[wrapped:]))[1], depth=depth + 1)

    def _figure(self, options: dict[str, str], content: list[str], *, depth: int) -> None:
        if alternative := options.get("alt"):
            self._writer.paragraph(f"Image: {self._inline.text(alternative)}")
        self.read(content, depth=depth + 1)

    def _data_table(self, name: str, caption: str, content: list[str], options: dict[str, str]) -> None:
        self._writer.paragraph(self._inline.text(caption))
        rows = csv_table(content, options) if name == "csv-table" else list_table(content)
        given = options.get("header-rows", "")
        headers = int(given) if given.isdecimal() and len(given) < 3 else 0
        headers += bool(options.get("header"))
        self._writer.table(
            [[self._inline.text(cell) for cell in row] for row in rows], header_rows=max(headers, 1)
        )

    def _table(self, lines: list[str], at: int, *, depth: int) -> int:
        grid = bool(_GRID.match(lines[at]))
        if not grid and not _SIMPLE.match(lines[at]):
            return 0
        end = at + 1
        if grid:
            while end < len(lines) and lines[end].startswith(("+", "|")):
                end += 1
        else:
            rules = 1
            while end < len(lines) and rules < 3:
                rules += bool(_SIMPLE.match(lines[end]))
                end += 1
                if rules == 2 and (end >= len(lines) or not lines[end].strip()):
                    break
        rows, headers = headed_table(lines[at:end], grid=grid)
        if rows:
            self._writer.table(
                [[self._inline.text(cell) for cell in row] for row in rows], header_rows=max(headers, 1)
            )
        else:
            self._writer.code("\n".join(lines[at:end]))
        return end

    def _fields(self, lines: list[str], at: int, *, depth: int) -> int:
        if not _FIELD.match(lines[at]):
            return 0
        facts: list[str] = []
        while at < len(lines) and (match := _FIELD.match(lines[at])):
            end = _indented_end(lines, at + 1)
            value = " ".join(part.strip() for part in [match[2] or "", *lines[at + 1 : end]]).strip()
            if value:
                facts.append(f"- {match[1]}: {self._inline.text(value)}")
            at = end
        self._writer.block("list", "\n".join(facts))
        return at

    def _doctest(self, lines: list[str], at: int, *, depth: int) -> int:
        if not lines[at].startswith(">>> "):
            return 0
        end = _paragraph_end(lines, at)
        self._writer.code("\n".join(lines[at:end]), "pycon")
        return end

    def _list(self, lines: list[str], at: int, *, depth: int) -> int:
        if not LISTED.match(lines[at]):
            return 0
        if not BULLETED.match(lines[at]) and not _is_enumeration(lines, at):
            return 0
        end = at
        while end < len(lines):
            after = end + 1
            while after < len(lines) and (lines[after].startswith(" ") or not lines[after].strip()):
                after += 1
            end = after
            if after >= len(lines) or not LISTED.match(lines[after]):
                break
        items = [_BULLET.sub(r"\1-", line) for line in lines[at:end]]
        text = _EMPTY_LINES.sub("\n", "\n".join(items).strip())
        self._writer.block("list", self._inline.text(unwrapped_items(text.replace("::\n", ":\n"))))
        return end

    def _indented(self, lines: list[str], at: int, *, depth: int) -> int:
        end = _indented_end(lines, at)
        content = _dedent(lines[at:end])
        if self._literal_next or depth > _MAX_DEPTH:
            self._writer.code("\n".join(content))
        else:
            self.read(content, depth=depth + 1)
        self._literal_next = False
        return end

    def _paragraph(self, lines: list[str], at: int) -> int:
        end = at + 1
        # a line that more deeply indented ones follow at once is a term, and they define it
        if end < len(lines) and lines[end].startswith(" ") and not lines[at].endswith("::"):
            return self._definition(lines, at)
        if end < len(lines):
            end = _paragraph_end(lines, at)
        text = "\n".join(lines[at:end])
        literal = text.endswith("::")
        if literal:
            text = text[:-1] if not text.endswith(" ::") and text != "::" else text[:-2]
        text = "\n".join(line.removeprefix("| ") for line in text.split("\n"))
        self._writer.paragraph(self._inline.text(unwrapped(text)))
        self._literal_next = literal
        return end

    def _definition(self, lines: list[str], at: int) -> int:
        end = _paragraph_end(lines, at + 1)
        first = [line.strip() for line in lines[at + 1 : end]]
        plain = not any(line.startswith(("..", ">>> ", "|", "+")) or LISTED.match(line) for line in first)
        if (
            not plain
            or first[-1].endswith("::")
            or len({len(line) - len(line.lstrip()) for line in lines[at + 1 : end]}) > 1
        ):
            self._writer.paragraph(self._inline.text(lines[at]))
            return at + 1
        joined = "" if lines[at].endswith((":", "?", "!", ".")) else ":"
        self._writer.paragraph(self._inline.text(f"{lines[at]}{joined} {unwrapped(chr(10).join(first))}"))
        return end


def _is_enumeration(lines: list[str], at: int) -> bool:
    # "A. Smith wrote" or "I. e." begin like items: the next line of an item is indented, empty or an item
    after = lines[at + 1] if at + 1 < len(lines) else ""
    return not after.strip() or after.startswith(" ") or bool(LISTED.match(after))


def _paragraph_end(lines: list[str], at: int) -> int:
    while at < len(lines) and lines[at].strip():
        at += 1
    return at


def _indented_end(lines: list[str], at: int) -> int:
    """Return where the indented part that starts at `at` ends; empty lines belong to it, final ones too."""
    while at < len(lines) and (lines[at].startswith(" ") or not lines[at].strip()):
        at += 1
    return at


def _dedent(lines: list[str]) -> list[str]:
    indents = [len(line) - len(line.lstrip()) for line in lines if line.strip()]
    least = min(indents, default=0)
    return [line[least:] for line in lines]
