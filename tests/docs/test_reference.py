"""The reference is what the commands and settings say of themselves, and no other page says otherwise."""

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from app.configuration import CLASSES, settings
from tests.docs.reference import MEASURED, PAGE, commands, measured, page
from tests.test_distribution import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_CODE = re.compile(r"^```[^\n]*\n(.*?)^```|(?<!`)`([^`\n]+)`(?!`)", re.MULTILINE | re.DOTALL)
_DEFAULT = re.compile(r"`(FOOTNOTE_[A-Z_]+)` \(([\d.,]+)[;)]")
_OF_ALL = {"--help", "--debug", "--no-color"}


def test_the_reference_is_what_commands_and_settings_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m tests.docs.reference`"


def test_the_table_of_metrics_is_what_is_measured() -> None:
    assert MEASURED.read_text(encoding="utf-8") == measured(), "run `python -m tests.docs.reference`"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_default_beside_a_setting_is_its_default(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    defaults = {name: each.default for each in settings() for name in each.names}
    said = _DEFAULT.findall(path.read_text(encoding="utf-8"))
    wrong = {
        name: value for name, value in said if value.replace(",", "") != defaults[name].removesuffix(".0")
    }
    assert wrong == {}


def lines(text: str) -> Iterator[str]:
    """Every line of code in a page that calls `footnote`, up to what the shell does with its output."""
    for block, span in _CODE.findall(text):
        for line in (block or span).replace("\\\n", " ").split("\n"):
            if called := re.search(r"(?:^|\| |[\w/-]*bin/|\brun: |[A-Z_]=\S+ )footnote ([^|;&>#]+)", line):
                yield called[1]


@cache
def options() -> dict[str, set[str]]:
    """The options of each command by its words, such as `index backup`."""
    found = {}
    for name, context, command in commands():
        for below in (command, *getattr(command, "commands", {}).values()):
            words = name if below is command else f"{name} {below.name}"
            found[words] = {
                each for param in below.get_params(context) for each in (*param.opts, *param.secondary_opts)
            }
    return found


def unknown(line: str) -> set[str]:
    """What a line calls that is no command, or no option of it."""
    words = shlex.split(line.replace("…", "x"))
    known = options()
    called = next((each for each in (" ".join(words[:2]), words[0]) if each in known), None)
    group = any(each.startswith(f"{words[0]} ") for each in known)
    if called is None or (group and called == words[0] and re.match("[a-z]", " ".join(words[1:2]))):
        return set() if words[0].startswith("-") else {" ".join(words[:2])}
    given = {word.split("=")[0] for word in words if re.match(r"--?[a-z]", word)}
    return {f"{called} {each}" for each in given - known[called] - _OF_ALL}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_command_and_option_that_a_page_names_exists(path: Path) -> None:
    found = [each for line in lines(path.read_text(encoding="utf-8")) for each in unknown(line)]
    assert found == []


@pytest.mark.parametrize(
    "line",
    ["ingset ./docs", "ingest ./docs --prun", "index backup --acl x", "eval run --nope", "index bakcup x"],
)
def test_a_command_or_option_that_does_not_exist_is_noticed(line: str) -> None:
    assert unknown(line)


def test_the_pages_are_read_for_commands() -> None:
    assert sum(1 for path in PAGES for _ in lines(path.read_text(encoding="utf-8"))) > 40
    assert sum(len(_DEFAULT.findall(path.read_text(encoding="utf-8"))) for path in PAGES) > 3
    assert sum(len(kind.model_fields) for kind in CLASSES) == PAGE.read_text(encoding="utf-8").count("\n| `")
