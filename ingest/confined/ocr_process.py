"""The process that becomes Tesseract: it gives up what reading a picture does not need, and then starts it."""

import json
import os
import sys
from pathlib import Path

from ingest.confined.confine import confine, cpu_allowance
from ingest.extract import Limits


def main() -> None:
    """Confine this process and run the command. Arguments as JSON: limits, files it may read, the command."""
    limits, readable, command = (json.loads(argument) for argument in sys.argv[1:])
    given = Limits(**limits)
    confine(given, also=map(Path, readable))
    cpu_allowance(given.cpu_seconds)
    os.execv(command[0], command)  # noqa: S606 - no shell, and the program's path is ours
