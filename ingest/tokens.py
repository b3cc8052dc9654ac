"""How many of the embedder's tokens any stretch of a document holds, from one pass over it."""

from array import array
from bisect import bisect_left
from collections.abc import Iterator

from vectorstore.embed import Embedder

_CHARACTERS_PER_TOKEN = 16
"""A token never counts for more text than this, or one unknown "word" could be a megabyte long."""

_WINDOW = 50_000
"""Characters tokenised at a time: token offsets as Python objects weigh fifty times their text."""


class TokenCount:
    """The embedder's tokens in one text, by where each starts."""

    def __init__(self, text: str, embedder: Embedder) -> None:
        self._starts = array("L")
        for start, end in _windows(text):
            self._starts.extend(start + begin for begin, _ in embedder.token_offsets(text[start:end]))

    def between(self, start: int, end: int) -> int:
        """Weigh text[start:end]: its tokens, or its length where single tokens are very long; 1 at least."""
        tokens = bisect_left(self._starts, end) - bisect_left(self._starts, start)
        return max(tokens, (end - start) // _CHARACTERS_PER_TOKEN, 1)


def _windows(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    while start < len(text):
        end = min(start + _WINDOW, len(text))
        if end < len(text):
            end = text.rfind("\n", start, end) + 1 or text.rfind(" ", start, end) + 1 or end
        yield start, end
        start = end
