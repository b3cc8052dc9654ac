"""Shows texts in real Markdown renderers, in one Node process, and tells what is live in them."""

import json
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def need() -> None:
    """Skip where Node or the renderers are absent."""
    if shutil.which("node") is None:
        pytest.skip("needs Node.js")
    if not (HERE / "node_modules" / "markdown-it").is_dir():
        pytest.skip("needs the renderers: npm install in tests/guard")


def live(texts: Iterable[str], *, allowed: Sequence[str] = ()) -> list[list[str]]:
    """Return for each text what a client would fetch, follow or run of it, each with its renderer's name."""
    return [answer["live"] for answer in _rendered(texts, allowed, shown=False)]


def shown(texts: Iterable[str]) -> list[dict[str, str]]:
    """Return for each text what a reader sees of it, by renderer."""
    return [answer["shown"] for answer in _rendered(texts, (), shown=True)]


def _rendered(
    texts: Iterable[str], allowed: Sequence[str], *, shown: bool
) -> list[dict[str, dict[str, str]]]:
    need()
    asked = "".join(
        json.dumps({"text": text, "allowed": list(allowed), "shown": shown}) + "\n" for text in texts
    )
    node = shutil.which("node") or "node"
    done = subprocess.run(
        [node, "render.mjs"], cwd=HERE, input=asked, capture_output=True, text=True, check=False, timeout=900
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert sum(bool(answer["broke"]) for answer in answers) <= len(answers) / 500
    return answers
