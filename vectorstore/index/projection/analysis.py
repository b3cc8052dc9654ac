"""Text as the word search knows it: stems by language, letters in twos where nothing parts words, accents both ways.

A document's words are stemmed by the languages that it is in, a question's by each language in the caller's sight: what
is stemmed alike is found. Snowball's stemmers come with tantivy; in languages that have none there, a word stands for
itself and for its first letters.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final, TypeAlias

from vectorstore.language.words import fold, word_set

_ENGLISH: Final = "en"
_GERMAN: Final = "de"
_HEBREW: Final = "he"
_OTHER: Final = "zxx"
"""Any language without a stemmer."""
FOLDED: Final = "folded"
Analyze: TypeAlias = Callable[[str, tuple[str, ...]], list[str]]
"""Cuts a text into words, lower case, and takes each through these steps: `FOLDED`, which takes accents off letters,
or the name of a stemmer. Always as many words, whatever the steps."""
_STEMMERS: Final = {
    "ar": "arabic", "da": "danish", "de": "german", "el": "greek", "en": "english", "es": "spanish", "fi": "finnish",
    "fr": "french", "hu": "hungarian", "it": "italian", "nl": "dutch", "no": "norwegian", "pt": "portuguese",
    "ro": "romanian", "ru": "russian", "sv": "swedish", "ta": "tamil", "tr": "turkish",
}  # fmt: skip
ANALYSED: Final = (*_STEMMERS, _HEBREW, _OTHER)
"""What words are analysed by: languages, and all others together."""
_COMPOUNDING: Final = word_set("da de fi hu nl no sv")
"""Languages that write several words as one."""
_SHORTEST_PART: Final = 4
_LONGEST_COMPOUND: Final = 40
"""Letters of one that are looked at."""
_MOST_COMPOUNDS: Final = 16
_UNSPACED: Final = word_set("ja ko lo km my th zh")
"""Words in these are found by their letters; foreign ones among them are mostly English."""
_SCRIPTS: Final = (
    (re.compile(r"[а-я]"), "ru"),
    (re.compile(r"[α-ω]"), "el"),
    (re.compile(r"[א-ת]"), _HEBREW),
    (re.compile(r"[\u0620-\u064a]"), "ar"),
    (re.compile(r"[\u0b80-\u0bff]"), "ta"),
    (re.compile(r"[\u0530-\u058f\u0900-\u0dff\u10a0-\u10ff]"), _OTHER),
)
"""What a text of no known language is taken for by its letters; else for English."""

_TRUNCATED: Final = 5
_PREFIXED: Final = re.compile(r"[הובכלמש](?=[א-ת]{3})")
"""An article, a conjunction or a preposition, which Hebrew writes as one with its word."""

_LONGEST_WORD: Final = 120
"""In bytes, of which a letter of most scripts has two or three."""
_LONGEST_NAME: Final = 200
NAME: Final = r"\w+(?:[-._/:@#+]\w+)+|\w*\d\w*"
"""What stands in text as one name: `ERR-4012`, `v2.3.1`, `handbook.pdf`, `2024-03-01`, `a/b_c`, `4012`.

For tantivy, whose patterns take linear time whatever they are.
"""
_IDENTIFIER: Final = re.compile(r"(?<!\w)(?:\w++(?:[-./:@#+]\w++)++|\w[^\W_]*+_\w++|[^\W\d]*+\d\w*+)")
"""What stands in text as one name, for Python, which would begin anew at every letter of a long word: `NAME` is for
tantivy."""
_MOST_IDENTIFIERS: Final = 16
_SHORTEST_MISSPELT: Final = 5
_LONGEST_MISSPELT: Final = 40
_EAST: Final = (
    r"\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3105-\u312f\u31f0-\u31ff"
    r"\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\U00020000-\U0003ffff"
)
_SOUTH: Final = r"\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ecd\u0edc-\u0edf\u1000-\u103f\u1050-\u108f\u1780-\u17d3"
_UNSPACED_RUN: Final = re.compile(rf"[{_EAST}]++|[{_SOUTH}]++")
"""Han, kana and hangul; Thai, Lao, Burmese and Khmer letters: in most of them nothing stands between words."""
_MARKS: Final = (
    r"\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ecd\u102b-\u103e\u1056-\u1059\u17b4-\u17d3"
)
_LETTER: Final = re.compile(rf"[{_EAST}]|[{_SOUTH}][{_MARKS}]*+")
"""One with the vowels and tones that are written on it."""
_MAY_BE_A_WORD: Final = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\U00020000-\U0003ffff]")
_ACCENTED: Final = re.compile(r"[\u00df-\u024f\u1e00-\u1eff]")
_ALTERED: Final = re.compile(r"[\u00df-\u024f\u1e00-\u1eff]|[aou]e", re.IGNORECASE)
"""What stems do not keep: the German one makes `ü` and `ue` alike."""


def _unified() -> dict[int, str | None]:
    digits = {
        each: str(unicodedata.decimal(chr(each))) for each in range(0x80, 0x10000) if chr(each).isdecimal()
    }
    hebrew_points, dot_of_a_turkish_i = range(0x591, 0x5C8), 0x307
    return {**digits, ord("ё"): "е", **dict.fromkeys([*hebrew_points, dot_of_a_turkish_i])}


_UNIFIED: Final = _unified()
"""What is written one way whichever way it is typed, beyond what `fold` makes alike."""


def parted(text: str) -> tuple[str, list[str]]:
    """Return a text without its runs of letters that nothing parts, and the pairs of letters in those."""
    if text.isascii():
        return text, []
    text = fold(text).translate(_UNIFIED)
    grams: list[str] = []

    def taken(run: re.Match[str]) -> str:
        letters = _LETTER.findall(run[0])
        grams.extend(map("".join, pairwise(letters)))
        grams.extend(each for each in letters if len(letters) == 1 or _MAY_BE_A_WORD.match(each))
        return " "

    return _UNSPACED_RUN.sub(taken, text), grams


def compounding(languages: Iterable[str]) -> bool:
    """Say whether one of these languages writes several words as one."""
    return not _COMPOUNDING.isdisjoint(languages)


def analysed_as(languages: Iterable[str], text: str) -> tuple[str, ...]:
    """Return by which of `ANALYSED` a text is read that is said to be in these languages; in none: by its letters."""
    found = dict.fromkeys(
        _ENGLISH if code in _UNSPACED else code if code in ANALYSED else _OTHER for code in languages if code
    )
    if not found and not text.isascii():
        letters = text.lower()
        found = {code: None for script, code in _SCRIPTS if len(script.findall(letters)) > len(letters) / 4}
    return tuple(found) or (_ENGLISH,)


class Analysis:
    """Cuts texts into what stands in the index. Safe to use from several threads."""

    def __init__(self, analyze: Analyze) -> None:
        self._analyze = analyze

    def forms(self, text: str, languages: Sequence[str]) -> list[tuple[str, ...]]:
        """Return each word's forms: its stems, and the word as it is typed where they do not tell that."""
        return [
            tuple(dict.fromkeys(filter(None, found)))
            for found in zip(*self._lists(text, languages), strict=True)
        ]

    def tokens(self, text: str, languages: Sequence[str]) -> list[str]:
        """Return all forms of all words."""
        lists = self._lists(text, languages)
        if len(lists) == 1:
            return lists[0]
        return [form for found in zip(*lists, strict=True) for form in set(found) if form]

    def inner(self, text: str, languages: Sequence[str]) -> list[str]:
        """Return the beginnings and ends of a document's long words, which may be words of a compound."""
        return [
            part
            for code in languages
            if code in _COMPOUNDING
            for word in self._analyzed(text, FOLDED, _STEMMERS[code])
            for place in _joints(word)
            for part in (word[:place], word[place:])
        ]

    def compounds(self, text: str, languages: Sequence[str]) -> list[list[tuple[str, str]]]:
        """Return for each long word of a question the pairs of stems that it may be made of."""
        found = []
        codes = [code for code in languages if code in _COMPOUNDING]
        long = [word for word in self._analyzed(text) if _joints(word)] if codes else []
        for word in long[:_MOST_COMPOUNDS]:
            pairs = " ".join(f"{word[:place]} {word[place:]}" for place in _joints(word))
            stems = [self._analyzed(pairs, FOLDED, _STEMMERS[code]) for code in codes]
            found.append([pair for each in stems for pair in zip(each[::2], each[1::2], strict=False)])
        return found

    def _lists(self, text: str, languages: Sequence[str]) -> list[list[str]]:
        """Return for each way of analysing the words one form of each; "" for a word that has none."""
        lists = []
        for code in languages:
            if code == _HEBREW:
                words = self._analyzed(text)
                lists += [words, [_PREFIXED.sub("", word, 1) for word in words]]
            elif code == _OTHER:
                words = self._analyzed(text, FOLDED)
                lists += [words, [word[:_TRUNCATED] if len(word) > _TRUNCATED + 1 else "" for word in words]]
            else:
                lists.append(self._analyzed(text, FOLDED, _STEMMERS[code]))
                if code != _ENGLISH and not text.isascii():
                    lists.append(self._analyzed(text, _STEMMERS[code], FOLDED))
        altered = _ALTERED if _GERMAN in languages else _ACCENTED
        if (_GERMAN in languages or not text.isascii()) and altered.search(text):
            lists.append([word if altered.search(word) else "" for word in self._analyzed(text)])
        return lists

    def _analyzed(self, text: str, *steps: str) -> list[str]:
        return self._analyze(text, steps)


def _joints(word: str) -> range:
    """Return where a word may be two."""
    return range(_SHORTEST_PART, min(len(word), _LONGEST_COMPOUND) - _SHORTEST_PART + 1)


def identifiers(text: str) -> list[str]:
    """Return the identifiers in a text, lower case, each once."""
    found = dict.fromkeys(match.lower() for match in _IDENTIFIER.findall(text))
    return list(found)[:_MOST_IDENTIFIERS]


def named(text: str) -> list[str]:
    """Return the identifiers in a text, lower case, as often as they stand there."""
    found: list[str] = _name_analyzer().analyze(text)
    return found


def slips(word: str) -> list[str]:
    """Return all words that are one slip away: a letter too many, too few, wrong, or changed with the next one."""
    cuts = [(word[:place], word[place:]) for place in range(len(word) + 1)]
    letters = sorted({letter for each in word for letter in _alphabet(ord(each) >> 7)})
    made = {front + back[1:] for front, back in cuts if back}
    made |= {front + back[1] + back[0] + back[2:] for front, back in cuts if len(back) > 1}
    made |= {front + letter + rest for front, back in cuts for letter in letters for rest in (back, back[1:])}
    return sorted(made)


@lru_cache(maxsize=64)
def _alphabet(block: int) -> str:
    """Return the small letters of a block of 128 characters, in which most scripts have theirs."""
    letters = map(chr, range(block << 7, (block + 1) << 7))
    return "".join(each for each in letters if each.isalpha() and each == each.lower())


def may_be_misspelt(word: str) -> bool:
    """Say whether a word is long enough, and made of letters alone."""
    return _SHORTEST_MISSPELT <= len(word) <= _LONGEST_MISSPELT and word.isalpha()


def _analyze(text: str, steps: tuple[str, ...]) -> list[str]:
    found: list[str] = _analyzer(steps, plain=text.isascii()).analyze(text)
    return found


@lru_cache(maxsize=128)
def _analyzer(steps: tuple[str, ...], *, plain: bool) -> Any:
    import tantivy

    own, tokenizer = tantivy.Filter, tantivy.Tokenizer
    # Vowels and other marks on letters are part of words; where there are none, the simple one takes less time.
    builder = tantivy.TextAnalyzerBuilder(tokenizer.simple() if plain else tokenizer.regex(r"[^\W_]+"))
    first = (own.remove_long(_LONGEST_WORD), own.lowercase())
    for each in (*first, *(own.ascii_fold() if step == FOLDED else own.stemmer(step) for step in steps)):
        builder = builder.filter(each)
    return builder.build()


@lru_cache(maxsize=1)
def _name_analyzer() -> Any:
    import tantivy

    own, tokenizer = tantivy.Filter, tantivy.Tokenizer.regex(NAME)
    return (
        tantivy.TextAnalyzerBuilder(tokenizer).filter(own.remove_long(_LONGEST_NAME)).filter(own.lowercase())
    ).build()


ANALYSIS: Final = Analysis(_analyze)
