"""Whatever is parsed, every block's span is its text, and the text is its blocks."""

from html import escape

from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingest.extract import Extract, Unparsable
from ingest.parse.dispatch import parse
from tests.ingest.limits import limits

WORD = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
SAFE_WORD = st.from_regex(r"[a-z]{1,9}", fullmatch=True)
LINE = st.lists(
    st.one_of(SAFE_WORD, WORD, st.sampled_from(["**b**", "`c`", "[l](x)", "<b>", "|", "- ", "1.", "&amp;"])),
    min_size=1,
    max_size=8,
).map(" ".join)
MARKDOWN_BLOCK = st.one_of(
    LINE,
    LINE.map(lambda line: f"## {line}"),
    st.lists(LINE, min_size=1, max_size=4).map(lambda lines: "\n".join(f"- {line}" for line in lines)),
    LINE.map(lambda line: f"```\n{line}\n```"),
    st.lists(SAFE_WORD, min_size=2, max_size=4).map(lambda row: f"| {' | '.join(row)} |\n|{'---|' * len(row)}\n| {' | '.join(row)} |"),
    LINE.map(lambda line: f"> {line}"),
    LINE.map(lambda line: f"<div>{line}</div>"),
)  # fmt: skip
INLINE = st.lists(
    st.one_of(WORD.map(escape), SAFE_WORD.map(lambda word: f"<b>{word}</b>"), st.just("<br>")),
    min_size=1,
    max_size=6,
).map(" ".join)
HTML_BLOCK = st.recursive(
    st.one_of(INLINE, INLINE.map(lambda text: f"<p>{text}</p>"), INLINE.map(lambda text: f"<h2>{text}</h2>")),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: f"<div>{''.join(parts)}</div>"),
        st.lists(inner, max_size=3).map(lambda parts: "<ul>" + "".join(f"<li>{part}" for part in parts) + "</ul>"),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: "<table><tr>" + "".join(f"<td>{part}" for part in parts) + "</table>"),
    ),
    max_leaves=8,
)  # fmt: skip


def check(extract: Extract) -> None:
    after = 0
    path: list[tuple[int, str]] = []
    for block in extract.blocks:
        text = extract.text[block.span.start : block.span.end]
        assert text.strip()
        assert extract.text[after : block.span.start] == ("\n\n" if after else "")
        assert block.headings == tuple(
            title for level, title in path if not block.level or level < block.level
        )
        if block.kind == "heading":
            path = [(level, title) for level, title in path if level < block.level]
            path.append((block.level, text.lstrip("#").strip()))
        if block.kind == "table":
            lines = text.split("\n")
            assert set(lines[1]) <= set("| -")
            assert all(line.startswith("|") and line.endswith("|") for line in lines)
        after = block.span.end
    assert after == len(extract.text)


def check_file(data: bytes, name: str) -> None:
    try:
        extract = parse(data, name=name, limits=limits())
    except Unparsable as unparsable:
        failure = unparsable
    else:
        check(extract)
        return
    assert failure.reason in ("no_text", "unsupported", "encoding")


@settings(max_examples=150, deadline=None)
@given(st.lists(MARKDOWN_BLOCK, min_size=1, max_size=8))
def test_spans_are_exact_in_markdown(blocks: list[str]) -> None:
    check_file("\n\n".join(blocks).encode(), "a.md")


@settings(max_examples=150, deadline=None)
@given(st.lists(HTML_BLOCK, min_size=1, max_size=6))
def test_spans_are_exact_in_html(blocks: list[str]) -> None:
    check_file(f"<!doctype html><html><body>{''.join(blocks)}</body></html>".encode(), "a.html")


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=400), st.sampled_from(["a.txt", "a.rst", "a.md", "a.csv", "a.html"]))
@example("\x0c", "a.html")
def test_spans_are_exact_in_any_text(text: str, name: str) -> None:
    check_file(text.encode("utf-8", "replace"), name)


@settings(max_examples=100, deadline=None)
@given(st.lists(SAFE_WORD, min_size=1, max_size=40))
def test_plain_words_of_markdown_come_back(words: list[str]) -> None:
    text = "\n\n".join(" ".join(words[at : at + 7]) for at in range(0, len(words), 7))
    assert parse(text.encode(), name="a.md", limits=limits()).text.split() == words
