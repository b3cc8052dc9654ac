"""Answers that are given again: never another's, another generation's, another setting's, another question's."""

import asyncio
import random
import sys
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.events import Done, Event, Explained, Failed, Sources, Started, Text, Timing, Usage
from app.people.people import People
from app.question import Message, Question
from app.runs.records import Records, records_url
from app.settings import CacheSettings
from app.turn.cache import CACHED, AnswerCache, essence
from tests.app.edge import PASSAGES, serve, service
from vectorstore.types import Condition, Generation, Scope


@dataclass
class Truth:
    """A store of which the generation and who may read count, and nothing else."""

    number: int = 1
    open: bool = True

    @contextmanager
    def snapshot(self) -> Iterator[Any]:
        yield self

    def info(self) -> Any:
        return self

    def readable(self, documents: object, *, scope: Scope) -> bool:
        return self.open


@dataclass
class Named:
    """Answers with all that the answer hangs on, and how often it was asked."""

    truth: Truth
    by: str = "s1"
    asked: int = 0
    ending: Event = field(default_factory=Done)

    async def __call__(self, question: Question, run: str) -> AsyncGenerator[Event, None]:
        self.asked += 1
        yield Started(run, question.conversation, "named", 1.0, "")
        yield Explained(
            "", Generation(self.truth.number), 0.9, 0.4, 0.2, timings=(Timing("retrieving", 9.0),)
        )
        yield Sources(PASSAGES)
        yield Text(told(question, self.truth, self.by))
        yield Usage(512, 9)
        yield self.ending


def told(question: Question, truth: Truth, by: str) -> str:
    scope = question.scope
    names = (scope.tenant, sorted(scope.groups), scope.user, scope.unrestricted)
    return repr((question.text, names, question.variant, question.top_k, truth.number, by))


def cache(turn: Named, **given: Any) -> AnswerCache:
    return AnswerCache(turn, turn.truth, CacheSettings(**given), lambda question, run: turn.by)  # type: ignore[arg-type]


def ask(of: AnswerCache, question: Question, run: str = "run_1") -> list[Event]:
    async def all_of() -> list[Event]:
        async with aclosing(of.answer(question, run)) as events:
            return [event async for event in events]

    return asyncio.run(all_of())


def answer(events: list[Event]) -> str:
    return "".join(event.delta for event in events if isinstance(event, Text))


def first_and_again(url: str, text: str, **given: object) -> list[str]:
    """Ask twice over HTTP, and return the stages that each answer took."""
    stages = []
    for _ in range(2):
        run = httpx.post(f"{url}/v1/chat", json={"message": text} | given).headers["x-run-id"]
        told = httpx.get(f"{url}/v1/runs/{run}").json()
        stages.append(" ".join(each["stage"] for each in told["timings"]))
    return stages


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, AnswerCache, Path]]:
    """A service with people's records over a cache, its address and its data folder."""
    folder = tmp_path_factory.mktemp("cached")
    turn = Named(Truth())
    of = cache(turn)
    records = Records(records_url("", folder))
    base = service(of.answer, records=records)  # type: ignore[arg-type]
    with serve(replace(base, forget_answers=of.clear, people=People(records, folder))) as served:
        yield served.url, of, folder
    records.close()


def test_asked_again_it_is_given_again_unless_it_is_wanted_fresh(kept: tuple[str, AnswerCache, Path]) -> None:
    url, _, _ = kept
    assert first_and_again(url, "How much leave?") == ["retrieving", CACHED]
    assert first_and_again(url, "How much leave?", fresh=True) == ["retrieving", "retrieving"]


def test_who_forgets_a_conversation_leaves_nothing_in_it(kept: tuple[str, AnswerCache, Path]) -> None:
    url, of, _ = kept
    httpx.post(f"{url}/v1/chat", json={"message": "What of sick pay?", "conversation": "c9"})
    assert len(of)
    assert httpx.delete(f"{url}/v1/conversations/c9").status_code == 200
    assert len(of) == 0


def test_an_erasure_by_a_command_reaches_it(kept: tuple[str, AnswerCache, Path]) -> None:
    url, of, folder = kept
    httpx.post(f"{url}/v1/chat", json={"message": "What of parental leave?"})
    assert len(of)
    # As `footnote people erase` does beside a service that runs.
    People(Records(records_url("", folder)), folder).note("local", by="test")
    by = time.monotonic() + 20
    while len(of) and time.monotonic() < by:
        time.sleep(0.05)
    assert len(of) == 0


def test_a_browser_that_has_a_file_is_told_so(kept: tuple[str, AnswerCache, Path]) -> None:
    url, _, _ = kept
    with httpx.Client(base_url=url) as browser:
        widget = browser.get("/widget.js")
        tag = widget.headers["etag"]
        assert "max-age=3600" in widget.headers["cache-control"]
        named = browser.get("/widget.js", params={"v": tag.strip('"')})
        assert "immutable" in named.headers["cache-control"]
        assert "immutable" not in browser.get("/widget.js?v=another").headers["cache-control"]
        for shown in (tag, f'W/{tag}, "another"', "*"):
            again = browser.get("/widget.js", headers={"if-none-match": shown})
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == tag
            assert again.headers["cross-origin-resource-policy"] == "cross-origin"
        assert browser.get("/widget.js", headers={"if-none-match": '"another"'}).content == widget.content
        page = browser.get("/page.js")
        assert page.headers["cache-control"] == "no-cache"
        home = browser.get("/", headers={"if-none-match": browser.get("/").headers["etag"]})
        assert home.status_code == 304
        assert "content-security-policy" in home.headers


LEAVE = Question("How much leave do I get?", Scope(groups=frozenset({"hr"})), conversation="c1", top_k=6)


def test_the_same_question_is_answered_once_and_each_answer_is_its_own_run() -> None:
    turn = Named(Truth())
    of = cache(turn)
    first, second = ask(of, LEAVE), ask(of, replace(LEAVE, conversation="c2"), "run_2")
    assert turn.asked == 1
    assert answer(first) == answer(second)
    started, explained = second[:2]
    assert isinstance(started, Started)
    assert (started.run, started.conversation) == ("run_2", "c2")
    assert started.created > 1.0
    assert started.notice
    assert isinstance(explained, Explained)
    assert [each.stage for each in explained.timings] == [CACHED]
    # No model was asked: nobody's budget pays for it.
    assert Usage(0, 0) in second


@pytest.mark.parametrize(
    ("given", "question"),
    [
        ({"cache_answers": "off"}, LEAVE),
        ({}, replace(LEAVE, fresh=True)),
        ({}, replace(LEAVE, at=Generation(1))),
        ({}, replace(LEAVE, history=(Message("user", "Hi"), Message("assistant", "Hello")))),
        ({"cache_seconds": 1e-9}, LEAVE),
    ],
)
def test_what_is_not_to_come_from_it_does_not(given: dict[str, Any], question: Question) -> None:
    turn = Named(Truth())
    of = cache(turn, **given)
    for _ in range(3):
        ask(of, question)
    assert turn.asked == 3


@pytest.mark.parametrize(
    "ending",
    [Failed("model_timeout", "Too slow."), Done("length"), Done("content_filter"), Done(instead=True)],
)
def test_what_broke_or_was_cut_is_not_kept(ending: Event) -> None:
    turn = Named(Truth(), ending=ending)
    of = cache(turn)
    ask(of, LEAVE)
    assert len(of) == 0


def test_what_other_settings_wrote_is_not_given_as_of_those_that_came_meanwhile() -> None:
    turn = Named(Truth())
    of = cache(turn)

    async def promoted_on_the_way() -> None:
        async with aclosing(of.answer(LEAVE, "run_1")) as events:
            async for event in events:
                turn.by = "s2" if isinstance(event, Text) else turn.by

    asyncio.run(promoted_on_the_way())
    assert len(of) == 0


def test_true_is_not_the_number_one() -> None:
    turn = Named(Truth())
    of = cache(turn)
    for value in (True, 1):
        ask(of, replace(LEAVE, where=(Condition("open", "eq", (value,)),)))
    assert turn.asked == 2


def test_what_may_no_longer_be_read_is_not_shown_again() -> None:
    truth = Truth()
    turn = Named(truth)
    of = cache(turn)
    ask(of, LEAVE)
    truth.open = False
    ask(of, LEAVE)
    assert turn.asked == 2


def test_a_commit_and_an_erasure_empty_it() -> None:
    truth = Truth()
    of = cache(Named(truth))
    ask(of, LEAVE)
    truth.number = 2
    ask(of, replace(LEAVE, text="Something else?"))
    assert len(of) == 1
    of.clear()
    assert len(of) == 0


def test_an_answer_that_was_begun_before_an_erasure_is_not_kept_after_it() -> None:
    of = cache(Named(Truth()))

    async def erased_on_the_way() -> None:
        async with aclosing(of.answer(LEAVE, "run_1")) as events:
            async for event in events:
                if isinstance(event, Text):
                    of.clear()

    asyncio.run(erased_on_the_way())
    assert len(of) == 0


def test_an_answer_during_which_settings_changed_is_not_kept() -> None:
    turn = Named(Truth())
    of = cache(turn)

    async def promoted_on_the_way() -> None:
        async with aclosing(of.answer(LEAVE, "run_1")) as events:
            async for event in events:
                if isinstance(event, Text):
                    turn.by = "s2"

    asyncio.run(promoted_on_the_way())
    assert "s2" in answer(ask(of, LEAVE))
    assert turn.asked == 2


def test_many_who_ask_at_the_same_time_do_not_disturb_each_other() -> None:
    """What is looked for in threads is kept by the event loop; a thread that gives way often meets it."""
    of, interval = cache(Named(Truth())), sys.getswitchinterval()

    async def one(number: int) -> None:
        async with aclosing(of.answer(replace(LEAVE, text=f"Question {number}?"), f"run_{number}")) as events:
            assert [type(event) async for event in events][-1] is Done

    async def all_of() -> None:
        for begin in range(0, 600, 60):
            await asyncio.gather(*(one(number) for number in range(begin, begin + 60)))

    sys.setswitchinterval(1e-6)
    try:
        asyncio.run(all_of())
    finally:
        sys.setswitchinterval(interval)
    assert len(of) == CacheSettings().cache_entries


def test_only_so_many_are_kept() -> None:
    of = cache(Named(Truth()), cache_entries=3)
    for number in range(9):
        ask(of, replace(LEAVE, text=f"Question {number}?"))
    assert len(of) == 3


@pytest.mark.parametrize("probes", [1_500, pytest.param(10_000, marks=pytest.mark.slow)])
def test_probes_over_scopes_generations_and_settings_get_no_answer_of_another(probes: int) -> None:
    chance = random.Random(21)
    groups = [frozenset(), frozenset({"hr"}), frozenset({"hr", "it"}), frozenset({"it"})]
    scopes = [
        Scope(tenant, each, unrestricted, user)
        for tenant, each, unrestricted, user in product(("a", "b"), groups, (False, True), ("", "ann", "bob"))
    ]
    truth = Truth()
    turn = Named(truth)
    of = cache(turn, cache_answers="near", cache_entries=2_000)
    texts = [
        "How much leave?",
        "how much  leave",
        "How much leave in 2025?",
        "How much leave in 2026?",
        "US tax?",
        "us tax?",
    ]

    alike = {one: [other for other in texts if essence(other) == essence(one)] for one in texts}

    async def probe() -> None:
        for number in range(probes):
            if not number % 200:
                truth.number = chance.choice((truth.number, truth.number + 1))
            turn.by = chance.choice(("s1", "s2"))
            question = Question(
                chance.choice(texts),
                chance.choice(scopes),
                conversation=f"c{number}",
                top_k=chance.choice((6, 20)),
                variant=chance.choice(("", "b")),
                cites_only=chance.random() < 0.2,
            )
            async with aclosing(of.answer(question, f"run_{number}")) as events:
                got = answer([event async for event in events])
            wanted = {told(replace(question, text=text), truth, turn.by) for text in alike[question.text]}
            assert got in wanted

    asyncio.run(probe())
    assert probes - turn.asked > probes / 20


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("How much leave do I get?", "how much leave do i get"),
        ("How much leave do I get?", "Hello, can you tell me how much leave do I get, please?  "),
        ("What is the notice period?", "What is notice period"),
        ("“Where” is the car park?", "please where is the car park??"),
        ("Wie lang ist die Kündigungsfrist?", "wie lang ist Kündigungsfrist bitte"),
        ("Sick pay?", "hi " * 1_500 + "sick pay" + " thanks" * 1_500),
    ],
)
def test_what_differs_in_manners_alone_is_the_same(one: str, other: str) -> None:
    assert essence(one) == essence(other)


SUBJECTS = (
    "annual leave",
    "the notice period",
    "a travel advance",
    "parental leave",
    "the laptop budget",
    "sick pay",
)
NUMBERS = (
    "2",
    "3",
    "12",
    "2025",
    "2026",
    "1.5",
    "-5",
    "5",
    "10%",
    "10",
    "€40",
    "$40",
    "two",
    "three",
    "1st",
    "2nd",
)
NAMES = (
    "Berlin",
    "Munich",
    "Adam",
    "Adams",
    "US",
    "us",
    "IT",
    "it",
    "May",
    "may",
    "C",
    "C++",
    "C#",
    "plan a",
    "plan A",
    "Jones",
    "Jone",
    "E.ON",
    "Eon",
)
NEGATED = (
    ("is", "is not"),
    ("is", "isn't"),
    ("can we", "can't we"),
    ("with", "without"),
    ("before", "after"),
    ("do", "never do"),
    ("any", "no"),
    ("under", "over"),
)


def pairs() -> Iterator[tuple[str, str]]:
    for subject in SUBJECTS:
        for ours in (NUMBERS, NAMES):
            for one, other in product(ours, ours):
                if one != other:
                    yield (
                        f"How much of {subject} is for {one} people?",
                        f"How much of {subject} is for {other} people?",
                    )
        for one, other in NEGATED:
            yield f"What {one} paid of {subject} in March?", f"What {other} paid of {subject} in March?"


def test_questions_that_differ_in_a_number_a_name_or_a_negation_are_not_the_same() -> None:
    found = list(pairs())
    assert len(found) >= 500
    assert [pair for pair in found if essence(pair[0]) == essence(pair[1])] == []


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60))
def test_any_text_has_an_essence_and_it_is_its_own(text: str) -> None:
    words = essence(text)
    assert words
    assert essence(f"  {text}\n") == words or not text.strip()
