"""`footnote eval` as a shell gets it: real servers on loopback, every exit code, the real command for the most common."""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from typer.testing import CliRunner

from app.commands.exit_codes import exit_code
from eval.commands import app
from tests import forked
from tests.fakes.handbook import write_documents
from tests.fakes.scripted_model import serving
from tests.forked import SHARED
from tests.test_command_line import footnote, served
from vectorstore.errors import FootnoteError

LEAVE = {
    "id": "leave",
    "question": "How many days of annual leave do full-time staff get?",
    "answerable": True,
    "evidence": [{"doc": "leave.md", "quote": "Full-time staff get 25 days"}],
    "must_include": ["25 days"],
    "reviewed": True,
}
INTERNS = {
    "id": "interns",
    "question": "How many days of annual leave do interns get?",
    "must_include": ["12 days"],
    "reviewed": True,
}
PASSAGE = {
    "doc": "leave.md",
    "text": "Full-time staff get 25 days of annual leave a year. Interns get 12 days.",
}
ANSWERS = [
    {"id": "leave", "answer": "Full-time staff get 25 days. [1]", "passages": [PASSAGE]},
    {"id": "interns", "answer": "Interns get 12 days. [1]", "passages": [PASSAGE]},
]
Shell = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """Run the installed command in a folder that holds cases and recorded answers."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", *SHARED) if name in os.environ}
    lines(tmp_path / "cases.jsonl", LEAVE, INTERNS)
    lines(tmp_path / "answers.jsonl", *ANSWERS)

    def called(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        return forked.run(tmp_path, ["eval", *map(str, arguments)], kept | environment)

    return called


@pytest.fixture
def command(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Run the command in this process, with what the shell would get of it: a process of its own takes seconds."""
    monkeypatch.chdir(tmp_path)

    def called(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        done = CliRunner(env=environment).invoke(app, [str(argument) for argument in arguments])
        if done.exception is None or isinstance(done.exception, SystemExit):
            return subprocess.CompletedProcess([], done.exit_code, done.stdout, done.stderr)
        assert isinstance(done.exception, FootnoteError), done.exception
        said = f"{done.stderr}{done.exception.what}\n{done.exception.hint}"
        return subprocess.CompletedProcess([], exit_code(done.exception), done.stdout, said)

    return called


def lines(path: Path, *rows: object) -> None:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")


def verdict(asked: dict[str, Any]) -> dict[str, Any]:
    """Answer as a judge that changes its mind when it is asked again."""
    first = "FULLY" if "FULLY" in asked["messages"][0]["content"] else "SUPPORTED"
    said = first if asked["seed"] == 0 or first == "FULLY" else "UNSUPPORTED"
    choice = {"index": 0, "message": {"role": "assistant", "content": said}, "finish_reason": "stop"}
    used = {"prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010}
    about = {"id": "x", "object": "chat.completion", "created": 0, "model": "m"}
    return about | {"choices": [choice], "usage": used}


def recorded(*more: str) -> tuple[str, ...]:
    return ("run", "--data", "cases.jsonl", "--answers", "answers.jsonl", "--out", "out", *more)


def test_recorded_answers_leave_with_every_code(shell: Shell, tmp_path: Path) -> None:
    base = ("--baseline", "base.json", "--require-baseline")
    assert shell(*recorded(*base)).returncode == 4
    made = shell(*recorded("--baseline", "base.json", "--update-baseline"))
    assert made.returncode == 0, made.stderr
    good = shell(*recorded(*base, "--fail-under", "groundedness=0.9"))
    assert good.returncode == 0, good.stderr
    lines(tmp_path / "answers.jsonl", ANSWERS[0], ANSWERS[1] | {"answer": "Interns get 13 days. [1]"})
    wrong = shell(*recorded("--fail-under", "must_include=0.9"))
    assert wrong.returncode == 1
    assert "must_include" in wrong.stdout
    lines(tmp_path / "answers.jsonl", ANSWERS[0])
    absent = shell(*recorded("--exit-zero"))
    assert absent.returncode == 3
    assert "incomplete: 1 of 2 cases broke" in absent.stdout
    assert shell(*recorded("--tag", "nothing")).returncode == 5


def test_bad_input_is_named_with_its_line(command: Shell, tmp_path: Path) -> None:
    def told(*arguments: str) -> str:
        done = command(*arguments)
        assert done.returncode == 2, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return " ".join(done.stderr.split())

    lines(tmp_path / "answers.jsonl", ANSWERS[0], ANSWERS[0])
    assert "answers.jsonl, line 2: the id 'leave' is used twice" in told(*recorded())
    (tmp_path / "cases.jsonl").write_text("{not json\n")
    assert "cases.jsonl, line 1: not JSON" in told(*recorded())
    docs = write_documents(tmp_path)
    lines(
        tmp_path / "cases.jsonl",
        INTERNS,
        LEAVE | {"evidence": [{"doc": "leave.md", "quote": "26 days of leave"}]},
    )
    assert "cases.jsonl, line 2: evidence.quote" in told("run", "--data", "cases.jsonl", "--docs", str(docs))
    (tmp_path / "cases.jsonl").write_text("")
    assert command(*recorded()).returncode == 5


def test_a_running_footnote_is_scored_and_one_that_is_not_there_is_incomplete(
    command: Shell, tmp_path: Path
) -> None:
    docs = write_documents(tmp_path)
    assert footnote(tmp_path, "ingest", docs.name).returncode == 0
    with served(tmp_path) as url:
        native = command(
            "run", "--data", "cases.jsonl", "--url", url, "--out", "native", FOOTNOTE_DATA_DIR="unused"
        )
        plain = command(
            "run", "--data", "cases.jsonl", "--url", f"{url}/v1", "--url-model", "footnote", "--out", "plain"
        )
    assert native.returncode == plain.returncode == 0, native.stderr + plain.stderr
    for folder in ("native", "plain"):
        body = json.loads((tmp_path / folder / "summary.json").read_text())
        assert body["errors"] == 0
        assert body["metrics"]["must_include"]["mean"] == "1.0000"
        assert body["metrics"]["citation_validity"]["mean"] == "1.0000"
    gone = command("run", "--data", "cases.jsonl", "--url", url)
    assert gone.returncode == 3
    assert "Nothing answers" in gone.stderr


def test_an_openai_compatible_server_that_is_busy_is_waited_for_and_one_that_breaks_is_incomplete(
    command: Shell, tmp_path: Path
) -> None:
    asked: list[str] = []

    async def complete(request: Request) -> Response:
        question = (await request.json())["messages"][-1]["content"]
        asked.append(question)
        if "interns" in question and broken:
            return JSONResponse({"error": {"message": "no"}}, 500)
        if asked.count(question) == 1:
            return JSONResponse({"error": {"message": "slow down"}}, 429, {"Retry-After": "0"})
        said = ANSWERS["interns" in question]["answer"]
        found = [{"title": "Leave", "url": "leave.md", "snippet": PASSAGE["text"]}]
        return JSONResponse({"choices": [{"message": {"content": said}}], "search_results": found})

    broken = False
    with serving(Starlette(routes=[Route("/v1/chat/completions", complete, methods=["POST"])])) as url:
        arguments = ("run", "--data", "cases.jsonl", "--url", f"{url}/v1", "--url-model", "m", "--out", "out")
        good = command(*arguments)
        broken = True
        bad = command(*arguments)
    assert good.returncode == 0, good.stdout + good.stderr
    body = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert bad.returncode == 3
    assert "1 of 2 cases broke" in bad.stdout
    assert body["errors"] == 1


def test_a_judge_is_heard_kept_repeated_and_missed(command: Shell, tmp_path: Path) -> None:
    busy = [True]

    async def complete(request: Request) -> Response:
        if busy:
            busy.pop()
            return JSONResponse({"error": {"message": "slow down"}}, 429, {"Retry-After": "0"})
        return JSONResponse(verdict(await request.json()))

    with serving(Starlette(routes=[Route("/v1/chat/completions", complete, methods=["POST"])])) as url:
        by = ("--judge", "m", "--judge-url", f"{url}/v1")
        heard = command(*recorded(*by, "--judge-repeats", "2", "--judge-price", "1/2"))
        assert heard.returncode == 0, heard.stdout + heard.stderr
        capped = command(
            *recorded(*by, "--judge-cache", "new.db", "--judge-price", "1/2", "--max-cost", "0.001")
        )
    summary = tmp_path / "out" / "summary.json"
    assert capped.returncode == 3
    assert "the most allowed" in capped.stderr
    replayed = command(*recorded("--judge", "m", "--cache-only", "--judge-repeats", "2"))
    assert replayed.returncode == 0, replayed.stderr
    body = json.loads(summary.read_text())
    assert float(body["judge_spread"]["groundedness@judge"]) > 0
    assert "the judge varies" in (tmp_path / "out" / "report.md").read_text()
    down = command(
        *recorded("--judge", "m", "--judge-url", "http://127.0.0.1:9/v1", "--judge-cache", "none.db")
    )
    assert down.returncode == 3
    assert "cannot be reached" in down.stderr
    gates = command(*recorded("--judge", "m", "--gate", "groundedness@judge"))
    assert gates.returncode == 2
    assert "calibrated" in gates.stderr


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_runs_of_the_sample_write_the_same_bytes_and_ask_nobody(tmp_path: Path) -> None:
    """With `connect` taken away, in under 60 seconds of processor time each (two cores: 120)."""
    offline = (
        "import socket\n"
        "def refuse(*_): raise AssertionError('an evaluation went to the network')\n"
        "socket.socket.connect = refuse\n"
        "from app.cli import main\n"
        "main()\n"
    )
    root = Path(__file__).parents[2]
    for name in ("first", "second"):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [sys.executable, "-c", offline, "eval", "run", "--sample", "--out", str(tmp_path / name)],
            cwd=root, env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert done.returncode in {0, 1}, done.stderr
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(f"{name}: {spent:.1f} CPU seconds")
        assert spent < 120
    assert (tmp_path / "first" / "summary.json").read_bytes() == (
        tmp_path / "second" / "summary.json"
    ).read_bytes()
    assert (tmp_path / "first" / "cases.jsonl").read_bytes() == (
        tmp_path / "second" / "cases.jsonl"
    ).read_bytes()
