"""How fast documents become searchable, against the bare encoder on the same chunks in the same run.

    python -m benchmarks.ingest.speed FOLDER… [--limit 60] [--together] [--peers PYTHON] [--unchanged 10000]
    python -m benchmarks.ingest.speed FOLDER --slice 500 --data FOLDER

Prints for every folder, or for all of them together: documents, chunks, and `footnote ingest` in a process of its
own: the whole of it (Python, libraries and model loaded, the folder walked) and its pipeline alone (from the first
file read to the last commit), by the clock and in processor time with all workers. Beside it the bare encoder: one
call of `embed_documents` over the same chunks, the model loaded and warm. The ratio is the pipeline's throughput
over the bare encoder's. Memory is the proportional set size of the process and its workers at its peak. Then a second
run that changes nothing. `--peers` adds LangChain's loaders, RecursiveCharacterTextSplitter and FAISS wrapper, and
Chroma, with the same model and chunks of the same mean length (benchmarks/ingest/peers.py).
"""

import argparse
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vectorstore.open import open_embedder, open_store
from vectorstore.settings import StoreSettings
from vectorstore.types import Scope

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Run:
    """One `footnote ingest`: its report, wall and processor seconds with all workers, and peak bytes."""

    report: dict[str, Any]
    wall: float
    cpu: float
    peak: int


def proportional(pid: int) -> int:
    """Return the bytes of a process and all below it, what several share counted once."""
    total = 0
    for process in [pid, *descendants(pid)]:
        try:
            rollup = Path(f"/proc/{process}/smaps_rollup").read_text()
        except OSError:
            continue
        total += sum(int(line.split()[1]) << 10 for line in rollup.splitlines() if line.startswith("Pss:"))
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
    """Watch a process tree's memory, four times a second."""
    seen, stop = [0], threading.Event()

    def watch() -> None:
        while not stop.wait(0.25):
            seen[0] = max(seen[0], proportional(pid))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


def run_ingest(folder: Path, data: Path, *, seconds: float | None = None) -> Run:
    """Run the command, interrupted after so many seconds."""
    started, spent = time.monotonic(), children_cpu()
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
    return Run(json.loads(output), time.monotonic() - started, children_cpu() - spent, peak[0])


def children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def bare_speed(data: Path) -> tuple[float, float]:
    """Embed what the index holds once more with nothing around it; return chunks per second and per CPU second."""
    embedder = open_embedder(StoreSettings().embedder, cache_dir=data / "cache")
    store = open_store(StoreSettings(data_dir=data), embedder)
    with store.snapshot() as snapshot:
        texts = [
            chunk.embedded_text
            for document in snapshot.documents(scope=Scope(unrestricted=True))
            for chunk in snapshot.chunks(document.id)
        ]
    store.close()
    texts = list(dict.fromkeys(texts))
    embedder.embed_documents(texts[:64])
    started, spent = time.monotonic(), time.process_time()
    embedder.embed_documents(texts)
    return len(texts) / (time.monotonic() - started), len(texts) / (time.process_time() - spent)


def mean_characters(data: Path) -> float:
    store = open_store(StoreSettings(data_dir=data), None)
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
    command = [str(python), str(ROOT / "benchmarks/ingest/peers.py"), name, str(folder)]
    command += ["--cache", str(data / "cache"), "--chars", str(chars)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    started, spent = time.monotonic(), children_cpu()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    wall, cpu = time.monotonic() - started, children_cpu() - spent
    if done.returncode:
        return f"did not run: {(done.stderr.strip().splitlines() or ['?'])[-1]}"
    found = json.loads(done.stdout.splitlines()[-1])
    return (
        f"{found['seconds']:.1f} s with the model loaded ({wall:.1f} s and {cpu:.1f} CPU s whole), "
        f"{found['documents'] / found['seconds']:.2f} documents/s, {found['chunks']} chunks, "
        f"{found['chunks'] / found['seconds']:.1f} chunks/s, {found['peak_mb']:.0f} MiB"
    )


@contextmanager
def sample(folders: Sequence[Path], limit: int) -> Iterator[Path]:
    """Copy every n-th file of each folder so that about `limit` of each are there; all when the limit is 0."""
    with tempfile.TemporaryDirectory() as copy:
        for folder in folders:
            files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
            chosen = min(limit or len(files), len(files))
            for number in range(chosen):
                file = files[number * len(files) // chosen]
                target = Path(copy) / folder.name / file.relative_to(folder)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, target)
        yield Path(copy)


def measure(name: str, docs: Path, *, peers: Path | None) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch)
        open_embedder(StoreSettings().embedder, cache_dir=data / "cache")
        first = run_ingest(docs, data)
        again = run_ingest(docs, data)
        bare, bare_cpu = bare_speed(data)
        report = first.report
        embedded, seconds = int(report["embedded"]), float(report["seconds"])
        documents = len(report["added"])
        # what the pipeline alone spends: a run that changes nothing starts Python and walks the folder too
        cpu = first.cpu - again.cpu
        print(f"{name}: {report['summary']}  (load {os.getloadavg()[0]:.1f})")
        print(f"  chunks            {report['chunks']} ({embedded} embedded)")
        print(
            f"  to searchable     {first.wall:.1f} s, {first.cpu:.1f} CPU s, process start and model included"
        )
        print(
            f"  pipeline          {seconds:.1f} s, {embedded / seconds:.1f} chunks/s, {documents / seconds:.2f} documents/s"
        )
        print(f"  bare encoder      {bare:.1f} chunks/s, {bare_cpu:.1f} per CPU second")
        print(
            f"  ratio             {embedded / seconds / bare:.3f}, with process start {embedded / first.wall / bare:.3f}"
        )
        print(f"  ratio by CPU      {embedded / cpu / bare_cpu:.3f} (parsing in the workers included)")
        print(f"  peak memory       {first.peak / 2**20:.0f} MiB, workers included")
        print(
            f"  second run        {again.wall:.2f} s ({again.wall / first.wall:.1%} of the first)", flush=True
        )
        for other in ("langchain", "chroma") if peers else ():
            line = peer(peers, other, docs, data, chars=mean_characters(data))
            print(f"  {other:<17} {line}", flush=True)


def one_slice(folder: Path, data: Path, seconds: float) -> None:
    """Ingest into a folder that is kept, for so long; repeated until nothing is left, then it changes nothing."""
    run = run_ingest(folder, data, seconds=seconds)
    print(f"{folder.name}: {run.report['summary']}  (load {os.getloadavg()[0]:.1f})")
    print(
        f"  {run.wall:.1f} s, {run.report['embedded']} chunks embedded, peak {run.peak / 2**20:.0f} MiB, "
        "workers included",
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
        open_embedder(StoreSettings().embedder, cache_dir=data / "cache")
        first = run_ingest(docs, data)
        again = run_ingest(docs, data)
        assert again.report["unchanged"] == count
        print(
            f"{count:,} short files: first run {first.wall:.1f} s, {first.cpu:.1f} CPU s; a run that changes nothing "
            f"{again.wall:.2f} s, {again.cpu:.2f} CPU s",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--limit", type=int, default=0, help="most files of each folder")
    parser.add_argument("--together", action="store_true", help="all folders in one run")
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
    folders = [folder.resolve() for folder in options.folders]
    for group in [folders] if options.together and folders else [[folder] for folder in folders]:
        with sample(group, options.limit) as docs:
            measure(", ".join(folder.name for folder in group), docs, peers=options.peers)
    if options.unchanged:
        unchanged(options.unchanged)


if __name__ == "__main__":
    main()
