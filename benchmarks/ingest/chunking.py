"""How well chunks fit what a question asks for: token recall, precision and IoU of the five best chunks.

Measures as defined by Chroma's "Evaluating Chunking Strategies": all chunks of five corpora in one pool, the
five nearest to each of 472 questions, their character ranges against the marked ones. `omega` is the precision
when exactly the chunks that hold a marked range are found. Every splitter runs on the same text with the same
embedder and exact search; LangChain's splitters get the size at which their chunks are, on average, as long as
ours.

    python -m benchmarks.ingest.chunking --target 128 --target 160 [--overlap 0] [--headers] [--cache FILE]
"""

import argparse
import csv
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ingest.cut.chunk import chunks_of
from ingest.extract import Extract
from ingest.parse.dispatch import parse
from ingest.settings import IngestSettings
from vectorstore.models.embed import Embedder
from vectorstore.open import open_embedder
from vectorstore.types import Document, DocumentId, Vectors

DATA = Path(__file__).parents[2] / "../shared/data/chunking"
RETRIEVED = 5

Range = tuple[int, int]


@dataclass(frozen=True)
class Piece:
    corpus: str
    start: int
    end: int
    embedded: str


@dataclass(frozen=True)
class Question:
    text: str
    corpus: str
    marked: tuple[Range, ...]


@dataclass(frozen=True)
class Scores:
    recall: float
    precision: float
    omega: float
    iou: float


def extracts() -> dict[str, Extract]:
    return {
        file.stem: parse(file.read_bytes(), name=file.name, limits=IngestSettings().limits())
        for file in sorted((DATA / "corpora").glob("*.md"))
    }


def questions(texts: dict[str, Extract]) -> list[Question]:
    """Move the marked ranges from the raw files to the extracted texts, which differ in white space only."""
    places = {}
    for corpus, extract in texts.items():
        raw = (DATA / f"corpora/{corpus}.md").read_text("utf-8")
        kept = [at for at, character in enumerate(extract.text) if not character.isspace()]
        rank = np.cumsum([not character.isspace() for character in raw])
        assert len(kept) == rank[-1], corpus
        places[corpus] = (kept, rank)
    found = []
    with (DATA / "questions_df.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            kept, rank = places[row["corpus_id"]]
            marked = tuple(
                (kept[rank[reference["start_index"]] - 1], kept[rank[reference["end_index"] - 1] - 1] + 1)
                for reference in json.loads(row["references"])
            )
            found.append(Question(row["question"], row["corpus_id"], marked))
    return found


def ours(
    texts: dict[str, Extract], embedder: Embedder, *, target: int, overlap: int, headers: bool = True
) -> list[Piece]:
    pieces = []
    for corpus, extract in texts.items():
        document = Document(DocumentId(corpus), corpus, "", "text/markdown", "")
        for chunk in chunks_of(
            extract, document, embedder=embedder, target_tokens=target, overlap_tokens=overlap
        ):
            pieces.append(
                Piece(
                    corpus, chunk.span.start, chunk.span.end, chunk.embedded_text if headers else chunk.text
                )
            )
    return pieces


def recursive(texts: dict[str, Extract], size: int, *, separators: list[str] | None = None) -> list[Piece]:
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    splitter = RecursiveCharacterTextSplitter(
        chunk_size=size, chunk_overlap=0, add_start_index=True, separators=separators
    )
    pieces = []
    for corpus, extract in texts.items():
        for part in splitter.create_documents([extract.text]):
            start = part.metadata["start_index"]
            pieces.append(Piece(corpus, start, start + len(part.page_content), part.page_content))
    return pieces


def windows(texts: dict[str, Extract], embedder: Embedder, size: int) -> list[Piece]:
    """Fixed windows of tokens, as LangChain's TokenTextSplitter cuts them, by the embedder's own tokens."""
    pieces = []
    for corpus, extract in texts.items():
        offsets = embedder.token_offsets(extract.text)
        for at in range(0, len(offsets), size):
            start, end = offsets[at][0], offsets[min(at + size, len(offsets)) - 1][1]
            pieces.append(Piece(corpus, start, end, extract.text[start:end]))
    return pieces


def mean_length(pieces: Sequence[Piece]) -> float:
    return sum(piece.end - piece.start for piece in pieces) / len(pieces)


def of_equal_size(cut: Callable[[int], list[Piece]], wanted: float, *, most: int) -> list[Piece]:
    """Find the splitter's size at which its chunks are on average as long as wanted."""
    low, high = 1, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if mean_length(cut(middle)) < wanted else (low, middle)
    return min((cut(low), cut(high)), key=lambda pieces: abs(mean_length(pieces) - wanted))


def merged(ranges: Sequence[Range]) -> Iterator[Range]:
    start, end = -1, -1
    for a, b in sorted(ranges):
        if a > end:
            if end > start:
                yield start, end
            start, end = a, b
        end = max(end, b)
    if end > start:
        yield start, end


def length(ranges: Sequence[Range]) -> int:
    return sum(end - start for start, end in merged(ranges))


def common(ranges: Sequence[Range], others: Sequence[Range]) -> int:
    return length([(max(a, c), min(b, d)) for a, b in ranges for c, d in others if max(a, c) < min(b, d)])


def score(question: Question, found: Sequence[Piece], holding: Sequence[Piece]) -> Scores:
    here = [(piece.start, piece.end) for piece in found if piece.corpus == question.corpus]
    hit, asked = common(here, question.marked), length(question.marked)
    read = sum(piece.end - piece.start for piece in found)
    every = [(piece.start, piece.end) for piece in holding]
    omega = common(every, question.marked) / max(sum(end - start for start, end in every), 1)
    return Scores(hit / asked, hit / read, omega, hit / (read + asked - hit))


class Vectorizer:
    """Embeds texts once; `cache` keeps the vectors between runs."""

    def __init__(self, embedder: Embedder, cache: Path | None) -> None:
        self.embedder = embedder
        self.cache = cache
        self.known: dict[str, np.ndarray] = {}
        if cache and cache.exists():
            stored = np.load(cache, allow_pickle=False)
            self.known = dict(zip(stored["texts"].tolist(), stored["vectors"], strict=True))

    def __call__(self, texts: Sequence[str]) -> Vectors:
        missing = [text for text in dict.fromkeys(texts) if text not in self.known]
        if missing:
            self.known.update(zip(missing, self.embedder.embed_documents(missing), strict=True))
            if self.cache:
                np.savez(self.cache, texts=list(self.known), vectors=np.stack(list(self.known.values())))
        return np.stack([self.known[text] for text in texts])


def evaluate(pieces: Sequence[Piece], asked: Sequence[Question], vectors: Vectorizer) -> dict[str, Scores]:
    similar = vectors([question.text for question in asked]) @ vectors([p.embedded for p in pieces]).T
    nearest = np.argsort(-similar, axis=1)[:, :RETRIEVED]
    by_corpus: dict[str, list[Scores]] = {}
    for question, best in zip(asked, nearest, strict=True):
        holding = [
            piece
            for piece in pieces
            if piece.corpus == question.corpus and common([(piece.start, piece.end)], question.marked)
        ]
        scores = score(question, [pieces[number] for number in best], holding)
        by_corpus.setdefault(question.corpus, []).append(scores)
    return {corpus: mean(scores) for corpus, scores in sorted(by_corpus.items())}


def mean(scores: Sequence[Scores]) -> Scores:
    table = np.array([[one.recall, one.precision, one.omega, one.iou] for one in scores])
    return Scores(*table.mean(axis=0).tolist())


def show(name: str, pieces: Sequence[Piece], scores: dict[str, Scores]) -> None:
    average = mean(list(scores.values()))
    print(
        f"{name:34} {len(pieces):6} {mean_length(pieces):7.0f}  {average.recall:6.3f} {average.precision:9.4f}"
        f" {average.omega:6.3f} {average.iou:7.4f}   "
        + " ".join(f"{one.recall:.2f}/{one.iou:.3f}" for one in scores.values()),
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--target", type=int, action="append", help="our target sizes in tokens")
    parser.add_argument("--overlap", type=int, default=0)
    parser.add_argument("--ours-only", action="store_true", help="leave LangChain's splitters out")
    parser.add_argument("--headers", action="store_true", help="also without the context header")
    parser.add_argument("--cache", type=Path, help="keep vectors here between runs (.npz)")
    options = parser.parse_args()
    if not DATA.exists():
        sys.exit(f"The corpora are not at {DATA}.")
    embedder = open_embedder("all-MiniLM-L6-v2", cache_dir=Path("data/cache"))
    texts = extracts()
    asked = questions(texts)
    vectors = Vectorizer(embedder, options.cache)
    print(
        f"{'splitter':34} {'chunks':>6} {'chars':>7}  {'recall':>6} {'precision':>9} {'omega':>6} {'IoU':>7}   "
        + " ".join(sorted(texts))
        + " (recall/IoU)"
    )
    sentences = ["\n\n", "\n", ". ", "? ", "! ", " ", ""]
    for target in options.target or [160]:
        pieces = ours(texts, embedder, target=target, overlap=options.overlap)
        show(f"footnote {target}/{options.overlap}", pieces, evaluate(pieces, asked, vectors))
        if options.headers:
            bare = ours(texts, embedder, target=target, overlap=options.overlap, headers=False)
            show(f"the same, without headers ={target}", bare, evaluate(bare, asked, vectors))
        if options.ours_only:
            continue
        wanted = mean_length(pieces)
        rivals = {
            "LangChain recursive": of_equal_size(lambda size: recursive(texts, size), wanted, most=4_000),
            "LangChain recursive, sentences": of_equal_size(
                lambda size: recursive(texts, size, separators=sentences), wanted, most=4_000
            ),
            "token windows": of_equal_size(lambda size: windows(texts, embedder, size), wanted, most=254),
        }
        for name, rival in rivals.items():
            show(f"{name} ={target}", rival, evaluate(rival, asked, vectors))


if __name__ == "__main__":
    main()
