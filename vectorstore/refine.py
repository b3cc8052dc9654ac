"""The last steps of a search, the same for every engine: rerank the best, leave out what says the same."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from vectorstore.rerank import Rerank
from vectorstore.same import Distinct
from vectorstore.types import Dropped, Hit, Stage, Trace


@dataclass(frozen=True, slots=True)
class Refine:
    """From fused candidates to the hits that are shown."""

    distinct: bool = True
    rerank: Rerank | None = None
    depth: int = 50
    """How many candidates the reranker reads; never fewer than are wanted."""

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


def _reranked(hits: Sequence[Hit], question: str, *, rerank: Rerank) -> list[Hit]:
    scores = rerank(question, [hit.chunk.embedded_text for hit in hits])
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
