"""The service as a process of its own, over documents with readers, with whatever identity settings."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests import forked
from tests.test_command_line import environment_of, footnote, wait_until_ready

PAGES = {
    "all/leave.md": "# Leave\n\nStaff get 25 days of annual leave.\n",
    "hr/pay.md": "# Pay\n\nThe director earns 91,000 euros a year.\n",
    "ann/review.md": "# Review\n\nThe review of spring praised the falconry.\n",
}
RULES = """
[[rules]]
path = "hr/**"
readers = ["hr"]
[[rules]]
path = "ann/**"
readers = ["user:ann"]
"""


def documents(folder: Path) -> None:
    """Write PAGES into the index of the folder, those of hr and of Ann with their readers."""
    (folder / "footnote.toml").write_text(RULES)
    for name, text in PAGES.items():
        path = folder / "pages" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    done = footnote(folder, "ingest", "pages")
    assert done.returncode == 0, done.stderr


@contextmanager
def running(folder: Path, *, log: Path | None = None, **settings: str) -> Iterator[httpx.Client]:
    """Run `footnote serve` in the folder until the block ends; give a client of it. What it says goes to `log`."""
    said = log or folder / "log"
    with said.open("w") as output:
        process = forked.start(folder, ["serve"], environment_of(PORT="0", **settings), errors=output)
    try:
        with httpx.Client(base_url=_address(process, said), timeout=30) as client:
            wait_until_ready(str(client.base_url).rstrip("/"))
            yield client
    finally:
        process.terminate()
        process.wait(30)
        process.close()


def _address(process: forked.Process, said: Path) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        found = re.search(r"http://\S+", said.read_text())
        if found:
            return found[0]
        time.sleep(0.05)
    raise AssertionError(f"the service did not start: {said.read_text()}")
