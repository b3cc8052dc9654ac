"""Questions about the conversation itself, answered from it: what was asked, what was said."""

import re
from collections.abc import Sequence

from app.language.phrases import language_of, say
from app.language.quotation import inside
from app.language.words import fold
from app.question import Message

_LONGEST = 120
_ASKED_LAST = re.compile(
    r"what (?:did|have|had) i (?:just )?(?:ask(?:ed)?|say|said)(?: you)?(?: (?:just now|last|before|earlier|previously|a moment ago|just))*|"
    r"(?:what was|repeat) my (?:last |previous |earlier )?(?:question|message)|"
    r"was (?:habe ich|war meine) (?:gerade |zuletzt |letzte |vorhin )*(?:gefragt|frage)|"
    r"qu'est-ce que j'ai demandé|quelle était ma (?:dernière )?question|qué (?:te |le )?pregunté(?: antes)?|cuál (?:fue|era) mi (?:última )?pregunta"
)
_ASKED_FIRST = re.compile(
    r"what (?:did i ask(?: you)? (?:first|at first|in the beginning)|was my first (?:question|message))|"
    r"was war meine erste frage|quelle était ma première question|cuál fue mi primera pregunta"
)
_ASKED_ALL = re.compile(
    r"what (?:have|did) (?:i asked|i ask|we (?:talked|talk|discussed|discuss|spoken|covered)) ?(?:about|so far|already|until now|in this conversation|about so far|today)+|"
    r"(?:summari[sz]e|recap|list) (?:(?:our|this|the) (?:conversation|chat|discussion)|(?:all )?(?:my|the) questions)(?: so far)?|"
    r"worüber haben wir (?:bisher )?gesprochen|de quoi avons-nous parlé|de qué hemos hablado"
)
_SAID = re.compile(
    r"(?:can you |could you |please ){0,3}(?:repeat (?:that|this|it|yourself|your (?:last |previous )?answer)|say (?:that|it) again)(?: please)?|"
    r"what (?:did you (?:just )?(?:say|answer)|was your (?:last |previous )?answer)(?: (?:just now|before|earlier|again))?|come again|"
    r"(?:kannst du |können sie )?(?:das |die antwort )(?:bitte )?wiederholen|was hast du (?:gerade )?gesagt|"
    r"(?:peux-tu |pouvez-vous )?répéter(?: s'il (?:te|vous) plaît)?|qu'as-tu dit|(?:puedes )?repetir(?:lo)?|qué (?:has dicho|dijiste)"
)
_MARKER = re.compile(r" ?\[\d{1,3}\]")
_SPACES = re.compile(r"\s++")


def about_conversation(text: str, history: Sequence[Message]) -> str | None:
    """Answer a question about this conversation; None for one that is about anything else."""
    if len(text) > _LONGEST:
        return None
    plain = _SPACES.sub(" ", fold(text)).strip(" .!?¿¡,")
    asked = [message.text for message in history if message.role == "user"]
    said = [message.text for message in history if message.role == "assistant"]
    language = language_of(text)
    if _ASKED_FIRST.fullmatch(plain):
        return _quoted("asked", asked[:1], language)
    if _ASKED_ALL.fullmatch(plain):
        return _quoted("asked", asked, language)
    if _ASKED_LAST.fullmatch(plain):
        return _quoted("asked", asked[-1:], language)
    if _SAID.fullmatch(plain):
        return _quoted("answered", said[-1:], language)
    return None


def _quoted(phrase: str, texts: Sequence[str], language: str) -> str:
    if not texts:
        return say("nothing_said", language)
    # The markers of an earlier answer name passages that this one does not have.
    bare = [_MARKER.sub("", text).strip() for text in texts]
    said = ["\n".join(map(inside, text.splitlines())) for text in bare]
    if len(said) == 1:
        return say(phrase, language, words=f"“{said[0]}”")
    return say(phrase, language, words="".join(f"\n- “{text}”" for text in said))
