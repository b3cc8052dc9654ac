"""Who may read a document, and what else is known of it, by the most specific origin."""

from pathlib import Path

import pytest

from ingest.discover import Source
from ingest.rules import Attributes, Rule, attributes_from, ruled, side_car
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
    front_matter = attributes_from({"title": "Pay", "language": "en", "tags": "b, c", "year": 2024})
    both = by_rule.under(front_matter)
    assert both == Attributes(
        frozenset({"hr"}), "Pay", {"language": "en", "tags": ("a", "b", "c"), "year": 2024}
    )
    assert both.under(attributes_from({"readers": []})).readers == frozenset()


@pytest.mark.parametrize("readers", [None, 5, {"a": 1}, [1], [["hr"]], True])
def test_readers_that_are_no_names_are_not_guessed(readers: object) -> None:
    with pytest.raises(BadInput, match="readers"):
        attributes_from({"readers": readers})


def test_readers_may_be_written_as_a_line() -> None:
    assert attributes_from({"readers": "hr, board"}).readers == {"hr", "board"}


def test_side_car_beside_the_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "scan.pdf"
    assert side_car(file) == Attributes()
    (tmp_path / "scan.pdf.meta.yaml").write_text("title: Lease\nreaders: [legal]\nsigned: 2024-05-01\n")
    assert side_car(file) == Attributes(frozenset({"legal"}), "Lease", {"signed": "2024-05-01"})


@pytest.mark.parametrize("content", ["- a list", "a: [", "x" * 70_000, "readers: {hr: true}", "just text"])
def test_side_car_that_cannot_be_read_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "a.md.meta.yaml").write_text(content)
    with pytest.raises(BadInput):
        side_car(tmp_path / "a.md")
