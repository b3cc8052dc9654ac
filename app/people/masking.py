"""Personal data in text, found by its form and checked where it has a check digit, and put out of sight.

For what leaves the house as an example: exports that somebody else than the person reads. It knows numbers and
addresses, not names, and is no anonymisation: who said what may still be told from the rest.
"""

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

_IBAN_LENGTHS: Final = (
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 ES24 FI18 "
    "FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 "
    "LU20 LV21 LY25 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SE24 "
    "SI19 SK24 SM27 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20"
)
_LENGTH_OF: Final = {each[:2]: int(each[2:]) for each in _IBAN_LENGTHS.split()}
_ISSUED: Final = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|(?:5[1-5]|2[2-7])\d{14}|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}|35\d{14}|6\d{15,18}"
)
"""Digits of cards by their issuers: Visa, Mastercard, American Express, Diners, JCB, and those that begin with 6."""


def _whole(found: re.Match[str]) -> int:
    return found.end()


def _iban(found: re.Match[str]) -> int:
    """Return where an IBAN ends that begins here: its country says how long it is."""
    text = found[0].upper()
    letters = [place for place, letter in enumerate(text) if letter != " "]
    wanted = _LENGTH_OF.get(text[:2], 99)
    if len(letters) < wanted:
        return 0
    plain = "".join(text[place] for place in letters[:wanted])
    number = "".join(str(int(letter, 36)) for letter in plain[4:] + plain[:4])
    return found.start() + letters[wanted - 1] + 1 if int(number) % 97 == 1 else 0


def _card(found: re.Match[str]) -> int:
    digits = _digits(found)
    doubled = [sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2]]
    is_sound = (sum(map(int, digits[-1::-2])) + sum(doubled)) % 10 == 0
    return found.end() if is_sound and _ISSUED.fullmatch(digits) else 0


def _address(found: re.Match[str]) -> int:
    try:
        ipaddress.ip_address(found[0])
    except ValueError:
        return 0
    return found.end() if len(found[0]) > 2 else 0


def _french(found: re.Match[str]) -> int:
    digits = _digits(found)
    return found.end() if 97 - int(digits[:13]) % 97 == int(digits[13:]) else 0


def _phone(found: re.Match[str]) -> int:
    return found.end() if 8 <= len(_digits(found)) <= 15 else 0


def _national(found: re.Match[str]) -> int:
    return found.end() if 9 <= len(_digits(found)) <= 12 else 0


def _digits(found: re.Match[str]) -> str:
    return "".join(letter for letter in found[0] if letter.isdigit())


class _Kind(NamedTuple):
    """A form of personal data. `end` says where what was found ends; 0: it is none."""

    name: str
    pattern: re.Pattern[str]
    end: Callable[[re.Match[str]], int] = _whole


_KINDS: Final = (
    # the first that fits wins
    _Kind("secret", re.compile(r"(?<![\w-])(?:fn[a-z]?_|sk-)[\w-]{16,400}|(?<![\w-])eyJ[\w-]{8,4000}\.[\w-]{8,8000}\.[\w-]{0,2000}", re.ASCII)),
    _Kind("e-mail", re.compile(r"(?<![\w.+%-])[\w.+%-]{1,64}@(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}(?![\w-])")),
    _Kind("IBAN", re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z\d]){11,30}", re.ASCII | re.IGNORECASE), _iban),
    _Kind("social security number", re.compile(r"(?<![\w-])[12] ?\d{2} ?(?:0[1-9]|1[0-2]) ?\d{2} ?\d{3} ?\d{3} ?\d{2}(?![\w-])", re.ASCII), _french),
    _Kind("card", re.compile(r"(?<![\w.-])[2-6](?:[ -]?\d){12,18}(?![\w-])", re.ASCII), _card),
    _Kind("social security number", re.compile(r"(?<![\w-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w-])", re.ASCII)),
    _Kind("social security number", re.compile(r"(?<!\w)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D](?!\w)", re.ASCII)),
    _Kind("address", re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?!\.?\w)", re.ASCII), _address),
    _Kind("address", re.compile(r"(?<![\w:.])(?:[\da-f]{0,4}:){2,7}(?:\d{1,3}(?:\.\d{1,3}){3}|[\da-f]{0,4})(?![\w:])", re.ASCII | re.IGNORECASE), _address),
    _Kind("phone", re.compile(r"(?<![\w+.,])(?:\+|00)[1-9](?:[ ()./-]{0,3}\d){7,14}(?!\w)", re.ASCII), _phone),
    _Kind("phone", re.compile(r"(?<![\w.-])(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[-.])[2-9]\d{2}[-.]\d{4}(?![\w-])", re.ASCII)),
    _Kind("phone", re.compile(r"(?<![\w.,/-])\(?0[1-9]\d{0,4}\)?(?: ?[/-] ?| )\d{2,8}(?:[ -]?\d{2,4}){0,4}(?![\w-])", re.ASCII), _national),
    _Kind("phone", re.compile(r"(?<![\w.,/-])0[1-9]\d{8,10}(?![\w-])", re.ASCII)),
)  # fmt: skip


def masked(text: str) -> str:
    """Put e-mail and network addresses, numbers of cards, accounts, phones and social security, and keys out of sight."""
    for kind in _KINDS:
        kept, at = [], 0
        while found := kind.pattern.search(text, at):
            end = kind.end(found)
            kept.append(text[at : found.start()] + (f"[{kind.name}]" if end else text[found.start()]))
            at = end or found.start() + 1
        text = "".join(kept) + text[at:] if kept else text
    return text


def masked_in(value: object) -> object:
    """Mask every text in plain JSON, but not the names of its fields."""
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, Mapping):
        return {name: masked_in(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [masked_in(each) for each in value]
    return value
