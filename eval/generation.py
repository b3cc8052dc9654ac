"""Questions out of documents without a model: from headings, definitions, sentences and tables, and such without an answer."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.support.ground import SUPPORTED, support
from eval.cases import Case, Evidence
from eval.judge.judge import Ask
from prompts.loader import load
from vectorstore.errors import FootnoteError
from vectorstore.language.sentences import sentence_spans
from vectorstore.language.words import STOPWORDS, rarity, stem, words

_HEADING = re.compile(r"\A#{1,6}\s++(?P<text>.+)\Z")
_ANSWER = re.compile(r"\A(?:\*\*)?A[:.](?:\*\*)?\s*+")
_DASHES = re.compile(r"\A:?-++:?\Z")
_QUESTION = re.compile(r"(?:\*\*)?(?:Q[:.]\s*)?(?P<text>[A-Z][^?\n]{8,160}\?)(?:\*\*)?\s*\Z")
_DEFINES = re.compile(
    r"\A(?P<article>An? |The )?(?P<term>[A-Z][\w-]+(?: [\w-]+){0,3}?) (?P<verb>is|are|means) (?P<rest>(?:an?|the) [a-z].{20,})"
)
_PRONOUNS = frozenset(
    [
        "it",
        "this",
        "that",
        "these",
        "those",
        "there",
        "they",
        "he",
        "she",
        "we",
        "you",
        "i",
        "all",
        "each",
        "every",
        "what",
        "which",
        "who",
        "if",
    ]
)
_ROW = re.compile(r"\A\|(?P<cells>.+)\|\s*+\Z")
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]{3,}(?: [A-Z][a-z]+)*")
_SHORTEST, _LONGEST = 40, 300


@dataclass(frozen=True, slots=True)
class Text:
    """A document as generation reads it."""

    uri: str
    text: str


def offline(texts: Sequence[Text], *, withheld: frozenset[str] = frozenset()) -> list[Case]:
    """Return unreviewed cases; those about a `withheld` document are unanswerable."""
    cases: dict[str, Case] = {}
    names = _names(texts)
    for text in texts:
        for case in _of(text, names):
            held = case
            if text.uri in withheld:
                if not case.answerable or "inverse-cloze" in case.tags:
                    continue
                held = case.model_copy(
                    update={
                        "answerable": False,
                        "evidence": (),
                        "reference": "",
                        "tags": (*case.tags, "withheld"),
                    }
                )
            cases.setdefault(held.question.lower(), held)
    return list(cases.values())


def _of(text: Text, names: Sequence[str]) -> Iterator[Case]:
    yield from _asked(text)
    yield from _defined(text)
    yield from _tabled(text)
    yield from _cloze(text)
    yield from _swapped(text, names)


def _asked(text: Text) -> Iterator[Case]:
    """Yield headings and lines that are questions, with the sentence that follows."""
    lines = [line.strip() for line in text.text.splitlines()]
    for place, line in enumerate(lines):
        heading = _HEADING.match(line)
        found = _QUESTION.match(heading["text"].rstrip("# ") if heading else line)
        answer = next((below for below in lines[place + 1 : place + 4] if below), "")
        answer = _ANSWER.sub("", answer)
        if found and answer and not _HEADING.match(answer) and not _QUESTION.match(answer):
            quote = _first_sentence(answer)
            if quote:
                yield _case(text, found["text"], quote, "heading")


def _defined(text: Text) -> Iterator[Case]:
    """Yield "What is X?" for sentences that define."""
    for sentence in _sentences(text):
        found = _DEFINES.match(sentence)
        if found and words(found["term"])[0] not in _PRONOUNS:
            verb = "are" if found["verb"] == "are" else "is"
            yield _case(
                text,
                f"What {verb} {(found['article'] or '').lower()}{found['term']}?",
                sentence,
                "definition",
            )


def _tabled(text: Text) -> Iterator[Case]:
    """Yield questions for a table's cells: what the column says of the row."""
    header: list[str] = []
    for line in text.text.splitlines():
        row = _ROW.match(line.strip())
        if row is None:
            header = []
            continue
        cells = [cell.strip() for cell in row["cells"].split("|")]
        if all(_DASHES.match(cell) for cell in cells):
            continue
        if not header:
            header = cells
        elif len(cells) == len(header) and len(cells) > 1 and all((cells[0], cells[1], header[0], header[1])):
            question = f"What is the {header[1].lower()} for {cells[0]}?"
            yield _case(text, question, line.strip(), "table", reference=cells[1])


def _cloze(text: Text) -> Iterator[Case]:
    """Yield, for retrieval alone, the rarest words of a sentence as somebody would type them."""
    sentences = [sentence for sentence in _sentences(text) if len(words(sentence)) >= 10]
    for sentence in sentences[:: max(1, len(sentences) // 3)][:3]:
        telling = [word for word in words(sentence) if word not in STOPWORDS]
        rarest = set(sorted(telling, key=lambda word: -rarity(stem(word)))[:5])
        query = " ".join(dict.fromkeys(word for word in telling if word in rarest))
        yield _case(text, query, sentence, "inverse-cloze", reference="")


def _swapped(text: Text, names: Sequence[str]) -> Iterator[Case]:
    """Yield definitions asked of a name that stands elsewhere: near the documents, and without an answer."""
    known = text.text.lower()
    strange = [name for name in names if name.lower() not in known]
    for case in _tabled(text):
        if not strange:
            return
        place = int(hashlib.sha256(case.question.encode()).hexdigest(), 16) % len(strange)
        asked = case.question.rpartition(" for ")[0]
        question = f"{asked} for {strange[place]}?"
        yield _made(text, question, "swapped").model_copy(update={"answerable": False})


def _sentences(text: Text) -> Iterator[str]:
    for start, end in sentence_spans(text.text):
        sentence = text.text[start:end].strip()
        if _SHORTEST <= len(sentence) <= _LONGEST and sentence[:1].isupper() and sentence.endswith("."):
            yield sentence


def _names(texts: Sequence[Text]) -> list[str]:
    return sorted({match[0] for text in texts for match in _NAME.finditer(text.text)})


def _first_sentence(line: str) -> str:
    spans = sentence_spans(line)
    return line[spans[0][0] : spans[0][1]] if spans else ""


def _case(text: Text, question: str, quote: str, kind: str, *, reference: str | None = None) -> Case:
    return _made(text, question, kind).model_copy(
        update={
            "evidence": (Evidence(doc=text.uri, quote=quote),),
            "reference": quote if reference is None else reference,
        }
    )


def _made(text: Text, question: str, kind: str) -> Case:
    name = hashlib.sha256(f"{text.uri} {question}".encode()).hexdigest()[:10]
    return Case(id=f"gen-{name}", question=question, tags=("generated", kind), group=text.uri)


_FIELD = re.compile(r"^[^\w\n]*+(QUESTION|ANSWER|QUOTE)[^\w\n]*:\s*+(.+)$", re.IGNORECASE | re.MULTILINE)
_MOST_COPIED = 0.8
_ALIKE = 0.8
_PIECE = 1_500


def modelled(texts: Sequence[Text], ask: Ask, *, per_document: int, dropped: Counter[str]) -> list[Case]:
    """Return unreviewed cases; `dropped` counts what was thrown away, by reason. Raises what the first call raises."""
    kept: list[Case] = []
    asked = False
    for text in texts:
        for piece in _pieces(text.text, per_document):
            try:
                reply = ask(_prompt(piece), 0)[0]
            except FootnoteError:
                if not asked:
                    raise
                dropped["the model failed"] += 1
                continue
            asked = True
            case, reason = _case_by_model(text, piece, reply)
            if case is not None and any(_alike(case.question, other.question) for other in kept):
                case, reason = None, "nearly the same as another"
            if case is None:
                dropped[reason] += 1
            else:
                kept.append(case)
    return kept


def _case_by_model(text: Text, piece: str, reply: str) -> tuple[Case | None, str]:
    """Read one reply; the reason says why there is no case."""
    found = {name.upper(): value.strip().strip('"') for name, value in _FIELD.findall(reply)}
    if found.keys() != {"QUESTION", "ANSWER", "QUOTE"}:
        return None, "not in the form that was asked for"
    question, answer, quote = found["QUESTION"], found["ANSWER"], found["QUOTE"]
    if len(quote) < 8 or quote not in piece:
        return None, "its quote does not stand in the document"
    if _copied(question, quote) > _MOST_COPIED:
        return None, "copies the document's words"
    if support(answer, quote) < SUPPORTED and support(f"{question} {answer}", piece) < SUPPORTED:
        return None, "its quote does not support its answer"
    name = hashlib.sha256(f"{text.uri} {question}".encode()).hexdigest()[:10]
    return (
        Case(
            id=f"gen-{name}",
            question=question,
            reference=answer,
            evidence=(Evidence(doc=text.uri, quote=quote),),
            tags=("generated", "model"),
            group=text.uri,
        ),
        "",
    )


def _prompt(piece: str) -> str:
    delimiter = f"=== {hashlib.sha256(piece.encode()).hexdigest()[:12]} ==="
    return load("generate_question").fill(delimiter=delimiter, passage=piece)


def _pieces(text: str, most: int) -> Iterator[str]:
    """Yield up to `most` pieces, spread over the document."""
    starts = list(range(0, max(1, len(text)), _PIECE))
    step = max(1, len(starts) // most)
    for start in starts[::step][:most]:
        if piece := text[start : start + _PIECE].strip():
            yield piece


def _copied(question: str, quote: str) -> float:
    asked = _telling(question)
    return len(asked & _telling(quote)) / len(asked) if len(asked) > 2 else 0.0


def _alike(first: str, second: str) -> bool:
    one, two = _telling(first), _telling(second)
    return len(one & two) >= _ALIKE * max(1, len(one | two))


def _telling(text: str) -> set[str]:
    return {word for word in words(text) if word not in STOPWORDS}
