"""What people ask and the documents do not say: questions without a sure answer, grouped by what they are about.

Groups are made by average linkage (Sokal & Michener 1958) over the cosine of centred vectors; centring takes out
what all sentence vectors share (Mu & Viswanath 2018, All-but-the-Top, ICLR), so that one bound fits several embedders.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from vectorstore.types import Vectors

Floats = npt.NDArray[np.float32]

LIKE: Final = 0.1
"""Groups are merged while their questions are on average at least so alike; chosen on PolicyQA and SelQA, by whether a
planted topic came among the first three (more than with .15 to .4)."""
MOST: Final = 1_500
"""Questions that are grouped at most, the newest; their likenesses take 9 MB."""


@dataclass(frozen=True, slots=True)
class Group:
    """Questions about one thing, by their places among those that were grouped, the most typical first.

    `people` is how many units asked; `new` the share of its questions that are unlike the reference. Of all questions of
    the window about it (as near to it as its own middle one), `share` is the part that was grouped and not answered.
    """

    places: tuple[int, ...]
    people: int
    new: float
    share: float

    @property
    def weight(self) -> float:
        """What groups are ranked by: how many asked, how much of it went unanswered, and twice as much where it is new."""
        return self.people * self.share * (1 + self.new) / 2


def groups(
    vectors: Vectors, units: Sequence[str], new: Sequence[bool], answered: Vectors, *, least: int
) -> list[Group]:
    """Group questions without an answer, of shape (n, d), the heaviest group first.

    `answered` are the other questions of the window, of shape (m, d). A group of fewer than `least` units is left
    out: it would be about somebody.
    """
    if len(units) < least:
        return []
    first = max(0, len(units) - MOST)
    vectors, units, new = vectors[first:], units[first:], new[first:]
    centre = np.concatenate([vectors, answered]).mean(axis=0)
    own, others = _unit(vectors - centre), _unit(answered - centre)
    found = []
    for places in linked(own @ own.T):
        people = len({units[place] for place in places})
        if people < least:
            continue
        whole = own[places].sum(axis=0)
        near = own @ whole / len(places)
        near[places] = (own[places] @ whole - 1) / (len(places) - 1)
        reach = np.median(near[places])
        inside, outside = (
            np.count_nonzero(near >= reach),
            np.count_nonzero(others @ whole / len(places) >= reach),
        )
        ordered = sorted(places, key=lambda place: (-float(near[place]), place))
        fresh = float(np.mean([new[place] for place in places]))
        found.append(
            Group(tuple(first + place for place in ordered), people, fresh, inside / (inside + outside))
        )
    return sorted(found, key=lambda group: (-group.weight, group.places))


def linked(likeness: Floats) -> list[list[int]]:
    """Return the groups of average linkage down to LIKE, as lists of rows of a symmetric matrix of shape (n, n)."""
    sums = likeness.astype(np.float64)
    sizes = np.ones(len(sums))
    np.fill_diagonal(sums, -np.inf)
    members = {place: [place] for place in range(len(sums))}
    mean = sums.copy()
    while len(members) > 1:
        first, second = divmod(int(np.argmax(mean)), len(mean))
        if mean[first, second] < LIKE:
            break
        sums[first] += sums[second]
        sums[:, first] = sums[first]
        sizes[first] += sizes[second]
        sums[second] = sums[:, second] = -np.inf
        sums[first, first] = -np.inf
        mean[second] = mean[:, second] = -np.inf
        mean[first] = sums[first] / (sizes[first] * sizes)
        mean[:, first] = mean[first]
        members[first] += members.pop(second)
    return list(members.values())


def _unit(vectors: Vectors) -> Floats:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-9), np.float32)
