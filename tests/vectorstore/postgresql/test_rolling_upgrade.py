"""Two versions on one database: the older goes on while the newer expands it, and is told when it may no longer."""

import json
import os
import re
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.postgresql import needs_postgresql
from tests.test_distribution import ROOT, build
from tests.vectorstore.postgresql.conftest import Replica
from tests.vectorstore.postgresql.test_kill import Load
from tests.vectorstore.postgresql.test_replicas import commit, plain
from tests.vectorstore.sample import find
from vectorstore.errors import BadInput, StoreDamaged
from vectorstore.index import create

pytestmark = needs_postgresql


def version(folder: Path, *, number: int, serves: int, statements: list[str]) -> Path:
    """Make a later version: what this one's wheel installs, with further revisions and other numbers."""
    with zipfile.ZipFile(build(ROOT, folder.with_name("wheel"))) as wheel:
        wheel.extractall(folder)
    path = folder / "vectorstore/index/create.py"
    text = re.sub(r"^VERSION = \d+", f"VERSION = {number}", path.read_text(), flags=re.M)
    path.write_text(re.sub(r"^SERVES = \d+", f"SERVES = {serves}", text, flags=re.M))
    versions = folder / "vectorstore/index/postgresql/migrations/versions"
    newest = max(int(each.name[:4]) for each in versions.glob("0*.py"))
    for place, statement in enumerate(statements, start=newest + 1):
        (versions / f"{place:04}_later.py").write_text(
            f'from alembic import op\n\nrevision = "{place:04}"\ndown_revision = "{place - 1:04}"\n\n\n'
            f"def upgrade():\n    op.get_bind().exec_driver_sql({statement!r})\n"
        )
    return folder


def start(at: Path, address: str, folder: Path, seconds: float) -> "subprocess.Popen[str]":
    script = str(Path(__file__).with_name("other_version.py"))
    return subprocess.Popen(
        [sys.executable, script, address, str(folder), str(seconds)],
        env={**os.environ, "PYTHONPATH": f"{at}{os.pathsep}{ROOT}"},
        stdout=subprocess.PIPE,
        text=True,
    )


def ended(process: "subprocess.Popen[str]") -> dict[str, Any]:
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return dict(json.loads(out))


EXPANDING = [
    "ALTER TABLE documents ADD COLUMN summary text",
    "CREATE TABLE summaries (document bigint PRIMARY KEY REFERENCES documents (row), text text NOT NULL)",
]


def test_no_answer_fails_while_a_newer_version_expands_the_tables_under_load(
    replica: Replica, postgresql_url: str, tmp_path: Path
) -> None:
    newer = version(tmp_path / "newer", number=2, serves=1, statements=EXPANDING)
    store, reader = replica("old", postgresql_url), replica("reader", postgresql_url)
    load = Load(store, "old")
    answered, failures, stop = [0], [], threading.Event()

    def ask() -> None:
        while not stop.is_set():
            try:
                with reader.snapshot() as snapshot:
                    find(snapshot, "fox old version")
                answered[0] += 1
            except Exception as error:  # noqa: BLE001 - told by the test
                failures.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    time.sleep(0.5)
    other = ended(start(newer, postgresql_url, tmp_path / "new", 2.0))
    before = len(load.acknowledged), answered[0]
    time.sleep(0.7)
    stop.set()
    asking.join()
    load.stop()
    assert (other["from"], other["layout"]) == (str(newer), 2)
    assert load.failures == failures == other["failures"] == []
    assert len(load.acknowledged) > before[0]
    assert answered[0] > before[1]
    with reader.snapshot() as snapshot:
        there = set(snapshot.digests(tenant="default"))
    assert there == {uri for _, uri in load.acknowledged} | set(other["written"])
    with plain(postgresql_url) as database:
        facts = dict(database.execute("SELECT key, value FROM meta").fetchall())  # type: ignore[arg-type]
        assert database.execute("SELECT count(*) FROM summaries").fetchall() == [(0,)]
    assert (facts["schema"], facts["serves"]) == ("2", "1")
    # Whoever goes back to the older version has a job that upgrades, too.
    store.database.upgrade()
    assert commit(store, "after.md", "The fox after.")


def test_a_version_that_may_no_longer_is_told_so_in_one_sentence(
    replica: Replica, postgresql_url: str, tmp_path: Path
) -> None:
    store = replica("old", postgresql_url)
    load = Load(store, "old")
    time.sleep(0.3)
    load.stop()
    contracting = version(tmp_path / "newer", number=3, serves=3, statements=["SELECT 1"])
    assert ended(start(contracting, postgresql_url, tmp_path / "new", 0.0))["failures"] == []
    for use in (store.snapshot, store.draft):
        with (
            pytest.raises(StoreDamaged, match=r"format 3, which versions that read only 1 may not use"),
            use(),
        ):
            pass


def test_an_older_version_leaves_the_tables_of_a_newer_one(replica: Replica, postgresql_url: str) -> None:
    store = replica("one", postgresql_url)
    with store.draft():
        pass
    with plain(postgresql_url) as database:
        database.execute("UPDATE migrations SET version_num = '9999'")
    with pytest.raises(BadInput, match="made by a newer version of Footnote"):
        store.database.upgrade()
    with store.snapshot() as snapshot:
        assert snapshot.info().number == 0


def test_what_an_upgrade_cannot_finish_it_leaves_undone(
    replica: Replica, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    store = replica("one", postgresql_url)
    monkeypatch.setattr(create, "fill", fail)
    with pytest.raises(KeyboardInterrupt), store.draft():
        pass
    schema = postgresql_url.rpartition("=")[2]
    with plain(postgresql_url) as database:
        made = database.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (schema,)).fetchall()
    assert made == []
    assert store.generations() == []
