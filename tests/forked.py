"""Processes forked from one in which Footnote and its embedder are loaded: to load them takes longer than most commands.

They have their own folder, environment, streams, signals and exit code, as any process has. What is about the loading
itself, or about a process's first second, starts a new one.
"""

import atexit
import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from subprocess import CompletedProcess, TimeoutExpired
from typing import IO

ROOT = Path(__file__).parents[1]
SHARED = ("FOOTNOTE_CACHE_DIR", "FOOTNOTE_EMBEDDER", "FOOTNOTE_INGEST_JOBS")
"""Settings of the test run, which the processes that tests start get too."""
_FORKS = multiprocessing.get_context("forkserver")


class Process:
    """`footnote` with some arguments, as `subprocess.Popen` would start it, with a pipe where no file is given."""

    def __init__(
        self,
        folder: Path,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        *,
        output: IO[str] | None = None,
        errors: IO[str] | None = None,
    ) -> None:
        said, saying = os.pipe()
        told, telling = os.pipe()
        self.stdout = os.fdopen(said, encoding="utf-8")
        self.stderr = os.fdopen(told, encoding="utf-8")
        for file, pipe in ((output, saying), (errors, telling)):
            if file is not None:
                os.dup2(file.fileno(), pipe)
        nothing = os.open(os.devnull, os.O_RDONLY)
        self._process = _started(folder, arguments, environment, [nothing, saying, telling])
        assert self._process.pid is not None
        self.pid = self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        if self._process.exitcode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if (code := self._process.exitcode) is None:
            raise TimeoutExpired("footnote", timeout or 0)
        return code

    def close(self) -> None:
        """Kill it if it still runs."""
        self._process.kill()
        self._process.join()
        self._process.close()
        self.stdout.close()
        self.stderr.close()


def run(
    folder: Path,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    *,
    stdin: str | None = None,
    timeout: float = 120,
) -> "CompletedProcess[str]":
    """Run `footnote` with the arguments to its end, as `subprocess.run` would."""
    with (
        tempfile.TemporaryFile() as given,
        tempfile.TemporaryFile() as said,
        tempfile.TemporaryFile() as told,
    ):
        given.write((stdin or "").encode())
        given.seek(0)
        process = _started(
            folder, arguments, environment, [os.dup(each.fileno()) for each in (given, said, told)]
        )
        process.join(timeout)
        if (code := process.exitcode) is None:
            process.kill()
            process.join()
            raise TimeoutExpired(list(arguments), timeout)
        process.close()
        said.seek(0)
        told.seek(0)
        return CompletedProcess(list(arguments), code, said.read().decode(), told.read().decode())


def _started(
    folder: Path, arguments: Sequence[str], environment: Mapping[str, str], streams: Sequence[int]
) -> ForkServerProcess:
    """Start a process that takes the three streams over."""
    handed = [Connection(each) for each in streams]
    target = str(folder), list(arguments), dict(environment), handed
    process = _FORKS.Process(target=_footnote, args=target, daemon=True)
    _ensure_loaded()
    process.start()
    for each in handed:
        each.close()
    return process


def _ensure_loaded() -> None:
    """Have the process run that the others are forked from; it finds the tests wherever this one stands now."""
    with_root = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = with_root
    try:
        _FORKS.set_forkserver_preload(["tests.loaded"])
        forkserver.ensure_running()
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


def _footnote(
    folder: str, arguments: list[str], environment: dict[str, str], streams: list[Connection]
) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for number, stream in enumerate(streams):
        os.dup2(stream.fileno(), number)
        stream.close()
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False, buffering=1)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = ["footnote", *arguments]
    # As the interpreter does with the variable when it starts.
    sys.path[:0] = [each for each in environment.get("PYTHONPATH", "").split(os.pathsep) if each]
    from app.cli import main

    try:
        main()
    finally:
        atexit._run_exitfuncs()
