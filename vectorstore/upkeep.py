"""The second seam between engines: what an operator does to an index.

Compact, rebuild, erase, re-embed, compare. Each takes the writer lock; readers go on meanwhile.
Every engine passes the suite in `tests/contract/test_upkeep.py`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeAlias

from vectorstore.store import Store
from vectorstore.types import DEFAULT_TENANT, Generation, GenerationInfo, Vectors

Embed: TypeAlias = Callable[[Sequence[str]], Vectors]
"""Gives texts their vectors, float32 of shape (n, d)."""


@dataclass(frozen=True, slots=True)
class IndexInfo:
    """An index at a glance. Sizes are in bytes; `searchable` is the generation the projections reach.

    `folder` holds the projections, `place` says where the truth lies, without a password.
    """

    folder: str
    place: str
    embedder: str
    dimension: int
    newest: GenerationInfo
    generations: int
    searchable: int
    sizes: dict[str, int]


@dataclass(frozen=True, slots=True)
class Compaction:
    """What a compaction dropped. `rebuilt` says whether the search index had to be made anew."""

    generations: int
    documents: int
    chunks: int
    rebuilt: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """Documents by (tenant, uri): in the second generation only, in the first only, in both but not the same."""

    added: tuple[tuple[str, str], ...]
    removed: tuple[tuple[str, str], ...]
    changed: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Verification:
    """What was checked, and what is wrong, one sentence each.

    `damage` is in the truth, and only a backup or a new ingest mends it; `stale` is in the projections, which
    are rebuilt by the next search.
    """

    generations: int
    documents: int
    chunks: int
    damage: tuple[str, ...]
    stale: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.damage and not self.stale


@dataclass(frozen=True, slots=True)
class Certificate:
    """What was erased, and what a search of every file in reach found.

    `left` names files that still hold erased bytes, `outstanding` the replicas that have not yet said that nothing of
    it is left with them: both are empty when the erasure is complete. `unsearched` says, one sentence each, what could
    not be searched from here. Blocks that the file system or the drive has freed but not overwritten, and copies
    elsewhere, are out of reach.
    """

    erased: tuple[str, ...]
    documents: int
    chunks: int
    generation: int
    when: datetime
    searched_files: int
    searched_patterns: int
    left: tuple[str, ...]
    epoch: int = 0
    """How often rows had been purged when this was done: what a replica has to have reached."""
    outstanding: tuple[str, ...] = ()
    unsearched: tuple[str, ...] = ()
    published: int | None = None
    """Objects of published search indexes that were deleted: all there were. None without object storage."""

    @property
    def complete(self) -> bool:
        """Whether nothing is left where it could be searched, and no replica is waited for."""
        return not self.left and not self.outstanding


class Upkeep(Protocol):
    """Maintenance of an index. Needs no embedder but for `reembed`."""

    @property
    def store(self) -> Store:
        """For what needs no upkeep: generations, rollback, documents."""

    def info(self) -> IndexInfo:
        """Describe the index; raises NotFound when there is none."""

    def verify(self) -> Verification:
        """Check every value against its seal and the projections against the truth; raises NotFound for no index."""

    def compact(self, *, keep: int, wait: bool = False) -> Compaction:
        """Keep the newest `keep` generations, purge what only older ones show, give the space back."""

    def rebuild(self, *, wait: bool = False) -> None:
        """Make both projections anew from the truth."""

    def compare(self, first: Generation, second: Generation) -> Difference:
        """Say which documents differ between two kept generations; raises NotFound."""

    def held(self) -> set[tuple[str, str, str]]:
        """Return tenant, uri and digest of every document that any kept generation shows."""

    def erase(
        self,
        uris: Sequence[str],
        *,
        tenant: str = DEFAULT_TENANT,
        wait: bool = False,
        also: Callable[[], Sequence[str]] = tuple,
    ) -> Certificate:
        """Erase documents from all generations and files, and search all files for what might be left.

        `also` deletes what others keep of them, and returns what of that is out of its reach, a sentence each; it is
        called only once nothing stands in the way. Raises NotFound for a uri that never was.
        """

    def certificates(self) -> list[Certificate]:
        """Return the certificates of the erasures so far, oldest first, with the replicas that are waited for now."""

    def publish(self, *, wait: bool = False) -> tuple[Generation, int]:
        """Publish the search index for other replicas to take; return its generation and size in bytes.

        Raises BadInput without object storage, NotFound for no index, Busy, Unavailable.
        """

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

    def close(self) -> None:
        """Release files and memory."""
