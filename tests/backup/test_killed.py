"""A backup or a restore that is killed at any moment leaves the old state or the new one, and never half of one."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.postgresql import Server, needs_postgresql

ROOT = Path(__file__).parents[2]


def kills(what: str, folder: Path, count: int, url: str = "") -> Counter[str]:
    # One thread only: a process that forks must not have others.
    alone = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.backup.killed",
            what,
            str(folder),
            str(count),
            "7",
            *([url] if url else []),
        ],
        cwd=ROOT,
        env=os.environ | alone,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = Counter(done.stdout.split())
    assert found.total() == count
    sys.stdout.write(f"{what}: {dict(found)}\n")
    return found


@pytest.mark.parametrize("what", ["backup", "restore"])
def test_a_few_kills(what: str, tmp_path: Path) -> None:
    kills(what, tmp_path, 2)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("what", ["backup", "restore"])
def test_a_hundred_kills(what: str, tmp_path: Path) -> None:
    assert set(kills(what, tmp_path, 100)) == {"old", "new"}


@pytest.mark.slow
@pytest.mark.timeout(3600)
@needs_postgresql
@pytest.mark.parametrize("what", ["backup", "restore"])
def test_a_hundred_kills_with_a_database(what: str, tmp_path: Path, postgresql_server: Server) -> None:
    url = postgresql_server.database() + "?schema=index{}"
    assert set(kills(what, tmp_path, 100, url.format("") if what == "backup" else url)) == {"old", "new"}
