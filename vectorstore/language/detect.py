"""What language a text is in, by py3langid: one table of byte sequences, the same answer in every process."""

import logging
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from vectorstore.language.words import word_set

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

LANGUAGES: Final = word_set(
    "af am ar az be bg bn ca cs da de el en es et eu fa fi fr ga gu he hi hr hu hy id is it ja ka kk km kn ko lo lt lv "
    "mk ml mn mr mt my ne nl no pa pl pt ro ru si sk sl sq sr sv sw ta te th tl tr uk ur uz vi zh"
)
"""The languages told apart, by ISO 639-1 (`tl` is Tagalog). Smaller neighbours of a large one take its short texts."""
_NONE: Final = "zxx"
"""The detector's word for what is no language: markup, numbers, names of things."""
_READ: Final = 4_000
"""Characters that are looked at, and how many of them are judged once code and addresses are out."""
_JUDGED: Final = 600
_ENGLISH_FIRST: Final = 3.0
"""How much likelier English is than another language before a text is read: jargon, names and code lean on it."""
_SURE: Final = 0.15
"""The least probability that says anything: a lone word without telling letters has less."""
_WITHOUT_NAMES: Final = 0.3
"""The probability from which a text is English once its names are left out: `Who runs the Łódź warehouse?`"""

logger = logging.getLogger(__name__)


def language(text: str) -> str:
    """Return the language of a text by its ISO 639-1 code; "" where it cannot be told: codes, numbers, a word or two."""
    return _told(_prose(text))


def english(text: str) -> bool:
    """Say whether a text is English, or may be: one of no telling language counts while its letters are ASCII."""
    prose = _prose(text)
    return (_told(prose) or ("en" if _plain(prose) else "")) == "en"


def language_throughout(text: str) -> str:
    """Return the language that most of a long text is in, by its beginning, its middle and its end."""
    places = (0, len(text) // 2, max(0, len(text) - _READ)) if len(text) > _READ else (0,)
    told = Counter(found for place in places if (found := language(text[place : place + _READ])))
    return max(told, key=lambda code: told[code], default="")


def language_named(tag: str) -> str:
    """Return the language of a tag as documents carry it, `de` of `de-AT`; "" for what is none that is told apart."""
    code = tag.strip().lower().replace("_", "-").partition("-")[0]
    code = "no" if code in ("nb", "nn") else code
    return code if code in LANGUAGES else ""


def _prose(text: str) -> str:
    """Return the beginning of a text without fenced code, addresses and runs of white space."""
    outside = "\n".join(text[:_READ].split("```")[::2])
    return " ".join(word for word in outside.split() if "://" not in word)[:_JUDGED]


def _plain(text: str) -> bool:
    return text.isascii() or not any(each.isalpha() and not each.isascii() for each in text)


@lru_cache(maxsize=1_024)
def _told(prose: str) -> str:
    if prose[:1] in ("¿", "¡"):
        return "es"
    identifier = _identifier()
    if not prose or identifier is None:
        return ""
    best = _likeliest(identifier.rank(prose))
    if best in ("", "en"):
        return best
    first, *others = prose.split(" ")
    common = " ".join([first, *(word for word in others if word == word.lower())])
    return "en" if common != prose and dict(identifier.rank(common))["en"] >= _WITHOUT_NAMES else best


def _likeliest(ranked: list[tuple[str, float]]) -> str:
    best, probability = ranked[0]
    plain = dict(ranked)["en"]
    if plain * _ENGLISH_FIRST >= probability:
        best, probability = "en", plain * _ENGLISH_FIRST
    # Of all again, English with its lead.
    sure = probability / (1 + (_ENGLISH_FIRST - 1) * plain) >= _SURE
    return best if sure and best != _NONE else ""


@lru_cache(maxsize=1)
def _identifier() -> "LanguageIdentifier | None":
    """Load the detector, which reads and is never changed afterwards: half a second, and 75 MB of memory."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    try:
        # It unpacks its model in the temporary folder.
        identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    except OSError as error:
        logger.warning("Languages are not told apart: the detector cannot be unpacked (%s).", error)
        return None
    identifier.set_languages({*LANGUAGES, _NONE})
    return identifier
