"""The files that documents were read from: kept for uploads, found again for folders.

Kept are they in the data folder, or where object storage is set there, for all replicas.
"""

import hashlib
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Final

from ingest.plan import content_of
from ingest.sources.ledger import FILE_NAME, load_ledger, update_ledger
from ingest.sources.placed import UPLOAD
from ingest.sources.roots import Root, content_digest, safe_path
from vectorstore.errors import BadInput, Unavailable
from vectorstore.objects.cache import FOLDER, Fetched
from vectorstore.objects.settings import ObjectSettings
from vectorstore.objects.store import Objects, open_objects
from vectorstore.state.cell import State
from vectorstore.types import Document

_FOLDER: Final = "originals"
_REMEMBERED: Final = 1_000
_UNDER_WAY: Final = timedelta(hours=1)
"""How old an original in object storage is before it is taken for nobody's: it is there before its document is."""

_log = logging.getLogger(__name__)

_Stamp = tuple[int, int, int]


class Originals:
    """The original files of one data folder's documents. Safe to use from several threads.

    An upload is kept under hashes of its tenant and address, and of its content: what one tenant removes another
    never misses, and all versions at an address go together.
    """

    def __init__(self, data_dir: Path, objects: Objects | None = None, *, room: int = 0) -> None:
        """Keep uploads in `objects`, and of what is fetched from there at most `room` bytes; None: in the data folder."""
        self._data_dir = data_dir
        self._objects = objects
        self._fetched = Fetched(objects, data_dir / FOLDER, most=room) if objects else None
        self._digests: dict[Path, tuple[_Stamp, str]] = {}
        self._roots: tuple[_Stamp, dict[str, Root]] | None = None

    @property
    def are_shared(self) -> bool:
        """Whether other machines find them too: then an upload's is kept before its document is published."""
        return self._objects is not None

    def of(self, document: Document) -> Path | None:
        """Return the file that a document was read from, or None where it is gone or has changed since.

        An upload's may have to be fetched: raises Unavailable where that fails.
        """
        name, _, relative = document.uri.partition("/")
        if name == UPLOAD:
            return self._upload(document)
        found = self._in_folder(document.uri) if relative else None
        return found if found is not None and self._is_content(found, document.digest) else None

    def are_kept(self, document: Document) -> bool:
        """Say whether an upload's file is kept, without fetching it; raises Unavailable."""
        if self._objects is not None:
            return self._objects.size(_key(document.tenant, document.uri, document.digest)) is not None
        return self._kept(document).is_file()

    def keep(self, tenant: str, uri: str, digest: str, file: Path) -> None:
        """Keep a copy of an uploaded file; whole or not at all. Raises Unavailable, and OSError for a folder."""
        if self._objects is not None:
            self._objects.put(_key(tenant, uri, digest), file)
            return
        folder = self._data_dir / _FOLDER
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # mkstemp makes it 0600, its owner's alone
        handle, draft = tempfile.mkstemp(dir=folder, prefix=".")
        try:
            with os.fdopen(handle, "wb") as copy, file.open("rb") as original:
                shutil.copyfileobj(original, copy)
                copy.flush()
                os.fsync(copy.fileno())
            Path(draft).replace(folder / _name(tenant, uri, digest))
        finally:
            Path(draft).unlink(missing_ok=True)

    def copy(self, tenant: str, uri: str, digest: str, into: BinaryIO) -> bool:
        """Write a kept file to another one, piece by piece; say whether there is one. Raises Unavailable."""
        # Also where there is object storage: uploads of before it was set lie here.
        kept = self._data_dir / _FOLDER / _name(tenant, uri, digest)
        if self._objects is not None and self._objects.get(_key(tenant, uri, digest), into) is not None:
            return True
        try:
            with kept.open("rb") as file:
                shutil.copyfileobj(file, into)
        except FileNotFoundError:
            return False
        return True

    def forget(self, *, tenant: str, uri: str, but: Document | None = None) -> None:
        """Delete what was kept of a document's versions, `but` one; raises Unavailable."""
        place = _place(tenant, uri)
        if self._objects is not None and self._fetched is not None:
            above = f"{_FOLDER}/{place}"
            if but is None:
                self._objects.delete(above)
                self._fetched.drop(above)
            else:
                keep_key = _key(but.tenant, but.uri, but.digest)
                for each in self._objects.list(above):
                    if each.key != keep_key:
                        self._drop(each.key)
        # Also where there is object storage: uploads of before it was set lie here.
        keep = self._kept(but) if but else None
        for path in (self._data_dir / _FOLDER).glob(f"{place}-*"):
            if path != keep:
                path.unlink(missing_ok=True)

    def share(self, held: Callable[[], Iterable[tuple[str, str, str]]]) -> int:
        """Put into object storage what lies in the data folder alone; return how many files. Raises Unavailable.

        `held` names what generations show, as for `sweep`.
        """
        objects = self._objects
        if objects is None or not (self._data_dir / _FOLDER).is_dir():
            return 0
        shared = 0
        for each in held():
            path = self._data_dir / _FOLDER / _name(*each)
            if path.is_file() and objects.size(_key(*each)) is None:
                objects.put(_key(*each), path)
                shared += 1
        return shared

    def sweep(self, held: Callable[[], Iterable[tuple[str, str, str]]]) -> int:
        """Delete what was kept of documents that no generation shows any more; return how many files.

        `held` names those that one does: tenant, uri and digest of each. Raises Unavailable.
        """
        ripe = datetime.now(UTC) - _UNDER_WAY
        kept = self._objects.list(_FOLDER) if self._objects is not None else []
        keys = [each.key for each in kept if each.modified < ripe]
        # Listed first: a document is in the index before its file is kept here, so none of these is still to come.
        paths = [path for path in (self._data_dir / _FOLDER).glob("*") if not path.name.startswith(".")]
        shown = list(held()) if keys or paths else []
        left = sorted(set(keys) - {_key(*each) for each in shown})
        for key in left:
            self._drop(key)
        names = {_name(*each) for each in shown}
        gone = [path for path in paths if path.name not in names]
        for path in gone:
            path.unlink(missing_ok=True)
        return len(left) + len(gone)

    def _upload(self, document: Document) -> Path | None:
        if self._fetched is not None:
            key = _key(document.tenant, document.uri, document.digest)
            try:
                found = self._fetched.copy(key, sound=lambda path: self._is_content(path, document.digest))
                if found is not None:
                    return found
            except Unavailable as error:
                # Whoever looks at a document need not know where its file lies.
                _log.warning("The file of document %s could not be fetched: %s", document.id, error)
                raise Unavailable(
                    "The file of this document cannot be fetched now.", "Try again in a moment."
                ) from None
        kept = self._kept(document)
        return kept if kept.is_file() else None

    def _kept(self, document: Document) -> Path:
        return self._data_dir / _FOLDER / _name(document.tenant, document.uri, document.digest)

    def _drop(self, key: str) -> None:
        if self._objects is not None and self._fetched is not None:
            self._objects.delete(key)
            self._fetched.drop(key)

    def _is_content(self, path: Path, digest: str) -> bool:
        content = content_of(digest)
        return self._digest(path)[: len(content)] == content

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


def open_originals(data_dir: Path, settings: ObjectSettings | None = None) -> Originals:
    """Open the originals where the settings have them; raises Unavailable."""
    found = settings or ObjectSettings()
    return Originals(data_dir, open_objects(found), room=found.originals_cache_mb * 1_000_000)


def original_of(document: Document, *, data_dir: Path) -> Path | None:
    """Return the file that a document was read from, or None where it is gone or has changed since."""
    return open_originals(data_dir).of(document)


def forget_uris(place: State | Path, uris: Iterable[str]) -> None:
    """Drop what the ledger says of single documents: an erased address must stand in no file."""
    gone = frozenset(uris)
    ledger = load_ledger(place)
    if gone.isdisjoint(ledger.flags) and gone.isdisjoint(ledger.failures):
        return
    update_ledger(place, lambda kept: kept.forget(gone))


def _name(tenant: str, uri: str, digest: str) -> str:
    return f"{_place(tenant, uri)}-{digest}"


def _key(tenant: str, uri: str, digest: str) -> str:
    """Return the key in object storage: parted, since a listing goes by whole names."""
    return f"{_FOLDER}/{_place(tenant, uri)}/{digest}"


def _place(tenant: str, uri: str) -> str:
    return hashlib.sha256(f"{tenant}\0{uri}".encode()).hexdigest()[:24]


def _stamp(path: Path) -> _Stamp:
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0)
    return (found.st_mtime_ns, found.st_size, found.st_ino)
