"""How files get their address: the folder's name and the path inside it, the same from any working directory."""

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Final

from vectorstore.errors import BadInput

_DEVICES = frozenset(
    ["con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))]
)
_LONGEST_NAME = 255
_LONGEST_PATH = 4_096
_BLOCK = 1 << 20
SOURCE: Final = "source:"
"""What the addresses of a plug-in's documents begin with; no folder's do."""


def safe_path(root: Path, relative: str) -> Path:
    """Return the path under `root` that a foreign name means.

    Raises BadInput when the name is absolute, climbs out, goes through a link that does, holds a NUL or a
    control character, is a Windows device, or is too long.
    """
    parts = PurePosixPath(relative.replace("\\", "/")).parts
    if not parts or relative.startswith(("/", "\\", "~")) or PureWindowsPath(relative).drive:
        raise BadInput(f"{relative[:200]!r} is not a relative file name.", "Name a file inside the folder.")
    if ".." in parts or any(not _is_plain(part) for part in parts) or len(relative) > _LONGEST_PATH:
        raise BadInput(f"{relative[:200]!r} is not a safe file name.", "Rename the file.")
    resolved_root = root.resolve()
    path = resolved_root.joinpath(*parts)
    if not path.resolve().is_relative_to(resolved_root):
        raise BadInput(f"{relative[:200]!r} leads out of the folder.", "Copy the file instead of linking it.")
    return path


def _is_plain(name: str) -> bool:
    if any(ord(character) < 32 or ord(character) == 127 for character in name) or ":" in name:
        return False
    device = name.partition(".")[0].rstrip(" ").casefold() in _DEVICES
    return not device and len(os.fsencode(name)) <= _LONGEST_NAME


def content_digest(path: Path) -> str:
    """Return the SHA-256 of a regular file's bytes in hex; raises OSError, also for links and special files."""
    # O_NONBLOCK: opening a FIFO must not wait for a writer that never comes.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb", buffering=0) as file:  # noqa: PTH123 - a descriptor, not a path
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(f"{path} is not a regular file")
        digest = hashlib.sha256()
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Root:
    """A folder that was ingested, and the name that its documents' addresses begin with."""

    name: str
    path: Path


class Roots:
    """The folders known so far, oldest first.

    A file's uri is `<root name>/<path inside the root>`. The oldest known root that holds the file decides, so
    ingesting a sub-folder or one file later meets the same documents again. A new root is named after its
    folder; when another folder that still exists has that name, its parents' names go in front
    (`sales/docs`); when that folder is gone, the new one is taken to be the same folder, moved.
    """

    def __init__(self, known: Sequence[Root] = ()) -> None:
        self._known = list(known)

    def __iter__(self) -> Iterator[Root]:
        return iter(self._known)

    def root_of(self, path: Path) -> Root:
        """Return the root of an absolute, resolved path, adding one when none holds it."""
        for root in self._known:
            if path == root.path or root.path in path.parents:
                return root
        folder = path if path.is_dir() else path.parent
        root = Root(self._free_name(folder), folder)
        self._known = [*(other for other in self._known if other.name != root.name), root]
        return root

    def uri(self, path: Path) -> str:
        """Return the address of an absolute, resolved path; a folder's ends with a slash."""
        root = self.root_of(path)
        inside = [printable(part) for part in path.relative_to(root.path).parts]
        return "/".join([root.name, *inside]) + ("/" if path.is_dir() else "")

    def _free_name(self, folder: Path) -> str:
        taken = [root.name for root in self._known if root.path.is_dir()] + ["stdin", "upload"]
        parts = [printable(part) for part in folder.parts[1:]] or ["root"]
        candidates = ["/".join(parts[-count:]) for count in range(1, len(parts) + 1)]
        candidates += [f"{parts[-1]}-{number}" for number in range(2, len(taken) + 3)]
        return next(
            name
            for name in (each.replace(SOURCE, "source_") for each in candidates)
            if not any(_overlap(name, other) for other in taken)
        )


def printable(name: str) -> str:
    """Write a file name so that it can stand in any text: bytes and characters that cannot are escaped."""
    decoded = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in decoded
    )


def _overlap(name: str, other: str) -> bool:
    return f"{name}/".startswith(f"{other}/") or f"{other}/".startswith(f"{name}/")
