"""What is shipped: small, made from the source that lies beside it, and clean."""

import gzip
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WIDGET = ROOT / "widget"
SHIPPED = ROOT / "app" / "widget"
BUILT = SHIPPED / "widget.js"
LIMIT = 24 * 1024
PAGE = sorted(path.name for path in SHIPPED.iterdir() if path.name != "widget.js")


def test_the_widget_is_small() -> None:
    assert len(gzip.compress(BUILT.read_bytes(), 9, mtime=0)) <= LIMIT


def test_the_page_around_it_is_small() -> None:
    sizes = {name: len(gzip.compress((SHIPPED / name).read_bytes(), 9, mtime=0)) for name in PAGE}
    # Who keeps documents loads a page of its own.
    keeping = [sizes.pop(name) for name in PAGE if name.startswith("documents")]
    assert sum(keeping) <= LIMIT * 13 / 20
    # What it says in four languages is a file of its own.
    assert sizes.pop("page-words.js") <= LIMIT * 3 / 20
    assert sum(sizes.values()) <= LIMIT * 3 / 5


def test_the_build_is_what_the_source_gives() -> None:
    if shutil.which("node") is None:
        pytest.skip("needs Node")
    if not (WIDGET / "node_modules" / "esbuild").is_dir():
        pytest.skip("needs widget/node_modules: npm ci in widget/")
    node = shutil.which("node") or ""
    built = subprocess.run(
        [node, "build.mjs", "--check"],
        cwd=WIDGET,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    typed = subprocess.run(
        [node, "node_modules/typescript/bin/tsc", "--noEmit"],
        cwd=WIDGET,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert typed.returncode == 0, typed.stdout


@pytest.mark.parametrize("name", ["widget.js", *PAGE])
def test_nothing_makes_markup_of_words_or_asks_a_stranger(name: str) -> None:
    text = (SHIPPED / name).read_text(encoding="utf-8")
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text
    )
    addresses = set(re.findall(r"https?://[a-z0-9.-]+\.[a-z]+", text))
    assert addresses <= {"http://www.w3.org"}


def test_the_lock_names_no_registry() -> None:
    lock = json.loads((WIDGET / "package-lock.json").read_text(encoding="utf-8"))
    assert all("resolved" not in package for package in lock["packages"].values())
    assert all(package.get("integrity") for name, package in lock["packages"].items() if name)


def test_every_language_has_every_phrase() -> None:
    text = (WIDGET / "src" / "words.ts").read_text(encoding="utf-8")
    keys = re.findall(r'"(\w+)"', text.split("] as const")[0])
    files = sorted((WIDGET / "src" / "words").glob("*.txt"))
    assert [file.stem for file in files] == sorted(re.findall(r'from "./words/(\w\w).txt"', text))
    assert len(files) == 10
    for file in files:
        phrases = file.read_text(encoding="utf-8").removesuffix("\n").split("\n")
        assert len(phrases) == len(keys), file.name
        assert all(phrase.strip() for phrase in phrases), file.name
