"""The last steps of a search, the same for every engine: rerank the best, leave out what says the same."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from itertools import islice
from typing import TypeAlias

from vectorstore.errors import Unavailable, pip_install
from vectorstore.same import Distinct
from vectorstore.types import Dropped, Hit, Stage, Trace

Rerank: TypeAlias = Callable[[str, Sequence[str]], Sequence[float] | None]
"""(question, passages) → a score in [0, 1] for each passage, higher is better; None leaves the order as it is."""


def open_reranker(name: str, *, model: str = "", key: str = "") -> Rerank | None:
    """Prepare a server's `/rerank` by its address, or a cross-encoder by folder or name; None for `none` or the empty name.

    A cross-encoder is loaded when first used; `model` and `key` are for a server. Raises Unavailable when the extra
    is not installed.
    """
    if name in {"", "none"}:
        return None
    if name.startswith(("http://", "https://")):
        from vectorstore.models.served import ServedReranker
        from vectorstore.models.server import Server

        return ServedReranker(model, Server("The reranker", name, key, setting="FOOTNOTE_RERANKER"))
    if find_spec("sentence_transformers") is None:
        raise Unavailable(
            f"The reranker {name!r} needs sentence-transformers.", pip_install("sentence-transformers")
        )
    from vectorstore.models.sentence_transformer import CrossEncoderReranker

    return CrossEncoderReranker(name)


@dataclass(frozen=True, slots=True)
class Refine:
    """From fused candidates to the hits that are shown."""

    distinct: bool
    depth: int
    """How many candidates the reranker reads; never fewer than are wanted."""
    rerank: Rerank | None = None

    def __call__(self, question: str, found: Iterable[Hit], *, limit: int, whole: bool = False) -> Trace:
        """Choose at most `limit` of the candidates, best first; with `whole`, account for all the others."""
        candidates = iter(found)
        if self.rerank is not None:
            best = list(islice(candidates, max(self.depth, limit)))
            candidates = _then(_reranked(best, question, rerank=self.rerank), candidates)
        seen = Distinct(question)
        kept: list[Hit] = []
        dropped: list[Dropped] = []
        for hit in candidates:
            full = len(kept) >= limit
            twin = seen.take(hit, keep=not full) if self.distinct else None
            if twin is not None:
                dropped.append(Dropped(hit, "duplicate", twin.chunk.id))
            elif full:
                dropped.append(Dropped(hit, "limit"))
            else:
                kept.append(hit)
            if len(kept) >= limit and not whole:
                break
        return Trace(tuple(kept), tuple(dropped))


@dataclass(frozen=True, slots=True)
class Tuning:
    """Another way to search an index that is open: how much meaning weighs, and what is changed in the last steps."""

    dense_weight: float
    refine: Callable[[Refine], Refine]


def _reranked(hits: Sequence[Hit], question: str, *, rerank: Rerank) -> list[Hit]:
    scores = rerank(question, [hit.chunk.embedded_text for hit in hits])
    if scores is None:
        return list(hits)
    # Stable: equal scores keep the order of fusion.
    order = sorted(range(len(hits)), key=lambda place: -scores[place])
    return [
        replace(
            hits[place],
            score=scores[place],
            stages=(*hits[place].stages, Stage("reranked", rank, scores[place])),
        )
        for rank, place in enumerate(order, start=1)
    ]


def _then(first: Iterable[Hit], rest: Iterable[Hit]) -> Iterator[Hit]:
    yield from first
    yield from rest
