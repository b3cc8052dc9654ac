"""What a sentence claims: not that Footnote says whose words follow."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace

import pytest

from app.answer.answerer import Piece, Written
from app.events import Citations, Passage, SentenceChecked
from app.language.phrases import languages
from app.support.claim import Age, claim, lead
from app.support.ground import Grounding, check
from app.turn.transcript import Transcript
from app.turn.writing import supported_only
from tests.app.passages import passage
from tests.app.reader import quoting
from vectorstore.language.sentences import sentence_spans

ASKED = {
    "de": (
        "Wie viele Tage pro Woche sind im Homeoffice erlaubt?",
        "Im Homeoffice sind höchstens {} Tage pro Woche erlaubt.",
    ),
    "es": (
        "¿Cuántos días por semana se permite el teletrabajo?",
        "Se permite el teletrabajo como máximo {} días por semana.",
    ),
}
TITLES = (("Regel", "Neue Regel"), ("Was galt? Fassung v1.2", "Was gilt? Fassung v2.0"), ("", ""))


def demanding(sentence: str, passages: Sequence[Passage]) -> Grounding:
    """Support only what stands in a passage word for word."""
    found = check(sentence, passages)
    return found if found.support == 1.0 else replace(found, support=0.1, verdict="unsupported")


def disagreeing(language: str, titles: tuple[str, str]) -> tuple[str, list[Passage]]:
    question, rule = ASKED[language]
    dated = (("2024-02-01", 2), ("2026-06-15", 3))
    return question, [
        renamed(passage(rule.format(days), number=number, title=title or f"2025/r{number}", modified=when), title)
        for number, (title, (when, days)) in enumerate(zip(titles, dated, strict=True), start=1)
    ]  # fmt: skip


def renamed(found: Passage, title: str) -> Passage:
    return replace(found, document=replace(found.document, title=title))


def strictly(question: str, passages: Sequence[Passage]) -> tuple[str, str]:
    """Return the answer as written, and as withholding with a demanding check lets it through."""

    answerer = quoting(question, passages)

    async def collect(strict: bool) -> str:
        pieces = answerer.write(question, passages=passages, history=())
        kept = (
            supported_only(pieces, passages=passages, asked=question, check=demanding) if strict else pieces
        )
        return "".join([piece async for piece in kept if not isinstance(piece, Written)])

    return asyncio.run(collect(strict=False)), asyncio.run(collect(strict=True))


@pytest.mark.parametrize("titles", TITLES)
@pytest.mark.parametrize("language", list(ASKED))
def test_withholding_keeps_the_words_that_name_disagreeing_documents(
    language: str, titles: tuple[str, str]
) -> None:
    question, passages = disagreeing(language, titles)
    written, kept = strictly(question, passages)
    assert lead("newer", passages[1].document, language) in written
    assert lead("older", passages[0].document, language) in written
    assert kept == written


@pytest.mark.parametrize("titles", TITLES)
def test_only_the_quote_after_a_lead_is_judged(titles: tuple[str, str]) -> None:
    question, passages = disagreeing("de", titles)
    transcript = Transcript(passages, check=demanding, allowed_links=())
    events = [*transcript.feed(strictly(question, passages)[0]), *transcript.finish()]
    verdicts = [event.verdict for event in events if isinstance(event, SentenceChecked)]
    assert verdicts == ["supported", "supported"]
    citations = next(event for event in events if isinstance(event, Citations)).citations
    assert [(one.number, one.support) for one in citations] == [(2, 1.0), (1, 1.0)]


@pytest.mark.parametrize("age", ["newer", "older"])
@pytest.mark.parametrize("language", languages())
def test_a_lead_is_no_claim_in_any_language(language: str, age: Age) -> None:
    home = passage("Ferien dauern 3 Tage.", title="Was gilt? Nr. 4: Ferien", modified="2026-06-15")
    text = f"Ja. {lead(age, home.document, language)}“Ferien dauern 3 Tage.” [1]"
    claims = [claim(text, start, end, [home]) for start, end in sentence_spans(text, quotations=True)]
    assert [said for said in claims if said] == ["Ja.", "Ferien dauern 3 Tage."]


def test_what_only_looks_like_a_lead_is_judged() -> None:
    home = passage("Leave is 3 days.", title="Rules", modified="2026-06-15")
    for text in (
        "According to Rules of 16 June 2026: Leave is 3 days.",
        "According to the CEO of 15 June 2026: Leave is 3 days.",
        "According to Rules of 15 June 2026, which all may break: Leave is 3 days.",
    ):
        assert claim(text, 0, len(text), [home]) == text
    assert claim("[1], [2].", 0, 9, [home]) == ""


STEPS = passage("| Step | Note |\n|---|---|\n| A | Close the valve. Then wait. |", title="Steps")
QUOTED = "“A, Note: Close the valve. Then wait.” [1]"


def test_a_quotation_of_several_sentences_is_one_claim_with_its_marker() -> None:
    transcript = Transcript([STEPS], check=demanding, allowed_links=())
    events = [*transcript.feed(f"{QUOTED} “Steps.” [1]"), *transcript.finish()]
    assert [(one.start, one.end) for one in events if isinstance(one, SentenceChecked)] == [
        (0, len(QUOTED)),
        (len(QUOTED) + 1, len(QUOTED) + 13),
    ]
    citations = next(event for event in events if isinstance(event, Citations)).citations
    assert [one.claim for one in citations] == [(0, len(QUOTED)), (len(QUOTED) + 1, len(QUOTED) + 13)]
    assert claim(QUOTED, 0, len(QUOTED), [STEPS]) == "A, Note: Close the valve. Then wait."


def test_withholding_leaves_no_half_of_a_quotation() -> None:
    def only_the_second(sentence: str, passages: Sequence[Passage]) -> Grounding:
        held = "wait" in sentence and "valve" not in sentence
        return replace(check(sentence, passages), verdict="supported" if held else "unsupported")

    async def kept() -> list[object]:
        async def pieces() -> AsyncGenerator[Piece, None]:
            yield QUOTED
            yield Written()

        return [
            one async for one in supported_only(pieces(), passages=[STEPS], asked="", check=only_the_second)
        ]

    assert asyncio.run(kept()) == [Written(outcome="refused")]
