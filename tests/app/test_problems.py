"""Every error of the family has a status, and says it in the dialect's shape."""

import pytest

from app.events import Cancelled, Failed
from app.problems import openai_error, problem_details, problem_of, problem_of_ending
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
