"""Questions written by a language model, kept only if they hold: quote found exactly, words not copied, not twice."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from app.ground import SUPPORTED, support
from app.language.words import STOPWORDS, words
from eval.cases import Case, Evidence
from eval.generation.offline import Text
from eval.judge import Ask
from prompts.loader import load
from vectorstore.errors import FootnoteError

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
            case, reason = _case(text, piece, reply)
            if case is not None and any(_alike(case.question, other.question) for other in kept):
                case, reason = None, "nearly the same as another"
            if case is None:
                dropped[reason] += 1
            else:
                kept.append(case)
    return kept


def _case(text: Text, piece: str, reply: str) -> tuple[Case | None, str]:
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
