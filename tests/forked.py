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
from collections.abc import Callable, Mapping, Sequence
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
    """One of them that goes on, with what of `subprocess.Popen` the tests use."""

    def __init__(self, running: ForkServerProcess, stdout: IO[str] | None, stderr: IO[str] | None) -> None:
        self._running = running
        self.pid = running.pid or 0
        self.stdout, self.stderr = stdout, stderr

    @property
    def returncode(self) -> int | None:
        return self._running.exitcode

    def poll(self) -> int | None:
        return self._running.exitcode

    def send_signal(self, number: int) -> None:
        if self._running.exitcode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        self._running.join(timeout)
        if (code := self._running.exitcode) is None:
            raise TimeoutExpired("footnote", timeout or 0)
        return code

    def close(self) -> None:
        """Kill it if it still runs."""
        self._running.kill()
        self._running.join()
        for each in (self.stdout, self.stderr):
            if each is not None:
                each.close()


def start(
    folder: Path,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    *,
    output: IO[str] | None = None,
    errors: IO[str] | None = None,
) -> Process:
    """Start `footnote` with the arguments; what it says goes to the files, or to pipes where none is given."""
    ours: list[IO[str] | None] = []
    streams = [os.open(os.devnull, os.O_RDONLY)]
    for file in (output, errors):
        if file is not None:
            ours.append(None)
            streams.append(os.dup(file.fileno()))
        else:
            here, there = os.pipe()
            ours.append(os.fdopen(here, encoding="utf-8"))
            streams.append(there)
    return Process(_started(_footnote, arguments, streams, folder, environment), *ours)


def script(
    code: str, *arguments: str, environment: Mapping[str, str] = os.environ, errors: IO[bytes] | None = None
) -> Process:
    """Run Python code in the checkout, as `python -c` would; it may start no process by `multiprocessing`."""
    streams = [os.open(os.devnull, os.O_RDONLY), os.dup(1), os.dup(errors.fileno() if errors else 2)]
    return Process(_started(_python, [code, *arguments], streams, ROOT, environment), None, None)


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
        streams = [os.dup(each.fileno()) for each in (given, said, told)]
        process = _started(_footnote, arguments, streams, folder, environment)
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
    main: Callable[[], None],
    arguments: Sequence[str],
    streams: Sequence[int],
    folder: Path,
    environment: Mapping[str, str],
) -> ForkServerProcess:
    """Start a process that takes the three streams over."""
    handed = [Connection(each) for each in streams]
    told = main, list(arguments), handed, str(folder), dict(environment)
    process = _FORKS.Process(target=_become, args=told, daemon=True)
    ensure_loaded()
    process.start()
    for each in handed:
        each.close()
    return process


def ensure_loaded() -> None:
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


def _become(
    main: Callable[[], None],
    arguments: list[str],
    streams: list[Connection],
    folder: str,
    environment: dict[str, str],
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
    try:
        main()
    finally:
        atexit._run_exitfuncs()


def _footnote() -> None:
    from app.cli import main

    main()


def _python() -> None:
    code = sys.argv.pop(1)
    exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})
