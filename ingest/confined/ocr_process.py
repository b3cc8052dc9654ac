"""The process that becomes Tesseract: it gives up what reading a picture does not need, and then starts it."""

import json
import os
import sys
from pathlib import Path

from ingest.confined.confine import confine, cpu_allowance


def main() -> None:
    """Confine this process and run the command. Arguments as JSON: bytes of memory and seconds, files it may read, the command."""
    (memory_bytes, seconds), readable, command = (json.loads(argument) for argument in sys.argv[1:])
    confine(memory_bytes, also=map(Path, readable))
    cpu_allowance(seconds)
    os.execv(command[0], command)  # noqa: S606 - no shell, and the program's path is ours
