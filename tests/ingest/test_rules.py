"""Who may read a document, and what else is known of it, by the most specific origin."""

from pathlib import Path

import pytest

from ingest.extract import Unparsable
from ingest.parse.access import is_like_readers, means_readers, readers_of
from ingest.sources.discover import Source
from ingest.sources.rules import Attributes, Rule, attributes_from, ruled
from ingest.sources.side_cars import SideCar, SideCars
from vectorstore.errors import BadInput


def source(uri: str) -> Source:
    return Source(uri, Path("/") / uri, uri.partition("/")[2])


def test_rule_fits_by_path_inside_the_folder_or_whole_address() -> None:
    rules = (Rule(path="hr/**", readers=("hr",)), Rule(path="handbook/it/*", tags=("it",)))
    assert ruled(source("handbook/hr/pay.md"), rules).readers == {"hr"}
    assert ruled(source("handbook/it/vpn.md"), rules).metadata == {"tags": ("it",)}
    assert ruled(source("handbook/other.md"), rules) == Attributes()


def test_later_rule_wins_and_tags_add_up() -> None:
    rules = (
        Rule(path="*.md", readers=("staff",), tags=("text",), language="en"),
        Rule(path="hr/", readers=("hr",), tags=("people",)),
    )
    found = ruled(source("docs/hr/pay.md"), rules)
    assert found.readers == {"hr"}
    assert found.metadata == {"tags": ("text", "people"), "language": "en"}


def test_more_specific_origin_wins() -> None:
    by_rule = Attributes(frozenset({"hr"}), "", {"language": "de", "tags": ("a",)})
    front_matter = attributes_from(
        {"title": "Pay", "language": "en", "tags": "b, c", "year": 2024}, readers=None
    )
    both = by_rule.under(front_matter)
    assert both == Attributes(
        frozenset({"hr"}), "Pay", {"language": "en", "tags": ("a", "b", "c"), "year": 2024}
    )
    assert both.under(attributes_from({}, readers=[])).readers == frozenset()


@pytest.mark.parametrize(
    "readers", [None, 5, {"a": 1}, [1], [["hr"]], True, "", "hr,", ["hr", ""], ["\u200b"]]
)
def test_readers_that_are_no_names_are_not_guessed(readers: object) -> None:
    with pytest.raises(Unparsable, match="The front matter's `readers`"):
        readers_of({"readers": readers}, text="", where="The front matter")


def test_readers_may_be_written_as_a_line_and_in_capitals() -> None:
    assert readers_of({"readers": "hr, board"}, text="", where="It") == ("hr", "board")
    assert readers_of({"READERS": ["hr"]}, text="", where="It") == ("hr",)
    assert readers_of({"readers": []}, text="", where="It") == ()
    assert readers_of({"title": "Pay"}, text="title: Pay", where="It") is None


@pytest.mark.parametrize(
    "key",
    ["reader", "reades", "Redaers", "allowed_readers", "rea.ders", "re4ders", "xreaders", "rders", "readerz"],
)
def test_likely_misspelling_is_known_by_its_letters(key: str) -> None:
    assert is_like_readers(key)
    with pytest.raises(Unparsable, match="does not decide who may read"):
        readers_of({key: ["hr"]}, text="", where="It")


@pytest.mark.parametrize(
    "key", ["acl", "access", "groups", "permissions", "viewers", "headers", "can_read", "visibleTo"]
)
def test_another_word_for_readers_is_refused_unless_it_names_nobody(key: str) -> None:
    assert means_readers(key)
    with pytest.raises(Unparsable, match="does not decide who may read"):
        readers_of({"extra": {key: ["hr"]}}, text="", where="It")
    for value in (True, 5, "public", {"image": True}):
        assert readers_of({key: value}, text="", where="It") is None


@pytest.mark.parametrize(
    "key",
    [
        "title",
        "tags",
        "author",
        "header",
        "created",
        "related",
        "threads",
        "reading_time",
        "release",
        "order",
    ],
)
def test_ordinary_key_is_no_misspelling(key: str) -> None:
    assert not means_readers(key)


def test_side_car_beside_the_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "scan.pdf"
    assert SideCars().of(file) == SideCar()
    (tmp_path / "scan.pdf").write_text("")
    (tmp_path / "scan.pdf.meta.yaml").write_text("title: Lease\nreaders: [legal]\nyear: 2024\n")
    said = {"title": "Lease", "readers": ["legal"], "year": 2024}
    assert SideCars().of(file) == SideCar(said, ("legal",))


@pytest.mark.parametrize(
    "content", ["- a list", "a: [", "x" * 70_000, "readers: {hr: true}", "just text", "", "a: !!timestamp b"]
)
def test_side_car_that_cannot_be_read_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("")
    (tmp_path / "a.md.meta.yaml").write_text(content)
    with pytest.raises(BadInput, match=r"'a\.md\.meta\.yaml'"):
        SideCars().of(tmp_path / "a.md")
