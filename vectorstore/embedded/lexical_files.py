"""The lexical projection on disk: a tantivy folder per state, sharing unchanged segments by hard link.

tantivy writes a segment's files once. A new state begins as a folder of links to the old one's segments, so
that the old one stays whole for those who read it, and a crash on the way leaves nothing but a spare folder.
"""

import os
import secrets
import shutil
from collections.abc import Iterable
from pathlib import Path

from vectorstore.embedded.files import private_folder, sync_folder
from vectorstore.embedded.manifest import Covered, Manifest, damaged_files, seal_file, write_manifest
from vectorstore.embedded.tantivy_index import SCHEMA, TantivyIndex
from vectorstore.embedded.truth import IndexedChunk
from vectorstore.errors import Unavailable

_REWRITTEN = (".json",)
_LOCKS = (".lock",)
_SCHEMA = "schema"


def extend_lexical(
    parent: Path, base: Manifest | None, chunks: Iterable[IndexedChunk], *, covered: Covered
) -> Manifest:
    """Write a new state that holds `base` and these chunks; the caller holds the writer lock."""
    folder = private_folder(parent / f"lexical-{covered.generation:06d}-{secrets.token_hex(3)}")
    try:
        if base is not None:
            _link(parent / base.folder, folder)
        index = TantivyIndex(folder)
        index.add(chunks)
        known = base.files if base is not None else {}
        files = {}
        for path in sorted(folder.iterdir()):
            if path.suffix in _LOCKS:
                continue
            linked = known.get(path.name) if path.suffix not in _REWRITTEN else None
            if linked is None:
                # tantivy has made the file durable; were it lost all the same, its seal would tell.
                path.chmod(0o600)
            files[path.name] = linked or seal_file(path)
        sync_folder(folder)
        manifest = Manifest("lexical", folder.name, covered, index.count, files, parameters={_SCHEMA: SCHEMA})
        write_manifest(parent / "lexical.json", manifest)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return manifest


def load_lexical(parent: Path, manifest: Manifest, *, trusted: Manifest | None = None) -> TantivyIndex | None:
    """Open the projection; None when a file is missing, short or differs from its seal, or cannot be read.

    A writer may sweep a folder away between the check and the opening.
    """
    folder = parent / manifest.folder
    # A segment's files of one name and seal are links to one file, which is never written to again.
    files = trusted.files if trusted else {}
    linked = {name: each for name, each in files.items() if not name.endswith(_REWRITTEN)}
    if damaged_files(folder, manifest, trusted=linked):
        return None
    try:
        index = TantivyIndex(folder)
    except (OSError, ValueError, Unavailable):
        return None
    return index if index.count == manifest.count else None


def of_this_schema(manifest: Manifest) -> bool:
    """Say whether the files were written with the fields and words that this version searches for."""
    return manifest.parameters.get(_SCHEMA) == SCHEMA


def _link(old: Path, new: Path) -> None:
    for path in old.iterdir():
        if path.suffix in _LOCKS:
            continue
        if path.suffix in _REWRITTEN:
            shutil.copyfile(path, new / path.name)
        else:
            os.link(path, new / path.name)
