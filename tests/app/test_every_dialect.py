"""What every dialect tells of an answer, over a real server."""

from typing import get_args

import pytest

from app.events import Done, Outcome
from tests.app.edge import ANSWER, ANSWERED, ScriptedTurn, serve, service
from tests.app.every_dialect import Shown, asked_in_every_dialect


@pytest.mark.parametrize("outcome", get_args(Outcome))
def test_what_came_of_a_question_is_told_in_every_dialect(outcome: Outcome) -> None:
    turn = ScriptedTurn((*ANSWERED[:-1], Done(outcome=outcome)))
    with serve(service(turn)) as served:
        shown = asked_in_every_dialect(served.url, "How much leave?")
    assert len(shown) == 7
    for name, one in shown.items():
        assert one == Shown(ANSWER, outcome, outcome == "refused"), name
