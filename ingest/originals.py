"""The files that documents were read from: kept for uploads, found again for folders."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from ingest.plan import content_of
from ingest.sources.ledger import FILE_NAME, load_ledger, update_ledger
from ingest.sources.placed import UPLOAD
from ingest.sources.roots import Root, content_digest, safe_path
from vectorstore.errors import BadInput
from vectorstore.types import Document

_FOLDER: Final = "originals"
_REMEMBERED: Final = 1_000

_Stamp = tuple[int, int, int]


class Originals:
    """The original files of one data folder's documents. Safe to use from several threads.

    An upload is kept under hashes of its tenant and address, and of its content: what one tenant removes another
    never misses, and all versions at an address go together.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._digests: dict[Path, tuple[_Stamp, str]] = {}
        self._roots: tuple[_Stamp, dict[str, Root]] | None = None

    def of(self, document: Document) -> Path | None:
        """Return the file that a document was read from, or None where it is gone or has changed since."""
        name, _, relative = document.uri.partition("/")
        if name == UPLOAD:
            kept = self._kept(document)
            return kept if kept.is_file() else None
        found = self._in_folder(document.uri) if relative else None
        if found is None or self._digest(found)[: len(content_of(document.digest))] != content_of(
            document.digest
        ):
            return None
        return found

    def keep(self, document: Document, file: Path) -> None:
        """Keep a copy of an uploaded file, readable by the owner alone; whole or not at all."""
        folder = self._data_dir / _FOLDER
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # mkstemp makes it 0600
        handle, draft = tempfile.mkstemp(dir=folder, prefix=".")
        try:
            with os.fdopen(handle, "wb") as copy, file.open("rb") as original:
                shutil.copyfileobj(original, copy)
                copy.flush()
                os.fsync(copy.fileno())
            Path(draft).replace(self._kept(document))
        finally:
            Path(draft).unlink(missing_ok=True)

    def forget(self, *, tenant: str, uri: str, but: Document | None = None) -> None:
        """Delete what was kept of a document's versions, `but` one."""
        keep = self._kept(but) if but else None
        for path in (self._data_dir / _FOLDER).glob(f"{_place(tenant, uri)}-*"):
            if path != keep:
                path.unlink(missing_ok=True)

    def sweep(self, held: Callable[[], Iterable[tuple[str, str, str]]]) -> int:
        """Delete what was kept of documents that no generation shows any more; return how many files.

        `held` names those that one does: tenant, uri and digest of each.
        """
        # Listed first: a document is in the index before its file is kept, so none of these is still to come.
        found = [path for path in (self._data_dir / _FOLDER).glob("*") if not path.name.startswith(".")]
        wanted = {_name(tenant, uri, digest) for tenant, uri, digest in held()} if found else set()
        gone = [path for path in found if path.name not in wanted]
        for path in gone:
            path.unlink(missing_ok=True)
        return len(gone)

    def _kept(self, document: Document) -> Path:
        return self._data_dir / _FOLDER / _name(document.tenant, document.uri, document.digest)

    def _in_folder(self, uri: str) -> Path | None:
        roots = self._known_roots()
        parts = uri.split("/")
        for length in range(len(parts) - 1, 0, -1):
            root = roots.get("/".join(parts[:length]))
            if root is not None:
                try:
                    return safe_path(root.path, "/".join(parts[length:]))
                except BadInput:
                    return None
        return None

    def _known_roots(self) -> dict[str, Root]:
        stamp = _stamp(self._data_dir / FILE_NAME)
        if self._roots is None or self._roots[0] != stamp:
            self._roots = (stamp, {root.name: root for root in load_ledger(self._data_dir).roots})
        return self._roots[1]

    def _digest(self, path: Path) -> str:
        """Return a file's digest, from memory while it has not changed; empty when it cannot be read."""
        stamp = _stamp(path)
        known = self._digests.get(path)
        if known is not None and known[0] == stamp:
            return known[1]
        try:
            digest = content_digest(path)
        except OSError:
            return ""
        if len(self._digests) >= _REMEMBERED:
            self._digests.clear()
        self._digests[path] = (stamp, digest)
        return digest


def original_of(document: Document, *, data_dir: Path) -> Path | None:
    """Return the file that a document was read from, or None where it is gone or has changed since."""
    return Originals(data_dir).of(document)


def forget_uris(data_dir: Path, uris: Iterable[str]) -> None:
    """Drop what the ledger says of single documents: an erased address must stand in no file."""
    gone = frozenset(uris)
    ledger = load_ledger(data_dir)
    if gone.isdisjoint(ledger.flags) and gone.isdisjoint(ledger.failures):
        return
    update_ledger(data_dir, lambda kept: kept.forget(gone))


def _name(tenant: str, uri: str, digest: str) -> str:
    return f"{_place(tenant, uri)}-{digest}"


def _place(tenant: str, uri: str) -> str:
    return hashlib.sha256(f"{tenant}\0{uri}".encode()).hexdigest()[:24]


def _stamp(path: Path) -> _Stamp:
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0)
    return (found.st_mtime_ns, found.st_size, found.st_ino)
