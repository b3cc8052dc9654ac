"""Say a sentence otherwise by rules that keep its meaning."""

import random
import re
from collections.abc import Callable

from benchmarks.checker.lexicon import SYNONYMS, forms, groups
from vectorstore.language.words import word_set

PARENTHESIS = re.compile(r"\s*\([^()]{2,80}\)")
RELATIVE = re.compile(r", (?:which|who|where|whose)\b[^,;:.]{8,90}(?:,|(?=\.\Z))")
TRAILING = re.compile(r", (?:[a-z]+ing|including|such as|especially|particularly|thus|although|though|while|whereas)\b[^;:.]{8,100}(?=\.\Z)")  # fmt: skip
_OPENER = re.compile(
    r"\A(?:However|Moreover|Furthermore|In addition|Additionally|Also|For example|For instance|Therefore|Thus|Hence|"
    r"Indeed|In fact|Of course|Finally|Similarly|Meanwhile|Nevertheless|Then|Overall|Currently|Note that|Unfortunately|"
    r"Typically|Usually|Generally|As a result|In general|On the other hand|At the same time),? (?=\w)"
)
FRONTED = re.compile(r"\A((?:In|On|At|During|Since|By|After|Before|For|From|Under|When|If|While|Because|With|Until) [^,;:]{3,60}), ([^;:]{15,}?)\.\Z")  # fmt: skip
_BACKED = re.compile(r"\A([^,;:]{20,}?) ((?:in|during|since|after|before|until|on|at) (?:the |a )?(?:[A-Z][^,;:]{2,30}|\d{4}|[a-z]+ (?:of|century|year)[^,;:]{0,30}))\.\Z")  # fmt: skip
COORDINATED = re.compile(r",? (?:and|as well as|together with) [^,;:.]{6,80}(?=\.\Z)")
_MONTH = "(?:January|February|March|April|May|June|July|August|September|October|November|December)"
_DAY = re.compile(rf"\b[Oo]n (?:{_MONTH} \d{{1,2}},? |\d{{1,2}} {_MONTH},? )(?=\d{{4}}\b)")
_SPELT = dict(
    enumerate(
        (
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
        )
    )
)
_DIGITS = {word: str(number) for number, word in _SPELT.items() if number > 1}
_CONTRACTED = {
    "do not": "don't", "does not": "doesn't", "did not": "didn't", "is not": "isn't", "are not": "aren't",
    "cannot": "can't", "will not": "won't", "would not": "wouldn't", "it is": "it's", "that is": "that's",
    "should not": "shouldn't", "were not": "weren't", "was not": "wasn't", "have not": "haven't", "has not": "hasn't",
}  # fmt: skip
_WORD = re.compile(r"(?<![\w'’-])[A-Za-z][a-z-]*(?![\w'’-])")

Rule = Callable[[str, random.Random], str]


def paraphrase(sentence: str, draw: random.Random, *, steps: int = 2) -> str:
    """Apply up to `steps` rules, then synonyms; the result may be the sentence itself."""
    for rule in draw.sample(_RULES, len(_RULES))[: len(_RULES) if steps else 0]:
        changed = rule(sentence, draw)
        if changed != sentence and len(changed) >= 25:
            sentence = changed
            steps -= 1
        if steps <= 0:
            break
    return sentence


def synonyms(sentence: str, draw: random.Random, *, share: float = 0.6) -> str:
    """Put words of the same meaning in place of some."""

    def other(found: re.Match[str]) -> str:
        choices = TABLE.get(found[0].lower())
        if not choices or draw.random() > share:
            return found[0]
        chosen = draw.choice(choices)
        return chosen.capitalize() if found[0][0].isupper() else chosen

    return _WORD.sub(other, sentence)


def _without(pattern: re.Pattern[str]) -> Rule:
    def rule(sentence: str, _: random.Random) -> str:
        return pattern.sub("", sentence, count=1)

    return rule


def _opener(sentence: str, _: random.Random) -> str:
    cut = _OPENER.sub("", sentence)
    return cut[:1].upper() + cut[1:]


def _to_the_back(sentence: str, _: random.Random) -> str:
    found = FRONTED.match(sentence)
    if not found:
        return sentence
    front = found[1][0].lower() + found[1][1:]
    body = found[2][0].upper() + found[2][1:]
    return f"{body} {front}."


def _to_the_front(sentence: str, _: random.Random) -> str:
    found = _BACKED.match(sentence)
    if not found:
        return sentence
    body = found[1]
    lowered = body[0].lower() + body[1:] if body.split()[0] in _LOWERED else body
    return f"{found[2][0].upper()}{found[2][1:]}, {lowered}."


def _numbers(sentence: str, draw: random.Random) -> str:
    if draw.random() < 0.5:
        return re.sub(
            r"(?<![\w.,$€-])(\d{1,2})(?![\w.,%:-])",
            lambda m: _SPELT.get(int(m[1]), m[1]) if int(m[1]) > 1 else m[1],
            sentence,
        )
    return re.sub(rf"\b(?:{'|'.join(_DIGITS)})\b", lambda m: _DIGITS[m[0]], sentence)


def _by_the_year(sentence: str, _: random.Random) -> str:
    """Say the year alone where the source says the day."""
    return _DAY.sub(lambda found: "In " if found[0][0] == "O" else "in ", sentence)


def _contracted(sentence: str, _: random.Random) -> str:
    for full, short in _CONTRACTED.items():
        sentence = re.sub(rf"\b{full}\b", short, sentence)
    return sentence


def _synonyms(sentence: str, draw: random.Random) -> str:
    return synonyms(sentence, draw)


_LOWERED = word_set("The A An This That These Those It He She They We You There All Some Many Most Every Each His Her Their Its")  # fmt: skip
_RULES: list[Rule] = [
    _without(PARENTHESIS), _without(RELATIVE), _without(TRAILING), _without(COORDINATED), _opener,
    _to_the_back, _to_the_front, _by_the_year, _numbers, _contracted, _synonyms, _synonyms, _synonyms,
]  # fmt: skip


def _table() -> dict[str, tuple[str, ...]]:
    found: dict[str, set[str]] = {}
    for group in groups(SYNONYMS):
        for word in group:
            for other in group:
                if " " in word or word == other:
                    continue
                for form, stand_in in forms(word, other):
                    found.setdefault(form, set()).add(stand_in)
    # Words with several meanings of which the table knows one.
    for word in _AMBIGUOUS:
        found.pop(word, None)
    return {word: tuple(sorted(others)) for word, others in found.items()}


_AMBIGUOUS = word_set(
    "like since as too back head right now plan let lets kind run runs page key file files site hard count yet later test "
    "track fall drop cut note notes form state states live lives place part parts make makes made about before within "
    "call calls called need needs rate rates data class found rose account accounts book books thus sort sorts"
)
TABLE = _table()
