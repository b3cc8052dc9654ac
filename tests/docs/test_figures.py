"""The page of figures is what the benchmarks' results say, and each can be measured again."""

import json
import re
from dataclasses import replace
from datetime import date
from importlib.util import find_spec
from pathlib import Path

import pytest

from app.cli import COMMANDS
from benchmarks.figures import PAGE, RESULTS, ROOT, Figure, as_json, load, page, renewed

MACHINES, FIGURES = load()


def test_the_page_is_what_the_results_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(MACHINES, FIGURES), "run `python -m benchmarks.figures`"


def test_the_results_are_written_as_they_stand() -> None:
    assert RESULTS.read_text(encoding="utf-8") == as_json(MACHINES, FIGURES)


def test_every_figure_has_a_name_of_its_own_a_day_and_a_machine_that_is_described() -> None:
    assert len({figure.name for figure in FIGURES}) == len(FIGURES)
    for figure in FIGURES:
        assert date.fromisoformat(figure.date)
        assert figure.machine in MACHINES
        assert figure.source


@pytest.mark.parametrize("command", sorted({figure.command for figure in FIGURES}))
def test_the_command_of_a_figure_exists(command: str) -> None:
    if module := re.match(r"python -m ([\w.]+)", command):
        assert find_spec(module[1])
    elif files := re.match(r"(?:pytest -m slow|python) (\S+)", command):
        assert (ROOT / files[1]).exists()
    else:
        assert command.split()[:1] == ["footnote"]
        assert command.split()[1] in COMMANDS


def figure(name: str, **fields: object) -> Figure:
    first = replace(
        FIGURES[0], name=name, row="a row", value=1.0, digits=1, unit="", better="higher", aim=1.0
    )
    return replace(first, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(("better", "value", "bold"), [("higher", 0.9, True), ("lower", 0.9, False)])
def test_what_falls_short_of_its_aim_is_bold(better: str, value: float, bold: bool) -> None:
    line = page({}, [figure("x", value=value, better=better)]).split("|---|\n")[1].split("\n")[0]
    assert ("**0.9**" in line) == bold


def test_figures_are_renewed_from_the_file_their_command_writes(tmp_path: Path) -> None:
    result = tmp_path / "summary.json"
    result.write_text(json.dumps({"metrics": {"hit@5": {"mean": "0.9810"}}}))
    old, other = (
        figure("hit", source="summary.json#/metrics/hit@5/mean", machine="a"),
        figure("no", source="stream.json#/metrics/hit@5/mean", machine="a"),
    )
    again = renewed([old, other], result, "a", "2026-12-01")
    assert again == [replace(old, value=0.981, date="2026-12-01"), other]
    with pytest.raises(SystemExit, match="No figure's source"):
        renewed([other], result, "a", "2026-12-01")


def test_a_machines_figure_is_not_renewed_by_another_machines_result(tmp_path: Path) -> None:
    result = tmp_path / "search.json"
    result.write_text('{"p50_ms": 2.0}')
    new, old = (figure(name, source="search.json#/p50_ms", machine=name) for name in ("new", "old"))
    assert renewed([new, old], result, "old", "2026-12-01") == [
        new,
        replace(old, value=2.0, date="2026-12-01"),
    ]


@pytest.mark.parametrize("value", ["not_applicable", "nan", "inf", ["0.9"], {"low": 0.1}])
def test_what_is_no_number_renews_no_figure(tmp_path: Path, value: object) -> None:
    result = tmp_path / "summary.json"
    result.write_text(json.dumps({"mean": value}))
    with pytest.raises(SystemExit, match="is no number"):
        renewed([figure("x", source="summary.json#/mean")], result, "a", "2026-12-01")
