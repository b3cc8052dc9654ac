"""Marks of emphasis taken away, `**bold**` to `bold`, in time linear in the text."""

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Marks:
    """Which marks there are: `opening` finds where one may open; `closing` holds each, tried in order, by what closes it.

    A mark opens before something that is no white space, and closes on the same line.
    """

    opening: re.Pattern[str]
    closing: Mapping[str, re.Pattern[str]]

    def removed(self, text: str) -> str:
        """Return the text without the pairs of marks; what stands between them stays as it is."""
        return "\n".join(map(self._removed, text.split("\n")))

    def _removed(self, line: str) -> str:
        kept: list[str] = []
        done = at = 0
        closers: dict[str, int] = {}
        while opens := self.opening.search(line, at):
            at = opens.start() + 1
            for mark, closing in self.closing.items():
                inner = opens.start() + len(mark)
                if not line.startswith(mark, opens.start()) or not line[inner : inner + 1].strip():
                    continue
                # The nearest closer serves every mark before it, so that none is looked for twice.
                if closers.get(mark, 0) <= inner:
                    found = closing.search(line, inner + 1)
                    closers[mark] = found.start() if found else len(line)
                end = closers[mark]
                if end < len(line):
                    kept += [line[done : opens.start()], line[inner:end]]
                    done = at = end + len(mark)
                    break
        return "".join((*kept, line[done:]))
