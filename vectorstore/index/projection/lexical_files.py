"""The lexical projection on disk: a folder per tenant and state, sharing unchanged segments by hard link.

A segment's file is written once. A tenant's new state begins as a folder of links to the old one's segments,
so that the old one stays whole for those who read it, and a crash on the way leaves nothing but a spare folder.
The folders of tenants that a commit does not touch are named by the new manifest as they are.
"""

import hashlib
import os
import secrets
import shutil
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final, TypeAlias

from vectorstore.index.projection.entry import SCHEMA
from vectorstore.index.projection.manifest import (
    Covered,
    FileSeal,
    Manifest,
    damaged_files,
    seal_file,
    write_manifest,
)
from vectorstore.index.projection.word_index import WordIndex
from vectorstore.index.truth.files import private_folder, sync_folder
from vectorstore.index.truth.read import IndexedChunk

FolderOf: TypeAlias = Callable[[str], Path | None]
"""Says where a tenant's index lies; None for a tenant that has none."""

_OPEN: Final = 128
"""How many tenants' indexes are open at once: each takes some dozens of the process's memory maps."""


class Lexical:
    """The tenants' word indexes in one state, opened as they are searched. Safe to use from several threads."""

    def __init__(self, folder_of: FolderOf, count: int) -> None:
        self._folder_of = folder_of
        self.count = count
        self._open: OrderedDict[str, WordIndex] = OrderedDict()
        self._lock = Lock()

    def index(self, tenant: str) -> WordIndex | None:
        """Return a tenant's index, None where it has none; raises Unavailable when its files cannot be read."""
        with self._lock:
            found = self._open.get(tenant)
            if found is None:
                folder = self._folder_of(tenant)
                if folder is None:
                    return None
                found = self._open[tenant] = WordIndex(folder)
                while len(self._open) > _OPEN:
                    self._open.popitem(last=False)
            self._open.move_to_end(tenant)
            return found


_LAYOUT = 3
"""Of the folders: one of another layout is made anew."""
Files: TypeAlias = Mapping[str, FileSeal]
"""`folder/file` → seal."""


@dataclass(frozen=True, slots=True)
class _State:
    """How many chunks were added to a tenant's index, and what its files are now."""

    added: int
    files: Files


def extend_lexical(
    parent: Path, base: Manifest | None, chunks: Mapping[str, Iterable[IndexedChunk]], *, covered: Covered
) -> Manifest:
    """Write a new state that holds `base` and these chunks, by tenant; the caller holds the writer lock."""
    files = dict(base.files) if base is not None else {}
    count = base.count if base is not None else 0
    before = _folders(files)
    made: list[Path] = []
    try:
        for tenant, added in chunks.items():
            name = _name(tenant)
            old = before.get(name, "")
            made.append(
                private_folder(parent / f"lexical-{name}-{covered.generation:06d}-{secrets.token_hex(3)}")
            )
            state = _extended(parent, old, made[-1], added, files)
            files = {path: each for path, each in files.items() if path.partition("/")[0] != old}
            files |= state.files
            count += state.added
        sync_folder(parent)
        manifest = Manifest("lexical", ".", covered, count, files, parameters=_parameters())
        write_manifest(parent / "lexical.json", manifest)
    except BaseException:
        for folder in made:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    return manifest


def load_lexical(parent: Path, manifest: Manifest, *, trusted: Manifest | None = None) -> Lexical | None:
    """Take the projection into use; None when a file is missing, short or differs from its seal."""
    # A segment's files of one tenant, name and seal are links to one file, which is never written to again.
    verified = {_key(path): each for path, each in trusted.files.items()} if trusted else {}
    linked = {path: verified[_key(path)] for path in manifest.files if _key(path) in verified}
    if damaged_files(parent, manifest, trusted=linked):
        return None
    folders = _folders(manifest.files)

    def folder_of(tenant: str) -> Path | None:
        folder = folders.get(_name(tenant))
        return parent / folder if folder else None

    return Lexical(folder_of, manifest.count)


def of_this_schema(manifest: Manifest) -> bool:
    """Say whether the files were written with the fields, words and folders that this version searches for."""
    return manifest.parameters == _parameters()


def folders_of(manifest: Manifest) -> set[str]:
    """Return the names of the folders that the projection lies in."""
    return set(_folders(manifest.files).values())


def _extended(parent: Path, old: str, folder: Path, chunks: Iterable[IndexedChunk], known: Files) -> _State:
    """Write one tenant's new state into a folder of its own."""
    if old:
        _link(parent / old, folder)
    index = WordIndex(folder)
    before = index.count
    index.add(chunks)
    files = {}
    for path in sorted(folder.iterdir()):
        linked = known.get(f"{old}/{path.name}")
        if linked is None:
            path.chmod(0o600)
        files[f"{folder.name}/{path.name}"] = linked or seal_file(path)
    sync_folder(folder)
    return _State(index.count - before, files)


def _link(old: Path, new: Path) -> None:
    for path in old.iterdir():
        os.link(path, new / path.name)


def _name(tenant: str) -> str:
    """Name a tenant in a folder's name, whatever characters and length its own name has."""
    return hashlib.sha256(tenant.encode("utf-8", "surrogatepass")).hexdigest()[:24]


def _folders(files: Files) -> dict[str, str]:
    """Return tenant's name → folder."""
    return {folder.split("-")[1]: folder for folder in {path.partition("/")[0] for path in files}}


def _key(path: str) -> tuple[str, str]:
    folder, _, name = path.partition("/")
    return folder.split("-")[1], name


def _parameters() -> dict[str, int]:
    return {"schema": SCHEMA, "layout": _LAYOUT}
