"""A process that forks others, which back up or restore, and kills each at a random moment: `python -m tests.backup.killed`.

It has no threads of its own, and says one line for each kill: `old` or `new`, whichever state stands.
"""

import json
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from app.backup.keeping import problems
from app.backup.place import Folder
from app.backup.repository import Repository
from tests.backup.world import fill, index, told
from tests.backups import back_up, restore
from vectorstore.index.postgresql.address import read_address
from vectorstore.index.postgresql.database import PostgreSQL
from vectorstore.index.postgresql.switch import content_of as content_of_schema
from vectorstore.settings import StoreSettings
from vectorstore.state import placing


def forked(work: Callable[[], object], *, kill_after: float | None = None) -> bool:
    """Run in a child; say whether it came to its end by itself. What goes wrong there goes wrong here."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - the child's edge
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            sys.stderr.flush()
            os._exit(1)
        os._exit(0)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    if os.WIFEXITED(status):
        assert os.WEXITSTATUS(status) == 0, "see what the child said"
        return True
    return False


def say(state: str) -> None:
    sys.stdout.write(f"{state}\n")
    sys.stdout.flush()


def backups(folder: Path, count: int, chance: random.Random, url: str) -> None:
    """Kill one backup after the other into the same place, the index changed between any two."""
    settings = StoreSettings(data_dir=folder / "data", store=url)
    forked(lambda: fill(settings, folder))
    forked(lambda: back_up(settings, folder / "b"))

    def whole(last: str) -> None:
        repository = Repository(Folder(folder / "b"))
        assert list(problems(repository)) == []
        assert last in repository.ids()

    seconds = 0.0
    for number in range(-1, count):
        forked(lambda number=number: index(settings, f"more-{number}.md"))  # type: ignore[misc]
        before = Repository(Folder(folder / "b")).ids()
        started = time.monotonic()
        forked(
            lambda: back_up(settings, folder / "b"),
            kill_after=None if number < 0 else chance.uniform(0, 1.2 * seconds),
        )
        seconds = seconds or time.monotonic() - started
        forked(lambda before=before: whole(before[-1]))  # type: ignore[misc]
        after = Repository(Folder(folder / "b")).ids()
        assert after[: len(before)] == before
        assert len(after) - len(before) in {0, 1}
        if number >= 0:
            say("old" if after == before else "new")
    forked(lambda: back_up(settings, folder / "b"))


def restores(folder: Path, count: int, chance: random.Random, url: str) -> None:
    """Kill restores into an empty place, and over one that holds another index."""
    source = StoreSettings(data_dir=folder / "source")
    forked(lambda: fill(source, folder))
    forked(lambda: back_up(source, folder / "b"))
    if not url:
        forked(lambda: fill(StoreSettings(data_dir=folder / "live"), folder, documents=3))

    def note(settings: StoreSettings, name: str) -> None:
        (folder / name).write_text(json.dumps(told(settings), default=str))

    forked(lambda: note(source, "source.json"))
    if not url:
        forked(lambda: note(StoreSettings(data_dir=folder / "live"), "live.json"))
    seconds = 0.0
    for number in range(-2, count):
        replaces = bool(number % 2) and not url
        shutil.rmtree(folder / "target", ignore_errors=True)
        if replaces:
            shutil.copytree(folder / "live", folder / "target")
        target = StoreSettings(data_dir=folder / "target", store=url.format(number + 2))
        started = time.monotonic()
        forked(
            lambda target=target, replaces=replaces: restore(target, folder / "b", replaces=replaces),  # type: ignore[misc]
            kill_after=None if number < 0 else chance.uniform(0, 1.2 * seconds),
        )
        seconds = seconds or time.monotonic() - started
        before = "live" if replaces else ""
        forked(lambda target=target, before=before: is_whole(folder, target, before))  # type: ignore[misc]
        if number >= 0:
            say((folder / "state").read_text())
    # who comes after a kill restores as if nothing had been
    if (folder / "state").read_text() == "old":
        forked(lambda: restore(target, folder / "b", replaces=replaces))


def is_whole(folder: Path, target: StoreSettings, before: str) -> None:
    """Write down which of the two states stands; anything else is an error."""
    url = target.store.get_secret_value()
    placing.settle(target.data_dir)
    holds = content_of_schema(PostgreSQL(read_address(url))) if url else placing.content_of(target.data_dir)
    found = json.dumps(told(target), default=str) if holds else ""
    old = (folder / f"{before}.json").read_text() if before else ""
    assert found in {old, (folder / "source.json").read_text()}, holds
    (folder / "state").write_text("old" if found == old else "new")


if __name__ == "__main__":
    _, what, where, many, seed, *more = sys.argv
    {"backup": backups, "restore": restores}[what](
        Path(where), int(many), random.Random(int(seed)), more[0] if more else ""
    )
