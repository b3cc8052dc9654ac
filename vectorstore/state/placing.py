"""A data folder's content built beside what is there, and then put in its place: old or new, and never half.

It is built in `.restore/new`. Renaming that to `.restore/ready` is the moment from which on it counts: what is not moved
yet after a kill is moved by whoever opens the folder next, before anything is read. The folder itself stays, as it may
be a mounted volume.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from vectorstore.errors import Busy
from vectorstore.state.files import private

_ROOM: Final = ".restore"
_LOCK: Final = ".restore.lock"
_PLAN: Final = ".plan.json"
_MADE_AGAIN: Final = frozenset({_ROOM, _LOCK, "cache", "lost+found"})
"""What does not count as content."""


def content_of(folder: Path) -> list[str]:
    """Return the names of what a data folder holds; locks and what can be made again are nothing."""
    if not folder.is_dir():
        return []
    return sorted(
        path.name for path in folder.iterdir() if path.name not in _MADE_AGAIN and path.suffix != ".lock"
    )


@contextmanager
def building(folder: Path) -> Iterator[Path]:
    """Yield an empty folder to build in, gone at the end unless it was put in place; raises Busy.

    One process at a time; what another one left is thrown away.
    """
    private(folder)
    with _locked(folder, wait=False):
        _move(folder)
        room = folder / _ROOM
        shutil.rmtree(room, ignore_errors=True)
        private(room / "new")
        try:
            yield room / "new"
        finally:
            if not (room / "ready").exists():
                shutil.rmtree(room, ignore_errors=True)


def put_in_place(folder: Path, *, aside: str = "") -> None:
    """Put what was built in the place of what is there, which moves into a folder `aside`; within `building`.

    Without `aside` what is there stays, but for what has a new name-sake.
    """
    new, ready = folder / _ROOM / "new", folder / _ROOM / "ready"
    plan = {"aside": aside, "old": content_of(folder) if aside else []}
    (new / _PLAN).write_text(json.dumps(plan))
    for path in (*new.rglob("*"), new):
        _sync(path)
    new.rename(ready)
    _sync(folder / _ROOM)
    _move(folder)


def settle(folder: Path) -> None:
    """Finish what a kill has left half moved; waits for whoever is just doing it."""
    if (folder / _ROOM / "ready").is_dir():
        with _locked(folder, wait=True):
            _move(folder)


def _move(folder: Path) -> None:
    """Move what is ready to its place, from wherever that was interrupted."""
    ready = folder / _ROOM / "ready"
    if not ready.is_dir():
        return
    plan = json.loads((ready / _PLAN).read_text())
    if plan["aside"]:
        aside = folder / plan["aside"]
        private(aside)
        for name in plan["old"]:
            # What was moved aside already has its name-sake in place by now.
            if os.path.lexists(folder / name) and not os.path.lexists(aside / name):
                (folder / name).rename(aside / name)
        _sync(aside)
    for path in sorted(ready.iterdir()):
        if path.name != _PLAN:
            _merge(path, folder / path.name)
    _sync(folder)
    # At one moment again: half of it deleted would look like something that is ready.
    ready.rename(folder / _ROOM / "moved")
    shutil.rmtree(folder / _ROOM, ignore_errors=True)


def _merge(source: Path, target: Path) -> None:
    if source.is_dir() and target.is_dir():
        for path in sorted(source.iterdir()):
            _merge(path, target / path.name)
        source.rmdir()
    else:
        source.rename(target)


@contextmanager
def _locked(folder: Path, *, wait: bool) -> Iterator[None]:
    lock = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Busy(
                f"Another process puts a backup back in {str(folder)!r}.", "Try again when it is done."
            ) from error
        yield
    finally:
        os.close(lock)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
