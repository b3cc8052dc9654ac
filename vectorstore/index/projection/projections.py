"""Both projections, held to the truth: loaded when they are sound, caught up when behind, else rebuilt."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from shutil import rmtree
from typing import Final, Protocol, TypeAlias

from vectorstore.errors import Busy
from vectorstore.index.projection.dense import Dense, Nearest
from vectorstore.index.projection.dense_files import DenseBatch, extend_dense, load_dense, of_this_format
from vectorstore.index.projection.lexical_files import (
    Lexical,
    extend_lexical,
    folders_of,
    load_lexical,
    of_this_schema,
)
from vectorstore.index.projection.manifest import (
    Covered,
    Manifest,
    damaged_files,
    read_manifest,
    sweep,
    whole_blocks,
    write_manifest,
)
from vectorstore.index.projection.word_index import WordSearch
from vectorstore.index.truth import read as truth
from vectorstore.index.truth.database import Connection
from vectorstore.index.truth.files import writer_lock

_BATCH = 20_000
STAGED: Final = ".published-"
"""What the folders are called in which files of projections lie that are being published or taken."""


Indexes: TypeAlias = tuple[Nearest, WordSearch | None]
"""What a tenant's search reads: the vectors of all, and its own words; None where it has no chunks at all."""


@dataclass(frozen=True, slots=True)
class Projections:
    """What a search reads: every chunk up to `covered.last_chunk`, whatever generation it belongs to."""

    covered: Covered
    dense: Dense
    lexical: Lexical
    manifests: tuple[Manifest, Manifest]


class Outside(Protocol):
    """Vectors that are kept outside of this machine's files, which then hold words alone."""

    place: str

    def of(self, tenant: str, last_chunk: int) -> Nearest:
        """Return the search among a tenant's chunks, which holds all up to `last_chunk`."""

    def catch_up(self, connection: Connection, *, anew: bool = False) -> None:
        """Make them those of the newest commit; `anew`: leaving nothing of what was."""

    def problems(self, connection: Connection) -> Iterator[str]:
        """Yield what they are otherwise than in the truth, one sentence each."""

    def close(self) -> None:
        """Close connections."""


@dataclass(frozen=True, slots=True)
class Kind:
    """The index that projections must belong to; `outside` keeps its vectors, None where they are files."""

    index: str
    fingerprint: str
    dimension: int
    recall_target: float
    outside: Outside | None = field(default=None, compare=False)

    @property
    def made_of(self) -> str:
        """What projections must have been made of: where they hold no vectors they serve nobody else."""
        return self.fingerprint if self.outside is None else f"{self.fingerprint}, vectors outside"


def load(folder: Path, connection: Connection, kind: Kind, *, last: Projections | None) -> Projections | None:
    """Open the projections on disk, be they current or behind; None unless both are sound and ours."""
    manifests = usable(folder, "dense", connection, kind), usable(folder, "lexical", connection, kind)
    dense_manifest, lexical_manifest = manifests
    if dense_manifest is None or lexical_manifest is None:
        return None
    before = (last.manifests[0], last.dense) if last else None
    dense = load_dense(folder, dense_manifest, dimension=kind.dimension, last=before)
    lexical = load_lexical(folder, lexical_manifest, trusted=last.manifests[1] if last else None)
    if dense is None or lexical is None:
        return None
    covered = min((dense_manifest.covered, lexical_manifest.covered), key=lambda each: each.last_chunk)
    return Projections(covered, dense, lexical, (dense_manifest, lexical_manifest))


def claimed(folder: Path, connection: Connection, kind: Kind) -> bool:
    """Say whether both projections on disk claim to be of a commit of this very truth, be they sound or not."""
    return all(usable(folder, name, connection, kind) is not None for name in ("dense", "lexical"))


def make_anew(folder: Path, connection: Connection, kind: Kind) -> None:
    """Make both from the truth, leaving nothing of what was; the caller holds the folder's lock."""
    discard(folder)
    if kind.outside is not None:
        kind.outside.catch_up(connection, anew=True)
    catch_up(folder, connection, kind)


@contextmanager
def folder_lock(folder: Path, *, follows: bool) -> Iterator[None]:
    """Hold the folder where the truth lies elsewhere; where it lies in the folder, its writer holds it already."""
    with writer_lock(folder / "index.lock", wait=True) if follows else nullcontext():
        yield


def catch_up(folder: Path, connection: Connection, kind: Kind) -> None:
    """Bring both projections on disk up to the newest commit; the caller holds the writer lock."""
    wanted = coverage(connection, kind)
    if kind.outside is not None:
        kind.outside.catch_up(connection)
    _catch_up_dense(folder, connection, kind, wanted)
    _catch_up_lexical(folder, connection, kind, wanted)


def _catch_up_dense(folder: Path, connection: Connection, kind: Kind, wanted: Covered) -> None:
    manifest = usable(folder, "dense", connection, kind)
    if manifest is None or manifest.covered.last_chunk < wanted.last_chunk:
        manifest = manifest if _sound(folder, manifest) else None
        if manifest is None:
            # First: what one that broke off has left may be what the disk is full of.
            sweep(folder, "dense", keep=set())
        start = manifest.covered.last_chunk if manifest else 0
        inside = batches_of(connection, start, wanted.last_chunk, kind.dimension)
        batches = inside if kind.outside is None else iter(())
        manifest = extend_dense(
            folder,
            manifest,
            batches,
            covered=wanted,
            dimension=kind.dimension,
            recall_target=kind.recall_target,
        )
    elif manifest.covered != wanted:
        write_manifest(folder / "dense.json", replace(manifest, covered=wanted))
    sweep(folder, "dense", keep={manifest.folder})


def _catch_up_lexical(folder: Path, connection: Connection, kind: Kind, wanted: Covered) -> None:
    before = manifest = usable(folder, "lexical", connection, kind)
    if manifest is None or manifest.covered.last_chunk < wanted.last_chunk:
        before = manifest = manifest if _sound(folder, manifest) else None
        start = manifest.covered.last_chunk if manifest else 0
        rows = truth.chunk_rows(connection, after=start, until=wanted.last_chunk)
        chunks = {tenant: truth.indexed_chunks(connection, own) for tenant, own in rows.items()}
        manifest = extend_lexical(folder, manifest, chunks, covered=wanted)
    elif manifest.covered != wanted:
        write_manifest(folder / "lexical.json", replace(manifest, covered=wanted))
    # The state before this one stays for a moment: somebody may be opening it.
    sweep(folder, "lexical", keep=folders_of(manifest) | (folders_of(before) if before else set()))


def discard(folder: Path) -> None:
    """Forget both projections, also what is just being published of them; the next catch-up rebuilds them from the truth."""
    for name in ("dense", "lexical"):
        (folder / f"{name}.json").unlink(missing_ok=True)
        sweep(folder, name, keep=set())
    sweep_staged(folder)


def discard_where_none_belongs(folder: Path) -> None:
    """Forget projections from before this machine searched elsewhere: no erasure would reach them."""
    if any(any(folder.glob(f"{name}*")) for name in ("dense", "lexical", STAGED)):
        # Who writes to them now searches here after all.
        with suppress(Busy), writer_lock(folder / "index.lock", following=True):
            discard(folder)


def sweep_staged(folder: Path) -> None:
    """Delete files on their way; whoever still publishes them gives up. The caller holds the folder, so that nobody takes any."""
    for left in folder.glob(f"{STAGED}*"):
        rmtree(left, ignore_errors=True)


def discard_damaged(folder: Path, connection: Connection, kind: Kind) -> list[str]:
    """Forget those projections that do not hold what they claim; return their names."""
    bad = []
    for name in ("dense", "lexical"):
        manifest = usable(folder, name, connection, kind)
        if manifest is not None and damaged_files(folder / manifest.folder, manifest):
            bad.append(name)
            (folder / f"{name}.json").unlink(missing_ok=True)
    return bad


def usable(folder: Path, name: str, connection: Connection, kind: Kind) -> Manifest | None:
    """Return the manifest when what it claims to cover is a commit of this very truth."""
    manifest = read_manifest(folder / f"{name}.json")
    if manifest is None or manifest.kind != name:
        return None
    if not (of_this_schema if name == "lexical" else of_this_format)(manifest):
        return None
    covered = manifest.covered
    if (covered.index, covered.fingerprint) != (kind.index, kind.made_of):
        return None
    now = coverage(connection, kind)
    if covered.epoch != now.epoch:
        return None
    return manifest if covered.mark == mark_of(connection, covered.generation) else None


def _sound(folder: Path, manifest: Manifest | None) -> bool:
    """Say whether the files can be built upon: new seals must never cover old damage.

    Whole blocks of a file that only grows keep their seals, and so need no reading here.
    """
    if manifest is None:
        return False
    trusted = whole_blocks(manifest) if manifest.kind == "dense" else None
    return not damaged_files(folder / manifest.folder, manifest, trusted=trusted)


def coverage(connection: Connection, kind: Kind) -> Covered:
    """Return what projections cover that hold all there is now."""
    head = truth.head(connection)
    mark = mark_of(connection, head.generation)
    return Covered(kind.index, kind.made_of, head.epoch, head.generation, mark, head.last_chunk)


def mark_of(connection: Connection, generation: int) -> str:
    """Return the mark of a kept generation, empty for another one."""
    row = connection.one("SELECT mark FROM generations WHERE number = ?", (generation,))
    return row[0].hex() if row else ""


def batches_of(connection: Connection, after: int, until: int, dimension: int) -> Iterator[DenseBatch]:
    """Yield the vectors of the chunks with rows in (after, until]."""
    while after < until:
        rows, owners, vectors = truth.vectors_between(
            connection, after=after, until=until, dimension=dimension, limit=_BATCH
        )
        if not len(rows):
            return
        yield DenseBatch(rows, owners, vectors)
        after = int(rows[-1])
