"""What one tenant finds, in which order and with which scores, does not depend on what another tenant has."""

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.vectorstore.conftest import OpenStore
from tests.vectorstore.sample import SPACE, Sample, embed, put, sample
from vectorstore.index.upkeep import IndexUpkeep
from vectorstore.settings import StoreSettings
from vectorstore.store import Store
from vectorstore.types import Condition, Scope

WORDS = (
    "gateway",
    "salary",
    "quarter",
    "harvest",
    "engine",
    "kestrel",
    "ledger",
    "orchard",
    "ERR-4012",
    "v2.3.1",
)
QUESTIONS = (
    "gateway salary quarter",
    "What does the kestrel cost in the orchard?",
    "gatway salery orchrd",  # one slip each
    "kestral harvest",
    "ERR-4012 v2.3.1",
    "nothing of this is known",
)


def own(chance: random.Random, count: int, *, tenant: str = "acme") -> list[Sample]:
    made = []
    for number in range(count):
        text = " ".join(f"The {' '.join(chance.choices(WORDS[:-3], k=4))} number {number}." for _ in range(3))
        readers = frozenset({"hr"}) if number % 4 == 0 else frozenset()
        made.append(
            sample(f"{number}.md", text, tenant=tenant, readers=readers, metadata={"part": number % 2})
        )
    return made


def commit(store: Store, samples: Sequence[Sample]) -> None:
    with store.draft() as draft:
        for each in samples:
            put(draft, each)


def everything_found(store: Store) -> list[object]:
    """Return all that searches tell a caller of the tenant, to the last bit."""
    found: list[object] = []
    scopes = (Scope("acme"), Scope("acme", frozenset({"hr"})), Scope("acme", unrestricted=True))
    wheres = ((), (Condition("part", "eq", (1,)),))
    with store.snapshot() as snapshot:
        for question in QUESTIONS:
            for scope in scopes:
                for where in wheres:
                    trace = snapshot.trace(question, embed(question), scope=scope, where=where, limit=7)
                    found.append([(hit.chunk.id, hit.score, hit.stages) for hit in trace.hits])
                    found.append(
                        [(each.hit.chunk.id, each.hit.stages, each.reason) for each in trace.dropped]
                    )
    return found


def others(kind: str) -> list[Sample]:
    chance = random.Random(7)
    match kind:
        case "the same words":
            return own(chance, 60, tenant="blue")
        case "words that the tenant lacks":
            return [
                sample(f"{n}.md", "ERR-4012 v2.3.1 kestral gatway salery orchrd.", tenant="blue")
                for n in range(9)
            ]
        case "words one slip away":
            slips = "gatewai salaryy quartr harvets enginee kestrel orchards kestral"
            return [sample(f"{n}.md", f"{slips} {n}.", tenant="blue") for n in range(9)]
        case "very long texts":
            return [sample("long.md", f"{' gateway salary' * 30_000}.", tenant="blue")]
        case _:
            return [sample(f"{n}.md", f"Number {n} of many.", tenant=f"t{n}") for n in range(30)]


@pytest.mark.parametrize(
    "kind",
    [
        "the same words",
        "words that the tenant lacks",
        "words one slip away",
        "very long texts",
        "many tenants",
    ],
)
def test_searches_are_the_same_to_the_bit_before_and_after_another_tenant_ingests(
    open_index: OpenStore, kind: str
) -> None:
    store = open_index()
    commit(store, own(random.Random(1), 40))
    before = everything_found(store)
    assert any(before)
    commit(store, others(kind))
    assert everything_found(store) == before
    assert everything_found(open_index()) == before
    with store.draft() as draft:
        for each in others(kind)[::2]:
            draft.remove(tenant=each.document.tenant, uri=each.document.uri)
    assert everything_found(store) == before
    assert IndexUpkeep(store).verify().sound


@settings(max_examples=8, deadline=None)
@given(
    texts=st.lists(
        st.lists(st.sampled_from([*WORDS, "gatway", "kestral"]), min_size=1, max_size=40), max_size=6
    )
)
def test_whatever_another_tenant_writes_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, texts: list[list[str]]
) -> None:
    from vectorstore.open import open_store

    store = open_store(StoreSettings(data_dir=tmp_path_factory.mktemp("index")), SPACE)
    commit(store, own(random.Random(2), 6))
    before = everything_found(store)
    commit(store, [sample(f"{n}.md", f"{' '.join(words)}.", tenant="blue") for n, words in enumerate(texts)])
    assert everything_found(store) == before
    store.close()


def lexical_ranks(store: Store, question: str, scope: Scope) -> dict[str, float]:
    with store.snapshot() as snapshot:
        hits = snapshot.search(question, embed(question), scope=scope, limit=20)
    stages = {hit.document.uri: hit.stage("lexical") for hit in hits}
    return {uri: stage.score for uri, stage in stages.items() if stage}


@pytest.mark.parametrize("hidden", ["another group's", "removed", "another tenant's"])
def test_a_word_out_of_sight_counts_as_unknown_and_its_slip_is_mended(
    open_index: OpenStore, hidden: str
) -> None:
    store, scope = open_index(), Scope()
    commit(store, [sample("bird.md", "The kestrel nests here.")])
    told = lexical_ranks(store, "kestral", scope)
    assert set(told) == {"bird.md"}
    readers = frozenset({"hr"}) if hidden == "another group's" else frozenset()
    tenant = "blue" if hidden == "another tenant's" else "default"
    commit(store, [sample("other.md", "Kestral is a name.", readers=readers, tenant=tenant)])
    if hidden == "removed":
        assert set(lexical_ranks(store, "kestral", scope)) == {"other.md"}
        with store.draft() as draft:
            draft.remove(tenant="default", uri="other.md")
    assert lexical_ranks(store, "kestral", scope) == told


def test_a_rare_word_of_many_hidden_documents_is_not_known_either(open_index: OpenStore) -> None:
    store, scope = open_index(), Scope()
    commit(store, [sample("bird.md", "The kestrel nests here.")])
    told = lexical_ranks(store, "kestral", scope)
    commit(store, [sample(f"{n}.md", f"Kestral {n}.", readers=frozenset({"hr"})) for n in range(120)])
    assert lexical_ranks(store, "kestral", scope) == told
    # As soon as one of them may be read, the word is known, however deep it lies among the others.
    commit(store, [sample("open.md", "At the end of a very long sentence on other things stands kestral.")])
    assert set(lexical_ranks(store, "kestral", scope)) == {"open.md"}


def test_a_word_outside_the_filter_is_a_known_word(open_index: OpenStore) -> None:
    store = open_index()
    commit(
        store,
        [
            sample("bird.md", "The kestrel nests here.", metadata={"part": 1}),
            sample("name.md", "Kestral is a name.", metadata={"part": 2}),
        ],
    )
    with store.snapshot() as snapshot:
        where = (Condition("part", "eq", (1,)),)
        hits = snapshot.search("kestral", embed("kestral"), scope=Scope(), where=where)
    assert [hit.stage("lexical") for hit in hits] == [None]
