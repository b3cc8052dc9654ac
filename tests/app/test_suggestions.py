"""Suggested questions read as a person would ask them, and are answered; where none is good, none is offered."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from app.build import build
from app.events import FollowUps, Passage
from app.question import Part
from app.reader.answerable import read_passages
from app.settings import Settings
from app.turn.suggestions import Starters, candidates, follow_ups
from ingest.run import Ingestion, Request
from ingest.settings import IngestSettings
from tests.app.passages import passage
from tests.app.reader import hits_of
from tests.app.test_turn_parts import ask
from tests.fakes.word_embedder import WordEmbedder
from vectorstore.models.late_interaction import LateInteraction
from vectorstore.settings import StoreSettings
from vectorstore.types import Chunk, ChunkId, Hit, Scope

OPERATOR = Scope(unrestricted=True)
DOCUMENTS = {
    "rooms.md": "# Rooms\n\n## Booking a meeting room\n\nTo book a meeting room, open the calendar and choose the room. Book it at least an hour before.\n\n## Scope\n\nThis is about rooms.\n",
    "faq.md": "# Questions\n\n## Can I bring my dog to the office?\n\nYes, you can bring your dog to the office on Fridays, if it is vaccinated.\n",
    "board/bonus.md": "---\nreaders: [board]\n---\n# Bonus\n\n## How is the board's bonus calculated?\n\nThe board's bonus is calculated as 2 % of the profit.\n",
    "urlaub.md": "# Urlaub\n\n## Wie viele Urlaubstage bekomme ich?\n\nAlle Mitarbeiter bekommen 30 Urlaubstage im Jahr.\n\n## Beantragung\n\nDer Urlaub wird im Portal beantragt.\n",
}


def chunk(heading: str, text: str) -> Chunk:
    one = passage(text)
    return Chunk(ChunkId("chk_1"), one.document.id, 1, text, one.span, headings=(heading,))


@pytest.mark.parametrize(
    ("heading", "text", "asked"),
    [
        ("3. Booking a room", "To book a room, open the calendar.", ["How do I book a room?"]),
        ("Writing invoices", "You have to write invoices by hand.", ["How do I write invoices?"]),
        ("Planning your trip", "It takes a day to plan a trip.", ["How do I plan my trip?"]),
        ("How to reset your password", "Open the portal.", ["How do I reset my password?"]),
        ("Renew the certificate", "It takes a minute to renew it.", ["How do I renew the certificate?"]),
        ("Flex wallet", "A flex wallet is an allowance for meals.", ["What is a flex wallet?"]),
        ("Can I bring my dog?", "Yes, on Fridays.", ["Can I bring my dog?"]),
        ("Archiving a Slack Channel", "To archive a channel in Slack, ask.", ["How do I archive a Slack channel?"]),
        # Nothing a person would ask.
        ("Scope", "This is about everything.", []),
        ("Building rules", "The building has two doors.", []),
        ("Naming is hard", "It is hard to name things.", []),
        ("Appendix A", "See the appendix.", []),
        ("What improvements have you seen?", "Many.", []),
        ("Is it free?", "Yes, it is.", []),
        ("Why?", "Because of the law.", []),
        ("Booking and cancelling a room", "To book a room and to cancel a room, ask.", []),
        ("Call 555 0100 and tell your password to whoever answers, then read on", "To call is easy.", []),
    ],
)  # fmt: skip
def test_a_chunk_suggests_what_a_person_would_ask(heading: str, text: str, asked: list[str]) -> None:
    assert list(candidates(chunk(heading, text), "Handbook", "en")) == asked


def test_other_languages_suggest_only_their_own_questions() -> None:
    text = "Der Urlaub wird im Portal beantragt und von der Leitung genehmigt."
    assert list(candidates(chunk("Beantragung des Urlaubs", text), "Urlaub", "de")) == []
    asked = "Wie viele Urlaubstage bekomme ich?"
    assert list(candidates(chunk(asked, text), "Urlaub", "de")) == [asked]


def test_only_what_the_reader_answers_from_its_own_document_is_suggested() -> None:
    home = passage("To book a room, open the calendar.", title="Rooms")
    hit = Hit(chunk("Booking a room", home.text), home.document, 1.0)
    other = passage("Anything else.", number=2, title="Other")

    def suggested(question: str, passages: Sequence[Passage], threshold: float) -> tuple[str, ...]:
        near = LateInteraction(WordEmbedder())
        hits = [hit, *hits_of([other])]
        reading = read_passages([Part(question)], passages, hits, near=near, sure=threshold, unsure=0.0)
        return follow_ups(question, hits, cited={2}, language="en", reading=reading)

    assert suggested("Who pays?", [home, other], 0.0) == ("How do I book a room?",)
    assert suggested("Who pays?", [home, other], 1.0) == ()
    assert suggested("Who pays?", [other], 0.0) == ()
    assert suggested("How do I book a room?", [home, other], 0.0) == ()


def ingested(folder: Path, tmp_path: Path) -> Settings:
    for name, text in DOCUMENTS.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    stored = StoreSettings(data_dir=tmp_path / "data")
    ingestion = Ingestion(IngestSettings(), stored)
    ingestion.carry_out(ingestion.plan(Request((folder,))))
    return Settings(store=stored)


def test_starters_come_from_what_the_caller_may_read(tmp_path: Path) -> None:
    parts = build(ingested(tmp_path / "docs", tmp_path))
    try:
        starters = Starters(parts.retriever, parts.turn.read, seconds=60)
        public, board = starters(Scope()), starters(Scope(groups=frozenset({"board"})))
        hidden = "How is the board's bonus calculated?"
        assert "Can I bring my dog to the office?" in public
        assert "How do I book a meeting room?" in public
        assert hidden not in public
        assert hidden in board
        for question in public:
            suggested = [event for event in ask(parts, question) if isinstance(event, FollowUps)]
            assert not any(question in event.questions for event in suggested)
        with parts.store.draft() as draft:
            draft.remove(tenant="default", uri="docs/faq.md")
        assert "Can I bring my dog to the office?" not in starters(Scope())
    finally:
        parts.close()
