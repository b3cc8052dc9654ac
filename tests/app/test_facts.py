"""Numbers, amounts and codes are read the same however they are written, and different where they differ."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.language.amounts import amounts, number
from app.language.facts import facts
from app.language.reading import read
from app.support.ground import SUPPORTED, contradicts, support

MILLIONS = {10**3: "thousand", 10**6: "million", 10**9: "billion", 10**12: "trillion"}
GERMAN = {10**3: "Tsd.", 10**6: "Mio.", 10**9: "Milliarden", 10**12: "Billionen"}
MONEY = {"eur": ("EUR", "€", "euros"), "usd": ("US$", "$", "dollars"), "gbp": ("GBP", "£", "pounds")}


@pytest.mark.parametrize(
    ("text", "measure"),
    [
        ("EUR 43 million", "43000000|eur"),
        ("43 million EUR", "43000000|eur"),
        ("43 million euros", "43000000|eur"),
        ("43,000,000 euros", "43000000|eur"),
        ("EUR 43.000.000", "43000000|eur"),
        ("43 Mio. EUR", "43000000|eur"),
        ("EUR43m", "43000000|eur"),
        ("43 M€", "43000000|eur"),
        ("a 43-million-euro deal", "43000000|eur"),
        ("43 millones de euros", "43000000|eur"),
        ("43 millions d'euros", "43000000|eur"),
        ("1,2 Milliarden Euro", "1200000000|eur"),
        ("1,2 mil millones de euros", "1200000000|eur"),
        ("€1,234 million", "1234000000|eur"),
        ("1.234 Mio. EUR", "1234000000|eur"),
        ("1,234 Milliarden Euro", "1234000000|eur"),
        ("US$ 1.2bn", "1200000000|usd"),
        ("$43.5 million", "43500000|usd"),
        ("43.5 million US dollars", "43500000|usd"),
        ("€5k", "5000|eur"),
        ("5 TEUR", "5000|eur"),
        ("USD 3 thousand", "3000|usd"),
        ("£2 billion", "2000000000|gbp"),
        ("1.250 Euro", "1250|eur"),
        ("EUR 1,299.50", "1299.5|eur"),
        ("cable of 43.5m", "43.5|m"),
        ("a 30-day trial", "30|day"),
        ("8 thousand km", "8000|km"),
        ("15%", "15|%"),
    ],
)
def test_an_amount_is_one_number_with_its_unit(text: str, measure: str) -> None:
    found = facts(f"It was {text}, they say.")
    assert found.measures == {measure}
    assert found.numbers == {measure.partition("|")[0]}
    assert found.codes == frozenset()


@pytest.mark.parametrize(
    "text", ["EUR 5–7 million", "5 to 7 million euros", "between 5 and 7 million euros", "€5-7m"]
)
def test_both_ends_of_a_range_are_scaled(text: str) -> None:
    assert facts(text).measures == {"5000000|eur", "7000000|eur"}


@pytest.mark.parametrize(
    "text", ["the 10-K filing", "a 3-year-old", "error E-217", "model 3d2", "port 8080tcp"]
)
def test_a_code_is_no_amount(text: str) -> None:
    found = facts(text)
    assert len(found.codes) == 1
    assert found.measures == frozenset()


def test_facts_are_read_in_many_forms() -> None:
    found = facts("It costs EUR 1,299.50 (error E-217) on 2024-03-09, a 30-day trial, 15%, by the 5th, Q4")
    assert {"1299.5|eur", "30|day", "15|%"} == found.measures
    assert {"e217", "q4"} == found.codes
    assert found.ordinals == {"day 9 of 3", "quarter 4"}
    assert "5" in found.numbers
    assert facts("two million people in the second quarter of 250 days").counted == {"2000000", "2"}
    assert facts("In 2024 250 people came").numbers == {"2024", "250"}
    assert facts("(in millions of euros)").scales == {"1000000"}


@given(st.sampled_from(["1,000.50", "1.000,50", "1000.5", "1'000.50", "1 000.50"]))
def test_a_number_has_one_form(raw: str) -> None:
    assert number(raw) == "1000.5"


@pytest.mark.parametrize(("raw", "value"), [("0,125", "0.125"), ("0.50", "0.5"), ("1.234", "1.234"), ("1,234", "1234"), ("007", "7"), ("-0.0", "-0")])  # fmt: skip
def test_a_mark_with_three_digits_groups_or_is_decimal(raw: str, value: str) -> None:
    assert number(raw) == value


wholes = st.integers(1, 999_999)
factors = st.sampled_from(sorted(MILLIONS))
units = st.sampled_from(sorted(MONEY))


def forms(value: int, factor: int, unit: str) -> list[str]:
    """Write one amount in the ways of English and German."""
    code, sign, name = MONEY[unit]
    plain, english = str(value), f"{value:,}"
    german, spaced = english.replace(",", "."), english.replace(",", " ")
    whole = f"{value * factor:,}"
    return [
        *(f"{before} {digits} {MILLIONS[factor]}" for before in (code, sign) for digits in (plain, english, spaced)),
        *(f"{digits} {MILLIONS[factor]} {name}" for digits in (plain, english, spaced)),
        *(f"{digits} {GERMAN[factor]} {code if unit != 'usd' else sign}" for digits in (plain, german, spaced)),
        f"{sign}{english} {MILLIONS[factor]}",
        f"{code} {whole}",
        f"{whole} {name}",
        f"{whole.replace(',', '.')} {sign}",
        f"{sign}{whole.replace(',', ' ')}",
    ]  # fmt: skip


@given(wholes, factors, units)
def test_one_amount_reads_equal_however_it_is_written(value: int, factor: int, unit: str) -> None:
    expected = {f"{value * factor}|{unit}"}
    assert {form: facts(form).measures for form in forms(value, factor, unit)} == dict.fromkeys(
        forms(value, factor, unit), expected
    )


@given(wholes, factors, factors, units)
def test_another_magnitude_reads_different(value: int, factor: int, other: int, unit: str) -> None:
    claims, evidence = forms(value, factor, unit), forms(value, other, unit)
    for claim, known in zip(claims, reversed(evidence), strict=True):
        assert contradicts(read(claim), read(known)) is (factor != other), (claim, known)


@given(st.text(alphabet="0123456789.,' -+€$kmEURbioten", max_size=40))
@example("€ 5 mb")
def test_amounts_of_any_text_stand_in_it_in_order(text: str) -> None:
    found = amounts(text.lower())
    assert all(0 <= amount.start < amount.end <= len(text) for amount in found)
    assert all(one.end <= other.start for one, other in pairwise(found))
    facts(text)


REVENUE = "Revenue rose to {} in the third year."


@pytest.mark.parametrize(
    ("claim", "evidence", "refuted"),
    [
        ("EUR 43 million", "EUR 43 billion", True),
        ("EUR 43 million", "43 million euros", False),
        ("EUR 43 million", "USD 43 million", True),
        ("EUR 43 million", "EUR 43", True),
        ("EUR 43", "EUR 43 million", True),
        ("43 million", "EUR 43 million", False),
        ("EUR 43 million", "43,000,000", False),
        ("2 million euros", "two million euros", False),
        ("EUR 43 million", "43", False),
    ],
)
def test_magnitudes_and_currencies_refute(claim: str, evidence: str, refuted: bool) -> None:
    said, known = REVENUE.format(claim), REVENUE.format(evidence)
    assert contradicts(read(said), read(known)) is refuted
    assert (support(said, known) >= SUPPORTED) is not refuted


def test_a_table_says_its_magnitude_once() -> None:
    table = "All figures in {}.\n\n| Year | Revenue |\n|---|---|\n| 2024 | $ 43 |\n| 2025 | $ 51 |"
    assert not contradicts(
        read("Revenue was $43 million in 2024."), read(table.format("millions of dollars"))
    )
    assert contradicts(read("Revenue was $43 million in 2024."), read(table.format("thousands of dollars")))
    assert contradicts(read("Revenue was $44 million in 2024."), read(table.format("millions of dollars")))
