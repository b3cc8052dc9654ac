"""What the context header is worth: hit@5 with it and without it, the same chunks, the same questions.

    python -m benchmarks.ingest.headers [--handbook ../shared/data/corpora/handbook-18f] [--questions 300] [--keep FOLDER]

A chunk is embedded, and searched by its words, with its document's title and heading path in front. Here every
index is built twice, once with that header and once without; a hit is a chunk of the right document that holds four
fifths of the words of the marked quote in order, the header not counted. The sample handbook brings its own
questions; those of another handbook are made from its text by `footnote eval generate` (definitions, table cells,
the rarest words of a sentence; none from headings, which the header would answer by itself), so read those as a
comparison only.
"""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from app.turn.retrieve import passages_of
from benchmarks.ingest.speed import ROOT, run_ingest
from eval.cases import Case, load_cases
from eval.generation import Text, offline
from eval.metrics.retrieval import holds
from vectorstore.models.embed import Embedder
from vectorstore.open import open_embedder, open_store
from vectorstore.settings import StoreSettings
from vectorstore.store import Snapshot, Store
from vectorstore.types import Hit, Scope

OPERATOR = Scope(unrestricted=True)
K = 5
DEPTH = 100
BATCH = 2_000
KINDS = ("definition", "table", "inverse-cloze")


@dataclass(frozen=True)
class Found:
    """Whether each question's quote is among the best five, by meaning alone and by meaning and words."""

    dense: list[bool]
    fused: list[bool]


@contextmanager
def opened(data: Path, embedder: Embedder) -> Iterator[Store]:
    store = open_store(StoreSettings(data_dir=data), embedder)
    try:
        yield store
    finally:
        store.close()


def strip(source: Path, target: Path, embedder: Embedder) -> None:
    """Write the index of `source` again in `target`, the headers left out."""
    with opened(source, embedder) as old, opened(target, embedder) as new, old.snapshot() as snapshot:
        documents = list(snapshot.documents(scope=OPERATOR))
        if new.generations() and new.generations()[-1].documents == len(documents):
            return
        chunks = {
            each.id: [replace(chunk, context="") for chunk in snapshot.chunks(each.id)] for each in documents
        }
        texts = list(dict.fromkeys(chunk.text for own in chunks.values() for chunk in own))
        row = {text: at for at, text in enumerate(texts)}
        vectors = embedder.embed_documents(texts)
        with new.draft(note="no headers") as draft:
            for each in documents:
                own = chunks[each.id]
                # a document's title is searched with its words too, and the title is part of the header
                bare = replace(each, title="")
                rows = vectors[[row[chunk.text] for chunk in own]]
                draft.put(bare, text=snapshot.text(each.id), chunks=own, vectors=rows)


def search(data: Path, cases: Sequence[Case], embedder: Embedder) -> Found:
    found = Found([], [])
    with opened(data, embedder) as store, store.snapshot() as snapshot:
        for case in cases:
            hits = snapshot.search(
                case.question, embedder.embed_query(case.question), scope=OPERATOR, limit=DEPTH
            )
            dense = sorted((hit for hit in hits if hit.stage("dense")), key=_dense_rank)
            found.fused.append(_hit(hits[:K], case, snapshot))
            found.dense.append(_hit(dense[:K], case, snapshot))
    return found


def _dense_rank(hit: Hit) -> int:
    stage = hit.stage("dense")
    return stage.rank if stage else DEPTH


def _hit(hits: Sequence[Hit], case: Case, snapshot: Snapshot) -> bool:
    passages = [replace(passage, context="") for hit in hits for passage in passages_of([hit], snapshot)]
    return any(holds(passage, evidence) for passage in passages for evidence in case.evidence)


def sample_cases() -> list[Case]:
    cases = load_cases(ROOT / "eval/sample/cases.jsonl")
    return [case for case in cases if case.answerable and case.evidence and not case.history]


def made_cases(data: Path, embedder: Embedder, most: int) -> list[Case]:
    with opened(data, embedder) as store, store.snapshot() as snapshot:
        texts = [Text(each.uri, snapshot.text(each.id)) for each in snapshot.documents(scope=OPERATOR)]
    made = [case for case in offline(texts) if case.answerable and case.evidence]
    kept: list[Case] = []
    for kind in KINDS:
        own = [case for case in made if kind in case.tags]
        share = most // len(KINDS)
        kept += own[:: max(1, -(-len(own) // share))][:share]
    return kept


def report(name: str, cases: Sequence[Case], on: Found, off: Found) -> None:
    print(f"{name}: {len(cases)} questions, hit@{K}")
    print(f"  {'':<16}{'with header':>12}{'without':>9}{'gained':>8}{'lost':>6}")
    rows = [("words + meaning", on.fused, off.fused), ("meaning alone", on.dense, off.dense)]
    for kind in KINDS if any("generated" in case.tags for case in cases) else ():
        chosen = [at for at, case in enumerate(cases) if kind in case.tags]
        rows.append((kind, [on.fused[at] for at in chosen], [off.fused[at] for at in chosen]))
    for label, first, second in rows:
        gained = sum(a and not b for a, b in zip(first, second, strict=True))
        lost = sum(b and not a for a, b in zip(first, second, strict=True))
        means = (sum(each) / max(len(each), 1) for each in (first, second))
        print("  {:<16}{:>12.3f}{:>9.3f}{:>8}{:>6}".format(label, *means, gained, lost), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--handbook", type=Path, help="another folder of documents")
    parser.add_argument("--questions", type=int, default=300, help="most questions made from it")
    parser.add_argument("--keep", type=Path, help="folder to keep the indexes in")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        keep = options.keep or Path(scratch)
        embedder = open_embedder(StoreSettings().embedder, cache_dir=keep / "cache")
        for folder in filter(None, (ROOT / "ingest/sample/handbook", options.handbook)):
            on, off = keep / folder.name / "with", keep / folder.name / "without"
            run_ingest(folder.resolve(), on)
            strip(on, off, embedder)
            is_sample = folder.parent.name == "sample"
            cases = sample_cases() if is_sample else made_cases(on, embedder, options.questions)
            report(folder.name, cases, search(on, cases, embedder), search(off, cases, embedder))


if __name__ == "__main__":
    main()
