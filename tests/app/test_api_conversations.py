"""Many visitors may share one key: a conversation is its creator's, who alone knows its name."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.http.asking import conversation_of_caller
from app.identity.grant import LOCAL, Grant
from app.identity.keys import Keys
from app.runs.records import Records
from tests.app.edge import ANSWER, ANSWERED, ScriptedTurn, serve, service
from vectorstore.types import Scope

VISITOR = Grant("shared", Scope(), frozenset({"chat"}))
GUESSABLE = (
    "conv_1", "chat1", "1", "anna", "anna@example.com", "conversation-0000000001", "my-conversation-with-the-handbook",
    "2026-11-29", "20261129101500", "session-2026-11-29-10-15-00", "aaaaaaaaaaaaaaaaaaaaaaaa", "00000000-0000-0000-0000-000000000000",
    "conv_000000000000000000000001", "12345678901234567890", "ABCDEFGHIJKLMNOPQRSTUVWX", "thread_1111111111111111", "x" * 200,
    "conv_ééééééééééééééé1a2b3c", "user:42", "a1b2c3",
)  # fmt: skip


@dataclass
class Shared:
    """A service whose visitors all hold the same key."""

    client: httpx.Client
    turn: ScriptedTurn

    def ask(self, **more: Any) -> str:
        """Ask, and return the name of the conversation as the service says it."""
        answer = self.client.post("/v1/chat", json={"message": "How much leave?", **more})
        return answer.text.split('"conversation":"')[1].split('"')[0]

    def heard(self) -> list[str]:
        """Return what was said before the last question."""
        return [message.text for message in self.turn.asked[-1].history]


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Shared]:
    secret = Keys(tmp_path / "keys.json").create("the web page").secret
    records = Records(f"sqlite:///{tmp_path / 'records.db'}")

    async def record(run: Any, events: Any) -> None:
        records.add(run.id, run.question, run.owner, events)

    turn = ScriptedTurn()
    of = service(turn, keys=tmp_path / "keys.json", records=records, on_end=record)
    headers = {"Authorization": f"Bearer {secret}"}
    with serve(of) as served, httpx.Client(base_url=served.url, headers=headers) as client:
        yield Shared(client, turn)
    records.close()


@pytest.mark.parametrize("name", GUESSABLE)
def test_a_name_that_others_can_guess_opens_nothing(shared: Shared, name: str) -> None:
    given_name = shared.ask(conversation=name)
    assert given_name != name
    assert conversation_of_caller(given_name, VISITOR) == given_name
    assert shared.ask(conversation=name) != given_name
    assert shared.heard() == []
    assert shared.client.delete(f"/v1/conversations/{name}").json() == {"runs": 0}
    shared.ask(conversation=given_name)
    assert shared.heard() == ["How much leave?", ANSWER]
    assert shared.client.delete(f"/v1/conversations/{given_name}").json() == {"runs": 2}


def test_a_name_drawn_by_chance_is_its_creators(shared: Shared) -> None:
    name = str(uuid.uuid4())
    assert shared.ask(conversation=name) == name
    shared.ask(conversation=name)
    assert shared.heard() == ["How much leave?", ANSWER]
    assert shared.client.delete(f"/v1/conversations/{name}").json() == {"runs": 2}


def test_a_chat_with_a_guessable_id_cannot_be_taken_up_or_stopped_by_others(shared: Shared) -> None:
    shared.turn.script = (*ANSWERED[:6], 30.0)
    body = {"id": "chat1", "messages": [{"role": "user", "content": "q"}]}
    with shared.client.stream("POST", "/api/chat", json=body) as stream:
        next(line for line in stream.iter_lines() if "text-delta" in line)
        assert shared.client.get("/api/chat/chat1/stream").status_code == 204
        assert shared.client.post("/api/chat/chat1/stop").json() == {"stopped": False}
        assert shared.turn.open == 1
        shared.client.post(f"/v1/runs/{stream.headers['x-run-id']}/cancel")


def test_agui_keeps_the_threads_name_for_its_client_and_another_for_the_records(shared: Shared) -> None:
    body = {"threadId": "t1", "runId": "r1", "messages": [{"role": "user", "content": "q"}]}
    assert '"threadId":"t1"' in shared.client.post("/agui", json=body).text
    assert shared.turn.asked[-1].conversation.startswith("conv_")


@given(st.uuids(version=4), st.integers(0, 2**96 - 1), st.text("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=16, max_size=16))  # fmt: skip
def test_without_keys_every_name_is_taken(drawn: uuid.UUID, number: int, letters: str) -> None:
    for name in (str(drawn), f"conv_{number:024x}", letters, "conv_1"):
        assert conversation_of_caller(name, LOCAL) == name
    assert conversation_of_caller("", LOCAL) is None


def test_names_as_clients_draw_them_are_taken() -> None:
    import random

    chance = random.Random(7)
    letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    drawn = {
        "uuid": [str(uuid.UUID(int=chance.getrandbits(128), version=4)) for _ in range(5_000)],
        "the service and the widget": [f"conv_{chance.getrandbits(96):024x}" for _ in range(5_000)],
        "useChat": ["".join(chance.choices(letters, k=16)) for _ in range(5_000)],
        "nanoid": ["".join(chance.choices(letters + "-_", k=21)) for _ in range(5_000)],
    }
    for client, names in drawn.items():
        refused = [name for name in names if conversation_of_caller(name, VISITOR) is None]
        assert len(refused) <= 5, (client, refused)
