"""D6: a disk that is really full, a small file system of its own: the last generation serves, and nothing is lost."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.vectorstore import writer
from tests.vectorstore.sample import SPACE, find, put, sample
from vectorstore.errors import Unavailable
from vectorstore.index.upkeep import IndexUpkeep
from vectorstore.open import open_store
from vectorstore.settings import StoreSettings

ROOT = Path(__file__).parents[2]


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Path]:
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no file system may be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill_up(disk: Path, prefix: str) -> None:
    """Commit until the disk is full; the process that serves goes on, and room makes writing work again."""
    folder = disk / "data"
    serving = open_store(StoreSettings(data_dir=folder), SPACE)
    with serving.draft() as draft:
        put(draft, sample("before.md", "This was here before."))
    with serving.snapshot() as snapshot:
        assert find(snapshot, "this was here before")
    command = [sys.executable, "-m", "tests.vectorstore.writer", str(folder), prefix, "400"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    acknowledged = len(done.stdout.split()) - 1
    assert (done.returncode, "disk" in done.stderr) == (1, True), done.stderr
    with serving.snapshot() as snapshot:
        there = {uri for uri in snapshot.digests(tenant="default") if uri.startswith(prefix)}
        # What one of its drafts could not project is served once it can be; nothing half done ever is.
        assert any(there == writer.expected(prefix, commits) for commits in range(acknowledged + 1))
        assert "before." in find(snapshot, "this was here before")[0].chunk.text
    # SQLite needs a little room for a process that opens the index anew; without it, it is told so.
    with suppress(Unavailable):
        open_store(StoreSettings(data_dir=folder), SPACE).close()
    (disk / "ballast").unlink()
    with serving.draft() as draft:
        put(draft, sample("next.md", "The next commit works."))
    with serving.snapshot() as snapshot:
        there = {uri for uri in snapshot.digests(tenant="default") if uri.startswith(prefix)}
        assert there == writer.expected(prefix, max(acknowledged, 0))
        assert find(snapshot, "the next commit works")[0].document.uri == "next.md"
    assert IndexUpkeep(serving).verify().sound
    serving.close()


def full_disks(tmp_path: Path, sizes: list[int]) -> None:
    for number, size in enumerate(sizes):
        ballast = 8 << 20
        with small_disk(tmp_path / f"disk-{number}", ballast + size) as disk:
            (disk / "ballast").write_bytes(bytes(ballast))
            fill_up(disk, f"d{number}x")


def test_disk_that_fills_up_loses_nothing(tmp_path: Path) -> None:
    full_disks(tmp_path, [500_000, 700_000, 1_000_000])


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_fifty_disks_that_fill_up(tmp_path: Path) -> None:
    full_disks(tmp_path, [400_000 + 4096 * 11 * step for step in range(50)])
