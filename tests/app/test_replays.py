"""What was answered earlier is shown again only while its reader may still read what it was drawn from."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from app.identity.keys import Keys
from app.question import Message, Question
from app.runs.redis_format import run_from_json, run_to_json
from app.runs.run import Run
from tests.app.edge import ANSWERED, HANDBOOK, MemoryStore, ScriptedTurn, serve, service
from tests.app.library import Caller, Library, library_at
from tests.vectorstore.sample import put
from vectorstore.types import DocumentId, Scope

__all__ = ["library_at"]
ADDRESS = ("acme", "plan.md")
QUESTION = "What is the code word of the plan?"
CONVERSATION = "b7Qm2xT9vKc41LwZ"
"""A name that nobody guesses: others are anybody's."""


@dataclass
class Desk:
    """A caller without groups, a document that they may read, and the service."""

    library: Library
    client: TestClient
    caller: Caller
    secret: str

    def get(self, path: str) -> httpx.Response:
        return self.client.get(path, headers=self.caller.headers)

    def post(self, path: str, **body: Any) -> httpx.Response:
        """Ask, and wait until the answer is recorded."""
        response = self.client.post(path, json=body, headers=self.caller.headers)
        deadline = time.monotonic() + 10
        while self.runs.active and time.monotonic() < deadline:
            time.sleep(0.01)
        return response

    @property
    def runs(self) -> Any:
        return self.client.app.state.runs  # type: ignore[attr-defined]

    def restrict(self) -> None:
        with self.library.store.draft() as draft:
            put(draft, self.library.sample(ADDRESS, self.secret, frozenset({"hr"})))

    def update(self) -> None:
        with self.library.store.draft() as draft:
            put(draft, self.library.sample(ADDRESS, self.library.new_secret(), frozenset()))


@pytest.fixture
def desk(library_at: Any) -> Desk:
    library, client = library_at(0)
    secret = library.new_secret()
    with library.store.draft() as draft:
        put(draft, library.sample(ADDRESS, secret, frozenset()))
        for name in ("pay.md", "deep/memo.md", "list.md"):
            draft.remove(tenant="acme", uri=name)
    caller = next(each for each in library.callers if each.scope == Scope("acme"))
    return Desk(library, client, caller, secret)


@pytest.mark.parametrize(
    ("change", "status"), [(Desk.restrict, 404), (Desk.update, 200)], ids=["restricted", "changed but open"]
)
def test_a_run_is_replayed_as_long_as_all_behind_it_may_be_read(desk: Desk, change: Any, status: int) -> None:
    run = desk.post("/v1/chat", message=QUESTION).headers["x-run-id"]
    answered = desk.post("/v1/responses", input=QUESTION, include=["file_search_call.results"])
    identity = answered.json()["id"]
    paths = (f"/v1/runs/{run}", f"/v1/runs/{run}/events", f"/v1/responses/{identity}")
    before = [desk.get(path) for path in paths]
    assert [each.status_code for each in before] == [200, 200, 200]
    assert all(desk.secret in each.text for each in before)
    change(desk)
    after = [desk.get(path) for path in paths]
    assert [each.status_code for each in after] == [status] * 3
    assert all((desk.secret in each.text) == (status == 200) for each in after)
    again = desk.post("/v1/responses", input="What did you say?", previous_response_id=identity)
    assert again.status_code == status
    assert (
        desk.client.post(f"/v1/responses/{identity}/cancel", headers=desk.caller.headers).status_code
        == status
    )


def test_an_unreadable_run_looks_like_an_unknown_one(desk: Desk) -> None:
    run = desk.post("/v1/chat", message=QUESTION).headers["x-run-id"]
    desk.restrict()
    for path in ("/v1/runs/{}", "/v1/runs/{}/events"):
        hidden, unknown = desk.get(path.format(run)), desk.get(path.format("run_" + "0" * 24))
        assert hidden.status_code == unknown.status_code == 404
        said = [each.json()["detail"].replace(run, "run_" + "0" * 24) for each in (hidden, unknown)]
        assert said[0] == said[1]


def test_a_recorded_run_is_explained_as_long_as_all_behind_it_may_be_read(desk: Desk) -> None:
    run = desk.post("/v1/chat", message=QUESTION).headers["x-run-id"]
    desk.runs.board.runs.clear()  # as after ten minutes
    assert desk.secret in desk.get(f"/v1/runs/{run}").text
    desk.restrict()
    assert desk.get(f"/v1/runs/{run}").status_code == 404


def test_a_conversation_forgets_what_may_no_longer_be_read(desk: Desk) -> None:
    asked = desk.post("/v1/chat", message=QUESTION, conversation=CONVERSATION)
    assert desk.secret in asked.text
    repeated = desk.post("/v1/chat", message="What did you say?", conversation=CONVERSATION)
    assert desk.secret in repeated.text
    desk.restrict()
    # The second answer names no document, but it was drawn from the first.
    for question in ("What did you say?", "What was my last question?"):
        assert desk.secret not in desk.post("/v1/chat", message=question, conversation=CONVERSATION).text
    assert desk.get(f"/v1/runs/{repeated.headers['x-run-id']}/events").status_code == 404


def test_a_chain_of_responses_forgets_what_may_no_longer_be_read(desk: Desk) -> None:
    first = desk.post("/v1/responses", input=QUESTION).json()["id"]
    second = desk.post("/v1/responses", input="Thanks!", previous_response_id=first).json()["id"]
    desk.restrict()
    third = desk.post("/v1/responses", input="What did you say?", previous_response_id=second)
    assert third.status_code == 404
    assert desk.secret not in third.text


def test_what_a_message_was_drawn_from_reaches_other_replicas() -> None:
    said = Message("assistant", "Twelve.", frozenset({DocumentId("doc_b"), DocumentId("doc_a")}))
    question = Question("And then?", Scope(), history=(said,), top_k=6)
    assert run_from_json("run_1", run_to_json(Run(question))).question.history == (said,)


def test_a_stream_that_is_being_written_is_not_taken_up_again_once_it_may_not_be_read(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    headers = {"Authorization": f"Bearer {keys.create('reader').secret}"}
    slow = ScriptedTurn((*ANSWERED[:6], 5.0, *ANSWERED[6:]))
    of = service(slow, keys=tmp_path / "keys.json")
    with serve(of) as served, httpx.Client(base_url=served.url, headers=headers) as client:
        body = {"id": CONVERSATION, "messages": [{"role": "user", "content": "leave?"}]}
        with client.stream("POST", "/api/chat", json=body) as response:
            lines = response.iter_lines()
            while "text-delta" not in next(lines):
                pass
            with client.stream("GET", f"/api/chat/{CONVERSATION}/stream") as taken_up:
                assert taken_up.status_code == 200
            store = of.store
            assert isinstance(store, MemoryStore)
            store.all.remove(HANDBOOK)
            assert client.get(f"/api/chat/{CONVERSATION}/stream").status_code == 204


def test_readiness_tells_no_counts_where_there_are_keys(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    secret = keys.create("reader").secret
    with serve(service(keys=tmp_path / "keys.json")) as served:
        assert httpx.get(f"{served.url}/readyz").json() == {"ready": True}
        known = httpx.get(f"{served.url}/readyz", headers={"Authorization": f"Bearer {secret}"}).json()
        assert set(known) == {"ready", "detail"}
    with serve(service()) as served:
        assert httpx.get(f"{served.url}/readyz").json()["chunks"] == 4
        assert httpx.get(f"{served.url}/readyz", headers={"Host": "evil.test"}).json() == {"ready": True}
