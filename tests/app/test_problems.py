"""Every error of the family has a status, and says it in the dialect's shape."""

import pytest
from pydantic import ValidationError

from app.events import Cancelled, Failed
from app.http.routes.chat import ChatBody
from app.problems import openai_error, problem_details, problem_of, problem_of_ending, validation_sentence
from vectorstore import errors
from vectorstore.errors import FootnoteError


def family(kind: type[FootnoteError] = FootnoteError) -> list[type[FootnoteError]]:
    """All errors that are made of what happened and a hint; a model's failure carries its code first."""
    children = [child for child in kind.__subclasses__() if child.__init__ is FootnoteError.__init__]
    return [kind, *(each for child in children for each in family(child))]


@pytest.mark.parametrize("kind", family()[1:])
def test_every_error_of_the_family_is_in_the_table(kind: type[FootnoteError]) -> None:
    problem = problem_of(kind("It broke.", "Mend it."))
    assert problem.status != 500
    assert problem.sentence == "It broke. Mend it."
    assert problem_details(problem)["status"] == problem.status
    assert openai_error(problem)["error"]["message"] == problem.sentence


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.NotFound, 404),
        (errors.BadInput, 400),
        (errors.NotAllowed, 403),
        (errors.Busy, 503),
        (errors.Unavailable, 503),
    ],
)
def test_statuses_are_what_clients_expect(error: type[FootnoteError], status: int) -> None:
    assert problem_of(error("x.")).status == status


def test_what_can_be_tried_again_says_when() -> None:
    assert problem_of(errors.Busy("x.")).retry_after == 2
    assert problem_of(errors.NotFound("x.")).retry_after is None
    assert problem_of_ending(Failed("model_unavailable", "x.", retryable=False)).retry_after is None
    assert problem_of_ending(Failed("model_unavailable", "x.", retry_after=30)).retry_after == 30


def test_endings_have_statuses_of_their_own() -> None:
    assert problem_of_ending(Failed("model_timeout", "x.")).status == 504
    assert problem_of_ending(Failed("model_cut_off", "x.")).status == 502
    assert problem_of_ending(Cancelled("shutdown")).status == 503
    assert problem_of_ending(Cancelled("user")).status == 409


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"message": "x", "where": {"a": []}}, "`where.a`: List should have at least 1 item"),
        ({"message": "x", "where": [{"field": "a", "op": "x", "values": [1]}]}, "`where.0.op`: Input should be 'eq'"),
        ({"message": {"role": "user", "content": [5]}}, "`message.content.0`: Input should be a valid dictionary"),
        ({"message": 5}, "`message`: Input should be a valid string."),
        ({"message": "x", "top_k": 0}, "`top_k`: Input should be greater than or equal to 1."),
        ({}, "send the question as `message`"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_body_is_said_in_the_clients_own_names(body: object, sentence: str) -> None:
    with pytest.raises(ValidationError) as invalid:
        ChatBody.model_validate(body)
    errors = [{**error, "loc": ("body", *error["loc"])} for error in invalid.value.errors()]
    problem = validation_sentence(errors)
    assert problem.sentence.startswith(sentence)
    assert problem.status == 422
