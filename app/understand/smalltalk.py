"""What needs no documents: greetings, thanks, and the housekeeping prompts of chat front ends."""

import json
import re
from collections.abc import Sequence

from app.language.phrases import language_of, say
from app.language.quotation import inside
from app.question import Message, Question
from vectorstore.language.marks import unmarked
from vectorstore.language.words import STOPWORDS, fold, rarity, stem, word_set, words
from vectorstore.printable import printable

_SPACES = re.compile(r"\s++")
_LONGEST_ABOUT = 120
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


def about_conversation(text: str, history: Sequence[Message], *, language: str) -> str | None:
    """Answer a question about this conversation; None for one that is about anything else."""
    if len(text) > _LONGEST_ABOUT:
        return None
    plain = _SPACES.sub(" ", fold(text)).strip(" .!?¿¡,")
    asked = [message.text for message in history if message.role == "user"]
    said = [message.text for message in history if message.role == "assistant"]
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
    bare = [unmarked(text).strip() for text in texts]
    said = ["\n".join(map(inside, text.splitlines())) for text in bare]
    if len(said) == 1:
        return say(phrase, language, words=f"“{said[0]}”")
    return say(phrase, language, words="".join(f"\n- “{text}”" for text in said))


_REPLIES = (
    (
        "self",
        r"who are you|what are you|what(?:'s| is) your name|what can you (?:do|help (?:me )?with)|what do you do|"
        r"how (?:do|does) (?:you|this) work|are you (?:a )?(?:bot|robot|human|machine|an? ai)|help|"
        r"wer bist du|was kannst du|quién eres|qué puedes hacer|qui es-tu|qui êtes-vous",
    ),
    (
        "fine",
        r"how are you(?: doing)?(?: today)?|how(?:'s| is) it going|what's up|wie geht(?:'s| es(?: dir| ihnen)?)|cómo estás|ça va",
    ),
    (
        "bye",
        r"(?:good ?)?bye(?: bye)?|see you(?: later| soon| tomorrow)?|ciao|tschüss|auf wiedersehen|adiós|hasta luego|au revoir|"
        r"have a (?:nice|good|great) (?:day|one|evening|weekend)|good night|cheers,? bye",
    ),
    (
        "thanks",
        r"(?:many |ok(?:ay)?,? )?thanks?(?: you)?(?: (?:so|very) much| a lot| a bunch| again)?(?: for (?:your|the) help)?|thx|ty|"
        r"cheers|that(?:'s| is| was) (?:very |really )?(?:helpful|great|perfect|all)|"
        r"danke(?: schön| sehr)?|vielen dank|(?:muchas )?gracias|merci(?: beaucoup)?|grazie|obrigad[oa]",
    ),
    (
        "okay",
        r"ok(?:ay)?|great|perfect|nice|cool|good|got it|understood|i see|all right|alright|alles klar|super|vale|d'accord",
    ),
    (
        "hello",
        r"hi|hello|hey|hiya|howdy|yo|greetings|good (?:morning|afternoon|evening|day)|hi there|hello there|hey there|"
        r"hallo|guten (?:tag|morgen|abend)|moin|servus|grüezi|hola|buen[oa]s (?:días|tardes|noches)|bonjour|salut|bonsoir|"
        r"ciao|buongiorno|olá|test(?:ing)?|ping",
    ),
)
_PATTERNS = tuple((reply, re.compile(rf"(?:{pattern})\Z")) for reply, pattern in _REPLIES)
_ADDRESSED = re.compile(r"(?<![\s,])[\s,]++(?:there|all|everyone|footnote|bot|team|you)\Z")
_LEADING = re.compile(
    r"(?:hi|hello|hey|ok(?:ay)?|great|perfect|thanks?|thank you|danke|hallo)(?: there)?\s*+[,.!]++\s*+"
)
_LONGEST = 80

_OPENINGS = {
    "de": word_set("hallo guten moin servus grüezi tschüss auf danke vielen alles wer wie was"),
    "es": word_set("hola buenos buenas adiós hasta gracias muchas vale cómo quién qué"),
    "fr": word_set("bonjour salut bonsoir au merci d'accord ça qui"),
    "it": word_set("ciao buongiorno grazie"),
    "pt": word_set("olá obrigado obrigada"),
}

_TASK = re.compile(r"\A\s*+### Task:\s", re.IGNORECASE)
_HISTORY_BEGINS = re.compile(r"<chat_history>", re.IGNORECASE)
_HISTORY_ENDS = re.compile(r"</chat_history>", re.IGNORECASE)
_USER_LINE = re.compile(r"^[^\S\n]*+user\s*+:\s*+(.+)$", re.IGNORECASE | re.MULTILINE)


def without_documents(question: Question, *, language: str) -> str | None:
    """Answer what needs no documents: a front end's housekeeping, small talk, a question about the conversation."""
    return (
        housekeeping(question.text)
        or reply(question.text)
        or about_conversation(question.text, question.history, language=language)
    )


def reply(text: str) -> str | None:
    """Answer a greeting, thanks, goodbye or a question about Footnote itself in its language; None for anything else."""
    if len(text) > _LONGEST:
        return None
    said = _SPACES.sub(" ", fold(text)).strip(" .!?,;:)(-~*'\"👋🙏😀🙂👍❤️¡¿")
    shorter = _ADDRESSED.sub("", said)
    without_opening = _LEADING.sub("", said, count=1)
    for form in (said, shorter, without_opening):
        for phrase, pattern in _PATTERNS:
            if pattern.match(form):
                return say(phrase, _language(form))
    return None


def _language(said: str) -> str:
    """Name the language of a few words; greetings hold none of the words by which questions are told."""
    first = said.split(" ", maxsplit=1)[0].strip(",!.")
    return next((code for code, openings in _OPENINGS.items() if first in openings), language_of(said))


def housekeeping(text: str) -> str | None:
    """Answer a front end's own prompt (title, tags, follow-ups, search queries) as the JSON it asks for."""
    if not _TASK.match(text):
        return None
    asked = [_bare(line) for line in _USER_LINE.findall(_history(text))]
    task = fold(text[:1_200])
    if "follow-up" in task or "follow_ups" in task or "follow up" in task:
        return json.dumps({"follow_ups": []})
    if "tags" in task:
        return json.dumps({"tags": _tags(asked)}, ensure_ascii=False)
    if "title" in task:
        return json.dumps({"title": _title(asked)}, ensure_ascii=False)
    if "quer" in task:
        return json.dumps({"queries": asked[-1:]}, ensure_ascii=False)
    if "autocomplet" in task or "completion" in task:
        return json.dumps({"text": ""})
    return json.dumps({})


def _history(text: str) -> str:
    """Return the conversation that the prompt quotes."""
    begins = _HISTORY_BEGINS.search(text)
    ends = _HISTORY_ENDS.search(text, begins.end()) if begins else None
    return text[begins.end() : ends.start()] if begins and ends else ""


def _bare(line: str) -> str:
    """Take out what the guard would escape, which JSON has no room for."""
    return " ".join(printable(line).translate({ord("`"): "'", ord("\\"): "/", ord("~"): "∼"}).split())


def _title(asked: list[str]) -> str:
    """Name the conversation by its first real question, in at most six words."""
    question = next((line.strip() for line in asked if reply(line) is None), "")
    if not question:
        return "New conversation"
    kept = _SPACES.sub(" ", question).rstrip(" ?!.").split(" ")
    while len(kept) > 3 and fold(kept[0]).strip("'") in STOPWORDS | _TOO_PLAIN:
        kept = kept[1:]
    kept = kept[:6]
    while len(kept) > 2 and fold(kept[-1]) in STOPWORDS:
        kept = kept[:-1]
    title = " ".join(kept)[:60]
    return title[:1].upper() + title[1:]


def _tags(asked: list[str]) -> list[str]:
    found = {word for line in asked for word in words(line) if word not in _TOO_PLAIN and len(word) > 3}
    content = sorted(found - STOPWORDS, key=lambda word: (-rarity(stem(word)), word))
    return ["General", *(word.capitalize() for word in content[:2])]


_TOO_PLAIN = word_set("many much long often does there about")
