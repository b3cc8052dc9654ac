"""The judge: labels from a real server on loopback, kept, repeated, capped, and never guessed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from eval.judge.judge import SUPPORT, Judge, open_cache, openai_ask, read_label
from eval.metrics.row import Prices
from tests.eval.outcomes import LEAVE, answered
from tests.fakes.scripted_model import scripted_model, serving

GOOD = answered("Full-time staff get 25 days. [1] Staff get a car. [1]", LEAVE)


@dataclass
class Model:
    """Says its lines in turn, then the last for ever; before that, as many 429s as `busy`."""

    lines: list[str]
    busy: int = 0
    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)

    async def complete(self, request: Request) -> Response:
        if self.busy:
            self.busy -= 1
            return JSONResponse({"error": {"message": "slow down"}}, 429, {"Retry-After": "0"})
        self.asked.append(await request.json())
        prompt = self.asked[-1]["messages"][0]["content"]
        line = self.lines.pop(0) if len(self.lines) > 1 else self.lines[0]
        line = "FULLY" if "FULLY" in prompt else line
        choice = {"index": 0, "message": {"role": "assistant", "content": line}, "finish_reason": "stop"}
        used = {"prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010}
        body = {
            "id": "x",
            "object": "chat.completion",
            "created": 0,
            "model": "m",
            "choices": [choice],
            "usage": used,
        }
        return JSONResponse(body)


@contextmanager
def model(*lines: str, busy: int = 0) -> Iterator[Model]:
    served = Model(list(lines), busy)
    with serving(Starlette(routes=[Route("/v1/chat/completions", served.complete, methods=["POST"])])) as url:
        served.url = f"{url}/v1"
        yield served


@contextmanager
def judge(folder: Path, url: str, *, retries: int = 0, name: str = "m", **more: Any) -> Iterator[Judge]:
    with open_cache(folder / "judge.db") as cache:
        ask = openai_ask(base_url=url, model=name, api_key="", retries=retries, timeout=5)
        yield Judge(ask, model=name, cache=cache, at_once=1, **more)


def test_verdicts_are_labels_and_are_kept(tmp_path: Path) -> None:
    with model("SUPPORTED", "**Unsupported**.") as server:
        with judge(tmp_path, server.url) as first:
            [scores] = first.scores([GOOD])
        assert scores["groundedness@judge"].value == 0.5
        assert scores["groundedness_strict@judge"].value == 0
        assert scores["answer_relevance@judge"].value == 1
        assert len(server.asked) == 3
        assert server.asked[0]["temperature"] == 0
        with judge(tmp_path, server.url, cache_only=True) as again:
            assert again.scores([GOOD]) == [scores]
        assert len(server.asked) == 3


def test_a_cache_that_lacks_a_verdict_makes_an_error_not_a_guess(tmp_path: Path) -> None:
    with judge(tmp_path, "http://127.0.0.1:9/v1", cache_only=True) as offline:
        [scores] = offline.scores([GOOD])
    assert {score.status for score in scores.values()} == {"error"}
    assert "cache" in offline.spent.stopped
    assert offline.spent.calls == 0


def test_a_reply_without_a_label_is_repaired_once_and_then_an_error(tmp_path: Path) -> None:
    with model("I think so!", "SUPPORTED") as server, judge(tmp_path, server.url) as repaired:
        assert repaired.scores([GOOD])[0]["groundedness@judge"].value == 1
        assert "one of these words" in server.asked[1]["messages"][0]["content"]
    with model("Who knows?") as server, judge(tmp_path / "b", server.url) as lost:
        assert lost.scores([GOOD])[0]["groundedness@judge"].status == "error"
        assert "no label" in lost.spent.failures[0]


def test_a_busy_server_is_asked_again_and_one_that_is_down_is_an_error(tmp_path: Path) -> None:
    with model("SUPPORTED", busy=2) as server, judge(tmp_path, server.url, retries=3) as patient:
        assert patient.scores([GOOD])[0]["groundedness@judge"].value == 1
    with judge(tmp_path / "b", "http://127.0.0.1:9/v1") as alone:
        found = alone.scores([answered(f"Interns get {days} days. [1]", LEAVE) for days in range(20)])
        assert {each["groundedness@judge"].status for each in found} == {"error"}
        assert "cannot be reached" in alone.spent.stopped
        # Those that were under way when the first one failed, and no more.
        assert alone.spent.calls <= 4


@pytest.mark.parametrize("fault", ["wrong-key", "broken", "unknown-model"])
def test_every_refusal_of_the_server_is_an_error(tmp_path: Path, fault: str) -> None:
    with scripted_model() as server, judge(tmp_path, server.url, name=fault) as refused:
        [scores] = refused.scores([GOOD])
    assert {score.status for score in scores.values()} == {"error"}


def test_the_cost_cap_stops_the_asking(tmp_path: Path) -> None:
    with model("SUPPORTED") as server:
        prices = Prices(read=1.0, written=0.0, most=0.0015)
        with judge(tmp_path, server.url, prices=prices) as capped:
            scores = capped.scores([GOOD, answered("Interns get 12 days. [1]", LEAVE)])
    assert capped.spent.calls == 2
    assert "most allowed" in capped.spent.stopped
    assert scores[1]["groundedness@judge"].status == "error"


def test_repeats_are_averaged_and_their_spread_is_told(tmp_path: Path) -> None:
    lines = ("SUPPORTED", "SUPPORTED", "SUPPORTED", "SUPPORTED", "UNSUPPORTED", "UNSUPPORTED")
    with model(*lines) as server, judge(tmp_path, server.url, repeats=2) as twice:
        [scores] = twice.scores([GOOD])
    assert scores["groundedness@judge"].value < 1
    assert twice.spread["groundedness@judge"] > 0


def test_labels_are_found_in_any_dress() -> None:
    assert read_label('{"label": "supported"}', SUPPORT) == "SUPPORTED"
    assert read_label("<think>UNSUPPORTED? no</think> Supported.", SUPPORT) == "SUPPORTED"
    assert read_label("not supported", SUPPORT) == "UNSUPPORTED"
    assert read_label("SUPPORTED or UNSUPPORTED", SUPPORT) is None
    assert read_label("", SUPPORT) is None
