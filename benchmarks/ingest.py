"""How fast documents become searchable, against the bare encoder on the same chunks in the same run.

    python benchmarks/ingest.py FOLDER… [--limit 300] [--langchain]

Prints for every folder: documents, chunks, seconds and chunks per second end to end (`footnote ingest` in a
process of its own), the bare encoder's chunks per second (one call of `embed_documents` over all chunks), their
ratio, the peak resident memory of the process and of its workers, and the time of a second run that changes
nothing. `--langchain` adds LangChain's text loader, RecursiveCharacterTextSplitter and FAISS wrapper with the
same model on the text files of the folder.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vectorstore.embedders import open_embedder
from vectorstore.open import open_store
from vectorstore.types import Scope

ROOT = Path(__file__).parents[1]


def resident(pid: int) -> int:
    """Return the resident bytes of a process and all below it."""
    total = 0
    for process in [pid, *descendants(pid)]:
        try:
            total += int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except (OSError, IndexError):
            continue
    return total


def descendants(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").glob("*"):
        try:
            children = (task / "children").read_text().split()
        except OSError:
            continue
        for child in map(int, children):
            yield child
            yield from descendants(child)


@contextmanager
def peak_memory(pid: int) -> Iterator[list[int]]:
    """Watch a process tree's resident memory, ten times a second."""
    seen, stop = [0], threading.Event()

    def watch() -> None:
        while not stop.wait(0.1):
            seen[0] = max(seen[0], resident(pid))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


def run_ingest(folder: Path, data: Path) -> tuple[dict[str, object], float, int]:
    """Run the command; return its report, wall seconds and peak bytes."""
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-c", "from app.cli import main; main()", "ingest", str(folder), "--json"],
        env={**os.environ, "FOOTNOTE_DATA_DIR": str(data), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    with peak_memory(process.pid) as peak:
        output, _ = process.communicate()
    if not output:
        sys.exit(f"footnote ingest ended with {process.returncode}.")
    return json.loads(output), time.monotonic() - started, peak[0]


def bare_speed(data: Path) -> float:
    """Embed what the index holds once more with nothing around it; return chunks per second."""
    embedder = open_embedder("all-MiniLM-L6-v2", cache_dir=data / "cache")
    store = open_store(data, embedder_fingerprint=embedder.fingerprint, dimension=embedder.dimension)
    with store.snapshot() as snapshot:
        texts = [
            chunk.embedded_text
            for document in snapshot.documents(scope=Scope(unrestricted=True))
            for chunk in snapshot.chunks(document.id)
        ]
    store.close()
    texts = list(dict.fromkeys(texts))
    started = time.monotonic()
    embedder.embed_documents(texts)
    return len(texts) / (time.monotonic() - started)


def langchain_seconds(folder: Path, data: Path, size: int) -> tuple[int, float]:
    """Load, split, embed and index the folder's text files with LangChain; return chunks and seconds."""
    from langchain_community.vectorstores import FAISS
    from langchain_core.documents import Document
    from langchain_core.embeddings import Embeddings
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    embedder = open_embedder("all-MiniLM-L6-v2", cache_dir=data / "cache")

    class Same(Embeddings):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return embedder.embed_documents(texts).tolist()

        def embed_query(self, text: str) -> list[float]:
            return embedder.embed_query(text).tolist()

    started = time.monotonic()
    files = [path for path in sorted(folder.rglob("*")) if path.suffix in (".md", ".rst", ".txt")]
    loaded = [Document(path.read_text("utf-8", "replace")) for path in files]
    chunks = RecursiveCharacterTextSplitter(chunk_size=size, chunk_overlap=0).split_documents(loaded)
    FAISS.from_documents(chunks, Same()).save_local(str(data / "langchain"))
    return len(chunks), time.monotonic() - started


@contextmanager
def sample(folder: Path, limit: int) -> Iterator[Path]:
    """Copy every n-th file so that about `limit` remain; all of them when the limit is 0."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    if not limit or len(files) <= limit:
        yield folder
        return
    with tempfile.TemporaryDirectory() as copy:
        for number in range(limit):
            file = files[number * len(files) // limit]
            target = Path(copy) / folder.name / file.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
        yield Path(copy) / folder.name


def measure(folder: Path, *, limit: int, langchain: bool) -> None:
    with sample(folder, limit) as docs, tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch)
        open_embedder("all-MiniLM-L6-v2", cache_dir=data / "cache")
        report, wall, peak = run_ingest(docs, data)
        _, again, _ = run_ingest(docs, data)
        bare = bare_speed(data)
        embedded, seconds = int(str(report["embedded"])), float(str(report["seconds"]))
        print(f"{folder.name}: {report['summary']}")
        print(f"  chunks            {report['chunks']} ({embedded} embedded)")
        print(f"  end to end        {wall:.1f} s, of which the pipeline {seconds:.1f} s")
        print(f"  pipeline          {embedded / seconds:.1f} chunks/s")
        print(f"  bare encoder      {bare:.1f} chunks/s")
        print(f"  ratio             {embedded / seconds / bare:.3f}")
        print(f"  peak memory       {peak / 2**20:.0f} MiB, workers included")
        print(f"  second run        {again:.2f} s ({again / wall:.1%} of the first)", flush=True)
        if langchain:
            chunks, took = langchain_seconds(docs, data, 700)
            print(
                f"  LangChain + FAISS {took:.1f} s, {chunks} chunks, {chunks / took:.1f} chunks/s", flush=True
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--limit", type=int, default=0, help="most files of each folder")
    parser.add_argument("--langchain", action="store_true")
    options = parser.parse_args()
    for folder in options.folders:
        measure(folder.resolve(), limit=options.limit, langchain=options.langchain)


if __name__ == "__main__":
    main()
