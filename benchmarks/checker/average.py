"""Average the weights of two checkpoints of one run: what the second learned, without all that it forgot.

python -m benchmarks.checker.average --models first second --out mean
"""

import argparse
import json
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from benchmarks.checker.model import Checker


def average(folders: list[Path], out: Path) -> None:
    """Write the mean of the checkpoints' weights, and how long they took together."""
    states = [load_file(folder / "checker.safetensors") for folder in folders]
    facts: list[dict[str, Any]] = [
        json.loads((folder / "facts.json").read_text("utf-8")) for folder in folders
    ]
    model = Checker()
    model.load_state_dict({name: sum(state[name] for state in states) / len(states) for name in states[0]})
    model.save(out, {name: sum(each[name] for each in facts) for name in ("steps", "tokens", "seconds")})


def main() -> None:
    """Read the command line and average."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    average(arguments.models, arguments.out)


if __name__ == "__main__":
    main()
