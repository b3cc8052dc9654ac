"""The ruler: word for word is certain, a wrong number is refused, and the quote is the document's own text."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.language.amounts import in_range
from app.language.reading import joined, read, whole, windows
from app.support.ground import SUPPORTED, check, contradicts, score, support
from tests.app.passages import passage

LEAVE = (
    "# Leave\n\nThe list is valid from 1 March 2024.\n\nAnnual leave is 25 days. Interns get 10 days of leave per year.\n\n"
    "| Item | unit price | stock |\n|---|---|---|\n| Sensor S1 | EUR 99 | 4 |\n| Sensor S2 | EUR 129 | 7 |\n\n"
    "Requests need these:\n- approval by the manager\n- two weeks notice"
)

STATEMENTS = [
    "Travel above EUR 500 must be approved by the head of department.",
    "Fee (reduced): 12",
    "A new laptop is ordered after 36 months, not before 1 May 2026.",
    "| Berlin | 2 | VPN-7 |",
    "",
    "No.",
    "Ask Maria",
    "In the third quarter no travel is approved by Finance.",
]


@pytest.mark.parametrize(
    "sentence",
    [
        "Annual leave is 25 days.",
        "annual leave  is 25 days",
        "- approval by the manager",
        "Interns get 10 days of leave",
    ],
)
def test_a_sentence_that_stands_there_word_for_word_is_certain(sentence: str) -> None:
    assert support(sentence, LEAVE) == 1.0


@pytest.mark.parametrize(
    "sentence",
    [
        "Annual leave is 26 days.",
        "Interns get 10 weeks of leave per year.",
        "Sensor S2, unit price: EUR 130",
        "Sensor S9 costs EUR 129.",
        "The list is valid from 1 April 2024.",
        "Annual leave is 25 %.",
        "The list is valid from 1 March 202",
    ],
)
def test_a_number_unit_code_or_month_that_is_not_there_refutes(sentence: str) -> None:
    assert support(sentence, LEAVE) == 0.0


@pytest.mark.parametrize(
    "sentence",
    [
        "Employees get 25 days of annual leave.",
        "Interns receive ten days of leave a year.",
        "Sensor S2, unit price: EUR 129, stock: 7.",
        "Requests need two weeks notice.",
        "The list is valid from 2024-03-01.",
    ],
)
def test_what_is_said_in_other_words_is_supported(sentence: str) -> None:
    assert support(sentence, LEAVE) >= SUPPORTED


@pytest.mark.parametrize(
    "sentence", ["The moon is made of cheese.", "Sensor S2 costs EUR 99.", "Managers buy sensors abroad."]
)
def test_what_is_not_said_is_not_supported(sentence: str) -> None:
    assert support(sentence, LEAVE) < SUPPORTED


def test_the_evidence_is_the_documents_text_at_its_offsets() -> None:
    document = "Preface. " * 9 + LEAVE
    start = document.index("# Leave")
    found = check(
        "Interns receive 10 days of leave.",
        [passage("Nothing of use.", number=1), passage(LEAVE, number=2, start=start)],
    )
    assert found.passage is not None
    assert found.passage.number == 2
    assert found.quote == document[found.evidence.start : found.evidence.end]
    assert found.quote == "Interns get 10 days of leave per year."
    assert found.verdict == "supported"


def test_without_passages_nothing_is_supported() -> None:
    found = check("Anything.", [])
    assert (found.support, found.verdict, found.passage, found.quote) == (0.0, "unsupported", None, "")


def test_a_dated_lead_is_covered_by_the_documents_title_and_date() -> None:
    policy = passage("Claims are due within 30 days.", title="Travel policy", modified="2026-03-02")
    found = check("According to Travel policy of 2 March 2026: Claims are due within 30 days.", [policy])
    assert found.verdict == "supported"


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60), st.text(max_size=120))
def test_support_is_a_probability_for_any_text(sentence: str, evidence: str) -> None:
    assert 0.0 <= support(sentence, evidence) <= 1.0


@given(st.lists(st.sampled_from(STATEMENTS), min_size=1, max_size=6))
def test_texts_joined_read_as_one_text(texts: list[str]) -> None:
    assert joined(read(text) for text in texts) == read("\n".join(texts))


@given(st.lists(st.sampled_from([*STATEMENTS, ""]), min_size=1, max_size=6))
def test_a_window_is_looked_through_for_the_words_that_its_reading_has(texts: list[str]) -> None:
    for window in windows("\n\n".join(texts)):
        assert window.plain == window.reading.plain


@given(st.sampled_from(STATEMENTS), st.permutations(STATEMENTS))
def test_no_window_that_is_left_unread_supports_more(sentence: str, order: list[str]) -> None:
    evidence = "\n\n".join(order)
    claim = read(sentence.replace("must", "may"))
    every = [
        score(claim, window, refuted=contradicts(claim, whole(evidence))) for window in windows(evidence)
    ]
    assert support(sentence.replace("must", "may"), evidence) == max(every)


@pytest.mark.parametrize(
    ("value", "text", "inside"),
    [
        ("800", "| EUR 500.01 to EUR 2,500 | head of department |", True),
        ("800", "up to EUR 50", False),
        ("33", "more than **30 °C** inside", True),
        ("43", "| 40 to 49 | 6 % |", True),
        ("33", "Valid from 22 September 2025", False),
        ("33", "open from 07:30 to 20:30", False),
        ("80", "costs more than 60% of the price", False),
        ("7000000", "from EUR 5 million to EUR 10 million", True),
        ("43000000", "between 5 and 50 million euros", True),
        ("43000000", "up to EUR 43,000", False),
    ],
)
def test_numbers_fall_into_stated_ranges_but_not_into_dates(value: str, text: str, inside: bool) -> None:
    assert in_range({value}, text) is inside


def test_a_sentence_takes_two_milliseconds_at_most() -> None:
    passages = [passage(LEAVE.replace("25", str(25 + n)), number=n) for n in range(1, 7)]
    check("Warm up the readings of 25 days.", passages)
    began = time.process_time()
    for count in range(50):
        check(f"Interns receive days of leave and approval {count % 9}", passages)
    assert (time.process_time() - began) / 50 < 0.004
