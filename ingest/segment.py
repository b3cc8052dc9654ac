"""Where to cut a row of atoms into chunks: the cheapest way by size and by where the cuts fall."""

from collections.abc import Sequence
from itertools import accumulate
from math import inf

from ingest.atoms import Atom


def segments(atoms: Sequence[Atom], *, target: int, limit: int) -> list[tuple[int, int]]:
    """Return [start, end) atom ranges, each at most `limit` tokens and near `target` if that costs little.

    Minimises the sum over chunks of ((size - target) / target)² plus the cost of each cut, by dynamic
    programming, as lines are broken into a paragraph. An atom heavier than the limit stands alone.
    """
    sizes = [0, *accumulate(atom.weight for atom in atoms)]
    best = [0.0] + [inf] * len(atoms)
    came_from = [0] * (len(atoms) + 1)
    for start, atom in enumerate(atoms):
        base = best[start] + atom.cost
        before = sizes[start] - atom.lead_weight
        for end in range(start + 1, len(atoms) + 1):
            size = sizes[end] - before
            if size > limit and end > start + 1:
                break
            price = base + (size / target - 1.0) ** 2
            if price < best[end]:
                best[end] = price
                came_from[end] = start
    return _walk_back(came_from)


def _walk_back(came_from: Sequence[int]) -> list[tuple[int, int]]:
    ranges = []
    end = len(came_from) - 1
    while end > 0:
        ranges.append((came_from[end], end))
        end = came_from[end]
    return ranges[::-1]
