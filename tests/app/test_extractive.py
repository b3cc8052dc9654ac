"""The extractive answer: the sentence that answers, quoted, cited, and checkable."""

import asyncio
import re
from collections.abc import Sequence

import pytest

from app.answer.answerer import Written
from app.events import Passage
from app.language.reading import lines
from app.question import Part
from app.reader.extractive import written
from app.support.claim import claim
from app.support.ground import check
from tests.app.passages import passage
from tests.app.reader import quoting, understood
from vectorstore.language.sentences import sentence_spans

LEAVE = passage(
    "Full-time employees receive **28 working days** of paid annual leave per calendar year. Unused days lapse in March.\n\n"
    "| Completed years | Extra days |\n|---|---|\n| 5 | 1 |\n| 10 | 3 |\n\nLeave is entered in Tidepool.",
    number=1,
    title="Annual leave policy",
    context="Annual leave policy > Length",
)
PRICES = passage(
    "| Item | Unit price | Stock |\n|---|---|---|\n| Sensor S1 | EUR 99 | 4 |\n| Sensor S2 | EUR 129 | 7 |",
    number=2,
    title="Price list",
    context="Price list 2026",
)


def _answer(question: str, passages: Sequence[Passage]) -> tuple[str, Written]:
    answerer = quoting(question, passages)

    async def collect() -> tuple[str, Written]:
        text, ending = "", Written()
        async for piece in answerer.write(question, passages=passages, history=()):
            if isinstance(piece, str):
                text += piece
            else:
                ending = piece
        return text, ending

    return asyncio.run(collect())


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (
            "How many working days of annual leave do employees receive?",
            "28 working days of paid annual leave",
        ),
        ("What is the unit price of Sensor S2?", "Sensor S2, Unit price: EUR 129, Stock: 7."),
        ("Where is leave entered?", "Leave is entered in Tidepool."),
    ],
)
def test_the_answering_sentence_comes_first(question: str, expected: str) -> None:
    text, ending = _answer(question, [LEAVE, PRICES])
    assert ending.outcome == "answered"
    assert expected in text[: sentence_spans(text, quotations=True)[0][1]]


@pytest.mark.parametrize(
    ("question", "row"),
    [
        (
            "What happens at error E-217, does the device keep recording?",
            "E-217, Meaning: Calibration expired",
        ),
        ("Who is on duty in the week of 9 November?", "2026-11-09, Primary: Rita Valadares"),
        ("How long does it last at an interval of five minutes?", "5 minutes, Battery: 2.5 years"),
    ],
)
def test_a_table_row_that_the_question_names_comes_first(question: str, row: str) -> None:
    tables = passage(
        "The device shows error codes while recording, and E-217 is the one that customers ask about.\n\n"
        "| Error | Meaning | Recording |\n|---|---|---|\n| E-215 | Memory full | stops |\n| E-217 | Calibration expired | goes on |\n\n"
        "| Week | Primary |\n|---|---|\n| 2026-11-02 | Tomas Beranek |\n| 2026-11-09 | Rita Valadares |\n\n"
        "The interval says how long it lasts.\n\n"
        "| Interval | Battery |\n|---|---|\n| 1 minute | 1 year |\n| 5 minutes | 2.5 years |\n| 10 minutes | 4 years |"
    )
    text, _ = _answer(question, [tables])
    assert f"“{row}" in text
    assert "E-215" not in text
    assert "2026-11-02" not in text


def test_every_sentence_has_its_marker_and_is_supported_by_the_passage_it_names() -> None:
    for question in ("How many days of annual leave are there?", "What does Sensor S2 cost?"):
        text, _ = _answer(question, [LEAVE, PRICES])
        for start, end in sentence_spans(text, quotations=True):
            marker = re.search(r"\[(\d)\]\Z", text[start:end])
            assert marker, text[start:end]
            said = claim(text, start, end, [LEAVE, PRICES])
            assert check(said, [(LEAVE, PRICES)[int(marker[1]) - 1]]).verdict == "supported", said


def test_without_passages_it_refuses_and_says_nothing() -> None:
    assert _answer("How many days?", []) == ("", Written(outcome="refused"))


def test_the_newer_of_two_disagreeing_documents_comes_first_with_both_dates() -> None:
    old = passage(
        "Employees may work from home on two days a week, at most 2 days.",
        number=1,
        title="Remote work policy",
        modified="2024-02-01",
    )
    new = passage(
        "Employees may work from home on three days a week, at most 3 days.",
        number=2,
        title="Remote work news",
        modified="2026-06-15",
    )
    text, _ = _answer("How many days a week may employees work from home?", [old, new])
    assert text.index("three days") < text.index("two days")
    assert "15 June 2026" in text
    assert "1 February 2024" in text


def test_disagreeing_documents_are_named_in_the_language_of_the_question() -> None:
    old = passage(
        "Im Homeoffice sind höchstens 2 Tage pro Woche erlaubt.", number=1, title="Alt", modified="2024-02-01"
    )
    new = passage(
        "Im Homeoffice sind höchstens 3 Tage pro Woche erlaubt.", number=2, title="Neu", modified="2026-06-15"
    )
    text, _ = _answer("Wie viele Tage pro Woche sind im Homeoffice erlaubt?", [old, new])
    assert text.startswith("Laut “Neu” (2026-06-15): “Im Homeoffice sind höchstens 3 Tage")
    assert "Älter, laut “Alt” (2024-02-01): “Im Homeoffice sind höchstens 2 Tage" in text


@pytest.mark.parametrize(
    ("question", "older", "newer"),
    [
        (
            "What if it was not planned in the budget?",
            "# What the budget planned\n\nUp to EUR 50 nobody is asked.",
            "# Plan\n\nApprove the planned budget frame: EUR 43 million revenue.",
        ),
        (
            "How much did revenue change in the fourth quarter?",
            "# Numbers\n\n| Line | Q2 2026 | Change |\n|---|---|---|\n| Revenue in the quarter | EUR 9,240 | 9.3% |",
            "# Results\n\nRevenue change in the third quarter: EUR 9.8 million, 11% above last year.",
        ),
        (
            "What is the hotel limit per night?",
            "# Hotel\n\nThe hotel limit is EUR 120 per night including breakfast.",
            "# Hotel limit\n\nWith friends: EUR 25 per night as thanks to the host, no receipt needed.",
        ),
    ],
)
def test_sentences_about_different_things_do_not_disagree(question: str, older: str, newer: str) -> None:
    old = passage(older, number=1, title="Old", modified="2025-02-01")
    new = passage(newer, number=2, title="New", modified="2026-06-15")
    assert "older" not in _answer(question, [old, new])[0].lower()


def test_each_part_of_a_question_gets_its_sentence() -> None:
    text, _ = _answer(
        "How many days of annual leave do employees receive, and what does Sensor S2 cost?", [LEAVE, PRICES]
    )
    assert "28 working days" in text
    assert "EUR 129" in text


@pytest.mark.parametrize(
    ("question", "count"),
    [
        ("How many days of leave do I get?", 1),
        ("What is the limit, and who approves more?", 2),
        ("My laptop was stolen. Who do I call and how fast?", 2),
        ("Terms and conditions of leave?", 1),
    ],
)
def test_a_question_is_split_only_where_it_asks_again(question: str, count: int) -> None:
    assert len(understood(question).parts) == count


def test_markdown_goes_and_words_stay() -> None:
    text = "- Use the **Workation** form (*My time*), see [the page](http://x.example/a) and `run --now`[^1];"
    assert written(lines(text)[:1]) == "“Use the Workation form (My time), see the page and run --now.”"


def test_a_bare_no_is_said_with_its_reason_and_the_question_is_not_quoted() -> None:
    faq = passage("Can the logger be read by phone? No. There is no Bluetooth. Use the gateway.", title="FAQ")
    text, _ = _answer("Can I read the logger with a phone?", [faq])
    assert text.startswith("“FAQ”: “No. There is no Bluetooth.")
    assert "?" not in text
    assert check("No. There is no Bluetooth.", [faq]).support == 1.0


def test_a_part_that_says_what_it_is_about_is_weighed_by_its_own_words() -> None:
    _, second = understood(
        "How many requests may a customer on the Team plan make, and which status code comes back over the limit?"
    ).parts
    assert second == Part("which status code comes back over the limit?")
    _, thin = understood("How much is the daily allowance in Norway, and who approves it?").parts
    assert {"daily", "allowance", "norway"} <= set(thin.given)


GREENHOUSE = passage(
    "# Watering\n\nBefore a holiday, do this:\n\n1. Fill the tank to the brim.\n2. Open the valve by a quarter.\n"
    "3. Leave the spare key with the caretaker.\n\n# Frost\n\nIn a cold night these are brought inside:\n\n"
    "- lemon trees\n- oleander\n- olive saplings",
    number=1,
    title="Greenhouse",
)


def test_whoever_asks_how_it_is_done_gets_all_the_steps_in_their_order() -> None:
    text, _ = _answer("How do I open the valve before a holiday?", [GREENHOUSE])
    assert text == (
        "“Greenhouse” › “Watering”: \n1. “Fill the tank to the brim.” [1]\n2. “Open the valve by a quarter.” [1]"
        "\n3. “Leave the spare key with the caretaker.” [1]"
    )


def test_a_lead_in_is_said_with_the_list_that_it_announces() -> None:
    text, _ = _answer("What is brought inside in a cold night?", [GREENHOUSE])
    assert text.startswith(
        "“Greenhouse” › “Frost”: “In a cold night these are brought inside: lemon trees. oleander. olive saplings.” [1]"
    )


def test_a_lead_in_to_steps_is_said_above_them_and_nothing_below_the_list() -> None:
    after = "Only then is the lamp switched on again."
    text, _ = _answer(
        "How do I change the lamp?",
        [
            passage(
                f"To change the lamp:\n\n1. Pull the plug.\n1. Turn the bulb out.\n\n{after}", title="Lamp"
            )
        ],
    )
    assert "1. “Pull the plug.” [1]\n2. “Turn the bulb out.” [1]" in text
    assert after not in text


def test_an_answer_is_three_quotes_at_most_and_none_where_enough_is_said() -> None:
    cargo = (
        "mail, newspapers and parcels for the islands as well as the post of the lighthouse keepers",
        "timber, bricks and other building material that the villages on the north shore have ordered",
        "bicycles, prams and wheelchairs on the lower deck, where they have to be tied to the railing",
        "milk, cheese and vegetables from the farms, which are sold on the quay early on Saturdays",
    )
    long = " ".join(f"The ferry carries {what}." for what in cargo)
    text, _ = _answer("What does the ferry carry?", [passage(long, number=1, title="Ferries")])
    assert 1 <= text.count("[1]") <= 3
    assert len(text.split()) < 70


def test_a_quote_names_its_document_and_the_heading_above_it() -> None:
    text, _ = _answer("What has to be filled before a holiday?", [GREENHOUSE])
    assert text.startswith("“Greenhouse” › “Watering”: “")
    for start, end in sentence_spans(text, quotations=True):
        assert "›" not in claim(text, start, end, [GREENHOUSE])
