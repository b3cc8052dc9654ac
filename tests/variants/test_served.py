"""Two services over one data folder, one a process of its own, and a model server that answers by the model's name."""

import io
import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import uvicorn

from app.build import build, build_service
from app.cli import main
from app.http.application import create_app
from app.identity.grant import person_id
from app.settings import Settings
from app.variants.standing import standing
from tests.fakes.handbook import write_documents
from tests.fakes.scripted_model import ScriptedModel, scripted_model
from tests.test_command_line import served
from vectorstore.settings import StoreSettings
from vectorstore.state.files import FileCell

PLAIN = "Full-time staff get 25 days of annual leave a year [1]."
LARGE = "Interns get 12 days [1]."
QUESTION = "How many days of annual leave do I get?"
USERS = [f"user{n}" for n in range(6)]


class Result(NamedTuple):
    stdout: str
    stderr: str


@dataclass
class World:
    folder: Path
    model: ScriptedModel
    replicas: tuple[str, str]
    key: str
    environment: dict[str, str]

    def run(self, *arguments: str, code: int = 0) -> Result:
        """Call a command as `footnote` does, in this process: libraries are loaded once."""
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            patch.chdir(self.folder)
            patch.setattr(sys, "argv", ["footnote", *arguments])
            for name, value in ({"NO_COLOR": "1", "COLUMNS": "200"} | self.environment).items():
                patch.setenv(name, value)
            with pytest.raises(SystemExit) as ended:
                main()
        assert (ended.value.code or 0) == code, out.getvalue() + err.getvalue()
        return Result(out.getvalue(), err.getvalue())

    def ask(self, user: str, replica: int = 0, question: str = QUESTION) -> tuple[str, str]:
        """Return the answer and its run."""
        body = {"messages": [{"role": "user", "content": question}], "stream": False}
        headers = {"Authorization": f"Bearer {self.key}", "X-Footnote-User": user}
        got = httpx.post(
            f"{self.replicas[replica]}/v1/chat/completions", json=body, headers=headers, timeout=60
        )
        assert got.status_code == 200, got.text
        return got.json()["choices"][0]["message"]["content"], got.headers["x-run-id"]

    def rate(self, user: str, run: str, rating: str) -> None:
        headers = {"Authorization": f"Bearer {self.key}", "X-Footnote-User": user}
        body = {"run": run, "rating": rating}
        assert httpx.post(f"{self.replicas[0]}/v1/feedback", json=body, headers=headers).status_code == 204

    def shown(self, name: str, code: int = 0) -> Any:
        return json.loads(self.run("variants", "show", name, "--json", code=code).stdout)["variants"][0]

    def until(self, count: int, what: str, name: str) -> Any:
        for _ in range(40):
            found = self.shown(name)
            if (found["broken"] if what == "broken" else found["arms"]["variant"]["answers"]) >= count:
                return found
            time.sleep(0.25)
        raise AssertionError(found)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("served")
    write_documents(folder)
    with scripted_model(text=PLAIN, says={"large": LARGE}) as model, ExitStack() as stack:
        environment = {
            "FOOTNOTE_LLM_MODEL": "plain",
            "FOOTNOTE_LLM_BASE_URL": model.url,
            "FOOTNOTE_LLM_RETRIES": "0",
            "FOOTNOTE_EMBEDDER": "all-MiniLM-L6-v2",
        }
        world = World(folder, model, ("", ""), "", environment)
        world.run("ingest", "docs")
        world.key = json.loads(world.run("keys", "create", "app", "--kind", "server", "--json").stdout)[
            "secret"
        ]
        apart = stack.enter_context(served(folder, **environment))
        world.replicas = (apart, stack.enter_context(beside(world)))
        yield world


@contextmanager
def beside(world: World) -> Iterator[str]:
    """Serve the same folder a second time, in this process."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in world.environment.items():
            patch.setenv(name, value)
        settings = Settings(store=StoreSettings(data_dir=world.folder / "data"))
    parts = build(settings)
    application = create_app(build_service(parts, settings))
    server = uvicorn.Server(uvicorn.Config(application, port=0, log_level="warning", lifespan="on"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True  # it closes the connections to the model
        thread.join(timeout=20)
        parts.close()


def test_a_variant_from_its_start_to_its_rollback(world: World) -> None:
    world.run("variants", "start", "large", "--share", "0.5", "--set", "FOOTNOTE_LLM_MODEL=large")
    now = standing(FileCell(world.folder / "data" / "variants.json"))
    with_large = {user for user in USERS if now.chosen(person_id("default", user), "")}
    assert 0 < len(with_large) < len(USERS)

    first, second = ([world.ask(user, replica) for user in USERS] for replica in (0, 1))
    for user, one, other in zip(USERS, first, second, strict=True):
        assert one[0] == other[0]
        assert ("12 days" in one[0]) == (user in with_large)
        world.rate(user, one[1], "up" if user in with_large else "down")

    found = world.shown("large")
    assert found["arms"]["variant"] | {"first_ms": 0, "total_ms": 0} == {
        "users": len(with_large), "answers": 2 * len(with_large), "first_ms": 0, "total_ms": 0, "tokens": found["arms"]["variant"]["tokens"],
    }  # fmt: skip
    assert found["measures"]["rating"]["means"] == [0.0, 1.0]
    assert found["verdict"].startswith("Too early: ")
    told = world.run("variants", "show").stdout
    assert "FOOTNOTE_LLM_MODEL=large" in told
    assert "Too early" in told

    # A command asks as the same user would be answered.
    user = min(with_large)
    asked = world.run("ask", QUESTION, "--as-user", user, "--json")
    assert "12 days" in json.loads(asked.stdout)["answer"]
    assert (
        "12 days" in json.loads(world.run("ask", QUESTION, "--variant", "large", "--json").stdout)["answer"]
    )
    assert "25 days" in json.loads(world.run("ask", QUESTION, "--json").stdout)["answer"]

    # Its model goes down: its users are answered by the settings, until it is back, and it is told.
    other = "How much annual leave do full-time staff get?"
    world.model.down.add("large")
    assert "25 days" in world.ask(user, question=other)[0]
    assert world.until(1, "broken", "large")["broken"] == 1
    world.model.down.clear()
    assert "12 days" in world.ask(user, question=other)[0]

    world.run("variants", "promote", "large")
    others = sorted(set(USERS) - with_large)
    assert all("12 days" in world.ask(user, replica)[0] for user in others[:2] for replica in (0, 1))
    assert [httpx.get(f"{each}/version").json()["model"] for each in world.replicas] == ["large"] * 2
    shown = world.run("config", "show", "--origin").stdout
    line = next(line for line in shown.splitlines() if line.startswith("FOOTNOTE_LLM_MODEL"))
    assert line.split() == ["FOOTNOTE_LLM_MODEL", "large", "promoted", "variant", "large"]
    assert "12 days" in json.loads(world.run("ask", QUESTION, "--json").stdout)["answer"]

    world.run("variants", "rollback")
    assert all("25 days" in world.ask(user, replica)[0] for user in USERS[:2] for replica in (0, 1))
    assert "promoted" not in world.run("config", "show", "--origin").stdout
    commands = world.run("audit", "export").stdout
    for command in ("start", "promote", "rollback"):
        assert f'"command": "variants {command}", "state": "ends", "outcome": 0' in commands


def test_a_shadow_is_seen_by_nobody_and_goes_with_the_person(world: World) -> None:
    world.run("variants", "start", "dark", "--share", "1", "--set", "FOOTNOTE_LLM_MODEL=large", "--shadow")
    runs = [world.ask("shady")[1] for _ in range(2)]
    found = world.until(2, "answers", "dark")
    assert found["arms"]["settings"]["answers"] == 2
    assert found["overlap"] is not None
    assert found["agreed"] == 1.0
    headers = {"Authorization": f"Bearer {world.key}", "X-Footnote-User": "shady"}
    kept = httpx.get(f"{world.replicas[0]}/v1/conversations", headers=headers).text
    assert len(httpx.Response(200, text=kept).json()["conversations"]) == 2
    entries = [json.loads(line) for line in world.run("audit", "export").stdout.splitlines()]
    for run in runs:
        shadow = [each for each in entries if each.get("run") == run and each["what"] == "shadow"]
        assert [(each["variant"], each["model"]) for each in shadow] == [("dark", "large")]
        assert shadow[0]["read"]
        assert sum(each.get("run") == run and each["what"] == "answer" for each in entries) == 1
    exported = json.loads(world.run("people", "export", "shady").stdout)
    assert "12 days" not in json.dumps(exported)
    assert '"variant": "dark"' in json.dumps(exported)
    world.run("people", "erase", "shady", "--yes")
    assert world.shown("dark")["arms"]["variant"]["answers"] == 0
    done = world.run("variants", "promote", "dark", code=2)
    assert "nobody has seen" in done.stderr
    world.run("variants", "stop", "dark")
