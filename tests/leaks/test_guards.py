"""Without any one of its guards the service leaks, and the probes notice: a guard that they pass over guards nothing."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, TypeAlias

import pytest
import sqlalchemy as sql

from app.http import access
from app.http.routes import uploads as uploads_route
from app.identity import claims, tokens
from app.runs import records
from app.runs.records import Records
from app.runs.run import Run
from app.runs.runs import MemoryBoard
from ingest import uploads
from tests.leaks.test_leaks import Leaked, walk
from tests.leaks.world import Library, library_at
from vectorstore.errors import NotFound
from vectorstore.index.catalog.catalog import Catalog
from vectorstore.index.projection.word_index import WordIndex
from vectorstore.index.snapshot import IndexSnapshot
from vectorstore.types import Document, DocumentId, Scope

Remove: TypeAlias = Callable[[pytest.MonkeyPatch], None]


def _anyone_s(patch: pytest.MonkeyPatch, name: str, key: str) -> None:
    """Have a method of the records take any owner's row for the caller's."""
    kept = getattr(Records, name)

    def without(self: Records, which: str, *, owner: str, **more: Any) -> Any:
        column = records._runs.c.conversation if key == "conversation" else records._runs.c.id
        with self._engine.connect() as connection:
            found = connection.execute(sql.select(records._runs.c.owner).where(column == which)).first()
        return kept(self, which, owner=found.owner if found else owner, **more)

    patch.setattr(Records, name, without)


async def _found(self: MemoryBoard, run: str, *, owner: str) -> Run | None:
    return self.runs.get(run)


async def _latest(self: MemoryBoard, conversation: str, *, owner: str) -> Run | None:
    return next((r for r in reversed(self.runs.values()) if r.question.conversation == conversation), None)


async def _yes(*args: object, **more: object) -> bool:
    return True


def _counted_over_all(patch: pytest.MonkeyPatch) -> None:
    kept = WordIndex._sight
    patch.setattr(
        WordIndex,
        "_sight",
        lambda self, documents: replace(kept(self, None), mask=kept(self, documents).mask),
    )


def _any_document(self: IndexSnapshot, document: DocumentId, *, scope: Scope) -> Document:
    row = self._catalog().row_of(document)
    if row is None:
        raise NotFound("There is no such document.")
    return self._catalog()._documents.at([row])[row]


def _every_row(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Catalog, "select", lambda self, scope, where: self._rows)
    patch.setattr(Catalog, "seen", lambda self, rows, scope: self._documents.at(rows))


def _told_by_all(patch: pytest.MonkeyPatch) -> None:
    kept = Catalog._as_seen

    def of_all(self: Catalog, document: Document, place: int, scope: Scope) -> Document | None:
        seen = kept(self, document, place, scope)
        return replace(seen, title=f"{seen.title} of {self.count}") if seen else None

    patch.setattr(Catalog, "_as_seen", of_all)


GUARDS: Final[dict[str, Remove]] = {
    "a document's readers": lambda patch: patch.setattr(Scope, "admits", lambda self, readers: True),
    "a document's tenant": lambda patch: patch.setattr(
        Scope, "covers", lambda self, tenant, readers: self.admits(readers)
    ),
    "groups are no users": lambda patch: patch.setattr(
        Scope,
        "names",
        property(lambda self: self.groups | {f"user:{name}" for name in ("user-0", "user-1", "user-2")}),
    ),
    "the catalog's selection": _every_row,
    "one document by its id": lambda patch: patch.setattr(IndexSnapshot, "document", _any_document),
    "words are weighed by what is seen": _counted_over_all,
    "titles are told apart by what is seen": _told_by_all,
    "whose run it is": lambda patch: patch.setattr(MemoryBoard, "find", _found),
    "whose conversation goes on": lambda patch: patch.setattr(MemoryBoard, "latest", _latest),
    "whose history it is": lambda patch: _anyone_s(patch, "history", "conversation"),
    "whose run is explained": lambda patch: _anyone_s(patch, "explanation", "run"),
    "whose answer is rated": lambda patch: _anyone_s(patch, "rate", "run"),
    "whose conversation is forgotten": lambda patch: _anyone_s(patch, "forget", "conversation"),
    "the right to read": lambda patch: patch.setattr(access, "_demand", lambda right, granted: granted),
    "a server's user is narrowed": lambda patch: patch.setattr(
        access, "acting", lambda granted, headers: granted
    ),
    "a client token's user is narrowed": lambda patch: patch.setattr(
        tokens, "for_user", lambda granted, user, groups: granted
    ),
    "people are told apart": lambda patch: patch.setattr(
        claims, "person_id", lambda tenant, user: "u_everyone"
    ),
    "an upload takes no hidden document's place": lambda patch: patch.setattr(
        uploads, "_is_free", lambda *args, **more: True
    ),
    "an upload names readers of its own": lambda patch: patch.setattr(
        uploads_route, "_readers", lambda form, grant: None
    ),
}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Any:
    patch = pytest.MonkeyPatch()
    with library_at(tmp_path_factory.mktemp("leaks"), 3, patch) as made:
        yield made
    patch.undo()


SOONER: Final = {
    "a document's readers": 3, "a document's tenant": 3, "groups are no users": 1, "the catalog's selection": 1,
    "one document by its id": 1, "titles are told apart by what is seen": 1, "whose conversation goes on": 1, "the right to read": 1,
}  # fmt: skip
"""What the probes notice within seconds, and of which every so manieth caller; the others belong to the long runs."""


def test_nothing_hidden_is_told_by_any_route(library: Library) -> None:
    """With all guards in their places, and so here: two libraries would cost twice. A third of the callers is one
    of each kind."""
    asked = walk(library, probes=300, every=3)
    print(len(asked), sorted(asked), [c.name for c in library.callers[::3]])


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    "guard", [each if each in SOONER else pytest.param(each, marks=pytest.mark.slow) for each in GUARDS]
)
def test_the_probes_notice_a_guard_that_is_gone(
    guard: str, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    GUARDS[guard](monkeypatch)
    every = SOONER.get(guard, 1)
    with pytest.raises(Leaked):
        walk(library, probes=400 // every if guard in SOONER else 2_000, seed=1, every=every)
