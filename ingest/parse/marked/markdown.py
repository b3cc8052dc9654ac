"""Markdown: its source kept readable, front matter to metadata, markup that is not content taken out."""

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ingest.extract import Extract, Limits, RawFile
from ingest.parse.access import is_readers
from ingest.parse.front_matter import split_front_matter
from ingest.parse.html.html import write_html
from ingest.parse.marked.markdown_inline import MarkdownInline
from ingest.parse.metadata import parse_date, plain_metadata
from ingest.parse.writer import ExtractWriter, unwrapped, unwrapped_items

if TYPE_CHECKING:
    from markdown_it.token import Token

from typing import Final

_FENCE = re.compile(r"\A\s*+(```+|~~~+)")
_INDENTED = re.compile(r"\A(\s*+)(?:!!!|\?\?\?\+?)\s++([\w-]++)(?:\s++[\w-]++)*+(?:\s++\"([^\"]*+)\")?\s*+\Z")
_TAB = re.compile(r"\A(\s*+)===[!+]?\s++\"([^\"]*+)\"\s*+\Z")
_OPEN = re.compile(
    r"\A\s*+(?:/{3,}+|:{3,}+)\s*+([\w-]++)(?:\s*+\|\s*+(.*)|\s*+\[(.*)\]|\s++(?!\{)(.*))?\s*+\Z"
)
_CLOSE = re.compile(r"\A\s*+(?:/{3,}+|:{3,}+)\s*+\Z")
_INDENT: Final = 4


def without_admonitions(text: str) -> str:
    """Return the text with `!!! note "Title"`, `/// tip` and `=== "Tab"` written as labelled paragraphs."""
    if not any(mark in text for mark in ("!!!", "???", "///", ":::", '=== "')):
        return text
    lines: list[str] = []
    open_indents: list[int] = []  # how deep the indented notes stand that a line may belong to
    fence = ""
    for line in text.split("\n"):
        stripped = line.lstrip()
        indent = len(line) - len(stripped)
        while open_indents and stripped and indent < open_indents[-1] + _INDENT:
            open_indents.pop()
        shown = line[min(_INDENT * len(open_indents), indent) :]
        if fence or _FENCE.match(line):
            fence = _next_fence(fence, line)
            lines.append(shown)
        elif match := _INDENTED.match(line) or _TAB.match(line):
            open_indents.append(indent)
            lines += [_label(match), ""]
        elif _CLOSE.match(line):
            lines.append("")
        elif match := _OPEN.match(line):
            lines += [_label(match), ""]
        else:
            lines.append(shown)
    return "\n".join(lines)


def _next_fence(fence: str, line: str) -> str:
    """Return the fence that is open after this line."""
    mark = _FENCE.match(line)
    if mark is None:
        return fence
    if not fence:
        return mark[1]
    closes = mark[1].startswith(fence) and line.strip() == mark[1]
    return "" if closes else fence


def _label(match: re.Match[str]) -> str:
    kind, *titles = [part for part in match.groups() if part and part.strip()] or [""]
    title = next(iter(titles), "")
    if match.re is _TAB:
        return f"{kind}:"
    return f"{kind.capitalize()}: {title}".strip()


_QUOTE = re.compile(r"^ {0,3}> ?", re.M)
_MODIFIED_KEYS = ("lastmod", "last_modified", "last_updated", "updated", "modified", "date")


def parse(source: RawFile, limits: Limits) -> Extract:
    """Read Markdown (CommonMark with tables)."""
    writer = ExtractWriter(limits)
    front, text = split_front_matter(writer.clean(writer.decode(source.data)))
    if front.finding:
        writer.finding(front.finding)
    write_markdown(text, writer)
    return writer.finish(
        source.media_type,
        title=str(front.values.get("title") or ""),
        modified=next(
            (parse_date(front.values[key]) for key in _MODIFIED_KEYS if front.values.get(key)), None
        ),
        metadata=plain_metadata({key: value for key, value in front.values.items() if not is_readers(key)}),
        readers=front.readers,
    )


def write_markdown(text: str, writer: ExtractWriter) -> None:
    """Add Markdown to the document that `writer` builds."""
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark").enable("table")
    environment: dict[str, object] = {}
    text = without_admonitions(text)
    tokens = reader.parse(text, environment)
    inline = MarkdownInline(environment, writer)
    lines = text.split("\n")
    for block in _top_level(tokens):
        _write_block(block, lines, writer=writer, inline=inline)


def _top_level(tokens: Sequence["Token"]) -> Iterator[list["Token"]]:
    """Part the flat list of tokens into one list for each outermost block."""
    block: list[Token] = []
    for token in tokens:
        block.append(token)
        if token.level == 0 and token.nesting <= 0:
            yield block
            block = []


def _write_block(
    block: list["Token"], lines: list[str], *, writer: ExtractWriter, inline: MarkdownInline
) -> None:
    first = block[0]
    start, end = first.map or [0, 0]
    source = "\n".join(lines[start:end])
    match first.type:
        case "heading_open":
            writer.heading(inline.title(block[1].content), int(first.tag[1:]))
        case "fence" | "code_block":
            writer.code(first.content, first.info.split(" ")[0].strip("{}."))
        case "table_open":
            writer.table(_table_rows(block, inline))
        case "html_block":
            _write_html_block(source, writer=writer, inline=inline)
        case "bullet_list_open" | "ordered_list_open":
            writer.block("list", inline.text(unwrapped_items(source)))
        case "blockquote_open":
            writer.block("paragraph", inline.text(unwrapped(_QUOTE.sub("", source))))
        case "hr":
            pass
        case _:
            writer.block("paragraph", inline.text(unwrapped(source)))


def _write_html_block(source: str, *, writer: ExtractWriter, inline: MarkdownInline) -> None:
    if "</" in source:
        write_html(source, writer)
    else:
        writer.block("paragraph", inline.text(source))


def _table_rows(block: list["Token"], inline: MarkdownInline) -> list[list[str]]:
    rows: list[list[str]] = []
    for token in block:
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline":
            rows[-1].append(inline.text(token.content).replace("\n", " "))
    return rows
