"""Where an uploaded file goes: its address among those of its caller, and its name on the disk."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, count
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final

from ingest.sources.discover import Source
from ingest.sources.roots import printable, safe_path
from ingest.sources.rules import Rule, ruled
from vectorstore.errors import BadInput
from vectorstore.store import Snapshot
from vectorstore.types import Condition, Document, Scope

UPLOAD: Final = "upload"
"""What the address of an uploaded document begins with, as a folder's name would."""
_BLOCK: Final = 1 << 20


def placed(source: Source, snapshot: Snapshot, *, scope: Scope, rules: Sequence[Rule]) -> Source:
    """Give a file the first address of its caller's groups where no document stands that others keep."""
    return next(
        placed
        for folder in _folders(scope)
        if _is_free(
            placed := replace(source, uri=f"{folder}/{printable(source.relative)}"),
            document_at(snapshot, placed.uri, scope.tenant),
            scope=scope,
            rules=rules,
        )
    )


def _folders(scope: Scope) -> Iterator[str]:
    """Yield what the addresses of a caller's uploads begin with: callers of the same groups share them, people do not."""
    own = UPLOAD
    if scope.names:
        own += "/" + hashlib.sha256("\0".join(sorted(scope.names)).encode()).hexdigest()[:8]
    return chain([own], (f"{own}/{number}" for number in count(2)))


def _is_free(source: Source, standing: Document | None, *, scope: Scope, rules: Sequence[Rule]) -> bool:
    """Say whether a caller may put a file where a document may stand: one they see, or that a rule hides from them."""
    if standing is None or scope.allows(standing):
        return True
    return bool(standing.readers) and standing.readers <= (ruled(source, rules).readers or frozenset())


def name_of(document: Document, names: Sequence[str]) -> str:
    """Return the name of the file that takes a document's place; raises BadInput where none can."""
    if not document.uri.startswith(f"{UPLOAD}/"):
        raise BadInput(
            "This document was not uploaded.",
            "Change its file where it lies, or its side-car, and run `footnote ingest` there.",
        )
    if len(names) > 1:
        raise BadInput("One file takes the place of a document.", "Send one.")
    path = PurePosixPath(document.uri)
    if any(PurePosixPath(each).suffix.lower() != path.suffix.lower() for each in names):
        raise BadInput(
            f"Only a file of the same kind can replace this document ({path.suffix or 'without an ending'}).",
            "Add the file as a document of its own, and remove this one.",
        )
    return path.name


def plain_path(folder: Path, name: str) -> Path:
    """Return where a file of this name goes; raises BadInput unless it is a plain file name."""
    path = safe_path(folder, name)
    if path.parent != folder.resolve() or name != path.name:
        raise BadInput(f"{name[:200]!r} is not a plain file name.", "Name it like notes.md.")
    return path


def document_at(snapshot: Snapshot, uri: str, tenant: str) -> Document | None:
    """Return what stands at an address."""
    where = (Condition("uri", "eq", (uri,)),)
    return next(snapshot.documents(scope=Scope(tenant, unrestricted=True), where=where), None)


def written(content: BinaryIO, path: Path, *, most: int) -> bool:
    """Write what came to a file; say whether it is no larger than `most` bytes."""
    with path.open("wb") as file:
        while most >= 0 and (block := content.read(_BLOCK)):
            most -= len(block)
            file.write(block)
    return most >= 0
