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

LIKE: Final = 0.2
"""Groups are merged while their questions are on average at least so alike; chosen on PolicyQA and SelQA, by whether a
planted topic came among the first three (.15 found as many, .3 fewer)."""
MOST: Final = 1_500
"""Questions that are grouped at most, the newest; their likenesses take 9 MB."""


@dataclass(frozen=True, slots=True)
class Group:
    """Questions about one thing, by their places among those that were grouped, the most typical first.

    `people` is how many units asked; `new` the share of the questions that lie farther from the reference than from
    their own window; `unanswered` the share that had no sure answer, of all questions that are as near as these.
    """

    places: tuple[int, ...]
    people: int
    new: float
    unanswered: float

    @property
    def weight(self) -> float:
        """What groups are ranked by: the people, half of them for what is not new, and of these what went unanswered."""
        return self.people * self.unanswered * (1 + self.new) / 2


def groups(
    vectors: Vectors, units: Sequence[str], new: Sequence[bool], everything: Vectors, *, least: int
) -> list[Group]:
    """Group questions without an answer, of shape (n, d), the heaviest group first.

    `everything` are all questions of the window, these among them, of shape (m, d). A group of fewer than `least`
    units is left out: it would be about somebody.
    """
    if len(units) < least:
        return []
    vectors, units, new = vectors[-MOST:], units[-MOST:], new[-MOST:]
    centre = everything.mean(axis=0)
    own, others = _unit(vectors - centre), _unit(everything - centre)
    found = []
    for places in linked(own @ own.T):
        people = len({units[place] for place in places})
        if people < least:
            continue
        middle = own[places].mean(axis=0)
        near = own[places] @ middle
        ordered = [places[at] for at in np.argsort(-near, kind="stable")]
        # of what lies as near to the middle as the middle one of these
        within = int(np.count_nonzero(others @ middle >= np.median(near)))
        inside = int(np.count_nonzero(own @ middle >= np.median(near)))
        share = float(np.mean([new[place] for place in places]))
        found.append(Group(tuple(ordered), people, share, inside / max(within, inside, 1)))
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
