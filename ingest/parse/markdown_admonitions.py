"""The notes and tabs of documentation sites (MkDocs, Zensical, Docusaurus) as ordinary Markdown."""

import re
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
