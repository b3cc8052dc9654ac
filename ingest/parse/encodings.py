"""Which legacy encoding a text is in: the one whose reading looks most like a language that people write in it."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

_SAMPLE: Final = 12_000
_MOST: Final = 1_500
"""Characters beyond ASCII that are looked at, of as many bytes."""

# What each language writes beyond ASCII. One that a language borrows now and then stands behind the bar.
_VIETNAMESE: Final = "Vietnamese"
"""Which has nearly every letter, and of all encodings one alone has those."""
_LATIN: Final = {
    "German": "äöüß|éèàç",
    "French": "éèàêçùâîôûëïœ|ÿüæ",
    "Spanish": "áéíóúñü|ç",
    "Portuguese": "áâãàçéêíóôõú|ü",
    "Italian": "àèéìòùî|ó",
    "Catalan": "àçéèíïóòúü|ñ",
    "Dutch": "éëïöüèáóê|ä",
    "Danish": "æøå|éöäü",
    "Swedish": "åäöé|üàæø",
    "Finnish": "äöåšž|é",
    "Icelandic": "áðéíóúýþæö",
    "Estonian": "õäöüšž",
    "Irish": "áéíóú",
    "Polish": "ąćęłńóśźż",
    "Czech": "áčďéěíňóřšťúůýž",
    "Slovak": "áäčďéíĺľňóôŕšťúýž",
    "Hungarian": "áéíóöőúüű",
    "Romanian": "ăâîșțşţ",
    "Croatian": "čćđšž",
    "Albanian": "ëç",
    "Turkish": "çğıöşüâîûi",
    "Lithuanian": "ąčęėįšųūž",
    "Latvian": "āčēģīķļņšūž",
    _VIETNAMESE: "àáảãạăằắẳẵặâầấẩẫậèéẻẽẹêềếểễệìíỉĩịòóỏõọôồốổỗộơờớởỡợùúủũụưừứửữựỳýỷỹỵđ",
}
# The letters of other alphabets, the commonest first: what reads as rare letters is another encoding.
_OTHER: Final = {
    "Russian": "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфёъ",
    "Ukrainian": "оаніивретслкдмупязьбгчйхжшюцщєїфґ",
    "Bulgarian": "аиоетнрсвлкдпмзъгбуяцчйжхщшюфь",
    "Serbian": "аиоенрјтсвкмдулпзгбчшцхжњћђљфџ",
    "Greek": "αοιετσνηυρπκμλςίόέάήώδωύθγχφβξζψϊ",
    "Hebrew": "יוהלאמרתשבנםכחקדעגפטצזסןץךף",
    "Arabic": "المينروتعبدةسفكقحجهشطصخضزأىثذغءئإؤآظًٌٍَُِّْـ",
    "Persian": "اینردوهتمسشکبلگزعخقپفجحآچصطغضثظذژئءأؤ",
    "Thai": "านรอกเงมยลวดทสตะปบคหแจชพขใไโผซธณถฟศญษภฮฉฐฎฏฌฤฬฆฝฑฒ่้ิัีืุู์็ำึๆฯๅฺ",
}
_SIGNS: Final = frozenset(
    (*"“”„‚‘’‹›«»–—…·§°€£©®™¿¡ªº½¼¾²³×±µ \N{NO-BREAK SPACE}\N{SOFT HYPHEN}", chr(0x2022))
)
_INSIDE: Final = frozenset("’‘·-–\N{SOFT HYPHEN}")
_BOX = re.compile("[\u2500-\u25ff]")
_ASCII_LETTER = re.compile("[A-Za-z]")
_WORDS: Final = frozenset("ÀÉÈÓÚÍÅÖ")
"""Capitals that are a word alone."""
_OWN_VOWELS: Final = frozenset("áéíóúæ")
_FIRST_STANDARD: Final = 0xA1
_LAST_LATIN: Final = "\u024f"
_FEW: Final = 4
"""Letters of another alphabet that are too few to be a word."""
_AROUND = re.compile(r"(?<=(.))([^\x00-\x7f])(?=(.))", re.S)
_BYTES: Final = (
    *("cp1252", "cp1250", "cp1254", "cp1257", "cp1258", "iso8859_2", "iso8859_15", "mac_roman", "mac_latin2"),
    *("cp437", "cp850", "cp852", "cp1251", "koi8_u", "cp866", "iso8859_5", "mac_cyrillic"),
    *(
        "cp1253",
        "iso8859_7",
        "cp737",
        "cp1255",
        "cp862",
        "cp1256",
        "iso8859_6",
        "cp874",
        "mac_turkish",
        "cp857",
        "mac_greek",
    ),
)
_ASIAN: Final = ("cp949", "euc_jp", "cp932", "gb18030", "big5hkscs")
_COMMON_HANZI: Final = frozenset(
    "的一是不了在人有我他这個个们們中来來上大为為和国國地到以说說时時要就出会會可也你对對生能而子那得于於着著下自之年过過发發后後作"
    "里裡用道行所然家种種事成方多经經么麼去法学學如都同现現当當没沒动動面起看定天分还還进進好小部其些主样樣理心她本前开開但因"
    "只从從想实實日月号號请請天提工作需时间間与與及或公司员員假"
)
_KANA = re.compile("[\u3041-\u30ff]")
_HANGUL = re.compile("[\uac00-\ud7a3]")
_HANZI = re.compile("[\u4e00-\u9fff]")
_ASIAN_SIGNS = re.compile("[\u3000-\u301f\uff01-\uff5e…—“”‘’·]")
_BESIDE_LATIN = re.compile("(?<=[a-z])[^\x00-\x7f]|[^\x00-\x7f](?=[a-z])")


class Reading(NamedTuple):
    """A text in one encoding: how much of what is not ASCII in it looks like `language`, from 0 to 1."""

    encoding: str
    share: float
    language: str
    sample: str

    def differs(self, other: "Reading") -> bool:
        """Say whether it reads otherwise at all: encodings share most of their letters."""
        return self.sample != other.sample


def readings(data: bytes) -> list[Reading]:
    """Return what bytes may mean, the likeliest first; of those that are alike the more usual encoding."""
    return list(_readings(_sample(data)))


@lru_cache(maxsize=4)
def _readings(sample: bytes) -> tuple[Reading, ...]:
    found = [_reading(sample, encoding) for encoding in _BYTES]
    found += [_asian(sample, encoding) for encoding in _ASIAN]
    order = {each.encoding: at for at, each in enumerate(found)}
    return tuple(sorted(found, key=lambda each: (-each.share, order[each.encoding])))


def western_share(text: str) -> float:
    """Return how much a text read as Windows-1252 looks like one language of Western Europe."""
    return _likeness(text)[0]


def _sample(data: bytes) -> bytes:
    """Return the lines that hold something beyond ASCII, as many as are looked at."""
    if len(data) <= _SAMPLE:
        return data
    lines = (line for line in data.splitlines(keepends=True) if not line.isascii())
    kept, size = [], 0
    for line in lines:
        kept.append(line)
        size += len(line)
        if size > _SAMPLE:
            break
    return b"".join(kept)[: 2 * _SAMPLE]


def _reading(sample: bytes, encoding: str) -> Reading:
    text = unicodedata.normalize("NFC", sample.decode(encoding, "replace"))
    share, language = _likeness(text, encoding)
    return Reading(encoding, share, language, text)


def _likeness(text: str, encoding: str = "cp1252") -> tuple[float, str]:
    """Return the share of a text's characters beyond ASCII that are letters of one language, or signs in their place."""
    signs, letters, bad = 0.0, list[str](), 0
    for before, character, after in _AROUND.findall(f" {text} ")[:_MOST]:
        inside = before.isalpha() and after.isalpha()
        if character.isalpha() or unicodedata.category(character) in ("Mn", "Mc"):
            alone = not before.isalpha() and not after.isalpha() and character not in _WORDS
            if (
                (character.isupper() and (before.islower() or alone))
                or before == character == after
                or (character > _LAST_LATIN and _ASCII_LETTER.search(before + after))
            ):
                bad += 1
            else:
                letters.append(character.lower()[0])
        elif _BOX.match(character):
            alone = not before.isalnum() and not after.isalnum()
            signs += 0.8 * alone
            bad += not alone
        elif character in _SIGNS and (not inside or character in _INSIDE):
            signs += 0.9
        else:
            bad += 1
    total = len(letters) + bad + signs / 0.85
    if not letters:
        return (0.95 * signs / total if total else 0.0), ""
    counted = Counter(letters)
    languages = (each for each in _WEIGHTS if each != _VIETNAMESE or encoding == "cp1258")
    best = max((_fit(counted, language), language) for language in languages)
    if best[1] in _OTHER and len(letters) < _FEW:
        best = (0.3 * best[0], best[1])
    return (best[0] * len(letters) + signs) / total, best[1]


def _fit(letters: Counter[str], language: str) -> float:
    weights = _WEIGHTS[language]
    if language == "Icelandic" and _OWN_VOWELS.isdisjoint(letters):
        return 0.8  # where Turkish is read so, there are only the letters that the two have in each other's places
    return sum(weights.get(letter, 0.0) * count for letter, count in letters.items()) / letters.total()


def _weights() -> Iterator[tuple[str, dict[str, float]]]:
    for language, letters in _LATIN.items():
        own, _, borrowed = letters.partition("|")
        yield language, dict.fromkeys(borrowed, 0.6) | dict.fromkeys(own, 1.0)
    for language, letters in _OTHER.items():
        third = len(letters) // 3
        yield (
            language,
            {
                letter: 1.05 if at < third else 0.9 if at < 2 * third else 0.4
                for at, letter in enumerate(letters)
            },
        )


_WEIGHTS: Final = dict(_weights())


def _asian(sample: bytes, encoding: str) -> Reading:
    """Read as Chinese, Japanese or Korean: how much is of the common characters, which the standards list first."""
    text = sample.decode(encoding, "replace")
    wide = len(text) - len(text.encode("ascii", "ignore"))
    if not wide:
        return Reading(encoding, 0.0, "", text)
    kana, hanzi = len(_KANA.findall(text)), len(_HANZI.findall(text))
    signs = len(_ASIAN_SIGNS.findall(text))
    common = float(sum(_is_common(each, encoding) for each in _HANZI.findall(text[: 2 * _MOST])))
    common *= hanzi / max(len(_HANZI.findall(text[: 2 * _MOST])), 1)
    if encoding == "cp949":
        # the first standard's own syllables: those beyond it are rare
        usual = sum(min(each.encode("cp949")) >= _FIRST_STANDARD for each in _HANGUL.findall(text))
        language, score = "Korean", usual + 0.2 * hanzi
    elif encoding in ("cp932", "euc_jp"):
        language, score = "Japanese", kana + 0.9 * common * (1.0 if kana else 0.75)
    else:
        frequent = sum(each in _COMMON_HANZI for each in _HANZI.findall(text[: 2 * _MOST]))
        language, score = "Chinese", common * min(1.0, 0.8 + frequent / max(hanzi, 1))
    score += 0.95 * signs - 2 * text.count("\ufffd") - len(_BESIDE_LATIN.findall(text))
    return Reading(encoding, max(score, 0.0) / wide, language, text)


def _is_common(character: str, encoding: str) -> bool:
    standard, first, last = {
        "gb18030": ("gb2312", 0xB0, 0xD7),
        "big5hkscs": ("big5", 0xA4, 0xC6),
        "cp949": ("euc_kr", 0xCA, 0xFD),
    }.get(encoding, ("euc_jp", 0xB0, 0xCF))
    try:
        return first <= character.encode(standard)[0] <= last
    except UnicodeEncodeError:
        return False
