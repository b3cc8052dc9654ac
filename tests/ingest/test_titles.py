"""A title tells one document from another: by its subject, and by its file's name where others have the same."""

import pytest

from ingest.commit import names_no_subject
from vectorstore.index.catalog.circles import Circles
from vectorstore.index.catalog.table import table_of
from vectorstore.index.catalog.titles import title_as, told_apart
from vectorstore.index.truth.records import readers_row
from vectorstore.language.words import name_words, with_name
from vectorstore.types import Document, DocumentId


def document(uri: str, title: str, *readers: str, tenant: str = "default") -> Document:
    return Document(
        DocumentId(f"{tenant}{uri}"), uri, title, "text/plain", "0", readers=frozenset(readers), tenant=tenant
    )


def shown(*documents: Document) -> list[str]:
    circles = Circles()
    table = table_of(
        (
            (row, each.tenant, readers_row(each.readers), each.title, each.uri)
            for row, each in enumerate(documents)
        ),
        circles,
    )
    told = told_apart(table.circles, circles.everyones()[table.circles], table.hashes)
    return [title_as(int(how), each.title, each.uri) for how, each in zip(told, documents, strict=True)]


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("docs/2022 Q3 AAPL.pdf", "2022 Q3 AAPL"),
        ("docs/travel-policy_v2.docx", "travel policy v2"),
        ("docs/leave/index.html", "leave"),
        ("README.md", ""),
        ("https://docs.example.org/a%20b/pay-scale.html?x=1", "pay scale"),
        ("stdin/3fa85f64a1b2", ""),
        ("scan-20240630.pdf", "scan 20240630"),
        ("notes", "notes"),
        ("本文書.pdf", "本文書"),
        ("", ""),
    ],
)
def test_words_of_a_files_name(uri: str, words: str) -> None:
    assert name_words(uri) == words


@pytest.mark.parametrize(
    ("title", "uri", "context"),
    [
        ("Form 10-Q filed on 2022-07-29", "2022 Q3 AAPL.pdf", "Form 10-Q filed on 2022-07-29 (2022 Q3 AAPL)"),
        ("Travel policies", "hr/travel-policy.md", "Travel policies"),
        ("Board minutes", "2024-03-01.pdf", "Board minutes (2024 03 01)"),
        ("Minutes of 2024", "2024.pdf", "Minutes of 2024"),
        ("Leave", "README.md", "Leave"),
        ("meeting-notes-2026-09-14", "meeting-notes-2026-09-14.txt", "meeting-notes-2026-09-14"),
    ],
)
def test_a_name_that_says_something_else_is_part_of_the_context(title: str, uri: str, context: str) -> None:
    assert with_name(title, uri) == context


def test_titles_that_documents_share_get_their_files_names_and_folders_where_those_are_shared_too() -> None:
    assert shown(document("a/x.md", "Report"), document("a/y.md", "report"), document("z.md", "Other")) == [
        "Report (x)",
        "report (y)",
        "Other",
    ]
    assert shown(document("a/x.md", "Report"), document("b/x.md", "Report")) == [
        "Report (a/x.md)",
        "Report (b/x.md)",
    ]


def test_titles_that_are_the_same_but_for_numbers_get_a_name_that_says_something_else() -> None:
    assert shown(
        document("2022 Q3 ACME.pdf", "Form 7 filed on 2022-07-29"),
        document("2023 Q1 BOLT.pdf", "Form 7 filed on 2023-02-03"),
    ) == ["Form 7 filed on 2022-07-29 (2022 Q3 ACME)", "Form 7 filed on 2023-02-03 (2023 Q1 BOLT)"]
    for first, second in (("Chapter 1", "Chapter 2"), ("Minutes of 5 May", "Minutes of 6 May")):
        assert shown(document("ch01.md", first), document("minutes-2.md", second))[0] == first
    assert shown(document("minutes-1.md", "Minutes 1"), document("minutes-2.md", "Minutes 2")) == [
        "Minutes 1",
        "Minutes 2",
    ]


def test_no_title_tells_of_a_document_that_its_reader_may_not_see() -> None:
    everyones, closed = document("a.md", "Pay"), document("b.md", "Pay", "board")
    assert shown(everyones, closed) == ["Pay", "Pay (b)"]
    assert shown(closed, document("c.md", "Pay", "hr")) == ["Pay", "Pay"]
    assert shown(closed, document("c.md", "Pay", "board")) == ["Pay (b)", "Pay (c)"]
    assert shown(everyones, document("a.md", "Pay", tenant="other")) == ["Pay", "Pay"]


@pytest.mark.parametrize(
    "title",
    ["Untitled", "untitled 2", "Document1", "Dokument 3", "Sheet1", "Slide 1", "Microsoft Word - x.doc", "Book1",
     "report_final.docx", "PowerPoint Presentation", "Untitled Document", "Präsentation2", "2", "Scan_0001", "", " "],
)  # fmt: skip
def test_what_an_editor_calls_a_document_names_no_subject(title: str) -> None:
    assert names_no_subject(title)


@pytest.mark.parametrize(
    "title",
    ["Document retention", "Sheet metal", "Leave", "Slide rules", "Scanning policy", "Q3 2024", "New hires"],
)
def test_what_an_author_calls_it_does(title: str) -> None:
    assert not names_no_subject(title)
