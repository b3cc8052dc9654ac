"""Documents that come one request at a time: the same way in as for a folder, with a verdict for each file.

Callers of other groups never meet at an address: a refusal would tell of a document that they may not see.
"""

import hashlib
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain, count
from pathlib import Path
from typing import BinaryIO, Final, Literal, TypeAlias

from ingest.originals import UPLOAD, Originals
from ingest.pipeline import take_in
from ingest.plan import Plan, Recipe, make_plan
from ingest.report import Failure
from ingest.settings import IngestSettings
from ingest.sources.discover import Discovery, Source
from ingest.sources.ledger import Flags, Ledger
from ingest.sources.roots import printable, safe_path
from ingest.sources.rules import Rule, decide, ruled
from vectorstore.errors import BadInput, Busy
from vectorstore.models.embed import Embedder
from vectorstore.store import Snapshot, Store
from vectorstore.types import NOBODY, Condition, Document, Scope

Taken: TypeAlias = Literal["added", "changed", "unchanged", "no_text", "failed"]

_WAITING: Final = 4
_BLOCK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Upload:
    """One file as it came: the name that its sender gave it, and its bytes."""

    name: str
    content: BinaryIO


@dataclass(frozen=True, slots=True)
class Uploaded:
    """What became of one file; `document` is the one now in the index, `failure` why this file is not."""

    name: str
    status: Taken
    uri: str = ""
    document: Document | None = None
    chunks: int = 0
    failure: Failure | None = None


class Uploads:
    """Takes files into a store, one request after the other; safe in threaded programs."""

    def __init__(self, store: Store, embedder: Embedder, *, data_dir: Path, settings: IngestSettings) -> None:
        self._store = store
        self._embedder = embedder
        self._settings = settings
        self._data_dir = data_dir
        self._originals = Originals(data_dir)
        self._one_at_a_time = threading.Lock()
        self._places = threading.BoundedSemaphore(_WAITING)

    def add(
        self, uploads: Sequence[Upload], *, scope: Scope, readers: frozenset[str] | None = None
    ) -> list[Uploaded]:
        """Ingest files for a caller and say what became of each, in their order.

        A file of a name that callers of the same groups have added replaces that document. `readers` of None
        leaves the readers as they were; a new document is then everyone's in the tenant. Front matter and rules
        narrow that, and front matter can name the caller and groups of theirs only. Raises Busy when several requests wait
        already, or another process writes to the index for long.
        """
        with self._place(), tempfile.TemporaryDirectory(prefix="footnote-upload-") as folder:
            received = self._received(uploads, Path(folder))
            sources = [one for one in received if isinstance(one, Source)]
            with self._one_at_a_time:
                verdicts = self._ingested(self._placed(sources, scope), scope=scope, readers=readers)
        return [
            Uploaded(upload.name, "failed", failure=one)
            if isinstance(one, Failure)
            else replace(verdicts[upload.name], name=upload.name)
            for upload, one in zip(uploads, received, strict=True)
        ]

    def remove(self, document: Document) -> None:
        """Take a document out of the index, and what was kept of its file; raises Busy."""
        with self._store.draft(note="remove 1 document") as draft:
            draft.remove(tenant=document.tenant, uri=document.uri)
            # Before the commit: a crash in between must not leave behind what was removed.
            self._originals.forget(tenant=document.tenant, uri=document.uri)

    @contextmanager
    def _place(self) -> Iterator[None]:
        if not self._places.acquire(blocking=False):
            raise Busy("Too many files are being taken in.", "Send this one again in a moment.")
        try:
            yield
        finally:
            self._places.release()

    def _received(self, uploads: Sequence[Upload], folder: Path) -> list[Source | Failure]:
        """Write each upload into a folder of its own, under its name: what it is called helps to read it."""
        received: list[Source | Failure] = []
        taken: set[str] = set()
        for number, upload in enumerate(uploads):
            uri = f"{UPLOAD}/{printable(upload.name)}"
            own = folder / str(number)
            own.mkdir()
            if uri in taken:
                received.append(Failure(uri, "bad_name", "There are two files of this name; rename one."))
                continue
            taken.add(uri)
            try:
                path = _plain(own, upload.name)
            except BadInput as error:
                received.append(Failure(uri, "bad_name", str(error)))
                continue
            if self._write(upload.content, path):
                received.append(Source(uri, path, path.name, named=True, known_as=uri))
            else:
                most = self._settings.max_file_mb
                received.append(Failure(uri, "too_large", f"The file is larger than {most} MB; split it."))
        return received

    def _write(self, content: BinaryIO, path: Path) -> bool:
        """Copy what came; say whether it is no larger than a file may be."""
        left = self._settings.limits().max_file_bytes
        with path.open("wb") as file:
            while left >= 0 and (block := content.read(_BLOCK)):
                left -= len(block)
                file.write(block)
        return left >= 0

    def _placed(self, sources: Sequence[Source], scope: Scope) -> list[Source]:
        """Give each file the first address of its caller's groups where no document stands that others keep."""
        rules = self._settings.rules
        with self._store.snapshot() as snapshot:
            return [
                next(
                    placed
                    for folder in _folders(scope)
                    if _is_free(
                        placed := replace(source, uri=f"{folder}/{printable(source.relative)}"),
                        _at(snapshot, placed.uri, scope.tenant),
                        scope=scope,
                        rules=rules,
                    )
                )
                for source in sources
            ]

    def _ingested(
        self, sources: Sequence[Source], *, scope: Scope, readers: frozenset[str] | None
    ) -> dict[str, Uploaded]:
        groups = None if scope.unrestricted else scope.names
        recipe = self._settings.recipe(scope.tenant, groups=groups)
        with self._store.snapshot() as before:
            known = {one.uri: _at(before, one.uri, scope.tenant) for one in sources}
            indexed = before.digests(tenant=scope.tenant)
        plan = _planned(
            sources,
            indexed,
            recipe=recipe,
            readers={uri: document.readers for uri, document in known.items() if document},
            given=readers,
        )
        report = take_in(
            plan,
            recipe,
            store=self._store,
            embedder=self._embedder,
            settings=self._settings,
            data_dir=self._data_dir,
        )
        failures = {failure.uri: failure for failure in (*report.failed, *report.without_text)}
        refused = {one.relative: _refused(failures[one.uri], one) for one in sources if one.uri in failures}
        return refused | self._kept(
            [one for one in sources if one.uri not in failures],
            {*report.added, *report.updated},
            # What the caller cannot see is new to them, also where it is replaced.
            known={uri: old if old and scope.allows(old) else None for uri, old in known.items()},
            tenant=scope.tenant,
        )

    def _kept(
        self,
        sources: Sequence[Source],
        written: Set[str],
        *,
        known: Mapping[str, Document | None],
        tenant: str,
    ) -> dict[str, Uploaded]:
        """Look at what is in the index now, and keep the files that it was read from."""
        verdicts: dict[str, Uploaded] = {}
        with self._store.snapshot() as after:
            for source in sources:
                uri, old, new = source.uri, known[source.uri], _at(after, source.uri, tenant)
                if new is not None and self._originals.of(new) is None:
                    self._originals.keep(new, source.path)
                self._originals.forget(tenant=tenant, uri=uri, but=new)
                status: Taken = "added" if not old else "changed" if uri in written else "unchanged"
                chunks = len(after.chunks(new.id)) if new else 0
                verdicts[source.relative] = Uploaded(source.relative, status, uri, new, chunks)
        return verdicts


def _planned(
    sources: Sequence[Source],
    indexed: Mapping[str, str],
    *,
    recipe: Recipe,
    readers: Mapping[str, frozenset[str]],
    given: frozenset[str] | None,
) -> Plan:
    """Plan files against the index; without `given` readers a document that changes keeps those it has."""
    if given is not None:
        return _permitted(sources, indexed, dict.fromkeys((one.uri for one in sources), given), recipe=recipe)
    plan = _permitted(sources, indexed, {}, recipe=recipe)
    again = [step.source for step in plan.steps if readers.get(step.source.uri)]
    kept = _permitted(again, indexed, readers, recipe=recipe)
    plan.steps = [step for step in plan.steps if step.source not in again] + kept.steps
    plan.failed += kept.failed
    return plan


def _permitted(
    sources: Sequence[Source],
    indexed: Mapping[str, str],
    readers: Mapping[str, frozenset[str]],
    *,
    recipe: Recipe,
) -> Plan:
    """Plan files with these readers, as far as the rules allow them."""
    refused: list[Failure] = []
    flags: dict[str, Flags] = {}
    for one in sources:
        if one.uri in readers:
            allowed = decide(ruled(one, recipe.rules).readers, readers[one.uri]).groups
            flags[one.uri] = Flags(allowed)
            if allowed == NOBODY:
                refused.append(Failure(one.uri, "not_allowed", "It may not have these readers here."))
    left = {one.uri: one for one in sources if flags.get(one.uri, Flags()).readers != NOBODY}
    plan = make_plan(Discovery(sources=left), indexed, recipe=recipe, ledger=Ledger(flags=flags))
    plan.failed += refused
    return plan


def _folders(scope: Scope) -> Iterator[str]:
    """Yield what the addresses of a caller's uploads begin with: callers of the same groups share them."""
    own = UPLOAD
    if scope.groups:
        own += "/" + hashlib.sha256("\0".join(sorted(scope.groups)).encode()).hexdigest()[:8]
    return chain([own], (f"{own}/{number}" for number in count(2)))


def _is_free(source: Source, standing: Document | None, *, scope: Scope, rules: Sequence[Rule]) -> bool:
    """Say whether a caller may put a file where a document may stand: one they see, or that a rule hides from them."""
    if standing is None or scope.allows(standing):
        return True
    return bool(standing.readers) and standing.readers <= (ruled(source, rules).readers or frozenset())


def _refused(failure: Failure, source: Source) -> Uploaded:
    status: Taken = "no_text" if failure.reason == "no_text" else "failed"
    return Uploaded(source.relative, status, failure.uri, failure=failure)


def _plain(folder: Path, name: str) -> Path:
    """Return where a file of this name goes; raises BadInput unless it is a plain file name."""
    path = safe_path(folder, name)
    if path.parent != folder.resolve() or name != path.name:
        raise BadInput(f"{name[:200]!r} is not a plain file name.", "Name it like notes.md.")
    return path


def _at(snapshot: Snapshot, uri: str, tenant: str) -> Document | None:
    where = (Condition("uri", "eq", (uri,)),)
    return next(snapshot.documents(scope=Scope(tenant, unrestricted=True), where=where), None)
