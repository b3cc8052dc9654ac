"""What late interaction remembers of the passages it has read: as much as has room, and what was wanted last."""

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.word_embedder import WordEmbedder
from vectorstore.models.late_interaction import LateInteraction, Tokens

TEXTS = [
    f"Passage {number} says that the gate {'really ' * number}opens at {number}." for number in range(12)
]


class Counting(WordEmbedder):
    """Notes which texts reach it."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[str] = []

    def token_states(
        self, texts: Sequence[str], *, query: bool = False
    ) -> list[tuple[list[tuple[int, int]], np.ndarray]]:
        self.read += texts
        return super().token_states(texts, query=query)


def size(read: Sequence[Tokens]) -> int:
    return sum(each.directions.nbytes for each in read)


@given(st.lists(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=5), max_size=12), st.integers(0, 3_000))
def test_it_keeps_no_more_than_has_room_and_forgets_nothing_that_has(
    asked: list[list[str]], room: int
) -> None:
    near, fresh = LateInteraction(Counting(), remember_bytes=room), LateInteraction(WordEmbedder())
    for texts in asked:
        kept = dict(near._known)
        before = len(near._reader.read)
        found = near.read(texts)
        assert set(near._reader.read[before:]) == set(texts) - set(kept)
        for one, other in zip(found, fresh.read(texts), strict=True):
            np.testing.assert_array_equal(one.directions, other.directions)
            np.testing.assert_array_equal(one.offsets, other.offsets)
        held = list(near._known.values())
        assert size(held) <= room
        assert near._room == room - size(held)
        # What was read last is kept as far back as there is room.
        last = list(dict.fromkeys(reversed(texts)))
        if size(near.read(last[:1])) <= room:
            assert last[0] in near._known


def test_states_are_what_the_reader_made_of_each_token() -> None:
    reader = WordEmbedder()
    ((_, states),) = reader.token_states([TEXTS[3]])
    (read,) = LateInteraction(reader).read([TEXTS[3]])
    np.testing.assert_allclose(read.states, states, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(read.directions, axis=1), 1.0, rtol=1e-5)
