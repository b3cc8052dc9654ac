"""Released clients, unmodified, against a live server: text, citations, usage, errors, stop, resume.

`make clients` installs them. WRITE_CLIENTS=1 writes the outcome into docs/clients.md.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.events import Cancelled, Failed
from app.settings import ServeSettings, Settings
from tests.app.edge import ANSWER, ANSWERED, ScriptedTurn, serve, service
from tests.clients.matrix import CLIENTS, Client

SLOW = [step for event in ANSWERED for step in (event, 0.03)]
BROKEN_OFF = ANSWERED[:7]
SHOWN = "Staff get 25 days \U0001f334 [1]. "
Note = Callable[[Client, str, str], None]

every = pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
resuming = pytest.mark.parametrize(
    "client", [client for client in CLIENTS if client.resumes], ids=lambda client: client.name
)


@every
def test_text_is_equal_and_citations_arrive_as_far_as_the_client_carries_them(
    client: Client, note: Note
) -> None:
    client.need()
    with serve(
        service(ScriptedTurn(SLOW), settings=Settings(serve=ServeSettings(heartbeat_seconds=0.05)))
    ) as served:
        got = client.drive("read", served.url)
    assert got["text"] == ANSWER
    assert got["error"] is None
    assert got["finished"]
    assert got["usage"] == 521
    linked = [each for each in got["citations"] if each["url"]]
    if client.carries == "nothing":
        assert got["citations"] == []
    else:
        assert [each["title"].split(",")[0] for each in linked] == ["Handbook <b>2026</b>", "Leave policy"]
        assert linked[0]["url"].startswith(f"{served.url}/v1/documents/doc_handbook/view?")
        assert linked[0]["url"].endswith("#page=2")
    if client.carries == "page and quote":
        assert [each["page"] for each in linked] == [2, None]
        assert linked[0]["quote"] == "Staff get 25 days of annual leave."
    note(client, "text and usage", "yes")
    note(client, "citations", client.carries)


@every
@pytest.mark.parametrize(
    "ending",
    [
        pytest.param((Failed("model_timeout", "Too slow."),), id="failed"),
        pytest.param((Cancelled("shutdown"),), id="shutdown", marks=pytest.mark.slow),
        pytest.param((RuntimeError("boom"),), id="exception", marks=pytest.mark.slow),
        pytest.param((), id="truncated", marks=pytest.mark.slow),
    ],
)
def test_a_break_in_the_middle_is_an_error_and_never_looks_finished(
    client: Client, ending: tuple[Failed | Cancelled | RuntimeError, ...], note: Note
) -> None:
    client.need()
    with serve(service(ScriptedTurn((*BROKEN_OFF, *ending)))) as served:
        got = client.drive("read", served.url)
    assert not got["finished"]
    assert got["error"]
    if not client.name.startswith("langchain"):  # it drops what came before an error of its own making
        assert got["text"] == SHOWN
    note(client, "break is an error", "yes")


@every
def test_stop_reaches_the_server(client: Client, note: Note) -> None:
    client.need()
    turn = ScriptedTurn((*ANSWERED[:6], 30.0))
    with serve(service(turn)) as served:
        got = client.drive("stop", served.url)
        assert turn.closed.wait(10)
    assert not got["finished"]
    note(client, "stop", "yes")


@resuming
def test_a_lost_connection_is_taken_up_without_loss_or_repetition(client: Client, note: Note) -> None:
    client.need()
    turn = ScriptedTurn(SLOW)
    with serve(service(turn)) as served:
        got = client.drive("resume", served.url)
    assert got["text"] == ANSWER
    assert got["finished"]
    assert len(turn.asked) == 1
    note(client, "resume", "yes")


@pytest.mark.slow
def test_streams_of_thirty_seconds_with_heartbeats_pass_in_every_client(note: Note) -> None:
    pauses = [step for event in ANSWERED for step in (event, 2.6)]
    installed = [client for client in CLIENTS if client.installed()]
    with (
        serve(
            service(ScriptedTurn(pauses), settings=Settings(serve=ServeSettings(heartbeat_seconds=1.0)))
        ) as served,
        ThreadPoolExecutor(len(installed)) as pool,
    ):
        driving = [(client, pool.submit(client.drive, "read", served.url)) for client in installed]
        got = [(client, driven.result()) for client, driven in driving]
    for client, found in got:
        assert (client.name, found["text"], found["finished"]) == (client.name, ANSWER, True)
        note(client, "30 s with heartbeats", "yes")
