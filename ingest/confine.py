"""What a worker process gives up before it sees a file: privileges, network, files, memory, time."""

import ctypes
import mimetypes
import os
import resource
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from ingest.landlock import allow_reading_only
from ingest.limits import Limits

_PR_SET_NO_NEW_PRIVS: Final = 38
_CLONE_NEWUSER: Final = 0x10000000
_CLONE_NEWNET: Final = 0x40000000
_MAX_OPEN_FILES: Final = 64
_SYSTEM_LIBRARIES: Final = (
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/share/zoneinfo",
    "/etc/ld.so.cache",
)
_OWN_PACKAGES: Final = ("ingest", "vectorstore")


def confine(limits: Limits, *, also: Iterable[Path] = ()) -> None:
    """Give up all that parsing does not need, except to read `also`. What the system does not permit is passed over."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        if libc.unshare(_CLONE_NEWNET) != 0:
            libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)
        allow_reading_only([*_readable(), *also])
    _set(resource.RLIMIT_CORE, 0)
    _set(resource.RLIMIT_FSIZE, 0)
    _set(resource.RLIMIT_NOFILE, _MAX_OPEN_FILES)
    _set(resource.RLIMIT_NPROC, 0)
    _set(resource.RLIMIT_AS, limits.memory_bytes)


def cpu_allowance(seconds: int) -> None:
    """Allow this much processor time from now on; beyond it the kernel ends the process (SIGXCPU)."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + seconds + 1, hard))


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
    own = Path(__file__).resolve().parents[1]
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
