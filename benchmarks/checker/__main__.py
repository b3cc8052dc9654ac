"""Train the support checker from start to file, in one go: under an hour on two quiet cores.

    python -m benchmarks.checker --out FOLDER                 # pairs → train → tune on edits → mean of both → measure → checker.onnx
    python -m benchmarks.checker --out FOLDER --device cuda --seed 2

Each step leaves its files in the folder and is skipped where they are there already.
"""

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

THREADS = "2"


def main() -> None:
    """Run the steps that are not done yet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--threads", default=THREADS)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    pairs, edits = out / "pairs.jsonl", out / "edits.jsonl"
    run = ["--seed", arguments.seed, "--threads", arguments.threads, "--device", arguments.device]
    epochs = ["--epochs", str(arguments.epochs)]
    steps: list[tuple[Path, list[str]]] = [
        (pairs, ["pairs", "--out", f"{pairs}.part", "--count", str(arguments.count)]),
        (edits, ["edits", "--out", f"{edits}.part"]),
        (
            out / "first/facts.json",
            ["train", "--pairs", str(pairs), "--out", str(out / "first"), "--tasks", "support", *epochs, *run],
        ),
        (
            out / "second/facts.json",
            ["train", "--pairs", str(edits), "--replay", str(pairs), "--start", str(out / "first"), "--rate", "6e-5",
             "--out", str(out / "second"), "--tasks", "support", *epochs, *run],
        ),
        (
            out / "mean/facts.json",
            ["average", "--models", str(out / "first"), str(out / "second"), "--out", str(out / "mean")],
        ),
        (out / "measured.txt", ["measure", "--model", str(out / "mean"), "--cache", str(out / "lexical")]),
    ]  # fmt: skip
    for made, command in steps:
        if not _finished(made):
            _run(command, out / "measured.txt" if command[0] == "measure" else None)
            if (part := out / f"{made.name}.part").is_file():
                part.rename(made)
    mix = _mix((out / "measured.txt").read_text(encoding="utf-8"))
    _run(["export", "--model", str(out / "mean"), "--out", str(out / "checker.onnx"), "--mix", *mix], None)


def _finished(made: Path) -> bool:
    """Say whether a step is done; a run that was cut off has left a checkpoint without its duration."""
    return made.is_file() and (made.name != "facts.json" or "seconds" in made.read_text(encoding="utf-8"))


def _run(command: list[str], said: Path | None) -> None:
    whole = [sys.executable, "-m", f"benchmarks.checker.{command[0]}", *command[1:]]
    done = subprocess.run(whole, check=True, text=True, stdout=subprocess.PIPE if said else None)
    if said:
        print(done.stdout)
        said.write_text(done.stdout, encoding="utf-8")


def _mix(measured: str) -> list[str]:
    """Return what model, lexical ruler and 1 count for, as measured."""
    found = re.search(r"\{\"mix of the shipped ruler and the model\": (\[.*?\])\}", measured)
    if found is None:
        raise SystemExit("The measurement does not say how both are mixed.")
    lexical, model, bias = json.loads(found[1])
    return [str(model), str(lexical), str(bias)]


if __name__ == "__main__":
    main()
