"""The stage that lost a document which somebody knows is there."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.vectorstore.conftest import OpenStore
from tests.vectorstore.sample import SPACE, embed, one_chunk, put, sample
from vectorstore.expect import Whereabouts, find_expected
from vectorstore.index import snapshot as snapshots
from vectorstore.index.snapshot import IndexSnapshot
from vectorstore.index.store import IndexStore
from vectorstore.open import open_store
from vectorstore.settings import StoreSettings
from vectorstore.types import Condition, Scope, Where

COPY = "Annual leave is twenty five days a year for everybody who works full time at Acme in any country."
OPERATOR = Scope(unrestricted=True)


@pytest.fixture
def filled(open_index: OpenStore) -> IndexStore:
    store = open_index()
    with store.draft() as draft:
        put(
            draft,
            sample(
                "policies/handbook.pdf",
                "Annual leave: twenty five days a year. Sick leave is paid.",
                title="The Handbook",
            ),
        )
        put(draft, one_chunk("copies/one.md", COPY))
        put(draft, one_chunk("copies/two.md", COPY))
        put(draft, sample("blank.pdf", ""))
        put(draft, sample("salaries.md", "Leave is paid as salaries are.", readers=frozenset({"hr"})))
        put(draft, sample("old.md", "Annual leave was twenty days.", metadata={"year": 2019}))
        for number in range(20):
            put(draft, sample(f"other/{number}.md", f"Annual leave in team {number} is planned in spring."))
    return store


def ask(
    store: IndexStore,
    expected: str,
    *,
    question: str = "annual leave twenty five days a year",
    scope: Scope = OPERATOR,
    where: Where = (),
    limit: int = 5,
    reveal: bool = True,
) -> Whereabouts:
    with pinned(store) as snapshot:
        trace = snapshot.trace(question, embed(question), scope=scope, where=where, limit=limit)
        return find_expected(expected, trace, snapshot, scope=scope, where=where, limit=limit, reveal=reveal)


@contextmanager
def pinned(store: IndexStore) -> Iterator[IndexSnapshot]:
    with store.snapshot() as snapshot:
        assert isinstance(snapshot, IndexSnapshot)
        yield snapshot


@pytest.mark.parametrize("name", ["handbook.pdf", "policies/handbook.pdf", "The handbook", "HANDBOOK.PDF"])
def test_found_document_is_said_to_be_found(filled: IndexStore, name: str) -> None:
    found = ask(filled, name)
    assert (found.lost_at, found.uri) == ("nowhere", "policies/handbook.pdf")
    assert "rank 1" in found.sentence


def test_document_that_is_not_there_is_not_ingested_and_a_near_name_is_offered(filled: IndexStore) -> None:
    found = ask(filled, "handbok.pdf")
    assert (found.lost_at, found.uri) == ("ingestion", None)
    assert "policies/handbook.pdf" in found.sentence
    # Part of a name is another name.
    assert ask(filled, "book.pdf").lost_at == "ingestion"


def test_document_without_text_is_said_to_have_none(filled: IndexStore) -> None:
    assert ask(filled, "blank.pdf").lost_at == "text"


def test_document_out_of_scope_is_told_to_the_operator_only(filled: IndexStore) -> None:
    outsider = Scope(groups=frozenset({"sales"}))
    told = ask(filled, "salaries.md", scope=outsider, reveal=True)
    assert (told.lost_at, "hr" in told.sentence) == ("scope", True)
    hidden = ask(filled, "salaries.md", scope=outsider, reveal=False)
    absent = ask(filled, "no-such.md", scope=outsider, reveal=False)
    assert hidden.lost_at == absent.lost_at == "ingestion"
    assert hidden.sentence.replace("salaries.md", "no-such.md") == absent.sentence


def test_filter_that_leaves_it_out_is_named(filled: IndexStore) -> None:
    where = (Condition("uri", "prefix", ("o",)), Condition("year", "range", (2020, None)))
    found = ask(filled, "old.md", where=where)
    assert found.lost_at == "where"
    assert "year range 2020" in found.sentence


def test_document_that_neither_search_ranked_is_no_candidate(
    filled: IndexStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "CANDIDATES", 2)
    found = ask(filled, "old.md", question="planned in spring", limit=1)
    assert found.lost_at == "candidates"


def test_copy_names_the_passage_that_stands_for_it(filled: IndexStore) -> None:
    both = [ask(filled, name, limit=3) for name in ("one.md", "two.md")]
    assert sorted(each.lost_at for each in both) == ["duplicates", "nowhere"]
    lost = next(each for each in both if each.lost_at == "duplicates")
    shown = next(each for each in both if each.lost_at == "nowhere")
    assert shown.uri is not None
    assert shown.uri in lost.sentence
    assert lost.hit is not None


def test_document_behind_the_limit_is_cut_with_its_ranks(filled: IndexStore) -> None:
    found = ask(filled, "other/7.md", limit=1)
    assert found.lost_at == "limit"
    assert "fused #" in found.sentence


def test_document_that_one_search_had_and_both_together_had_not_is_fused_out(open_index: OpenStore) -> None:
    store = open_index()
    with store.draft() as draft:
        put(draft, one_chunk("words.md", "zebra " + "and much else that is about something different " * 4))
        for number in range(5):
            put(draft, one_chunk(f"{number}.md", f"striped horse {number}"))
    # The words say words.md, the meaning (here: another vector) says the others.
    with pinned(store) as snapshot:
        vector = embed("striped horse")
        trace = snapshot.trace("zebra", vector, scope=OPERATOR, limit=2)
        found = find_expected("words.md", trace, snapshot, scope=OPERATOR, where=(), limit=2, reveal=True)
    assert found.lost_at == "fusion"
    assert "lexical #1" in found.sentence


def test_document_that_the_reranker_put_back_is_said(open_index: OpenStore) -> None:
    open_index()
    store = open_store(
        StoreSettings(data_dir=open_index().folder),
        SPACE,
        rerank=lambda _, passages: [0.1 if "best" in text else 0.9 for text in passages],
    )
    with store.draft() as draft:
        put(draft, one_chunk("best.md", "The best answer about leave."))
        for number in range(4):
            put(draft, one_chunk(f"{number}.md", f"Something about travel {number}."))
    assert ask(store, "best.md", question="the best answer about leave", limit=2).lost_at == "reranking"
    store.close()


def test_of_several_with_one_name_the_furthest_counts(filled: IndexStore) -> None:
    with filled.draft() as draft:
        put(draft, sample("empty/handbook.pdf", ""))
    assert ask(filled, "handbook.pdf").uri == "policies/handbook.pdf"
