"""Documents in: read, cut, embed, write. Straight through, with bounded memory.

    discover ─▶ make_plan ─▶ take_in ─▶ parse_all (worker processes) ─▶ prepare ─▶ chunks_of ─▶ vectors ─▶ publish

A folder, an upload and a URL differ in how their plan is made; `take_in` is the way of all of them. Reading and cutting
run ahead in processes and a thread of their own, and a batch is committed while the next is embedded, so that the
embedder is never idle. The index is locked only while a batch is committed: an interruption keeps every batch
before it, and a document that fails changes nothing.
"""

import codecs
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial, reduce
from pathlib import Path
from queue import SimpleQueue
from typing import TypeAlias, TypeVar

from ingest.commit import Batch, Committer, Finish, Prepared, prepare
from ingest.confined.pool import ParserPool
from ingest.extract import Extract, ParseFailure
from ingest.plan import Plan, Recipe, Step
from ingest.progress import FileListener, Listener, Teller, unheard
from ingest.report import Failure, Report
from ingest.settings import IngestSettings
from ingest.sources.discover import Source
from ingest.sources.rules import Readers, encoding_of, readers_of
from ingest.twins import Twins
from vectorstore.errors import Unavailable
from vectorstore.models.embed import Embedder, Metered
from vectorstore.store import Store
from vectorstore.types import Condition, Document, Scope, Vectors, both

ParseAll: TypeAlias = Callable[[Iterable[tuple[str, Path]]], Iterator[tuple[str, Extract | ParseFailure]]]
"""`ParserPool.parse_all`: (key, path) in, (key, outcome) out in any order."""


@dataclass(frozen=True, slots=True)
class BatchSize:
    """What is committed at once, and so the most that an interruption loses."""

    chunks: int
    documents: int


def take_in(
    plan: Plan,
    recipe: Recipe,
    *,
    store: Store,
    embedder: Embedder,
    settings: IngestSettings,
    data_dir: Path,
    wait: bool = False,
    progress: Listener = unheard,
    files: FileListener = unheard,
) -> Report:
    """Carry out a plan with processes that read, as `ingest` does; near-duplicates are known across calls."""
    twins = Twins(data_dir)
    jobs = min(settings.jobs(), len(plan.steps))
    with ExitStack() as stack:
        stack.callback(twins.save)
        pool = stack.enter_context(ParserPool(jobs, settings.limits(), ocr=settings.tesseract()))
        return ingest(
            plan,
            store=store,
            embedder=embedder,
            parse_all=pool.parse_all,
            recipe=recipe,
            batch_size=BatchSize(settings.commit_chunks, settings.commit_documents),
            wait=wait,
            progress=progress,
            files=files,
            twins=twins,
        )


def ingest(
    plan: Plan,
    *,
    store: Store,
    embedder: Embedder,
    parse_all: ParseAll,
    recipe: Recipe,
    batch_size: BatchSize,
    wait: bool = False,
    progress: Listener = unheard,
    files: FileListener = unheard,
    twins: Twins | None = None,
    finish: Finish | None = None,
) -> Report:
    """Carry out a plan and report what happened to every file; `twins` finds what says nearly the same.

    `finish` is called in each transaction that publishes, with the addresses whose documents it writes or removes.

    Ctrl-C ends it early, with a consistent index and `report.interrupted`. Raises Busy when another writer
    holds the index for longer than a commit takes, unless `wait`; Unavailable when an embedding server fails, with
    the batches before it committed.
    """
    started = time.monotonic()
    report = plan.report()
    committer = Committer(
        store, embedder, report, tenant=recipe.tenant, wait=wait, twins=twins, finish=finish
    )
    counted = _counted(embedder)
    tell = Teller(report, len(plan.steps), progress, files)

    def publish(batch: Batch, vectors: Vectors) -> None:
        committer.publish(batch, vectors)
        tell.written(batch)

    try:
        before = _readers_before(plan, store, tenant=recipe.tenant)
        with tempfile.TemporaryDirectory(prefix="footnote-recoded-") as folder:
            outcomes = _prepared(
                plan, parse_all, recipe=recipe, embedder=embedder, before=before, folder=Path(folder)
            )
            with read_ahead(_batches(map(tell.read, outcomes), batch_size)) as batches, one_behind() as write:
                for batch in batches:
                    vectors = committer.vectors(
                        batch.documents, on_embedded=partial(tell.embedded, batch=batch)
                    )
                    tell.ready(batch)
                    write(partial(publish, batch, vectors))
        report.removed = committer.remove(plan.removals)
    except KeyboardInterrupt:
        report.interrupted = True
    except Unavailable as error:
        kept = f"What was done is kept ({report.summary()}): ingest again to go on."
        raise Unavailable(error.what, f"{error.hint} {kept}".strip()) from error
    report.tokens = _counted(embedder) - counted
    report.seconds = round(time.monotonic() - started, 3)
    return report


def _counted(embedder: Embedder) -> int:
    return embedder.tokens if isinstance(embedder, Metered) else 0


def _prepared(
    plan: Plan,
    parse_all: ParseAll,
    *,
    recipe: Recipe,
    embedder: Embedder,
    before: Mapping[str, Readers],
    folder: Path,
) -> Iterator[Prepared | Failure]:
    steps = {step.source.uri: step for step in plan.steps}
    files = ((uri, _readable(step, folder / str(at))) for at, (uri, step) in enumerate(steps.items()))
    for uri, outcome in parse_all(files):
        yield prepare(steps[uri], outcome, recipe=recipe, embedder=embedder, before=before.get(uri))


def _readable(step: Step, own: Path) -> Path:
    """Return the file of a step, or a copy in UTF-8 where its encoding is named."""
    encoding, path = encoding_of(step.rules.under(step.flags)), step.source.path
    if not encoding:
        return path
    try:
        text = path.read_bytes().decode(encoding, "replace")
    except OSError:
        return path  # who opens it next says why it cannot be read
    own.mkdir()
    copy = own / path.name
    copy.write_bytes(codecs.BOM_UTF8 + text.removeprefix("\ufeff").encode("utf-8", "replace"))
    return copy


def _readers_before(plan: Plan, store: Store, *, tenant: str) -> Mapping[str, Readers]:
    """Return who may read the documents that a plan replaces, by the new address, or was to read them next."""
    kept = {step.source.uri: step.kept for step in plan.steps if step.kept is not None}
    replaced = {
        step.moved_from or step.source.uri: step.source.uri for step in plan.steps if step.action != "add"
    }
    inside = [step.source for step in plan.steps if step.action == "add" and step.source.within is not None]
    if not replaced and not inside:
        return kept
    # What lies beside a document inside another is looked for among all; else only what is replaced.
    where = () if inside else (Condition("uri", "in", tuple(replaced)),)
    with store.snapshot() as snapshot:
        found = snapshot.documents(scope=Scope(tenant, unrestricted=True), where=where)
        held = {each.uri: each for each in found}
    before = {new: readers_of(held[old]) for old, new in replaced.items() if old in held}
    around = {source.uri: known for source in inside if (known := _readers_around(source, held))}
    return before | around | kept


def _readers_around(source: Source, held: Mapping[str, Document]) -> Readers | None:
    """Return who may read what a new document lies in, or lies beside there: it must not be open where they are not."""
    outer = source.within
    while outer is not None and outer.within is not None:
        outer = outer.within
    if outer is None:
        return None
    beside = [each for uri, each in held.items() if uri == outer.uri or uri.startswith(f"{outer.uri}/")]
    closed = [known for each in beside if (known := readers_of(each)).by_operator and known.groups]
    return Readers(reduce(both, (each.groups for each in closed)), by_operator=True) if closed else None


def _batches(outcomes: Iterator[Prepared | Failure], size: BatchSize) -> Iterator[Batch]:
    batch = Batch()
    for outcome in outcomes:
        batch.add(outcome)
        if batch.chunks >= size.chunks or batch.files >= size.documents:
            yield batch
            batch = Batch()
    yield batch


Task: TypeAlias = Callable[[], None]


@contextmanager
def one_behind() -> Iterator[Callable[[Task], None]]:
    """Yield a function that starts a task once the one before it is done; the block ends when the last one is.

    What a task raises is raised by the next call or at the end of the block.
    """
    last: Future[None] | None = None

    with ThreadPoolExecutor(1, thread_name_prefix="behind") as thread:

        def start(task: Task) -> None:
            nonlocal last
            before, last = last, None
            if before is not None:
                before.result()
            last = thread.submit(task)

        yield start
        if last is not None:
            last.result()


T = TypeVar("T")

_PATIENCE = 1.0


class _End:
    pass


@contextmanager
def read_ahead(items: Iterator[T], *, at_most: int = 1) -> Iterator[Iterator[T]]:
    """Yield an iterator over the same items, of which `at_most` wait ready.

    What `items` raises is raised here. Leaving the block early stops the thread at its next item, which is
    not waited for long: Ctrl-C must not hang on a slow file, as it would with an executor's thread.
    """
    ready: SimpleQueue[T | BaseException | _End] = SimpleQueue()
    room = threading.Semaphore(at_most)
    left = threading.Event()

    def read() -> None:
        try:
            for item in items:
                room.acquire()
                if left.is_set():
                    break
                ready.put(item)
            ready.put(_End())
        except BaseException as error:  # noqa: BLE001 - carried to the consumer's thread, not swallowed
            ready.put(error)
        finally:
            if isinstance(items, Generator):
                items.close()

    def made() -> Iterator[T]:
        while not isinstance(item := ready.get(), _End):
            if isinstance(item, BaseException):
                raise item
            room.release()
            yield item

    thread = threading.Thread(target=read, name="read-ahead", daemon=True)
    thread.start()
    try:
        yield made()
    finally:
        left.set()
        room.release()
        thread.join(_PATIENCE)
