"""Chunks keep to their section, to the embedder's limit and to the text."""

import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.cut.chunk import chunks_of
from ingest.extract import Block, BlockKind, Extract
from tests.fakes.word_embedder import WordEmbedder
from tests.ingest.limits import limits
from vectorstore.types import Chunk, Document, DocumentId, Span

DOCUMENT = Document(DocumentId("doc_1"), "a.md", "Handbook", "text/markdown", "0")


def extract(*parts: tuple[BlockKind, str] | tuple[BlockKind, str, int], **more: object) -> Extract:
    """Build an extract as the parsers do: blocks parted by an empty line, headings with their path."""
    text, blocks, path = "", [], []
    for kind, content, *level in parts:
        start = len(text) + 2 if text else 0
        text = f"{text}\n\n{content}" if text else content
        depth = level[0] if level else 0
        if kind == "heading":
            path = path[: depth - 1]
        blocks.append(Block(kind, Span(start, len(text)), tuple(path), depth))
        if kind == "heading":
            path.append(content.lstrip("# "))
    return Extract(text=text, blocks=tuple(blocks), **more)


def cut(parsed: Extract, *, target: int = 30, overlap: int = 0, max_tokens: int = 64) -> list[Chunk]:
    return chunks_of(
        parsed, DOCUMENT, embedder=WordEmbedder(max_tokens), target_tokens=target, overlap_tokens=overlap
    )


def sentences(count: int, word: str = "alpha") -> str:
    return " ".join(f"The {word} rule {number} holds here." for number in range(count))


def test_small_blocks_under_one_heading_share_a_chunk() -> None:
    chunks = cut(extract(("heading", "# Leave", 1), ("paragraph", "One line."), ("list", "- a\n- b")))
    assert [chunk.text for chunk in chunks] == ["# Leave\n\nOne line.\n\n- a\n- b"]


def test_chunk_never_crosses_a_heading() -> None:
    chunks = cut(
        extract(
            ("heading", "# A", 1),
            ("paragraph", "Short."),
            ("heading", "## B", 2),
            ("paragraph", "Also short."),
            ("heading", "# C", 1),
            ("paragraph", "Last."),
        )
    )
    assert [(chunk.text, chunk.headings) for chunk in chunks] == [
        ("# A\n\nShort.", ("A",)),
        ("## B\n\nAlso short.", ("A", "B")),
        ("# C\n\nLast.", ("C",)),
    ]


def test_headings_that_follow_one_another_downwards_stay_with_their_text() -> None:
    chunks = cut(extract(("heading", "# A", 1), ("heading", "## B", 2), ("paragraph", "Text.")))
    assert [chunk.text for chunk in chunks] == ["# A\n\n## B\n\nText."]
    assert chunks[0].context == "Handbook"


def test_headings_with_nothing_between_them_open_one_section_up_to_a_few() -> None:
    chunks = cut(extract(("heading", "# A", 1), ("heading", "# B", 1), ("paragraph", "Text.")))
    assert [(chunk.text, chunk.headings) for chunk in chunks] == [("# A\n\n# B\n\nText.", ("B",))]
    contents = [("heading", f"# {letter}", 1) for letter in "ABCDEFG"]
    chunks = cut(extract(*contents, ("paragraph", "Text.")))
    assert [chunk.text for chunk in chunks] == ["# A\n\n# B\n\n# C", "# D\n\n# E\n\n# F", "# G\n\nText."]


def test_context_is_title_and_heading_path_without_what_the_text_says_itself() -> None:
    parsed = extract(
        ("heading", "# Leave", 1), ("heading", "## Sick", 2), ("paragraph", sentences(12, "sick"))
    )
    first, *rest = cut(parsed)
    assert first.context == "Handbook"
    assert first.text.startswith("# Leave\n\n## Sick\n\nThe sick rule 0")
    assert {chunk.context for chunk in rest} == {"Handbook > Leave > Sick"}


def test_paragraph_is_cut_at_sentence_ends() -> None:
    chunks = cut(extract(("paragraph", sentences(20))))
    assert len(chunks) > 3
    assert all(chunk.text.endswith(".") and chunk.text.startswith("The") for chunk in chunks)


def test_cut_falls_where_the_subject_changes() -> None:
    printer = [f"The printer on floor {n} needs toner; a printer takes toner every week." for n in range(5)]
    holiday = [f"Parental leave {n} is paid leave; ask for parental leave by letter." for n in range(3)]
    chunks = cut(extract(("paragraph", " ".join(printer + holiday))), target=90, max_tokens=160)
    assert [("printer" in chunk.text, "leave" in chunk.text) for chunk in chunks] == [
        (True, False),
        (False, True),
    ]


def test_abbreviation_does_not_end_a_sentence() -> None:
    text = (
        "Ask Dr. Weber, e.g. by phone at no. 4 of the long list of numbers that we keep at the office. " * 4
    )
    chunks = cut(extract(("paragraph", text.strip())))
    assert all(chunk.text.endswith("office.") for chunk in chunks)


def test_overlap_only_where_a_block_is_cut() -> None:
    parsed = extract(("paragraph", sentences(8, "one")), ("paragraph", sentences(8, "two")))
    chunks = cut(parsed, overlap=12)
    pairs = list(pairwise(chunks))
    inside = [
        b.span.start < a.span.end for a, b in pairs if parsed.text[b.span.start - 2 : b.span.start] != "\n\n"
    ]
    assert inside
    assert all(inside)
    assert all(
        b.span.start >= a.span.end for a, b in pairs if parsed.text[b.span.start - 2 : b.span.start] == "\n\n"
    )


def test_code_that_fits_stays_whole() -> None:
    code = "```\n" + "\n".join(f"step{i} = run({i})" for i in range(5)) + "\n```"
    chunks = cut(extract(("paragraph", sentences(3)), ("code", code), ("paragraph", sentences(3))))
    assert any(code in chunk.text for chunk in chunks)


def test_table_is_cut_between_rows_and_repeats_its_header() -> None:
    rows = [f"| item {i} | {i} EUR |" for i in range(30)]
    table = "\n".join(["| Thing | Price |", "| --- | --- |", *rows])
    chunks = cut(extract(("heading", "# Prices", 1), ("table", table)))
    assert len(chunks) > 3
    assert chunks[0].text.startswith("# Prices\n\n| Thing | Price |\n| --- | --- |\n| item 0")
    for chunk in chunks[1:]:
        assert chunk.context == "Handbook > Prices\n| Thing | Price |"
        assert all(line in rows for line in chunk.text.splitlines())
    assert sum(chunk.text.count("item") for chunk in chunks) == 30


def test_header_that_holds_nothing_is_not_repeated() -> None:
    rows = [f"| item {i} | {i} EUR |" for i in range(30)]
    table = "\n".join(["|  |  |", "| --- | --- |", *rows])
    chunks = cut(extract(("heading", "# Prices", 1), ("table", table)))
    assert [chunk.context for chunk in chunks[1:]] == ["Handbook > Prices"] * (len(chunks) - 1)


def test_each_cell_of_a_row_wider_than_a_chunk_stands_under_its_header_and_beside_the_first_cell() -> None:
    header = "| " + " | ".join(f"column number {i}" for i in range(60)) + " |"
    row = "| Press | " + " | ".join(str(1000 + i) for i in range(1, 60)) + " |"
    chunks = cut(extract(("table", "\n".join([header, "|" + " --- |" * 60, row, row]))))
    embedder = WordEmbedder()
    assert all(embedder.count_tokens(chunk.embedded_text) <= 64 for chunk in chunks)
    for column in range(1, 60):
        found = [chunk for chunk in chunks if f"| {1000 + column}" in chunk.text]
        assert len(found) == 2
        for chunk in found:
            assert f"| column number {column} |" in chunk.context
            assert "Press" in chunk.embedded_text


def test_page_is_the_one_the_chunk_starts_on() -> None:
    parsed = extract(("paragraph", sentences(6)), ("paragraph", sentences(6)))
    parsed = Extract(parsed.text, parsed.blocks, pages=(0, parsed.blocks[1].span.start))
    assert [chunk.span.page for chunk in cut(parsed)] == sorted(chunk.span.page or 0 for chunk in cut(parsed))
    assert {chunk.span.page for chunk in cut(parsed)} == {1, 2}


def test_word_of_a_megabyte_is_cut_into_chunks() -> None:
    chunks = cut(extract(("paragraph", "x" * 1_000_000)))
    assert max(len(chunk.text) for chunk in chunks) <= 64 * 16
    assert sum(len(chunk.text) for chunk in chunks) == 1_000_000


def test_title_that_the_first_heading_repeats_stands_once() -> None:
    parsed = extract(("heading", "# Handbook", 1), ("heading", "## Leave", 2), ("paragraph", sentences(20)))
    assert cut(parsed)[-1].context == "Handbook > Leave"


def test_same_document_gives_the_same_ids() -> None:
    parsed = extract(("paragraph", sentences(20)))
    assert [chunk.id for chunk in cut(parsed)] == [chunk.id for chunk in cut(parsed)]


LINES = st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=90)
WORDS = st.lists(st.from_regex(r"[A-Za-z0-9é漢.,!?:'\-]{1,60}", fullmatch=True), max_size=80).map(" ".join)
BODY = st.one_of(
    st.tuples(
        st.sampled_from(["paragraph", "list", "code"]), st.lists(LINES | WORDS, max_size=12).map("\n".join)
    ),
    st.tuples(
        st.just("table"),
        st.lists(LINES, min_size=1, max_size=12).map(lambda r: "\n".join(["| A | B |", "| --- | --- |", *r])),
    ),
    st.tuples(st.just("heading"), LINES.map(lambda line: f"# {line.strip()}"), st.integers(1, 4)),
)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(BODY, max_size=8),
    st.integers(5, 60),
    st.integers(0, 20),
    st.sampled_from(["", "A title", "t" * 500]),
)
def test_any_document_is_covered_exactly_and_within_the_limit(
    parts: list[tuple[BlockKind, str]], target: int, overlap: int, title: str
) -> None:
    parsed = extract(*parts)
    document = Document(DocumentId("doc_1"), "a.md", title, "text/markdown", "0")
    embedder = WordEmbedder()
    chunks = chunks_of(parsed, document, embedder=embedder, target_tokens=target, overlap_tokens=overlap)

    covered = bytearray(len(parsed.text))
    for position, chunk in enumerate(chunks):
        assert chunk.position == position
        assert chunk.text == parsed.text[chunk.span.start : chunk.span.end]
        assert chunk.text.strip() == chunk.text != ""
        assert embedder.count_tokens(chunk.embedded_text) <= embedder.max_tokens
        covered[chunk.span.start : chunk.span.end] = b"\1" * len(chunk.text)
    assert all(covered[at] or character.isspace() for at, character in enumerate(parsed.text))
    assert [chunk.span.start for chunk in chunks] == sorted(chunk.span.start for chunk in chunks)


@settings(max_examples=50, deadline=None)
@given(st.lists(BODY, max_size=8))
def test_no_chunk_holds_text_of_two_sections(parts: list[tuple[BlockKind, str]]) -> None:
    parsed = extract(*parts)
    for chunk in cut(parsed, overlap=10):
        inside = [
            block
            for block in parsed.blocks
            if block.kind != "heading"
            and max(block.span.start, chunk.span.start) < min(block.span.end, chunk.span.end)
        ]
        assert len({block.headings for block in inside}) <= 1


SMALL_PIECES = {
    "headings": lambda count: extract_of("heading", [f"# h{number}" for number in range(count)]),
    "items of a list": lambda count: extract(("list", "\n".join(f"- {n % 10}" for n in range(count)))),
    "rows of a table": lambda count: extract(
        ("table", "| a | b |\n|---|---|\n" + "\n".join(f"| {n % 10} | b |" for n in range(count)))
    ),
    "paragraphs of one character": lambda count: extract_of("paragraph", ["a"] * count),
    "lines of code": lambda count: extract(("code", "a\n" * count)),
}


def extract_of(kind: BlockKind, contents: list[str]) -> Extract:
    """Build an extract of many blocks, in linear time."""
    text, blocks, start = "\n\n".join(contents), [], 0
    for content in contents:
        blocks.append(Block(kind, Span(start, start + len(content)), (), 1 if kind == "heading" else 0))
        start += len(content) + 2
    return Extract(text=text, blocks=tuple(blocks))


@pytest.mark.parametrize("pieces", SMALL_PIECES)
def test_cutting_takes_linear_time_however_small_the_pieces(pieces: str) -> None:
    half, whole = (SMALL_PIECES[pieces](count) for count in (8_000, 16_000))
    assert seconds(whole) < 3 * seconds(half) + 0.1


@pytest.mark.parametrize("pieces", SMALL_PIECES)
@pytest.mark.slow
def test_millions_of_small_pieces_are_cut_within_what_one_file_may_cost(pieces: str) -> None:
    assert seconds(SMALL_PIECES[pieces](1_000_000)) < limits().cpu_seconds


@pytest.mark.parametrize("pieces", SMALL_PIECES)
def test_what_is_cut_of_small_pieces_is_the_text(pieces: str) -> None:
    parsed = SMALL_PIECES[pieces](7_000)
    chunks = cut(parsed)
    assert "".join("".join(chunk.text for chunk in chunks).split()) == "".join(parsed.text.split())
    assert all(WordEmbedder(64).count_tokens(chunk.embedded_text) <= 64 for chunk in chunks)


def seconds(parsed: Extract) -> float:
    """Return the processor time of cutting, the better of two."""
    return min(_seconds(parsed), _seconds(parsed))


def _seconds(parsed: Extract) -> float:
    started = time.thread_time()
    cut(parsed, target=130, max_tokens=256)
    return time.thread_time() - started


def test_no_more_passages_are_cut_than_a_document_may_have() -> None:
    parsed = SMALL_PIECES["headings"](200)
    chunks = chunks_of(
        parsed, DOCUMENT, embedder=WordEmbedder(64), target_tokens=30, overlap_tokens=0, most=50
    )
    assert chunks == cut(parsed)[:50]
