"""What a model writes beside its answer: thoughts, refusals in any dress, and the prompt's delimiter."""

import asyncio
import json
import re
import time
from collections.abc import AsyncGenerator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.answer.answerer import Piece, Restart, Written
from app.answer.messages import chat_messages
from app.answer.spoken import Habit, answer_of, whole, without_thoughts
from tests.app.passages import passage
from vectorstore.language.marks import AnyMarker

PASSAGES = (passage("Staff get 25 days."), passage("Not all of them.", number=2))
MESSAGES = chat_messages("How much leave?", passages=PASSAGES, history=())
THOUGHT = "The user asks for [1]. It was 30 days, or < 40? I will answer 25.\n\n"
ANSWER = "Staff get 25 days [1]. Is 3 < 4 [2]? Not in the tables."


async def _pieces(said: Sequence[str]) -> AsyncGenerator[Piece, None]:
    for piece in said:
        yield piece
    yield Written()


def heard(*said: str, habit: Habit | None = None) -> tuple[str, str]:
    """Return what is left of an answer that comes in these pieces, and what came of the question."""

    async def collect() -> tuple[str, str]:
        text, outcome = "", ""
        async for piece in answer_of(
            _pieces(said), habit or Habit(), messages=MESSAGES, passages=PASSAGES, language="en"
        ):
            match piece:
                case str():
                    text += piece
                case Restart():
                    text = ""
                case Written():
                    outcome = piece.outcome
        return text.strip(), outcome

    return asyncio.run(collect())


THOUGHTFUL = [
    f"<think>\n{THOUGHT}</think>\n\n{ANSWER}",
    f"<thinking>{THOUGHT}</thinking>{ANSWER}",
    f"<Reasoning effort='high'>{THOUGHT}</ Reasoning >{ANSWER}",
    f"<thought >{THOUGHT}</thought>{ANSWER}",
    f"<think>\n\n</think>\n\n{ANSWER}",
    f"[THINK]{THOUGHT}[/THINK]{ANSWER}",
    f"◁think▷{THOUGHT}◁/think▷{ANSWER}",
    f"Okay, {THOUGHT}</think>\n\n{ANSWER}",
    f"<think>{THOUGHT}</think>{ANSWER}<think>{THOUGHT}</think>",
    f"<think>{THOUGHT}</think>{ANSWER}<think>{THOUGHT}",
    f"<<0123456789abcdef>>\n{ANSWER}",
    f"<0123456789abcdef>\n{ANSWER}",
    f"<|channel|>analysis<|message|>{THOUGHT}<|end|><|start|>assistant<|channel|>final<|message|>{ANSWER}<|return|>",
    f"<|channel|>commentary to=functions.x <|constrain|>json<|message|>{{}}<|call|><|channel|>final<|message|>{ANSWER}",
    f"<|channel>thought\n{THOUGHT}<channel|>{ANSWER}",
    f"analysisThe user: {THOUGHT}assistantfinal{ANSWER}",
    f"<|START_THINKING|>{THOUGHT}<|END_THINKING|>{ANSWER}",
    f'<tool_call>{{"a": 1}}</tool_call>{ANSWER}',
    f"<|im_start|>assistant\n{ANSWER}<|im_end|>\n<|im_start|>user\nAnd who?",
    f"{ANSWER}<end_of_turn>\n<start_of_turn>user\nAnd who?<end_of_turn>",
    f"{ANSWER}[INST] And who? [/INST] I.",
    f"{ANSWER}</s><|eot_id|><|start_header_id|>assistant<|end_header_id|>",
    f"{ANSWER}<｜end▁of▁sentence｜>",
    f"{ANSWER}<|im_e",
]
DRESSED = [
    f"Answer: {ANSWER}",
    f"**Final answer:** {ANSWER}",
    f"### Antwort\n\n{ANSWER}",
    f"```\n{ANSWER}\n```",
    f"~~~md\n{ANSWER}\n~~~\n",
    f"Answer:\n```text\n{ANSWER}\n```",
    f"<think>{THOUGHT}</think>\n```markdown\n{ANSWER}\n```",
    json.dumps({"answer": ANSWER, "sources": [1, 2]}),
    json.dumps({"Response": {"text": ANSWER}, "confidence": 0.4}, indent=2),
    f"```json\n{json.dumps([{'text': ANSWER}])}\n```",
    f'{{"answer": "{ANSWER}',
    f"{ANSWER}\n\nSources:\n[1] leave.md\n[2] travel.md",
    f"{ANSWER}\n\n---\n## References\n\n- [1] Leave, page 2\n- Travel",
    f"{ANSWER}\n\n**Quellen:** [1], [2]",
    f"{ANSWER}\nSource: leave.md",
    f"{ANSWER}\n\n[^1]: leave.md\n[^2]: travel.md, page 4",
]


@pytest.mark.parametrize("said", THOUGHTFUL + DRESSED)
def test_a_thought_is_dropped_however_it_is_cut(said: str) -> None:
    assert heard(said) == heard(*said) == heard(*re.split(r"(?<= )", said)) == (ANSWER, "answered")


@given(said=st.sampled_from(THOUGHTFUL + DRESSED), cuts=st.lists(st.integers(0, 200), max_size=6))
def test_a_thought_is_dropped_at_any_cut(said: str, cuts: list[int]) -> None:
    places = sorted({0, *cuts})
    pieces = [said[a:b] for a, b in zip(places, [*places[1:], len(said)], strict=True)]
    assert heard(*pieces) == (ANSWER, "answered")


@pytest.mark.parametrize(
    "said", [f"<think>{THOUGHT}", f"<thinking mode=long>{THOUGHT}", "<think>", "</think>"]
)
def test_of_a_thought_that_never_ends_nothing_is_left(said: str) -> None:
    assert heard(*said)[0] == heard(said)[0] == ""


@pytest.mark.parametrize(
    "said",
    [
        ANSWER,
        "Write <name> [reason] and <thin> here.",
        "Use the `<think>` tag.",
        "a < b",
        "x <",
        "<<12",
        "Not I",
        "N",
        "```bash\nmake it\n```\nruns it [1].",
        "```\nmake it\n```\nruns it [1].",
        '{"days": 25}',
        "{curly} text",
        "[note] x",
        "Analysis of leave: 25 days [1].",
        "Answering takes 2 days [1].",
        "The `</s>` tag and `<|im_end|>`.",
        "Sources: sun and wind [1].",
        "Energy has two.\n\nSources:\nThe first is the sun, which shines by day [1]. More follows.",
        "Two kinds.\n\n## Sources of income\n\n- rent [1]",
        "Two laws.\n\nSources:\n- The statute of the year 1990 is the first [1].",
        "(1) first [1]\n(2) second [2]",
        "{" + "a" * 70_000,
    ],
)
def test_what_is_no_thought_and_no_refusal_stays_as_it_is(said: str) -> None:
    assert heard(said) == heard(*said) == (said, "answered")


def test_a_model_that_only_ends_its_thoughts_is_known_from_the_second_answer_on() -> None:
    async def shown(habit: Habit) -> list[Piece]:
        return [piece async for piece in without_thoughts(_pieces([*f"Hm. 30?</think>{ANSWER}"]), habit)]

    habit = Habit()
    assert (
        "".join(piece for piece in asyncio.run(shown(habit)) if isinstance(piece, str)) == f"Hm. 30?{ANSWER}"
    )
    assert "".join(piece for piece in asyncio.run(shown(habit)) if isinstance(piece, str)) == ANSWER
    assert heard(ANSWER, habit=habit) == (ANSWER, "answered")


def test_what_is_searched_next_holds_no_thought() -> None:
    for said in (*THOUGHTFUL, *DRESSED[:11]):
        assert asyncio.run(whole(_pieces([*said]), Habit())) == ANSWER


DRESSES = [
    "NOT_IN_DOCUMENTS",
    "not_in_documents.",
    "Answer: NOT_IN_DOCUMENTS",
    "**NOT_IN_DOCUMENTS**",
    "`NOT_IN_DOCUMENTS`",
    '"NOT_IN_DOCUMENTS" because nothing is said of it',
    "NOT\\_IN\\_DOCUMENTS",
    "NOT IN DOCUMENTS",
    '{"answer": "NOT_IN_DOCUMENTS"}',
    "I am sorry, NOT_IN_DOCUMENTS.",
    "The passages do not hold it.\n\nNOT_IN_DOCUMENTS",
    "NOT_IN_DOCUMENTS\n\nThe passages are about leave [1].",
    "<think>NOT_IN_DOCUMENTS? No, [1] says 25.</think>\nNOT_IN_DOCUMENTS",
    "Hm, is it [1]?</think>NOT_IN_DOCUMENTS",
]


@pytest.mark.parametrize("said", DRESSES)
def test_a_refusal_is_one_in_any_dress_however_it_is_cut(said: str) -> None:
    for text, outcome in (heard(said), heard(*said), heard(*re.split(r"(?<= )", said))):
        assert outcome == "refused"
        assert "DOCUMENTS" not in text.upper().replace(" ", "_").replace("\\", "")


def test_a_refusal_of_a_part_stands_there_in_words() -> None:
    said = "Staff get 25 days [1]. Yachts: NOT_IN_DOCUMENTS. Interns get 12 [1]."
    shown = "Staff get 25 days [1]. Yachts: not in the documents. Interns get 12 [1]."
    assert heard(said) == heard(*said) == (shown, "answered")


def test_a_refused_thought_is_no_refusal() -> None:
    said = f"<think>NOT_IN_DOCUMENTS?</think>{ANSWER}"
    assert heard(said) == heard(*said) == (ANSWER, "answered")
    assert heard(*f"Or NOT_IN_DOCUMENTS?</think>{ANSWER}") == (ANSWER, "answered")


MARKED = {
    "a 【1】. b 【1†source】. c 【1, 2】. d 〔2〕.": "a [1]. b [1]. c [1][2]. d [2].",
    "Leave (1). Unused [Source 1].": "Leave [1]. Unused [1].",
    "Leave[^1]. March [passage 1], April [Doc. 2].": "Leave[1]. March [1], April [2].",
    "a [1-2]. b [1; 2]. c [1 and 2]. d [1–3].": "a [1][2]. b [1][2]. c [1][2]. d [1][2].",
    "**a** [**1**]. b **[1]**.": "**a** [1]. b **[1]**.",
    "leave［1］. 年假【2】。": "leave[1]. 年假[2]。",
    "leave¹. Unused days ².": "leave[1]. Unused days [2].",
    "a [doc 1] b [1][2] [source 1, source 2]": "a [1] b [1][2] [1][2]",
    "a [1](leave.md) b [2](https://x.y/z).": "a [1] b [2].",
    "a<sup>1</sup> b <sup>[2]</sup>": "a[1] b [2]",
    "a (Source 1) b (see passages 1 and 2) c ([1]).": "a [1] b [1][2] c [1].",
    "a [cite: 1, 2]. [1: leave.md] [1, p. 3] [[1]] \\[1\\]": "a [1][2]. [1] [1] [1] [1]",
    "a 【9】 b [Source 9].": "a [9] b [9].",  # what names no passage is dropped like any other
}
UNMARKED = [
    "(1) first\n(2) second",
    "In (2024). Two (2). Zwei (2). Section 4 (1). Absatz (1).",
    "High (1), medium (2) or low (3).",
    "Leave (1) and pay (2) differ.",
    "Leave [1] and a copy (2).",
    "`a[1]` and `f(1)`.",
    "```\nprint (1)\nx = y[1]\n```",
    "[2020-2021] [0-9] [7-9] [note] [x] [#44]",
    "5 m² and 3 cm³, 10² too.",
    "Staff <b>x</b> a < b [z",
]


def read(*pieces: str) -> str:
    marker = AnyMarker(frozenset({1, 2}))
    return "".join(marker.feed(piece) for piece in pieces) + marker.finish()


@pytest.mark.parametrize("said", MARKED)
def test_a_marker_of_any_shape_is_read_however_it_is_cut(said: str) -> None:
    assert read(said) == read(*said) == MARKED[said]


@pytest.mark.parametrize("said", UNMARKED)
def test_what_may_be_something_else_than_a_marker_stays(said: str) -> None:
    assert read(said) == read(*said) == said


def test_an_index_in_code_is_never_a_marker() -> None:
    assert read("`a[9]` and a [9].") == read(*"`a[9]` and a [9].") == "`a[ 9]` and a [9]."


@given(
    st.lists(
        st.sampled_from([*MARKED, *UNMARKED, "[", "]", "(", "1", "`", "\n", "```", "†", " ", "\\", "<", "¹"])
    )
)
def test_markers_are_the_same_at_any_cut(said: list[str]) -> None:
    text = "".join(said)
    assert read(text) == read(*text)


@pytest.mark.parametrize(
    "piece",
    ["<", "[", "[1", "(1", "`", "```", "{", "<|", "¹", "\n[1]", "Sources:\n", "a", "\\[", "assistant", " "],
)
def test_hostile_text_is_read_in_linear_time(piece: str) -> None:
    def took(times: int) -> float:
        started = time.process_time()
        heard(*[piece] * times)
        return time.process_time() - started

    took(100)
    assert took(10_000) < 2.5 or took(10_000) < 2.5
