"""Bytes to text, and text without the characters that nobody sees."""

import codecs
import re
import unicodedata

from ingest.parse.failure import Unparsable

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
_SAMPLE = 200_000


def decode(data: bytes) -> str:
    """Decode by byte order mark, else strict UTF-8, else by the likeliest legacy encoding.

    Raises:
        Unparsable: no encoding fits ("encoding").

    """
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return _accept(data[len(mark) :].decode(encoding, "replace"))
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        if len(data) - error.start <= 3 and error.reason == "unexpected end of data":
            return data[: error.start].decode("utf-8")
    return _accept(_decode_legacy(data))


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


def _decode_legacy(data: bytes) -> str:
    from charset_normalizer import from_bytes

    best = from_bytes(data[:_SAMPLE]).best()
    if best is None:
        raise Unparsable("encoding", "The text's encoding is not known; save the file as UTF-8.")
    return data.decode(best.encoding, "replace")


def _accept(text: str) -> str:
    replaced = text.count("\ufffd")
    if replaced > _MAX_REPLACED * max(len(text), 1):
        raise Unparsable("encoding", "More than 5 % of the text cannot be decoded; save the file as UTF-8.")
    return text
