"""One run of `footnote ingest`, from paths to a report: the parts opened, the plan checked, the ledger kept."""

import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO
from weakref import finalize

from ingest.jobs.open import open_desk
from ingest.pipeline import take_in
from ingest.plan import Plan, make_plan, remember
from ingest.progress import Listener, unheard
from ingest.report import Finding, Report, findings_of, gone_said
from ingest.sample import HANDBOOK
from ingest.settings import IngestSettings
from ingest.sources.containers import open_containers
from ingest.sources.discover import Discovery, Filters, Source, discover
from ingest.sources.elsewhere import FetchedSources
from ingest.sources.ledger import Ledger, load_ledger, update_ledger
from ingest.sources.roots import Roots, safe_path
from ingest.sources.shared import Flags
from vectorstore.errors import BadInput
from vectorstore.models.embed import Embedder
from vectorstore.open import open_configured_embedder, open_store
from vectorstore.settings import StoreSettings
from vectorstore.state.open import open_state
from vectorstore.store import Store
from vectorstore.types import Scope

_MOST_REMOVED = 0.2
"""Share of the documents that a prune removes without asking: more is likelier a missing disk than a clean-up."""


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asked for. `readers` and `collection` of None leave what was said before."""

    paths: tuple[Path, ...]
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    readers: frozenset[str] | None = None
    collection: str | None = None
    prune: bool = False
    retry_failed: bool = False
    wait: bool = False


class Ingestion:
    """An index and what ingestion remembers of it; `plan` and then `carry_out`, as often as wanted.

    The embedder is opened when there is something to embed, so that a run that changes nothing is quick.
    """

    def __init__(self, settings: IngestSettings, stored: StoreSettings) -> None:
        self._settings = settings
        self._stored = stored
        self._data_dir = stored.data_dir
        self._state = open_state(stored)
        self._ledger = load_ledger(self._state)
        self._given: dict[str, Flags] = {}
        self._opened: finalize[..., object] | None = None
        self._retry_failed = False
        self._desk = open_desk(stored)
        if self._desk is not None:
            finalize(self, self._desk.close)

    def plan(
        self, request: Request, *, stdin: Source | None = None, fetched: FetchedSources | None = None
    ) -> Plan:
        """Find the files and compare them with the index.

        Raises NotFound for a missing path and BadInput when there is no file to ingest and none to remove.
        """
        self._retry_failed = request.retry_failed
        if self._desk is not None:
            self._ledger.failures |= self._desk.failures(self._settings.tenant)
        roots = Roots(self._ledger.roots)
        filters = Filters(request.include, request.exclude)
        found = discover(request.paths, roots=roots, filters=filters, data_dir=self._data_dir)
        if stdin is not None:
            found.add(stdin)
        if fetched is not None:
            found.unreadable |= fetched.failed
            found.folders += fetched.folders
            for source in fetched.sources:
                found.add(source)
        self._ledger.roots = list(roots)
        self._note_flags(request, found)
        open_containers(found, folder=self._folder(), limits=self._settings.limits(), filters=filters)
        plan = make_plan(
            found,
            self._indexed(),
            recipe=self._settings.recipe(),
            ledger=self._ledger,
            prune=request.prune,
            retry_failed=request.retry_failed,
        )
        if not found.sources and not found.unreadable and not plan.removals:
            raise no_documents(request, gone=len(plan.gone))
        plan.findings = self._known_findings(plan.standing)
        return plan

    def carry_out(self, plan: Plan, *, wait: bool = False, progress: Listener = unheard) -> Report:
        """Do what a plan says; remember folders, flags and failures for the next run."""
        try:
            return self._carried_out(plan, wait=wait, progress=progress)
        finally:
            self._close()

    def _carried_out(self, plan: Plan, *, wait: bool, progress: Listener) -> Report:
        self._ledger = update_ledger(self._state, self._keep)
        if self._desk is None and not plan.steps and not plan.removals:
            report = plan.report()
            self._ledger = update_ledger(self._state, lambda ledger: remember(ledger, plan, report))
            return report
        report = self._handed_in(plan, wait=wait, progress=progress) or self._taken_in(
            plan, wait=wait, progress=progress
        )
        self._ledger = update_ledger(self._state, lambda ledger: remember(ledger, plan, report))
        return report

    def _handed_in(self, plan: Plan, *, wait: bool, progress: Listener) -> Report | None:
        """Queue what is to be done, where there is a queue."""
        if self._desk is None:
            return None
        return self._desk.take_in(
            plan, self._settings.recipe(), again=self._retry_failed, wait=wait, progress=progress
        )

    def _taken_in(self, plan: Plan, *, wait: bool, progress: Listener) -> Report:
        embedder = self._embedder
        with self._store(embedder) as store:
            return take_in(
                plan,
                self._settings.recipe(),
                store=store,
                embedder=embedder,
                settings=self._settings,
                data_dir=self._data_dir,
                wait=wait,
                progress=progress,
            )

    @property
    def embedder(self) -> str:
        """The embedder's name as it is set."""
        return self._stored.embedder

    @property
    def sample(self) -> tuple[str, ...]:
        """Where the sample handbook's documents have their addresses, if it was ever ingested here."""
        tail = HANDBOOK.parts[-3:]  # the same from another checkout
        return tuple(f"{root.name}/" for root in self._ledger.roots if root.path.parts[-3:] == tail)

    def sample_and_others(self) -> tuple[int, int]:
        """Count the documents in the index that are the sample handbook's, and those that are not."""
        uris = self._indexed()
        sample = sum(uri.startswith(self.sample) for uri in uris)
        return sample, len(uris) - sample

    def _folder(self) -> Path:
        """Make the folder that documents are taken out into, until the plan is carried out or another is made."""
        self._close()
        folder = tempfile.mkdtemp(prefix="footnote-opened-")
        self._opened = finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return Path(folder)

    def _close(self) -> None:
        if self._opened is not None:
            self._opened()

    def _keep(self, ledger: Ledger) -> None:
        """Note folders and flags before the first document goes in: a kill must not lose an access list."""
        known = {root.name: root for root in ledger.roots}
        ledger.roots = list((known | {root.name: root for root in self._ledger.roots}).values())
        ledger.flags |= self._given

    def _indexed(self) -> Mapping[str, str]:
        tenant = self._settings.tenant
        with self._store() as store, store.snapshot() as snapshot:
            digests = snapshot.digests(tenant=tenant)
        return digests if self._desk is None else self._desk.indexed(tenant, digests)

    def _known_findings(self, uris: Sequence[str]) -> list[Finding]:
        """Return what was found when these documents were read: a run that does not read them says it as well."""
        if not uris:
            return []
        chosen = set(uris)
        with self._store() as store, store.snapshot() as snapshot:
            held = snapshot.documents(scope=Scope(self._settings.tenant, unrestricted=True))
            return [
                Finding(each.uri, said) for each in held if each.uri in chosen for said in findings_of(each)
            ]

    @cached_property
    def _embedder(self) -> Embedder:
        return open_configured_embedder(self._stored)

    def _store(self, embedder: Embedder | None = None) -> closing[Store]:
        return closing(open_store(self._stored, embedder))

    def _note_flags(self, request: Request, found: Discovery) -> None:
        if request.readers is None and request.collection is None:
            return
        for prefix in [*found.folders, *(source.uri for source in found.sources.values() if source.named)]:
            before = self._ledger.flags.get(prefix, Flags())
            self._given[prefix] = self._ledger.flags[prefix] = Flags(
                before.readers if request.readers is None else request.readers,
                before.collection if request.collection is None else request.collection,
            )


def no_documents(request: Request, *, gone: int = 0) -> BadInput:
    """Say that there is nothing to ingest, which is never a success."""
    where = ", ".join(repr(str(path)) for path in request.paths) or "standard input"
    also = f" {gone_said(gone)}." if gone else ""
    return BadInput(
        f"There are no supported documents in {where}.{also}",
        "Check the path and the filters; `footnote ingest --help` lists the formats.",
    )


def removes_much(plan: Plan) -> bool:
    """Say whether a plan's removals need a yes."""
    return len(plan.removals) > _MOST_REMOVED * plan.known


@contextmanager
def stdin_source(stream: BinaryIO, name: str, *, max_bytes: int) -> Iterator[Source]:
    """Keep what comes on standard input in a file while it is ingested, addressed `stdin/<name>`.

    Without a name the content's hash stands for it, so that two pipes never replace each other. Raises
    BadInput when nothing comes, too much, or the name is no plain file name.
    """
    content = stream.read(max_bytes + 1)
    if not content.strip() or len(content) > max_bytes:
        problem = "is empty" if not content.strip() else f"is longer than {max_bytes // 1_000_000} MB"
        raise BadInput(f"Standard input {problem}.", "Pipe one document into `footnote ingest -`.")
    name = name or hashlib.sha256(content).hexdigest()[:12]
    with tempfile.TemporaryDirectory(prefix="footnote-stdin-") as folder:
        path = safe_path(Path(folder), name)
        if path.parent != Path(folder).resolve():
            raise BadInput(f"{name!r} is not a plain file name.", "Name it like notes.md.")
        path.write_bytes(content)
        yield Source(f"stdin/{name}", path, name, named=True)
