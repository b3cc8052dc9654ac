"""What becomes of what a language model invents, as a reader of any dialect gets it from a real server."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.build import build, build_service
from app.events import Citations, Event, SentenceChecked, Text
from app.guard import inert
from app.language.phrases import languages, say
from app.settings import AnswerSettings, CacheSettings, ModelSettings, Settings, Unsupported
from app.support.claim import claim, states_absence, states_nothing
from app.support.ground import check
from app.turn.transcript import Doubts, Transcript
from tests.app.edge import serve
from tests.app.every_dialect import Shown, asked_in_every_dialect
from tests.app.passages import passage
from tests.fakes.handbook import small_handbook
from tests.fakes.scripted_model import ScriptedModel, scripted_model
from vectorstore.language.sentences import sentence_spans
from vectorstore.settings import StoreSettings

QUESTION = "How many days of annual leave do full-time staff get?"
MARK, PARTLY, INSTEAD = say("unsupported"), say("partly_supported"), say("instead")
TRUE = "Full-time staff get 25 days of annual leave a year [1]."
QUOTE = "“Annual leave policy” › “Entitlement”: “Full-time staff get 25 days of annual leave a year.” [1]"


@pytest.fixture(scope="module")
def model() -> Iterator[ScriptedModel]:
    with scripted_model() as running:
        yield running


@pytest.fixture(scope="module")
def answers(
    tmp_path_factory: pytest.TempPathFactory, model: ScriptedModel
) -> Iterator[Callable[[str, Unsupported], dict[str, Shown]]]:
    """Return how a model's words come out in every dialect, with a setting."""
    folder = tmp_path_factory.mktemp("unsupported")
    with small_handbook(folder), ExitStack() as open_:
        homes: dict[Unsupported, str] = {}
        for unsupported in get_args(Unsupported):
            settings = Settings(
                store=StoreSettings(data_dir=folder / "data"),
                answer=AnswerSettings(unsupported=unsupported),
                cache=CacheSettings(cache_answers="off"),
                model=ModelSettings(llm_base_url=model.url, llm_model="answer"),
            )
            parts = build(settings)
            open_.callback(parts.close)
            homes[unsupported] = open_.enter_context(serve(build_service(parts, settings))).url

        def shown(text: str, unsupported: Unsupported) -> dict[str, Shown]:
            model.text = text
            return asked_in_every_dialect(homes[unsupported], QUESTION)

        yield shown


INVENTED = "The CEO gets 90 days and a yacht [1]. Pets travel free on Fridays."
REFUSAL = "I could not find the answer in the documents I can search. The nearest are: "


@pytest.mark.parametrize(
    ("said", "unsupported", "shown", "outcome"),
    [
        (INVENTED, "quote", f"{INSTEAD}\n\n{QUOTE}", "answered"),
        (f"Hello! Here is what I found:\n\n{INVENTED}", "quote", f"{INSTEAD}\n\n{QUOTE}", "answered"),
        ("Hello! I hope this helps.", "quote", f"{INSTEAD}\n\n{QUOTE}", "answered"),
        (
            f"{TRUE} The CEO gets 90 days. Interns get 12 days [1].",
            "quote",
            f"{TRUE} The CEO gets 90 days. {MARK} Interns get 12 days [1].",
            "answered",
        ),
        (f"The CEO gets 90 days.\n\n{TRUE}", "quote", f"The CEO gets 90 days. {MARK}\n\n{TRUE}", "answered"),
        (
            f"Sure! Here is how many days of annual leave full-time staff get:\n- {TRUE}\n- The CEO gets 90 days.",
            "quote",
            f"Sure! Here is how many days of annual leave full-time staff get:\n- {TRUE}\n- The CEO gets 90 days. {MARK}",
            "answered",
        ),
        (
            f"{TRUE}\n\n| Who | Days |\n|---|---|\n| CEO | 90 days |",
            "quote",
            f"{TRUE}\n\n| Who | Days |\n|---|---|\n| CEO {MARK} | 90 days |",
            "answered",
        ),
        (
            f"{TRUE} Of yachts the passages say nothing.",
            "quote",
            f"{TRUE} Of yachts the passages say nothing.",
            "answered",
        ),
        ("The passages do not mention any of it.", "quote", REFUSAL, "refused"),
        (
            "**The documents do not mention it** [1].",
            "mark",
            "**The documents do not mention it** [1].\n\n" + REFUSAL,
            "refused",
        ),
        ("The documents do not say. You may want to ask the CEO.", "quote", REFUSAL, "refused"),
        (
            INVENTED,
            "mark",
            f"The CEO gets 90 days and a yacht [1]. {MARK} Pets travel free on Fridays. {MARK}",
            "answered",
        ),
        (f"{TRUE} The CEO gets 90 days.", "mark", f"{TRUE} The CEO gets 90 days. {MARK}", "answered"),
        (f"The CEO gets 90 days. {TRUE}", "withhold", TRUE, "answered"),
        (f"Here is what I found: {INVENTED}", "withhold", REFUSAL, "refused"),
    ],
)
def test_nothing_unsupported_reaches_a_reader_unmarked_in_any_dialect(
    answers: Callable[[str, Unsupported], dict[str, Shown]],
    said: str,
    unsupported: Unsupported,
    shown: str,
    outcome: str,
) -> None:
    for name, one in answers(said, unsupported).items():
        assert one.outcome == outcome, (name, one)
        if outcome == "refused":
            assert one.text.startswith(shown), name
        else:
            assert one.text == shown, name


SOURCE = passage("Staff get 25 days of leave. Interns get 12 days. Both may carry over 5 days.")
SENTENCES = st.lists(
    st.sampled_from(
        [
            "Staff get 25 days of leave [1].",
            "Interns get 12 days.",
            "The CEO gets 90 days [1].",
            "Pets are welcome!",
            "Sure!",
            "- The board flies to `Oslo` [1].",
            "| CEO | 90 [1] |",
            "## Pets and yachts",
            "Here is what I found:",
            "```",
        ]
    ),
    max_size=7,
)


def shown(said: str, cuts: Sequence[int], *, hold: bool) -> tuple[str, list[Event], bool]:
    doubts = Doubts("How much leave do staff get?", "en", hold=hold)
    transcript = Transcript([SOURCE], check=check, allowed_links=(), doubts=doubts)
    places = sorted({0, *cuts})
    pieces = [said[start:end] for start, end in zip(places, [*places[1:], len(said)], strict=True)]
    events = [event for piece in pieces for event in transcript.feed(piece)]
    events += transcript.finish()
    assert transcript.text == "".join(event.delta for event in events if isinstance(event, Text))
    return transcript.text, events, transcript.supported


@given(
    SENTENCES, st.sampled_from([" ", "\n", "\n\n"]), st.lists(st.integers(0, 150), max_size=5), st.booleans()
)
def test_every_mark_follows_its_sentence_and_offsets_hold(
    sentences: list[str], gap: str, cuts: list[int], hold: bool
) -> None:
    said = gap.join(sentences)
    text, events, supported = shown(said, cuts, hold=hold)
    assert text == shown(said, (), hold=hold)[0]
    if hold and not supported:
        assert text == ""
        return
    assert text.replace(f" {MARK}", "").replace(f"{MARK} ", "").replace(f" {PARTLY}", "").replace(
        f"{PARTLY} ", ""
    ) == (
        shown(said, (), hold=False)[0]
        .replace(f" {MARK}", "")
        .replace(f"{MARK} ", "")
        .replace(f" {PARTLY}", "")
        .replace(f"{PARTLY} ", "")
    )
    for event in events:
        match event:
            case SentenceChecked():
                near = text[event.start : event.end + len(PARTLY) + 1]
                assert (MARK in near or PARTLY in near) or event.verdict == "supported"
                assert not text[event.start].isspace()
            case Citations(citations):
                for one in citations:
                    assert text[slice(*one.marker)] == "[1]"
                    assert one.claim[0] <= one.marker[0] < one.marker[1] <= one.claim[1]


@pytest.mark.parametrize(
    "said",
    [
        "Hello!",
        "Sure, happy to help.",
        "Here is what I found:",
        "Based on the provided documents, here are the answers:",
        "I hope this helps!",
        "Please let me know.",
        "Hier ist die Antwort:",
        "Voici la réponse :",
        "Aquí está la respuesta:",
        "## Leave",
        "Would you like to know how many days of leave interns get?",
        "These are the days of leave that staff get:",
    ],
)
def test_what_only_leads_on_states_nothing(said: str) -> None:
    assert states_nothing(said, [SOURCE], "How much leave do staff get?")


@pytest.mark.parametrize(
    "said",
    [
        "The CEO gets a yacht:",
        "Did you know that pets travel free?",
        "## Pets travel free",
        "Staff get 30 days of leave:",
        "Staff get leave.",
        "It is forbidden.",
        "``` pets travel free",
    ],
)
def test_what_leads_on_and_says_something_is_checked(said: str) -> None:
    assert not states_nothing(said, [SOURCE], "How much leave do staff get?")


@pytest.mark.parametrize(
    "said",
    [
        "The documents do not contain this information.",
        "The provided passages don't say what a yacht costs.",
        "The text does not specify the price of a yacht.",
        "There is no information about yachts in the documents.",
        "The price of a yacht is not mentioned in the passages.",
        "I could not find the price of a yacht in the provided documents.",
        "Nothing about yachts can be found in these sources.",
        "Die Dokumente enthalten keine Angaben zu Yachten.",
        "In den Dokumenten steht nichts über Yachten.",
        "Les documents ne mentionnent pas le prix d'un yacht.",
        "Los documentos no mencionan el precio de un yate.",
    ],
)
def test_a_sentence_that_something_is_not_there_is_known(said: str) -> None:
    assert states_absence(said)


@pytest.mark.parametrize(
    "said",
    [
        "The documents do not say it, but pets travel free.",
        "The passages do not mention yachts; the CEO has one.",
        "The documents do not mention the 40 days that the CEO gets.",
        "Staff may not take documents home.",
        "Documents must not leave the office.",
        "Do not share sources with anybody.",
        "Die Dokumente dürfen nicht mitgenommen werden.",
        "Pets are not allowed in the canteen.",
    ],
)
def test_what_only_looks_like_one_is_checked(said: str) -> None:
    assert not states_absence(said)


@pytest.mark.parametrize("language", languages())
def test_a_mark_and_the_sentence_before_quotes_are_no_claims_and_no_citations(language: str) -> None:
    instead = say("instead", language)
    text = f"{instead}\n\n“Staff get 25 days of leave.” [1]"
    claims = [claim(text, *span, [SOURCE]) for span in sentence_spans(text, quotations=True)]
    assert [one for one in claims if one] == ["Staff get 25 days of leave."]
    for phrase in ("unsupported", "partly_supported"):
        mark = say(phrase, language)
        assert mark[0] in "(（"
        assert inert(f"Pets fly. {mark}") == f"Pets fly. {mark}"
        assert not re.search(r"[\[\]*_`<>|\d]", mark)
