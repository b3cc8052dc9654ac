"""Whether two windows of questions come from one distribution: a kernel two-sample test with permutations.

The statistic is the unbiased squared maximum mean discrepancy of Gretton et al. (2012), A Kernel Two-Sample Test,
JMLR 13, equation 3. A unit (a person, a conversation, a group of cases) is one observation, whose kernel with
another is the mean of the kernels of their questions (kernel mean embeddings of sets: Muandet et al. 2012, Learning
from Distributions via Support Measure Machines, NIPS), and which weighs the square root of their number: between one
for all of them and one each, what they are worth together. Units are exchangeable where nothing has changed; the share
of their permutations that reach what was found, itself among them, is then a p-value that is at or below alpha in at
most alpha of all windows, whatever the kernel (Phipson & Smyth 2010).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from vectorstore.types import Vectors

Floats = npt.NDArray[np.float32]

FEWEST: Final = 20
"""Units of a window below which nothing is tested: 20 against 20 already have 10^11 ways to be shared out."""
PERMUTATIONS: Final = 1_999
"""With what was found they are 2,000: p is told to half a thousandth."""
MOST: Final = 1_500
"""Units of one window that are looked at; of more, so many are drawn. The kernel of two such windows takes 36 MB."""
_SAMPLE: Final = 1_000
"""Questions by which the kernel's width is measured."""
OUTLYING: Final = 0.05
_AT_ONCE: Final = 500
_SEED: Final = 20_261_130


@dataclass(frozen=True, slots=True)
class Questions:
    """Questions of one window: vectors of shape (n, d), and for each the unit that it belongs to, n names."""

    vectors: Vectors
    units: tuple[str, ...]

    @property
    def count(self) -> int:
        """How many independent observations they are."""
        return len(set(self.units))


@dataclass(frozen=True, slots=True)
class Drift:
    """What the test says. `p` is None where a window has fewer than FEWEST units, so many as `units` says.

    `new` has for each question of now whether it is unlike all of the reference: its nearest question there is
    farther than those of 95 % of the reference's own are, their own units left out (an outlier by its nearest
    neighbour: Ramaswamy, Rastogi & Shim 2000, SIGMOD).
    """

    p: float | None
    units: tuple[int, int]
    new: npt.NDArray[np.bool_]


def drift(now: Questions, reference: Questions, *, permutations: int = PERMUTATIONS) -> Drift:
    """Test whether now's questions are as the reference's were."""
    random = np.random.default_rng(_SEED)
    counts = (now.count, reference.count)
    if min(counts) < FEWEST:
        return Drift(None, counts, np.zeros(len(now.units), np.bool_))
    first, second = _drawn(now, random), _drawn(reference, random)
    spread = _spread(first.vectors, second.vectors, random)
    members = _together(first), _together(second)
    pooled = np.concatenate([first.vectors, second.vectors])
    m, n = len(members[0]), len(members[1])
    weights = np.zeros((m + n, len(pooled)), np.float32)
    weights[:m, : len(first.units)] = members[0]
    weights[m:, len(first.units) :] = members[1]
    kernel = np.asarray(weights @ _kernel(pooled, pooled, spread) @ weights.T, np.float32)
    sizes = np.concatenate([1 / (part**2).sum(axis=1) for part in members])
    p = _chance(kernel, np.sqrt(sizes), m, permutations, random)
    return Drift(p, counts, _unlike(now, second))


def _chance(kernel: Floats, weights: Floats, m: int, permutations: int, random: np.random.Generator) -> float:
    """Return the share of permutations of units, with their weights, whose discrepancy reaches the found one's.

    `kernel` has the shape (m + n, m + n), `weights` (m + n,).
    """
    total = len(kernel)
    kernel = kernel * np.outer(weights, weights)
    np.fill_diagonal(kernel, 0)
    every, squared = float(weights.sum()), float((weights**2).sum())
    row = kernel.sum(axis=1)
    whole = float(row.sum())
    found: list[Floats] = []
    for start in range(0, permutations + 1, _AT_ONCE):
        count = min(_AT_ONCE, permutations + 1 - start)
        chosen = np.zeros((count, total), np.float32)
        for place in range(count):
            of = np.arange(m) if start + place == 0 else random.permutation(total)[:m]
            chosen[place, of] = 1
        inside = ((chosen @ kernel) * chosen).sum(axis=1)
        across = chosen @ row - inside
        outside = whole - inside - 2 * across
        own, twice = chosen @ weights, chosen @ weights**2
        rest = every - own
        pairs, others = own**2 - twice, rest**2 - (squared - twice)
        found.append(inside / pairs + outside / others - 2 * across / (own * rest))
    statistics = np.concatenate(found)
    return float(np.mean(statistics >= statistics[0] - 1e-7))


def _unlike(now: Questions, reference: Questions) -> npt.NDArray[np.bool_]:
    units = np.array(reference.units)
    own = reference.vectors @ reference.vectors.T
    own[units[:, None] == units] = -1
    bound = np.quantile(own.max(axis=1), OUTLYING)
    return np.asarray((now.vectors @ reference.vectors.T).max(axis=1) < bound)


def _drawn(questions: Questions, random: np.random.Generator) -> Questions:
    """Return the questions of at most MOST units."""
    names = list(dict.fromkeys(questions.units))
    if len(names) <= MOST:
        return questions
    kept = {names[place] for place in random.permutation(len(names))[:MOST]}
    rows = [row for row, unit in enumerate(questions.units) if unit in kept]
    return Questions(questions.vectors[rows], tuple(questions.units[row] for row in rows))


def _together(questions: Questions) -> Floats:
    """Return the mean over each unit's questions as a matrix; shape (units, n)."""
    place = {name: number for number, name in enumerate(dict.fromkeys(questions.units))}
    members = np.zeros((len(place), len(questions.units)), np.float32)
    members[[place[unit] for unit in questions.units], np.arange(len(questions.units))] = 1
    return np.asarray(members / members.sum(axis=1, keepdims=True), np.float32)


def _spread(now: Vectors, reference: Vectors, random: np.random.Generator) -> float:
    """Return the median squared distance of two questions, whichever window they are of (ibid., section 8)."""
    pooled = np.concatenate([now, reference])
    some = pooled[random.permutation(len(pooled))[:_SAMPLE]]
    apart = (2 - 2 * some @ some.T)[np.triu_indices(len(some), 1)]
    return max(float(np.median(apart)), 1e-6)


def _kernel(first: Vectors, second: Vectors, spread: float) -> Floats:
    """Gaussian, one median wide: of kernels tried on SelQA's topics none found more (cosine, energy, narrower, whitened)."""
    return np.asarray(np.exp(-np.maximum(2 - 2 * first @ second.T, 0) / spread), np.float32)
