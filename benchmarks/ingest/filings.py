"""Twenty quarterly filings as PDF, and what is asked of them: is every page read, and is the right page found?

    python -m benchmarks.ingest.filings [--data FOLDER] [--headers] [--beside]

Pages: each page's words against those that PDFium gives for it without any layout, in the same filing; a page's
number is right when no neighbour's text in the index fits the raw page better than its own.

Questions: the 76 single-chunk ones of ../shared/data/sec10q, which names the filing and gives an answer but no page.
The page is found by the answer's figures: those pages of the named filing count that hold the most of them, and at
least half, written out or rounded ($23,198 million is $23.2 billion); questions whose answer has no such figures, or whose
figures stand on more than five pages, are left out. hit@10 by page is told for the whole index, where "the latest
10-Q" may mean any of four filings a company, and within the filing that is meant.

`--data` keeps the index; `--headers` measures the same without the context header; `--beside` measures PDFium's
plain pages cut by LangChain's RecursiveCharacterTextSplitter to the same mean length, same embedder, exact search.
"""

import argparse
import csv
import re
import tempfile
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.ingest.headers import opened, strip
from benchmarks.ingest.speed import mean_characters, run_ingest
from vectorstore.models.embed import Embedder
from vectorstore.open import open_embedder
from vectorstore.settings import StoreSettings
from vectorstore.store import Snapshot
from vectorstore.types import Condition, Document, Hit, Scope

DATA = Path(__file__).parents[2] / "../shared/data/sec10q"
OPERATOR = Scope(unrestricted=True)
K = 10
MOST_PAGES = 5
_WORD = re.compile(r"\w+")
_FIGURE = re.compile(
    r"(?P<dollar>\$ ?)?(?P<number>\d+(?:,\d{3})*(?:\.\d+)?)(?P<unit> ?%| billion| million| percent)?"
)


@dataclass(frozen=True)
class Question:
    text: str
    filing: str
    kind: str
    pages: frozenset[int]
    """Where the answer stands; empty when its figures do not tell."""


def raw_pages(file: Path) -> list[str]:
    import pypdfium2

    pdf = pypdfium2.PdfDocument(file)
    try:
        return [pdf[number].get_textpage().get_text_range() for number in range(len(pdf))]
    finally:
        pdf.close()


def figures(text: str, *, telling: bool) -> Iterator[frozenset[str]]:
    """Yield each figure as the ways in which a filing may write it; only `telling` ones: no years, no small counts."""
    for match in _FIGURE.finditer(text):
        number, unit = match["number"].replace(",", ""), match["unit"] or ""
        is_amount = bool(match["dollar"] or unit or "," in match["number"] or "." in number)
        if telling and not is_amount:
            continue
        ways = {number}
        if unit == " billion":
            ways |= {f"{float(number) * 1_000:.0f}", f"{float(number):.1f} billion"}
        elif telling and float(number) >= 1_000:  # in tables of millions; in the text rounded
            ways.add(f"{float(number) / 1_000:.1f} billion")
        yield frozenset(ways)


def answer_pages(answer: str, pages: Sequence[set[str]]) -> frozenset[int]:
    wanted = set(figures(answer.partition("SOURCE")[0], telling=True))
    held = [sum(bool(ways & page) for ways in wanted) for page in pages]
    best = max(held, default=0)
    if not wanted or best < max(1, len(wanted) / 2):
        return frozenset()
    found = frozenset(number for number, count in enumerate(held, start=1) if count == best)
    return found if len(found) <= MOST_PAGES else frozenset()


def questions(raw: Mapping[str, Sequence[str]]) -> list[Question]:
    numbers = {
        name: [{way for ways in figures(page, telling=False) for way in ways} for page in pages]
        for name, pages in raw.items()
    }
    found = []
    with (DATA / "qna_data.csv").open(newline="", encoding="utf-8-sig") as file:
        for row in csv.DictReader(file):
            if "Single-Chunk" not in row["Question Type"]:
                continue
            filing = row["Source Docs"].strip("* ") + ".pdf"
            pages = answer_pages(row["Answer"], numbers[filing])
            found.append(Question(row["Question"], filing, row["Source Chunk Type"], pages))
    return found


def pages_of(hit: Hit) -> set[int]:
    starts, span = hit.document.pages, hit.chunk.span
    return set(range(max(bisect_right(starts, span.start), 1), bisect_right(starts, span.end - 1) + 1))


def name_of(document: Document) -> str:
    return document.uri.rpartition("/")[2]


def report_pages(snapshot: Snapshot, raw: Mapping[str, Sequence[str]]) -> None:
    total = held = 0
    count = right = 0
    poor: list[str] = []
    for document in snapshot.documents(scope=OPERATOR):
        text = snapshot.text(document.id)
        indexed = [
            Counter(_WORD.findall(text[start:end])) for start, end in pairwise([*document.pages, len(text)])
        ]
        for number, page in enumerate(raw[name_of(document)], start=1):
            words = Counter(_WORD.findall(page))
            count += 1
            near = range(max(number - 1, 1), min(number + 1, len(indexed)) + 1)
            fits = {other: (words & indexed[other - 1]).total() for other in near}
            right += fits[number] == max(fits.values())
            total += words.total()
            held += fits[number]
            if fits[number] < 0.9 * words.total():
                poor.append(f"{name_of(document)} p. {number} ({fits[number]} of {words.total()} words)")
    print(f"pages {count}: number right {right}, words on their page {held / total:.4f}")
    print(f"pages with less than nine tenths of their words: {len(poor)}")
    for line in poor[:10]:
        print(f"  {line}")


def rate(data: Path, asked: Sequence[Question], embedder: Embedder) -> str:
    """Return hit@10 by filing over all questions, by page in the whole index and in the filing that is meant."""
    by_filing = anywhere = within = 0
    tables = Counter[str]()
    told = [question for question in asked if question.pages]
    with opened(data, embedder) as store, store.snapshot() as snapshot:
        uris = {name_of(each): each.uri for each in snapshot.documents(scope=OPERATOR)}
        for question in asked:
            vector = embedder.embed_query(question.text)
            hits = snapshot.search(question.text, vector, scope=OPERATOR, limit=K)
            by_filing += any(name_of(hit.document) == question.filing for hit in hits)
            if not question.pages:
                continue
            own = [hit for hit in hits if name_of(hit.document) == question.filing]
            anywhere += any(question.pages & pages_of(hit) for hit in own)
            where = (Condition("uri", "eq", (uris[question.filing],)),)
            meant = snapshot.search(question.text, vector, scope=OPERATOR, where=where, limit=K)
            found = any(question.pages & pages_of(hit) for hit in meant)
            within += found
            tables[question.kind] += found
    kinds = Counter(question.kind for question in told)
    parts = ", ".join(f"{kind.lower()} {tables[kind]} of {kinds[kind]}" for kind in sorted(kinds))
    return said(asked, by_filing, anywhere, within) + f"; within: {parts}"


def said(asked: Sequence[Question], by_filing: int, anywhere: int, within: int) -> str:
    told = sum(bool(question.pages) for question in asked)
    return (
        f"filing {by_filing / len(asked):.3f} ({len(asked)} questions), page in the whole index "
        f"{anywhere / told:.3f}, page in the filing {within / told:.3f} ({told} questions)"
    )


def beside(
    raw: Mapping[str, Sequence[str]], asked: Sequence[Question], embedder: Embedder, *, characters: float
) -> str:
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    # its pieces come out shorter than the size that it is given: grown until the mean is as wanted
    size, pieces = int(characters), []
    for _ in range(6):
        splitter = RecursiveCharacterTextSplitter(chunk_size=size, chunk_overlap=0)
        pieces = [
            (name, number, text)
            for name, pages in raw.items()
            for number, page in enumerate(pages, start=1)
            for text in splitter.split_text(page)
        ]
        size = round(size * characters / (sum(len(text) for _, _, text in pieces) / len(pieces)))
    vectors = embedder.embed_documents([text for _, _, text in pieces])
    by_filing = anywhere = within = 0
    for question in asked:
        best = np.argsort(-(vectors @ embedder.embed_query(question.text)))
        own = [at for at in best if pieces[at][0] == question.filing]
        by_filing += any(pieces[at][0] == question.filing for at in best[:K])
        anywhere += any(
            pieces[at][0] == question.filing and pieces[at][1] in question.pages for at in best[:K]
        )
        within += any(pieces[at][1] in question.pages for at in own[:K])
    return said(asked, by_filing, anywhere, within)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="data folder to keep the index in")
    parser.add_argument("--headers", action="store_true", help="measure without the context header too")
    parser.add_argument("--beside", action="store_true", help="measure plain pages cut by LangChain too")
    options = parser.parse_args()
    raw = {file.name: raw_pages(file) for file in sorted((DATA / "docs").glob("*.pdf"))}
    asked = questions(raw)
    with tempfile.TemporaryDirectory() as scratch:
        data = options.data or Path(scratch)
        embedder = open_embedder(StoreSettings().embedder, cache_dir=data / "cache")
        run_ingest((DATA / "docs").resolve(), data)
        with opened(data, embedder) as store, store.snapshot() as snapshot:
            report_pages(snapshot, raw)
        print(f"hit@{K}: {rate(data, asked, embedder)}", flush=True)
        if options.headers:
            strip(data, data / "without", embedder)
            print(f"hit@{K} without headers: {rate(data / 'without', asked, embedder)}", flush=True)
        if options.beside:
            line = beside(raw, asked, embedder, characters=mean_characters(data))
            print(f"hit@{K} of plain pages cut by LangChain: {line}", flush=True)


if __name__ == "__main__":
    main()
