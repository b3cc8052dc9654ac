"""Lines that an editor broke to fit its window, put together again."""

import re
from typing import Final

_SHORTEST: Final = 45
_LONGEST: Final = 140
_HARD_BREAK = re.compile(r"(?:  |\\)\Z")
_ITEM = re.compile(r"\A\s*+(?:[-*+•]|(?:\d{1,3}|[a-zA-Z]|#)[.)]|\((?:\d{1,3}|[a-zA-Z])\))(?:\s|$)")
_FENCE = re.compile(r"\A\s*+(?:```|~~~)")
_APART = re.compile(r"\A\s*+(?:\||>|#|:\s)")


def unwrapped(text: str) -> str:
    """Return a paragraph on one line if its breaks come from wrapping; verses, addresses and logs stay."""
    lines = text.split("\n")
    if len(lines) < 2 or not all(_is_wrapped(line) and len(line) <= _LONGEST for line in lines[:-1]):
        return text
    return " ".join([lines[0].rstrip(), *(line.strip() for line in lines[1:])])


def unwrapped_items(text: str) -> str:
    """Return a list with each item's wrapped lines on one line; code inside items stays."""
    lines: list[str] = []
    in_code = False
    for line in text.split("\n"):
        fence = bool(_FENCE.match(line))
        starts = fence or in_code or not line.strip() or _ITEM.match(line) or _APART.match(line)
        if (
            not starts
            and lines
            and _is_wrapped(lines[-1])
            and not _FENCE.match(lines[-1])
            and line.startswith(" ")
        ):
            lines[-1] = f"{lines[-1].rstrip()} {line.strip()}"
        else:
            lines.append(line)
        in_code ^= fence
    return "\n".join(lines)


def _is_wrapped(line: str) -> bool:
    return len(line) >= _SHORTEST and not _HARD_BREAK.search(line)
