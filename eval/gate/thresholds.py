"""The gate: thresholds that the means must reach."""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from eval.metrics.summary import Mean, counted
from vectorstore.errors import BadInput, NotFound
from vectorstore.text_file import read_text

_TABLES = ("at_least", "at_most")


@dataclass(frozen=True, slots=True)
class Threshold:
    """A mean must be at least (`at_least`), or at most, `limit`."""

    metric: str
    limit: float
    at_least: bool = True

    def __str__(self) -> str:
        return f"{self.metric} {'≥' if self.at_least else '≤'} {self.limit:g}"


@dataclass(frozen=True, slots=True)
class Held:
    """One gate's outcome and the figure behind it."""

    gate: str
    passed: bool
    says: str


def load_thresholds(path: Path) -> list[Threshold]:
    """Read a TOML file with tables `[at_least]` and `[at_most]`; raises BadInput."""
    if not path.is_file():
        raise NotFound(f"There is no file {str(path)!r}.")
    try:
        tables = tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{path.name} cannot be read: {error}.") from error
    return [
        _checked(path, metric, limit, kind) for kind in tables for metric, limit in _gates(path, tables, kind)
    ]


def _gates(path: Path, tables: Mapping[str, object], kind: str) -> Iterable[tuple[str, object]]:
    """Return one table's lines; a misspelt table would be a gate that is never closed."""
    lines = tables[kind]
    if kind not in _TABLES or not isinstance(lines, dict):
        raise BadInput(
            f"{path.name}: {kind!r} is no table of gates.", "Write the gates under [at_least] or [at_most]."
        )
    return lines.items()


def _checked(path: Path, metric: str, limit: object, kind: str) -> Threshold:
    if isinstance(limit, bool) or not isinstance(limit, int | float):
        raise BadInput(f"{path.name}: {kind}.{metric} is no number.", f"Write it like {metric} = 0.9.")
    return Threshold(metric, float(limit), at_least=kind == "at_least")


def parse_threshold(text: str) -> Threshold:
    """Read `metric=0.9` or `metric>=0.9` (at least), or `metric<=0.1` (at most); raises BadInput."""
    at_least = "<=" not in text
    metric, _, limit = text.replace(">=", "=").partition("=" if at_least else "<=")
    try:
        return Threshold(metric.strip(), float(limit), at_least=at_least)
    except ValueError as error:
        raise BadInput(
            f"{text!r} is not a threshold.", "Write --fail-under groundedness=0.9, or over_refusal<=0.1."
        ) from error


def hold(thresholds: Sequence[Threshold], means: Mapping[str, Mean]) -> list[Held]:
    """Hold the means against the thresholds."""
    return [_held(threshold, means) for threshold in thresholds]


def _held(threshold: Threshold, means: Mapping[str, Mean]) -> Held:
    mean = means.get(threshold.metric)
    if mean is None:
        return Held(str(threshold), False, "measured in no case")
    passed = mean.value >= threshold.limit if threshold.at_least else mean.value <= threshold.limit
    return Held(str(threshold), passed, f"{mean.value:.3f} over {counted(mean.n)}")
