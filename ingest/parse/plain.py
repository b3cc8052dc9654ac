"""Plain text: paragraphs at empty lines, headings where the layout shows them, lists."""

import re
from textwrap import dedent

from ingest.extract import Extract, Limits, RawFile
from ingest.parse.characters import without_escapes
from ingest.parse.front_matter import refuse_lost_readers
from ingest.parse.writer import ExtractWriter, unwrapped, unwrapped_items
from vectorstore.language.marks import ITEM

_HEAD = 64_000
_PARTS = re.compile(r"\n(?:[ \t]*+\n)++")
_ZEROS = re.compile("\0++")
_OVERWRITTEN = re.compile(r"^[^\r\n]*+\r[^\n]*+", re.M)
_NO_WORDS = re.compile(r"[\W\d_]++")
_RULE = re.compile(r"\A[=\-~*#_]{3,}+\Z")
_NUMBERED = re.compile(r"\A(\d++(?:\.\d++)*+)\.?\s++[A-Z]")


def parse(source: RawFile, limits: Limits) -> Extract:
    """Read plain text."""
    writer = ExtractWriter(limits)
    text = writer.decode(source.data)
    text, zeros = _ZEROS.subn(" ", text.rstrip("\0"))
    if zeros:
        writer.finding(f"There are zero bytes in the text, in {zeros} places; they were read as blanks.")
    refuse_lost_readers(writer.clean(text[:_HEAD]))
    write_plain(text, writer)
    return writer.finish(source.media_type)


def write_plain(text: str, writer: ExtractWriter) -> None:
    """Add plain text to the document that `writer` builds."""
    text = without_escapes(text).replace("\r\n", "\n")
    if "\n" in text and "\r" in text:
        text = _OVERWRITTEN.sub(lambda line: _last_shown(line[0], writer), text)
    text = text.replace("\r", "\n").expandtabs(4)
    for page, content in enumerate(text.split("\f")):
        if page:
            writer.start_page()
        for part in _PARTS.split(content):
            _write_part(dedent(part.strip("\n")), writer)


def _last_shown(line: str, writer: ExtractWriter) -> str:
    """Return a line that was written over as a terminal shows it at the end: of a progress bar the last state."""
    states = [state for state in line.split("\r") if state.strip()]
    following = [_NO_WORDS.sub("", state) for state in states[1:]] + [None]
    gone = [
        state for state, after in zip(states, following, strict=True) if _NO_WORDS.sub("", state) == after
    ]
    writer.leave_out("progress shown on one line", "\n".join(gone))
    return "\n".join(state for state in states if state not in gone)


def _write_part(part: str, writer: ExtractWriter) -> None:
    lines = part.split("\n")
    over = lines[0].strip()
    if len(lines) >= 2 and _RULE.match(over) and _RULE.match(lines[-1].strip()):
        lines = lines[1:]
        if len(lines) > 1 and 2 * len(over) < len(lines[0].strip()):
            lines = lines[:-1]  # what a few signs enclose is a block as AsciiDoc marks them
    if len(lines) >= 2 and len(lines[0]) <= 120 and _is_under(lines[1].strip(), lines[0].strip()):
        writer.heading(lines[0], 1 if lines[1].strip()[0] in "=#*" else 2)
        lines = lines[2:]
    elif len(lines) == 1 and (level := _heading_level(lines[0].strip())):
        writer.heading(lines[0], level)
        return
    if not lines or all(_RULE.fullmatch(line.strip()) for line in lines):
        return
    is_list = sum(bool(ITEM.match(line.lstrip())) for line in lines) >= 2 or bool(
        ITEM.match(lines[0].lstrip())
    )
    text = "\n".join(line.rstrip() for line in lines)
    if is_list:
        writer.block("list", unwrapped_items(text))
    else:
        writer.block("paragraph", unwrapped(text))


def _is_under(rule: str, title: str) -> bool:
    """Say whether a line under another makes it a heading; below `[quote]` AsciiDoc begins a block."""
    return bool(_RULE.fullmatch(rule)) and not (title.startswith("[") and title.endswith("]"))


def _heading_level(line: str) -> int:
    """Say how deep a line that stands alone is as a heading: 0 when it is none."""
    if (
        len(line) > 80
        or line.endswith((".", ",", ";", "!", "?"))
        or (ITEM.match(line.lstrip()) and not _NUMBERED.match(line))
    ):
        return 0
    if match := _NUMBERED.match(line):
        return min(match[1].count(".") + 2, 6) if line.endswith(line.rstrip(".:")) else 0
    letters = [character for character in line if character.isalpha()]
    return 2 if len(letters) >= 4 and all(letter.isupper() for letter in letters) else 0
