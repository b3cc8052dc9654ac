"""Search inside PostgreSQL finds what search in a replica's own files finds, with the same scores, and keeps no more."""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from tests.postgresql import Server, needs_postgresql
from tests.vectorstore.sample import SPACE, embed, find, put, sample, uris
from vectorstore.errors import BadInput, Unavailable
from vectorstore.index.postgresql.search import segments, vectors
from vectorstore.index.postgresql.search.catch_up import catch_up
from vectorstore.index.postgresql.search.tables import GRAPH, NAMES
from vectorstore.index.postgresql.search.words import StoredWords
from vectorstore.index.projection.word_index import WordSearch
from vectorstore.index.snapshot import IndexSnapshot
from vectorstore.index.store import IndexStore
from vectorstore.open import open_store, open_upkeep
from vectorstore.settings import StoreSettings
from vectorstore.types import Condition, MetadataValue, Scope, Where

pytestmark = needs_postgresql

WORDS = (
    "gateway", "salary", "kestrel", "orchard", "orchards", "ERR-4012", "v2.3.1", "the", "of", "Urlaubsantrag", "Urlaub",
    "Antrag", "Kündigung", "müller", "отпуск", "休暇は年に", "société", "עובדים", "10", "ledger",
)  # fmt: skip
ASKED = (*WORDS, "gatway", "kestrl", "Urlaubsantrak", "отпска", "salery", "unknown")
SCOPES = (
    Scope("acme"),
    Scope("acme", frozenset({"hr"})),
    Scope("acme", frozenset({"legal"})),
    Scope("acme", unrestricted=True),
    Scope("blue"),
)
SENTENCES = st.lists(st.sampled_from(WORDS), min_size=1, max_size=10).map(lambda said: " ".join(said) + ".")
DOCUMENTS = st.tuples(
    st.integers(0, 11),
    st.sampled_from(["acme", "acme", "acme", "blue"]),
    st.frozensets(st.sampled_from(["hr", "legal"]), max_size=1),
    st.sampled_from(["", "en", "de", "ru", "ja", "he"]),
    st.lists(SENTENCES, min_size=1, max_size=4).map(" ".join),
)
COMMITS = st.lists(st.lists(DOCUMENTS, min_size=1, max_size=5), min_size=1, max_size=5)
QUESTIONS = st.lists(st.sampled_from(ASKED), min_size=1, max_size=6).map(" ".join)

Reopen = Callable[..., IndexStore]


@pytest.fixture
def reopen(postgresql_server: Server, tmp_path: Path) -> Iterator[Reopen]:
    """Open one index as often as a test likes: searched `within` the database, or in this replica's files."""
    opened: list[IndexStore] = []
    address = postgresql_server.schema()

    def open_it(*, within: bool, store: str = address) -> IndexStore:
        folder = tmp_path / f"replica-{len(opened)}"
        search: Literal["database", "local"] = "database" if within else "local"
        opened.append(
            open_store(StoreSettings(data_dir=folder, store=SecretStr(store), search=search), SPACE)
        )
        return opened[-1]

    yield open_it
    for each in opened:
        each.close()


def commit(store: IndexStore, documents: list[tuple[int, str, frozenset[str], str, str]]) -> None:
    with store.draft() as draft:
        for number, tenant, readers, language, text in documents:
            facts: dict[str, MetadataValue] = {
                "part": number % 2,
                **({"language": language} if language else {}),
            }
            put(draft, sample(f"{number}.md", text, tenant=tenant, readers=readers, metadata=facts))


def ranked(
    store: IndexStore, question: str, scope: Scope, where: Where
) -> list[tuple[list[int], list[float]]]:
    """Return what each kind of search finds, before anything is fused."""
    with store.snapshot() as snapshot:
        assert isinstance(snapshot, IndexSnapshot)
        catalog, (dense, words) = snapshot._catalog(), snapshot._indexes(scope.tenant)
        documents, readable = catalog.select(scope, where), catalog.select(scope, ())
        if not len(documents):
            return []
        alone = len(readable) == catalog.count
        near = dense.nearest(embed(question), 20, documents, alone=alone)
        said = words.search(question, 20, readable=readable, within=documents) if words else near
        return [(each.rows.tolist(), each.scores.tolist()) for each in (near, said)]


def same(one: list[tuple[list[int], list[float]]], other: list[tuple[list[int], list[float]]]) -> None:
    assert len(one) == len(other)
    for (_, scores), (_, others) in zip(one, other, strict=True):
        assert scores == pytest.approx(others, abs=1e-4)
    for (rows, _), (others_rows, _) in zip(one[1:], other[1:], strict=True):
        assert rows == others_rows


@pytest.mark.parametrize(
    "examples", [25, pytest.param(2_000, marks=[pytest.mark.slow, pytest.mark.timeout(0)])]
)
def test_both_kinds_of_search_rank_and_score_alike(
    postgresql_server: Server, tmp_path_factory: pytest.TempPathFactory, examples: int
) -> None:
    @settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(COMMITS, st.sampled_from(SCOPES), st.lists(QUESTIONS, min_size=1, max_size=4), st.booleans())
    def compare(
        commits: list[list[tuple[int, str, frozenset[str], str, str]]],
        scope: Scope,
        questions: list[str],
        narrowed: bool,
    ) -> None:
        address, folder = postgresql_server.schema(), tmp_path_factory.mktemp("world")
        local = open_store(StoreSettings(data_dir=folder / "local", store=SecretStr(address)), SPACE)
        within = open_store(
            StoreSettings(data_dir=folder / "within", store=SecretStr(address), search="database"), SPACE
        )
        where = (Condition("part", "eq", (1,)),) if narrowed else ()
        for number, documents in enumerate(commits):
            # Whoever commits: both keep the tables whole once they are there.
            commit((within, local)[number % 2], documents)
            for question in questions:
                same(ranked(local, question, scope, where), ranked(within, question, scope, where))
        local.close()
        within.close()

    compare()


def test_a_replica_keeps_no_file(reopen: Reopen, tmp_path: Path) -> None:
    store = reopen(within=True)
    commit(store, [(1, "acme", frozenset(), "", "The kestrel nests in the orchard.")])
    with store.snapshot() as snapshot:
        assert uris(find(snapshot, "kestrel")) == []
        assert uris(find(snapshot, "kestrel", scope=Scope("acme"))) == ["1.md"]
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_machine_that_searched_in_files_before_lets_go_of_them_and_of_what_was_erased(
    postgresql_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOOTNOTE_OBJECTS", f"file://{tmp_path}/objects")
    address = SecretStr(postgresql_server.schema())
    local = StoreSettings(data_dir=tmp_path / "one", store=address)
    within = local.model_copy(update={"search": "database"})
    with closing(open_store(local, SPACE)) as store:
        commit(store, [(n, "acme", frozenset(), "", f"The kestrel nests {n} times.") for n in range(3)])
        with store.snapshot() as snapshot:
            assert find(snapshot, "kestrel", scope=Scope("acme"))
    assert (local.data_dir / "dense.json").exists()
    copies = local.data_dir / "fetched"
    copies.mkdir()
    with closing(open_store(within, SPACE)) as store, closing(open_upkeep(within)) as upkeep:
        (copies / "originals_x_y").write_text("a copy of an upload")
        with pytest.raises(BadInput, match="only where they search in files of their own"):
            upkeep.publish()
        store.follow()
        assert not [*local.data_dir.glob("dense*"), *local.data_dir.glob("lexical*")]
        certificate = upkeep.erase(["1.md"], tenant="acme")
        assert certificate.left == ()
        until = time.monotonic() + 20
        while not upkeep.certificates()[-1].complete and time.monotonic() < until:
            time.sleep(0.1)
        assert upkeep.certificates()[-1].complete
        assert list(copies.iterdir()) == []


def test_an_index_that_was_made_without_is_searched_at_once(reopen: Reopen) -> None:
    commit(reopen(within=False), [(1, "acme", frozenset(), "", "The kestrel nests.")])
    store = reopen(within=True)
    with store.snapshot() as snapshot:
        assert uris(find(snapshot, "kestrel", scope=Scope("acme"))) == ["1.md"]


def test_an_older_generation_is_searched_as_it_was(reopen: Reopen) -> None:
    store = reopen(within=True)
    commit(store, [(1, "acme", frozenset(), "", "The kestrel nests.")])
    commit(
        store,
        [(1, "acme", frozenset(), "", "The gateway opens."), (2, "acme", frozenset(), "", "A kestrel.")],
    )
    operator = Scope("acme", unrestricted=True)
    with store.snapshot(at=store.generations()[1].number) as snapshot:
        assert [hit.chunk.text for hit in find(snapshot, "kestrel", scope=operator)] == ["The kestrel nests."]
    with store.snapshot() as snapshot:
        assert find(snapshot, "kestrel", scope=operator)[0].chunk.text == "A kestrel."


def test_what_is_deleted_from_the_truth_stays_in_no_table(reopen: Reopen) -> None:
    store = reopen(within=True)
    many = [(number, "acme", frozenset[str](), "", f"Kestrel number{number} nests.") for number in range(40)]
    commit(store, many)
    commit(store, [(40, "acme", frozenset(), "", "A gateway.")])
    with store.database.writer(wait=True) as connection, connection.transaction():
        for table, column in (("vectors", "chunk"), ("chunks", "row")):
            connection.run(f"DELETE FROM {table} WHERE {column} <= 10")
        catch_up(connection)
    with store.database.connection() as connection:
        assert connection.rows("SELECT count(*) FROM search_vectors") == [(31,)]
        assert connection.rows("SELECT sum(chunks) FROM search_segments") == [(31,)]
        assert connection.rows("SELECT count(*) FROM search_forgotten") == [(0,)]
        named = [
            np.frombuffer(row[0], "<u4") for row in connection.rows("SELECT chunks FROM search_postings")
        ]
        assert np.unique(np.concatenate(named)).tolist() == list(range(11, 42))
        found = WordSearch(StoredWords.none(store.database, "acme").extended(connection)).search(
            "kestrel", 100
        )
        assert found.rows.tolist() == list(range(11, 41))


def test_segments_are_few_and_none_grows_past_its_bound(
    reopen: Reopen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "FULL", 16)
    store = reopen(within=True)
    for number in range(40):
        commit(
            store, [(number, "acme", frozenset(), "", f"Kestrel number{number} nests. The orchard is old.")]
        )
    with store.database.connection() as connection:
        sizes = [row[0] for row in connection.rows("SELECT chunks FROM search_segments ORDER BY first")]
        rows = connection.rows("SELECT segment, first FROM search_segments ORDER BY segment")
    assert sum(sizes) == 80
    assert max(sizes) <= 16
    assert len(sizes) <= 10
    assert [first for _, first in rows] == sorted(first for _, first in rows)
    with store.snapshot() as snapshot:
        hits = find(snapshot, "number7", scope=Scope("acme"), limit=80)
        assert hits[0].document.uri == "7.md"
        assert len(hits) > 40


@pytest.mark.parametrize("share", [1, 2, 20, 200])
def test_the_graph_finds_full_lists_whatever_is_allowed(
    reopen: Reopen, monkeypatch: pytest.MonkeyPatch, share: int
) -> None:
    monkeypatch.setattr(vectors, "GRAPH_FROM", 300)
    monkeypatch.setattr(vectors, "EXACT_BESIDE_OTHERS", 0)
    store, local = reopen(within=True), reopen(within=False)
    with store.draft() as draft:
        for number in range(500):
            readers = frozenset({"few"}) if number % share == 0 else frozenset({"many"})
            put(draft, sample(f"{number}.md", f"Word{number} word{number % 7}.", readers=readers))
    with store.database.connection() as connection:
        assert connection.one("SELECT to_regclass(?)::text", (GRAPH,)) == (GRAPH,)
    scope = Scope(groups=frozenset({"few"}))
    mine, own = (ranked(each, "word3 word11", scope, ())[0] for each in (store, local))
    assert len(mine[0]) == min(20, -(-500 // share))
    assert len(set(mine[0]) & set(own[0])) >= 0.98 * len(own[0])


def test_a_user_who_may_make_no_extension_is_told_what_is_missing(
    postgresql_server: Server, tmp_path: Path
) -> None:
    import psycopg

    url, name = postgresql_server.database(), f"weak_{secrets.token_hex(4)}"
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'weak'")  # type: ignore[arg-type]
        owner.execute(f"CREATE SCHEMA footnote AUTHORIZATION {name}")  # type: ignore[arg-type]
    address = f"postgresql://{name}:weak@127.0.0.1:{postgresql_server.port}/{url.rpartition('/')[2]}"
    settings = StoreSettings(data_dir=tmp_path, store=SecretStr(address), search="database")
    with (
        closing(open_store(settings, SPACE)) as store,
        pytest.raises(Unavailable, match="may not make it"),
    ):
        commit(store, [(1, "acme", frozenset(), "", "The kestrel nests.")])


def test_search_in_the_database_needs_one_and_its_extension(
    tmp_path: Path, reopen: Reopen, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadInput, match="FOOTNOTE_SEARCH=database needs an index in PostgreSQL"):
        open_store(StoreSettings(data_dir=tmp_path, search="database"), SPACE)
    store = reopen(within=True)
    monkeypatch.setattr("vectorstore.index.postgresql.search.tables._OLDEST", (99, 0, 0))
    with pytest.raises(Unavailable, match=r"has pgvector .*; search in it needs"):
        commit(store, [(1, "acme", frozenset(), "", "The kestrel nests.")])
    with store.database.connection() as connection:
        assert not any(connection.has_table(name) for name in NAMES)
