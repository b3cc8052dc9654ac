"""What has been embedded is not embedded again, as long as it is wanted now and then."""

import numpy as np

from tests.fakes.word_embedder import WordEmbedder
from vectorstore.models.embed import RememberingEmbedder


def test_a_question_and_sentences_met_before_reach_no_model() -> None:
    model = WordEmbedder()
    embedder = RememberingEmbedder(model)
    for _ in range(3):
        np.testing.assert_array_equal(
            embedder.embed_query("How long?"), WordEmbedder().embed_query("How long?")
        )
        embedder.embed_documents(["One day.", "Two days.", "One day."])
    assert model.embedded == 3


def test_a_question_is_not_taken_for_a_sentence_of_the_same_words() -> None:
    model = WordEmbedder()
    embedder = RememberingEmbedder(model)
    embedder.embed_query("Leave.")
    embedder.embed_documents(["Leave."])
    assert model.embedded == 2


def test_what_is_wanted_again_outlives_what_is_not() -> None:
    model = WordEmbedder()
    embedder = RememberingEmbedder(model, remember=2)
    for text in ("Often.", "Once.", "Often.", "New."):
        embedder.embed_documents([text])
    embedder.embed_documents(["Often."])
    assert model.embedded == 3
    embedder.embed_documents(["Once."])
    assert model.embedded == 4
