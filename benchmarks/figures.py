"""Write docs/figures.md from benchmarks/figures.json: `python -m benchmarks.figures`, with `--check` only compare.

A figure is one line of the JSON. Run its `command` on an idle machine, then renew it:

    python -m benchmarks.figures --renew eval/out/summary.json --machine avx2   # all whose `source` is in that file
    python -m benchmarks.figures --set 'chunking IoU=0.0691' --machine avx2     # one that its command only prints

Both stamp today's date and write the page. `source` is the place of the value: `FILE#/key/of/the/result` of the JSON
that the command writes, or the words of the row that it prints. A new machine is described under `machines` by hand.
What was tried on the way goes into benchmarks/NOTEBOOK.md.
"""

import argparse
import json
import sys
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import reduce
from itertools import groupby
from math import isfinite, nan
from pathlib import Path
from typing import Any, Literal

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "figures.json"
PAGE = ROOT / "docs" / "figures.md"
_HEAD = """# Figures

<!-- Written by `python -m benchmarks.figures` from benchmarks/figures.json: change that file, not this page. -->

What Footnote reaches and what was aimed at; **bold** falls short of its aim. Each with the day, the machine and the command that measured it; only figures of one run compare with each other. What lies behind them, and what was tried without success: [the notebook](../benchmarks/NOTEBOOK.md).

| | reached | aimed at | measured | command |
|---|---|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value. Those of one `row` share a line of the page, in their order."""

    row: str
    name: str
    value: float
    digits: int
    unit: str
    aim: float
    better: Literal["higher", "lower"]
    machine: str
    date: str
    command: str
    source: str

    def reached(self) -> bool:
        """Say whether the aim is met."""
        return self.value >= self.aim if self.better == "higher" else self.value <= self.aim


def load(path: Path = RESULTS) -> tuple[dict[str, str], list[Figure]]:
    """Return the machines by their short names, and all figures."""
    held = json.loads(path.read_text(encoding="utf-8"))
    return held["machines"], [Figure(**each) for each in held["figures"]]


def page(machines: dict[str, str], figures: list[Figure]) -> str:
    """Return the page as it has to be."""
    lines = [_line(list(row)) for _, row in groupby(figures, key=lambda each: each.row)]
    told = [f"- {name}: {text}." for name, text in machines.items()]
    return _HEAD + "\n".join(lines) + "\n\nThe machines:\n\n" + "\n".join(told) + "\n"


def _line(row: list[Figure]) -> str:
    reached = [
        _shown(each, each.value) if each.reached() else f"**{_shown(each, each.value)}**" for each in row
    ]
    cells = (
        row[0].row,
        " · ".join(reached),
        _once([_shown(each, each.aim) for each in row]),
        _once([f"{each.date}, {each.machine}" for each in row]),
        _once([f"`{each.command}`" for each in row]),
    )
    return f"| {' | '.join(cells)} |"


def _once(each: list[str]) -> str:
    return each[0] if len(set(each)) == 1 else " · ".join(each)


def _shown(figure: Figure, value: float) -> str:
    return f"{value:,.{figure.digits}f} {figure.unit}".strip()


def renewed(figures: list[Figure], result: Path, machine: str, today: str) -> list[Figure]:
    """Return the figures with those that `result` holds read from it.

    Where two machines' figures have one source, only the named machine's is renewed.
    """
    written = json.loads(result.read_text(encoding="utf-8"))
    own = {each.source for each in figures if each.machine == machine}
    found = {}
    for each in figures:
        file, _, place = each.source.partition("#/")
        if not place or file != result.name or (each.source in own and each.machine != machine):
            continue
        if (value := _at(written, place)) is not None:
            found[each.name] = replace(each, value=value, machine=machine, date=today)
    if not found:
        sys.exit(f"No figure's source is in {result}.")
    return [found.get(each.name, each) for each in figures]


def _at(written: Any, place: str) -> float | None:
    value = reduce(
        lambda held, key: held.get(key) if isinstance(held, dict) else None, place.split("/"), written
    )
    return None if value is None else _number(value)


def _number(value: object) -> float:
    try:
        number = float(str(value))
    except ValueError:
        number = nan
    return number if isfinite(number) else sys.exit(f"{value!r} is no number that can stand for a figure.")


def as_json(machines: dict[str, str], figures: list[Figure]) -> str:
    """Return the JSON with a line for each figure, so that a difference shows which were renewed."""
    head = {"renew": "`python -m benchmarks.figures --help` says how", "machines": machines}
    told = ",\n".join(
        f" {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in head.items()
    )
    lines = ",\n".join(f"  {json.dumps(asdict(each), ensure_ascii=False)}" for each in figures)
    return f'{{\n{told},\n "figures": [\n{lines}\n ]\n}}\n'


def _set(figures: list[Figure], given: str, machine: str, today: str) -> list[Figure]:
    name, _, value = given.rpartition("=")
    if name not in {each.name for each in figures}:
        sys.exit(f"No figure is called {name!r}. There are: {', '.join(each.name for each in figures)}.")
    return [
        replace(each, value=_number(value), machine=machine, date=today) if each.name == name else each
        for each in figures
    ]


def main() -> None:
    """Write, check or renew."""
    reading = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    reading.add_argument("--check", action="store_true", help="write nothing; exit 1 when the page differs")
    reading.add_argument("--renew", type=Path, metavar="RESULT", help="JSON that a benchmark has written")
    reading.add_argument("--set", metavar="NAME=VALUE", help="a value that a benchmark has printed")
    reading.add_argument("--machine", help="where it was measured, one of `machines`")
    given = reading.parse_args()
    machines, figures = load()
    today = datetime.now(UTC).date().isoformat()
    if (given.renew or given.set) and given.machine not in machines:
        reading.error(f"--machine must be one of {', '.join(machines)}")
    if given.renew:
        figures = renewed(figures, given.renew, given.machine, today)
    if given.set:
        figures = _set(figures, given.set, given.machine, today)
    if given.renew or given.set:
        RESULTS.write_text(as_json(machines, figures), encoding="utf-8")
    text = page(machines, figures)
    if given.check:
        sys.exit(
            0
            if PAGE.read_text(encoding="utf-8") == text
            else f"{PAGE.name} differs: run `python -m benchmarks.figures`."
        )
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
