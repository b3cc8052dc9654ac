"""Bytes to text, and text without the characters that nobody sees."""

import codecs
import re
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from ingest.extract import Unparsable
from ingest.parse.encodings import readings, western_share

# Invisible characters can hide instructions from the person who checks a document: zero-width, bidirectional
# controls, the tag block, variation selectors supplement, interlinear annotations.
_HIDDEN = re.compile(
    "[\u200b\u200e\u200f\u061c\u180e\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e01ef]"
)
# Joiners are spelling in Arabic and Indic scripts and glue in emoji; beside Latin letters they only hide.
_JOINER = re.compile(
    "(?<![\u0590-\u0dff\u1780-\u17ff\u2600-\u27ff\ufe0f\U0001f000-\U0001faff])[\u200c\u200d]"
)
_CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\ud800-\udfff]")
_SPACE = re.compile("[\u00a0\u2007\u202f]")
_BREAK = re.compile("\r\n?|[\x0b\x1c-\x1e\x85\x0c\u2028\u2029]")
# what moves a terminal's cursor, colours its text or names its window, and letters struck over (`a\x08a`)
_ESCAPE = re.compile(
    r"\x1b(?:\[[0-?]*+[ -/]*+[@-~]?|\](?:[^\x07\x1b\n]{0,2000}+(?:\x07|\x1b\\))?"
    r"|[PX^_](?:[^\x1b\n]{0,2000}+\x1b\\)?|[ -/]++[0-~]?|[0-~])|\x9b[0-?]*+[ -/]*+[@-~]|[^\n\x08]\x08"
)
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_MAX_REPLACED = 0.05
# an ideograph inside a word, or a control code of the second set: what damaged UTF-16 or double encoding gives
_MIXED = re.compile("[a-zа-я][\u3400-\u9fff\uac00-\ud7a3][a-zа-я]|[\x80-\x84\x86-\x9f]")
_MAX_MIXED = 3
_BAD = re.compile("[\udc80-\udcff]")
_CUT = frozenset("\udcc2\udcc3")
"""What is left where a character was cut in two: a letter in Windows-1252 too, but the likelier reading."""
_LEAST = 0.35
_CLOSE = 0.04
_SURE = 0.7
"""How much a text must look like a language to be read at all, to be as likely as another, to be surely Western."""
_MOST_CLOSE = 3
_MOST_NULS = 0.25
_HEAD = 4_096
_NAMED_LINES = 5


class Decoded(NamedTuple):
    """Text, and what had to be guessed or replaced to get it."""

    text: str
    finding: str = ""


def decode(data: bytes) -> Decoded:
    """Decode by byte order mark, else as UTF-8 where nearly all of it is, else by the likeliest legacy encoding.

    Raises:
        Unparsable: no encoding fits ("encoding").

    """
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            data = data[len(mark) :]
            return _utf8(data) if encoding == "utf-8" else _accepted(data.decode(encoding, "replace"))
    if wide := wide_encoding(data):
        return _accepted(data.decode(wide, "replace"))
    return _utf8(data)


def wide_encoding(data: bytes) -> str:
    """Return which of UTF-16 and UTF-32 bytes without a mark are in, by where their zeros stand; empty for none."""
    head = data[:_HEAD]
    head = head[: len(head) // 4 * 4] or head
    zeros = head.count(0)
    if not zeros or has_stray_zeros(head):
        return ""
    counts = [head[at::4].count(0) for at in range(4)]
    little, big = counts[1] + counts[3], counts[0] + counts[2]
    units = len(head) // 2
    if zeros >= 0.7 * len(head) and counts[0] != counts[3]:
        order = ["utf-32-le", "utf-32-be"][counts[0] > counts[3]]
    elif max(little, big) > 4 * min(little, big) and units:
        order = ["utf-16-le", "utf-16-be"][big > little]
    else:
        return ""
    text = head.decode(order, "replace")
    return order if len(text) > 1 and all(map(_is_written, text[:-1])) else ""


def has_stray_zeros(data: bytes) -> bool:
    """Say whether bytes are UTF-8 but for some zeros among them, and no other alphabet in UTF-16."""
    zeros = data.count(0)
    controls = sum(map(data.count, range(1, 8)))
    return max(controls, 1) <= zeros < len(data) * _MOST_NULS and _is_utf8(data.replace(b"\0", b""))


def _is_utf8(data: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        return False
    return True


def _is_written(character: str) -> bool:
    return character in "\t\n\r\f" or unicodedata.category(character) not in ("Cc", "Cn", "Co", "Cs")


def clean(text: str) -> tuple[str, int]:
    """Return the text without invisible characters, and how many could have hidden something.

    Line ends become a line feed, no-break spaces become spaces, the rest is composed (NFC).
    """
    if text.isascii() and "\r" not in text and not _CONTROL.search(text) and "\x0c" not in text:
        return text, 0
    text = _BREAK.sub("\n", without_escapes(text))
    text, hidden = _HIDDEN.subn("", text)
    text, joiners = _JOINER.subn("", text)
    text = _SPACE.sub(" ", _CONTROL.sub("", text))
    return unicodedata.normalize("NFC", text), hidden + joiners


def without_escapes(text: str) -> str:
    """Return a text as a terminal would have shown it, without what steers one."""
    return _ESCAPE.sub("", text) if "\x1b" in text or "\x9b" in text or "\x08" in text else text


def _utf8(data: bytes) -> Decoded:
    """Decode UTF-8 line by line where it has faults: a line may be in Windows-1252, and single bytes damaged."""
    if b"\x1b$" in data and data.isascii():
        with suppress(UnicodeDecodeError):
            return Decoded(data.decode("iso2022_jp_ext"))
    try:
        return _accepted(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        if len(data) - error.start <= 3 and error.reason == "unexpected end of data" and error.start:
            cut = "The file ends in the middle of a character, which is left out."
            return Decoded(data[: error.start].decode("utf-8"), cut)
    text = data.decode("utf-8", "surrogateescape")
    bad = len(_BAD.findall(text))
    good = len(text) - len(text.encode("ascii", "ignore")) - bad
    if good < bad / 10:
        return _decode_legacy(data)
    lines = text.split("\n")
    faulty = [number for number, line in enumerate(lines) if _BAD.search(line)]
    western = [number for number in faulty if _is_western(lines[number])]
    if good < 2 * bad and (not good or len(western) < len(faulty)):
        return _decode_legacy(data)
    for number in faulty:
        raw = lines[number].encode("utf-8", "surrogateescape")
        lines[number] = raw.decode("cp1252") if number in western else _BAD.sub("\ufffd", lines[number])
    others = sorted({*faulty} - {*western})
    replaced = sum(lines[number].count("\ufffd") for number in others)
    if replaced > _MAX_REPLACED * len(text):
        raise Unparsable("encoding", "More than 5 % of the text cannot be decoded; save the file as UTF-8.")
    return Decoded("\n".join(lines), " ".join(_faults(western, others, replaced)))


def _faults(western: list[int], others: list[int], replaced: int) -> Iterator[str]:
    if others:
        what = (
            "1 byte is not UTF-8 and stands" if replaced == 1 else f"{replaced} bytes are not UTF-8 and stand"
        )
        yield f"{what} as \ufffd ({_named(others)}); save the file as UTF-8."
    if western:
        what = "1 line is" if len(western) == 1 else f"{len(western)} lines are"
        yield f"{what} in another encoding than the rest and read as cp1252 ({_named(western)}); check the text."


def _named(lines: list[int]) -> str:
    first = ", ".join(str(number + 1) for number in lines[:_NAMED_LINES])
    return f"line{'s' * (len(lines) > 1)} {first}" + ", …" * (len(lines) > _NAMED_LINES)


def _is_western(line: str) -> bool:
    """Say whether a line with bytes that are no UTF-8 is whole in Windows-1252: letters, and no UTF-8 beside them."""
    bad = _BAD.findall(line)
    if len(bad) < len(line) - len(line.encode("ascii", "ignore")) or not any(
        each >= "\udcc0" and each not in _CUT for each in bad
    ):
        return False
    try:
        text = line.encode("utf-8", "surrogateescape").decode("cp1252")
    except UnicodeDecodeError:
        return False
    return western_share(text) >= _SURE


def _decode_legacy(data: bytes) -> Decoded:
    best, *others = readings(data)
    # in EBCDIC a blank is what an @ is elsewhere, and its letters look like those of another alphabet
    if best.share < _LEAST or data.count(b"@") > max(4 * data.count(b" "), len(data) / 25):
        raise Unparsable("encoding", "The text's encoding is not known; save the file as UTF-8.")
    text = data.decode(best.encoding, "replace")
    found = f"The file is not UTF-8; it was read as {best.encoding}, the likeliest encoding. "
    close: dict[str, str] = {}
    for each in others:
        if best.share - each.share < _CLOSE and each.differs(best):
            close.setdefault(each.sample, each.encoding)
    if close:
        names = list(close.values())[:_MOST_CLOSE]
        found += f"As {' or '.join(names)} it reads nearly as well: `encoding: {names[0]}` in its side-car decides."
    else:
        found += "Check its text; `encoding` in its side-car or a rule names another."
    return _accepted(text, found)


def _accepted(text: str, finding: str = "") -> Decoded:
    replaced = text.count("\ufffd")
    if replaced > _MAX_REPLACED * max(len(text), 1):
        raise Unparsable("encoding", "More than 5 % of the text cannot be decoded; save the file as UTF-8.")
    if not finding and (replaced or (not text.isascii() and len(_MIXED.findall(text)) > _MAX_MIXED)):
        finding = "Some characters look wrongly encoded; save the file as UTF-8."
    return Decoded(text, finding)
