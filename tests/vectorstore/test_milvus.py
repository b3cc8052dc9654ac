"""The vectors in Milvus. Milvus Lite stands in for the server: it proves the calls, and neither speed nor Milvus' ranking."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from pydantic import SecretStr

from tests.postgresql import Server, needs_postgresql
from tests.vectorstore.sample import SPACE, embed, find, put, sample, uris
from vectorstore.errors import BadInput, Unavailable
from vectorstore.index.milvus import vectors as module
from vectorstore.index.milvus.client import Milvus
from vectorstore.index.milvus.vectors import MilvusVectors
from vectorstore.index.snapshot import IndexSnapshot
from vectorstore.index.store import IndexStore
from vectorstore.index.upkeep import IndexUpkeep
from vectorstore.open import open_store
from vectorstore.settings import StoreSettings
from vectorstore.types import Hit, Scope

pytest.importorskip("milvus_lite", reason="needs milvus-lite")

EVERYTHING = Scope(unrestricted=True)
TEXTS = (
    "gateway orchard.",
    "salary ledger.",
    "kestrel gateway.",
    "ledger of the orchard.",
    "kestrel salary.",
)
Reopen = Callable[..., IndexStore]


@pytest.fixture
def reopen(tmp_path: Path) -> Iterator[Reopen]:
    opened: list[IndexStore] = []

    def open_it(search: str = "milvus", folder: str = "data") -> IndexStore:
        address = str(tmp_path / "milvus.db")
        settings = StoreSettings(data_dir=tmp_path / folder, search=search, milvus=address)  # type: ignore[arg-type]
        opened.append(open_store(settings, SPACE))
        return opened[-1]

    yield open_it
    for each in opened:
        each.close()


def fill(store: IndexStore) -> None:
    for number, text in enumerate(TEXTS):
        with store.draft() as draft:
            readers = frozenset({"hr"}) if "salary" in text else frozenset[str]()
            put(draft, sample(f"{number}.md", text, readers=readers))
    with store.draft() as draft:
        put(draft, sample("other.md", TEXTS[0], tenant='a"b\\ or true'))


def outside(store: IndexStore) -> MilvusVectors:
    opened = store.opened()
    assert opened is not None
    found = opened.kind.outside
    assert isinstance(found, MilvusVectors)
    return found


def said(store: IndexStore, question: str, scope: Scope = EVERYTHING) -> list[Hit]:
    with store.snapshot() as snapshot:
        return find(snapshot, question, scope=scope)


def near(store: IndexStore, question: str, scope: Scope) -> list[tuple[int, float]]:
    """Return what the vectors alone find."""
    with store.snapshot() as snapshot:
        assert isinstance(snapshot, IndexSnapshot)
        documents, (dense, _) = snapshot._catalog().select(scope, ()), snapshot._indexes(scope.tenant)
        found = dense.nearest(embed(question), 20, documents, alone=False)
        return list(zip(found.rows.tolist(), found.scores.tolist(), strict=True))


def test_both_kinds_of_search_find_the_same(reopen: Reopen, tmp_path: Path) -> None:
    store = reopen()
    fill(store)
    for scope in (
        EVERYTHING,
        Scope(),
        Scope(groups=frozenset({"hr"})),
        Scope('a"b\\ or true'),
        Scope("none"),
    ):
        inside = reopen("local")
        for text in ("gateway", "salary ledger", "nothing of it"):
            found, others = near(store, text, scope), near(inside, text, scope)
            assert sorted(row for row, _ in found) == sorted(row for row, _ in others)
            assert [score for _, score in found] == pytest.approx([score for _, score in others], abs=1e-3)
            assert uris(said(store, text, scope=scope)) == uris(said(inside, text, scope=scope))
    # And what each made of the folder serves the other no more.
    again = reopen()
    assert near(again, "gateway", EVERYTHING) == near(store, "gateway", EVERYTHING)
    assert IndexUpkeep(again).verify().sound


def test_no_text_goes_to_milvus(reopen: Reopen, tmp_path: Path) -> None:
    fill(reopen())
    there = [path for path in tmp_path.rglob("*") if path.is_file() and "milvus.db" in str(path)]
    assert there
    for path in there:
        assert not any(word in path.read_bytes() for word in (b"orchard", b".md", b"or true"))


def test_many_documents_are_named_in_pieces_or_looked_for_among_all(
    reopen: Reopen, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = reopen()
    fill(store)
    expected = near(store, "gateway", EVERYTHING)
    monkeypatch.setattr(module, "_LISTED", 2)
    assert near(store, "gateway", EVERYTHING) == expected
    monkeypatch.setattr(module, "_PIECES", 0)
    assert near(store, "gateway", EVERYTHING) == expected
    assert near(store, "gateway", Scope()) == [
        each for each in expected if each in near(store, "gateway", Scope())
    ]


def test_what_is_removed_and_older_generations_are_found_as_they_stood(reopen: Reopen) -> None:
    store = reopen()
    fill(store)
    before = store.generations()[-1].number
    with store.draft() as draft:
        draft.remove(tenant="default", uri="0.md")
    assert "0.md" not in uris(said(store, "gateway orchard"))
    with store.snapshot(before) as snapshot:
        found = snapshot.search("gateway orchard", embed("gateway orchard"), scope=EVERYTHING)
    assert "0.md" in uris(found)


def test_another_replica_goes_on_with_the_collection_and_an_erasure_gets_a_new_one(reopen: Reopen) -> None:
    store = reopen()
    fill(store)
    first = outside(store).current(0)[0]
    upkeep = IndexUpkeep(reopen())
    certificate = upkeep.erase(tenant="default", uris=["1.md"])
    assert any("Milvus" in each for each in certificate.unsearched)
    # Which still names the one that is gone.
    assert "1.md" not in uris(said(store, "salary ledger"))
    second = outside(store).current(0)[0]
    assert second != first
    milvus = outside(store).milvus
    assert milvus.collections() == [second]
    assert len(near(store, "salary", EVERYTHING)) == len(TEXTS) - 1
    assert IndexUpkeep(store).verify().sound


def test_a_search_whose_collection_is_gone_takes_the_one_that_the_alias_names(reopen: Reopen) -> None:
    store, other = reopen(), reopen(folder="data")
    fill(store)
    expected = near(store, "gateway", EVERYTHING)
    IndexUpkeep(other).rebuild()
    assert near(store, "gateway", EVERYTHING) == expected


def test_a_collection_that_a_restarted_server_has_not_loaded_is_loaded(reopen: Reopen) -> None:
    store = reopen()
    fill(store)
    expected = near(store, "gateway", EVERYTHING)
    outside(store).milvus._connected().release_collection(outside(store).current(0)[0])
    assert near(reopen(), "gateway", EVERYTHING) == expected


def test_what_was_cut_off_half_way_is_added_again_and_told_until_then(
    reopen: Reopen, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = reopen()
    fill(store)

    def away(*_: object) -> None:
        raise Unavailable("It is away.")

    monkeypatch.setattr(Milvus, "put_note", away)
    with store.draft() as draft:
        put(draft, sample("late.md", "a late orchard."))
    assert "late.md" not in uris(said(store, "late orchard"))
    assert not IndexUpkeep(reopen()).verify().sound
    monkeypatch.undo()
    assert "late.md" in uris(said(store, "late orchard"))
    assert IndexUpkeep(reopen()).verify().sound


def test_a_generation_counts_once_all_of_it_is_seen(reopen: Reopen, monkeypatch: pytest.MonkeyPatch) -> None:
    store = reopen()
    fill(store)
    monkeypatch.setattr(Milvus, "count", lambda *_, **__: 0)
    with store.draft() as draft:
        put(draft, sample("late.md", "a late orchard."))
    collection = outside(store).current(0)[0]
    held = json.loads(outside(store).milvus.note(collection))["covered"]["generation"]
    assert held == store.generations()[-2].number
    assert "late.md" not in uris(said(store, "late orchard"))


@needs_postgresql
def test_replicas_over_one_truth_in_postgresql_share_the_collection(
    postgresql_server: Server, tmp_path: Path
) -> None:
    address, milvus = SecretStr(postgresql_server.schema()), str(tmp_path / "milvus.db")
    first, second = (
        open_store(
            StoreSettings(data_dir=tmp_path / name, store=address, search="milvus", milvus=milvus), SPACE
        )
        for name in ("first", "second")
    )
    try:
        fill(first)
        expected = near(first, "gateway", EVERYTHING)
        assert len(expected) == len(TEXTS)
        assert near(second, "gateway", EVERYTHING) == expected
        assert outside(first).current(0)[0] == outside(second).current(0)[0]
        with second.draft() as draft:
            put(draft, sample("late.md", "a late orchard."))
        assert "late.md" in uris(said(first, "late orchard"))
        assert IndexUpkeep(first).verify().sound
    finally:
        first.close()
        second.close()


def test_another_vector_than_the_truths_is_a_finding(reopen: Reopen) -> None:
    store = reopen()
    fill(store)
    collection = outside(store).current(0)[0]
    wrong = np.full((1, SPACE.dimension), 0.5, np.float16)
    rows = np.array([2], np.int64)
    outside(store).milvus.put(collection, rows, ["x"], rows, wrong)
    verification = IndexUpkeep(reopen()).verify()
    assert any("another vector for chunk row 2" in each for each in verification.stale)


def test_an_address_that_is_none_and_a_server_that_is_away_are_one_sentence(tmp_path: Path) -> None:
    for address in ("", "host:19530"):
        with pytest.raises(BadInput, match="address of a Milvus server"):
            open_store(StoreSettings(data_dir=tmp_path, search="milvus", milvus=address), SPACE)
    with pytest.raises(BadInput) as raised:
        open_store(StoreSettings(data_dir=tmp_path, search="milvus", milvus="http://u:secret@h:1"), SPACE)
    assert "secret" not in str(raised.value)
    away = Milvus("http://127.0.0.1:9", "user:secret")
    with pytest.raises(Unavailable, match=r"Milvus at http://127\.0\.0\.1:9 failed") as failed:
        away.collections()
    assert "secret" not in str(failed.value)
