"""What a search says is a function of what the caller may read: whatever else there is, it says the same to the byte.

Two worlds hold the same documents as far as the caller may read them, and anything at all where not, or nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contract.conftest import Engine
from tests.vectorstore.sample import SPACE, Sample, Space, embed, put, sample
from vectorstore.errors import NotFound
from vectorstore.expect import find_expected
from vectorstore.models.encoder import Encoder
from vectorstore.models.minilm import MINILM
from vectorstore.store import Snapshot, Store
from vectorstore.types import Condition, Scope, Vector

SAID = (
    "gateway", "salary", "salery", "kestrel", "kestral", "orchard", "orchards", "ERR-4012", "v2.3.1", "the", "of",
    "Urlaubsantrag", "Urlaub", "Antrag", "Anträge", "Kündigung", "müller", "mueller", "отпуск", "отпуска", "休暇は年に",
    "金庫の鍵", "société", "societe", "עובדים", "10", "ledger", "leave",
)  # fmt: skip
ASKED = (*SAID, "gatway", "Urlaubsantrak", "отпска", "kestrl", "unknown")
LANGUAGES = ("", "en", "de", "ru", "ja", "fr", "he", "pl")
SCOPES = (
    Scope("acme"),
    Scope("acme", frozenset({"hr"})),
    Scope("acme", frozenset({"hr", "legal"})),
    Scope("acme", frozenset({"legal"}), user="ann"),
    Scope("acme", frozenset({"nobody knows"}), user="bob"),
    Scope("acme", unrestricted=True),
)
READERS = st.frozensets(st.sampled_from(["hr", "legal", "user:ann"]), max_size=2)


@dataclass(frozen=True)
class Content:
    """What stands in a document, and what it is called."""

    title: str
    sentences: tuple[str, ...]
    language: str


@dataclass(frozen=True)
class Place:
    """Where a document is and who may read it; whether it comes in the second commit, or is replaced in it."""

    tenant: str
    readers: frozenset[str]
    after: bool
    replaced: bool

    def seen_by(self, scope: Scope) -> bool:
        return self.tenant == scope.tenant and scope.admits(self.readers)


SENTENCES = st.lists(st.sampled_from(SAID), min_size=1, max_size=12).map(" ".join)
CONTENTS = st.builds(
    Content,
    st.sampled_from(["Leave", "Leave 2024", "Leave 2025", "Kestrel", "Salery", "ERR-4012"]),
    st.lists(SENTENCES, min_size=1, max_size=4).map(tuple),
    st.sampled_from(LANGUAGES),
)
PLACES = st.builds(
    Place, st.sampled_from(["acme", "acme", "acme", "blue"]), READERS, st.booleans(), st.booleans()
)
WORLDS = st.lists(st.tuples(PLACES, CONTENTS, st.none() | CONTENTS), min_size=1, max_size=12)
QUESTIONS = st.lists(st.sampled_from(ASKED), min_size=1, max_size=6).map(" ".join)

Embed = Callable[[str], Vector]


def made(number: int, place: Place, content: Content, embed: Embed) -> Sample:
    text = "".join(f"{sentence}. " for sentence in content.sentences)
    metadata = (
        {"language": content.language, "part": number % 2} if content.language else {"part": number % 2}
    )
    whole = sample(
        f"{number}.md",
        text,
        tenant=place.tenant,
        readers=place.readers,
        metadata=dict(metadata),
        title=content.title,
    )
    return replace(whole, vectors=np.stack([embed(chunk.embedded_text) for chunk in whole.chunks]))


def fill(store: Store, world: Sequence[tuple[int, Place, Content]], embed: Embed) -> None:
    """Commit twice: what comes later, and what is replaced, is part of the world as well."""
    for second in (False, True):
        with store.draft() as draft:
            for number, place, content in world:
                if place.after == second:
                    put(draft, made(number, place, content, embed))
                elif second and place.replaced:
                    put(draft, made(number, place, replace(content, title="Again"), embed))


def told(snapshot: Snapshot, scope: Scope, question: str, embed: Embed, count: int) -> list[str]:
    """Return all that a caller is told."""
    found = []
    for where in ((), (Condition("part", "eq", (1,)),)):
        trace = snapshot.trace(question, embed(question), scope=scope, where=where, limit=3)
        found += [repr(trace), repr(list(snapshot.documents(scope=scope, where=where)))]
        for uri in ("0.md", "1.md", "Leave"):
            expected = find_expected(uri, trace, snapshot, scope=scope, where=where, limit=3, reveal=False)
            found.append(repr(expected))
    found.append(repr(sorted(map(repr, snapshot.names(scope=scope)))))
    found.append(repr((snapshot.count(scope=scope), sorted(snapshot.readers(scope=scope)))))
    found.append(repr(snapshot.search(question, embed(question), scope=scope, limit=count)))
    return found


def check(engine: Engine, folder: Path, space: Space, embed: Embed, drawn: object) -> None:
    world, scope, questions = drawn  # type: ignore[misc]
    stores = []
    for name in ("one", "other"):
        chosen = [
            (number, place, content if name == "one" or place.seen_by(scope) else hidden)
            for number, (place, content, hidden) in enumerate(world)
        ]
        store = engine(folder / name, space)
        fill(store, [each for each in chosen if each[2] is not None], embed)  # type: ignore[misc]
        stores.append(store)
    for question in questions:
        answers = []
        for store in stores:
            with store.snapshot() as snapshot:
                answers.append(told(snapshot, scope, question, embed, 50))
                for number, (place, content, _) in enumerate(world):
                    if not place.seen_by(scope):
                        with pytest.raises(NotFound):
                            snapshot.document(made(number, place, content, embed).document.id, scope=scope)
        assert answers[0] == answers[1]
    for store in stores:
        store.close()


DRAWN = st.tuples(WORLDS, st.sampled_from(SCOPES), st.lists(QUESTIONS, min_size=1, max_size=3))
QUIET = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]


@pytest.mark.parametrize(
    "examples", [8, pytest.param(3_000, marks=[pytest.mark.slow, pytest.mark.timeout(0)])]
)
def test_what_is_hidden_changes_nothing_that_is_told(
    engine: Engine, examples: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    @settings(max_examples=examples, deadline=None, suppress_health_check=QUIET)
    @given(drawn=DRAWN)
    def compare(drawn: object) -> None:
        check(engine, tmp_path_factory.mktemp("worlds"), SPACE, cache(embed), drawn)

    compare()


@pytest.mark.parametrize("examples", [3, pytest.param(300, marks=[pytest.mark.slow, pytest.mark.timeout(0)])])
def test_nor_does_it_with_vectors_of_a_model(
    engine: Engine, examples: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    model = Encoder(MINILM, cache_dir=tmp_path_factory.mktemp("model"), threads=1)

    @cache
    def embed(text: str) -> Vector:
        return model.embed_documents([text])[0]

    @settings(max_examples=examples, deadline=None, suppress_health_check=QUIET)
    @given(drawn=DRAWN)
    def compare(drawn: object) -> None:
        check(
            engine,
            tmp_path_factory.mktemp("worlds"),
            Space(model.fingerprint, model.dimension),
            embed,
            drawn,
        )

    compare()


def test_languages_of_hidden_documents_stem_no_question(engine: Engine, tmp_path: Path) -> None:
    bare = Content("Leave", ("gateway отпуск", "the ledger"), "en")
    place = Place("acme", frozenset(), after=False, replaced=False)
    hidden = replace(place, readers=frozenset({"hr"})), Content("Kestrel", ("отпуска",), "ru"), None
    check(
        engine,
        tmp_path,
        SPACE,
        cache(embed),
        ([(place, bare, None), hidden], Scope("acme"), ["отпуска"]),
    )
