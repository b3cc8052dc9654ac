"""What a worker process gives up before it sees a file: privileges, network, files, memory, time."""

import ctypes
import json
import mimetypes
import os
import resource
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

_CREATE_RULESET: Final = 444
_ADD_RULE: Final = 445
_RESTRICT_SELF: Final = 446
_VERSION: Final = 1
_PATH_BENEATH: Final = 1
_EXECUTE: Final = 1 << 0
_READ_FILE: Final = 1 << 2
_READ_DIR: Final = 1 << 3
_MAKE_SOCKET: Final = 1 << 9
_FIRST_VERSION_RIGHTS: Final = (1 << 13) - 1
_LATER_RIGHTS: Final = {2: 1 << 13, 3: 1 << 14, 5: 1 << 15}  # refer, truncate, device ioctl
SOCKETS: Final = "/tmp"  # noqa: S108 - LibreOffice has its name here and nowhere else
_TCP: Final = 3  # bind and connect, since version 4
_SCOPES: Final = 3  # abstract sockets and signals to others, since version 6


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


def allow_reading_only(paths: Iterable[Path], *, writing: Path | None = None) -> bool:
    """Take every right on files and TCP from this process for good, except to read below `paths` and all below `writing`.

    Returns whether the system does so; the caller has set no_new_privs before.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION)
    if version < 1:
        return False
    ruleset = _new_ruleset(libc, version)
    if ruleset < 0:
        return False
    try:
        for path in paths:
            _allow(libc, ruleset, path)
        if writing is not None:
            _allow(libc, ruleset, writing, _handled(version))
            _allow(libc, ruleset, Path(SOCKETS), _MAKE_SOCKET)
        return bool(libc.syscall(_RESTRICT_SELF, ruleset, 0) == 0)
    finally:
        os.close(ruleset)


def _handled(version: int) -> int:
    rights = _FIRST_VERSION_RIGHTS
    for since, right in _LATER_RIGHTS.items():
        rights |= right if version >= since else 0
    return rights


def _new_ruleset(libc: ctypes.CDLL, version: int) -> int:
    rules = _Ruleset(_handled(version), _TCP if version >= 4 else 0, _SCOPES if version >= 6 else 0)
    # an old kernel refuses the fields that it does not know
    known = 24 if version >= 6 else 16 if version >= 4 else 8
    return int(libc.syscall(_CREATE_RULESET, ctypes.byref(rules), ctypes.c_size_t(known), 0))


def _allow(libc: ctypes.CDLL, ruleset: int, path: Path, rights: int = 0) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    rights = rights or _READ_FILE | _EXECUTE | (_READ_DIR if path.is_dir() else 0)
    try:
        rule = _PathBeneath(rights, descriptor)
        libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(descriptor)


_PR_SET_NO_NEW_PRIVS: Final = 38
_CLONE_NEWUSER: Final = 0x10000000
_CLONE_NEWNET: Final = 0x40000000
_MAX_OPEN_FILES: Final = 64
_MAX_WRITTEN: Final = 200 << 20
_SYSTEM_LIBRARIES: Final = (
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/share/zoneinfo",
    "/etc/ld.so.cache",
)
_CODE_ROOT: Final = str(Path(__file__).resolve().parents[2])
_START: Final = (
    "import sys, json; sys.path[:] = [*sys.path, *json.loads(sys.argv.pop(1))]; "
    "from ingest.confined.confine import become_command; become_command()"
)
_OWN_PACKAGES: Final = ("ingest", "vectorstore")


def confine(memory_bytes: int, *, also: Iterable[Path] = (), writing: Path | None = None) -> None:
    """Give up all that parsing does not need, except to read `also`. What the system does not permit is passed over.

    With `writing`, a folder of its own, the process may write there, start threads and open more files.
    """
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        if libc.unshare(_CLONE_NEWNET) != 0:
            libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)
        allow_reading_only([*_readable(), *also], writing=writing)
    _set(resource.RLIMIT_CORE, 0)
    _set(resource.RLIMIT_FSIZE, _MAX_WRITTEN if writing else 0)
    _set(resource.RLIMIT_NOFILE, _MAX_OPEN_FILES * (16 if writing else 1))
    if writing is None:
        _set(resource.RLIMIT_NPROC, 0)
    _set(resource.RLIMIT_AS, memory_bytes)


def cpu_allowance(seconds: int) -> None:
    """Allow this much processor time from now on; beyond it the kernel ends the process (SIGXCPU)."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + seconds + 1, hard))


def become_command() -> None:
    """Confine this process, and have it become a command.

    Arguments as JSON: bytes of memory and seconds, files it may read, where it may write or null, the command.
    """
    (memory_bytes, seconds), readable, writing, command = (json.loads(argument) for argument in sys.argv[1:])
    confine(memory_bytes, also=map(Path, readable), writing=Path(writing) if writing else None)
    cpu_allowance(seconds)
    os.execv(command[0], command)  # noqa: S606 - no shell, and the program's path is ours


def confined(
    command: list[str], limits: tuple[int, int], *, readable: Iterable[str], writing: str | None = None
) -> list[str]:
    """Return the command that confines itself to these bytes of memory and seconds, and becomes `command`."""
    arguments = [[_CODE_ROOT, *filter(None, sys.path)], limits, list(readable), writing, command]
    return [sys.executable, "-I", "-B", "-X", "utf8", "-c", _START, *map(json.dumps, arguments)]


def worker_environment() -> dict[str, str]:
    """Return the environment of a worker: nothing of the parent's but where its libraries lie."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH") if name in os.environ}
    # numpy's threads each reserve memory that counts against the limit, and none is needed
    return {"LC_ALL": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", **kept}


def _readable() -> Iterator[Path]:
    """Return where code lies: Python, its packages, system libraries, and our own two packages.

    Not every folder that code is imported from: with an editable install that is the repository, with its
    settings and data.
    """
    own = Path(__file__).resolve().parents[2]
    yield from (own / name for name in _OWN_PACKAGES)
    yield from map(Path, (*_SYSTEM_LIBRARIES, *mimetypes.knownfiles))  # openpyxl reads the known types
    yield from (Path(entry) for entry in os.environ.get("LD_LIBRARY_PATH", "").split(":") if entry)
    yield from (Path(sys.base_prefix) / "lib", Path(sys.prefix) / "lib")
    for entry in map(Path, sys.path):
        if entry.name in ("site-packages", "dist-packages") or entry.suffix == ".zip":
            yield entry


def _set(which: int, value: int) -> None:
    _, hard = resource.getrlimit(which)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    try:
        resource.setrlimit(which, (value, value))
    except (ValueError, OSError):  # macOS does not let RLIMIT_AS be lowered
        return
