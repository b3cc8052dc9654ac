"""The units, as systemd itself reads them."""

import configparser
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from app.settings import ServeSettings
from ingest.jobs.settings import QueueSettings

FOLDER: Final = Path(__file__).parents[2] / "deploy" / "systemd"
SERVICES: Final = sorted(path.name for path in FOLDER.glob("*.service"))
EXPOSED: Final = 2.0
"""Of 10, by systemd's own account. What is left is mostly the network, which all of them need."""


def unit(name: str) -> dict[str, dict[str, list[str]]]:
    """Return a unit's sections; a key may stand several times."""
    parser = configparser.RawConfigParser(strict=False, interpolation=None, comment_prefixes=("#",))
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(FOLDER / name)
    text = (FOLDER / name).read_text()
    return {
        section: {key: re.findall(rf"^{re.escape(key)}=(.*)$", text, re.MULTILINE) for key in parser[section]}
        for section in parser.sections()
    }


@pytest.fixture(scope="module")
def systemd() -> str:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("needs systemd-analyze")
    return analyze


def test_systemd_understands_every_line(systemd: str, tmp_path: Path) -> None:
    for path in FOLDER.iterdir():
        # It asks whether the program is there.
        (tmp_path / path.name).write_text(path.read_text().replace("/opt/footnote/bin/footnote", "/bin/true"))
    units = [str(path) for path in tmp_path.iterdir() if path.suffix in {".service", ".timer"}]
    done = subprocess.run(
        [systemd, "verify", "--man=no", "--recursive-errors=no", *units],
        capture_output=True,
        text=True,
        check=False,
    )
    named = [line for line in done.stderr.splitlines() if "footnote" in line]
    assert (done.returncode, named) == (0, []), done.stderr


def test_little_is_exposed(systemd: str) -> None:
    units = [str(FOLDER / name) for name in SERVICES]
    done = subprocess.run(
        [systemd, "security", "--offline=true", f"--threshold={EXPOSED * 10:.0f}", "--no-pager", *units],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    figures = [float(each) for each in re.findall(r"exposure level for [\w.-]+: ([\d.]+)", done.stdout)]
    assert len(figures) == len(SERVICES), done.stdout + done.stderr
    assert max(figures) <= EXPOSED


@pytest.mark.parametrize("name", SERVICES)
def test_each_has_its_user_and_folders_and_nothing_else(name: str) -> None:
    service = unit(name)["Service"]
    assert service["User"] == ["footnote"]
    assert service["ProtectSystem"] == ["strict"]
    assert service["NoNewPrivileges"] == ["yes"]
    assert service["CapabilityBoundingSet"] == [""]
    assert service["StateDirectory"] == ["footnote"]
    # The reader of documents shuts itself off by these, and could not if they were forbidden.
    assert service["RestrictNamespaces"] == ["user net"]
    assert "landlock_restrict_self" in service["SystemCallFilter"][0]


def test_what_was_begun_is_ended_before_it_is_killed() -> None:
    stop = float(unit("footnote.service")["Service"]["TimeoutStopSec"][0])
    assert stop >= ServeSettings.model_fields["drain_seconds"].default + 10
    stop = float(unit("footnote-worker.service")["Service"]["TimeoutStopSec"][0])
    assert stop >= QueueSettings.model_fields["queue_drain_seconds"].default + 10


def test_a_timer_has_a_service_and_each_of_them_ends() -> None:
    timers = [path.stem for path in FOLDER.glob("*.timer")]
    assert sorted(timers) == ["footnote-backup", "footnote-ingest", "footnote-monitor"]
    for name in timers:
        assert unit(f"{name}.service")["Service"]["Type"] == ["oneshot"]
        assert "Install" not in unit(f"{name}.service")
