"""Count tokens as the model would, without ever reaching for the network."""

import hashlib
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from vectorstore.embed import Embedder

_ENCODING = "o200k_base"
_VOCABULARY = f"https://openaipublic.blob.core.windows.net/encodings/{_ENCODING}.tiktoken"
_MARGIN = 1.25
"""WordPiece counts run below byte-pair counts on code and rare words; the margin covers that."""


@dataclass(frozen=True, slots=True)
class TokenCounter:
    """Counts tokens; `name` says with which vocabulary, for `/healthz`."""

    name: str
    count: Callable[[str], int]


def open_counter(embedder: Embedder) -> TokenCounter:
    """Count with tiktoken where its vocabulary is on disk, else with the embedder's and a margin.

    tiktoken downloads a missing vocabulary on first use, so its cache is looked at first.
    """
    if _vocabulary_file().is_file():
        import tiktoken

        encoding = tiktoken.get_encoding(_ENCODING)
        return TokenCounter(
            f"tiktoken {_ENCODING}",
            _remembered(lambda text: len(encoding.encode(text, disallowed_special=()))),
        )
    return TokenCounter(
        f"{embedder.name} tokenizer × {_MARGIN}",
        _remembered(lambda text: int(len(embedder.token_offsets(text)) * _MARGIN) + 1),
    )


def _remembered(count: Callable[[str], int]) -> Callable[[str], int]:
    """Count a passage once: the same ones are packed again and again, and a count takes near a millisecond."""
    return lru_cache(maxsize=2_048)(count)


def _vocabulary_file() -> Path:
    """Return where tiktoken caches the vocabulary (its documented TIKTOKEN_CACHE_DIR, else a temporary folder)."""
    folder = os.environ.get("TIKTOKEN_CACHE_DIR") or os.environ.get("DATA_GYM_CACHE_DIR")
    root = Path(folder) if folder else Path(tempfile.gettempdir()) / "data-gym-cache"
    return root / hashlib.sha1(_VOCABULARY.encode(), usedforsecurity=False).hexdigest()
