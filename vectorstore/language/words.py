"""Words as all of Footnote sees them: where they begin and end, stems, rarity; negations, numbers and months by name."""

import math
import re
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote

_WORD = re.compile(r"[^\W_]++(?:[-'’./_][^\W_]++)*+")
RUN = re.compile(r"[^\W_]++")
"""Letters and digits without anything between them."""
_PIECE = re.compile(r"[\x00-\x7f]*+[^\x00-\x7f]{0,512}+", re.DOTALL)
"""What is normalised at once: it takes the square of the time for accents in a row, of which no word has so many."""
_JOINT = re.compile(r"[-'’/_.]")


def word_set(text: str) -> frozenset[str]:
    """Return the words of a string parted by white space."""
    return frozenset(text.split())


STOPWORDS = word_set(
    "a an the this that these those there here it its he she they them their his her we us our you your i me my mine "
    "be is am are was were been being do does did done doing have has had having will would shall should can could may "
    "might must of in on at to for from by with about into over under between through during after before as than then "
    "so if or and but nor not no yes up down out off again further once only own same such too very quite just also any all "
    "each few more most other some both either neither every what which who whom whose when where why how "
    "s t d ll re ve don doesn didn isn aren wasn weren won't can't please tell know give get need want "
    "der die das den dem des ein eine einen einem einer und oder aber ist sind war waren wie was wer wo wann warum "
    "für mit von zu im am auf bei nach aus es sich nicht ich wir sie ihr "
    "el la los las un una y o de del que en por para con es son qué cuál cuándo cómo dónde "
    "le les des du et ou est sont au aux dans pour sur avec qui quoi quand où comment ce cette il elle nous vous"
)


NEGATIONS = word_set(
    "not no never without cannot none neither nor nothing nowhere nicht kein keine nie sin nunca"
)
EXCEPTIONS = word_set("except unless")
"""They turn what follows them, as negations do, but do not deny it."""


def negates(word: str) -> bool:
    """Say whether a word is a negation."""
    return word in NEGATIONS or word.endswith("n't")


NUMBERS = {
    word: value
    for words, values in (
        (
            "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
            "seventeen eighteen nineteen twenty",
            range(21),
        ),
        (
            "thirty forty fifty sixty seventy eighty ninety hundred thousand",
            (30, 40, 50, 60, 70, 80, 90, 100, 1000),
        ),
        ("once twice", (1, 2)),
        ("first second third fourth fifth sixth seventh eighth ninth tenth", range(1, 11)),
        ("eins zwei drei vier fünf sechs sieben acht neun zehn", range(1, 11)),
    )
    for word, value in zip(words.split(), values, strict=True)
}
_SPELLED = {str(value): word for value, word in enumerate(tuple(NUMBERS)[:13]) if value > 1}
"""Two to twelve are written in both ways; hard facts are compared by `app/language/facts.py`."""

SHORT_MONTHS = word_set("jan feb mar apr jun jul aug sep sept oct okt nov dec dez")
MONTHS = {
    name: month
    for month, names in enumerate(
        (
            "january jan januar januari enero janvier gennaio janeiro styczeń stycznia",
            "february feb februar februari febrero février febbraio fevereiro luty lutego",
            "march mar märz maart marzo mars março marzec", "april apr abril avril aprile kwiecień kwietnia",
            "may mai mei mayo maggio maio maj maja", "june jun juni junio juin giugno junho czerwiec czerwca",
            "july jul juli julio juillet luglio julho lipiec lipca",
            "august aug augustus agosto août sierpień sierpnia",
            "september sep sept septiembre septembre settembre setembro wrzesień września",
            "october oct oktober okt octubre octobre ottobre outubro październik października",
            "november nov noviembre novembre novembro listopad listopada",
            "december dec dezember dez diciembre décembre dicembre dezembro grudzień grudnia",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip


def words(text: str) -> list[str]:
    """Return the words in order, lower case, hyphens and inner dots kept."""
    return [match[0] for match in _WORD.finditer(fold(text))]


def terms(text: str) -> list[str]:
    """Return the stems of the content words in order, compounds split at hyphens and slashes."""
    return [item for word in words(text) for item in stems(word)]


@lru_cache(maxsize=50_000)
def stems(word: str) -> tuple[str, ...]:
    """Return the stems of one word's parts; none for a function word."""
    return tuple(stem(_SPELLED.get(part, part)) for part in parts(word) if part not in STOPWORDS)


_ENDING = re.compile(r"(?<=[^.])\.[A-Za-z]\w{0,5}\Z")
_APART = re.compile(r"[\W_]++")
_MADE_UP = re.compile(r"(?=\d*+[a-f])(?=[a-f]*+\d)[0-9a-f]{8,}+\Z|.{40}", re.S)
_EVERYWHERE = word_set("index readme default")
"""Names that a file has by convention: its folder says what it is about."""


@lru_cache(maxsize=10_000)
def name_words(uri: str) -> str:
    """Return the words of a file's name, parted by spaces, without its ending and without what a program made up.

    A file that is only called `index` or `README` has its folder's name.
    """
    path = unquote(uri.partition("?")[0]) if "://" in uri else uri
    names = [name for name in path.split("/") if name]
    for name in reversed(names[-2:]):
        spoken = [word for word in _APART.split(_ENDING.sub("", name)) if word and not _MADE_UP.match(word)]
        if len(spoken) != 1 or spoken[0].lower() not in _EVERYWHERE:
            return " ".join(spoken)
    return ""


@lru_cache(maxsize=10_000)
def with_name(title: str, uri: str, *, numbers: bool = True) -> str:
    """Return a title, with the words of the file's name behind it where it shares none with them: it may be anybody's.

    Numbers count only where the name has nothing else, and `numbers` are wanted: a year is shared with many.
    """
    named = name_words(uri)
    stems_of_name = set(terms(named))
    telling = {stem for stem in stems_of_name if not any(map(str.isdigit, stem))}
    telling = telling or (stems_of_name if numbers else telling)
    return title if not telling or telling & set(terms(_APART.sub(" ", title))) else f"{title} ({named})"


def fold(text: str) -> str:
    """Lower the case and unify look-alike characters (quotes, dashes, compatibility forms)."""
    if not text.isascii():
        text = "".join(unicodedata.normalize("NFKC", piece) for piece in _PIECE.findall(text)).translate(
            _UNIFIED
        )
    return text.lower()


_UNIFIED = str.maketrans("‘’‚“”„–—‐‑−\u00a0\u202f", "'''\"\"\"-----  ")


@lru_cache(maxsize=50_000)
def parts(word: str) -> tuple[str, ...]:
    """Split a compound at its hyphens and slashes; codes with digits stay whole."""
    if word.endswith("'s"):
        word = word[:-2]
    if not any(mark in word for mark in "-'/_.") or any(character.isdigit() for character in word):
        return (word,)
    return tuple(part for part in _JOINT.split(word) if part)


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """Cut common English endings, so that `expenses`, `expensed` and `expense` agree."""
    if len(word) <= 3 or not word.isalpha():
        return word
    word = _IRREGULAR.get(word, word)
    word = _without_plural(word)
    for suffix, kept in (("ingly", 4), ("edly", 4), ("ing", 3), ("ed", 3)):
        if word.endswith(suffix) and len(word) - len(suffix) >= kept - 1:
            word = _undoubled(word[: -len(suffix)])
            break
    for suffix in ("ation", "ment", "ness", "ly", "ion", "er", "or", "al"):
        if word.endswith(suffix) and len(word) - len(suffix) >= 4:
            word = word[: -len(suffix)]
            break
    return word[:-1] if len(word) > 4 and word[-1] in "eyi" else word


def _without_plural(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "ches", "shes", "xes", "zes")):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def _undoubled(word: str) -> str:
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in ("aeious" if len(word) > 5 else "aeiousl"):
        return word[:-1]
    return word


_IRREGULAR = {
    "paid": "pay", "bought": "buy", "sold": "sell", "began": "begin", "begun": "begin", "held": "hold",
    "written": "write", "wrote": "write", "taken": "take", "took": "take", "given": "give", "gave": "give",
    "made": "make", "sent": "send", "built": "build", "kept": "keep", "left": "leave", "leaves": "leave",
    "met": "meet", "found": "find", "won": "win", "lost": "lose", "people": "person", "children": "child",
    "men": "man", "women": "woman", "months": "month", "days": "day", "taught": "teach", "spent": "spend",
    "chosen": "choose", "chose": "choose", "known": "know", "knew": "know", "became": "become", "led": "lead",
    "lent": "lend", "brought": "bring", "caught": "catch", "drove": "drive", "driven": "drive", "ate": "eat", "eaten": "eat",
    "fallen": "fall", "flew": "fly", "flown": "fly", "forgot": "forget", "forgotten": "forget", "went": "go", "gone": "go",
    "grew": "grow", "grown": "grow", "heard": "hear", "hidden": "hide", "hid": "hide", "hung": "hang", "lain": "lie",
    "meant": "mean", "risen": "rise", "ran": "run", "said": "say", "seen": "see", "shown": "show", "shut": "shut", "slept": "sleep",
    "spoke": "speak", "spoken": "speak", "stole": "steal", "stolen": "steal", "stood": "stand", "thought": "think",
    "threw": "throw", "thrown": "throw", "told": "tell", "understood": "understand", "wore": "wear", "worn": "wear",
    "broke": "break", "broken": "break", "drew": "draw", "drawn": "draw", "fought": "fight", "froze": "freeze", "frozen": "freeze",
    "shook": "shake", "shaken": "shake", "struck": "strike", "woke": "wake", "withdrew": "withdraw", "withdrawn": "withdraw",
    "born": "birth", "died": "die", "dead": "die", "death": "die", "used": "use", "using": "use", "uses": "use",
}  # fmt: skip


_TABLE = Path(__file__).with_name("common_words.txt")
_RANKS = (0.0, 10.0, 100.0, 500.0, 1_000.0, 2_000.0, 5_000.0)
_WEIGHTS = (1.4, 1.9, 2.7, 3.8, 4.5, 5.5, 7.0)
UNKNOWN = 8.5
"""The weight of a word that the table lacks: a name, a code, a number, a term of the trade."""


def rarity(stem: str) -> float:
    """Return -ln of the share of passages that hold the stem, from 1.4 (everywhere) to 8.5 (not known)."""
    return _weights().get(stem, UNKNOWN)


def total(stems: set[str] | frozenset[str]) -> float:
    """Return the stems' summed rarity."""
    table = _weights()
    return math.fsum([table.get(stem, UNKNOWN) for stem in stems])


def rarity_among(passages: int, holding: Mapping[str, int]) -> Callable[[str], float]:
    """Return a rarity like `rarity` that is counted: of so many passages, those `holding` each stem."""

    def weight(stem: str) -> float:
        return math.log((passages + 1) / (holding.get(stem, 0) + 0.5))

    return weight


@lru_cache(maxsize=1)
def _weights() -> dict[str, float]:
    stems = _TABLE.read_text(encoding="utf-8").split()
    return {stem: _weight(rank) for rank, stem in enumerate(stems)}


def _weight(rank: int) -> float:
    upper = max(1, bisect_left(_RANKS, rank))
    if upper == len(_RANKS):
        return _WEIGHTS[-1]
    low, high = _RANKS[upper - 1], _RANKS[upper]
    share = (rank - low) / (high - low)
    return _WEIGHTS[upper - 1] + share * (_WEIGHTS[upper] - _WEIGHTS[upper - 1])
