"""Where a document that somebody expected was lost on its way into the results."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal, TypeAlias

from vectorstore.errors import NotFound
from vectorstore.store import Snapshot
from vectorstore.types import Condition, Document, DocumentId, Hit, Named, Scope, Trace, Where

LostAt: TypeAlias = Literal[
    "ingestion",
    "text",
    "scope",
    "where",
    "candidates",
    "fusion",
    "reranking",
    "duplicates",
    "limit",
    "budget",
    "nowhere",
]
"""The stage at which it was lost, in the order in which a question passes them; `nowhere`: it was found.

`budget` is the answer's: a search that only finds has none.
"""

_ORDER: tuple[LostAt, ...] = LostAt.__args__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """What became of an expected document: the stage, a sentence, and its best hit if it had one."""

    expected: str
    lost_at: LostAt
    sentence: str
    uri: str | None = None
    hit: Hit | None = None


def find_expected(
    expected: str,
    trace: Trace,
    snapshot: Snapshot,
    *,
    scope: Scope,
    where: Where,
    limit: int,
    reveal: bool,
) -> Whereabouts:
    """Say which stage lost the document named `expected` (uri, end of a uri, file name or title).

    `trace` is the search's. With several of that name, the one that came furthest counts. Without `reveal`,
    for callers who may not know what they may not read, a document out of scope is as good as not ingested.
    """
    everyone = Scope(scope.tenant, unrestricted=True) if reveal else scope
    uris = tuple(each.uri for each in snapshot.names(scope=everyone) if _is_named(each, expected))
    if not uris:
        known = (each.uri for each in snapshot.names(scope=everyone))
        return Whereabouts(expected, "ingestion", _not_ingested(expected, known, reveal=reveal))
    found = [
        _whereabouts(expected, each, trace, snapshot, scope=scope, where=where, limit=limit)
        for each in snapshot.documents(scope=everyone, where=(Condition("uri", "in", uris),))
    ]
    return max(found, key=lambda each: _ORDER.index(each.lost_at))


def _whereabouts(
    expected: str,
    document: Document,
    trace: Trace,
    snapshot: Snapshot,
    *,
    scope: Scope,
    where: Where,
    limit: int,
) -> Whereabouts:
    def lost(at: LostAt, sentence: str, hit: Hit | None = None) -> Whereabouts:
        return Whereabouts(expected, at, f"{document.uri}: {sentence}", document.uri, hit)

    count = len(snapshot.chunks(document.id))
    if not count:
        return lost("text", "it was ingested, but no text was found in it.")
    if not _readable(snapshot, document, scope):
        return lost("scope", _hidden(document))
    failing = [each for each in where if not _admitted(snapshot, document, scope, each)]
    if failing:
        return lost("where", f"the filter leaves it out: {_shown(failing[0])}.")
    for rank, hit in enumerate(trace.hits, start=1):
        if hit.document.id == document.id:
            return lost("nowhere", f"it is in the results, at rank {rank}.", hit)
    dropped = _best_dropped(document.id, trace, limit)
    if dropped is not None:
        return lost(*dropped)
    return lost(
        "candidates",
        f"none of its {count:,} passages was among the candidates of either search: by meaning and by words"
        " others are nearer to the question.",
    )


def _best_dropped(document: DocumentId, trace: Trace, limit: int) -> tuple[LostAt, str, Hit] | None:
    """Explain the passage of this document that came furthest of those left out."""
    for each in trace.dropped:
        if each.hit.document.id != document:
            continue
        if each.reason == "duplicate":
            same = next(hit for hit in trace.hits if hit.chunk.id == each.same_as)
            return (
                "duplicates",
                f"it says the same as a passage of {same.document.uri}, which is shown.",
                each.hit,
            )
        return _cut(each.hit, limit)
    return None


def _cut(hit: Hit, limit: int) -> tuple[LostAt, str, Hit]:
    ranks = {stage.name: stage.rank for stage in hit.stages}
    shown = ", ".join(f"{name} #{rank}" for name, rank in ranks.items())
    fused = ranks.get("fused", 0)
    if "reranked" in ranks and fused <= limit < ranks["reranked"]:
        return "reranking", f"the reranker put it behind the first {limit} ({shown}).", hit
    best = min((ranks[name] for name in ("dense", "lexical") if name in ranks), default=fused)
    if best <= limit < fused:
        return "fusion", f"one search had it in the first {limit}, both together had not ({shown}).", hit
    return "limit", f"it is behind the first {limit} ({shown}); a greater limit would show it.", hit


def _is_named(document: Named, expected: str) -> bool:
    name, uri = expected.casefold().strip(), document.uri.casefold()
    return name == uri or uri.endswith(f"/{name.lstrip('/')}") or name == document.title.casefold()


def _not_ingested(expected: str, uris: Iterable[str], *, reveal: bool) -> str:
    names = {uri.rsplit("/", 1)[-1]: uri for uri in sorted(uris)}
    near = get_close_matches(expected.rsplit("/", 1)[-1], names, n=1, cutoff=0.7)
    hint = f" Did you mean {names[near[0]]!r}?" if near else ""
    whose = "" if reveal else ", or you may not read it"
    return f"No document {expected!r} is in this generation of the index{whose}.{hint}"


def _readable(snapshot: Snapshot, document: Document, scope: Scope) -> bool:
    try:
        snapshot.document(document.id, scope=scope)
    except NotFound:
        return False
    return True


def _hidden(document: Document) -> str:
    if document.readers:
        return f"only its readers see it ({', '.join(sorted(document.readers))})."
    return "it has readers today, or is gone today: then nobody sees it in earlier generations either."


def _admitted(snapshot: Snapshot, document: Document, scope: Scope, condition: Condition) -> bool:
    where = (Condition("uri", "eq", (document.uri,)), condition)
    return any(each.id == document.id for each in snapshot.documents(scope=scope, where=where))


def _shown(condition: Condition) -> str:
    return f"{condition.field} {condition.op} {', '.join(map(str, condition.values))}"
