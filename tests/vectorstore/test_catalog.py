"""The catalog's columns say what the documents themselves would, whole and carried on from commit to commit."""

import gc
import re
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.vectorstore.sample import OPERATOR, SPACE, put, sample
from vectorstore.errors import BadInput, Unavailable
from vectorstore.index.catalog import catalog as catalogs
from vectorstore.index.catalog.circles import Circles
from vectorstore.index.catalog.field import Field, field_of, packed
from vectorstore.index.catalog.table import Change, table_of
from vectorstore.index.catalog.titles import title_as, told_apart
from vectorstore.index.conditions import admits, check, moment_of
from vectorstore.index.sqlite.database import SQLiteConnection
from vectorstore.index.truth import outline
from vectorstore.index.truth.outline import Outline
from vectorstore.index.truth.records import readers_row
from vectorstore.language.words import name_words, with_name
from vectorstore.open import open_store
from vectorstore.settings import StoreSettings
from vectorstore.store import Store
from vectorstore.types import Condition, Document, DocumentId, Generation, MetadataValue, Scope, Where

QUIET = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]

# --- titles ---

TITLES = st.sampled_from(
    [
        "Leave",
        "leave",
        "LEAVE",
        "Form 7",
        "form 8",
        "Form 8 filed on 2024-05-01",
        "Straße",
        "STRASSE",
        "Report",
        "",
    ]
)
URIS = st.sampled_from(
    [
        "a/x.md",
        "b/x.md",
        "c/X.txt",
        "leave/README.md",
        "2022 Q3 ACME.pdf",
        "2023 Q1 BOLT.pdf",
        "form-7.docx",
        "stdin/1",
    ]
)
READERS = st.frozensets(st.sampled_from(["hr", "legal"]), max_size=2)
DOCUMENTS = st.builds(
    lambda tenant, uri, title, readers: Document(
        DocumentId(""), uri, title, "text/plain", "0", tenant=tenant, readers=readers
    ),
    st.sampled_from(["acme", "blue"]), URIS, TITLES, READERS,
)  # fmt: skip


_NUMBER = re.compile(r"\d++")


def titles_apart(documents: Sequence[Document]) -> dict[DocumentId, str]:
    """Return other titles for those that share one, worked out document by document."""
    sharing: dict[tuple[str, str], list[Document]] = {}
    for each in documents:
        sharing.setdefault((each.tenant, _NUMBER.sub("0", each.title.casefold())), []).append(each)
    groups = (group for group in sharing.values() if len(group) > 1)
    return {each.id: title for group in groups for each, title in joined(group)}


def joined(group: Sequence[Document]) -> Iterator[tuple[Document, str]]:
    """Yield those of a group with nearly the same title that get another, with it."""
    near: Counter[frozenset[str]] = Counter(each.readers for each in group)
    alike: Counter[tuple[frozenset[str], str]] = Counter(
        (each.readers, each.title.casefold()) for each in group
    )
    names: Counter[tuple[frozenset[str], str, str]] = Counter()
    for each in group:
        names[each.readers, each.title.casefold(), name_words(each.uri).casefold()] += 1
    for each in group:
        title, named = each.title.casefold(), name_words(each.uri)
        circles = {each.readers, frozenset[str]()}
        if sum(alike[readers, title] for readers in circles) > 1:
            shared = sum(names[readers, title, named.casefold()] for readers in circles) > 1
            yield each, f"{each.title} ({each.uri if shared or not named else named})"
        elif sum(near[readers] for readers in circles) > 1:
            yield each, with_name(each.title, each.uri, numbers=False)


def numbered(documents: list[Document]) -> list[Document]:
    return [replace(each, id=DocumentId(str(number))) for number, each in enumerate(documents)]


def outlines(documents: Sequence[Document]) -> list[Outline]:
    return [
        (row, each.tenant, readers_row(each.readers), each.title, each.uri)
        for row, each in enumerate(documents)
    ]


@settings(max_examples=150, deadline=None)
@given(st.lists(DOCUMENTS, max_size=14).map(numbered))
def test_titles_are_told_apart_as_document_by_document(documents: list[Document]) -> None:
    circles = Circles()
    table = table_of(outlines(documents), circles)
    told = told_apart(table.circles, circles.everyones()[table.circles], table.hashes)
    shown = [title_as(int(how), each.title, each.uri) for how, each in zip(told, documents, strict=True)]
    apart = titles_apart(documents)
    assert shown == [apart.get(each.id, each.title) for each in documents]


# --- circles ---

SCOPES = st.builds(
    Scope, st.sampled_from(["acme", "blue", "none"]), READERS, st.booleans(), st.sampled_from(["", "ann"])
)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["acme", "blue"]), st.frozensets(st.sampled_from(["hr", "legal", "user:ann", "(nobody)"])))),
    SCOPES,
)  # fmt: skip
def test_a_circle_is_allowed_as_its_documents_are(
    lists: list[tuple[str, frozenset[str]]], scope: Scope
) -> None:
    circles = Circles()
    numbers = [circles.number(tenant, readers_row(readers)) for tenant, readers in lists]
    allowed = circles.allowed(scope)
    assert [bool(allowed[number]) for number in numbers] == [scope.covers(*each) for each in lists]
    assert [circles.of(number) for number in numbers] == lists
    assert not allowed[-1]


def test_two_ways_to_write_readers_are_one_circle() -> None:
    circles = Circles()
    assert circles.number("acme", '["hr","legal"]') == circles.number("acme", '["legal", "hr"]')
    assert circles.number("acme", "[]") != circles.number("blue", "[]")


# --- conditions ---

LETTERS = st.text(alphabet="ab0é😀￿\ud800\0", max_size=4)
NUMBERS = st.one_of(
    st.integers(-3, 3),
    st.sampled_from([0.0, -0.0, 1.0, 2.5, float("inf"), float("nan"), 2**53, 2**53 + 1, 2.0**53]),
)
SINGLES = st.one_of(LETTERS, NUMBERS, st.booleans())
VALUES: st.SearchStrategy[MetadataValue] = st.one_of(SINGLES, st.lists(LETTERS, max_size=3).map(tuple))
MOMENTS = st.builds(
    lambda days, micro: datetime(2026, 2, 26, 23, 59, 59, micro, tzinfo=UTC) + timedelta(days=days),
    st.integers(-2, 4), st.sampled_from([0, 500_000]),
)  # fmt: skip
TIMES = st.sampled_from(
    ["2026", "2026-03", "2026-02-2", "2026-02-28", "2026-02-28T23:59:59Z", "2026-03-01T01:59:59+02:00", "", "x", "2026-02-28T23:59:59.5Z"]
)  # fmt: skip


def conditions(field: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[Condition]:
    bound = st.none() | values
    return st.one_of(
        st.builds(lambda value: Condition(field, "eq", (value,)), values),
        st.builds(lambda many: Condition(field, "in", tuple(many)), st.lists(values, min_size=1, max_size=3)),
        st.builds(lambda value: Condition(field, "prefix", (value,)), values),
        st.builds(lambda low, high: Condition(field, "range", (low, high)), bound, bound),
    )


CONDITIONS = st.one_of(
    conditions("uri", SINGLES),
    conditions("title", SINGLES),
    conditions("fact", SINGLES),
    conditions("modified", TIMES),
)
HOLDING = st.builds(
    lambda uri, title, modified, fact: Document(
        DocumentId(""), uri, title, "text/plain", "0", modified=modified, metadata={} if fact is None else {"fact": fact}
    ),
    LETTERS, LETTERS, st.none() | MOMENTS, st.none() | VALUES,
)  # fmt: skip


def pairs(documents: Sequence[Document], places: Sequence[int], name: str) -> Iterator[tuple[int, object]]:
    for place, each in zip(places, documents, strict=True):
        match name:
            case "modified":
                values: Any = () if each.modified is None else (moment_of(each.modified),)
            case "fact":
                fact = each.metadata.get("fact", ())
                values = fact if isinstance(fact, tuple) else (fact,)
            case _:
                values = (getattr(each, name),)
        yield from ((place, value) for value in values)


def held(documents: Sequence[Document], name: str) -> Field:
    return field_of(pairs(documents, range(len(documents)), name), timed=name == "modified")


@settings(max_examples=300, deadline=None)
@given(st.lists(HOLDING, max_size=12), CONDITIONS)
def test_a_field_meets_a_condition_as_its_documents_do(
    documents: list[Document], condition: Condition
) -> None:
    check((condition,))
    field = held(documents, condition.field)
    assert field.meeting(condition, len(documents)).tolist() == [
        admits((condition,), each) for each in documents
    ]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(HOLDING, st.booleans()), max_size=10),
    st.lists(HOLDING, max_size=6),
    CONDITIONS,
    st.randoms(),
)
def test_a_field_that_is_carried_on_meets_it_too(
    before: list[tuple[Document, bool]], fresh: list[Document], condition: Condition, chance: Any
) -> None:
    kept = [each for each, stays in before if stays]
    places = list(range(len(kept) + len(fresh)))
    of_fresh = sorted(chance.sample(places, len(fresh)))
    of_kept = iter([place for place in places if place not in of_fresh])
    moved = np.array([next(of_kept) if stays else -1 for _, stays in before], np.int32)
    field = held([each for each, _ in before], condition.field)
    after = field.after(Change(moved, np.array(of_fresh, np.int32)), pairs(fresh, of_fresh, condition.field))
    documents = {int(place): each for (each, stays), place in zip(before, moved, strict=True) if stays}
    documents |= dict(zip(of_fresh, fresh, strict=True))
    assert after is not None
    assert after.meeting(condition, len(places)).tolist() == [
        admits((condition,), documents[place]) for place in places
    ]


@given(st.lists(LETTERS, unique=True), st.lists(LETTERS, unique=True))
def test_packed_texts_merge_in_order(first: list[str], second: list[str]) -> None:
    old, new = sorted(first), sorted(set(second) - set(first))
    merged, before = packed(old).merged(new)
    assert list(merged) == sorted({*first, *second})
    assert [old[: int(place)] for place in before] == [[each for each in old if each < text] for text in new]


# --- what is read, and what is kept ---


@contextmanager
def opened(folder: Path) -> Iterator[Store]:
    store = open_store(StoreSettings(data_dir=folder), SPACE)
    try:
        yield store
    finally:
        store.close()


class Counted:
    """Counts the rows that a store's connections hand out."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.rows = 0
        rows, each = SQLiteConnection.rows, SQLiteConnection.each

        def counted_rows(connection: SQLiteConnection, *asked: Any) -> list[Any]:
            found = rows(connection, *asked)
            self.rows += len(found)
            return found

        def counted_each(connection: SQLiteConnection, *asked: Any) -> Iterator[Any]:
            for row in each(connection, *asked):
                self.rows += 1
                yield row

        patch.setattr(SQLiteConnection, "rows", counted_rows)
        patch.setattr(SQLiteConnection, "each", counted_each)

    def of(self, ask: Callable[[], object]) -> int:
        """Return how many rows a question reads."""
        self.rows = 0
        ask()
        return self.rows


def filled(store: Store, numbers: Iterable[int], **more: Any) -> None:
    with store.draft() as draft:
        for number in numbers:
            readers = frozenset({f"group-{number % 7}"} if number % 2 else ())
            made = sample(f"{number:05}.md", "", readers=readers, metadata={"part": number % 5}, **more)
            put(draft, made)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with opened(tmp_path_factory.mktemp("many")) as store:
        filled(store, range(6_000))
        yield store


WHERE: Where = (Condition("part", "range", (2, 3)), Condition("uri", "prefix", ("0",)))


def test_a_commit_reads_what_it_changed(many: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted(monkeypatch)
    monkeypatch.setattr(catalogs, "_FEW", 100)

    def ask(scope: Scope) -> list[Document]:
        with many.snapshot() as snapshot:
            found = snapshot.documents(scope=scope, where=WHERE)
            return [next(found)]

    assert counted.of(lambda: ask(OPERATOR)) > 18_000
    # Another caller, the same conditions: a page of documents, and nothing else.
    assert counted.of(lambda: ask(Scope())) < 1_000
    filled(many, range(40, 60), title="Again")
    assert counted.of(lambda: ask(OPERATOR)) < 1_000
    with many.draft() as draft:
        draft.remove(tenant="default", uri="00070.md")
    assert counted.of(lambda: ask(OPERATOR)) < 1_000


def test_a_list_is_read_as_far_as_it_is_asked_for(many: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with many.snapshot() as snapshot:
        everything = [each.uri for each in snapshot.documents(scope=OPERATOR)]
        counted = Counted(monkeypatch)
        shown: list[str] = []

        def go_on() -> None:
            page = snapshot.documents(scope=OPERATOR, after=shown[-1] if shown else "")
            shown.extend(each.uri for each in islice(page, 100))

        assert all(counted.of(go_on) < 1_000 for _ in range(20))
        assert shown == everything[:2_000]


def test_a_document_takes_some_tens_of_bytes(many: Store) -> None:
    with many.snapshot() as snapshot:
        next(snapshot.documents(scope=OPERATOR, where=WHERE))
    filled(many, [9_000])
    gc.collect()
    tracemalloc.start()
    with many.snapshot() as snapshot:
        next(snapshot.documents(scope=Scope(groups=frozenset({"group-3"})), where=WHERE))
    gc.collect()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 6_000 * 150 + 1_000_000


def test_a_time_that_is_none_is_refused_whatever_documents_there_are(many: Store) -> None:
    where = (Condition("modified", "eq", ("some time in March",)),)
    with many.snapshot() as snapshot, pytest.raises(BadInput, match="is not a time"):
        list(snapshot.documents(scope=OPERATOR, where=where))


def test_a_reading_that_broke_off_changes_nothing_about_who_reads_what(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hr, staff = Scope(groups=frozenset({"hr"})), Scope(groups=frozenset({"staff"}))

    def mine(store: Store, scope: Scope, at: Generation | None = None) -> list[str]:
        with store.snapshot(at) as snapshot:
            return [each.uri for each in snapshot.documents(scope=scope)]

    def breaks_off(*asked: Any) -> Iterator[Outline]:
        yield from islice(outlines(*asked), 1)
        raise Unavailable("The database went away.", "Try again.")

    outlines = outline.outlines
    with opened(tmp_path) as store:
        with store.draft() as draft:
            put(draft, sample("plan.md", "A plan.", readers=frozenset({"staff"})))
        with store.draft() as draft:
            draft.remove(tenant="default", uri="plan.md")
            for number in range(1_001):
                put(draft, sample(f"{number}.md", "Pay.", readers=frozenset({"hr"})))
        assert len(mine(store, hr)) == 1_001
        monkeypatch.setattr(outline, "outlines", breaks_off)
        with pytest.raises(Unavailable):
            mine(store, OPERATOR, Generation(1))
        monkeypatch.setattr(outline, "outlines", outlines)
        with store.draft() as draft:
            put(draft, sample("open.md", "For all."))
        assert len(mine(store, hr)) == 1_002
        assert mine(store, staff) == ["open.md"]
        with store.snapshot() as snapshot:
            assert snapshot.count(scope=staff) == 1
