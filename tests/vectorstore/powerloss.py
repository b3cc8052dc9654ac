"""What may be on a disk after the power has failed: of all that was not synced, any part.

The strict reading of POSIX. A write lasts once its file has been synced; until then it may be there, be missing, or
be torn at a sector, each by itself and in any order. A name lasts once its folder has been synced; until then the
names made and removed in a folder are there up to some point (file systems keep their order).
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from tests.vectorstore.tracing import Step

_SECTOR = 512


@dataclass
class _File:
    """Durable bytes, and what has been done to them since the last sync."""

    durable: bytearray = field(default_factory=bytearray)
    pending: list[Step] = field(default_factory=list)


@dataclass
class _Naming:
    """A change to the names in one folder; `file` None takes the name away."""

    path: str
    file: "_File | None"
    folder: bool = False


class Disk:
    """Takes steps, and can at any point say what a power failure might leave."""

    def __init__(self) -> None:
        self._now: dict[str, _File] = {}
        self._folders: set[str] = {""}
        self._names: dict[str, _File] = {}
        self._durable_folders: set[str] = {""}
        self._pending: dict[str, list[_Naming]] = {}

    def take(self, step: Step) -> None:
        """Do one step."""
        match step.kind:
            case "create":
                self._name(step.path, _File())
            case "write" | "truncate":
                # A file that was there before the recording began does not occur: it begins with nothing.
                self._now[step.path].pending.append(step)
            case "sync":
                self._sync(step.path)
            case "link":
                self._name(step.target, self._now[step.path])
            case "rename":
                self._rename(step.path, step.target)
            case "unlink":
                if step.path in self._folders:
                    self._folders.discard(step.path)
                    self._note(_Naming(step.path, None, folder=True))
                elif step.path in self._now:
                    del self._now[step.path]
                    self._note(_Naming(step.path, None))
            case "mkdir":
                if step.path not in self._folders:
                    self._folders.add(step.path)
                    self._note(_Naming(step.path, None, folder=True))

    def after_power_loss(self, into: Path, chance: random.Random) -> None:
        """Write into a new folder what might be found: one of the many possible states, drawn at random."""
        names = dict(self._names)
        folders = set(self._durable_folders)
        for pending in self._pending.values():
            for naming in pending[: chance.randint(0, len(pending))]:
                _apply(naming, names, folders)
        for folder in sorted(folders):
            (into / folder).mkdir(parents=True, exist_ok=True)
        drawn: dict[int, bytes] = {}
        for path, file in names.items():
            # The wal-index is memory shared between processes: nothing of it is ever synced, SQLite makes it anew.
            if not path.endswith("-shm") and _parent(path) in folders:
                content = drawn.setdefault(id(file), _content(file, chance))
                (into / path).write_bytes(content)

    def _name(self, path: str, file: _File) -> None:
        self._now[path] = file
        self._note(_Naming(path, file))

    def _note(self, naming: _Naming) -> None:
        self._pending.setdefault(_parent(naming.path), []).append(naming)

    def _rename(self, path: str, target: str) -> None:
        file = self._now.pop(path)
        self._now[target] = file
        # One step in one folder: never both names, never neither.
        self._pending.setdefault(_parent(target), []).append(_Renaming(path, file, target=target))

    def _sync(self, path: str) -> None:
        if path in self._now:
            file = self._now[path]
            for step in file.pending:
                _change(file.durable, step, whole=True)
            file.pending.clear()
        else:
            for naming in self._pending.pop(path, []):
                _apply(naming, self._names, self._durable_folders)


@dataclass
class _Renaming(_Naming):
    target: str = ""


def _apply(naming: _Naming, names: dict[str, _File], folders: set[str]) -> None:
    if isinstance(naming, _Renaming):
        names.pop(naming.path, None)
        assert naming.file is not None
        names[naming.target] = naming.file
    elif naming.folder:
        folders ^= {naming.path}
    elif naming.file is None:
        names.pop(naming.path, None)
    else:
        names[naming.path] = naming.file


def _content(file: _File, chance: random.Random) -> bytes:
    content = bytearray(file.durable)
    kept: Sequence[float] = [chance.random() for _ in file.pending]
    threshold = chance.choice([0.0, 0.2, 0.5, 0.8, 1.0])
    for step, draw in zip(file.pending, kept, strict=True):
        if draw < threshold:
            _change(content, step, whole=chance.random() < 0.8, chance=chance)
    return bytes(content)


def _change(content: bytearray, step: Step, *, whole: bool, chance: random.Random | None = None) -> None:
    if step.kind == "truncate":
        size = step.offset
        content[size:] = b""
        content.extend(bytes(size - len(content)))
        return
    data = step.data
    if not whole and chance is not None:
        data = data[: chance.randrange(0, len(data) + _SECTOR, _SECTOR)]
    content.extend(bytes(max(0, step.offset - len(content))))
    content[step.offset : step.offset + len(data)] = data


def _parent(path: str) -> str:
    parent = str(PurePosixPath(path).parent)
    return "" if parent == "." else parent
