"""What every store must do, whatever engine is behind it."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

import numpy as np
import pytest

from tests.vectorstore.sample import OPERATOR, Sample, embed, find, one_chunk, put, sample, uris
from vectorstore.errors import BadInput, Busy, NotFound
from vectorstore.store import Store
from vectorstore.types import Condition, DocumentId, Generation, Hit, Scope

Open = Callable[[], Store]

LEAVE = sample("leave.md", "Annual leave is thirty days. Unused leave expires in March. Ask your manager.")
TRAVEL = sample(
    "travel.md", "Trains are booked in second class. Flights need approval. Hotels cost 120 euros."
)


def fill(store: Store, *samples: Sample) -> None:
    with store.draft() as draft:
        for each in samples:
            put(draft, each)


# --- empty ---


def test_new_index_reads_as_empty_generation_zero(store: Store) -> None:
    with store.snapshot() as snapshot:
        assert snapshot.generation == 0
        assert find(snapshot, "leave") == []
        assert list(snapshot.documents(scope=OPERATOR)) == []
        assert snapshot.digests(tenant="default") == {}
        assert (snapshot.info().documents, snapshot.info().chunks) == (0, 0)
        with pytest.raises(NotFound):
            snapshot.document(DocumentId("doc_none"), scope=OPERATOR)


def test_empty_draft_publishes_nothing(store: Store) -> None:
    fill(store, LEAVE)
    before = store.generations()
    with store.draft() as draft:
        assert not draft.remove(tenant="default", uri="nowhere.md")
    assert store.generations() == before


def test_putting_and_removing_in_one_draft_publishes_nothing(store: Store) -> None:
    with store.draft() as draft:
        put(draft, LEAVE)
        assert draft.remove(tenant="default", uri="leave.md")
    with store.snapshot() as snapshot:
        assert snapshot.generation == 0
        assert find(snapshot, "leave") == []


# --- add, replace, remove ---


def test_what_was_put_is_found_by_meaning_and_by_words(store: Store) -> None:
    fill(store, LEAVE, TRAVEL)
    with store.snapshot() as snapshot:
        best = find(snapshot, "Unused leave expires in March.")[0]
    assert best.document == LEAVE.document
    assert best.chunk == LEAVE.chunks[1]
    dense, lexical, fused = (best.stage(name) for name in ("dense", "lexical", "fused"))
    assert dense is not None
    assert dense.rank == 1
    assert dense.score == pytest.approx(1.0, abs=2e-3)
    assert lexical is not None
    assert lexical.rank == 1
    assert lexical.score > 0
    assert fused is not None
    assert fused.score == best.score


def test_hits_come_best_first_without_repeats(store: Store) -> None:
    fill(store, LEAVE, TRAVEL)
    with store.snapshot() as snapshot:
        hits = find(snapshot, "flights and leave")
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert len({hit.chunk.id for hit in hits}) == len(hits) == 6


def test_trace_finds_what_search_finds_and_accounts_for_the_rest(store: Store) -> None:
    copy = sample("copy.md", LEAVE.text, title="Copy")
    fill(store, LEAVE, TRAVEL, copy)
    question = "what is unused expires in March"
    with store.snapshot() as snapshot:
        hits = snapshot.search(question, embed(question), scope=OPERATOR, limit=2)
        trace = snapshot.trace(question, embed(question), scope=OPERATOR, limit=2)
    assert list(trace.hits) == hits
    everything = [*(hit.chunk.id for hit in hits), *(each.hit.chunk.id for each in trace.dropped)]
    assert sorted(everything) == sorted(chunk.id for made in (LEAVE, TRAVEL, copy) for chunk in made.chunks)
    for each in trace.dropped:
        assert (each.reason == "duplicate") == (each.same_as in {hit.chunk.id for hit in hits})
        assert each.hit.stage("fused")
    assert {each.reason for each in trace.dropped} == {"duplicate", "limit"}


def test_document_text_chunks_and_neighbours_read_back_as_they_were(store: Store) -> None:
    fill(store, LEAVE)
    with store.snapshot() as snapshot:
        ident = LEAVE.document.id
        assert snapshot.document(ident, scope=OPERATOR) == LEAVE.document
        assert snapshot.text(ident) == LEAVE.text
        assert snapshot.chunks(ident) == LEAVE.chunks
        assert snapshot.around(LEAVE.chunks[0], 1) == LEAVE.chunks[:2]
        assert snapshot.around(LEAVE.chunks[1], 0) == [LEAVE.chunks[1]]
        assert snapshot.around(LEAVE.chunks[1], 5) == LEAVE.chunks


def test_every_field_of_a_document_survives(store: Store) -> None:
    made = sample(
        "full.md",
        "Ünïcödé — 東京.",
        readers=frozenset({"hr", "legal"}),
        metadata={"year": 2026, "draft": False, "rate": 1.5, "tags": ("a", "b"), "owner": "Zoë"},
        modified=datetime(2026, 3, 1, 12, 30, tzinfo=UTC),
        title="Full",
    )
    fill(store, made)
    with store.snapshot() as snapshot:
        assert next(snapshot.documents(scope=OPERATOR)) == made.document
        assert snapshot.chunks(made.document.id) == made.chunks


def test_putting_at_the_same_uri_replaces(store: Store) -> None:
    fill(store, LEAVE, TRAVEL)
    changed = sample("leave.md", "Annual leave is now forty days.")
    fill(store, changed)
    with store.snapshot() as snapshot:
        assert snapshot.digests(tenant="default")["leave.md"] == changed.document.digest
        assert {hit.chunk.text for hit in find(snapshot, "leave days", limit=50)} == {
            "Annual leave is now forty days.",
            *(chunk.text for chunk in TRAVEL.chunks),
        }
        assert snapshot.info().documents == 2
        assert snapshot.info().chunks == 4
        with pytest.raises(NotFound):
            snapshot.text(LEAVE.document.id)


def test_putting_twice_in_one_draft_keeps_the_last(store: Store) -> None:
    last = sample("leave.md", "The last word.")
    fill(store, LEAVE, last)
    with store.snapshot() as snapshot:
        assert [hit.chunk.text for hit in find(snapshot, "leave")] == ["The last word."]
        assert snapshot.info().chunks == 1


def test_removed_document_never_comes_back(store: Store, open_engine: Open) -> None:
    fill(store, LEAVE, TRAVEL)
    with store.draft() as draft:
        assert draft.remove(tenant="default", uri="leave.md")
    for reader in (store, open_engine()):
        with reader.snapshot() as snapshot:
            assert set(uris(find(snapshot, "annual leave expires", limit=50))) == {"travel.md"}
            assert "leave.md" not in snapshot.digests(tenant="default")


def test_removed_document_can_be_put_again(store: Store) -> None:
    fill(store, LEAVE)
    with store.draft() as draft:
        draft.remove(tenant="default", uri="leave.md")
    fill(store, LEAVE)
    with store.snapshot() as snapshot:
        assert uris(find(snapshot, "leave")) == ["leave.md"] * 3


def test_exception_discards_the_draft(store: Store) -> None:
    fill(store, LEAVE)
    with suppress(RuntimeError), store.draft() as draft:
        put(draft, TRAVEL)
        draft.remove(tenant="default", uri="leave.md")
        raise RuntimeError
    with store.snapshot() as snapshot:
        assert snapshot.generation == 1
        assert set(uris(find(snapshot, "flights and leave", limit=50))) == {"leave.md"}
    fill(store, TRAVEL)
    with store.snapshot() as snapshot:
        assert snapshot.generation == 2


def test_document_without_chunks_is_kept(store: Store) -> None:
    blank = sample("blank.md", "")
    fill(store, blank)
    with store.snapshot() as snapshot:
        assert snapshot.digests(tenant="default") == {"blank.md": blank.document.digest}
        assert find(snapshot, "anything") == []


def test_vectors_that_do_not_fit_are_refused(store: Store) -> None:
    with pytest.raises(BadInput), store.draft() as draft:
        draft.put(LEAVE.document, text=LEAVE.text, chunks=LEAVE.chunks, vectors=LEAVE.vectors[:1])
    bad = LEAVE.vectors.copy()
    bad[0, 0] = np.nan
    with pytest.raises(BadInput), store.draft() as draft:
        draft.put(LEAVE.document, text=LEAVE.text, chunks=LEAVE.chunks, vectors=bad)
    assert [each.number for each in store.generations() if each.number] == []


def test_vectors_are_remembered_by_text(store: Store) -> None:
    fill(store, LEAVE)
    text = LEAVE.chunks[0].embedded_text
    known = store.cached_vectors([text, "never seen"])
    assert list(known) == [text]
    assert float(known[text] @ LEAVE.vectors[0]) == pytest.approx(1.0, abs=2e-3)
    assert known[text].dtype == np.float32


# --- who may see what ---

SECRET = sample("salaries.md", "Salaries are paid monthly.", readers=frozenset({"hr"}))
OTHER = sample("other.md", "Salaries of another tenant.", tenant="other")


def test_reader_without_rights_finds_nothing_of_a_document(store: Store) -> None:
    fill(store, SECRET, OTHER, TRAVEL)
    with store.snapshot() as snapshot:
        for scope in (Scope(), Scope(groups=frozenset({"sales"}))):
            assert set(uris(find(snapshot, "salaries", scope=scope, limit=50))) == {"travel.md"}
            assert [each.uri for each in snapshot.documents(scope=scope)] == ["travel.md"]
            with pytest.raises(NotFound):
                snapshot.document(SECRET.document.id, scope=scope)


def test_reader_in_the_group_and_operator_find_it(store: Store) -> None:
    fill(store, SECRET, OTHER)
    with store.snapshot() as snapshot:
        for scope in (Scope(groups=frozenset({"hr", "sales"})), OPERATOR):
            assert uris(find(snapshot, "salaries", scope=scope)) == ["salaries.md"]


def test_tenants_never_meet(store: Store) -> None:
    fill(store, SECRET, OTHER)
    with store.snapshot() as snapshot:
        assert uris(find(snapshot, "salaries", scope=Scope("other", unrestricted=True))) == ["other.md"]
        assert find(snapshot, "salaries", scope=Scope("third", unrestricted=True)) == []
        assert set(snapshot.digests(tenant="other")) == {"other.md"}


def test_same_uri_in_two_tenants_is_two_documents(store: Store) -> None:
    fill(store, LEAVE, sample("leave.md", "Other leave.", tenant="other"))
    with store.draft() as draft:
        draft.remove(tenant="other", uri="leave.md")
    with store.snapshot() as snapshot:
        assert uris(find(snapshot, "leave")) == ["leave.md"] * 3


def test_caller_who_sees_a_thousandth_still_gets_a_full_list(store: Store) -> None:
    with store.draft() as draft:
        for number in range(4000):
            group = "few" if number % 1000 < 4 else "one" if number % 1000 == 500 else "many"
            readers = frozenset({group})
            put(draft, sample(f"{number}.md", f"Common words about leave number {number}.", readers=readers))
    with store.snapshot() as snapshot:
        for group, count in (("few", 10), ("one", 4)):
            scope = Scope(groups=frozenset({group}))
            hits = find(snapshot, "common words about leave", scope=scope, limit=10)
            assert len(hits) == count
            assert all(hit.document.readers == {group} for hit in hits)
            assert all(hit.stage("dense") and hit.stage("lexical") for hit in hits)
        half = find(snapshot, "leave", scope=Scope(groups=frozenset({"many"})), limit=500)
        assert len(half) == 500
        assert all(hit.document.readers == {"many"} for hit in half)


# --- where ---

NOTES = [
    sample(
        f"notes/{year}-{month:02}.md",
        f"Notes of month {month} in {year}.",
        metadata={"year": year, "team": ("red", "blue") if month % 2 else "green", "final": month > 6},
        modified=datetime(year, month, 15, 9, tzinfo=UTC),
        title=f"Notes {month}",
    )
    for year in (2024, 2025)
    for month in range(1, 13)
]


@pytest.mark.parametrize(
    ("condition", "count"),
    [
        (Condition("year", "eq", (2024,)), 12),
        (Condition("year", "eq", ("2024",)), 0),
        (Condition("year", "in", (2024, 2025)), 24),
        (Condition("year", "range", (2025, None)), 12),
        (Condition("year", "range", (None, 2023.5)), 0),
        (Condition("year", "range", ("2024", None)), 0),
        (Condition("team", "eq", ("blue",)), 12),
        (Condition("team", "in", ("blue", "green")), 24),
        (Condition("team", "prefix", ("gr",)), 12),
        (Condition("final", "eq", (True,)), 12),
        (Condition("final", "eq", (1,)), 0),
        (Condition("missing", "eq", (1,)), 0),
        (Condition("uri", "prefix", ("notes/2025-",)), 12),
        (Condition("uri", "eq", ("notes/2025-01.md",)), 1),
        (Condition("title", "eq", ("Notes 3",)), 2),
        (Condition("media_type", "eq", ("text/plain",)), 24),
        (Condition("modified", "prefix", ("2024-03",)), 1),
        (Condition("modified", "range", ("2024-11", "2025-02")), 4),
        (Condition("modified", "range", ("2025-12-15T09:00:00Z", None)), 1),
        (Condition("modified", "range", ("2025-12-15T11:30:00+02:00", None)), 0),
        (Condition("modified", "range", (None, "2024-01-15")), 1),
    ],
)
def test_conditions_admit_exactly_what_they_say(store: Store, condition: Condition, count: int) -> None:
    fill(store, *NOTES)
    with store.snapshot() as snapshot:
        hits = find(snapshot, "notes of the month", where=(condition,), limit=50)
        assert len(hits) == count
        assert len(list(snapshot.documents(scope=OPERATOR, where=(condition,)))) == count


def test_all_conditions_must_hold(store: Store) -> None:
    fill(store, *NOTES)
    where = (Condition("year", "eq", (2024,)), Condition("team", "eq", ("green",)))
    with store.snapshot() as snapshot:
        assert len(find(snapshot, "notes", where=where, limit=50)) == 6


@pytest.mark.parametrize(
    "condition",
    [
        Condition("year", "eq", ()),
        Condition("year", "range", (1,)),
        Condition("uri", "prefix", ()),
        Condition("modified", "range", ("0001-01-01T00:00:00+14:00", None)),
        Condition("modified", "range", (None, "9999-12-31T23:59:59-12:00")),
    ],
)
def test_condition_with_wrong_values_is_bad_input(store: Store, condition: Condition) -> None:
    fill(store, *NOTES)
    with store.snapshot() as snapshot, pytest.raises(BadInput):
        find(snapshot, "leave", where=(condition,))


# --- text as people type it ---


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("ERR-4012", "Error ERR-4012 means overload."),
        ("what does err-4012 mean?", "Error ERR-4012 means overload."),
        ("release 2.3.1", "Release 2.3.1 came on 2024-03-01."),
        ("2024-03-01", "Release 2.3.1 came on 2024-03-01."),
        ("config_file.yaml", "Edit config_file.yaml in /etc/app/conf.d first."),
        ("/etc/app/conf.d", "Edit config_file.yaml in /etc/app/conf.d first."),
    ],
)
def test_identifiers_are_found_as_typed(store: Store, question: str, expected: str) -> None:
    near = "Error ERR-4013 means underload. Release 2.3.4 came on 2024-01-03. Edit config.yaml in /etc first."
    texts = ("Error ERR-4012 means overload.", "Release 2.3.1 came on 2024-03-01.",
             "Edit config_file.yaml in /etc/app/conf.d first.")  # fmt: skip
    with store.draft() as draft:
        for number, text in enumerate((*texts, near)):
            put(draft, one_chunk(f"{number}.md", text))
    with store.snapshot() as snapshot:
        hits = find(snapshot, question)
    assert next(hit.chunk.text for hit in hits if _lexical_rank(hit) == 1) == expected


def _lexical_rank(hit: Hit) -> int | None:
    stage = hit.stage("lexical")
    return stage.rank if stage else None


@pytest.mark.parametrize(
    "question",
    ['"unclosed', "a AND (b OR", "title:leave", "[1 TO", "* ? ~ ^2", "+-+-", "\\", "''", "\x00", " ", "", "😀",
     "NOT leave", "leave" * 3000, " ".join(f"word{n}" for n in range(500))],
)  # fmt: skip
def test_nothing_that_people_type_is_an_error(store: Store, question: str) -> None:
    fill(store, LEAVE)
    with store.snapshot() as snapshot:
        assert len(find(snapshot, question)) == 3


# --- time ---


def test_snapshot_stays_where_it_was_pinned(store: Store, open_engine: Open) -> None:
    fill(store, LEAVE)
    writer = open_engine()
    with store.snapshot() as pinned:
        before = find(pinned, "leave flights")
        fill(writer, TRAVEL, sample("leave.md", "Replaced leave."))
        assert [hit.chunk for hit in find(pinned, "leave flights")] == [hit.chunk for hit in before]
        assert pinned.text(LEAVE.document.id) == LEAVE.text
        assert set(pinned.digests(tenant="default")) == {"leave.md"}
        assert pinned.info().documents == 1
    with store.snapshot() as newest:
        assert newest.generation == 2
        assert set(uris(find(newest, "leave flights", limit=50))) == {"leave.md", "travel.md"}


def test_open_reader_follows_new_generations(store: Store, open_engine: Open) -> None:
    reader = open_engine()
    for number in range(5):
        fill(store, sample(f"{number}.md", f"Fact number {number}."))
        with reader.snapshot() as snapshot:
            assert snapshot.generation == number + 1
            assert len(find(snapshot, "fact number")) == number + 1


def test_old_generation_can_be_asked(store: Store) -> None:
    fill(store, LEAVE)
    fill(store, sample("leave.md", "Replaced leave."))
    with store.snapshot(Generation(1)) as old:
        assert old.generation == 1
        assert find(old, "annual leave", limit=3)[0].chunk in LEAVE.chunks
        assert "Replaced leave." not in {hit.chunk.text for hit in find(old, "replaced leave", limit=50)}


def test_unknown_generation_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound), store.snapshot(Generation(7)):
        pass
    fill(store, LEAVE)
    with pytest.raises(NotFound), store.snapshot(Generation(7)):
        pass
    with pytest.raises(NotFound):
        store.rollback(Generation(7))


def test_rollback_is_a_new_generation_equal_to_the_old(store: Store, open_engine: Open) -> None:
    fill(store, LEAVE)
    fill(store, sample("leave.md", "Replaced leave."), TRAVEL)
    assert store.rollback(Generation(1)) == 3
    for reader in (store, open_engine()):
        with reader.snapshot() as snapshot:
            assert snapshot.generation == 3
            assert snapshot.digests(tenant="default") == {"leave.md": LEAVE.document.digest}
            assert set(uris(find(snapshot, "leave flights", limit=50))) == {"leave.md"}
            assert {hit.chunk.id for hit in find(snapshot, "leave")} == {chunk.id for chunk in LEAVE.chunks}
            assert snapshot.info().chunks == 3
    assert store.rollback(Generation(2)) == 4
    with store.snapshot() as snapshot:
        assert set(snapshot.digests(tenant="default")) == {"leave.md", "travel.md"}


def test_generations_are_listed_oldest_first_with_counts_and_notes(store: Store) -> None:
    with store.draft(note="first") as draft:
        put(draft, LEAVE)
    fill(store, TRAVEL)
    kept = [each for each in store.generations() if each.number]
    assert [(each.number, each.documents, each.chunks, each.note) for each in kept] == [
        (1, 1, 3, "first"),
        (2, 2, 6, ""),
    ]
    assert kept[0].created <= kept[1].created
    assert kept[0].created.tzinfo is not None


def test_second_writer_is_told_at_once(store: Store, open_engine: Open) -> None:
    other = open_engine()
    with store.draft() as draft:
        put(draft, LEAVE)
        with pytest.raises(Busy), other.draft():
            pass
    fill(other, TRAVEL)
    with store.snapshot() as snapshot:
        assert snapshot.info().documents == 2


def test_index_survives_reopening(store: Store, open_engine: Open) -> None:
    fill(store, LEAVE, TRAVEL)
    store.close()
    again = open_engine()
    with again.snapshot() as snapshot:
        assert find(snapshot, "Flights need approval.")[0].chunk == TRAVEL.chunks[1]
