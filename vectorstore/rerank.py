"""Rerankers: score a question and a passage together, which finds what separate vectors miss."""

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import TypeAlias

from vectorstore.errors import Unavailable
from vectorstore.extras import pip_install

Rerank: TypeAlias = Callable[[str, Sequence[str]], Sequence[float]]
"""(question, passages) → a score in [0, 1] for each passage, higher is better."""


def open_reranker(name: str) -> Rerank | None:
    """Prepare a cross-encoder by folder or name, loaded when first used; None for the empty name.

    Raises Unavailable when the extra is not installed.
    """
    if not name:
        return None
    if find_spec("sentence_transformers") is None:
        raise Unavailable(
            f"The reranker {name!r} needs sentence-transformers.", pip_install("sentence-transformers")
        )
    from vectorstore.sentence_transformer import CrossEncoderReranker

    return CrossEncoderReranker(name)
