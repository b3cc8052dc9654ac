"""Watch what a process does to the files of a folder, through ptrace: record it, or kill it at one of the steps.

Every step passes here, SQLite's and FAISS's as well as our own: no library is replaced or preloaded.
Linux only. To be used in a process of one thread that has no other children.
"""

import ctypes
import os
import platform
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

_NUMBERS = {
    "x86_64": {
        1: "write", 18: "write", 20: "write", 296: "write", 40: "write", 326: "copy",
        77: "truncate", 285: "truncate", 74: "sync", 75: "sync",
        2: "open", 257: "openat", 82: "rename", 264: "renameat", 316: "renameat", 86: "link", 265: "linkat",
        87: "unlink", 263: "unlinkat", 83: "mkdir", 258: "mkdirat", 84: "unlink",
    },
    "aarch64": {
        64: "write", 68: "write", 66: "write", 70: "write", 71: "write", 285: "copy",
        46: "truncate", 47: "truncate", 82: "sync", 83: "sync",
        56: "openat", 38: "renameat", 276: "renameat", 37: "linkat", 35: "unlinkat", 34: "mkdirat",
    },
}  # fmt: skip
_TRACEME, _SYSCALL, _SETOPTIONS, _GET_SYSCALL_INFO = 0, 24, 0x4200, 0x420E
_OPTIONS = 0x1 | 0x2 | 0x4 | 0x8 | 0x100000  # syscalls marked; follow fork, vfork, clone; die with the tracer
_WALL = 0x40000000
_ENTRY = 1

Kind = Literal["create", "write", "truncate", "sync", "rename", "link", "unlink", "mkdir"]


@dataclass(frozen=True)
class Step:
    """One thing done to a file: `path` (and `target`) below the folder, `offset` and `data` of a write."""

    kind: Kind
    path: str
    target: str = ""
    offset: int = 0
    data: bytes = b""


class _Info(ctypes.Structure):
    _fields_ = (
        ("op", ctypes.c_uint8),
        ("pad", ctypes.c_uint8 * 3),
        ("arch", ctypes.c_uint32),
        ("ip", ctypes.c_uint64),
        ("sp", ctypes.c_uint64),
        ("number", ctypes.c_int64),  # on exit: what the call returned
        ("arguments", ctypes.c_uint64 * 6),
    )


def why_not() -> str:
    """Say why nothing can be traced here; empty when it can."""
    if platform.system() != "Linux" or platform.machine() not in _NUMBERS:
        return "needs Linux on x86-64 or arm64"
    return ""


class Traced:
    """Runs a function in a forked child under ptrace, counting its steps in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = f"{folder.resolve()}/"
        self.steps: list[Step] = []
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
        self._libc.ptrace.restype = ctypes.c_long
        self._numbers = _NUMBERS[platform.machine()]

    def run(
        self,
        work: Callable[[], None],
        *,
        kill_at: int | None = None,
        after: bool = False,
        record: bool = False,
    ) -> int | None:
        """Return the child's exit status, or None when it was killed at step `kill_at` (from 0).

        It dies on entering the call, before it has any effect, or with `after` when the call has returned.
        """
        child = os.fork()
        if child == 0:
            self._become(work)
        self._record, self._kill_at, self._after = record, kill_at, after
        self._open: dict[int, Step | None] = {}
        os.waitpid(child, 0)
        self._ptrace(_SETOPTIONS, child, _OPTIONS)
        self._ptrace(_SYSCALL, child, 0)
        return self._follow(child)

    def _become(self, work: Callable[[], None]) -> None:
        status = 1
        try:
            self._ptrace(_TRACEME, 0, 0)
            os.kill(os.getpid(), signal.SIGSTOP)
            work()
            status = 0
        finally:
            os._exit(status)

    def _follow(self, child: int) -> int | None:
        killed = False
        while True:
            thread, status = os.waitpid(-1, _WALL)
            if os.WIFEXITED(status) or os.WIFSIGNALED(status):
                if thread == child:
                    return None if killed else os.waitstatus_to_exitcode(status)
                continue
            stopped_by = os.WSTOPSIG(status)
            if not killed and stopped_by == signal.SIGTRAP | 0x80 and self._is_the_one(thread):
                killed = True
                os.kill(child, signal.SIGKILL)
            # A new thread begins with a stop of its own; all other signals are the child's.
            ours = stopped_by in (signal.SIGTRAP, signal.SIGTRAP | 0x80, signal.SIGSTOP)
            self._ptrace(_SYSCALL, thread, 0 if ours else stopped_by, gone_is_fine=True)

    def _is_the_one(self, thread: int) -> bool:
        """Count a step on its way in, note it on its way out; say whether to kill now."""
        info = _Info()
        size = self._ptrace(
            _GET_SYSCALL_INFO, thread, ctypes.sizeof(info), ctypes.addressof(info), gone_is_fine=True
        )
        if size <= 0:
            return False
        if info.op == _ENTRY:
            step = self._step(thread, int(info.number), list(info.arguments))
            self._open[thread] = step
            if step is None:
                return False
            self.steps.append(step)
            return len(self.steps) - 1 == self._kill_at and not self._after
        step = self._open.pop(thread, None)
        if step is None:
            return False
        place = max(n for n, each in enumerate(self.steps) if each is step)
        if self._record:
            self.steps[place] = self._finished(step, returned=int(info.number))
        return place == self._kill_at and self._after

    def _step(self, thread: int, number: int, arguments: list[int]) -> Step | None:
        call = self._numbers.get(number)
        if call is None:
            return None
        if call in ("write", "copy", "truncate", "sync"):
            handle = arguments[2] if call == "copy" else arguments[0]
            return self._on_handle(thread, call, handle, arguments, number)
        return self._on_path(thread, call, arguments)

    def _on_handle(
        self, thread: int, call: str, handle: int, arguments: list[int], number: int
    ) -> Step | None:
        try:
            path = str(Path(f"/proc/{thread}/fd/{handle}").readlink())
        except OSError:
            return None
        if not f"{path}/".startswith(self.folder):
            return None
        below = path[len(self.folder) :]
        if call == "sync":
            return Step("sync", below)
        if call == "truncate":
            return Step("truncate", below, offset=arguments[1])
        positioned = number in {18, 68, 296, 70} and call == "write"
        return Step("write", below, offset=arguments[3] if positioned else self._position(thread, handle))

    def _on_path(self, thread: int, call: str, arguments: list[int]) -> Step | None:
        at = call.endswith("at")
        path = self._path(thread, arguments[0] if at else None, arguments[1] if at else arguments[0])
        if path is None:
            return None
        match call.removesuffix("at"):
            case "open":
                flags = arguments[2] if at else arguments[1]
                there = os.path.exists(self.folder + path)  # noqa: PTH110
                if flags & os.O_CREAT and not there:
                    return Step("create", path)
                return Step("truncate", path) if flags & os.O_TRUNC and there else None
            case "rename" | "link" as kind:
                place = (arguments[2], arguments[3]) if at else (None, arguments[1])
                target = self._path(thread, *place)
                return None if target is None else Step(kind, path, target)  # type: ignore[arg-type]
            case "unlink":
                return Step("unlink", path)
            case _:
                return Step("mkdir", path)

    def _path(self, thread: int, base: int | None, address: int) -> str | None:
        with open(f"/proc/{thread}/mem", "rb", buffering=0) as memory:  # noqa: PTH123
            memory.seek(address)
            text = b""
            while b"\0" not in text:
                # Not beyond the page: the next one may not be there.
                text += memory.read(4096 - (address + len(text)) % 4096)
        path = os.fsdecode(text[: text.index(b"\0")])
        if not path.startswith("/"):
            at_folder = base is not None and base < 1 << 31
            home = Path(f"/proc/{thread}/fd/{base}" if at_folder else f"/proc/{thread}/cwd").readlink()
            path = f"{home}/{path}"
        return path[len(self.folder) :] if path.startswith(self.folder) else None

    def _position(self, thread: int, handle: int) -> int:
        lines = Path(f"/proc/{thread}/fdinfo/{handle}").read_text(encoding="ascii").splitlines()
        facts = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
        if int(facts["flags"], 8) & os.O_APPEND:
            return os.stat(f"/proc/{thread}/fd/{handle}").st_size  # noqa: PTH116
        return int(facts["pos"])

    def _finished(self, step: Step, *, returned: int) -> Step:
        """Fill in what was written, as the file now holds it; a call that failed was a no-op."""
        if returned < 0 or step.kind != "write":
            return step if returned >= 0 else Step("sync", "?")
        with open(self.folder + step.path, "rb") as file:  # noqa: PTH123
            file.seek(step.offset)
            return Step("write", step.path, offset=step.offset, data=file.read(returned))

    def _ptrace(
        self, request: int, thread: int, first: int, second: int | None = None, *, gone_is_fine: bool = False
    ) -> int:
        address, data = (first, second) if second is not None else (0, first)
        result = int(self._libc.ptrace(request, thread, address, data))
        if result < 0 and not gone_is_fine:
            raise OSError(ctypes.get_errno(), "ptrace is refused here")
        return result
