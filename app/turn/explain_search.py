"""A search explained: what every stage ranked, what was left out, and where an expected document was lost."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from app.events import Passage
from app.question import Question
from app.turn.retrieve import Packed, passages_of
from vectorstore.expect import Whereabouts, find_expected
from vectorstore.models.embed import Embedder
from vectorstore.store import Snapshot, Store
from vectorstore.types import Generation, Trace

Fit: TypeAlias = Callable[[Sequence[Passage]], Packed]
"""Choose the passages that an answer would be written from."""


@dataclass(frozen=True, slots=True)
class ExplainedSearch:
    """A search at one generation, with everything it passed over."""

    generation: Generation
    trace: Trace
    whereabouts: Whereabouts | None = None


def explain_search(
    question: Question, *, store: Store, embedder: Embedder, fit: Fit, expect: str | None, reveal: bool
) -> ExplainedSearch:
    """Search as the question asks, and account for every candidate.

    `expect` names a document (uri, file name or title) to look for; `reveal` says whether the caller may learn
    that there is one that the question's scope does not allow.
    """
    vector = embedder.embed_query(question.text)
    with store.snapshot(question.at) as snapshot:
        trace = snapshot.trace(
            question.text, vector, scope=question.scope, where=question.where, limit=question.top_k
        )
        if not expect:
            return ExplainedSearch(snapshot.generation, trace)
        found = find_expected(
            expect,
            trace,
            snapshot,
            scope=question.scope,
            where=question.where,
            limit=question.top_k,
            reveal=reveal,
        )
        return ExplainedSearch(snapshot.generation, trace, _within_budget(found, trace, snapshot, fit))


def _within_budget(found: Whereabouts, trace: Trace, snapshot: Snapshot, fit: Fit) -> Whereabouts:
    """Say it when a document that was found would still not reach the writer of an answer."""
    if found.lost_at != "nowhere" or found.hit is None:
        return found
    document = found.hit.document.id
    packed = fit(passages_of(trace.hits, snapshot))
    if any(passage.document.id == document for passage in packed.passages):
        return found
    left = next(each for each in packed.left_out if each.passage.document.id == document)
    sentence = f"{found.sentence} An answer would not be written from it: {left.reason}."
    return replace(found, lost_at="budget", sentence=sentence)
