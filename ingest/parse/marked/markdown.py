"""Markdown: its source kept readable, front matter to metadata, markup that is not content taken out."""

import re
from collections.abc import Callable, Iterator, Sequence
from textwrap import dedent
from typing import TYPE_CHECKING, Final

from ingest.extract import Extract, Limits, RawFile
from ingest.parse.access import is_readers
from ingest.parse.front_matter import split_front_matter
from ingest.parse.html.html import write_html
from ingest.parse.html.markup import read_html
from ingest.parse.html.visible import Styles
from ingest.parse.marked.markdown_inline import MarkdownInline, with_code, without_comments
from ingest.parse.marked.rst_inline import read_table
from ingest.parse.metadata import parse_date, plain_metadata
from ingest.parse.writer import ExtractWriter, unwrapped, unwrapped_items
from vectorstore.language.marks import NUMBER
from vectorstore.language.words import word_set

if TYPE_CHECKING:
    from markdown_it.token import Token

_FENCE = re.compile(r"\A\s*+(```+|~~~+)")
_INDENTED = re.compile(r"\A(\s*+)(?:!!!|\?\?\?\+?)\s++([\w-]++)(?:\s++[\w-]++)*+(?:\s++\"([^\"]*+)\")?\s*+\Z")
_TAB = re.compile(r"\A(\s*+)===[!+]?\s++\"([^\"]*+)\"\s*+\Z")
_OPEN = re.compile(
    r"\A\s*+(?:/{3,}+|:{3,}+)\s*+(?:\{[.]?)?([\w-]++)\}?(?:\s*+\|\s*+(.*)|\s*+\[(.*)\]|\s++(?!\{)(.*))?\s*+\Z"
)
_CLOSE = re.compile(r"\A\s*+(?:/{3,}+|:{3,}+)\s*+\Z")
_DIVISION = re.compile(r"\A\s*+:{3,}+\s*+\{[^{}]*+\}\s*+:*+\Z")
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
        elif _CLOSE.match(line) or (_DIVISION.match(line) and not _is_note(line)):
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


_NOTES: Final = frozenset(
    {
        *("note", "tip", "info", "warning", "caution", "danger", "important", "hint", "attention", "error", "success"),
        *("question", "example", "quote", "abstract", "bug", "failure", "check", "callout", "seealso", "admonition"),
    }
)  # fmt: skip
_DIRECTIVES: Final = _NOTES | {
    *(
        "topic",
        "sidebar",
        "dropdown",
        "card",
        "grid",
        "tab-item",
        "tab-set",
        "figure",
        "margin",
        "epigraph",
        "table",
    ),
    *("glossary", "list-table", "versionadded", "versionchanged", "deprecated", "details", "grid-item-card"),
}


def _is_note(line: str) -> bool:
    match = _OPEN.match(line)
    return match is not None and match[1].lower() in _NOTES


_REFERENCE_COMMENT = re.compile(
    r"^ {0,3}\[(?://|comment|_|#)\]: ?(?:#|<>) ?(?:\(.*\)|\".*\"|'.*')[ \t]*$", re.M | re.I
)
_NOTE = re.compile(
    r"^ {0,3}\[\^(?P<label>[^\s\[\]]{1,100}+)\]:[ \t]*+(?P<text>.*+(?:\n(?!\s*+\[\^)(?=[ \t]{0,3}\S)"
    rf"(?![#>|*+<:\ue0fe-]|{NUMBER} )"
    r".*+|(?:\n[ \t]*+)*\n(?: {4}|\t).*+)*+)",
    re.M,
)
_PROGRAM = re.compile(
    r"^import\s(?:[\w*{}\s,$]{1,500}?\sfrom\s+)?[\"'][^\"'\n]+[\"'];?[ \t]*$|"
    r"^export\s(?:(?:const|let)\s+\w+\s*=|default\s+(?:function|class)\b|(?:async\s+)?function\s+\w+\s*\().*(?:\n(?=\S| |\t).*)*",
    re.M,
)
_COMPONENT = re.compile(
    r"<(?P<ends>/?)(?P<name>[A-Z][\w.]*+)(?P<said>(?:\s++(?:[\w:-]++(?:=(?:\"[^\"]*+\"|'[^']*+'|\{(?:[^{}]|\{[^{}]*+\})*+\}))?"
    r"|\{\.\.\.[^{}]*+\}))*+)\s*+(?P<alone>/?)>"
)
_SAID = re.compile(r"(?<![\w:-])([\w:-]++)=(?:\"([^\"]*+)\"|'([^']*+)'|\{[\"'`]([^\"'`]*+)[\"'`]\})")
_SAYING: Final = word_set("title label header heading caption alt description summary question answer text")
_NOT_SAYING: Final = frozenset(
    {"class", "classname", "style", "href", "src", "id", "path", "to", "import", "d", "key"}
)
_HIDING = re.compile(
    r"<(?P<name>div|section|span|p|aside|article|b|i|em|strong|small|font)\b[^<>]*?(?:\shidden|none|visibility|opacity|font|indent|"
    r"position|color|height|transform)[^<>]*+>",
    re.I,
)
_SUM = re.compile(r"^ {0,3}\$\$[ \t]*\n((?:(?! {0,3}\$\$).*\n)*?) {0,3}\$\$[ \t]*$", re.M)
_PIECE: Final = "\ue0fe"  # private use: stands for a piece of code while what is around it is read
_ASIDE = re.compile(f"{_PIECE}(\\d+){_PIECE}")


def _prepared(text: str, writer: ExtractWriter) -> tuple[str, dict[str, str]]:
    """Return the text without comments, programs, components and hidden parts, and its notes by their labels."""
    code: list[str] = []

    def put_aside(piece: str) -> str:
        code.append(piece)
        return f"{_PIECE}{len(code) - 1}{_PIECE}"

    def whole(piece: str) -> str:
        return _ASIDE.sub(lambda match: code[int(match[1])], piece)

    def left_out(what: str) -> Callable[[re.Match[str]], str]:
        def leave(match: re.Match[str]) -> str:
            writer.leave_out(what, whole(match[0]))
            return ""

        return leave

    text = with_code(text.replace(_PIECE, ""), put_aside)
    text = without_comments(text, writer, whole)
    text = _REFERENCE_COMMENT.sub(left_out("comment"), text)
    if _HIDING.search(text):
        text = _without_hidden(text, lambda piece: writer.leave_out("hidden text", whole(piece)))
    text = _without_components(_PROGRAM.sub(left_out("program"), text))
    text = _SUM.sub(r"```math\n\1```", text)
    notes: dict[str, str] = {}

    def keep(match: re.Match[str]) -> str:
        notes.setdefault(match["label"], whole(match["text"]))
        return ""

    return whole(_NOTE.sub(keep, text)), notes


def _without_hidden(text: str, leave_out: Callable[[str], None]) -> str:
    kept: list[str] = []
    done = 0
    for tag in _HIDING.finditer(text):
        if tag.start() < done or not _hides(tag[0]):
            continue
        depth, end = 0, len(text)
        for other in _ANY_TAG.finditer(text, tag.start()):
            if other[2].lower() != tag["name"].lower():
                continue
            depth += -1 if other[1] else 1
            if not depth:
                end = other.end()
                break
        leave_out(_ANY_TAG.sub(" ", text[tag.start() : end]))
        kept.append(text[done : tag.start()])
        done = end
    return "".join((*kept, text[done:]))


def _hides(tag: str) -> bool:
    root = read_html(f"<body>{tag}x")
    styles = Styles(root)
    seen = styles.seen(root.find("body")[0], styles.first)
    return seen is None or not seen.readable


def _without_components(text: str) -> str:
    """Return MDX with the words of its components in their place: `<Card title="Fees">` says Fees."""
    tags = list(_COMPONENT.finditer(text))
    ended = {tag["name"] for tag in tags if tag["ends"]}
    parts: list[str] = []
    done = depth = 0
    for tag in tags:
        if tag["name"] not in ended and not tag["alone"]:
            continue
        between = text[done : tag.start()]
        parts.append(dedent(between) if depth and "\n" in between else between)
        alone = not text[text.rfind("\n", 0, tag.start()) + 1 : tag.start()].strip()
        words = _said(tag)
        parts.append(f"\n\n{words}" + "\n\n" * (words[-1] != " ") if alone and words else words)
        depth += 0 if tag["alone"] else -1 if tag["ends"] else 1
        done = tag.end()
    return "".join((*parts, text[done:]))


def _said(tag: re.Match[str]) -> str:
    if tag["ends"]:
        return ""
    said = [(name.lower(), " ".join("".join(words).split())) for name, *words in _SAID.findall(tag["said"])]
    words = [text for name, text in said if name in _SAYING or (" " in text and name not in _NOT_SAYING)]
    label = [tag["name"]] if tag["name"].lower() in _NOTES else []
    return ": ".join(filter(None, (*label, *words))) + (": " if label and not words else "")


_QUOTE = re.compile(r"^ {0,3}> ?", re.M)
_ALERT = re.compile(r"\A\s*+\[!([\w-]{1,30}+)\][+-]?[ \t]*+(.*)\n?")
_DEFINES = re.compile(r"\n {0,3}:[ \t]++")
_ANY_TAG = re.compile(r"<(/?)(\w*+)[^<>]*+>")
_OPTIONS = re.compile(r"\A(?:[ \t]*+:[\w-]++:.*\n|\s*+\n)*+")
_ROW_BEGINS = re.compile(r"\A\+(?:[-=:]{2,}+\+)++[ \t]*+\n")
_BAR = re.compile(r"(?<!\\)\|")
_MAX_DEPTH: Final = 8
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
    text, notes = _prepared(text, writer)
    environment: dict[str, object] = {}
    inline = MarkdownInline(writer, notes)
    _MarkdownBlocks(writer, inline, environment).write(without_admonitions(text), depth=0)
    inline.cited.update(dict.fromkeys(inline.notes))
    _write_notes(inline, writer)


def _write_notes(inline: MarkdownInline, writer: ExtractWriter) -> None:
    """Write the notes that what was written last refers to, below it."""
    while inline.cited:
        label, text = inline.notes[key] if (key := next(iter(inline.cited))) in inline.notes else ("", "")
        del inline.cited[key]
        if label and key not in inline.written:
            inline.written.add(key)
            writer.paragraph(f"[{label}] {inline.text(' '.join(text.split()))}")


def _top_level(tokens: Sequence["Token"]) -> Iterator[list["Token"]]:
    """Part the flat list of tokens into one list for each outermost block."""
    block: list[Token] = []
    for token in tokens:
        block.append(token)
        if token.level == 0 and token.nesting <= 0:
            yield block
            block = []


class _MarkdownBlocks:
    """Writes Markdown block by block; quotes and notes hold Markdown again."""

    def __init__(self, writer: ExtractWriter, inline: MarkdownInline, environment: dict[str, object]) -> None:
        from markdown_it import MarkdownIt

        self._reader = MarkdownIt("commonmark").enable("table")
        self._writer = writer
        self._inline = inline
        self._environment = environment

    def write(self, text: str, *, depth: int) -> None:
        """Write the blocks that `text` holds."""
        tokens = self._reader.parse(text, self._environment if not depth else {})
        if not depth:
            self._inline.know(self._environment)
        lines = text.split("\n")
        for block in _top_level(tokens):
            self._block(block, lines, depth=depth)
            _write_notes(self._inline, self._writer)

    def _block(self, block: list["Token"], lines: list[str], *, depth: int) -> None:
        writer, inline = self._writer, self._inline
        first = block[0]
        start, end = first.map or [0, 0]
        source = "\n".join(lines[start:end])
        match first.type:
            case "heading_open" if not depth:
                writer.heading(inline.title(block[1].content), int(first.tag[1:]))
            case "heading_open":
                writer.paragraph(inline.title(block[1].content))
            case "fence" | "code_block":
                self._code(first, depth=depth)
            case "table_open":
                writer.table([[inline.text(cell) for cell in row] for row in _table_rows(lines[start:end])])
            case "html_block":
                _write_html_block(source, writer=writer, inline=inline)
            case "bullet_list_open" | "ordered_list_open":
                writer.block("list", inline.text(unwrapped_items(source)))
            case "blockquote_open" if depth < _MAX_DEPTH:
                self._quote(_QUOTE.sub("", source), depth=depth)
            case "hr":
                pass
            case _:
                self._paragraph(source)

    def _quote(self, source: str, *, depth: int) -> None:
        if match := _ALERT.match(source):
            rest = source[match.end() :]
            source = f"{match[1].capitalize()}: {match[2]}" + ("\n\n" if match[2].strip() else "") + rest
        self.write(source, depth=depth + 1)

    def _code(self, token: "Token", *, depth: int) -> None:
        name, _, rest = token.info.strip().partition("}")
        if name.startswith("{") and (kind := name.lstrip("{.").lower()) in _DIRECTIVES and depth < _MAX_DEPTH:
            label = f"{kind.capitalize()}: " if kind in _NOTES else ""
            if title := f"{label}{rest.strip()}".strip():
                self._writer.paragraph(self._inline.text(title))
            content = _OPTIONS.sub("", f"{token.content}\n")
            self.write(content, depth=depth + 1)
        else:
            self._writer.code(token.content, token.info.split(" ")[0].strip("{}."))

    def _paragraph(self, source: str) -> None:
        if _ROW_BEGINS.match(source) and (rows := read_table(source.split("\n"), grid=True)):
            self._writer.table([[self._inline.text(cell) for cell in row] for row in rows])
        elif _DEFINES.search(source):
            self._writer.block(
                "paragraph", self._inline.text(_DEFINES.sub(": ", source, count=1).replace("\n: ", " "))
            )
        else:
            self._writer.block("paragraph", self._inline.text(unwrapped(source)))


def _write_html_block(source: str, *, writer: ExtractWriter, inline: MarkdownInline) -> None:
    if "</" in source:
        write_html(source, writer)
    else:
        writer.block("paragraph", inline.text(source))


def _table_rows(lines: list[str]) -> list[list[str]]:
    """Return the cells row by row. A bar in code parts nothing, and what stands beyond the last column is kept."""
    return [_cells(line) for at, line in enumerate(lines) if at != 1]


def _cells(line: str) -> list[str]:
    code: list[str] = []

    def put_aside(piece: str) -> str:
        code.append(piece)
        return f"{_PIECE}{len(code) - 1}{_PIECE}"

    line = with_code(line, put_aside).strip() if "`" in line else line.strip()
    cells = _BAR.split(line.removeprefix("|"))
    if len(cells) > 1 and not cells[-1].strip():
        cells.pop()
    shown = [_ASIDE.sub(lambda match: code[int(match[1])], cell) for cell in cells]
    return [cell.replace("\\|", "|").strip() for cell in shown]
