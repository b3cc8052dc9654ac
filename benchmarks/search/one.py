"""One engine in one process: build its index, or open and search it. Started by `benchmarks.search`."""

import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.search.engine import Engine
from benchmarks.search.peers import ENGINES

NEAREST = 10
PER_DOCUMENT = 25
SHARES = 1_000
WANTED_RECALL = 0.98
FILTERS = {"1 %": 10, "0.1 %": 1}
TRIED = 100
"""Questions on which the thoroughness is chosen."""
_LEAST, _ENOUGH_S = 20, 60.0
"""Where a question takes seconds, fewer are asked: so many, and more while a minute has not passed."""


def main(name: str, phase: str, folder: Path) -> None:
    truth = np.load(folder / "truth.npz")
    count = len(np.load(folder / "vectors.npy", mmap_mode="r")) - 1_000
    engine = _open(name, folder / name)
    result: dict[str, Any] = {"engine": name, "name": engine.name, "chunks": count}
    if phase == "build":
        shutil.rmtree(folder / name, ignore_errors=True)
        (folder / name).mkdir()
        result |= _build(engine, folder, count)
    else:
        result |= json.loads((folder / f"{name}.build.json").read_text())
        result |= _search(engine, folder, truth)
        result |= _change(engine, folder, count)
    engine.close()
    (folder / f"{name}.{phase}.json").write_text(json.dumps(result, indent=1))


def _open(name: str, folder: Path) -> Engine:
    if name == "footnote":
        from benchmarks.search.footnote import Footnote

        return Footnote(folder, 384)
    return ENGINES[name](folder, 384)


def _rows(folder: Path, first: int, last: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str]]:
    ids = np.arange(first, last)
    vectors = np.load(folder / "vectors.npy", mmap_mode="r")[first:last]
    texts = json.loads((folder / "texts.json").read_text())[first:last]
    return ids, np.ascontiguousarray(vectors), ids // PER_DOCUMENT % SHARES, texts


def _build(engine: Engine, folder: Path, count: int) -> dict[str, Any]:
    rows = _rows(folder, 0, count)
    took = _clock(engine)
    engine.build(*rows)
    built = took("build")
    engine.close()
    sizes = [path.stat().st_size for path in engine.folder.rglob("*") if path.is_file()]
    engine.close = lambda: None  # type: ignore[method-assign]  # once is enough
    return built | {"disk_mb": round(sum(sizes) / 1e6)}


def _search(engine: Engine, folder: Path, truth: Any) -> dict[str, Any]:
    questions = np.load(folder / "questions.npy")
    before = _memory(engine)
    took = _clock(engine)
    engine.open()
    engine.search(questions[0], NEAREST)
    result: dict[str, Any] = took("open")
    for knob in engine.knobs:
        engine.set(knob)
        found = [engine.search(question, NEAREST) for question in questions[:TRIED]]
        result["knob"] = knob
        if _recall(found, truth["all"]) >= WANTED_RECALL:
            break
    result |= _timed(engine, lambda n: engine.search(questions[n], NEAREST), len(questions), truth["all"])
    for label, below in FILTERS.items() if engine.filters else ():
        timed = _timed(
            engine,
            lambda n, below=below: engine.search(questions[n], NEAREST, below=below),
            50,
            truth[str(below)],
        )
        result |= {f"{label} {key}": value for key, value in timed.items()}
    more: Callable[[Path], dict[str, Any]] | None = getattr(engine, "more", None)
    if more is not None:
        result |= more(folder)
    result["memory_mb"] = round(_memory(engine) - before)
    return result


def _change(engine: Engine, folder: Path, count: int) -> dict[str, Any]:
    ids, vectors, shares, texts = _rows(folder, count, count + 1_000)
    result: dict[str, Any] = {}
    try:
        took = _clock(engine)
        engine.add(ids, vectors, shares, texts)
        result |= took("add")
        assert engine.search(vectors[7], 1) == [int(ids[7])], "what was added is not found"
        result |= took("add_found")
        took = _clock(engine)
        engine.remove(ids)
        result |= took("remove")
        assert engine.search(vectors[7], 1) != [int(ids[7])], "what was removed is found"
    except NotImplementedError as error:
        result["remove_why"] = str(error)
    return result


def _clock(engine: Engine) -> Callable[[str], dict[str, float]]:
    """Return what tells the seconds since now, by the clock and of processor time."""
    started, worked = time.perf_counter(), _worked(engine)

    def took(what: str) -> dict[str, float]:
        wall, cpu = time.perf_counter() - started, _worked(engine) - worked
        return {f"{what}_s": round(wall, 2), f"{what}_cpu_s": round(cpu, 2)}

    return took


def _timed(engine: Engine, ask: Callable[[int], list[int]], count: int, truth: np.ndarray) -> dict[str, Any]:
    for number in range(5):
        ask(number)
    found, times = [], []
    worked, begun = _worked(engine), time.perf_counter()
    for number in range(count):
        started = time.perf_counter()
        if number >= _LEAST and started - begun > _ENOUGH_S:
            break
        found.append(ask(number))
        times.append(time.perf_counter() - started)
    times.sort()
    return {
        "cpu_ms": round((_worked(engine) - worked) / len(times) * 1e3, 2),
        "p50_ms": round(times[len(times) // 2] * 1e3, 3),
        "p99_ms": round(times[min(len(times) - 1, int(len(times) * 0.99))] * 1e3, 3),
        "recall": round(_recall(found, truth), 4),
    }


def _recall(found: list[list[int]], truth: np.ndarray) -> float:
    return float(np.mean([np.isin(true, near).mean() for near, true in zip(found, truth, strict=False)]))


def _memory(engine: Engine) -> float:
    """Megabytes of memory that belong to no file, of this process and the engine's others."""
    total = 0
    for process in ("self", *_others(engine)):
        lines = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii").splitlines()
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Anonymous:"))
    return total / 1e3


def _worked(engine: Engine) -> float:
    """Seconds of processor time, of all threads and of the engine's other processes."""
    ticks = 0
    for process in _others(engine):
        fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


def _others(engine: Engine) -> list[str]:
    return [str(process) for process in engine.processes()] if hasattr(engine, "connection") else []


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
