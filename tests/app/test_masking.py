"""What looks like personal data is put out of sight, and next to nothing else is."""

import json
import random
import string
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.people.masking import masked, masked_in

SENTENCES = (
    "Please write to {} before Friday.", "Is {} right?", "{}", "The contact is {}, ask there.", "Call/mail: {}.",
    "I am Ann Smith ({}) and need help", "id={};", "Meine Angaben: {} – danke!", "„{}“ war es.", "Von\n{}\nan alle",
)  # fmt: skip
IBANS = {"DE": "18d", "GB": "4a14d", "FR": "10d11c2d", "NL": "4a10d", "AT": "16d", "CH": "5d12c", "PL": "24d", "ES": "20d", "NO": "11d", "MT": "4a5d18c"}  # fmt: skip


def digits(chance: random.Random, count: int) -> str:
    return "".join(chance.choices(string.digits, k=count))


def email(chance: random.Random) -> str:
    name = chance.choice(("ann", "ann.smith", "a+tag", "jürgen.müller", "x_1", "ANN.SMITH", "o-neill"))
    host = chance.choice(
        ("example.org", "mail.example.co.uk", "büro.example", "ex-ample.museum", "EXAMPLE.COM")
    )
    return f"{name}{chance.randrange(999)}@{host}"


def card(chance: random.Random) -> str:
    prefix, length = chance.choice(
        [("4", 16), ("51", 16), ("55", 16), ("2221", 16), ("34", 15), ("37", 15), ("6011", 16), ("36", 14), ("3530", 16)]
    )  # fmt: skip
    body = prefix + digits(chance, length - len(prefix) - 1)
    last = next(str(d) for d in range(10) if luhn(body + str(d)))
    number = body + last
    gap = chance.choice(("", " ", "-"))
    return gap.join(number[start : start + 4] for start in range(0, length, 4))


def luhn(number: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(number)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def iban(chance: random.Random) -> str:
    country = chance.choice(list(IBANS))
    form, body, number = IBANS[country], "", ""
    for each in form:
        if each.isdigit():
            number += each
            continue
        letters = {
            "d": string.digits,
            "a": string.ascii_uppercase,
            "c": string.ascii_uppercase + string.digits,
        }[each]
        body += "".join(chance.choices(letters, k=int(number)))
        number = ""
    value = int("".join(str(int(letter, 36)) for letter in f"{body}{country}00"))
    whole = f"{country}{98 - value % 97:02}{body}"
    return (
        " ".join(whole[start : start + 4] for start in range(0, len(whole), 4))
        if chance.random() < 0.5
        else whole
    )


def ip(chance: random.Random) -> str:
    if chance.random() < 0.5:
        return ".".join(str(chance.randrange(256)) for _ in range(4))
    groups = [f"{chance.randrange(65_536):x}" for _ in range(8)]
    if chance.random() < 0.5:
        start = chance.randrange(1, 5)
        return ":".join(groups[:start]) + "::" + ":".join(groups[start + 2 : -1])
    return ":".join(groups)


def phone(chance: random.Random) -> str:
    def some(count: int) -> str:
        return digits(chance, count)

    return chance.choice(
        (
            f"+49 30 {some(7)}", f"+49 (0)171 {some(7)}", f"+1 415-555-{some(4)}", f"+44 20 7946 {some(4)}", f"0049 89 {some(6)}",
            f"(415) 555-{some(4)}", f"415-555-{some(4)}", f"415.555.{some(4)}", f"030 / {some(7)}", f"0171-{some(7)}", f"0171 {some(4)} {some(3)}",
            f"020 7946 {some(4)}", f"01 42 68 53 {some(2)}", f"0171{some(7)}", f"+33142685{some(3)}", f"+91-98765-{some(5)}", f"+43/1/{some(7)}",
        )
    )  # fmt: skip


def social(chance: random.Random) -> str:
    if chance.random() < 0.6:
        return f"{chance.randint(100, 665)}-{chance.randint(1, 99):02}-{chance.randint(1, 9_999):04}"
    if chance.random() < 0.5:
        return f"AB {digits(chance, 2)} {digits(chance, 2)} {digits(chance, 2)} C"
    body = f"{chance.choice('12')}{digits(chance, 2)}{chance.randint(1, 12):02}{digits(chance, 2)}{digits(chance, 6)}"
    return f"{body}{97 - int(body) % 97:02}"


def secret(chance: random.Random) -> str:
    return f"fn_{chance.getrandbits(32):08x}_" + "".join(
        chance.choices(string.ascii_letters + string.digits, k=43)
    )


KINDS: tuple[Callable[[random.Random], str], ...] = (email, card, iban, ip, phone, social, secret)


def harmless(chance: random.Random) -> str:
    """Numbers and signs as handbooks are full of them."""
    n = chance.randrange
    return chance.choice(
        (
            f"On 2026-{n(1, 13):02}-{n(1, 29):02} at {n(24):02}:{n(60):02}:{n(60):02} it was {n(100)} °C.", f"Version {n(9)}.{n(30)}.{n(99)} of SKU-{n(10**8):08}",
            f"EUR {n(10**6):,}.00 of {n(10**9):,} in {n(1, 5)} parts", f"Article {n(99)}({n(9)})({chance.choice('abc')}), page {n(500)}", f"{n(1, 29):02}/{n(1, 13):02}/2026",
            f"Order {n(10**9, 10**10)} of {n(99)} pieces, part {n(100, 999)}-{n(10, 99)}", f"{n(1, 29):02}.{n(1, 13):02}.2026, {n(24):02}:{n(60):02}", f"Ratio {n(99)}:{n(99)}, tolerance ±0.{n(9999):04}",
            f"ISO {n(10**5)}-{n(9)}:20{n(10, 26)}", f"Error E-{n(999)} in std::vector<int> at 0x{n(2**32):08x}", f"https://wiki.example/p/{n(10**6)}?v={n(99)}", f"run_{n(2**96):024x} and doc_{n(2**80):020x}",
            f"Invoice 20{n(10, 26)}-{n(10**5):05}, customer {n(10**6)}", f"{n(1_000, 9_999)} × {n(1_000, 9_999)} mm, {n(100)} %", f"Twitter: @name{n(99)}; meeting @ {n(24)}:30", f"tracking 1Z{n(10**16):016}",
            f"from {n(10, 99)} 000 000 to {n(100, 999)} 000 000 km", f"rows 0-{n(10**6)}", f"2026-11-30T04:12:33.{n(10**6):06}+02:00", f"ISBN 978-3-16-{n(10**6):06}-0", f"section {n(9)}.{n(9)}.{n(9)}",
        )
    )  # fmt: skip


@pytest.mark.parametrize("seed", [2026, 11, 30])
def test_of_a_thousand_strings_with_personal_data_ninety_nine_in_a_hundred_are_masked(seed: int) -> None:
    chance = random.Random(seed)
    missed = []
    for number in range(1_000):
        said = KINDS[number % len(KINDS)](chance)
        text = chance.choice(SENTENCES).format(said)
        shown = masked(text)
        if said in shown or any(part in shown for part in said.split() if len(part) > 5):
            missed.append((text, shown))
    print(f"missed {len(missed)} of 1,000")
    assert len(missed) <= 10, missed[:10]


@pytest.mark.parametrize("seed", [2026, 11, 30])
def test_of_a_thousand_strings_without_any_at_most_one_in_a_hundred_is_changed(seed: int) -> None:
    chance = random.Random(seed)
    changed = [
        (text, masked(text)) for text in (harmless(chance) for _ in range(1_000)) if masked(text) != text
    ]
    print(f"changed {len(changed)} of 1,000")
    assert len(changed) <= 10, changed[:10]


@pytest.mark.parametrize("text", [
    "DE89 3704 0044 0532 0130 00 EUR 12", "GB82WEST12345698765432", "4111 1111 1111 1111", "+1 (415) 555-2671 ext. 5", "ann@example.org,bob@example.org",
    "fe80::1ff:fe23:4567:890a", "078-05-1120", "2 69 05 49 588 157 80",
])  # fmt: skip
def test_what_standards_and_vendors_give_as_examples_is_masked(text: str) -> None:
    assert "[" in masked(text)
    assert sum(letter.isdigit() for letter in masked(text)) <= 3


@pytest.mark.parametrize(
    "text", ["4111 1111 1111 1112", "DE89370400440532013001", "000-12-3456", "300.1.2.3", "std::map"]
)
def test_what_fails_its_check_is_no_number_of_anybody(text: str) -> None:
    assert masked(text) == text


def test_fields_of_json_are_masked_and_their_names_and_numbers_stay() -> None:
    held = {
        "a@b.example": ["mail ann@example.org", 4111111111111111, None, {"at": "2026-11-30T04:12:33+00:00"}]
    }
    assert masked_in(held) == {
        "a@b.example": ["mail [e-mail]", 4111111111111111, None, {"at": "2026-11-30T04:12:33+00:00"}]
    }


@given(st.text())
def test_masking_twice_is_masking_once_and_any_text_is_taken(text: str) -> None:
    once = masked(text)
    assert masked(once) == once
    assert isinstance(json.dumps(once), str)


def test_a_long_text_is_masked_in_linear_time() -> None:
    for piece in ("1 2", "a.", "::", "0 1-", "+1(", "DE12 ", "4111 1111 1111 111", "a@b."):
        began = time.process_time()
        masked(piece * 20_000)
        assert time.process_time() - began < 5, piece
