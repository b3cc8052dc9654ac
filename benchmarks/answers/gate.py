"""How often the regression gate cries wolf, and how often it hears one: simulated comparisons.

`python -m benchmarks.answers.gate [--comparisons 200]`. A language model's noise is simulated: on every metric one case in
ten differs between two runs of the same code (`discordant`), and cases of one document move together. A case is
answered once for all metrics, so that half of their luck is one (`together`); retrieval does not vary.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from eval.gate.baseline import baseline_of
from eval.gate.compare import GATED, Comparison, Tolerance, compare
from eval.metrics.row import Row

METRICS = ("recall@5", "groundedness", "citation_recall", "abstention_accuracy", "must_include")
_FRACTIONS = {"groundedness", "citation_recall"}
_FINGERPRINT = {"model": "a-language-model"}


@dataclass(frozen=True)
class World:
    """A set of cases and how they behave. `drops` is what each metric's mean truly loses."""

    cases: int = 100
    groups: int = 40
    discordant: float = 0.1
    clustered: float = 0.3
    together: float = 0.5
    critical: int = 0
    repeat: int = 1
    drops: Mapping[str, float] | None = None


def compared(world: World, seed: int, *, gated: Sequence[str] = GATED) -> Comparison:
    """Draw two runs of a world, the second with the drops, and compare them by the product's own gate."""
    random = np.random.default_rng(seed)
    groups = np.concatenate(
        [np.arange(world.groups), random.integers(0, world.groups, world.cases - world.groups)]
    )
    chance = {metric: _chances(world, random, groups, varies=metric != "recall@5") for metric in METRICS}
    runs = []
    for drops in ({}, world.drops or {}):
        answer = _luck(world, random, groups)
        values = {
            metric: _drawn(world, random, groups, chance[metric], answer=answer, drop=drops.get(metric, 0.0))
            for metric in METRICS
        }
        runs.append(_rows(world, groups, values))
    baseline = baseline_of(runs[0], _FINGERPRINT, dict.fromkeys(METRICS, "1"))
    return compare(
        runs[1],
        baseline,
        fingerprint=_FINGERPRINT,
        scorers=dict.fromkeys(METRICS, "1"),
        tolerance=Tolerance(tuple(gated), allow_unreviewed=True),
    )


def failing(world: World, comparisons: int, *, gated: Sequence[str] = GATED, seed: int = 0) -> float:
    """Return the share of comparisons that the gate fails."""
    return sum(not compared(world, seed + n, gated=gated).passed for n in range(comparisons)) / comparisons


def _chances(world: World, random: np.random.Generator, groups: np.ndarray, *, varies: bool) -> np.ndarray:
    """Return each case's chance of passing: some are a toss-up (whole documents likelier), the others settled."""
    undecided = max(2 * world.discordant, 1e-6)
    leaning = random.beta(2, 2 * (1 - undecided) / undecided, world.groups)[groups]
    chances = (random.random(world.cases) < 0.85).astype(float)
    if varies:
        chances = np.where(random.random(world.cases) < leaning, 0.5, chances)
        chances[: world.critical] = 0.98
    return chances


def _luck(world: World, random: np.random.Generator, groups: np.ndarray) -> np.ndarray:
    """Return uniform luck, one per repeat and case; a part of it is the whole document's."""
    shared = random.random((world.repeat, world.groups))[:, groups]
    own = random.random((world.repeat, world.cases))
    return np.where(random.random((world.repeat, world.cases)) < world.clustered, shared, own)


def _drawn(
    world: World,
    random: np.random.Generator,
    groups: np.ndarray,
    chances: np.ndarray,
    *,
    answer: np.ndarray,
    drop: float,
) -> np.ndarray:
    """Return one value per repeat and case."""
    own = _luck(world, random, groups)
    luck = np.where(random.random(own.shape) < world.together, answer, own)
    lost = random.random(world.cases) < drop / max(chances.mean(), 1e-9)
    return ((luck < chances) & ~lost).astype(float)


def _rows(world: World, groups: np.ndarray, values: Mapping[str, np.ndarray]) -> list[Row]:
    """Return the rows; a fraction loses half where a check would fail."""
    rows = []
    for n in range(world.cases):
        scores = {
            m: round(float(np.mean(0.5 + drawn[:, n] / 2 if m in _FRACTIONS else drawn[:, n])), 4)
            for m, drawn in values.items()
        }
        passed = {m: round(float(values[m][:, n].mean()), 4) for m in ("abstention_accuracy", "must_include")}
        rows.append(
            Row(
                id=str(n),
                question="?",
                group=str(groups[n]),
                critical=n < world.critical,
                scores=scores,
                passed=passed,
                runs=world.repeat,
            )
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--comparisons", type=int, default=200)
    count = parser.parse_args().comparisons
    one = {"must_include": 0.08}
    every = dict.fromkeys(METRICS, 0.08)
    print(
        f"{count} comparisons each, 100 cases, 40 documents; noisy: one case in ten differs by chance; quiet: one in fifty"
    )
    for name, world, gated in (
        ("no change, 5 metrics gated", World(), GATED),
        ("no change, 1 metric gated", World(), ("must_include",)),
        ("no change, 5 gated, nothing shared", World(together=0.0), GATED),
        ("no change, 5 metrics gated, quiet", World(discordant=0.02), GATED),
        ("no change, one case in five differs", World(discordant=0.2), GATED),
        ("no change, 12 documents (sign-flip test)", World(groups=12), GATED),
        ("no change, 12 critical cases, one run", World(critical=12), GATED),
        ("no change, 12 critical cases, --repeat 3", World(critical=12, repeat=3), GATED),
        ("0.08 lost in one metric, 1 gated, quiet", World(discordant=0.02, drops=one), ("must_include",)),
        ("0.08 lost in one metric, 5 gated, quiet", World(discordant=0.02, drops=one), GATED),
        ("0.08 lost in one metric, 1 gated, noisy", World(drops=one), ("must_include",)),
        ("0.08 lost in one metric, 5 gated, noisy", World(drops=one), GATED),
        ("0.08 lost in all five, noisy", World(drops=every), GATED),
        ("0.08 lost in one, 1 gated, noisy, --repeat 3", World(drops=one, repeat=3), ("must_include",)),
        ("0.08 lost in one, 5 gated, noisy, --repeat 3", World(drops=one, repeat=3), GATED),
        ("0.08 lost in one, 5 gated, noisy, 200 cases", World(cases=200, groups=80, drops=one), GATED),
    ):
        print(f"{name:50s} {failing(world, count, gated=gated):6.1%} fail", flush=True)


if __name__ == "__main__":
    main()
