"""Projections in object storage: a replica takes them instead of building its own for minutes.

Whoever has caught up far past the last publication publishes: all files as one row of bytes, cut into parts, and last a
manifest that names them; what has none is not there. It is sealed with the index's own salt, so that nobody without the
truth can make one. A replica checks that, every part, and that the truth knows the very commit that they cover; the rest
it catches up. What an erasure has passed is deleted, and never taken.
"""

import hashlib
import hmac
import json
import logging
import re
import secrets
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from vectorstore.errors import Unavailable
from vectorstore.index.projection.dense_files import of_this_format
from vectorstore.index.projection.entry import SCHEMA
from vectorstore.index.projection.faiss_codes import FORMAT as CODES
from vectorstore.index.projection.lexical_files import of_this_schema
from vectorstore.index.projection.manifest import (
    Covered,
    FileSeal,
    Manifest,
    damaged_files,
    manifest_of,
    manifest_text,
    write_manifest,
    written_as,
)
from vectorstore.index.projection.projections import STAGED, Kind, coverage, mark_of, usable
from vectorstore.index.truth import read as truth
from vectorstore.index.truth.database import Connection
from vectorstore.index.truth.files import private_folder, sync_folder
from vectorstore.index.truth.seal import read_meta
from vectorstore.objects.store import PIECE, Objects

_log = logging.getLogger(__name__)

FOLDER: Final = "projections"
"""What the keys of publications begin with."""
_FORMAT: Final = 1
_FOLDER = re.compile(r"(\d{1,19}+)-(\d{1,19}+)-[0-9a-f]{1,64}+")
_MANIFEST: Final = "manifest.json"
_MOST: Final = 256 << 20
"""Bytes of a manifest: some 150 for each file of each tenant."""
_AT_ONCE: Final = 4
_KEPT: Final = 2
_TRIED: Final = 2
_GIVEN_UP: Final = timedelta(minutes=30)
"""After which a claim counts no more."""
_ABANDONED: Final = timedelta(days=1)
"""After which what was left half-way, or is of another version of Footnote, is deleted."""
_DAMAGED: Final = "it is damaged, is being deleted, or was not made by this index"
_SAFE: Final = re.compile(r"(?:lexical-[0-9a-f]{24}-\d{6,12}-[0-9a-f]{6}/)?[A-Za-z0-9][A-Za-z0-9._-]{0,80}")
"""Names of files as this version writes them; no other is ever written to."""


@dataclass(frozen=True, slots=True)
class Publication:
    """Published projections: where they lie, what they cover, how many bytes they are."""

    prefix: str
    generation: int
    last_chunk: int
    size: int


@dataclass(frozen=True, slots=True)
class _File:
    """One file of a publication: its projection, its name in it, and where its bytes stand in the row of all."""

    kind: str
    name: str
    start: int
    size: int


def listed(objects: Objects, connection: Connection, kind: Kind) -> list[Publication]:
    """Return what is published of this index as it is now, and complete; the newest first. Raises Unavailable."""
    here = _space(kind, truth.head(connection).epoch)
    found: dict[str, list[tuple[str, int]]] = {}
    for each in objects.list(here):
        folder, _, name = each.key.rpartition("/")
        found.setdefault(folder, []).append((name, each.size))
    whole = [
        (folder, match, sum(size for _, size in held))
        for folder, held in found.items()
        if (match := _FOLDER.fullmatch(folder.rpartition("/")[2])) and _MANIFEST in dict(held)
    ]
    made = [Publication(folder, int(match[1]), int(match[2]), size) for folder, match, size in whole]
    return sorted(made, key=lambda each: (each.last_chunk, each.generation, each.prefix), reverse=True)


class Staged:
    """The files of projections as they were at one moment, held by links: writers go on meanwhile."""

    def __init__(self, folder: Path, connection: Connection, kind: Kind) -> None:
        """Link what is there; the caller holds the writer lock. Raises Unavailable for a search index that lags."""
        manifests = usable(folder, "dense", connection, kind), usable(folder, "lexical", connection, kind)
        dense, lexical = manifests
        if dense is None or lexical is None or dense.covered != lexical.covered:
            raise Unavailable("The search index is not up to date.", "Run `footnote index rebuild`.")
        self.covered = dense.covered
        self.dense = dense
        self.lexical = lexical
        self._salt = read_meta(connection)["salt"]
        self.folder = private_folder(folder / f"{STAGED}{secrets.token_hex(4)}")
        try:
            for manifest in (dense, lexical):
                for name in manifest.files:
                    linked = private_folder((self.folder / manifest.kind / name).parent) / Path(name).name
                    linked.hardlink_to(folder / manifest.folder / name)
        except BaseException:
            self.discard()
            raise

    def publish(self, objects: Objects, kind: Kind) -> Publication:
        """Upload everything, the manifest last; raises Unavailable, and leaves nothing that counts then."""
        covered = self.covered
        name = f"{covered.generation:012d}-{covered.last_chunk:014d}-{secrets.token_hex(4)}"
        prefix = f"{_space(kind, covered.epoch)}/{name}"
        files = _row([self.dense, self.lexical])
        total = files[-1].start + files[-1].size if files else 0
        try:
            with ThreadPoolExecutor(_AT_ONCE) as threads:
                digests = list(
                    threads.map(
                        lambda number: self._part(objects, prefix, files, number), range(_parts(total))
                    )
                )
            body = {
                "format": _FORMAT,
                "covered": asdict(covered),
                "part": PIECE,
                "parts": digests,
                "dense": manifest_text(self.dense),
                "lexical": manifest_text(self.lexical),
            }
            sealed = {"seal": _seal(self._salt, body), "body": body}
            objects.put(f"{prefix}/{_MANIFEST}", json.dumps(sealed).encode())
        except BaseException:
            with suppress(Unavailable):
                objects.delete(prefix)
            raise
        return Publication(prefix, covered.generation, covered.last_chunk, total)

    def discard(self) -> None:
        """Let go of the files."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _part(self, objects: Objects, prefix: str, files: Sequence[_File], number: int) -> str:
        try:
            content = b"".join(
                _read(self.folder / each.kind / each.name, place, count)
                for each, place, count in _pieces(files, number)
            )
        except FileNotFoundError as error:
            raise Unavailable(
                "The search index was made anew while it was published.", "Publish again."
            ) from error
        objects.put(f"{prefix}/{number:06d}", content)
        return hashlib.sha256(content).hexdigest()


def take(
    objects: Objects, folder: Path, connection: Connection, kind: Kind, *, least: int
) -> Publication | None:
    """Put the newest publication in the place of the projections where it brings `least` chunks more, and say which.

    None where none does; one that is damaged, foreign or not whole is passed over. The caller holds the writer lock.
    Raises Unavailable, OSError.
    """
    have = _reached(folder, connection, kind)
    if truth.head(connection).last_chunk - have < least:
        return None
    for publication in listed(objects, connection, kind)[:_TRIED]:
        if publication.last_chunk - have < least:
            return None
        why = _taken(objects, publication, folder, connection, kind)
        if not why:
            return publication
        _log.warning(
            "The published search index of generation %d is not used: %s.", publication.generation, why
        )
        if why == _DAMAGED:
            # It serves nobody, and keeps others from publishing a sound one.
            objects.delete(publication.prefix)
            objects.delete(_claims(kind, truth.head(connection).epoch))
    return None


def forget(objects: Objects, *, but: tuple[str, int] | None = None) -> int:
    """Delete all that is published, but what is of one index (its id) and epoch; say how many objects. Raises Unavailable.

    All versions go where the bucket keeps them.
    """
    if but is None:
        return objects.delete(FOLDER)
    kept = f"{FOLDER}/{_epoch(*but)}/"
    epochs = {
        "/".join(each.key.split("/")[:3]) for each in objects.list(FOLDER) if not each.key.startswith(kept)
    }
    return sum(objects.delete(epoch) for epoch in epochs)


def claimed(objects: Objects, covered: Covered, kind: Kind) -> bool:
    """Say whether it is ours to publish this state: of several replicas that caught up alike, one does."""
    claims = _claims(kind, covered.epoch)
    key = f"{claims}/{covered.generation:012d}"
    if objects.put_new(key, b""):
        return True
    ripe = datetime.now(UTC) - _GIVEN_UP
    if not any(each.key == key and each.modified < ripe for each in objects.list(claims)):
        return False
    # Who claimed it has died on the way.
    objects.delete(key)
    return objects.put_new(key, b"")


def tidy(objects: Objects, connection: Connection, kind: Kind) -> None:
    """Delete what newer publications, an erasure or a day have passed; raises Unavailable."""
    epoch = truth.head(connection).epoch
    forget(objects, but=(kind.index, epoch))
    known = [each.prefix for each in listed(objects, connection, kind)]
    ripe = datetime.now(UTC) - _ABANDONED
    newest: dict[str, datetime] = {}
    for each in objects.list(f"{FOLDER}/{_epoch(kind.index, epoch)}"):
        prefix = each.key.rpartition("/")[0]
        newest[prefix] = max(newest.get(prefix, each.modified), each.modified)
    for prefix, modified in newest.items():
        if prefix not in known[:_KEPT] and (prefix in known or modified < ripe):
            objects.delete(prefix)


def _taken(
    objects: Objects, publication: Publication, folder: Path, connection: Connection, kind: Kind
) -> str:
    """Take a publication into use; return why not, empty where it was."""
    read = _manifests(objects, publication, connection, kind)
    if isinstance(read, str):
        return read
    (dense, lexical), digests = read
    files = _row([dense, lexical])
    staged = private_folder(folder / f"{STAGED}{secrets.token_hex(4)}")
    try:
        for each in files:
            path = private_folder((staged / each.kind / each.name).parent) / Path(each.name).name
            path.touch(mode=0o600)
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            parts = threads.map(
                lambda number: _fetch(objects, publication, staged, files, number, digests[number]),
                range(len(digests)),
            )
            if not all(parts):
                threads.shutdown(wait=False, cancel_futures=True)
                return _DAMAGED
        if damaged_files(staged / "dense", dense) or damaged_files(staged / "lexical", lexical):
            return _DAMAGED
        _put_in_place(folder, staged, dense, lexical)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return ""


def _manifests(
    objects: Objects, publication: Publication, connection: Connection, kind: Kind
) -> tuple[tuple[Manifest, Manifest], list[str]] | str:
    """Return what a publication claims, with the digests of its parts; or why that is not to be believed."""
    try:
        sealed = json.loads(objects.read(f"{publication.prefix}/{_MANIFEST}", most=_MOST) or b"")
        body = sealed["body"]
        if not hmac.compare_digest(sealed["seal"], _seal(read_meta(connection)["salt"], body)):
            return _DAMAGED
        if body["format"] != _FORMAT or body["part"] != PIECE:
            return "it is of another version"
        covered = Covered(**body["covered"])
        dense, lexical = manifest_of(body["dense"]), manifest_of(body["lexical"])
        digests = [str(each) for each in body["parts"]]
    except (ValueError, LookupError, TypeError, AttributeError):
        return _DAMAGED
    if dense is None or lexical is None or not of_this_format(dense) or not of_this_schema(lexical):
        return "it is of another version"
    now = coverage(connection, kind)
    ours = (now.index, now.fingerprint, now.epoch)
    if any(
        (each.index, each.fingerprint, each.epoch) != ours
        for each in (covered, dense.covered, lexical.covered)
    ):
        return "it is of another index, or of an earlier state of it"
    if (
        not dense.covered == lexical.covered == covered
        or mark_of(connection, covered.generation) != covered.mark
    ):
        return "the index does not know its generation"
    files = _row([dense, lexical])
    if not all(_SAFE.fullmatch(each.name) and ".." not in each.name for each in files):
        return _DAMAGED
    if len(digests) != _parts(sum(each.size for each in files)):
        return _DAMAGED
    return (dense, lexical), digests


def _fetch(
    objects: Objects, publication: Publication, staged: Path, files: Sequence[_File], number: int, digest: str
) -> bool:
    content = objects.read(f"{publication.prefix}/{number:06d}")
    if content is None or hashlib.sha256(content).hexdigest() != digest:
        return False
    done = 0
    for each, place, count in _pieces(files, number):
        with (staged / each.kind / each.name).open("r+b") as file:
            file.seek(place)
            file.write(content[done : done + count])
        done += count
    return True


def _put_in_place(folder: Path, staged: Path, dense: Manifest, lexical: Manifest) -> None:
    """Move fetched files under names that nothing here has, and switch to them."""
    fresh = secrets.token_hex(3)
    moved = replace(dense, folder=f"dense-{dense.covered.generation:06d}-{fresh}")
    (staged / "dense").rename(folder / moved.folder)
    names = {each.partition("/")[0] for each in lexical.files}
    renamed = {name: f"{name.rpartition('-')[0]}-{secrets.token_hex(3)}" for name in names}
    for name, new in renamed.items():
        (staged / "lexical" / name).rename(folder / new)
    files = {
        f"{renamed[path.partition('/')[0]]}/{path.partition('/')[2]}": seal
        for path, seal in lexical.files.items()
    }
    for each in (moved.folder, *renamed.values()):
        sync_folder(folder / each)
    sync_folder(folder)
    write_manifest(folder / "dense.json", moved)
    write_manifest(folder / "lexical.json", replace(lexical, files=files))


def _reached(folder: Path, connection: Connection, kind: Kind) -> int:
    """Return the last chunk that both projections on disk hold."""
    found = [usable(folder, name, connection, kind) for name in ("dense", "lexical")]
    return min(each.covered.last_chunk if each else 0 for each in found)


def _row(manifests: Sequence[Manifest]) -> list[_File]:
    """Return the files one after the other, each where its bytes stand among those of all."""
    files, start = [], 0
    for manifest in manifests:
        for name in sorted(manifest.files):
            seal: FileSeal = manifest.files[name]
            files.append(_File(manifest.kind, name, start, seal.size))
            start += seal.size
    return files


def _parts(total: int) -> int:
    return -(-total // PIECE)


def _pieces(files: Sequence[_File], number: int) -> Iterator[tuple[_File, int, int]]:
    """Yield what of which files stands in a part: file, place in it, bytes."""
    begin, end = number * PIECE, (number + 1) * PIECE
    for each in files:
        first, last = max(begin, each.start), min(end, each.start + each.size)
        if first < last:
            yield each, first - each.start, last - first


def _read(path: Path, place: int, count: int) -> bytes:
    with path.open("rb") as file:
        file.seek(place)
        return file.read(count)


def _epoch(index: str, epoch: int) -> str:
    return f"{index}/{epoch:08d}"


def _claims(kind: Kind, epoch: int) -> str:
    return f"{_space(kind, epoch)}/claims"


def _space(kind: Kind, epoch: int) -> str:
    """Return where this version of Footnote publishes an index of this embedder: others neither see nor drop it."""
    made = f"{_FORMAT}\0{kind.made_of}\0{written_as()}\0{SCHEMA}\0{CODES}"
    return f"{FOLDER}/{_epoch(kind.index, epoch)}/{hashlib.sha256(made.encode()).hexdigest()[:16]}"


def _seal(salt: str, body: object) -> str:
    text = json.dumps(body, sort_keys=True).encode()
    return hmac.digest(f"published\0{salt}".encode(), text, "sha256").hex()
