"""D1, D11: a writer killed at any moment loses nothing that was acknowledged and breaks nothing."""

import multiprocessing
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from tests import forked
from tests.vectorstore import writer
from tests.vectorstore.sample import find
from vectorstore.index.store import IndexStore
from vectorstore.index.upkeep import IndexUpkeep

OpenStore = Callable[[], IndexStore]


def run_and_kill(folder: Path, prefix: str, *, after: float, options: tuple[str, ...] = ()) -> int:
    """Start a writer, kill it so many seconds after it is ready; return the commits it acknowledged."""
    # Forked from a process that has loaded everything: half a second less for each kill.
    context = multiprocessing.get_context("forkserver")
    forked.ensure_loaded()
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_write, args=(theirs, str(folder), prefix, options))
    process.start()
    theirs.close()
    with os.fdopen(os.dup(ours.fileno()), encoding="ascii") as told:
        assert told.readline() == "ready\n"
        time.sleep(after)
        process.kill()
        process.join()
        rest = told.read()
    ours.close()
    assert process.exitcode == -signal.SIGKILL
    return len([line for line in rest.splitlines(keepends=True) if line.endswith("\n")])


def _write(out: Connection, folder: str, prefix: str, options: tuple[str, ...]) -> None:
    os.dup2(out.fileno(), 1)
    with os.fdopen(1, "w", closefd=False) as sys.stdout:
        writer.main(folder, prefix, "1000", *options)


def check_whole(store: IndexStore, prefix: str, acknowledged: int) -> None:
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


def kills(folder: Path, open_index: OpenStore, count: int, *, seed: int = 0) -> None:
    chance = random.Random(seed)
    for round_number in range(count):
        prefix = f"k{round_number}x"
        options = ("--codes",) if round_number % 2 else ()
        acknowledged = run_and_kill(folder, prefix, after=chance.uniform(0, 0.5), options=options)
        store = open_index()
        check_whole(store, prefix, acknowledged)
        assert IndexUpkeep(store).verify().sound
        store.close()


def test_killed_writer_loses_nothing_that_was_acknowledged(folder: Path, open_index: OpenStore) -> None:
    kills(folder, open_index, 6)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(1, 11))
def test_five_hundred_kills(seed: int, folder: Path, open_index: OpenStore) -> None:
    kills(folder, open_index, 50, seed=seed)
