"""Documents in: read, cut, embed, write. Straight through, with bounded memory.

    discover ─▶ plan ─▶ parse (worker processes) ─▶ prepare (chunks) ─▶ embed ─▶ commit

Reading and cutting run ahead in processes and a thread of their own, and a batch is committed while the next is
embedded, so that the embedder is never idle. The index is locked only while a batch is committed: an interruption
keeps every batch before it, and a document that fails changes nothing.
"""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from threading import Lock
from typing import TypeAlias

from ingest.commit import Committer, Prepared, prepare
from ingest.extract import Extract, ParseFailure
from ingest.plan import Plan, Recipe
from ingest.progress import Listener, Progress, unheard
from ingest.report import Failure, Finding, Report
from ingest.sources.rules import Readers, readers_of
from ingest.threads import one_behind, read_ahead
from ingest.twins import Twins
from vectorstore.errors import NotFound
from vectorstore.models.embed import Embedder
from vectorstore.store import Store
from vectorstore.types import Document, Scope, Vectors

_TABLE_RULE = re.compile(r"^\|(?:[^\S\n]*+:?-++:?[^\S\n]*+\|)++[^\S\n]*+$", re.M)


@dataclass(frozen=True, slots=True)
class Inspection:
    """A document's text in numbers. Pages count from 1; `unreadable` is how many characters stand for lost ones."""

    characters: int
    characters_per_page: tuple[int, ...]
    pages_without_text: tuple[int, ...]
    tables: int
    unreadable: int


def inspect(document: Document, text: str) -> Inspection:
    """Look at a document's extracted text."""
    per_page = tuple(len(text[start:end].strip()) for start, end in pairwise([*document.pages, len(text)]))
    return Inspection(
        characters=len(text),
        characters_per_page=per_page if document.pages else (),
        pages_without_text=tuple(number for number, count in enumerate(per_page, start=1) if not count),
        tables=len(_TABLE_RULE.findall(text)),
        unreadable=text.count("\ufffd"),
    )


ParseAll: TypeAlias = Callable[[Iterable[tuple[str, Path]]], Iterator[tuple[str, Extract | ParseFailure]]]
"""`ParserPool.parse_all`: (key, path) in, (key, outcome) out in any order."""


@dataclass(frozen=True, slots=True)
class BatchSize:
    """What is committed at once, and so the most that an interruption loses."""

    chunks: int = 2_000
    documents: int = 200


def ingest(
    plan: Plan,
    *,
    store: Store,
    embedder: Embedder,
    parse_all: ParseAll,
    recipe: Recipe,
    batch_size: BatchSize | None = None,
    wait: bool = False,
    progress: Listener = unheard,
    twins: Twins | None = None,
) -> Report:
    """Carry out a plan and report what happened to every file; `twins` finds what says nearly the same.

    Ctrl-C ends it early, with a consistent index and `report.interrupted`. Raises Busy when another writer
    holds the index for longer than a commit takes, unless `wait`.
    """
    started = time.monotonic()
    report = first_report(plan)
    committer = Committer(store, embedder, tenant=recipe.tenant, wait=wait)
    tell = _Teller(report, len(plan.steps), progress)
    publisher = _Publisher(store, committer, report, tell, twins)
    try:
        before = _readers_before(plan, store, tenant=recipe.tenant)
        outcomes = _prepared(plan, parse_all, recipe=recipe, embedder=embedder, before=before)
        with read_ahead(_batches(outcomes, batch_size or BatchSize())) as batches, one_behind() as write:
            for batch in batches:
                vectors = committer.vectors(batch.documents, on_embedded=partial(tell.embedded, batch=batch))
                tell.ready(batch)
                write(partial(publisher.publish, batch, vectors))
        report.removed = committer.remove(plan.removals)
    except KeyboardInterrupt:
        report.interrupted = True
    report.seconds = round(time.monotonic() - started, 3)
    return report


@dataclass(slots=True)
class _Teller:
    """Counts documents for the listener; those of the batch that is being embedded by the share that is done.

    One batch is embedded in one thread while the one before is written in another.
    """

    report: Report
    total: int
    listener: Listener
    before: int = 0
    in_batch: int = 0
    documents: int = 0
    committed: int = 0
    lock: Lock = field(default_factory=Lock)

    def embedded(self, chunks: int, *, batch: "_Batch") -> None:
        self.report.embedded += chunks
        self.in_batch += chunks
        self.documents = self.before + len(batch.documents) * self.in_batch // batch.chunks
        self._tell()

    def ready(self, batch: "_Batch") -> None:
        self.before += len(batch.documents) + len(batch.failed)
        self.documents, self.in_batch = self.before, 0

    def written(self, batch: "_Batch") -> None:
        self.committed += len(batch.documents) + len(batch.failed)
        self._tell()

    def _tell(self) -> None:
        with self.lock:
            self.listener(Progress(self.documents, self.committed, self.total, self.report.embedded))


def first_report(plan: Plan) -> Report:
    """Begin with what the plan knows already."""
    twins = [Finding(uri, f"Has the same content as {other}.") for uri, other in plan.duplicates.items()]
    return Report(
        unchanged=plan.unchanged, failed=list(plan.failed), skipped=dict(plan.skipped), findings=twins
    )


@dataclass(frozen=True, slots=True)
class _Publisher:
    """Commits what has been embedded, and reports it."""

    store: Store
    committer: Committer
    report: Report
    tell: _Teller
    twins: Twins | None

    def publish(self, batch: "_Batch", vectors: Vectors) -> None:
        self.committer.put(batch.documents, vectors)
        batch.report_to(self.report)
        if self.twins is not None:
            self._note_twins(batch.documents, self.twins)
        self.tell.written(batch)

    def _note_twins(self, documents: Sequence[Prepared], twins: Twins) -> None:
        twins.note((ready.document.id, ready.text) for ready in documents)
        with self.store.snapshot() as snapshot:
            for ready in documents:
                # One that has been replaced meanwhile is somebody else's to report.
                with suppress(NotFound):
                    found = twins.of(ready.document, snapshot)
                    if found:
                        shares = {each.document.uri: each.share for each in found}
                        self.report.note_twins(ready.document.uri, shares)


def _readers_before(plan: Plan, store: Store, *, tenant: str) -> Mapping[str, Readers]:
    """Return who may read the documents that a plan replaces, by the new address."""
    replaced = {
        step.moved_from or step.source.uri: step.source.uri for step in plan.steps if step.action != "add"
    }
    if not replaced:
        return {}
    with store.snapshot() as snapshot:
        held = snapshot.documents(scope=Scope(tenant, unrestricted=True))
        return {replaced[each.uri]: readers_of(each) for each in held if each.uri in replaced}


def _prepared(
    plan: Plan,
    parse_all: ParseAll,
    *,
    recipe: Recipe,
    embedder: Embedder,
    before: Mapping[str, Readers],
) -> Iterator[Prepared | Failure]:
    steps = {step.source.uri: step for step in plan.steps}
    for uri, outcome in parse_all((uri, step.source.path) for uri, step in steps.items()):
        yield prepare(steps[uri], outcome, recipe=recipe, embedder=embedder, before=before.get(uri))


@dataclass(slots=True)
class _Batch:
    documents: list[Prepared] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)
    chunks: int = 0

    def add(self, outcome: Prepared | Failure) -> None:
        if isinstance(outcome, Failure):
            self.failed.append(outcome)
        else:
            self.documents.append(outcome)
            self.chunks += len(outcome.chunks)

    def report_to(self, report: Report) -> None:
        for ready in self.documents:
            report.note_written(ready.document.uri, ready.step.action, moved_from=ready.step.moved_from)
            report.findings += [Finding(ready.document.uri, finding) for finding in ready.findings]
            if ready.note:
                report.findings.append(Finding(ready.document.uri, ready.note, urgent=True))
            report.documents[ready.document.uri] = _in_numbers(ready)
        for failure in self.failed:
            report.note_failure(failure)
        report.chunks += self.chunks


def _in_numbers(ready: Prepared) -> dict[str, int]:
    seen = inspect(ready.document, ready.text)
    return {
        "pages": len(seen.characters_per_page),
        "pages_without_text": len(seen.pages_without_text),
        "characters": seen.characters,
        "unreadable": seen.unreadable,
        "tables": seen.tables,
        "chunks": len(ready.chunks),
    }


def _batches(outcomes: Iterator[Prepared | Failure], size: BatchSize) -> Iterator[_Batch]:
    batch = _Batch()
    for outcome in outcomes:
        batch.add(outcome)
        if batch.chunks >= size.chunks or len(batch.documents) + len(batch.failed) >= size.documents:
            yield batch
            batch = _Batch()
    yield batch
