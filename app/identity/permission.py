"""Who may read a document and by whose word: what an operator asks before somebody else finds out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ingest.sources.discover import Source
from ingest.sources.ledger import load_ledger
from ingest.sources.rules import Rule, readers_of
from vectorstore.errors import NotFound
from vectorstore.state.cell import State
from vectorstore.store import Snapshot
from vectorstore.types import NOBODY, USER, Condition, Document, Scope


@dataclass(frozen=True, slots=True)
class Access:
    """Who may read one document today. No `readers`: everyone in the tenant. `said_by` are sentences."""

    id: str
    uri: str
    title: str
    tenant: str
    readers: tuple[str, ...]
    said_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether one person may read one document, and why, in a sentence."""

    may_read: bool
    why: str


def document_at(snapshot: Snapshot, uri: str, tenant: str) -> Document:
    """Return the document at a uri, whoever may read it; raises NotFound."""
    scope = Scope(tenant, unrestricted=True)
    found = next(snapshot.documents(scope=scope, where=(Condition("uri", "eq", (uri,)),)), None)
    if found is None:
        raise NotFound(f"There is no document at {uri!r}.", "`footnote docs ls` lists what there is.")
    return found


def access_to(document: Document, *, rules: Sequence[Rule], place: State | Path) -> Access:
    """Say who may read a document and by whose word, as far as that is still known; raises BadInput.

    A side-car or the flags of an upload are not told apart: what they said is kept, not where it stood.
    """
    return Access(
        document.id,
        document.uri,
        document.title,
        document.tenant,
        tuple(sorted(document.readers)),
        tuple(_words(document, rules, place)),
    )


def verdict(document: Document, scope: Scope) -> Verdict:
    """Say whether who asks may read a document, and by which of their names."""
    if scope.tenant != document.tenant:
        return Verdict(False, f"The document is of the tenant {document.tenant!r}.")
    if not document.readers:
        return Verdict(True, "Everyone in the tenant may read it.")
    if document.readers == NOBODY:
        return Verdict(False, "Nobody may read it: those who closed it have no reader in common.")
    named = sorted(document.readers & scope.names)
    if named:
        return Verdict(True, f"Its readers name {', '.join(map(_called, named))}.")
    asked = ", ".join(map(_called, sorted(scope.names))) or "nobody in particular"
    return Verdict(
        False, f"Its readers are {', '.join(map(_called, sorted(document.readers)))}, not {asked}."
    )


def _words(document: Document, rules: Sequence[Rule], place: State | Path) -> Iterator[str]:
    ledger = load_ledger(place)
    # Rules are about the path inside the folder that was ingested, too, which the uri names first.
    inside = [
        document.uri.removeprefix(f"{root.name}/")
        for root in ledger.roots
        if document.uri.startswith(f"{root.name}/")
    ]
    sources = [Source(document.uri, Path(document.uri), each) for each in (*inside, document.uri)]
    for rule in rules:
        if rule.readers is not None and any(map(rule.fits, sources)):
            yield f"The rule for {rule.path!r} names {_list(rule.readers)}."
    given = ledger.flags_of(document.uri).readers
    if given is not None:
        yield f"--acl names {_list(sorted(given))}."
    if not document.readers:
        yield "No readers are set: everyone in the tenant may read it."
    elif readers_of(document).by_operator:
        yield "The operator set its readers (rule, side-car, --acl or upload)."
    else:
        yield "The document itself names its readers."


def _list(readers: Sequence[str]) -> str:
    return ", ".join(map(_called, readers)) or "everyone"


def _called(reader: str) -> str:
    return f"the user {reader.removeprefix(USER)!r}" if reader.startswith(USER) else f"the group {reader!r}"
