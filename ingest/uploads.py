"""Documents that come one request at a time: the same way in as for a folder, with a verdict for each file.

Callers of other groups never meet at an address: a refusal would tell of a document that they may not see.
"""

import logging
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal, TypeAlias

from ingest.jobs.enqueue import UPLOADED, Desk, failure_of
from ingest.jobs.queue import Queued
from ingest.originals import Originals, open_originals
from ingest.pipeline import take_in
from ingest.plan import Plan, Recipe, Step, make_plan
from ingest.progress import unheard
from ingest.report import Failure
from ingest.settings import IngestSettings
from ingest.sources.discover import Discovery, Source
from ingest.sources.ledger import Ledger
from ingest.sources.placed import UPLOAD, document_at, name_of, placed, plain_path, written
from ingest.sources.roots import printable
from ingest.sources.rules import decide, ruled
from ingest.sources.shared import Flags
from vectorstore.errors import BadInput, Busy, NotFound, Unavailable
from vectorstore.models.embed import Embedder
from vectorstore.store import Store
from vectorstore.types import NOBODY, Document, Scope

_log = logging.getLogger(__name__)

Taken: TypeAlias = Literal["added", "changed", "unchanged", "waiting", "no_text", "failed"]
"""`waiting`: a worker has not come to it yet, and will."""
Stage: TypeAlias = Literal["waiting", "reading", "embedding"]

NOT_KEPT: Final = "not_kept"
"""Why a file does not go in that could not be put where replicas find it: a document never promises what is not there."""
_WAITING: Final = 4
_FOLLOWED: Final = 16
"""Requests that are followed at once while workers do what they ask."""
_AT_ONCE: Final = 8
"""Files of a request that are committed together: who sent many hears of the first ones soon."""


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


Heard: TypeAlias = Callable[[int, "Stage | Uploaded"], None]
"""Hears of each file, by its place in the request: where it is, at last what became of it. From several threads."""


class Uploads:
    """Takes files into a store, one request after the other; safe in threaded programs."""

    def __init__(
        self,
        store: Store,
        embedder: Embedder,
        *,
        data_dir: Path,
        settings: IngestSettings,
        originals: Originals | None = None,
        desk: Desk | None = None,
    ) -> None:
        """Work in place, or where there is a `desk` hand in what comes, and wait for a worker as long as is set there."""
        self._store = store
        self._embedder = embedder
        most = min(settings.commit_documents, _AT_ONCE)
        self._settings = settings.model_copy(update={"commit_documents": most})
        self._data_dir = data_dir
        self._originals = open_originals(data_dir) if originals is None else originals
        self._desk = desk
        self._one_at_a_time = threading.Lock()
        self._places = threading.BoundedSemaphore(_FOLLOWED if desk else _WAITING)

    def add(
        self,
        uploads: Sequence[Upload],
        *,
        scope: Scope,
        readers: frozenset[str] | None = None,
        replaces: Document | None = None,
        heard: Heard = unheard,
    ) -> list[Uploaded]:
        """Ingest files for a caller and say what became of each, in their order; `heard` is told on the way.

        A file of a name that the same caller, or one of the same groups, has added replaces that document; one file
        may name the document that it `replaces`, and without a file that document is read again. `readers` of None
        leaves the readers as they were; a new document is then everyone's in the tenant. Front matter and rules
        narrow that, and front matter can name the caller and groups of theirs only. Raises Busy when several requests
        wait already, or another process writes to the index for long; BadInput for what cannot be replaced so.
        """
        if self._desk is not None:
            self._desk.queue.check_room(len(uploads), scope.tenant)
        if replaces is not None:
            name = name_of(replaces, [each.name for each in uploads])
            if not uploads:
                with self._kept_file(replaces).open("rb") as kept:
                    files = [Upload(name, kept)]
                    return self.add(files, scope=scope, readers=readers, replaces=replaces, heard=heard)
            uploads = [Upload(name, uploads[0].content)]
        with self._place(), tempfile.TemporaryDirectory(prefix="footnote-upload-") as folder:
            verdicts: dict[int, Uploaded] = {}

            def settle(number: int, verdict: Uploaded) -> None:
                verdicts[number] = replace(verdict, name=uploads[number].name)
                heard(number, verdicts[number])

            received = self._received(uploads, Path(folder))
            for number, one in enumerate(received):
                if isinstance(one, Failure):
                    settle(number, Uploaded("", "failed", failure=one))
                else:
                    heard(number, "waiting")
            # Workers keep the order of an address, and nothing is written here.
            with self._one_at_a_time if self._desk is None else nullcontext():
                numbers = [number for number, one in enumerate(received) if isinstance(one, Source)]
                sources = [one for one in received if isinstance(one, Source)]
                addressed = (
                    [replace(sources[0], uri=replaces.uri)]
                    if replaces is not None and sources
                    else self._placed(sources, scope)
                )
                self._ingest(
                    dict(zip(numbers, addressed, strict=True)),
                    scope=scope,
                    readers=readers,
                    heard=heard,
                    settle=settle,
                )
        return [verdicts[number] for number in range(len(uploads))]

    def remove(self, document: Document) -> bool:
        """Take a document out of the index, and what was kept of its file; say whether it is gone already.

        Where there is a queue a worker does it, in the order of what was asked for at that address. Raises Busy, Unavailable.
        """
        if self._desk is not None:
            return self._removed_by_worker(self._desk, document)
        with self._store.draft(note="remove 1 document") as draft:
            draft.remove(tenant=document.tenant, uri=document.uri)
            # Before the commit: a crash in between must not leave behind what was removed.
            try:
                self._originals.forget(tenant=document.tenant, uri=document.uri)
            except Unavailable as error:
                _log.warning("What was kept of %s could not be deleted: %s", document.id, error)
                raise Unavailable(
                    "The document's file cannot be deleted now, and so the document stays.",
                    "Try again later.",
                ) from None
        return True

    def _removed_by_worker(self, desk: Desk, document: Document) -> bool:
        queued = desk.remove(document.tenant, [document.uri])
        [ended] = desk.follow(queued, seconds=desk.queue.settings.queue_wait_seconds)
        if ended.state in ("failed", "cancelled"):
            raise Unavailable(
                f"The document was not removed: {failure_of(ended).message}", "Remove it again."
            )
        return ended.state == "done"

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
                path = plain_path(own, upload.name)
            except BadInput as error:
                received.append(Failure(uri, "bad_name", str(error)))
                continue
            if written(upload.content, path, most=self._settings.limits().max_file_bytes):
                received.append(Source(uri, path, path.name, named=True, known_as=uri))
            else:
                most = self._settings.max_file_mb
                received.append(Failure(uri, "too_large", f"The file is larger than {most} MB; split it."))
        return received

    def _placed(self, sources: Sequence[Source], scope: Scope) -> list[Source]:
        with self._store.snapshot() as snapshot:
            return [placed(each, snapshot, scope=scope, rules=self._settings.rules) for each in sources]

    def _standing(
        self, uris: Sequence[str], tenant: str
    ) -> tuple[dict[str, Document | None], Mapping[str, str]]:
        """Return the documents at addresses, and the digests that files are planned against."""
        with self._store.snapshot() as before:
            known = {uri: document_at(before, uri, tenant) for uri in uris}
            indexed = before.digests(tenant=tenant)
        if self._desk is None:
            return known, indexed
        # What still waits is planned anew: the queue knows whether it is the same version.
        return known, {**indexed, **dict.fromkeys(self._desk.board.waiting(tenant, uris), "")}

    def _ingest(
        self,
        sources: Mapping[int, Source],
        *,
        scope: Scope,
        readers: frozenset[str] | None,
        heard: Heard,
        settle: Callable[[int, Uploaded], None],
    ) -> None:
        recipe = self._settings.recipe(scope.tenant, groups=None if scope.unrestricted else scope.names)
        known, indexed = self._standing([one.uri for one in sources.values()], scope.tenant)
        plan = _planned(
            list(sources.values()),
            indexed,
            recipe=recipe,
            readers={uri: document.readers for uri, document in known.items() if document},
            given=readers,
        )
        numbers = {source.uri: number for number, source in sources.items()}
        plan.steps = list(self._with_originals(plan, tenant=scope.tenant))

        def keep(uri: str, *, written: bool) -> None:
            old, number = known[uri], numbers[uri]
            # What the caller cannot see is new to them, also where it is replaced.
            seen = old is not None and scope.allows(old)
            status: Taken = "added" if not seen else "changed" if written else "unchanged"
            settle(number, self._kept(sources[number], status, tenant=scope.tenant))

        def told(uri: str, what: Failure | Literal["read", "written", "waiting"]) -> None:
            if isinstance(what, Failure):
                settle(numbers[uri], _refused(what))
            elif what == "waiting":
                settle(numbers[uri], Uploaded("", "waiting", uri))
            elif what == "read":
                heard(numbers[uri], "embedding")
            else:
                keep(uri, written=True)

        for failure in plan.failed:
            told(failure.uri, failure)
        for uri in plan.standing:
            keep(uri, written=False)
        if self._desk is not None:
            self._hand_in(
                self._desk, plan, recipe, told=told, reading=lambda uri: heard(numbers[uri], "reading")
            )
            return
        for step in plan.steps:
            heard(numbers[step.source.uri], "reading")
        take_in(
            plan,
            recipe,
            store=self._store,
            embedder=self._embedder,
            settings=self._settings,
            data_dir=self._data_dir,
            files=told,
        )

    def _hand_in(
        self,
        desk: Desk,
        plan: Plan,
        recipe: Recipe,
        *,
        told: Callable[[str, Any], None],
        reading: Callable[[str], None],
    ) -> None:
        """Queue what is to be read, before what nobody waits for, and tell how far it is for a while."""

        def heard(queued: Queued) -> None:
            if queued.state == "doing":
                reading(queued.uri)
            elif queued.state != "todo":
                told(queued.uri, "written" if queued.state == "done" else failure_of(queued))

        told_of = len(plan.failed)
        queued = desk.hand_in(plan, recipe, priority=UPLOADED, again=True)
        for failure in plan.failed[told_of:]:
            told(failure.uri, failure)
        for each in desk.follow(queued, seconds=desk.queue.settings.queue_wait_seconds, heard=heard):
            if each.state in ("todo", "doing"):
                told(each.uri, "waiting")

    def _kept(self, source: Source, status: Taken, *, tenant: str) -> Uploaded:
        """Look at what is in the index now, and keep the file that it was read from."""
        if self._desk is not None:  # a worker has committed it, and this replica may be on its way there
            self._store.catch_up()
        with self._store.snapshot() as after:
            new = document_at(after, source.uri, tenant)
            chunks = len(after.chunks(new.id)) if new else 0
        if self._desk is not None:
            return Uploaded("", status, source.uri, new, chunks)
        try:
            if new is not None and not self._originals.are_kept(new):
                self._originals.keep(new.tenant, new.uri, new.digest, source.path)
            self._originals.forget(tenant=tenant, uri=source.uri, but=new)
        except Unavailable as error:
            # The document is in the index, with its file or as it stood before: compaction sweeps what is left over.
            _log.warning("What was kept of an upload before could not be looked through: %s", error)
        return Uploaded("", status, source.uri, new, chunks)

    def _with_originals(self, plan: Plan, *, tenant: str) -> Iterator[Step]:
        """Keep the files that are about to be read, and yield the steps whose file is: no document without it."""
        if self._desk is not None or not self._originals.are_shared:
            yield from plan.steps
            return
        for step in plan.steps:
            try:
                self._originals.keep(tenant, step.source.uri, step.digest, step.source.path)
            except Unavailable as error:
                _log.warning("The file of an upload could not be kept: %s", error)
                told = "The file cannot be kept now, and so it was not taken in; send it again later."
                plan.failed.append(Failure(step.source.uri, NOT_KEPT, told))
            else:
                yield step

    def _kept_file(self, document: Document) -> Path:
        found = self._originals.of(document)
        if found is None:
            raise NotFound("The file of this document was not kept.", "Send the file too.")
        return found


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
    plan.standing += kept.standing
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


def _refused(failure: Failure) -> Uploaded:
    status: Taken = "no_text" if failure.reason == "no_text" else "failed"
    return Uploaded("", status, failure.uri, failure=failure)
