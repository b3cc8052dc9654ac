"""LangChain's loaders, splitter and FAISS wrapper, or Chroma, from the same folder to the first search, as JSON.

    PYTHONPATH=. PEERS/bin/python -m benchmarks.ingest.peers langchain|chroma FOLDER --cache FOLDER --chars 600

Run by `benchmarks/ingest/speed.py --peers`, in the virtual environment of benchmarks/requirements.txt. The embedder is
Footnote's own, so that only what stands around it is compared; chunks are on average as long as Footnote's. The
splitter's size is searched before the clock starts. Loading the model is in neither's time.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vectorstore.open import open_embedder
from vectorstore.settings import DEFAULT_EMBEDDER

TEXT = {".md", ".rst", ".txt"}


def files_of(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.suffix in TEXT | {".pdf"}]


def loaded(files: Sequence[Path]) -> list[Any]:
    from langchain_community.document_loaders import PyPDFLoader, TextLoader

    found = []
    for path in files:
        loader = (
            PyPDFLoader(str(path))
            if path.suffix == ".pdf"
            else TextLoader(str(path), autodetect_encoding=True)
        )
        found += loader.load()
    return found


def split(documents: Sequence[Any], size: int) -> list[Any]:
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    splitter = RecursiveCharacterTextSplitter(chunk_size=size, chunk_overlap=0)
    return [chunk for chunk in splitter.split_documents(documents) if chunk.page_content.strip()]


def size_for(documents: Sequence[Any], wanted: float) -> int:
    """Find the size at which chunks are on average as long as wanted, on a sample."""
    sample = documents[:: max(len(documents) // 100, 1)]
    low, high = 50, 4_000
    while high - low > 10:
        middle = (low + high) // 2
        chunks = split(sample, middle)
        mean = sum(len(chunk.page_content) for chunk in chunks) / max(len(chunks), 1)
        low, high = (middle, high) if mean < wanted else (low, middle)
    return high


def langchain(documents: Sequence[Any], embedder: Any, folder: str) -> None:
    from langchain_community.vectorstores import FAISS
    from langchain_core.embeddings import Embeddings

    class Same(Embeddings):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return embedder.embed_documents(texts).tolist()

        def embed_query(self, text: str) -> list[float]:
            return embedder.embed_query(text).tolist()

    store = FAISS.from_documents(list(documents), Same())
    store.save_local(folder)
    assert store.similarity_search("How many days of leave?", k=5)


def chroma(documents: Sequence[Any], embedder: Any, folder: str) -> None:
    import chromadb

    client = chromadb.PersistentClient(folder, settings=chromadb.Settings(anonymized_telemetry=False))
    kept = client.create_collection("documents", embedding_function=None)
    for start in range(0, len(documents), 2_000):
        part = documents[start : start + 2_000]
        texts = [chunk.page_content for chunk in part]
        kept.add(
            ids=[str(start + at) for at in range(len(part))],
            documents=texts,
            embeddings=embedder.embed_documents(texts),
            metadatas=[{"source": str(chunk.metadata.get("source", ""))} for chunk in part],
        )
    asked = embedder.embed_query("How many days of leave?")
    assert kept.query(query_embeddings=[asked], n_results=5)["ids"][0]


def peak_mb() -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("peer", choices=("langchain", "chroma"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--chars", type=float, required=True)
    options = parser.parse_args()
    embedder = open_embedder(DEFAULT_EMBEDDER, cache_dir=options.cache)
    embedder.embed_documents(["warm"])
    files = files_of(options.folder)
    size = size_for(loaded([path for path in files if path.suffix in TEXT] or files[:1]), options.chars)
    started = time.monotonic()
    chunks = split(loaded(files), size)
    with tempfile.TemporaryDirectory() as folder:
        (langchain if options.peer == "langchain" else chroma)(chunks, embedder, folder)
    print(
        json.dumps(
            {
                "documents": len(files),
                "chunks": len(chunks),
                "seconds": time.monotonic() - started,
                "peak_mb": peak_mb(),
            }
        )
    )


if __name__ == "__main__":
    main()
