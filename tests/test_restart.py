"""D11: a service that is killed under load comes back quickly, and answers as before."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import numpy as np
import pytest

from tests.test_command_line import FOOTNOTE, address_in, drained, environment_of, wait_until_ready
from vectorstore.open import open_embedder, open_store
from vectorstore.settings import StoreSettings
from vectorstore.types import Chunk, Document, DocumentId, Span, chunk_id

QUESTIONS = ("number seventeen", "which passage is number 42?", "passage about nothing")
PER_DOCUMENT = 50


def build(folder: Path, chunks: int) -> None:
    """Make an index for the default embedder, of vectors drawn at random: none needs to be embedded."""
    settings = StoreSettings(data_dir=folder / "data")
    embedder = open_embedder(settings.embedder, cache_dir=settings.cache)
    chance = np.random.default_rng(0)
    store = open_store(settings, embedder)
    with store.draft() as draft:
        for number in range(0, chunks, PER_DOCUMENT):
            name = DocumentId(f"doc-{number}")
            texts = [f"Passage number {number + each} of many." for each in range(PER_DOCUMENT)]
            vectors = chance.normal(size=(PER_DOCUMENT, embedder.dimension)).astype(np.float32)
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            draft.put(
                Document(name, name, name, "text/plain", name),
                text="\n".join(texts),
                chunks=[
                    Chunk(chunk_id(document=name, position=n, text=text), name, n, text, Span(0, len(text)))
                    for n, text in enumerate(texts)
                ],
                vectors=vectors,
            )
    store.close()


@contextmanager
def running(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = subprocess.Popen(
        [FOOTNOTE, "serve"], cwd=folder, env=environment_of(PORT="0"), stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        line = next((text for text in process.stderr if "http://" in text), "")
        drained(process.stderr)
        yield process, address_in(line)
    finally:
        process.kill()
        process.wait()


def answers(address: str) -> list[list[str]]:
    return [
        [
            hit["chunk_id"]
            for hit in httpx2.post(f"{address}/v1/search", json={"query": question}).json()["results"]
        ]
        for question in QUESTIONS
    ]


def under_load(address: str, stop: threading.Event) -> list[threading.Thread]:
    def ask() -> None:
        while not stop.is_set():
            try:
                httpx2.post(f"{address}/v1/search", json={"query": "any passage"}, timeout=5)
            except httpx2.HTTPError:
                return

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    return threads


def restarts(folder: Path, *, kills: int) -> list[float]:
    """Kill the service under load again and again; return the seconds from each start to ready, sorted."""
    times = []
    golden: list[list[str]] | None = None
    for _ in range(kills):
        started = time.monotonic()
        with running(folder) as (process, address):
            wait_until_ready(address)
            times.append(time.monotonic() - started)
            found = answers(address)
            golden = golden or found
            assert found == golden
            assert all(found)
            stop = threading.Event()
            threads = under_load(address, stop)
            time.sleep(0.2)
            os.kill(process.pid, signal.SIGKILL)
            stop.set()
            for thread in threads:
                thread.join()
    return sorted(times)


def test_service_killed_under_load_comes_back_with_the_same_answers(tmp_path: Path) -> None:
    build(tmp_path, 1_000)
    assert len(restarts(tmp_path, kills=2)) == 2


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_service_comes_back_fifty_times_at_a_hundred_thousand_chunks(tmp_path: Path) -> None:
    build(tmp_path, 100_000)
    times = restarts(tmp_path, kills=50)
    sys.stdout.write(f"ready after {times[25]:.1f} s (median), {times[-1]:.1f} s (longest)\n")
