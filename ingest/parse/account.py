"""What became of a file's own text: every letter and digit of it is kept, left out with a reason, or unexplained.

What the file says is found by `layers.py` and `containers.py`, apart from the parsers. Words are compared as a multiset, so that order
does not count, and what is missing is looked for once more among the words that only the document has: there a word
is kept that was joined, parted or hyphenated. More than 2 % that nothing explains is a finding with the place.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ingest.extract import Account, Extract, RawFile
from ingest.parse import containers, layers
from ingest.parse.layers import Piece
from vectorstore.language.words import RUN, fold

_MOST_UNEXPLAINED: Final = 0.02
_LEAST: Final = 5
"""Letters: fewer are a sign or a number, and no alarm however short the file is."""
_ALONE: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\U00020000-\U0003ffff"
)
"""Scripts without spaces, and Korean, whose spaces PDFs lose: each letter is counted as a word."""
_UNSPACED = re.compile(f"[{_ALONE}]")
_WORD_OR_LETTER = re.compile(rf"[{_ALONE}]|[^\W_{_ALONE}]++")
_IN_NUMBERS = re.compile(r"(?<=\d)[.,:/ -](?=\d)")
_DIGIT = re.compile(r"\d")
_NUMBER: Final = " 000"
"""Stands among the words for a cell's number, which may be shown in any form; no word is written so."""
_PART: Final = 1 << 16
_MOST_PARTED, _LONGEST_PARTED = 1_000, 60
_MOST_READ: Final = 300_000_000
"""Letters to look through for words that were joined or parted: a second's work."""


def with_account(source: RawFile, extract: Extract) -> Extract:
    """Return the document with the account of its text, where its type has one; a count that fails costs nothing."""
    try:
        account = account_of(source, extract)
    # the edge: the file has been read, and whatever is wrong with the count must not take that away
    except Exception:  # noqa: BLE001
        return extract
    if account is None:
        return extract
    said = finding(account)
    return replace(extract, account=account, findings=(*extract.findings, said) if said else extract.findings)


def account_of(source: RawFile, extract: Extract) -> Account | None:
    """Compare a file's own text with what was kept of it; None where nothing but the parser reads the type."""
    bare = _BARE.get(source.media_type)
    if bare and (letters := _same_letters(bare(source), extract)):
        return letters
    pieces = list(_layer_of(source, extract))
    if not pieces:
        return None
    if not any(piece.numbers for piece in pieces) and (
        letters := _same_letters("".join(piece.text for piece in pieces), extract)
    ):
        return letters
    numbers = any(piece.numbers for piece in pieces)
    places = [(piece.place, _inside(piece, numbers=numbers)) for piece in pieces]
    inside: Counter[str] = Counter()
    for _, words in places:
        inside.update(words)
    kept = list(_kept(extract))
    missing, spare = _difference(inside, _counted(kept, numbers=numbers))
    left_out: dict[str, int] = {}
    for each in extract.left_out:
        words = _counted([each.text], numbers=numbers)
        if explained := _explained(missing, words, each.text, numbers=numbers):
            left_out[each.what] = left_out.get(each.what, 0) + explained
    if missing:
        found = _found(missing, kept, spare, numbers=numbers)
        _parted(missing, spare, _letters(spare) - found)
    characters, unexplained = _letters(inside), _letters(missing)
    return Account(
        characters,
        characters - unexplained - sum(left_out.values()),
        left_out,
        unexplained,
        _worst(missing, inside, places) if unexplained > _MOST_UNEXPLAINED * characters else "",
    )


_LOWER: Final = bytes(range(256)).lower()
_MARKS: Final = bytes(byte for byte in range(128) if not chr(byte).isalnum())
_NEARLY: Final = 0.005
_ADDRESS = re.compile(r"https?://[^\s<>()\[\]\"']++")
"""Left out of both: where a link leads stands in the document also where the file's own text has none of it."""


def _same_letters(text: str, extract: Extract) -> Account | None:
    """Return the account where file and document have the same letters, nearly each as often; None where they do not.

    That is far cheaper than words, and most files end here: as many of each letter, nothing is lost.
    """
    text, addresses = _ADDRESS.subn("", text)
    read, shown = _ADDRESS.subn("", extract.text)
    if addresses > shown:
        return None
    inside, kept = _histogram(text), _histogram(read)
    left_out: dict[str, int] = {}
    for each in extract.left_out:
        letters = _histogram(each.text)
        kept += letters
        left_out[each.what] = left_out.get(each.what, 0) + int(letters.sum())
    characters, lost = int(inside.sum()), int(np.maximum(inside - kept, 0).sum())
    if lost > _NEARLY * characters or np.maximum(kept - inside, 0).sum() > _NEARLY * characters:
        return None
    left_out = {what: count for what, count in left_out.items() if count}
    return Account(characters, characters - lost - sum(left_out.values()), left_out, lost)


def _histogram(text: str) -> npt.NDArray[np.int64]:
    letters = text.encode("utf-8", "replace").translate(_LOWER, _MARKS)
    return np.bincount(np.frombuffer(letters, np.uint8), minlength=256)


def finding(account: Account) -> str:
    """Say how much of a file was not read, and where; "" where it is no more than comes of counting."""
    if account.unexplained <= max(_MOST_UNEXPLAINED * account.characters, _LEAST - 1):
        return ""
    where = f", most of them {account.worst}" if account.worst else ""
    return (
        f"About {account.unexplained:,} of {account.characters:,} characters of the file were not read{where}; "
        "compare its text with the file (footnote docs show URI --text)."
    )


def _kept(extract: Extract) -> Iterator[str]:
    # in parts, cut where no word is: the words of a whole book would take much memory at once
    done = 0
    while done < len(extract.text):
        end = extract.text.find("\n", done + _PART)
        end = len(extract.text) if end < 0 else end
        yield extract.text[done:end]
        done = end
    yield extract.title
    yield from extract.links
    for value in extract.metadata.values():
        yield " ".join(value) if isinstance(value, tuple) else str(value)


def _words(text: str, *, numbers: bool) -> list[str]:
    text = _folded(text)
    if numbers:
        text = _IN_NUMBERS.sub("", text)
    if text.isascii() or not _UNSPACED.search(text):
        return RUN.findall(text)
    return _WORD_OR_LETTER.findall(text)


def _folded(text: str) -> str:
    if text.isascii() or unicodedata.is_normalized("NFKC", text):
        return text.lower()
    return fold(text)


def _counted(texts: Iterable[str], *, numbers: bool) -> Counter[str]:
    counted: Counter[str] = Counter()
    for text in texts:
        counted.update(_words(text, numbers=numbers))
    return counted


def _inside(piece: Piece, *, numbers: bool) -> Counter[str]:
    words = _counted([piece.text], numbers=numbers)
    if piece.numbers:
        words[_NUMBER] = piece.numbers
    return words


def _letters(words: Counter[str]) -> int:
    return sum(len(word) * count for word, count in words.items())


def _difference(inside: Counter[str], kept: Counter[str]) -> tuple[Counter[str], Counter[str]]:
    """Return what the document lacks, and what it alone has; a cell's number counts as kept however it is shown."""
    missing, spare = inside - kept, kept - inside
    _take_numbers(missing, spare)
    return missing, spare


def _take_numbers(missing: Counter[str], spare: Counter[str]) -> int:
    if _NUMBER not in missing:
        return 0
    shown = sum(count for word, count in spare.items() if _DIGIT.search(word))
    taken = min(shown, missing[_NUMBER])
    missing[_NUMBER] -= taken
    _tidy(missing, [_NUMBER])
    return taken * len(_NUMBER)


def _explained(missing: Counter[str], words: Counter[str], text: str, *, numbers: bool) -> int:
    """Take the words of a text that was left out out of what is missing; return how many letters that explains."""
    same = missing & words
    missing.subtract(same)
    _tidy(missing, same)
    spare = words - same
    numbered = _take_numbers(missing, spare)
    return _letters(same) + numbered + (_found(missing, [text], spare, numbers=numbers) if missing else 0)


def _found(missing: Counter[str], texts: Iterable[str], spare: Counter[str], *, numbers: bool) -> int:
    """Take what stands joined or parted among the spare words out of what is missing; return the letters explained.

    Joining and parting make and lose no letter, so that no more is explained than there are spare letters.
    """
    room = _letters(spare)
    if not room:
        return 0
    squeezed = " ".join(_runs(texts, spare, numbers=numbers))
    explained: Counter[str] = Counter()
    longest = sorted(missing.items(), key=lambda each: -len(each[0]))
    for word, count in longest[: _MOST_READ // (len(squeezed) + 1_000)]:
        if room <= 0:
            break
        if found := min(count, squeezed.count(word)):
            explained[word] = found
            room -= found * len(word)
    missing.subtract(explained)
    _tidy(missing, explained)
    return _letters(explained)


def _parted(missing: Counter[str], spare: Counter[str], room: int) -> None:
    """Take words out of what is missing whose parts are spare and stand apart, as a cell's two lines may."""
    explained: Counter[str] = Counter()
    words = sorted(word for word in missing if len(word) <= _LONGEST_PARTED)[:_MOST_PARTED]
    left = spare.copy() if words else spare
    for word in words:
        parts = _parts(word, left)
        if parts and len(word) <= room:
            room -= len(word)
            left.subtract(parts)
            explained[word] = 1
    missing.subtract(explained)
    _tidy(missing, explained)


def _parts(word: str, spare: Counter[str]) -> list[str]:
    """Return the spare words that a word is made of, the longest first; none where they leave a rest."""
    parts: list[str] = []
    while word:
        part = next((word[:end] for end in range(len(word), 1, -1) if spare[word[:end]] > 0), "")
        if not part or part in parts:
            return []
        parts.append(part)
        word = word[len(part) :]
    return parts


def _runs(texts: Iterable[str], spare: Counter[str], *, numbers: bool) -> Iterator[str]:
    """Yield the words of which there are more than the file has, neighbours in one string."""
    run: list[str] = []
    for text in texts:
        for word in _words(text, numbers=numbers):
            if word in spare:
                run.append(word)
            elif run:
                yield "".join(run)
                run.clear()
    yield "".join(run)


def _tidy(missing: Counter[str], changed: Iterable[str]) -> None:
    for word in changed:
        if missing[word] <= 0:
            del missing[word]


class _Loss(NamedTuple):
    letters: float
    place: str


def _worst(missing: Counter[str], inside: Counter[str], places: list[tuple[str, Counter[str]]]) -> str:
    """Return the place that most of what is missing likely stood in; "" where the file has only one."""
    if len({place for place, _ in places}) < 2:
        return ""
    # squared, for a word that stands everywhere says little about where it was lost
    share = {word: len(word) * (count / inside[word]) ** 2 for word, count in missing.items()}
    lost: dict[str, float] = {}
    for place, words in places:
        here = sum(count * share[word] for word, count in words.items() if word in share)
        lost[place] = lost.get(place, 0.0) + here
    return " ".join(max(_Loss(letters, place) for place, letters in lost.items()).place.split())


def _layer_of(source: RawFile, extract: Extract) -> layers.Pieces:
    if source.media_type.startswith("application/vnd.oasis.opendocument."):
        return containers.open_document(source, extract)
    reader = _READERS.get(source.media_type)
    return reader(source, extract) if reader else iter(())


_OOXML: Final = "application/vnd.openxmlformats-officedocument."
_BARE: Final[dict[str, Callable[[RawFile], str]]] = {
    "text/markdown": layers.bare_text,
    "text/x-rst": layers.bare_text,
    "text/html": layers.bare_page,
    "application/epub+zip": containers.bare,
    "application/vnd.oasis.opendocument.text": containers.bare,
    "application/vnd.oasis.opendocument.presentation": containers.bare,
    f"{_OOXML}wordprocessingml.document": containers.bare,
    f"{_OOXML}presentationml.presentation": containers.bare,
}
"""What a file says in no order and with its marks: where that is as much as was kept, nobody need look closer."""
_READERS: Final[dict[str, Callable[[RawFile, Extract], layers.Pieces]]] = {
    "text/markdown": layers.markdown,
    "text/x-rst": layers.rst,
    "text/html": layers.web_page,
    "text/plain": layers.plain,
    "text/x-source": layers.plain,
    "application/xml": layers.xml,
    "text/csv": layers.plain,
    "text/tab-separated-values": layers.plain,
    "application/json": layers.json_text,
    "application/jsonl": layers.json_text,
    "application/x-ipynb+json": layers.notebook,
    **dict.fromkeys(("text/vtt", "application/x-subrip"), layers.captions),
    **dict.fromkeys(("text/calendar", "text/vcard"), layers.items),
    "message/rfc822": layers.mail,
    "application/mbox": layers.mailbox,
    "application/vnd.ms-outlook": layers.outlook,
    **dict.fromkeys(("image/png", "image/jpeg", "image/tiff", "image/webp"), layers.image),
    "application/pdf": layers.pdf,
    "application/rtf": layers.rtf,
    "application/epub+zip": containers.epub,
    f"{_OOXML}wordprocessingml.document": containers.docx,
    f"{_OOXML}presentationml.presentation": containers.pptx,
    f"{_OOXML}spreadsheetml.sheet": containers.xlsx,
}
