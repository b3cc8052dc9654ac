"""A foreign file name never leads out of its folder."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.sources.roots import content_digest, safe_path
from vectorstore.errors import BadInput

TRICKS = [
    "",
    "/etc/passwd",
    "../secret",
    "a/../../secret",
    "a/b/../../../secret",
    "..",
    "~/secret",
    "~root/.ssh",
    "\\\\server\\share",
    "..\\secret",
    "a\\..\\..\\secret",
    "C:\\Windows\\win.ini",
    "C:secret",
    "a\0.md",
    "a\nb.md",
    "a\x7f.md",
    "nul",
    "NUL.txt",
    "com1.md",
    "docs/lpt9",
    "con .txt",
    "x" * 256,
    "é" * 200,
    "a/" * 3_000 + "b",
    "file:///etc/passwd",
    "a.md::$DATA",
]


# the same in other clothes: deeper, behind a plain folder, with other separators, endings and repetitions
CLIMBS = [
    before + separator.join(["..", *up, "secret"]) + after
    for before in ("", "a/", "a/b/", "./", "docs/./", "a\\")
    for separator in ("/", "\\", "//")
    for up in ([], [".."], ["..", "..", "..", ".."])
    for after in ("", ".md", "/", "\0.md")
]
DEVICES = [
    folder + name + ending
    for folder in ("", "docs/")
    for name in ("con", "PRN", "aux", "Nul", "com9", "LPT1")
    for ending in ("", ".md", ".tar.gz", " ")
]
TRICKS += [*CLIMBS, *DEVICES]


def test_there_are_two_hundred_tricks() -> None:
    assert len(set(TRICKS)) >= 200


@pytest.mark.parametrize("name", TRICKS)
def test_trick_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput):
        safe_path(tmp_path, name)


def test_link_that_leads_out_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "out").symlink_to(tmp_path)
    with pytest.raises(BadInput, match="leads out"):
        safe_path(root, "out/secret.md")


@pytest.mark.parametrize("name", ["a.md", "sub/Ä b.md", "console.md", "...md", "a..b/c.md"])
def test_plain_name_stands_under_the_root(name: str, tmp_path: Path) -> None:
    assert safe_path(tmp_path, name) == tmp_path.resolve() / name


@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_any_name_stays_inside_or_is_refused(name: str) -> None:
    root = Path("/srv/footnote-root")
    try:
        path = safe_path(root, name)
    except BadInput:
        return
    assert root in Path(os.path.normpath(path)).parents or path == root


def test_digest_is_of_regular_files_only(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("Text.")
    (tmp_path / "link.md").symlink_to(tmp_path / "a.md")
    os.mkfifo(tmp_path / "pipe")
    assert len(content_digest(tmp_path / "a.md")) == 64
    for name in ("link.md", "pipe", "missing"):
        with pytest.raises(OSError, match=r".+"):
            content_digest(tmp_path / name)
