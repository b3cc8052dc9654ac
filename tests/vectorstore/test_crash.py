"""D2: a process that dies at any step it takes on a file leaves the old state or the new one, and nothing else."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.vectorstore import crash
from tests.vectorstore.sample import FINGERPRINT, Space, find, put, sample
from tests.vectorstore.tracing import why_not
from vectorstore.errors import EmbedderMismatch, NotFound
from vectorstore.index.upkeep import IndexUpkeep
from vectorstore.open import open_store, open_upkeep
from vectorstore.settings import StoreSettings

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "can be traced")
ROOT = Path(__file__).parents[2]
State = tuple[object, ...]
EVERY_SO_MANY = {"commit": 25, "first": 30, "erase": 35, "restore": 60, "compact": 20, "reembed": 50}


@contextmanager
def crashes(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    # One thread only: a process that forks must not have others.
    alone = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.vectorstore.crash", *arguments],
        cwd=ROOT,
        env=os.environ | alone,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def state(folder: Path) -> State:
    """All that can be told from outside: the generations, what stands in each, what is found."""
    for fingerprint in (FINGERPRINT, crash.OTHER_FINGERPRINT):
        store = open_store(StoreSettings(data_dir=folder / "data"), None)
        try:
            store.close()
            store = open_store(StoreSettings(data_dir=folder / "data"), Space(fingerprint))
        except EmbedderMismatch:
            continue
        kept = [(each.number, each.documents, each.chunks) for each in store.generations() if each.number]
        with store.snapshot() as snapshot:
            digests = tuple(sorted(snapshot.digests(tenant="default").items()))
            texts = tuple(sorted({hit.chunk.text for hit in find(snapshot, "fact here secrets", limit=100)}))
        if store.opened() is not None:
            verified = IndexUpkeep(store).verify()
            assert not verified.damage, verified
        store.close()
        return fingerprint, tuple(kept), digests, texts
    raise AssertionError("neither embedder's index")


def goes_on(folder: Path) -> None:
    """The next writer works, and finishes what was begun."""
    upkeep = open_upkeep(StoreSettings(data_dir=folder / "data"))
    try:
        fingerprint = upkeep.info().embedder
    except NotFound:
        fingerprint = FINGERPRINT
    upkeep.close()
    store = open_store(StoreSettings(data_dir=folder / "data"), Space(fingerprint))
    with store.draft() as draft:
        put(draft, sample("next.md", "The next commit works."))
    with store.snapshot() as snapshot:
        assert any("next commit" in hit.chunk.text for hit in find(snapshot, "the next commit works"))
    assert IndexUpkeep(store).verify().sound
    store.close()


def holds_erased_text(folder: Path) -> list[str]:
    needle = crash.ERASED.encode()
    files = [path for path in (folder / "data").rglob("*") if path.is_file()]
    return [path.name for path in files if needle in path.read_bytes()]


def crash_everywhere(folder: Path, operation: str, *, every: int) -> None:
    with crashes("kill", str(folder), operation, str(every), "1") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            assert process.stderr is not None
            why = process.stderr.read()
            assert "ptrace is refused" in why, why
            pytest.skip("ptrace is refused here")
        steps = json.loads(line)["steps"]
        shutil.copytree(folder / "start", folder / "old")
        old, new = state(folder / "old"), state(folder / "whole")
        done = killed = 0
        for line in process.stdout:
            told = json.loads(line)
            case = folder / "case"
            found = state(case)
            assert found in (old, new), told
            goes_on(case)
            if operation == "erase" and found == new:
                assert not holds_erased_text(case), told
            done += 1
            killed += told["killed"]
            process.stdin.write("\n")
            process.stdin.flush()
        assert process.wait() == 0
    assert done >= steps * 2 // every
    # How many steps are taken differs a little from run to run: a few cases end before they die.
    assert killed >= 0.9 * done
    sys.stdout.write(f"{operation}: {steps} steps, {killed} crashes\n")


@pytest.mark.parametrize("operation", EVERY_SO_MANY)
def test_crash_at_some_steps_leaves_old_or_new(
    operation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vectorstore.index.projection.codes.CODED_FROM", 10)
    crash_everywhere(tmp_path, operation, every=EVERY_SO_MANY[operation])


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("operation", crash.OPERATIONS)
def test_crash_at_every_step_leaves_old_or_new(
    operation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vectorstore.index.projection.codes.CODED_FROM", 10)
    crash_everywhere(tmp_path, operation, every=1)
