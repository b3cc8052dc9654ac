"""A catalog that is made of the last one says what one says that is read anew, and both what the documents say."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contract.conftest import Make
from tests.vectorstore.sample import OPERATOR, SPACE, put, sample
from tests.vectorstore.test_catalog import READERS, TITLES
from vectorstore.index.catalog import catalog as catalogs
from vectorstore.index.conditions import admits
from vectorstore.open import open_store
from vectorstore.settings import StoreSettings
from vectorstore.store import Store
from vectorstore.types import Condition, Scope, Where

QUIET = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]


@contextmanager
def opened(settings: StoreSettings) -> Iterator[Store]:
    store = open_store(settings, SPACE)
    try:
        yield store
    finally:
        store.close()


CALLERS = (
    OPERATOR,
    Scope(),
    Scope(groups=frozenset({"hr"})),
    Scope(groups=frozenset({"hr", "legal"})),
    Scope("blue", frozenset({"legal"})),
    Scope("blue", unrestricted=True),
)
ASKED: tuple[Where, ...] = (
    (),
    (Condition("part", "range", (1, None)),),
    (Condition("uri", "in", ("1.md", "2.md", "\ud800")),),
    (Condition("title", "prefix", ("Form",)), Condition("uri", "range", ("1.md", "4.md"))),
    (Condition("modified", "prefix", ("2026-03",)),),
)
PUTS = st.builds(
    lambda number, tenant, title, readers, part, day: sample(
        f"{number}.md", f"Sentence {part}.", tenant=tenant, title=title, readers=readers,
        metadata={"part": part, "said": title}, modified=datetime(2026, 2, day, tzinfo=UTC) + timedelta(days=14),
    ),
    st.integers(0, 5), st.sampled_from(["default", "default", "blue"]), TITLES, READERS, st.integers(0, 2),
    st.integers(12, 20),
)  # fmt: skip
COMMITS = st.lists(
    st.one_of(
        st.lists(PUTS, min_size=1, max_size=4),
        st.tuples(st.integers(0, 5), st.sampled_from(["default", "blue"])),
        st.integers(0, 4),
    ),
    min_size=1, max_size=5,
)  # fmt: skip


def commit(store: Store, what: Any) -> None:
    """Put some documents, or remove one, or go back to a generation."""
    if isinstance(what, int):
        if what < len(store.generations()):
            store.rollback(store.generations()[what].number)
        return
    with store.draft() as draft:
        if isinstance(what, tuple):
            draft.remove(tenant=what[1], uri=f"{what[0]}.md")
        else:
            for made in what:
                put(draft, made)


def told(store: Store) -> list[Any]:
    """Return all that each caller is shown, in every generation."""
    found: list[Any] = []
    for generation in store.generations():
        with store.snapshot(generation.number) as snapshot:
            for scope in CALLERS:
                documents = list(snapshot.documents(scope=scope))
                found.append(
                    [documents, *(list(snapshot.documents(scope=scope, where=where)) for where in ASKED)]
                )
                assert [each.uri for each in documents] == sorted(each.uri for each in documents)
                assert all(snapshot.document(each.id, scope=scope) == each for each in documents)
                assert snapshot.count(scope=scope) == len(documents)
                assert {each.uri: (each.title, each.modified) for each in snapshot.names(scope=scope)} == {
                    each.uri: (each.title, each.modified) for each in documents
                }
                assert snapshot.readers(scope=scope) == frozenset().union(
                    *(each.readers for each in documents)
                )
                for where in ASKED:
                    admitted = {each.uri for each in snapshot.documents(scope=scope, where=where)}
                    # By what they were called, which is what conditions go by.
                    own = [replace(each, title=str(each.metadata["said"])) for each in documents]
                    assert admitted == {each.uri for each in own if admits(where, each)}
    return found


@pytest.mark.parametrize("read", [0, 10_000])
@settings(max_examples=10, deadline=None, suppress_health_check=QUIET)
@given(COMMITS)
def test_a_catalog_made_of_the_last_one_is_as_one_read_anew(
    make_settings: Make, read: int, tmp_path_factory: pytest.TempPathFactory, commits: list[Any]
) -> None:
    where = make_settings(tmp_path_factory.mktemp("catalog"))
    with pytest.MonkeyPatch.context() as patch, opened(where) as kept:
        # Each way to the same: by the documents themselves, and by their columns.
        patch.setattr(catalogs, "_READ", read)
        patch.setattr(catalogs, "_FEW", read)
        for what in commits:
            commit(kept, what)
            told(kept)
        with opened(where) as anew:
            assert told(kept) == told(anew)
