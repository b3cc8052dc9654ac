"""What Footnote itself says, in the language of the question."""

import re
import tomllib
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from vectorstore.language.words import fold, word_set, words

_TABLE = Path(__file__).with_name("phrases.toml")
_PLACE = re.compile(r"\{([a-z]+)\}")
_SCRIPTS = (("ja", re.compile(r"[\u3040-\u30ff]")), ("ar", re.compile(r"[\u0600-\u06ff]")))
_TELLING = {
    "en": word_set(
        "the what how who where when why which is are was do does did can i we you my our and or of to in for with there any many much not have has should must it do a as no on at be an if"
    ),
    "de": word_set(
        "der das den dem ein eine was wie wer wem wen hat wurde werden dass wo wann warum welche welcher ist sind war und oder nicht ich wir sie für mit von zu im am gibt kann darf muss wird habe haben viele viel bei nach meine"
    ),
    "fr": word_set(
        "le la les des du un une est sont qui que quoi quand où comment pourquoi quel quelle quels quelles combien et ou je nous vous pour avec dans sur puis peut dois mon ma mes il elle au aux ce cette"
    ),
    "es": word_set(
        "el la los las un una es son qué quién cuándo dónde cómo cuál cuántos cuántas cuánto por para con del y o yo nosotros hay puedo puede debo mi mis se que en al"
    ),
    "it": word_set(
        "il lo la gli le un una è sono che chi quando dove come perché quale quali quanti quante quanto e o io noi per con del della dei nel posso può devo mio mia ci di"
    ),
    "pt": word_set(
        "o a os as um uma é são que quem quando onde como qual quais quantos quantas quanto e ou eu nós por para com do da dos das no na posso pode devo meu minha há em não"
    ),
    "nl": word_set(
        "de het een is zijn was wat wie wanneer waar waarom hoe welke en of niet ik wij we voor met van naar kan mag moet mijn onze er hoeveel bij heb hebben dit dat op te"
    ),
    "pl": word_set(
        "jest są był co kto kiedy gdzie jak dlaczego który która które ile i lub czy nie ja my dla z ze w we na do od mogę może muszę mój moja się po ma mam"
    ),
}
_LETTERS = (
    ("de", re.compile(r"[äöüß]")),
    ("es", re.compile(r"[¿¡ñ]")),
    ("fr", re.compile(r"[çœêû]")),
    ("pt", re.compile(r"[ãõ]")),
    ("pl", re.compile(r"[ąęłśżźćń]")),
)
_ENOUGH = 2_000
"""Characters from which a language can be told."""
_SHARED = Counter(word for telling in _TELLING.values() for word in telling)


def language_of(text: str) -> str:
    """Name the language of a question, of the ten that Footnote speaks; English where nothing speaks for another.

    A function word that several languages have counts for each with its share.
    """
    text = text[:_ENOUGH]
    for code, script in _SCRIPTS:
        if script.search(text):
            return code
    plain = fold(text)
    spoken = set(words(plain))
    held = {code: sum(1 / _SHARED[word] for word in spoken & telling) for code, telling in _TELLING.items()}
    for code, letters in _LETTERS:
        held[code] += bool(letters.search(plain))
    best = max(held, key=lambda code: (held[code], code == "en"))
    return best if held[best] >= 0.8 else "en"


def say(phrase: str, language: str = "en", **values: str) -> str:
    """Return a phrase in a language, filled in; raises KeyError for a phrase that is not there."""
    table = _phrases()
    text = table.get(language, table["en"])[phrase]
    # In one pass: a title that reads `{heading}` stays what it is.
    return _PLACE.sub(lambda place: values.get(place[1], place[0]), text)


def listed(items: list[str], language: str = "en", *, word: str = "and") -> str:
    """Join names as a sentence does: `a, b and c`."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {say(word, language)} {items[-1]}"


def languages() -> tuple[str, ...]:
    """Return the codes of the languages spoken."""
    return tuple(_phrases())


@lru_cache(maxsize=1)
def _phrases() -> Mapping[str, Mapping[str, str]]:
    return tomllib.loads(_TABLE.read_text(encoding="utf-8"))
