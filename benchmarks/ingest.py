"""How fast documents become searchable, against the bare encoder on the same chunks in the same run.

    python benchmarks/ingest.py FOLDER… [--limit 300] [--peers PYTHON] [--unchanged 10000]
    python benchmarks/ingest.py FOLDER --slice 500 --data FOLDER

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
import signal
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


def run_ingest(
    folder: Path, data: Path, *, seconds: float | None = None
) -> tuple[dict[str, object], float, int]:
    """Run the command, interrupted after so many seconds; return its report, wall seconds and peak bytes."""
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-c", "from app.cli import main; main()", "ingest", str(folder), "--json"],
        env={**os.environ, "FOOTNOTE_DATA_DIR": str(data), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    with peak_memory(process.pid) as peak:
        try:
            output, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
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


def mean_characters(data: Path) -> float:
    store = open_store(data, embedder_fingerprint=None, dimension=None)
    with store.snapshot() as snapshot:
        lengths = [
            len(chunk.text)
            for document in snapshot.documents(scope=Scope(unrestricted=True))
            for chunk in snapshot.chunks(document.id)
        ]
    store.close()
    return sum(lengths) / len(lengths)


def peer(python: Path, name: str, folder: Path, data: Path, *, chars: float) -> str:
    """Let LangChain or Chroma take in the same folder, in a process of its own; return a line about it."""
    command = [str(python), str(ROOT / "benchmarks/ingest_peers.py"), name, str(folder)]
    command += ["--cache", str(data / "cache"), "--chars", str(chars)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        return f"did not run: {(done.stderr.strip().splitlines() or ['?'])[-1]}"
    found = json.loads(done.stdout.splitlines()[-1])
    return (
        f"{found['seconds']:.1f} s, {found['documents'] / found['seconds']:.2f} documents/s, "
        f"{found['chunks']} chunks, {found['chunks'] / found['seconds']:.1f} chunks/s, {found['peak_mb']:.0f} MiB"
    )


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


def measure(folder: Path, *, limit: int, peers: Path | None) -> None:
    with sample(folder, limit) as docs, tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch)
        open_embedder("all-MiniLM-L6-v2", cache_dir=data / "cache")
        report, wall, peak = run_ingest(docs, data)
        _, again, _ = run_ingest(docs, data)
        bare = bare_speed(data)
        embedded, seconds = int(str(report["embedded"])), float(str(report["seconds"]))
        documents = len(report["added"])
        print(f"{folder.name}: {report['summary']}  (load {os.getloadavg()[0]:.1f})")
        print(f"  chunks            {report['chunks']} ({embedded} embedded)")
        print(f"  end to end        {wall:.1f} s, of which the pipeline {seconds:.1f} s")
        print(f"  pipeline          {embedded / seconds:.1f} chunks/s, {documents / seconds:.2f} documents/s")
        print(f"  bare encoder      {bare:.1f} chunks/s")
        print(f"  ratio             {embedded / seconds / bare:.3f}")
        print(f"  peak memory       {peak / 2**20:.0f} MiB, workers included")
        print(f"  second run        {again:.2f} s ({again / wall:.1%} of the first)", flush=True)
        for name in ("langchain", "chroma") if peers else ():
            line = peer(peers, name, docs, data, chars=mean_characters(data))
            print(f"  {name:<17} {line}", flush=True)


def one_slice(folder: Path, data: Path, seconds: float) -> None:
    """Ingest into a folder that is kept, for so long; repeated until nothing is left, then it changes nothing."""
    report, wall, peak = run_ingest(folder, data, seconds=seconds)
    print(f"{folder.name}: {report['summary']}  (load {os.getloadavg()[0]:.1f})")
    print(
        f"  {wall:.1f} s, {report['embedded']} chunks embedded, peak {peak / 2**20:.0f} MiB, workers included",
        flush=True,
    )


def unchanged(count: int) -> None:
    """Time a run over files none of which has changed."""
    with tempfile.TemporaryDirectory() as scratch:
        docs, data = Path(scratch) / "docs", Path(scratch) / "data"
        for number in range(count):
            path = docs / f"{number % 100}/{number}.md"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"# Note {number}\n\nThis is note {number}.\n")
        open_embedder("all-MiniLM-L6-v2", cache_dir=data / "cache")
        _, first, _ = run_ingest(docs, data)
        _, again, _ = run_ingest(docs, data)
        print(
            f"{count:,} short files: first run {first:.1f} s, a run that changes nothing {again:.2f} s",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--limit", type=int, default=0, help="most files of each folder")
    parser.add_argument(
        "--peers", type=Path, help="Python of a virtual environment with benchmarks/requirements.txt"
    )
    parser.add_argument(
        "--unchanged", type=int, default=0, help="also time a run over so many unchanged files"
    )
    parser.add_argument("--slice", type=float, help="ingest for so many seconds into --data, and no more")
    parser.add_argument("--data", type=Path, help="data folder that slices share")
    options = parser.parse_args()
    if options.slice:
        for folder in options.folders:
            one_slice(folder.resolve(), options.data, options.slice)
        return
    for folder in options.folders:
        measure(folder.resolve(), limit=options.limit, peers=options.peers)
    if options.unchanged:
        unchanged(options.unchanged)


if __name__ == "__main__":
    main()
