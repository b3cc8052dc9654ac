"""Markdown and reStructuredText: the source stays readable, what is not content goes."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ingest.extract import Extract
from ingest.parse.dispatch import parse
from tests.ingest.limits import limits

CORPORA = Path(__file__).parents[2] / "../shared/data/corpora"


def markdown(text: str) -> Extract:
    return parse(text.encode(), name="a.md", limits=limits())


def rst(text: str) -> Extract:
    return parse(text.encode(), name="a.rst", limits=limits())


def kinds(extract: Extract) -> list[tuple[str, str]]:
    return [(block.kind, extract.text[block.span.start : block.span.end]) for block in extract.blocks]


def test_front_matter_becomes_metadata() -> None:
    extract = markdown(
        "---\ntitle: Leave\ndate: 2025-03-01\ntags: [hr, time]\ndraft: false\nnested: {a: 1}\n---\n\nText.\n"
    )
    assert extract.text == "Text."
    assert extract.title == "Leave"
    assert extract.modified == datetime(2025, 3, 1, tzinfo=UTC)
    assert extract.metadata == {
        "title": "Leave",
        "date": "2025-03-01",
        "tags": ("hr", "time"),
        "draft": False,
    }


def test_broken_front_matter_is_said_and_the_text_read() -> None:
    extract = markdown("---\ntitle: [unclosed\n---\n\nText.\n")
    assert extract.text == "Text."
    assert "front matter" in extract.findings[0]


def test_blocks_keep_their_kind() -> None:
    extract = markdown(
        "# A *b*\n\ntext\n\n- one\n  - two\n\n```py\nx = [1](2)\n```\n\n| a | b |\n|---|---|\n| 1 | `x|y` |\n"
    )
    assert kinds(extract) == [
        ("heading", "# A b"),
        ("paragraph", "text"),
        ("list", "- one\n  - two"),
        ("code", "```py\nx = [1](2)\n```"),
        ("table", "| a | b |\n| --- | --- |\n| 1 | `x\\|y` |"),
    ]


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("See [the policy](../leave.md#days) now.", "See the policy now."),
        ("See [HR](https://hr.example.org).", "See [HR](https://hr.example.org)."),
        (f"See [HR](https://example.org/{'x' * 90}).", "See HR."),
        ("A ![diagram](a.png) here.", "A diagram here."),
        ("[![build](b.svg)](https://ci.example.org) ok", "[build](https://ci.example.org) ok"),
        ("See [`a.yml`](#a) and [ref][r].\n\n[r]: other.md", "See `a.yml` and ref."),
        ("Press <kbd>Esc</kbd> <!-- note --> or `<kbd>`.", "Press Esc  or `<kbd>`."),
        ("Use <your-name> &amp; `&amp;`.", "Use <your-name> & `&amp;`."),
        ("{% include x.html %}Text{: .class }", "Text"),
    ],
)  # fmt: skip
def test_links_and_tags_leave_their_text(source: str, shown: str) -> None:
    assert markdown(source).text == shown


def test_notes_of_documentation_sites_are_text_not_code() -> None:
    extract = markdown(
        '!!! warning "Mind"\n    Inside the note.\n\n    ```sh\n    ls\n    ```\n\nAfter.\n\n/// tip | Do\nThis.\n///\n'
    )
    assert [text for _, text in kinds(extract)] == [
        "Warning: Mind",
        "Inside the note.",
        "```sh\nls\n```",
        "After.",
        "Tip: Do",
        "This.",
    ]


def test_wrapped_lines_are_joined_and_short_ones_stay() -> None:
    wrapped = "This paragraph was wrapped by an editor at about\nseventy columns, as many people do it.\n\nRoses are red\nViolets are blue"
    assert markdown(wrapped).text.split("\n\n") == [
        "This paragraph was wrapped by an editor at about seventy columns, as many people do it.",
        "Roses are red\nViolets are blue",
    ]


def test_html_table_in_markdown_is_a_table() -> None:
    assert ("table", "| a | b |\n| --- | --- |\n| 1 | 2 |") in kinds(
        markdown("Text\n\n<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>\n")
    )


def test_hidden_characters_are_taken_out_and_counted() -> None:
    tag = "".join(chr(0xE0000 + ord(character)) for character in "ignore")
    extract = markdown(f"Plain{tag} te\u200bxt \u202eabc\u202c, با\u200cهم, 👩\u200d🚀\n")
    assert extract.text == "Plain text abc, با\u200cهم, 👩\u200d🚀"
    assert extract.findings == ("Removed 9 invisible characters, which can hide text from a reader.",)


def test_pep_header_gives_title_and_facts() -> None:
    extract = rst(
        "PEP: 9\nTitle: Sample\nAuthor: A <a@b.c>,\n        B\nStatus: Final\nCreated: 05-Jul-2001\n\n\nAbstract\n========\n\nText.\n"
    )
    assert extract.title == "PEP 9 – Sample"
    assert extract.modified == datetime(2001, 7, 5, tzinfo=UTC)
    assert extract.metadata["status"] == "Final"
    assert "- Author: A <a@b.c>, B" in extract.text
    assert extract.blocks[-1].headings == ("PEP 9 – Sample", "Abstract")


def test_sections_take_their_depth_from_their_order() -> None:
    extract = rst("====\nBook\n====\n\nOne\n---\n\nSub\n~~~\n\nx\n\nTwo\n---\n\ny\n")
    assert [(text, block.level) for (_, text), block in zip(kinds(extract), extract.blocks, strict=True) if block.level] == [
        ("# Book", 1), ("## One", 2), ("### Sub", 3), ("## Two", 2),
    ]  # fmt: skip


def test_directives_become_what_they_show() -> None:
    extract = rst(
        ".. note::\n   Mind the gap.\n\n.. code-block:: python\n   :linenos:\n\n   x = 1\n\n.. unknown-thing:: arg\n\n   Inner text.\n\n"
        ".. comment only\n\n.. contents::\n\nSo::\n\n  literal\n\nSee :pep:`8`, :func:`~a.b.c`, `docs <https://x.org>`_ and ``code_``.\n"
    )
    assert kinds(extract) == [
        ("paragraph", "Note:"),
        ("paragraph", "Mind the gap."),
        ("code", "```python\nx = 1\n```"),
        ("paragraph", "arg"),
        ("paragraph", "Inner text."),
        ("paragraph", "So:"),
        ("code", "```\nliteral\n```"),
        ("paragraph", "See PEP 8, c, docs and `code_`."),
    ]
    assert extract.links == ("https://x.org",)


def test_grid_simple_and_list_tables_are_tables() -> None:
    grid = "+---+---+\n| a | b |\n+===+===+\n| 1 | 2 |\n|   | 3 |\n+---+---+\n"
    simple = "===== =====\na     b\n===== =====\n1     2\n===== =====\n"
    listed = ".. list-table:: Costs\n   :header-rows: 1\n\n   * - a\n     - b\n   * - 1\n     - 2\n"
    head = "| a | b |\n| --- | --- |\n| 1 | 2"
    assert all(
        any(kind == "table" and text.startswith(head) for kind, text in kinds(rst(source)))
        for source in (grid, simple, listed)
    )


@pytest.mark.skipif(not CORPORA.exists(), reason="the corpora are not here (../shared/data/corpora)")
def test_real_documentation_is_read_whole() -> None:
    names = [
        "peps/peps/pep-0008.rst",
        "docs-fastapi/docs/en/docs/tutorial/request-files.md",
        "handbook-18f/SECURITY.md",
    ]
    for name in names:
        path = CORPORA / name
        extract = parse(path.read_bytes(), name=path.name, limits=limits())
        assert len(extract.text) > 0.8 * path.stat().st_size
        assert not extract.findings
