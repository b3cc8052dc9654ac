"""A process that makes an index, kills copies of it at every step of an operation, and leaves the wreck to look at.

    python -m tests.vectorstore.crash kill FOLDER OPERATION EVERY SEED   one case per line; a line on stdin for the next
    python -m tests.vectorstore.crash record FOLDER                      the steps of a history of commits, one per line

Single-threaded on purpose: it forks.
"""

import json
import random
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.backups import back_up
from tests.backups import restore as put_back
from tests.vectorstore.sample import DIMENSION, SPACE, put, sample
from tests.vectorstore.tracing import Traced
from vectorstore.index.projection import codes
from vectorstore.index.store import IndexStore
from vectorstore.open import open_store, open_upkeep
from vectorstore.settings import StoreSettings
from vectorstore.types import Generation

OTHER_FINGERPRINT = "another-embedder"
ERASED = "Zyxwomatic secrets"
COMMITS = 5


def open_index(folder: Path) -> IndexStore:
    codes.CODED_FROM = 10
    return open_store(StoreSettings(data_dir=folder / "data"), SPACE)


def base(folder: Path) -> None:
    """Two generations: ten documents, one of them replaced since, and one that will be erased."""
    store = open_index(folder)
    with store.draft() as draft:
        for number in range(10):
            put(draft, sample(f"{number}.md", f"Fact {number} is here. Sentence {number} says ERR-{number}."))
        put(draft, sample("secret.md", f"{ERASED} are kept here."))
    with store.draft() as draft:
        put(draft, sample("0.md", "Fact 0 is another now."))
    store.close()
    back_up(StoreSettings(data_dir=folder / "data"), folder / "backup")


def commit(folder: Path) -> None:
    with open_index(folder).draft() as draft:
        put(draft, sample("new.md", "Fact new is here."))
        put(draft, sample("1.md", "Fact 1 has been replaced."))
        draft.remove(tenant="default", uri="2.md")


def rollback(folder: Path) -> None:
    open_index(folder).rollback(Generation(1))


def compact(folder: Path) -> None:
    open_upkeep(StoreSettings(data_dir=folder / "data")).compact(keep=1)


def erase(folder: Path) -> None:
    open_upkeep(StoreSettings(data_dir=folder / "data")).erase(["secret.md"])


def rebuild(folder: Path) -> None:
    codes.CODED_FROM = 10
    open_upkeep(StoreSettings(data_dir=folder / "data")).rebuild()


def restore(folder: Path) -> None:
    put_back(StoreSettings(data_dir=folder / "data"), folder / "backup")


def reembed(folder: Path) -> None:
    codes.CODED_FROM = 10

    def embed(texts: list[str]) -> np.ndarray:
        return np.eye(len(texts), DIMENSION, dtype=np.float32)

    open_upkeep(StoreSettings(data_dir=folder / "data")).reembed(
        embed, fingerprint=OTHER_FINGERPRINT, dimension=DIMENSION
    )  # type: ignore[arg-type]


OPERATIONS: dict[str, Callable[[Path], None]] = {
    each.__name__: each for each in (commit, rollback, compact, erase, rebuild, restore, reembed)
} | {"first": commit}


def kill_at_every_step(folder: Path, operation: str, every: int, seed: int) -> None:
    work = OPERATIONS[operation]
    start = folder / "start"
    (start / "data").mkdir(parents=True)
    if operation != "first":
        forked(lambda: base(start))
    if operation == "restore":
        forked(lambda: commit(start))
    whole = folder / "whole"
    shutil.copytree(start, whole)
    trace = Traced(whole / "data")
    assert trace.run(lambda: work(whole)) == 0
    count = len(trace.steps)
    say({"steps": count})
    points = [(number, after) for number in range(count) for after in (False, True)]
    for number, after in random.Random(seed).sample(points, len(points))[:: max(1, every)]:
        case = folder / "case"
        shutil.rmtree(case, ignore_errors=True)
        shutil.copytree(start, case)
        again = Traced(case / "data")
        status = again.run(lambda: work(case), kill_at=number, after=after)  # noqa: B023
        step = again.steps[number] if number < len(again.steps) else None
        say({"step": number, "after": after, "kind": step and step.kind, "path": step and step.path,
             "killed": status is None})  # fmt: skip
        sys.stdin.readline()


def record(folder: Path) -> None:
    """Print the steps of some commits from nothing on; a step on `acknowledged` follows each commit."""

    def history() -> None:
        store = open_index(folder)
        with (folder / "data" / "acknowledged").open("a", buffering=1) as acknowledged:
            for number in range(COMMITS):
                with store.draft() as draft:
                    for each in range(4):
                        put(draft, sample(f"{number}-{each}.md", f"Fact {number} is here. Item {each}."))
                    put(draft, sample("latest.md", f"The latest is {number}."))
                acknowledged.write(f"{number}\n")

    (folder / "data").mkdir()
    trace = Traced(folder / "data")
    assert trace.run(history, record=True) == 0
    for step in trace.steps:
        say([step.kind, step.path, step.target, step.offset, step.data.hex()])


def forked(work: Callable[[], None]) -> None:
    """Run in a child that is not traced, so that this process never has a second thread."""
    import os

    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0


def say(what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1] == "kill":
        kill_at_every_step(Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
    else:
        record(Path(sys.argv[2]))
