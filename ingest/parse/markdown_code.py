"""Where code stands in Markdown, between fences or back-quotes: found in time linear in the text."""

import re
from collections.abc import Callable, Sequence

_MARK = re.compile(r"^ *+(?P<fence>`{3,}+|~{3,}+)|`++", re.M)


def with_code(source: str, shown: Callable[[str], str]) -> str:
    """Return the source with each piece of code, its marks included, as `shown` gives it."""
    marks = list(_MARK.finditer(source))
    parts: list[str] = []
    done = 0
    for mark, closer in zip(marks, _closers(marks), strict=True):
        if closer and mark.start() >= done:
            parts += [source[done : mark.start()], shown(source[mark.start() : closer.end()])]
            done = closer.end()
    return "".join((*parts, source[done:]))


def _closers(marks: Sequence[re.Match[str]]) -> list[re.Match[str] | None]:
    """Return for each mark what closes it: the next fence as long, else the next back-quotes of its number."""
    closers: list[re.Match[str] | None] = []
    quotes: dict[str, re.Match[str]] = {}
    fences: dict[str, list[re.Match[str]]] = {"`": [], "~": []}
    for mark in reversed(marks):
        closer = None
        if fence := mark["fence"]:
            after = fences[fence[0]]
            while after and len(after[-1]["fence"]) < len(fence):
                after.pop()
            closer = after[-1] if after else None
            after.append(mark)
        run = mark[0].lstrip(" ")
        closers.append(closer or (quotes.get(run) if run[0] == "`" else None))
        quotes[run] = mark
    return closers[::-1]
