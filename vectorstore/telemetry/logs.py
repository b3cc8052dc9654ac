"""What a process tells its operator, line by line on standard error: JSON, or text on a terminal.

A command that serves or works sets it up, once; who imports Footnote as a library keeps their own logging. A line
says what happened and to which id, never what somebody asked, read, or is called: an exception is told by its kind
and its place, never in its own words, which may quote a question or a document.
"""

import json
import logging
import re
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TextIO, TypeAlias

from pythonjsonlogger.json import JsonFormatter

from vectorstore.printable import printable
from vectorstore.telemetry.settings import TelemetrySettings

Fields: TypeAlias = Mapping[str, str | int | float | None]

_ROOMS: Final = ("app", "eval", "footnote", "ingest", "prompts", "vectorstore")
_WORDY: Final = (
    "aiohttp", "httpcore", "httpx", "langchain", "langchain_core", "langsmith", "mcp", "openai", "pypdf", "urllib3",
)  # fmt: skip
"""Libraries whose warnings may quote what they were given."""
_MOST: Final = 60
"""Warnings of one kind a minute that get a line each."""
_MINUTE: Final = 60.0
_KINDS: Final = 1_000
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.:/{}+-]+")

_said: ContextVar[Fields] = ContextVar("said", default={})  # noqa: B039 - never changed in place
providers: Final[list[Callable[[], Fields]]] = [_said.get]
"""What each line says beside its own fields: who wants more on all of them, such as the ids of a trace, adds here."""


def set_up(settings: TelemetrySettings, stream: TextIO | None = None) -> None:
    """Have all that this process logs written to standard error, in one shape."""
    stream = stream or sys.stderr
    is_text = settings.log_format == "text" or (settings.log_format == "auto" and stream.isatty())
    handler = Lines(stream, _Text() if is_text else _Json())
    root, level = logging.getLogger(), logging.getLevelNamesMapping()[settings.log_level.upper()]
    for held in [each for each in root.handlers if isinstance(each, Lines)]:
        root.removeHandler(held)
    root.addHandler(handler)
    root.setLevel(max(level, logging.WARNING))
    for room in _ROOMS:
        logging.getLogger(room).setLevel(level)
    for library in _WORDY:
        logging.getLogger(library).setLevel(logging.ERROR)
    warnings.showwarning = _warned
    threading.excepthook = _broke


def tell(
    log: logging.Logger, message: str, *, level: int = logging.INFO, at_most: int | None = None, **fields: Any
) -> None:
    """Log a line with fields: texts and numbers, of which those that say nothing are left out.

    `at_most` is how many such lines a minute are written, of the same `status` where there is one; those beyond are
    counted, and told of in one.
    """
    if log.isEnabledFor(level):
        log.log(level, message, extra={"fields": fields, "at_most": at_most})


@contextmanager
def saying(**fields: str) -> Iterator[None]:
    """Say this on each line that is logged while the block runs, also in threads and tasks that it starts."""
    token = _said.set({**_said.get(), **fields})
    try:
        yield
    finally:
        _said.reset(token)


def flush() -> None:
    """Tell of the lines that were counted only."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, Lines):
            handler.rest()


@dataclass(slots=True)
class _Minute:
    """What came of one kind of line since `began`."""

    began: float
    like: logging.LogRecord
    """The first of them, without its error, whose frames would keep all that they hold."""
    written: int = 0
    counted: int = 0


class Lines(logging.StreamHandler[TextIO]):
    """Writes lines, and of one kind no more in a minute than are worth reading: no flood fills a disk."""

    def __init__(self, stream: TextIO, formatter: logging.Formatter, *, minute: float = _MINUTE) -> None:
        super().__init__(stream)
        self.setFormatter(formatter)
        self._minutes: dict[tuple[object, ...], _Minute] = {}
        self._minute = minute

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether a line is to be written, and count it."""
        return bool(super().filter(record)) and self._has_room(record)

    def _has_room(self, record: logging.LogRecord) -> bool:
        most = getattr(record, "at_most", None) or (_MOST if record.levelno >= logging.WARNING else None)
        if most is None:
            return True
        kind = record.name, record.levelno, str(record.msg), getattr(record, "fields", {}).get("status")
        with self._held():
            now = time.monotonic()
            minute = self._minutes.get(kind)
            if minute is None or now - minute.began >= self._minute:
                self._tell(kind)
                if len(self._minutes) >= _KINDS:
                    self.rest()
                like = copy(record)
                like.exc_info = like.exc_text = None
                minute = self._minutes[kind] = _Minute(now, like)
            minute.written += 1
            if minute.written <= most:
                return True
            minute.counted += 1
            if minute.counted == 1:
                later = threading.Timer(minute.began + self._minute - now, self._tell, [kind])
                later.daemon = True
                later.start()
            return False

    def close(self) -> None:
        """Tell of what was counted only, and write no more: `logging` calls it when the process ends."""
        self.rest()
        super().close()

    def rest(self) -> None:
        """Tell of all that were counted."""
        with self._held():
            for kind in list(self._minutes):
                self._tell(kind)

    def _tell(self, kind: tuple[object, ...]) -> None:
        with self._held():
            minute = self._minutes.pop(kind, None)
            if minute is None or not minute.counted:
                return
            like = minute.like
            record = logging.LogRecord(
                like.name, like.levelno, "", 0, f"{minute.counted:,} more like this within a minute", (), None
            )
            status = getattr(like, "fields", {}).get("status")
            record.fields = {
                "like": _words(like).partition("\n")[0],
                "status": status,
                "lines": minute.counted,
            }
            self.emit(record)

    @contextmanager
    def _held(self) -> Iterator[None]:
        self.acquire()
        try:
            yield
        finally:
            self.release()


class _Json(JsonFormatter):
    """One line as one JSON object."""

    def add_fields(
        self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]
    ) -> None:
        """Say when, how grave, what, who says so, and the fields; what libraries add of their own is left out."""
        del message_dict
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        log_data |= {
            "time": moment.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "message": _words(record),
            "logger": record.name,
            **_fields(record),
        }


class _Text(logging.Formatter):
    """One line to be read; what has several is indented, so that nothing in it looks like a line of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """Say when, how grave, what, and the fields."""
        moment = datetime.fromtimestamp(record.created).astimezone().strftime("%Y-%m-%d %H:%M:%S")
        head, *more = printable(_words(record)).split("\n")
        said = "".join(f" {name}={_value(value)}" for name, value in _fields(record).items())
        lines = [
            f"{moment} {record.levelname.lower():<8}{head}{said}",
            *(f"    {each}" for each in more if each),
        ]
        return "\n".join(lines)


def _words(record: logging.LogRecord) -> str:
    """Return a line's words, and of an exception its kind and place."""
    said = record.getMessage()
    if record.name == "asyncio":  # from the second line on it shows objects and what they hold
        said = said.partition("\n")[0]
    if record.exc_info and (kind := record.exc_info[0]):
        frames = "".join(traceback.format_tb(record.exc_info[2]))
        said = f"{said.rstrip()} ({kind.__name__})\n{frames}"
    return said.rstrip()


def _fields(record: logging.LogRecord) -> dict[str, str | int | float]:
    said = {name: value for provider in providers for name, value in provider().items()}
    said |= getattr(record, "fields", {})
    return {name: value for name, value in said.items() if value is not None and value != ""}


def _value(value: str | float) -> str:
    text = str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text)


def _broke(found: threading.ExceptHookArgs) -> None:
    """Log what a thread ends by: Python itself would write the exception's own words."""
    if found.exc_value is not None and not isinstance(found.exc_value, SystemExit):
        told = (found.exc_type, found.exc_value, found.exc_traceback)
        logging.getLogger("threading").error("A thread broke", exc_info=told)


def _warned(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Log Python's own warnings by kind and place."""
    del message, file, line
    logging.getLogger("py.warnings").warning("%s at %s:%d", category.__name__, filename, lineno)
