"""The examples in docs/clients.md, run as they stand."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import yaml

from app.cli import COMMANDS, load
from app.settings import ClientSettings, Settings
from tests.app.edge import Served, serve, service
from tests.clients.matrix import HERE, ROOT
from tests.fakes.word_embedder import WordEmbedder

BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", (ROOT / "docs/clients.md").read_text(), re.DOTALL | re.MULTILINE)


def blocks(language: str) -> list[str]:
    return [text for name, text in BLOCKS if name == language]


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serve(service(embedder=WordEmbedder())) as running:
        yield running


def run(command: list[str], served: Served, *, cwd: Path = ROOT) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")}
    environment["FOOTNOTE_URL"] = served.url
    done = subprocess.run(
        command, env=environment, cwd=cwd, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("script", blocks("bash"))
def test_shell_examples_stream_an_answer(script: str, served: Served) -> None:
    if shutil.which("curl") is None:
        pytest.skip("needs curl")
    assert '"type":"finish"' in run(["bash", "-euc", script], served)


@pytest.mark.parametrize("script", blocks("python"))
def test_python_examples_print_the_source(script: str, served: Served) -> None:
    assert "Handbook" in run([sys.executable, "-c", script], served)


@pytest.mark.parametrize("script", blocks("js"))
def test_javascript_examples_print_the_answer(script: str, served: Served) -> None:
    if shutil.which("node") is None or not (HERE / "node_modules").is_dir():
        pytest.skip("needs Node and `npm install` in tests/clients (make clients)")
    script = script.replace('"openai"', '"openai7"')
    assert "25 days" in run(["node", "--input-type=module", "-e", script], served, cwd=HERE)


def test_the_librechat_example_names_a_model_that_is_served() -> None:
    endpoint = yaml.safe_load(blocks("yaml")[0])["endpoints"]["custom"][0]
    assert endpoint["models"]["default"] == ["footnote:inline"]


def test_the_desktop_example_names_a_command_that_exists() -> None:
    entry = json.loads(blocks("json")[0])["mcpServers"]["footnote"]
    assert entry["command"] == "footnote"
    assert callable(load(COMMANDS[entry["args"][0]].target))


def test_the_cursor_example_reaches_the_tools() -> None:
    pytest.importorskip("mcp")
    entry = json.loads(blocks("json")[1])["mcpServers"]["footnote"]
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    headers = {"Accept": "application/json, text/event-stream", **entry["headers"]}
    with serve(service(settings=Settings(client=ClientSettings(mcp=True)))) as running:
        answer = httpx.post(running.url + urlsplit(entry["url"]).path, json=call, headers=headers)
    assert {"search", "fetch"} == {tool["name"] for tool in answer.json()["result"]["tools"]}


def test_the_open_webui_example_finds_the_models_and_gets_the_passages(served: Served) -> None:
    settings = dict(line.split("=", 1) for line in blocks("ini")[0].splitlines())
    base = served.url + urlsplit(settings["OPENAI_API_BASE_URLS"]).path
    headers = {"Authorization": f"Bearer {settings['OPENAI_API_KEYS']}", "X-OpenWebUI-User-Name": "Anna"}
    listed = httpx.get(f"{base}/models", headers=headers).json()["data"]
    assert [model["id"] for model in listed] == ["footnote", "footnote:inline"]
    body = {"model": "footnote", "stream": True, "messages": [{"role": "user", "content": "How much leave?"}]}
    assert '"type":"source"' in httpx.post(f"{base}/chat/completions", json=body, headers=headers).text


def test_every_language_has_an_example() -> None:
    assert {name for name, _ in BLOCKS} == {"bash", "python", "js", "tsx", "yaml", "json", "ini"}
