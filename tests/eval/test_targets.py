"""Answers from a file and from servers: the same ruler for every system."""

import json
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.events import Done
from app.language.phrases import say
from eval.cases import Case, load_cases
from eval.commands.run import check_quotes
from eval.metrics.scorers import scores_of
from eval.targets.over_http import over_http, read_completion
from eval.targets.recorded import Answer, Read, load_answers, outcome_of
from tests.app.edge import ANSWER, ANSWERED, ScriptedTurn, serve, service
from tests.eval.outcomes import LEAVE
from tests.fakes.scripted_model import serving
from vectorstore.errors import BadInput, NotFound, Unavailable

CASE = Case(id="leave", question="How much leave?")
GOOD = {
    "id": "leave",
    "answer": "Full-time staff get 25 days. [1]",
    "passages": [{"doc": "a.md", "text": LEAVE}],
}


def test_recorded_answers_are_scored(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text(f"{json.dumps(GOOD)}\n\n")
    first, absent = load_answers(path).ask([CASE, CASE.model_copy(update={"id": "other"})])
    assert scores_of(first)["groundedness"].value == 1
    assert scores_of(first)["citation_validity"].value == 1
    assert "no answer" in absent.error
    assert {score.status for score in scores_of(absent).values()} == {"error"}


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([GOOD, GOOD], r"line 2: the id 'leave' is used twice"),
        ([GOOD, {"id": "b", "anwser": "x"}], r"line 2: anwser"),
        ([{"id": "b", "seconds": -1}], r"line 1: seconds"),
    ],
)
def test_a_bad_line_of_answers_is_named(tmp_path: Path, lines: list[dict[str, object]], says: str) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    with pytest.raises(BadInput, match=says):
        load_answers(path)
    path.write_text("{")
    with pytest.raises(BadInput, match="line 1: not JSON"):
        load_answers(path)
    with pytest.raises(NotFound):
        load_answers(tmp_path / "none.jsonl")


def test_a_running_footnote_is_asked_by_its_own_stream_and_as_openai_clients_do() -> None:
    with serve(service()) as served:
        native = over_http(served.url)
        plain = over_http(served.url, model="footnote")
        assert (native.native, plain.native) == (True, False)
        [one], [other] = native.ask([CASE]), plain.ask([CASE])
    assert one.error == other.error == ""
    assert one.answer == other.answer == ANSWER
    assert [p.document.uri for p in one.passages] == [p.document.uri for p in other.passages]
    assert one.passages
    assert one.citations
    assert one.citations == other.citations
    assert one.first_text_seconds is not None


def test_the_marks_of_a_running_footnote_are_not_held_against_its_answers() -> None:
    passages = (Read(doc="leave.md", text="Staff get 25 days of leave. Interns get 12 days."),)
    said = f"The CEO gets 90 days. {say('unsupported')} Interns get 12 days [1]."
    outcome = outcome_of(CASE, Answer(id=CASE.id, answer=said, passages=passages))
    assert [one.verdict for one in outcome.sentences] == ["unsupported", "supported"]


def test_an_unsure_answer_is_one_to_both_ways_of_asking() -> None:
    with serve(service(ScriptedTurn((*ANSWERED[:-1], Done(outcome="unsure"))))) as served:
        said = [over_http(served.url, model=model).ask([CASE])[0] for model in ("", "footnote")]
    assert [(one.outcome, one.unsure, one.refused) for one in said] == [("unsure", True, False)] * 2


def test_a_peer_that_is_busy_at_first_is_asked_again_and_one_that_fails_is_an_error() -> None:
    calls: list[str] = []

    async def complete(request: Request) -> Response:
        question = (await request.json())["messages"][-1]["content"]
        calls.append(question)
        if calls.count(question) == 1:
            return JSONResponse({}, 429, {"Retry-After": "0"})
        if question == "broken":
            return JSONResponse({}, 500)
        return JSONResponse(
            {"choices": [{"message": {"content": "25 days [1]."}}], "citations": ["http://a/x.md"]}
        )

    application = Starlette(routes=[Route("/v1/chat/completions", complete, methods=["POST"])])
    with serving(application) as url:
        target = over_http(url)
        good, bad = target.ask([CASE, CASE.model_copy(update={"question": "broken"})])
    assert good.answer == "25 days [1]."
    assert good.passages[0].document.uri == "http://a/x.md"
    assert "500" in bad.error


def test_annotations_tie_words_to_sources() -> None:
    noted = {
        "type": "url_citation",
        "url_citation": {"url": "http://a", "start_index": 0, "end_index": 8, "title": "A"},
    }
    body = {"choices": [{"message": {"content": "25 days. More.", "annotations": [noted]}}]}
    read = read_completion(body)
    assert read["passages"] == [{"doc": "http://a", "text": ""}]
    assert read["citations"] == [{"n": 1, "start": 0, "end": 8}]
    with pytest.raises(ValueError, match="no message"):
        read_completion({"choices": []})


def test_where_nothing_answers_that_is_said() -> None:
    with pytest.raises(BadInput):
        over_http("localhost:1")
    with pytest.raises(Unavailable, match="Nothing answers"):
        over_http("http://127.0.0.1:9")


def test_a_quote_that_its_document_does_not_hold_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "cases.jsonl"
    rows = [
        {"id": "a", "question": "?", "evidence": [{"doc": "leave.md", "quote": "25 days of annual leave"}]},
        {"id": "b", "question": "?", "evidence": [{"doc": "leave.md", "quote": "26 days of annual leave"}]},
    ]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    with pytest.raises(BadInput, match=r"cases\.jsonl, line 2: evidence\.quote"):
        check_quotes(load_cases(path), {"hr/leave.md": LEAVE}, path)
    check_quotes(load_cases(path), {}, path)


QUOTE = 'Don\'t carry "over" more than 5 days, see the leave form.'


@pytest.mark.parametrize(
    "written",
    [
        'Don\'t carry "over" more\n  than 5\u00a0days,\nsee the leave form.',
        "Don\u2019t carry \u201cover\u201d more than 5 days, see the leave form.",
        '**Don\'t** carry "over" *more* than `5 days`, see the _leave form_.',
        "Do**n't** carry &quot;over&quot; more than 5&nbsp;days, see the le\u00adave form.",
        'Don\'t carry "over" more than 5 days[^2], see the [leave form](../forms/leave_(new).md#top).',
        'Don\'t carry "over" more than 5 days, see the [leave form][forms].',
        "Don\\'t carry \\\"over\\\" more than 5 days\\, see the <a href='x'>leave</a> form\\.",
        '| Don\'t carry "over" | more than 5 days, | see the leave form. |',
    ],
)
def test_a_quote_is_found_whatever_the_markup_on_either_side(written: str, tmp_path: Path) -> None:
    path = tmp_path / "cases.jsonl"
    for quote, text in ((QUOTE, written), (written, QUOTE)):
        row = {"id": "a", "question": "?", "evidence": [{"doc": "leave.md", "quote": quote}]}
        path.write_text(json.dumps(row))
        check_quotes(load_cases(path), {"leave.md": f"Before. {text} After."}, path)
        with pytest.raises(BadInput):
            check_quotes(load_cases(path), {"leave.md": text.replace("5", "6")}, path)


def test_signs_that_no_spaces_part_are_found_inside_a_line(tmp_path: Path) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_text(
        json.dumps({"id": "a", "question": "?", "evidence": [{"doc": "a", "quote": "丢了 308分"}]})
    )
    check_quotes(load_cases(path), {"a": "黑豹队的防守只丢了308分，排名第六"}, path)


@pytest.mark.parametrize("part", ["dev", "test"])
def test_a_set_written_by_hand_over_real_handbooks_loads(part: str, shared_data: Path) -> None:
    path = shared_data / "office" / f"{part}.jsonl"
    cases = load_cases(path)
    assert any(case.history for case in cases)
    docs = {evidence.doc for case in cases for evidence in case.evidence}
    check_quotes(
        cases, {doc: (shared_data / "corpora" / doc).read_text(encoding="utf-8") for doc in docs}, path
    )
