"""The two walks in docs/architecture.md name what a question and a document really pass, in order."""

import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

PAGE = (Path(__file__).parents[1] / "docs" / "architecture.md").read_text(encoding="utf-8")
STEP = re.compile(r"^\d+\. `([\w.]+)`", re.MULTILINE)


def walk(heading: str) -> list[str]:
    """Return the functions that the page names under a heading, each as module.qualified_name."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return STEP.findall(section)


@contextmanager
def traced() -> Iterator[list[str]]:
    """Note every function of the product in the order of its first call, in all threads that begin meanwhile."""
    seen: dict[str, None] = {}

    def note(frame: FrameType, event: str, _: object) -> None:
        module = frame.f_globals.get("__name__", "")
        if event == "call" and module.partition(".")[0] in {"app", "ingest", "vectorstore"}:
            seen.setdefault(f"{module}.{frame.f_code.co_qualname}")

    called: list[str] = []
    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield called
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
        called += seen
