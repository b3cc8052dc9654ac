"""The lines of the log, by themselves: one shape for all, no error's own words, no flood."""

import asyncio
import gc
import io
import json
import logging
import re
import sys
import threading
import time
import warnings
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.events import Done, Failed, Started, Text
from app.question import Question
from app.runs.run import Run
from app.telemetry.answers import counting
from app.telemetry.requests import over_budget, request_ended, wrong_key
from vectorstore.telemetry import logs
from vectorstore.telemetry.logs import Lines, flush, saying, set_up, tell
from vectorstore.telemetry.settings import TelemetrySettings
from vectorstore.types import Scope

SECRET = "the-secret-of-ann@example.org"
HERE = logging.getLogger("app.tests")


class Written(io.StringIO):
    """What has been written, a terminal's or a file's."""

    is_terminal = False

    def isatty(self) -> bool:
        return self.is_terminal

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]


@pytest.fixture
def written() -> Iterator[Written]:
    """Logging as a service has it, into a text; put back afterwards."""
    root, shown, broken = logging.getLogger(), warnings.showwarning, threading.excepthook
    levels = {name: logging.getLogger(name).level for name in ("", *logs._ROOMS, *logs._WORDY)}
    # Servers of other tests have set up theirs.
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).setLevel(logging.NOTSET)
        logging.getLogger(name).propagate, logging.getLogger(name).disabled = True, False
    stream = Written()
    set_up(TelemetrySettings(log_level="info"), stream)
    yield stream
    for handler in [each for each in root.handlers if isinstance(each, Lines)]:
        root.removeHandler(handler)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    warnings.showwarning, threading.excepthook = shown, broken


def test_a_line_is_one_json_object(written: Written) -> None:
    tell(HERE, "something happened", status=200, key_id="ab12", nothing="", none=None)
    [line] = written.lines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert line == {
        "level": "info",
        "message": "something happened",
        "logger": "app.tests",
        "status": 200,
        "key_id": "ab12",
    }


def test_on_a_terminal_a_line_is_read(written: Written) -> None:
    written.is_terminal = True
    set_up(TelemetrySettings(), written)
    tell(HERE, "something happened", route="POST /v1/chat", ms=12.5)
    assert re.fullmatch(
        r'\d{4}-\d\d-\d\d \d\d:\d\d:\d\d info    something happened route="POST /v1/chat" ms=12\.5\n',
        written.getvalue(),
    )


def test_a_format_that_is_set_holds_wherever_it_goes(written: Written) -> None:
    written.is_terminal = True
    set_up(TelemetrySettings(log_format="json"), written)
    tell(HERE, "x")
    assert written.lines()[0]["message"] == "x"
    set_up(TelemetrySettings(log_format="text"), Written())


def test_set_up_twice_it_writes_once(written: Written) -> None:
    set_up(TelemetrySettings(), written)
    set_up(TelemetrySettings(), written)
    tell(HERE, "x")
    assert len(written.lines()) == 1


def test_levels_are_ours_and_libraries_say_only_what_is_grave(written: Written) -> None:
    set_up(TelemetrySettings(log_level="debug"), written)
    HERE.debug("ours")
    logging.getLogger("sse_starlette.sse").debug("chunk: %s", SECRET)
    logging.getLogger("openai._base_client").debug("Request options: %s", SECRET)
    logging.getLogger("langchain_core.callbacks").warning("Error in handler: %s", SECRET)
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
    assert [line["message"] for line in written.lines()] == ["ours", "Invalid HTTP request received."]
    set_up(TelemetrySettings(log_level="error"), written)
    HERE.warning("not so grave")
    logging.getLogger("uvicorn.error").warning("nor that")
    assert len(written.lines()) == 2


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_of_an_exception_no_word_is_told(written: Written, log_format: Any) -> None:
    set_up(TelemetrySettings(log_format=log_format), written)
    try:
        raise ValueError(SECRET) from KeyError(SECRET)
    except ValueError as error:
        HERE.exception("It broke")
        logging.getLogger("some.library").error("It broke", exc_info=error)
    warnings.showwarning(UserWarning(SECRET), UserWarning, "library.py", 7)
    loop = asyncio.new_event_loop()
    loop.call_exception_handler({"message": "Task exception was never retrieved", "future": SECRET, "exception": ValueError(SECRET)})  # fmt: skip
    loop.close()
    told = written.getvalue()
    assert SECRET not in told
    assert told.count("It broke (ValueError)") == 2
    assert "test_lines.py" in told
    assert "UserWarning at library.py:7" in told
    assert "Task exception was never retrieved" in told


@settings(max_examples=50)
@given(st.text(), st.text())
def test_no_text_makes_a_line_of_its_own(message: str, value: str) -> None:
    record = logging.LogRecord("app", logging.INFO, "", 0, "%s", (message,), None)
    record.fields = {"said": value}
    as_json = logs._Json().format(record)
    assert len(as_json.splitlines()) == 1
    assert json.loads(as_json)["message"] == message.rstrip()
    first, *others = re.split(r"[\r\n\x0b\x0c\x1c-\x1e\x85\u2028\u2029]", logs._Text().format(record))
    assert re.match(r"\d{4}-", first)
    assert all(line.startswith("    ") for line in others)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", logs._Text().format(record))


def test_what_is_said_on_every_line_reaches_tasks_and_threads(written: Written) -> None:
    async def work() -> None:
        with saying(request_id="req_1"):
            await asyncio.gather(asyncio.to_thread(tell, HERE, "in a thread"), asyncio.create_task(later()))
        tell(HERE, "outside")

    async def later() -> None:
        await asyncio.sleep(0)
        tell(HERE, "in a task")

    asyncio.run(work())
    assert {line["message"]: line.get("request_id") for line in written.lines()} == {
        "in a thread": "req_1",
        "in a task": "req_1",
        "outside": None,
    }


def test_others_may_add_to_every_line(written: Written) -> None:
    ids = lambda: {"trace_id": "4bf92f"}  # noqa: E731 - one of the providers
    logs.providers.append(ids)
    try:
        tell(HERE, "x")
    finally:
        logs.providers.remove(ids)
    assert written.lines()[0]["trace_id"] == "4bf92f"


def test_a_flood_is_counted_and_told_of(written: Written) -> None:
    for number in range(63):
        wrong_key("key", bearer=f"fn_{number:08x}_{SECRET}", address="")
    for _ in range(1_000):
        request_ended("POST /v1/chat", 401, first=0.01, seconds=0.01)
        request_ended("POST /v1/chat", 200, first=0.01, seconds=0.01)
    over_budget("tokens", key="ab12")
    flush()
    lines = written.lines()
    assert sum(line["message"] == "wrong key" for line in lines) == 20
    assert sum(line.get("status") == 401 for line in lines if line["message"] == "request") == 60
    assert sum(line.get("status") == 200 for line in lines) == 1_000
    rest = {line["like"]: line["lines"] for line in lines if "like" in line}
    assert rest == {"wrong key": 43, "request": 940}
    assert {line["key_id"] for line in lines if line["message"] == "wrong key"} == {"0000..."}
    assert SECRET not in written.getvalue()


def test_what_was_counted_is_told_when_the_minute_is_over() -> None:
    stream = Written()
    handler = Lines(stream, logs._Json(), minute=0.3)
    record = logging.LogRecord("app", logging.WARNING, "", 0, "again", (), None)
    threads = [
        threading.Thread(target=lambda: [handler.handle(record) for _ in range(100)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    deadline = time.monotonic() + 10
    while '"lines"' not in stream.getvalue() and time.monotonic() < deadline:
        time.sleep(0.05)
    lines = stream.lines()
    assert (
        sum(line["message"] == "again" for line in lines) + sum(line.get("lines", 0) for line in lines) == 400
    )


def test_a_process_that_ends_tells_of_what_it_only_counted() -> None:
    stream = Written()
    handler = Lines(stream, logs._Json())
    for _ in range(62):
        handler.handle(logging.LogRecord("app", logging.WARNING, "", 0, "again", (), None))
    handler.close()
    assert stream.lines()[-1]["lines"] == 2


def test_a_line_keeps_nothing_of_what_its_error_held() -> None:
    handler, seen = Lines(Written(), logs._Json()), list[Any]()

    def broken() -> None:
        question = {SECRET}
        seen.append(weakref.ref(question))
        raise ValueError

    try:
        broken()
    except ValueError:
        handler.handle(logging.LogRecord("app", logging.ERROR, "", 0, "broke", (), sys.exc_info()))
    gc.collect()
    assert seen[0]() is None


def test_a_thread_that_breaks_is_a_line_without_the_errors_words(written: Written) -> None:
    def broken() -> None:
        raise ValueError(SECRET)

    thread = threading.Thread(target=broken)
    thread.start()
    thread.join()
    [line] = written.lines()
    assert "ValueError" in line["message"]
    assert SECRET not in written.getvalue()


def test_kinds_of_lines_without_number_take_no_memory_without_number() -> None:
    handler = Lines(Written(), logs._Json())
    for number in range(5_000):
        handler.handle(logging.LogRecord("a.library", logging.WARNING, "", 0, f"no. {number}", (), None))
    assert len(handler._minutes) <= logs._KINDS


def test_an_answer_is_a_line(written: Written) -> None:
    run = Run(
        Question(SECRET, Scope(groups=frozenset({SECRET}), user=SECRET), top_k=5, conversation=SECRET),
        owner=SECRET,
    )
    run.append(Started(run.id, SECRET, "a-model", 0.0, SECRET))
    run.append(Text(SECRET))
    run.append(Done(outcome="unsure"))
    observe = counting(TelemetrySettings())
    observe(run)
    failed = Run(Question("q", Scope(), top_k=5, variant="short"))
    failed.append(Failed("model_timeout", SECRET))
    observe(failed)
    first, second = written.lines()
    assert SECRET not in written.getvalue()
    assert (first["message"], first["run_id"], first["outcome"], first["model"]) == (
        "answer",
        run.id,
        "unsure",
        "a-model",
    )
    assert (second["level"], second["outcome"], second["code"], second["variant"]) == (
        "warning",
        "failed",
        "model_timeout",
        "short",
    )
    assert {"first_ms", "ms"} <= first.keys()


def test_probes_are_told_of_only_where_they_fail(written: Written) -> None:
    request_ended("GET /readyz", 200, first=0, seconds=0)
    request_ended("GET /readyz", 503, first=0, seconds=0)
    request_ended("GET /metrics", 403, first=0, seconds=0)
    assert [line["status"] for line in written.lines()] == [503, 403]


def test_requests_may_be_left_out(written: Written) -> None:
    request_ended("POST /v1/chat", 500, first=0, seconds=0, lines=False)
    assert written.getvalue() == ""
