"""D3: whatever part of what was not synced is lost, every acknowledged commit is there, and nothing half done."""

import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.vectorstore import crash
from tests.vectorstore.powerloss import Disk
from tests.vectorstore.sample import SPACE, find, put, sample
from tests.vectorstore.test_crash import ROOT
from tests.vectorstore.tracing import Step, why_not
from vectorstore.index.upkeep import IndexUpkeep
from vectorstore.open import open_store
from vectorstore.settings import StoreSettings

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "can be traced")


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> list[Step]:
    folder = tmp_path_factory.mktemp("history")
    command = [sys.executable, "-m", "tests.vectorstore.crash", "record", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if b"ptrace is refused" in done.stderr:
        pytest.skip("ptrace is refused here")
    assert done.returncode == 0, done.stderr.decode()
    steps = [
        Step(kind, path, target, offset, bytes.fromhex(data))
        for kind, path, target, offset, data in map(json.loads, done.stdout.splitlines())
    ]
    whole = Disk()
    for step in steps:
        whole.take(step)
    assert [step.path for step in steps].count("acknowledged") > crash.COMMITS
    assert {step.kind for step in steps} >= {"create", "write", "sync", "rename", "link", "mkdir", "truncate"}
    return steps


def documents(commits: int) -> set[str]:
    names = {f"{number}-{each}.md" for number in range(commits) for each in range(4)}
    return names | ({"latest.md"} if commits else set())


def lose_power(history: list[Step], folder: Path, *, states: int, seed: int) -> None:
    chance = random.Random(seed)
    for number in range(states):
        end = chance.randint(1, len(history))
        disk = Disk()
        for step in history[:end]:
            disk.take(step)
        written = [step for step in history[:end] if (step.kind, step.path) == ("write", "acknowledged")]
        data = folder / f"{number}" / "data"
        data.mkdir(parents=True)
        disk.after_power_loss(data, chance)
        check(data, acknowledged=len(written), case=f"seed {seed}, state {number}, step {end}")
        shutil.rmtree(data.parent)


def check(data: Path, *, acknowledged: int, case: str) -> None:
    store = open_store(StoreSettings(data_dir=data), SPACE)
    with store.snapshot() as snapshot:
        there = set(snapshot.digests(tenant="default"))
        assert there in (documents(acknowledged), documents(acknowledged + 1)), case
        commits = len(there) // 4
        if commits:
            best = find(snapshot, f"The latest is {commits - 1}.")[0]
            assert best.chunk.text == f"The latest is {commits - 1}.", case
    with store.draft() as draft:
        put(draft, sample("next.md", "The next commit works."))
    verified = IndexUpkeep(store).verify()
    assert verified.sound, (case, verified)
    store.close()


def test_power_may_fail_at_any_moment(
    history: list[Step], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vectorstore.index.projection.codes.CODED_FROM", 10)
    lose_power(history, tmp_path, states=15, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(2, 6))
def test_power_fails_a_thousand_times(
    seed: int, history: list[Step], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vectorstore.index.projection.codes.CODED_FROM", 10)
    lose_power(history, tmp_path, states=250, seed=seed)
