"""The growing answer: markers resolve, offsets fit, sentences are checked once, however the text is cut."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.events import Citations, Event, Passage, SentenceChecked, Text
from app.support.ground import check
from app.turn.transcript import Transcript
from vectorstore.types import Document, DocumentId, Span

DOCUMENT = Document(DocumentId("doc_1"), "leave.md", "Leave", "text/markdown", "digest")
SOURCE = "Staff get 25 days of leave. Interns get 12 days. Both may carry over 5 days."
PASSAGES = [Passage(n, DOCUMENT, Span(0, len(SOURCE)), SOURCE, chunks=()) for n in (1, 2)]
PIECES = st.sampled_from(
    [
        "Staff get 25 days",
        " of leave",
        " [1]",
        "[2]",
        " [9]",
        "[1, 2]",
        "[12",
        "]",
        ".",
        " ",
        "\n",
        "Interns get 12 days [2]. ",
        "(",
        "𝔘",
        "[",
    ]
)


def run(*deltas: str) -> tuple[str, list[Event]]:
    transcript = Transcript(PASSAGES, check=check, allowed_links=())
    events = [event for delta in deltas for event in transcript.feed(delta)]
    events += list(transcript.finish())
    return transcript.text, events


@given(st.lists(PIECES, max_size=14))
def test_the_text_is_the_sum_of_its_deltas_and_every_marker_resolves(pieces: list[str]) -> None:
    text, events = run(*pieces)
    assert text == "".join(event.delta for event in events if isinstance(event, Text))
    cited = [citation for event in events if isinstance(event, Citations) for citation in event.citations]
    for citation in cited:
        start, end = citation.marker
        assert text[start:end] == f"[{citation.number}]"
        assert citation.claim[0] <= start < end <= citation.claim[1]
        assert SOURCE[citation.evidence.start : citation.evidence.end] == citation.quote
    standing = [(int(match[1]), match.span()) for match in re.finditer(r"\[(\d)\]", text)]
    assert [(citation.number, citation.marker) for citation in cited] == standing
    assert "[9]" not in text


@given(st.lists(PIECES, max_size=14))
def test_cutting_the_stream_elsewhere_changes_nothing(pieces: list[str]) -> None:
    whole, letters = run("".join(pieces)), run(*"".join(pieces))
    assert whole[0] == letters[0]
    rest = [[event for event in events if not isinstance(event, Text)] for events in (whole[1], letters[1])]
    assert sorted(map(repr, rest[0])) == sorted(map(repr, rest[1]))


@pytest.mark.parametrize(
    "text", ["Staff get 25 days.\n\n[1]", "Staff get 25 days.\n- [1]", "[1]\n\nStaff get 25 days."]
)
def test_a_marker_on_its_own_line_cites_for_the_sentence_beside_it(text: str) -> None:
    citations = next(event for event in run(text)[1] if isinstance(event, Citations)).citations
    assert [(one.number, one.support, one.claim) for one in citations] == [(1, 1.0, (0, len(text)))]


def test_a_marker_without_any_sentence_still_names_its_document() -> None:
    citations = next(event for event in run("[2]")[1] if isinstance(event, Citations)).citations
    assert [(one.number, one.support) for one in citations] == [(2, 0.0)]


def test_grouped_markers_become_single_ones() -> None:
    assert run("Staff get 25 days [1, 2].")[0] == "Staff get 25 days [1][2]."


def test_a_sentence_is_checked_as_soon_as_it_closes() -> None:
    transcript = Transcript(PASSAGES, check=check, allowed_links=())
    events = list(transcript.feed("Staff get 25 days of leave [1]. Interns get"))
    checked = [event for event in events if isinstance(event, SentenceChecked)]
    assert [(event.start, event.verdict) for event in checked] == [(0, "supported")]


def test_an_invented_figure_is_unsupported() -> None:
    _, events = run("Staff get 90 days of leave [1].")
    assert [event.verdict for event in events if isinstance(event, SentenceChecked)] == ["unsupported"]
