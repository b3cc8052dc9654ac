"""The one door to files that others named: nothing outside the root, no links, nothing but regular files."""

import hashlib
import os
import stat
from pathlib import Path, PurePosixPath, PureWindowsPath

from vectorstore.errors import BadInput

_DEVICES = frozenset(
    ["con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))]
)
_LONGEST_NAME = 255
_LONGEST_PATH = 4_096
_BLOCK = 1 << 20


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
