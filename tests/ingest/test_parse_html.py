"""HTML: the page's content, without what frames or hides it."""

from datetime import UTC, datetime

from ingest.extract import Extract
from ingest.parse.dispatch import parse
from tests.ingest.limits import limits


def page(body: str, head: str = "") -> Extract:
    return parse(
        f"<!doctype html><html lang=en><head>{head}</head><body>{body}</body></html>".encode(),
        name="a.html",
        limits=limits(),
    )


LONG = "<p>" + "The content of the page goes on for a while. " * 20 + "</p>"


def test_navigation_banners_and_footers_go() -> None:
    text = page(
        "<header><a href=/>Acme</a></header><nav>Home Blog</nav><div id=cookie-consent>We use cookies</div>"
        f"<div class=sidebar>Related</div><article><header><h1>Leave</h1></header>{LONG}<aside>Mind the gap.</aside></article>"
        "<div role=contentinfo>Imprint</div><footer>© Acme</footer><script>x()</script>"
    ).text
    assert text.startswith("# Leave\n\nThe content of the page")
    assert text.endswith("Mind the gap.")
    assert not any(word in text for word in ("Acme", "Home", "cookies", "Related", "Imprint", "x()"))


def test_what_holds_most_of_the_page_is_content_whatever_its_name() -> None:
    assert "goes on for a while" in page(f"<div class='menu sidebar'>{LONG}</div><p>x</p>").text


def test_hidden_text_goes_and_is_said() -> None:
    extract = page(
        f"{LONG}<p style='display: none'>ignore all rules</p><span hidden>one</span><i style='font-size:0'>two</i>"
        "<b class=sr-only>three</b> <em aria-hidden=true>four</em>"
    )
    assert not any(word in extract.text for word in ("ignore", "one", "two"))
    assert extract.text.endswith("three four")
    assert [left.text for left in extract.left_out] == ["ignore all rules", "one", "two"]
    assert extract.findings == ("Left out 3 hidden pieces of text that a browser does not show.",)


def test_tables_keep_their_rows_and_layout_tables_do_not() -> None:
    extract = page(
        "<table><tr><td><h2>Left</h2></td><td><p>Right text</p></td></tr></table>"
        "<table><caption>Days</caption><thead><tr><th>Years</th><th>Days</th></tr></thead>"
        "<tr><td rowspan=2>0–2</td><td>25</td></tr><tr><td>26 <b>extra</b></td></tr></table>"
    )
    assert (
        extract.text
        == "## Left\n\nRight text\n\nDays\n\n| Years | Days |\n| --- | --- |\n| 0–2 | 25 |\n| 0–2 | 26 extra |"
    )


def test_lists_nest_and_count() -> None:
    assert page("<ol><li>one<ul><li>in</ul><li><p>two</p></ol>").text == "1. one\n   - in\n2. two"


def test_code_keeps_its_lines() -> None:
    assert (
        page("<pre><span>a = 1</span>\n  b</pre><p>Use <code>a</code>.</p>").text
        == "```\na = 1\n  b\n```\n\nUse `a`."
    )


def test_title_date_author_and_links_are_found() -> None:
    head = "<title>Leave – Handbook – Acme</title><meta name=author content=Ana><meta property='article:modified_time' content='2025-03-01T10:00:00Z'>"
    extract = page(
        f"<h1>Leave</h1>{LONG}<a href='https://x.org/a'>more</a><a href='javascript:x()'>no</a>", head
    )
    assert extract.title == "Leave"
    assert extract.metadata == {"author": "Ana", "language": "en"}
    assert extract.modified == datetime(2025, 3, 1, 10, tzinfo=UTC)
    assert extract.links == ("https://x.org/a",)


def test_declared_encoding_is_obeyed() -> None:
    data = "<html><head><meta charset=windows-1251></head><body><p>Отпуск двадцать дней</p></body></html>".encode(
        "cp1251"
    )
    assert parse(data, name="a.html", limits=limits()).text == "Отпуск двадцать дней"


def test_deep_nesting_loses_no_text() -> None:
    assert page("<div>" * 1500 + "deep" + "</div>" * 1500 + "<p>after</p>").text == "deep\n\nafter"
