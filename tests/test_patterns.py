"""Every pattern takes linear time, whatever text it meets: documents, questions and answers are written by anybody."""

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import hostile_text
from tests.hostile_text import Held, common_seeds, more_seeds, own_seeds, slow

ROOT = Path(__file__).parents[1]
ROOMS = ("app", "eval", "footnote", "ingest", "prompts", "vectorstore")
CALLS = frozenset({"compile", "match", "search", "sub", "subn", "split", "findall", "finditer", "fullmatch"})
BY_THE_OPERATOR = frozenset({"eval/cases.py", "eval/metrics/answer.py"})
"""What an evaluation's own cases must hold: patterns of whoever runs it, in a process of their own."""


def modules() -> Iterator[Any]:
    for room in ROOMS:
        package = importlib.import_module(room)
        yield package
        for found in pkgutil.walk_packages(package.__path__, f"{room}."):
            # The sample handbook's generator reads our own texts, and stays out of the wheel.
            if not found.name.startswith("ingest.sample"):
                yield importlib.import_module(found.name)


def patterns_in(value: object, seen: set[int]) -> Iterator[re.Pattern[Any]]:
    """Yield what can be reached: in tuples, lists and mappings, in our classes and their instances."""
    if isinstance(value, re.Pattern):
        yield value
        return
    ours = (value if isinstance(value, type) else type(value)).__module__.partition(".")[0] in ROOMS
    if id(value) in seen or not (ours or isinstance(value, (dict, list, tuple, set, frozenset))):
        return
    seen.add(id(value))
    inner: list[object] = []
    if isinstance(value, dict):
        inner = [*value.keys(), *value.values()]
    elif isinstance(value, (list, tuple, set, frozenset)):
        inner = list(value)
    if ours:
        inner += vars(value).values() if hasattr(value, "__dict__") else []
        slots = [slot for each in type(value).__mro__ for slot in getattr(each, "__slots__", ())]
        inner += [getattr(value, slot, None) for slot in slots]
    for each in inner:
        yield from patterns_in(each, seen)


def every_pattern() -> list[Held]:
    found: dict[tuple[object, int], Held] = {}
    for module in modules():
        for name, value in vars(module).items():
            for pattern in patterns_in(value, set()):
                found.setdefault((pattern.pattern, pattern.flags), Held(f"{module.__name__}.{name}", pattern))
    return sorted(found.values(), key=lambda held: (held.place, str(held.pattern.pattern)))


PATTERNS = every_pattern()


@pytest.mark.parametrize("held", PATTERNS, ids=lambda held: held.place)
def test_a_pattern_takes_linear_time_over_hostile_text(held: Held) -> None:
    assert slow(held, common_seeds() + own_seeds(held.pattern, most=40)) == ""


@pytest.mark.slow
@pytest.mark.parametrize("held", PATTERNS, ids=lambda held: held.place)
def test_a_pattern_takes_linear_time_over_much_hostile_text(
    held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hostile_text, "LENGTH", 8_000)
    assert slow(held, common_seeds() + more_seeds() + own_seeds(held.pattern, most=2_000)) == ""


def test_the_seeds_are_many_and_find_what_is_quadratic_or_worse() -> None:
    assert len(common_seeds()) >= 100
    # In a process of its own: to break `re` off by a signal has crashed one that runs other threads.
    command = "from tests.hostile_text import missed; print(missed())"
    done = subprocess.run(
        [sys.executable, "-c", command], check=False, cwd=ROOT, capture_output=True, text=True, timeout=250
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_patterns_are_found_wherever_they_stand() -> None:
    places = {held.place for held in PATTERNS}
    assert {
        "app.reader.asked._FORMS",
        "eval.metrics.refusal._REFUSALS",
        "app.understand.condense._JOINT",
    } <= places
    assert "app.reader.extractive._EMPHASIS" in places
    assert len(PATTERNS) > 200


def test_patterns_stand_at_the_head_of_their_file_where_they_are_tested() -> None:
    hidden = [
        f"{path.relative_to(ROOT)}:{call.lineno}"
        for room in ROOMS
        for path in sorted((ROOT / room).rglob("*.py"))
        if path.parent.name != "sample" and str(path.relative_to(ROOT)) not in BY_THE_OPERATOR
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for call in ast.walk(function)
        if isinstance(call, ast.Call) and _asks_re(call.func)
    ]
    assert sorted(set(hidden)) == []


def _asks_re(called: ast.expr) -> bool:
    return (
        isinstance(called, ast.Attribute)
        and isinstance(called.value, ast.Name)
        and called.value.id == "re"
        and called.attr in CALLS
    )


def test_patterns_come_from_one_module_that_is_imported_under_its_name() -> None:
    """Another name, or another engine, would slip past the tests above."""
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    assert not [
                        a for a in node.names if a.name == "regex" or (a.name == "re" and a.asname)
                    ], path
                if isinstance(node, ast.ImportFrom):
                    assert node.module not in ("re", "regex"), path
