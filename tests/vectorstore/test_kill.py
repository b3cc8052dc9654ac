"""D1, D11: a writer killed at any moment loses nothing that was acknowledged and breaks nothing."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.vectorstore import writer
from tests.vectorstore.sample import find
from vectorstore.embedded.store import EmbeddedStore

OpenStore = Callable[[], EmbeddedStore]
ROOT = Path(__file__).parents[2]


def run_and_kill(folder: Path, prefix: str, *, after: float, options: tuple[str, ...] = ()) -> int:
    """Start a writer, kill it so many seconds after it is ready; return the commits it acknowledged."""
    command = [sys.executable, "-m", "tests.vectorstore.writer", str(folder), prefix, "1000", *options]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(after)
    process.send_signal(signal.SIGKILL)
    rest, _ = process.communicate()
    return len([line for line in rest.splitlines(keepends=True) if line.endswith("\n")])


def check_whole(store: EmbeddedStore, prefix: str, acknowledged: int) -> None:
    """Old or new and nothing else: all acknowledged commits, and at most the one under way."""
    with store.snapshot() as snapshot:
        uris = {uri for uri in snapshot.digests(tenant="default") if uri.startswith(prefix)}
        assert uris in (writer.expected(prefix, acknowledged), writer.expected(prefix, acknowledged + 1))
        for uri in sorted(uris)[:4]:
            for question in _sentences(uri, prefix):
                best = next(hit for hit in find(snapshot, question) if hit.stage("lexical"))
                dense = best.stage("dense")
                assert best.document.uri == uri
                assert question in best.chunk.text
                assert dense is not None
                assert dense.score > 0.99


def _sentences(uri: str, prefix: str) -> list[str]:
    name = uri.removesuffix(".md")
    return [] if name.endswith("latest") else [f"Fact {name} is here."]


def kills(folder: Path, open_index: OpenStore, count: int) -> None:
    chance = random.Random(count)
    for round_number in range(count):
        prefix = f"k{round_number}x"
        options = ("--codes",) if round_number % 2 else ()
        acknowledged = run_and_kill(folder, prefix, after=chance.uniform(0, 0.5), options=options)
        store = open_index()
        check_whole(store, prefix, acknowledged)
        assert store.verify().sound
        store.close()


def test_killed_writer_loses_nothing_that_was_acknowledged(folder: Path, open_index: OpenStore) -> None:
    kills(folder, open_index, 6)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_five_hundred_kills(folder: Path, open_index: OpenStore) -> None:
    kills(folder, open_index, 500)
