"""What a projection on disk claims to be, and whether that is true.

One JSON file per projection, replaced atomically: it names the folder in use, what of the truth it covers,
and a SHA-256 for every 16 MiB block of every file. It carries a seal over itself.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from itertools import takewhile
from pathlib import Path

from vectorstore.index.truth.files import BLOCK, block_digests, write_atomically

FORMAT = 2
"""Of the manifest and of what lies in the files; a projection of another format is made anew."""


@dataclass(frozen=True, slots=True)
class Covered:
    """What of which truth a projection holds: all chunks up to `last_chunk`, as of `generation`."""

    index: str
    fingerprint: str
    epoch: int
    generation: int
    mark: str
    last_chunk: int


@dataclass(frozen=True, slots=True)
class FileSeal:
    """A file's size and the digests of its blocks. Bytes past the size are not part of it."""

    size: int
    blocks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """A projection's claim. `folder` is relative to the manifest."""

    kind: str
    folder: str
    covered: Covered
    count: int
    files: Mapping[str, FileSeal]
    parameters: Mapping[str, int] = field(default_factory=dict)


def read_manifest(path: Path) -> Manifest | None:
    """Read a manifest; None when it is missing, damaged or of another format."""
    try:
        return manifest_of(path.read_bytes())
    except OSError:
        return None


def manifest_of(content: bytes | str) -> Manifest | None:
    """Return the manifest that stands in a file's content; None when it is damaged or of another format."""
    try:
        raw = json.loads(content)
        sealed, body = raw["seal"], raw["body"]
        if sealed != _seal(body) or body["format"] != written_as():
            return None
        files = {name: FileSeal(each["size"], tuple(each["blocks"])) for name, each in body["files"].items()}
        return Manifest(
            body["kind"], body["folder"], Covered(**body["covered"]), body["count"], files, body["parameters"]
        )
    except (AttributeError, ValueError, KeyError, TypeError):
        return None


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Switch to what the manifest names; this is the moment at which a projection changes."""
    write_atomically(path, manifest_text(manifest).encode())


def manifest_text(manifest: Manifest) -> str:
    """Return what stands in a manifest's file."""
    body = {"format": written_as(), **asdict(manifest)}
    return json.dumps({"seal": _seal(json.loads(json.dumps(body))), "body": body}, indent=1)


def seal_file(path: Path, *, known: FileSeal | None = None, size: int | None = None) -> FileSeal:
    """Compute a file's seal; whole blocks of `known` are taken over where the file only grew at its end."""
    size = path.stat().st_size if size is None else size
    whole = 0 if known is None else _whole_blocks(known)
    kept = known.blocks[:whole] if known else ()
    from_byte = whole * BLOCK
    return FileSeal(size, (*kept, *block_digests(path, size=size, start=from_byte)))


def damaged_files(
    folder: Path, manifest: Manifest, *, trusted: Mapping[str, FileSeal] | None = None
) -> list[str]:
    """Return the names of files that are missing, short or differ from their seal.

    Blocks that `trusted`, the seals of the same files that this process has verified before, holds under the
    same digest are not read again.
    """
    known = trusted or {}
    return [
        name
        for name, expected in manifest.files.items()
        if not _intact(folder / name, expected, known.get(name))
    ]


def whole_blocks(manifest: Manifest) -> Mapping[str, FileSeal]:
    """Return the seals of the files as far as they cannot change when the files grow at their ends."""
    return {
        name: FileSeal(_whole_blocks(each) * BLOCK, each.blocks[: _whole_blocks(each)])
        for name, each in manifest.files.items()
    }


def sweep(parent: Path, prefix: str, *, keep: set[str]) -> None:
    """Delete a projection's folders that are no longer in use."""
    for folder in parent.glob(f"{prefix}-*"):
        if folder.is_dir() and folder.name not in keep:
            shutil.rmtree(folder, ignore_errors=True)


def written_as() -> str:
    """Return what tells files of this version from those of others: another release of tantivy may have other stems."""
    return f"{FORMAT}, tantivy {version('tantivy')}"


def _intact(path: Path, expected: FileSeal, trusted: FileSeal | None) -> bool:
    start = 0
    if trusted is not None:
        pairs = zip(trusted.blocks, expected.blocks, strict=False)
        start = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    try:
        if path.stat().st_size < expected.size:
            return False
        found = tuple(block_digests(path, size=expected.size, start=start * BLOCK))
    except OSError:
        return False
    return found == expected.blocks[start:]


def _whole_blocks(seal: FileSeal) -> int:
    return seal.size // BLOCK


def _seal(body: object) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
