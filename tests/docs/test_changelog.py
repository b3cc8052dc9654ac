"""The changelog names the version that is built, and has a place for what comes after it."""

import re
from datetime import date

from app import __version__
from tests.test_distribution import ROOT

RELEASES = re.findall(
    r"^## \[(.+)\](?: - (.+))?$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE
)


def test_the_newest_release_is_the_version_that_is_built() -> None:
    assert RELEASES[0] == ("Unreleased", "")
    assert RELEASES[1][0] == __version__
    assert [day for _, day in RELEASES[1:]] == sorted((day for _, day in RELEASES[1:]), reverse=True)
    assert all(date.fromisoformat(day) for _, day in RELEASES[1:])


def test_no_page_holds_the_marks_of_a_merge_that_was_never_finished() -> None:
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("benchmarks/**/*.md")]:
        assert not re.search(r"^(?:<<<<<<<|>>>>>>>) ", page.read_text(encoding="utf-8"), re.M), page
