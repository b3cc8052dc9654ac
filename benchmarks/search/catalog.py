"""What it costs to know who may read what: memory, a new caller, a new condition, a commit, lists.

    python -m benchmarks.search.catalog [--documents 200000] [--tenants 20] [--lists 50] [--folder FOLDER]

Documents without text are written straight into the tables of an index in FOLDER (kept for the next time): each of
one of the tenants (the first holds half of all), a third for everyone, the others for up to three of fifty groups in
one of so many lists a tenant, with a title that one in ten shares, a date, and metadata as ingestion writes it. Then
a store is opened as a service does it. Times are the processor's, in ms: the median of twenty callers unknown before,
and the worst; memory is what Python and numpy hold for it (tracemalloc, less what was held before), and the process.
"""

import argparse
import gc
import json
import random
import resource
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import numpy as np

from tests.vectorstore.sample import SPACE, put, sample
from vectorstore.index.store import IndexStore
from vectorstore.index.truth.records import document_row
from vectorstore.open import open_store
from vectorstore.settings import StoreSettings
from vectorstore.types import Condition, Document, Scope, Where, document_id

GROUPS = [f"group-{number:02}" for number in range(50)]
CONDITIONS: dict[str, Where] = {
    "metadata, five values": (Condition("collection", "eq", ("part-3",)),),
    "metadata, number": (Condition("year", "range", (2015, None)),),
    "modified": (Condition("modified", "range", ("2023", "2024-06")),),
    "title": (Condition("title", "prefix", ("Report 1",)),),
    "uri": (Condition("uri", "prefix", ("folder-1/",)),),
    "one uri": (Condition("uri", "eq", ("folder-1/a-document-with-a-name-1.pdf",)),),
}
CALLERS = 20


def documents(count: int, tenants: int, lists: int) -> Iterator[Document]:
    chance = random.Random(1)
    readers = [
        [frozenset(chance.sample(GROUPS, chance.randint(1, 3))) for _ in range(lists)] for _ in range(tenants)
    ]
    begin = datetime(2020, 1, 1, tzinfo=UTC)
    for number in range(count):
        place = 0 if chance.random() < 0.5 else chance.randrange(tenants)
        tenant, uri = f"tenant-{place}", f"folder-{number % 40}/a-document-with-a-name-{number}.pdf"
        yield Document(
            document_id(tenant=tenant, uri=uri, digest=str(number)),
            uri,
            "Minutes of the meeting" if number % 10 == 0 else f"Report {number} on what there is",
            "application/pdf",
            f"{number:040}-{number:016}",
            begin + timedelta(minutes=10 * number),
            tenant,
            frozenset() if number % 3 == 0 else chance.choice(readers[place]),
            tuple(range(0, 20_000, 2_000)),
            {
                "collection": f"part-{number % 5}",
                "year": 2000 + number % 25,
                "language": "en",
                "account": json.dumps({"kept": 19_000 + number, "left_out": {"a running head": 300}}),
            },
        )


def fill(store: IndexStore, made: Iterator[Document]) -> None:
    """Write documents without chunks, several times as fast as drafts do."""
    with store.draft() as draft:
        put(draft, sample("first.md", ""))
    opened = store.opened()
    assert opened is not None
    with opened.database.connection() as connection, connection.transaction():
        marks = ",".join("?" * 13)
        rows = (_ordered((place, *document_row(each), 0, b"")) for place, each in enumerate(made, start=2))
        connection.run_many(f"INSERT INTO documents VALUES ({marks})", rows)
        connection.run("INSERT INTO lives (document, added) SELECT row, 1 FROM documents WHERE row > 1")
        count = connection.rows("SELECT count(*) FROM documents")[0][0]
        connection.run("UPDATE generations SET documents = ? WHERE number = 1", (count,))


def _ordered(values: tuple) -> tuple:  # type: ignore[type-arg]
    place, ident, uri, title, media_type, digest, modified, tenant, readers, pages, metadata, *rest = values
    return (place, ident, tenant, uri, title, media_type, digest, modified, readers, pages, metadata, *rest)


def told(what: str, figure: str) -> None:
    print(f"| {what} | {figure} |", flush=True)


def milliseconds(ask: Callable[[], object]) -> float:
    began = time.thread_time()
    ask()
    return (time.thread_time() - began) * 1_000


def held(ask: Callable[[], object]) -> float:
    """Return how many MB are held for something after it was done."""
    gc.collect()
    tracemalloc.start()
    ask()
    gc.collect()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return size / 1e6


def resident() -> float:
    """Return the MB that the process has in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def caller(chance: random.Random, number: int) -> Scope:
    return Scope("tenant-0", frozenset({*chance.sample(GROUPS, 10), f"own-{number}"}))


def measured(folder: Path) -> None:
    chance = random.Random(2)
    with closing(open_store(StoreSettings(data_dir=folder), SPACE)) as store:

        def count(scope: Scope, where: Where = ()) -> int:
            with store.snapshot() as snapshot:
                return snapshot.count(scope=scope, where=where)

        before = resident()
        told("opening, ms", f"{milliseconds(lambda: count(caller(chance, -1))):,.0f}")
        told("process grew by, MB", f"{resident() - before:.1f}")
        spent = [milliseconds(lambda n=n: count(caller(chance, n))) for n in range(CALLERS)]
        told("a new caller, ms", f"{np.median(spent):.2f} ({max(spent):.2f})")
        for name, where in CONDITIONS.items():
            first = milliseconds(lambda where=where: count(caller(chance, -2), where))
            spent = [
                milliseconds(lambda n=n, where=where: count(caller(chance, n), where)) for n in range(CALLERS)
            ]
            told(f"condition on {name}, ms", f"{np.median(spent):.2f} ({max(spent):.2f}), first {first:,.0f}")
        told("process grew by, with six fields, MB", f"{resident() - before:.1f}")
        scope = Scope("tenant-0", unrestricted=True)
        with store.snapshot() as snapshot:
            first = milliseconds(lambda: list(islice(snapshot.documents(scope=scope), 100)))
            deep = next(islice(snapshot.documents(scope=scope), 60_000, None)).uri
            spent = [
                milliseconds(lambda: list(islice(snapshot.documents(scope=scope, after=deep), 100)))
                for _ in range(CALLERS)
            ]
        told("a page of a list far behind, ms", f"{np.median(spent):.2f}, the first {first:.0f}")
        commits(store, count)
    for name, where in ({"without conditions": ()} | CONDITIONS).items():
        with closing(open_store(StoreSettings(data_dir=folder), SPACE)) as store:
            told(
                f"held, {name}, MB",
                f"{held(lambda store=store, where=where: _counted(store, caller(chance, 0), where)):.1f}",
            )


def commits(store: IndexStore, count: Callable[..., int]) -> None:
    """Put a thousand documents, and ask."""
    with store.draft() as draft:
        for number in range(1_000):
            put(
                draft,
                sample(
                    f"fresh-{time.time_ns()}-{number}.md", "", tenant="tenant-0", title=f"Report {number}"
                ),
            )
    everyone = Scope("tenant-0")
    told("the first question after a commit of 1,000, ms", f"{milliseconds(lambda: count(everyone)):.1f}")
    spent = milliseconds(lambda: count(everyone, CONDITIONS["metadata, number"]))
    told("and with a condition, ms", f"{spent:.1f}")


def _counted(store: IndexStore, scope: Scope, where: Where) -> int:
    with store.snapshot() as snapshot:
        return snapshot.count(scope=scope, where=where)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--documents", type=int, default=200_000)
    parser.add_argument("--tenants", type=int, default=20)
    parser.add_argument("--lists", type=int, default=50)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/footnote-catalog"))
    options = parser.parse_args()
    folder = options.folder / f"{options.documents}-{options.tenants}-{options.lists}"
    if not folder.exists():
        with closing(open_store(StoreSettings(data_dir=folder), SPACE)) as store:
            fill(store, documents(options.documents, options.tenants, options.lists))
    print(f"| {options.documents:,} documents | |\n|---|---:|")
    measured(folder)


if __name__ == "__main__":
    main()
