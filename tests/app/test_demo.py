"""The demo as a newcomer runs it, in a real process, and what comes after it."""

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from app.commands.demo import FOLDER, QUESTION, demo_store, greeting
from tests.test_command_line import FOOTNOTE, environment_of, footnote, wait_until_ready


@contextmanager
def demo(folder: Path, command: str = FOOTNOTE, **environment: str) -> Iterator[str]:
    """Run `footnote demo` on a free port and yield its address once it is ready."""
    log = folder.parent / "demo.log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [command, "demo", "--port", "0"],
            cwd=folder,
            env=environment_of(**environment),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    assert process.stdout is not None
    impatient = threading.Timer(240, process.kill)
    impatient.start()
    try:
        line = next((line for line in process.stdout if "Chat page" in line), "")
        assert line, log.read_text()
        address = line.split()[-1].rstrip("/")
        wait_until_ready(address)
        yield address
    finally:
        impatient.cancel()
        process.terminate()
        process.wait(timeout=40)
        process.stdout.close()


def asked(address: str) -> str:
    body = {"model": "footnote", "messages": [{"role": "user", "content": QUESTION}]}
    answer = httpx2.post(f"{address}/v1/chat/completions", json=body, timeout=60).json()
    return str(answer["choices"][0]["message"]["content"])


def listed(folder: Path, **environment: str) -> list[str]:
    done = footnote(folder, "docs", "ls", "--json", **environment)
    return [each["uri"] for each in json.loads(done.stdout)]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the demo has been run, then a document of one's own been ingested."""
    folder = tmp_path_factory.mktemp("newcomer")
    with demo(folder) as address:
        assert "28 working days" in asked(address)
    (folder / "docs").mkdir()
    (folder / "docs" / "bicycles.md").write_text("# Bicycles\n\nThe lease budget is EUR 3,300.\n")
    done = footnote(folder, "ingest", "docs")
    assert (done.returncode, done.stdout) == (0, "1 added\n")
    assert "sample" not in done.stderr
    return folder


def test_the_sample_and_ones_own_documents_lie_in_folders_of_their_own(shown: Path) -> None:
    assert listed(shown) == ["docs/bicycles.md"]
    sample = listed(shown, FOOTNOTE_DATA_DIR="demo-data")
    assert len(sample) > 40
    assert all(uri.startswith("handbook/") for uri in sample)
    refused = footnote(shown, "ask", QUESTION)
    assert "28 working days" not in refused.stdout


def test_an_index_is_not_ingested_as_documents(shown: Path) -> None:
    done = footnote(shown, "ingest", ".", "--dry-run", "--json")
    assert [step["uri"].split("/", 1)[1] for step in json.loads(done.stdout)["plan"]] == ["docs/bicycles.md"]


def test_an_index_that_holds_both_is_said_and_the_sample_taken_out_in_one_command(shown: Path) -> None:
    both = {"FOOTNOTE_DATA_DIR": "demo-data"}
    done = footnote(shown, "ingest", "docs", **both)
    assert "sample handbook" in done.stderr
    (advice,) = (line for line in done.stderr.splitlines() if "footnote docs rm" in line)
    removed = footnote(shown, *advice.partition("footnote ")[2].split(), **both)
    assert removed.returncode == 0, removed.stderr
    assert listed(shown, **both) == ["docs/bicycles.md"]
    assert "sample" not in footnote(shown, "ingest", "docs", **both).stderr


def test_the_demo_is_not_added_to_documents_of_ones_own(shown: Path) -> None:
    (shown / "footnote.toml").write_text('data_dir = "data"\n')
    try:
        done = footnote(shown, "demo", "--port", "0")
    finally:
        (shown / "footnote.toml").unlink()
    assert done.returncode == 2
    assert "holds documents of yours" in done.stderr
    assert listed(shown) == ["docs/bicycles.md"]


def test_nothing_below_an_address_is_a_sentence(shown: Path) -> None:
    done = footnote(shown, "docs", "rm", "nowhere/")
    assert done.returncode == 2
    assert "no document below 'nowhere/'" in done.stderr


def test_the_data_folder_is_the_demos_own_unless_one_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert demo_store().data_dir == FOLDER
    (tmp_path / ".env").write_text("FOOTNOTE_DATA_DIR=elsewhere\n")
    assert demo_store().data_dir == Path("elsewhere")
    monkeypatch.setenv("FOOTNOTE_DATA_DIR", "here")
    assert demo_store().data_dir == Path("here")


def test_the_greeting_says_how_to_ask_where_the_sample_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", [".venv/bin/footnote", "demo"])
    monkeypatch.setattr("shutil.which", lambda _: None)
    said = greeting("http://127.0.0.1:8000", Path("a folder"))
    assert f"FOOTNOTE_DATA_DIR='a folder' .venv/bin/footnote ask \"{QUESTION}\"" in said
