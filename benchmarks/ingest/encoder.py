"""Measure the embedders beside sentence-transformers: speed, start, latency and agreement, in one run.

    python -m benchmarks.ingest.encoder [--texts FOLDER] [--passages 400] [--words 160] [--threads N] [--rounds 2]

Every path runs in a process of its own, one after the other, `rounds` times; the best round counts. CPU seconds
stand beside wall time because other work on the machine slows only the latter. Cosine and top-10 are against the
same model in float32, on sentence-transformers or ONNX Runtime: each path's questions on its own passages.
"""

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from vectorstore.models.combined import open_combined
from vectorstore.models.e5 import E5
from vectorstore.models.encoder import Encoder
from vectorstore.models.engine import Engine, EngineName, open_engine
from vectorstore.models.minilm import MINILM, PUBLISHED

ROOT = Path(__file__).parents[2]
TRUTH = "sentence-transformers, torch float32"
BOTH = "both in one vector: the default"
PATHS = (
    TRUTH,
    "sentence-transformers, torch bfloat16",
    "Footnote, ONNX Runtime float32",
    "ONNX Runtime int8, quantised dynamically (not shipped)",
    "Footnote, OpenVINO (bfloat16 where the processor has it)",
    "e5, ONNX Runtime",
    "e5, OpenVINO",
    BOTH,
)
Embed = Callable[[Sequence[str]], np.ndarray]


@dataclass(frozen=True, slots=True)
class Figures:
    passages_per_second: float
    passages_per_cpu_second: float
    query_ms: float
    load_seconds: float
    load_cpu_seconds: float
    peak_mb: float


def main() -> None:
    options = _options()
    if options.path:
        _measure(options)
        return
    with tempfile.TemporaryDirectory() as folder:
        _write_texts(options, Path(folder))
        # The first start of all builds the graph; the ones that are measured load it.
        for model in (MINILM, E5):
            Encoder(model, cache_dir=Path(folder) / "cache", engine="onnxruntime")
        rounds = [
            {path: _in_process(path, Path(folder), options) for path in PATHS} for _ in range(options.rounds)
        ]
        print(
            f"{_machine()}, {options.threads} threads, {options.passages} passages of {options.words} words\n"
        )
        print(
            "| path | passages/s | per CPU second | query p50 | import + load (CPU) | peak memory"
            " | cosine min / mean | top-10 kept |\n|---|---|---|---|---|---|---|---|"
        )
        for path in PATHS:
            found = [one for each in rounds if (one := each[path])]
            print(_row(path, found, Path(folder)) if found else f"| {path} | did not run |")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--texts", type=Path, default=ROOT / "ingest/sample", help="a folder of .md, .rst or .txt"
    )
    parser.add_argument("--passages", type=int, default=400)
    parser.add_argument(
        "--words", type=int, default=160, help="mean length; half to one and a half of it are used"
    )
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--path", choices=PATHS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def _write_texts(options: argparse.Namespace, folder: Path) -> None:
    pages = sorted(page for page in options.texts.rglob("*") if page.suffix in {".md", ".rst", ".txt"})
    words = " ".join(page.read_text(encoding="utf-8", errors="replace") for page in pages).split()
    dice = np.random.default_rng(7)
    passages: list[str] = []
    while len(passages) < options.passages:
        # A small folder is gone through again from another word on.
        size = int(dice.integers(options.words // 2, options.words * 3 // 2))
        start = int(dice.integers(0, max(1, len(words) - size)))
        passages.append(" ".join(words[start : start + size]))
    questions = [" ".join(text.split()[10:20]) for text in passages[:100]]
    (folder / "texts.json").write_text(json.dumps({"passages": passages, "questions": questions}))


def _in_process(path: str, folder: Path, options: argparse.Namespace) -> Figures | None:
    command = [
        sys.executable,
        __file__,
        "--path",
        path,
        "--folder",
        str(folder),
        "--threads",
        str(options.threads),
    ]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": str(options.threads)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"{path}: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return None
    return Figures(**json.loads(done.stdout.splitlines()[-1]))


def _measure(options: argparse.Namespace) -> None:
    texts = json.loads((options.folder / "texts.json").read_text())
    started, cpu = time.perf_counter(), time.process_time()
    passages, query = _open(options.path, options.folder / "cache", threads=options.threads)
    query(["What is the limit for a hotel night?"])
    load, load_cpu = time.perf_counter() - started, time.process_time() - cpu
    passages(texts["passages"][:16])

    waits = []
    vectors = []
    for question in texts["questions"]:
        started = time.perf_counter()
        vectors.append(query([question])[0])
        waits.append(time.perf_counter() - started)
    started, cpu = time.perf_counter(), time.process_time()
    embedded = passages(texts["passages"])
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu
    np.savez(options.folder / f"{_slug(options.path)}.npz", questions=np.stack(vectors), passages=embedded)
    count = len(texts["passages"])
    figures = Figures(
        count / seconds, count / cpu_seconds, 1e3 * float(np.median(waits)), load, load_cpu, _peak_mb()
    )
    print(json.dumps(asdict(figures)))


def _open(path: str, cache: Path, *, threads: int) -> tuple[Embed, Embed]:
    if path == BOTH:
        both = open_combined(cache)
        return both.embed_documents, lambda texts: both.embed_query(texts[0])[None]
    if not path.startswith("sentence-transformers"):
        model = E5 if path.startswith("e5") else MINILM
        engine: EngineName = "openvino" if "OpenVINO" in path else "onnxruntime"
        encoder = Encoder(model, cache_dir=cache, threads=threads, engine=engine)
        if "int8" in path:
            encoder._engine = _quantised(cache, threads=threads)  # noqa: SLF001 - one of a kind, for this table
        return encoder.embed_documents, lambda texts: encoder.embed_query(texts[0])[None]
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(threads)
    kind = torch.bfloat16 if "bfloat16" in path else torch.float32
    model = SentenceTransformer(
        str(PUBLISHED.folder()), device="cpu", local_files_only=True, model_kwargs={"dtype": kind}
    )

    def embed(texts: Sequence[str]) -> np.ndarray:
        found = model.encode(
            list(texts), normalize_embeddings=True, convert_to_tensor=True, show_progress_bar=False
        )
        return found.float().numpy()

    return embed, embed


def _quantised(cache: Path, *, threads: int) -> Engine:
    from onnxruntime.quantization import quantize_dynamic

    small = cache / "int8.onnx"
    # the fused operators hide their types from it: 1 is float
    quantize_dynamic(
        next(cache.glob(f"{MINILM.name}-*.onnx")),
        small,
        op_types_to_quantize=["MatMul"],
        extra_options={"DefaultTensorType": 1},
    )
    return open_engine(small, threads=threads, name="onnxruntime")


def _row(path: str, rounds: Sequence[Figures], folder: Path) -> str:
    ours, truth = (
        np.load(folder / f"{_slug(path)}.npz"),
        np.load(folder / f"{_slug(_truth_of(path))}.npz"),
    )
    norms = np.linalg.norm(ours["passages"], axis=1) * np.linalg.norm(truth["passages"], axis=1)
    cosine = (ours["passages"] * truth["passages"]).sum(axis=1) / norms
    kept = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(_top(ours), _top(truth), strict=True)])
    return (
        f"| {path} | {max(one.passages_per_second for one in rounds):.1f}"
        f" | {max(one.passages_per_cpu_second for one in rounds):.1f}"
        f" | {min(one.query_ms for one in rounds):.1f} ms"
        f" | {min(one.load_seconds for one in rounds):.2f} s ({min(one.load_cpu_seconds for one in rounds):.2f})"
        f" | {min(one.peak_mb for one in rounds):.0f} MB"
        f" | {cosine.min():.5f} / {cosine.mean():.5f} | {kept:.3f} |"
    )


def _truth_of(path: str) -> str:
    """Return the path whose vectors are the truth; of both in one there is no other."""
    return BOTH if path == BOTH else PATHS[-3] if path.startswith("e5") else TRUTH


def _top(vectors: "np.lib.npyio.NpzFile") -> np.ndarray:
    return np.argsort(-vectors["questions"] @ vectors["passages"].T, axis=1)[:, :10]


def _peak_mb() -> float:
    # Not getrusage: a child's ru_maxrss starts at its parent's.
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def _slug(path: str) -> str:
    return "".join(character for character in path if character.isalnum())


def _machine() -> str:
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    load = f"load {os.getloadavg()[0]:.1f}"
    return f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}, {model or platform.processor()}, {os.cpu_count()} cores ({load})"


if __name__ == "__main__":
    main()
