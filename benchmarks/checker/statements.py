"""Statements made of SQuAD's questions and answers: a person's words about a passage, true or nearly."""

import re
from collections.abc import Iterator
from typing import Any

_LEADING = re.compile(
    r"\A(?:in|on|at|by|during|since|after|before|from|around|the|a|an|about)\b", re.IGNORECASE
)
_FORMS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), form)
    for pattern, form in (
        (r"\AWho ((?!did|do|does|else)[a-z]+ [^?]+)\?", "{answer} {0}."),
        (r"\AWhat ((?:caused|causes|made|makes|led|leads|allowed|allows|gave|helped|helps|became|happened|forced|drives|contributed|prevents|prevented|provides|provided) [^?]+)\?", "{answer} {0}."),
        (r"\A(?:What|Which) [a-z]+ ((?:has|had|can|[a-z]+ed|became|began|led|held|gave|took|won|made|built|wrote|runs|lies) [^?]+)\?", "{answer} {0}."),
        (r"\AWhat (is|are|was|were) ([^?]{6,60})\?", "{1} {0} {answer}."),
        (r"\AWhere (is|are|was|were) ([^?]+?) (located|found|built|born|held|founded|established|formed|made|used|situated)\?", "{1} {0} {2} {place}."),
        (r"\A(?:When|In what year|What year|In which year|On what date) (was|were) ([^?]+?) ([a-z]+(?:ed|born|built|held|made|written|begun|won|given|taken))\b([^?]*)\?", "{1} {0} {2}{3} {time}."),
        (r"\A(?:When|In what year|What year|In which year) did ([^?]+)\?", "{0}, which was {time}."),
        (r"\AWhere did ([^?]+)\?", "{0}, and that was {place}."),
        (r"\AHow many ([a-z]+ (?!did|do|does|was|were|is|are|has|have|had|can)[a-z]+ [^?]+)\?", "{answer} {0}."),
        (r"\AWho (?:was|is) ([^?]+)\?", "{0} was {answer}."),
    )
)  # fmt: skip


def statement(question: str, answer: str) -> str | None:
    """Return the question and its answer as one sentence, or None where no rule fits."""
    for pattern, form in _FORMS:
        found = pattern.match(question.strip())
        if found:
            led = answer if _LEADING.match(answer) else f"in {answer}"
            text = form.format(*(group or "" for group in found.groups()), answer=answer, time=led, place=led)
            text = " ".join(text.split())
            return text[0].upper() + text[1:] if len(text) > 20 else None
    return None


def statements(questions: list[dict[str, Any]]) -> Iterator[tuple[str, bool, str]]:
    """Yield statement, whether it is true, and its answer: right ones, near misses, plausible answers of unanswerable ones."""
    answers = [asked["answers"][0]["text"] for asked in questions if asked["answers"]]
    for asked in questions:
        text = asked["question"]
        right = {answer["text"] for answer in asked["answers"]}
        if right:
            shortest = min(right, key=len)
            yield from _said(text, shortest, True)
            others = [other for other in answers if _alike(other, shortest) and not _same(other, right)]
            if others:
                yield from _said(text, others[len(text) % len(others)], False)
        elif asked.get("plausible_answers"):
            yield from _said(text, asked["plausible_answers"][0]["text"], False)


def _said(question: str, answer: str, right: bool) -> Iterator[tuple[str, bool, str]]:
    made = statement(question, answer)
    if made:
        yield made, right, answer


def _alike(first: str, second: str) -> bool:
    return _shape(first) == _shape(second)


def _shape(text: str) -> str:
    return (
        "number"
        if any(character.isdigit() for character in text)
        else "name"
        if text[:1].isupper()
        else "other"
    )


def _same(answer: str, right: set[str]) -> bool:
    known = {word for item in right for word in item.lower().split()}
    return bool(known & set(answer.lower().split()) - {"the", "of", "a", "in", "and"})
