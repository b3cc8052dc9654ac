"""What an operator does to an index: compact, rebuild, erase, back up, restore, re-embed, compare.

Each takes the writer lock; readers go on meanwhile.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from vectorstore.errors import BadInput, NotFound, Unavailable
from vectorstore.index.draft import forget
from vectorstore.index.maintenance import backup, erasure
from vectorstore.index.maintenance.backup import reseal
from vectorstore.index.maintenance.erasure import Certificate, files_holding, finish_erasure, shrink
from vectorstore.index.maintenance.verify import Verification, verify
from vectorstore.index.opened import Opened, not_kept
from vectorstore.index.projection import projections
from vectorstore.index.projection.manifest import read_manifest
from vectorstore.index.projection.projections import Kind
from vectorstore.index.sqlite.truth import SQLiteTruth
from vectorstore.index.store import IndexStore
from vectorstore.index.truth import read as truth
from vectorstore.index.truth.database import Connection
from vectorstore.index.truth.read import generation, head
from vectorstore.index.truth.records import vector_bytes
from vectorstore.index.truth.seal import next_epoch, read_meta, write_meta
from vectorstore.types import DEFAULT_TENANT, Generation, GenerationInfo, Vectors

_FROM_A_BACKUP = Kind("", "", 1, 1.0)
"""What an index is made for before a backup says of which embedder it is."""
_DEAD_SHARE = 0.2
"""Above this share of purged chunks in the projections, making them anew pays."""


@dataclass(frozen=True, slots=True)
class Compaction:
    """What a compaction dropped. `rebuilt` says whether the search index had to be made anew."""

    generations: int
    documents: int
    chunks: int
    rebuilt: bool


def compact(connection: Connection, *, keep: int, indexed: int) -> Compaction:
    """Keep the newest `keep` generations; `indexed` is how many chunks the projections hold.

    The caller holds the writer lock and is in a transaction.
    """
    newest = connection.rows("SELECT number FROM generations ORDER BY number DESC LIMIT ?", (max(keep, 1),))
    oldest = newest[-1][0]
    dropped = connection.run("DELETE FROM generations WHERE number < ?", (oldest,))
    connection.run("DELETE FROM lives WHERE removed <= ?", (oldest,))
    gone = connection.rows("SELECT row, chunks FROM documents WHERE row NOT IN (SELECT document FROM lives)")
    forget(connection, [row[0] for row in gone])
    left = connection.rows("SELECT count(*) FROM chunks")[0][0]
    rebuilt = indexed - left > _DEAD_SHARE * indexed
    if rebuilt:
        next_epoch(connection)
    return Compaction(dropped, len(gone), sum(row[1] for row in gone), rebuilt)


@dataclass(frozen=True, slots=True)
class Difference:
    """Documents by (tenant, uri): in the second generation only, in the first only, in both but not the same."""

    added: tuple[tuple[str, str], ...]
    removed: tuple[tuple[str, str], ...]
    changed: tuple[tuple[str, str], ...]


def difference(connection: Connection, first: Generation, second: Generation) -> Difference:
    """Compare two kept generations."""
    before, after = (_documents(connection, number) for number in (first, second))
    both = before.keys() & after.keys()
    return Difference(
        added=tuple(sorted(after.keys() - before.keys())),
        removed=tuple(sorted(before.keys() - after.keys())),
        changed=tuple(sorted(key for key in both if before[key] != after[key])),
    )


def _documents(connection: Connection, generation: Generation) -> dict[tuple[str, str], int]:
    sql = f"SELECT d.tenant, d.uri, d.row FROM documents d JOIN lives l ON l.document = d.row WHERE {truth.VISIBLE}"
    return {(tenant, uri): row for tenant, uri, row in connection.rows(sql, (generation, generation))}


@dataclass(frozen=True, slots=True)
class IndexInfo:
    """An index at a glance. Sizes are in bytes; `searchable` is the generation the projections reach."""

    folder: str
    embedder: str
    dimension: int
    newest: GenerationInfo
    generations: int
    searchable: int
    sizes: dict[str, int]


class Upkeep:
    """Maintenance of the embedded store in a folder. Needs no embedder but for `reembed`."""

    def __init__(self, store: IndexStore) -> None:
        self.store = store
        """For what needs no upkeep: generations, rollback, documents."""
        self._folder = store.folder

    def info(self) -> IndexInfo:
        """Describe the index; raises NotFound when there is none."""
        opened = self._opened()
        with opened.database.connection() as connection:
            newest = generation(connection, head(connection).generation)
            kept = len(self.store.generations())
        reached = [read_manifest(self._folder / f"{name}.json") for name in ("dense", "lexical")]
        return IndexInfo(
            folder=str(self._folder),
            embedder=opened.kind.fingerprint,
            dimension=opened.kind.dimension,
            newest=newest or _nothing(),
            generations=kept,
            searchable=min((each.covered.generation if each else 0) for each in reached),
            sizes=_sizes(self._folder),
        )

    def verify(self) -> Verification:
        """Check every value against its seal and the projections against the truth; raises NotFound for no index."""
        opened = self._opened()
        with opened.database.connection() as connection:
            return verify(self._folder, connection, opened.kind)

    def compact(self, *, keep: int, wait: bool = False) -> Compaction:
        """Keep the newest `keep` generations, purge what only older ones show, give the space back."""
        with self._writing(wait) as (opened, connection):
            # First: afterwards the generation that the projections name may be gone.
            projections.catch_up(self._folder, connection, opened.kind)
            manifest = read_manifest(self._folder / "dense.json")
            with connection.transaction():
                done = compact(connection, keep=keep, indexed=manifest.count if manifest else 0)
            shrink(connection)
            projections.catch_up(self._folder, connection, opened.kind)
            return done

    def rebuild(self, *, wait: bool = False) -> None:
        """Make both projections anew from the truth."""
        with self._writing(wait) as (opened, connection):
            projections.discard(self._folder)
            projections.catch_up(self._folder, connection, opened.kind)

    def compare(self, first: Generation, second: Generation) -> Difference:
        """Say which documents differ between two kept generations; raises NotFound."""
        with self._opened().database.connection() as connection:
            for number in (first, second):
                if generation(connection, number) is None:
                    raise not_kept(number)
            return difference(connection, first, second)

    def held(self) -> set[tuple[str, str, str]]:
        """Return tenant, uri and digest of every document that any kept generation shows."""
        with self._opened().database.connection() as connection:
            return {
                (row[0], row[1], row[2])
                for row in connection.each("SELECT tenant, uri, digest FROM documents")
            }

    def erase(
        self,
        uris: Sequence[str],
        *,
        tenant: str = DEFAULT_TENANT,
        wait: bool = False,
        also: Callable[[], None] = lambda: None,
    ) -> Certificate:
        """Erase documents from all generations and files, and search all files for what might be left.

        `also` deletes what others keep of them; it is called only once nothing stands in the way.
        """
        with self._writing(wait) as (opened, connection):
            with connection.transaction():
                erased = erasure.erase(connection, tenant=tenant, uris=uris, dimension=opened.kind.dimension)
                also()
            finish_erasure(self._folder, connection, opened.kind)
            files = [path for path in sorted(self._folder.rglob("*")) if path.is_file()]
            found = files_holding(files, erased.needles)
            left = [
                str(path.relative_to(self._folder))
                for path, needles in found.items()
                if erasure.unexplained(connection, needles)
            ]
            return Certificate(
                erased=erased.hashes,
                documents=erased.documents,
                chunks=erased.chunks,
                generation=head(connection).generation,
                when=erasure.now(),
                searched_files=len(files),
                searched_patterns=len(erased.needles),
                left=tuple(left),
            )

    def back_up(self, target: Path) -> None:
        """Write the whole truth to one file, consistent, without holding up anybody."""
        with self._file().connection() as connection:
            backup.back_up(connection, target)

    def restore(self, source: Path, *, wait: bool = False) -> int:
        """Replace the index by a backup; return how many erased documents it held and that are gone again."""
        with self._file().writer(wait=wait, space=_FROM_A_BACKUP) as connection:
            repeated = backup.restore(connection, source, scratch=self._folder / ".restore.db")
            finish_erasure(self._folder, connection, self._opened().kind)
            return repeated

    def reembed(
        self,
        embed: Callable[[Sequence[str]], Vectors],
        *,
        fingerprint: str,
        dimension: int,
        on_progress: Callable[[int, int], None] | None = None,
        wait: bool = False,
    ) -> int:
        """Give every kept chunk a vector of another embedder, then switch; goes on where it was interrupted."""
        with self._writing(wait) as (_, connection):
            count = reembed(
                connection, embed=embed, fingerprint=fingerprint, dimension=dimension, on_progress=on_progress
            )
            shrink(connection)
            opened = self._opened()
            projections.discard(self._folder)
            projections.catch_up(self._folder, connection, opened.kind)
            return count

    def close(self) -> None:
        """Release files and memory."""
        self.store.close()

    def _opened(self) -> Opened:
        opened = self.store.opened()
        if opened is None:
            raise NotFound(
                f"There is no index in {str(self._folder)!r}.",
                "Run `footnote ingest PATH`, or set FOOTNOTE_DATA_DIR.",
            )
        return opened

    def _file(self) -> SQLiteTruth:
        database = self.store.database
        if not isinstance(database, SQLiteTruth):
            raise BadInput(
                "This is for an index in a folder, and FOOTNOTE_STORE names a database.",
                "Back up the database with its own tools.",
            )
        return database

    @contextmanager
    def _writing(self, wait: bool) -> Iterator[tuple[Opened, Connection]]:
        opened = self._opened()
        with self.store.database.writer(wait=wait) as connection:
            yield opened, connection


def _sizes(folder: Path) -> dict[str, int]:
    sizes = {"truth": 0, "dense": 0, "lexical": 0}
    for path in folder.rglob("*"):
        if path.is_file():
            top = path.relative_to(folder).parts[0]
            for kind, prefix in (("truth", "index.db"), ("dense", "dense"), ("lexical", "lexical")):
                if top.startswith(prefix):
                    sizes[kind] += path.stat().st_size
    return sizes


def _nothing() -> GenerationInfo:
    raise Unavailable("The index has no generation.", "Run `footnote index verify`.")


Embed = Callable[[Sequence[str]], Vectors]

_BATCH = 512
_NEXT = "CREATE TABLE IF NOT EXISTS vectors_next (chunk INTEGER PRIMARY KEY, vector BLOB NOT NULL)"


def reembed(
    connection: Connection,
    *,
    embed: Embed,
    fingerprint: str,
    dimension: int,
    on_progress: Callable[[int, int], None] | None = None,
) -> int:
    """Embed every kept chunk anew and switch in one commit; return how many were embedded now.

    Batches are committed as they come: after an interruption it goes on from there. The caller holds the
    writer lock.
    """
    _begin(connection, fingerprint)
    total = int(connection.rows("SELECT count(*) FROM chunks")[0][0])
    done = int(connection.rows("SELECT count(*) FROM vectors_next")[0][0])
    embedded = 0
    while batch := _missing(connection):
        vectors = embed([text for _, text in batch])
        with connection.transaction():
            pairs = [(row, vector_bytes(vector)) for (row, _), vector in zip(batch, vectors, strict=True)]
            connection.run_many("INSERT INTO vectors_next (chunk, vector) VALUES (?, ?)", pairs)
        embedded += len(batch)
        if on_progress is not None:
            on_progress(done + embedded, total)
    _switch(connection, fingerprint, dimension)
    return embedded


def _begin(connection: Connection, fingerprint: str) -> None:
    with connection.transaction():
        connection.run(_NEXT)
        if read_meta(connection).get("next_fingerprint") != fingerprint:
            connection.run("DELETE FROM vectors_next")
            write_meta(connection, next_fingerprint=fingerprint)


def _missing(connection: Connection) -> list[tuple[int, str]]:
    rows = connection.rows(
        "SELECT c.row, c.context, c.text FROM chunks c LEFT JOIN vectors_next n ON n.chunk = c.row"
        " WHERE n.chunk IS NULL ORDER BY c.row LIMIT ?",
        (_BATCH,),
    )
    return [(row, f"{context}\n{text}" if context else text) for row, context, text in rows]


def _switch(connection: Connection, fingerprint: str, dimension: int) -> None:
    with connection.transaction():
        connection.run("DELETE FROM vectors")
        connection.run(
            "INSERT INTO vectors (chunk, vector) SELECT chunk, vector FROM vectors_next"
            " WHERE chunk IN (SELECT row FROM chunks)"
        )
        connection.run("DROP TABLE vectors_next")
        reseal(connection)
        write_meta(connection, fingerprint=fingerprint, dimension=str(dimension), next_fingerprint=None)
        next_epoch(connection)
