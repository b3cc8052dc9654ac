"""Bytes to text, and text without the characters that nobody sees."""

import codecs
import re
import unicodedata
from typing import NamedTuple

from ingest.extract import Unparsable

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
_BREAK = re.compile("\r\n?|[\x85\x0c\u2028\u2029]")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_MAX_REPLACED = 0.05
_MAX_ACCENTED = 0.22
_NOT_WESTERN = re.compile(
    "[a-zß-ÿ][À-ÖØ-Þ]|[A-Za-zß-ÿ][¡¢¤¥¦¨¬¯±²³´¶·¸¹¼½¾¿ƒˆ†‡º]|[¢¤¥¦¨¬¯±´¶¸ƒˆ†‡][A-Za-zß-ÿ]|[ðþÐÞŠšŽžÝý]|[\x81\x8d\x8f\x90\x9d]"
)
# an ideograph inside a word, or a control code of the second set: what damaged UTF-16 or double encoding gives
_MIXED = re.compile("[a-zа-я][\u3400-\u9fff\uac00-\ud7a3][a-zа-я]|[\x80-\x84\x86-\x9f]")
_MAX_MIXED = 3
_SAMPLE = 200_000


class Decoded(NamedTuple):
    """Text, and what had to be guessed or replaced to get it."""

    text: str
    finding: str = ""


def decode(data: bytes) -> Decoded:
    """Decode by byte order mark, else strict UTF-8, else by the likeliest legacy encoding.

    Raises:
        Unparsable: no encoding fits ("encoding").

    """
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return _accepted(data[len(mark) :].decode(encoding, "replace"))
    try:
        return _accepted(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        if len(data) - error.start <= 3 and error.reason == "unexpected end of data":
            return Decoded(data[: error.start].decode("utf-8"))
    return _decode_legacy(data)


def clean(text: str) -> tuple[str, int]:
    """Return the text without invisible characters, and how many could have hidden something.

    Line ends become a line feed, no-break spaces become spaces, the rest is composed (NFC).
    """
    if text.isascii() and "\r" not in text and not _CONTROL.search(text) and "\x0c" not in text:
        return text, 0
    text = _BREAK.sub("\n", text)
    text, hidden = _HIDDEN.subn("", text)
    text, joiners = _JOINER.subn("", text)
    text = _SPACE.sub(" ", _CONTROL.sub("", text))
    return unicodedata.normalize("NFC", text), hidden + joiners


def _decode_legacy(data: bytes) -> Decoded:
    western = data.decode("cp1252", "replace")
    if _is_western(western):
        return _accepted(western, guessed="cp1252")
    from charset_normalizer import from_bytes

    best = from_bytes(data[:_SAMPLE]).best()
    if best is None:
        raise Unparsable("encoding", "The text's encoding is not known; save the file as UTF-8.")
    encoding = "cp1252" if "cp1252" in best.could_be_from_charset else best.encoding
    return _accepted(data.decode(encoding, "replace"), guessed=encoding)


def _is_western(text: str) -> bool:
    """Say whether text decoded as Windows-1252 reads like a Western European language.

    Detectors that compare letter frequencies take short French for mac_latin2 and Spanish for cp1250, so the
    commonest legacy encoding is tried first: its wrong readings put signs into words and capitals behind
    small letters, or consist of accents for the most part.
    """
    letters = sum(character.isalpha() for character in text)
    accented = sum(character > "\x7f" and character.isalpha() for character in text)
    return accented <= _MAX_ACCENTED * letters and "\ufffd" not in text and not _NOT_WESTERN.search(text)


def _accepted(text: str, guessed: str = "") -> Decoded:
    replaced = text.count("\ufffd")
    if replaced > _MAX_REPLACED * max(len(text), 1):
        raise Unparsable("encoding", "More than 5 % of the text cannot be decoded; save the file as UTF-8.")
    if guessed:
        return Decoded(
            text, f"The file is not UTF-8; it was read as {guessed}, the likeliest encoding. Check its text."
        )
    if replaced or (not text.isascii() and len(_MIXED.findall(text)) > _MAX_MIXED):
        return Decoded(text, "Some characters look wrongly encoded; save the file as UTF-8.")
    return Decoded(text)
