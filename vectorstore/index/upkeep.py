"""Maintenance of an index, over whichever database its truth lies in: see `vectorstore/upkeep.py`."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from vectorstore.errors import BadInput, Busy, NotFound, Unavailable
from vectorstore.index.draft import forget
from vectorstore.index.maintenance import erasure
from vectorstore.index.maintenance.byte_search import files_holding
from vectorstore.index.maintenance.erasure import Erased, finish_erasure
from vectorstore.index.maintenance.reembed import reembed
from vectorstore.index.maintenance.verify import verify
from vectorstore.index.opened import Opened, not_kept
from vectorstore.index.projection import projections
from vectorstore.index.projection.manifest import read_manifest
from vectorstore.index.store import IndexStore
from vectorstore.index.truth import read as truth
from vectorstore.index.truth.database import Connection
from vectorstore.index.truth.read import generation, head
from vectorstore.index.truth.seal import next_epoch
from vectorstore.types import DEFAULT_TENANT, Generation
from vectorstore.upkeep import Certificate, Compaction, Difference, Embed, IndexInfo, Verification

_DEAD_SHARE = 0.2
"""Above this share of purged chunks in the projections, making them anew pays."""


def compact(connection: Connection, *, keep: int, indexed: int) -> Compaction:
    """Keep the newest `keep` generations; `indexed` is how many chunks the projections hold.

    The caller holds the writer lock and is in a transaction.
    """
    newest = connection.rows("SELECT number FROM generations ORDER BY number DESC LIMIT ?", (max(keep, 1),))
    oldest = newest[-1][0]
    dropped = connection.run("DELETE FROM generations WHERE number < ?", (oldest,))
    connection.run("DELETE FROM lives WHERE removed <= ?", (oldest,))
    gone = connection.rows(
        "SELECT row, chunks FROM documents d WHERE NOT EXISTS (SELECT 1 FROM lives l WHERE l.document = d.row)"
    )
    forget(connection, [row[0] for row in gone])
    left = connection.rows("SELECT count(*) FROM chunks")[0][0]
    rebuilt = indexed - left > _DEAD_SHARE * indexed
    if rebuilt:
        next_epoch(connection)
    return Compaction(dropped, len(gone), sum(row[1] for row in gone), rebuilt)


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


class IndexUpkeep:
    """Maintenance of an `IndexStore`: its truth, and its projections in this machine's folder."""

    def __init__(self, store: IndexStore) -> None:
        self.store = store
        """For what needs no upkeep: generations, rollback, documents."""
        self._folder = store.folder

    def info(self) -> IndexInfo:
        """Describe the index; raises NotFound when there is none."""
        opened = self._opened()
        with opened.database.connection() as connection:
            newest = generation(connection, head(connection).generation)
            kept = len(truth.generations(connection))
            searchable = self._searchable(connection, opened)
        if newest is None:
            raise Unavailable("The index has no generation.", "Run `footnote index verify`.")
        storage = opened.database.storage
        return IndexInfo(
            folder=str(self._folder),
            place=opened.database.place,
            embedder=opened.kind.fingerprint,
            dimension=opened.kind.dimension,
            newest=newest,
            generations=kept,
            searchable=searchable,
            sizes={"truth": storage.size(), **({} if opened.within else _sizes(self._folder))},
        )

    def verify(self) -> Verification:
        """Check every value against its seal and the projections against the truth; raises NotFound for no index."""
        opened = self._opened()
        with opened.database.connection() as connection:
            within = opened.within.problems if opened.within is not None else None
            return verify(
                self._folder, connection, opened.kind, follows=opened.database.follows, within=within
            )

    def compact(self, *, keep: int, wait: bool = False) -> Compaction:
        """Keep the newest `keep` generations, purge what only older ones show, give the space back."""
        with self._writing(wait) as (opened, connection):
            # First: afterwards the generation that the projections name may be gone.
            self._catch_up(connection, opened)
            indexed = self._indexed(connection, opened)
            with connection.transaction():
                done = compact(connection, keep=keep, indexed=indexed)
                connection.derive()
            opened.database.storage.shrink()
            self._catch_up(connection, opened)
            return done

    def rebuild(self, *, wait: bool = False) -> None:
        """Make both projections anew from the truth."""
        with self._writing(wait) as (opened, connection):
            self._make_anew(connection, opened)

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
        also: Callable[[], Sequence[str]] = tuple,
    ) -> Certificate:
        """Erase documents from all generations and files, and search all files for what might be left.

        `also` deletes what others keep of them; what it returns could not be searched.
        """
        with self._writing(wait) as (opened, connection):
            # Whoever reads an old state would keep bytes of it: nothing is begun before that ends.
            opened.database.storage.settle()
            with connection.transaction():
                erased = erasure.erase(connection, tenant=tenant, uris=uris, dimension=opened.kind.dimension)
                unreached = also()
                # Before the commit: where the object storage is away, nothing is erased, and all can be tried again.
                published = self.store.publishing.forget() if self.store.publishing else None
            unfinished = ""
            try:
                finish_erasure(self._folder, opened.database, connection, opened.kind)
            except (Busy, Unavailable) as error:
                # It is erased all the same, and cannot be asked for again.
                unfinished = error.what
            certificate = self._certify(opened, connection, erased, published, unreached)
            if unfinished:
                certificate = replace(
                    certificate,
                    left=(*certificate.left, opened.database.place),
                    unsearched=(
                        *certificate.unsearched,
                        f"{unfinished} Whoever writes next clears what is left.",
                    ),
                )
            erasure.keep_certificate(connection, certificate)
            return certificate

    def certificates(self) -> list[Certificate]:
        """Return the certificates of the erasures so far, oldest first, with the replicas that are waited for now."""
        database = self._opened().database
        with database.connection() as connection:
            kept = erasure.kept_certificates(connection)
        return [replace(each, outstanding=database.storage.behind(each.epoch)) for each in kept]

    def publish(self, *, wait: bool = False) -> tuple[Generation, int]:
        """Publish the projections for other replicas to take; return their generation and size in bytes.

        Raises BadInput without object storage, or where nobody would take them, NotFound for no index, Busy, Unavailable.
        """
        publishing = self.store.publishing
        if publishing is None:
            raise BadInput("There is no object storage to publish to.", "Set FOOTNOTE_OBJECTS.")
        opened = self._opened()
        if opened.within is not None or opened.kind.outside is not None:
            raise BadInput(
                "Replicas take published search indexes only where they search in files of their own.",
                "Leave out FOOTNOTE_SEARCH.",
            )
        done = publishing.publish(self._folder, opened.database, opened.kind, wait=wait)
        return Generation(done.generation), done.size

    def reembed(
        self,
        embed: Embed,
        *,
        fingerprint: str,
        dimension: int,
        on_progress: Callable[[int, int], None] | None = None,
        wait: bool = False,
    ) -> int:
        """Give every kept chunk a vector of another embedder, then switch; goes on where it was interrupted."""
        with self._writing(wait) as (opened, connection):
            count = reembed(
                connection, embed=embed, fingerprint=fingerprint, dimension=dimension, on_progress=on_progress
            )
            opened.database.storage.shrink()
            if not opened.database.searched:
                self._make_anew(connection, self._opened())
            return count

    def close(self) -> None:
        """Release files and memory."""
        self.store.close()

    def _certify(
        self,
        opened: Opened,
        connection: Connection,
        erased: Erased,
        published: int | None,
        unreached: Sequence[str],
    ) -> Certificate:
        """Search every file in reach for what was erased, and delete what was published meanwhile."""
        storage = opened.database.storage
        files = [path for path in sorted(self._folder.rglob("*")) if path.is_file()]
        here = files_holding(files, erased.needles)
        elsewhere = storage.search(erased.needles)
        found = {str(path.relative_to(self._folder)): needles for path, needles in here.items()}
        found |= elsewhere.holding
        unsearched = [*elsewhere.unsearched, *unreached]
        if (outside := opened.kind.outside) is not None:
            unsearched.append(
                f"Milvus at {outside.place} was given a new collection and told to drop the old one; when its own "
                "storage lets go of it could not be seen."
            )
        publishing = self.store.publishing
        if publishing is not None and published is not None:
            more, why = publishing.forget_older(opened.kind.index, head(connection).epoch)
            published += more
            unsearched += why
        return Certificate(
            erased=erased.hashes,
            documents=erased.documents,
            chunks=erased.chunks,
            generation=erased.generation,
            when=datetime.now(UTC),
            searched_files=len(files) + elsewhere.files,
            searched_patterns=len(erased.needles),
            left=tuple(name for name in found if erasure.unexplained(connection, found[name])),
            epoch=erased.epoch,
            outstanding=storage.behind(erased.epoch),
            unsearched=tuple(unsearched),
            published=published,
        )

    def _indexed(self, connection: Connection, opened: Opened) -> int:
        """Return how many chunks a search goes through, be they in the truth still or not."""
        if opened.within is not None:
            return int(connection.rows("SELECT count(*) FROM chunks")[0][0])
        name = "dense" if opened.kind.outside is None else "lexical"
        manifest = read_manifest(self._folder / f"{name}.json")
        return manifest.count if manifest else 0

    def _searchable(self, connection: Connection, opened: Opened) -> int:
        if opened.within is not None:
            return opened.within.reached(connection)
        manifests = (read_manifest(self._folder / f"{name}.json") for name in ("dense", "lexical"))
        return min((each.covered.generation if each else 0) for each in manifests)

    def _catch_up(self, connection: Connection, opened: Opened) -> None:
        if opened.database.searched:
            with connection.transaction():
                connection.derive()
            return
        with projections.folder_lock(self._folder, follows=opened.database.follows):
            projections.catch_up(self._folder, connection, opened.kind)

    def _make_anew(self, connection: Connection, opened: Opened) -> None:
        if opened.database.searched:
            with connection.transaction():
                connection.derive(anew=True)
            return
        with projections.folder_lock(self._folder, follows=opened.database.follows):
            projections.make_anew(self._folder, connection, opened.kind)

    def _opened(self) -> Opened:
        opened = self.store.opened()
        if opened is None:
            database = self.store.database
            where = "FOOTNOTE_STORE" if database.follows else "FOOTNOTE_DATA_DIR"
            raise NotFound(
                f"There is no index in {database.place!r}.",
                f"Run `footnote ingest PATH`, or correct {where}.",
            )
        return opened

    @contextmanager
    def _writing(self, wait: bool) -> Iterator[tuple[Opened, Connection]]:
        opened = self._opened()
        with self.store.database.writer(wait=wait) as connection:
            yield opened, connection


def _sizes(folder: Path) -> dict[str, int]:
    sizes = {"dense": 0, "lexical": 0}
    for path in folder.rglob("*"):
        if path.is_file():
            top = path.relative_to(folder).parts[0]
            for kind in sizes:
                if top.startswith(kind):
                    sizes[kind] += path.stat().st_size
    return sizes
