"""The pool of parser processes: what a worker may not do, and what its death costs."""

import errno
import json
import math
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.confined.confine import worker_environment
from ingest.confined.pool import ParserPool
from ingest.extract import Block, Extract, Limits, ParseFailure
from ingest.parcel import LENGTH, BadParcel, pack, unpack
from ingest.parse.dispatch import parse
from tests.ingest.limits import limits
from vectorstore.errors import Unavailable
from vectorstore.types import MetadataValue, Span

SMALL = b"# Title\n\nSome text.\n"
# about half a second of work for the parser: many short paragraphs with links
SLOW = b"A [link](b.md) and *text* with `code` here.\n\n" * 6_000


def files(folder: Path, contents: dict[str, bytes]) -> list[tuple[str, Path]]:
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    return [(name, folder / name) for name in contents]


def reason(outcome: Extract | ParseFailure) -> str:
    return outcome.reason if isinstance(outcome, ParseFailure) else "ok"


def confined(code: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process that has given up what a worker gives up."""
    root = str(Path(__file__).parents[2])
    start = f"import sys; sys.path.append({root!r})\nimport os, socket\nfrom ingest.confined.confine import confine\nconfine(1 << 30)\n"
    return subprocess.run(
        [sys.executable, "-I", "-c", start + code],
        capture_output=True,
        text=True,
        timeout=60,
        env=worker_environment(),
        check=False,
    )


def test_every_file_comes_back_once_under_its_key(tmp_path: Path) -> None:
    wanted = files(tmp_path, {f"{at}.md": f"# Title {at}\n\nText {at}.".encode() for at in range(50)})
    with ParserPool(2, limits()) as pool:
        found = dict(pool.parse_all(wanted))
    assert len(found) == 50
    for name, outcome in found.items():
        assert isinstance(outcome, Extract)
        assert outcome.title == f"Title {name.removesuffix('.md')}"


def test_items_are_read_only_a_few_ahead(tmp_path: Path) -> None:
    path = files(tmp_path, {"a.md": SMALL})[0][1]
    read: list[int] = []

    def items() -> Iterator[tuple[str, Path]]:
        for at in range(100):
            read.append(at)
            yield str(at), path

    with ParserPool(1, limits()) as pool:
        outcomes = pool.parse_all(items())
        next(outcomes)
        assert len(read) <= 5
        assert len(list(outcomes)) == 99


def test_error_in_the_list_of_files_reaches_the_caller(tmp_path: Path) -> None:
    path = files(tmp_path, {"a.md": SMALL})[0][1]

    def items() -> Iterator[tuple[str, Path]]:
        yield "a", path
        raise KeyError("gone")

    with ParserPool(1, limits()) as pool, pytest.raises(KeyError):
        list(pool.parse_all(items()))


def test_abandoned_batch_does_not_disturb_the_next(tmp_path: Path) -> None:
    wanted = files(tmp_path, {f"{at}.md": SMALL for at in range(20)})
    with ParserPool(1, limits()) as pool:
        next(iter(pool.parse_all(wanted)))
        assert len(dict(pool.parse_all(wanted))) == 20


def test_leaving_ends_the_workers_in_the_middle_of_a_file(tmp_path: Path) -> None:
    wanted = files(tmp_path, {"a.md": SMALL, "slow.md": SLOW * 20})
    with ParserPool(1, limits()) as pool:
        next(pool.parse_all(wanted))
        process = pool._processes[0]._process
        assert process is not None
        started = time.monotonic()
    assert time.monotonic() - started < 5
    assert process.poll() is not None


def test_works_while_other_threads_run(tmp_path: Path) -> None:
    wanted = files(tmp_path, {f"{at}.md": SMALL for at in range(10)})
    found: list[int] = []

    def run() -> None:
        with ParserPool(1, limits()) as pool:
            found.append(len(dict(pool.parse_all(wanted))))

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == [10, 10, 10]


@pytest.mark.parametrize(
    ("name", "data", "limits", "wanted"),
    [
        ("slow.md", SLOW * 40, limits(wall_seconds=1), "timeout"),
        ("busy.md", SLOW * 40, limits(cpu_seconds=0, wall_seconds=30), "timeout"),
        ("memory.md", SLOW * 8, limits(memory_bytes=300 << 20), "out_of_memory"),
        ("large.md", SLOW, limits(max_file_bytes=1000), "too_large"),
        ("long.md", SLOW, limits(max_text_chars=1000), "too_large"),
        ("picture.txt", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9, limits(), "unsupported"),
        ("empty.md", b" \n", limits(), "no_text"),
        ("broken.pdf", b"%PDF-1.7\nnothing more", limits(), "corrupt"),
        ("archive.zip", b"PK\x03\x04" + b"x" * 100, limits(), "corrupt"),
    ],
)
def test_failure_has_its_reason_and_the_next_file_is_read(
    name: str, data: bytes, limits: Limits, wanted: str, tmp_path: Path
) -> None:
    with ParserPool(1, limits) as pool:
        found = dict(pool.parse_all(files(tmp_path, {name: data, "after.md": SMALL})))
    failure = found[name]
    assert isinstance(failure, ParseFailure)
    assert failure.reason == wanted, failure.message
    assert failure.message.endswith(".")
    assert reason(found["after.md"]) == "ok"


def test_what_is_not_a_plain_file_is_not_opened(tmp_path: Path) -> None:
    (real,) = files(tmp_path, {"real.md": SMALL})
    link, pipe, folder, gone = (tmp_path / name for name in ("link.md", "pipe.md", "folder", "gone.md"))
    link.symlink_to(real[1])
    os.mkfifo(pipe)
    folder.mkdir()
    paths = [(path.name, path) for path in (link, pipe, folder, gone, Path("/dev/zero"))]
    with ParserPool(1, limits()) as pool:
        found = {name: reason(outcome) for name, outcome in pool.parse_all([*paths, real])}
    assert found.pop("real.md") == "ok"
    assert set(found.values()) == {"unreadable"}


def check_killed_workers(count: int, folder: Path) -> None:
    random_ = random.Random(7)
    wanted = files(folder, {f"{at}.md": SLOW for at in range(count * 4)})
    with ParserPool(2, limits()) as pool:
        kills = hits = 0
        found: dict[str, Extract | ParseFailure] = {}
        for name, outcome in pool.parse_all(wanted):
            found[name] = outcome
            hits += isinstance(outcome, ParseFailure)
            pid = pool._processes[random_.randrange(2)].pid
            # On a busy machine a kill may meet a worker that has just handed its file in.
            if (kills < count or not hits) and pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(pid, random_.choice((signal.SIGKILL, signal.SIGSEGV)))
                    kills += 1
    assert kills >= count
    assert set(found) == {name for name, _ in wanted}
    failed = [outcome for outcome in found.values() if isinstance(outcome, ParseFailure)]
    assert len(failed) <= kills
    assert failed, "no kill hit a file"
    assert {failure.reason for failure in failed} == {"crashed"}


def test_killed_workers_cost_their_file_and_the_batch_goes_on(tmp_path: Path) -> None:
    check_killed_workers(3, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_fifty_killed_workers_cost_their_files_and_the_batch_goes_on(tmp_path: Path) -> None:
    check_killed_workers(50, tmp_path)


def test_worker_sees_no_environment_of_its_parent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FOOTNOTE_LLM_API_KEY", "secret")
    with ParserPool(1, limits()) as pool:
        dict(pool.parse_all(files(tmp_path, {"a.md": SMALL})))
        environment = Path(f"/proc/{pool._processes[0].pid}/environ")
        if not environment.exists():
            pytest.skip("this system has no /proc")
        assert b"FOOTNOTE" not in environment.read_bytes()
        assert list(Path(f"/proc/{pool._processes[0].pid}/cwd").resolve().iterdir()) == []


def test_confined_process_writes_nothing_and_starts_nothing(tmp_path: Path) -> None:
    target = tmp_path / "written"
    written = confined(f"open({str(target)!r}, 'w').write('x' * 100)")
    assert written.returncode != 0
    assert not target.exists() or target.stat().st_size == 0
    if os.geteuid() != 0:  # the limit on processes does not bind root
        assert confined("os.fork()").returncode != 0


@pytest.mark.skipif(sys.platform != "linux", reason="network and files are closed on Linux only")
def test_confined_process_reaches_no_address(unused_port: int) -> None:
    tried = confined(
        f"import errno\ntry:\n    socket.create_connection(('127.0.0.1', {unused_port}), 5)\n"
        "except OSError as error:\n    print(error.errno)"
    )
    if tried.stdout == "":
        pytest.skip("this system lets nobody close the network")
    assert int(tried.stdout) in (errno.ENETUNREACH, errno.EACCES, errno.ENETDOWN), tried.stdout


@pytest.fixture
def unused_port() -> Iterator[int]:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.skipif(sys.platform != "linux", reason="files are closed on Linux only")
def test_confined_process_reads_no_file_of_the_user(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("canary")
    tried = confined(
        "from ingest.confined.confine import allow_reading_only\nif not allow_reading_only([]):\n    print('no landlock')\n"
        f"print(open({str(secret)!r}).read())"
    )
    if "no landlock" in tried.stdout:
        pytest.skip("this kernel has no Landlock")
    assert "canary" not in tried.stdout
    assert "PermissionError" in tried.stderr


def test_worker_that_cannot_start_is_our_fault_and_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from ingest.confined import worker_process

    monkeypatch.setattr(worker_process, "_START", "raise SystemExit('no such library')")
    with ParserPool(1, limits()) as pool, pytest.raises(Unavailable, match="no such library"):
        list(pool.parse_all(files(tmp_path, {"a.md": SMALL})))


GOOD = json.loads(pack(Extract("Title", (), metadata={"a": ("b",)}, pages=(0,)))[LENGTH.size :])


@pytest.mark.parametrize(
    "change",
    [
        {"text": 5},
        {"blocks": [["paragraph", 0, 99, None, [], 0]]},
        {"blocks": [["paragraph", 3, 5, None, [], 0], ["paragraph", 0, 2, None, [], 0]]},
        {"blocks": [["script", 0, 5, None, [], 0]]},
        {"blocks": "x"},
        {"pages": [9]},
        {"pages": [3, 1]},
        {"metadata": {"a": {"b": 1}}},
        {"findings": [1]},
        {"modified": "yesterday"},
        {"modified": 5},
        {"modified": "0001-01-01T00:00:00+14:00"},
        {"reason": "because", "message": "x"},
        {"title": None},
        {"title": "half a \ud83d"},
        {"findings": ["\udfff"]},
        {"metadata": {"\ud800": "x"}},
        {"metadata": {"a": math.nan}},
        {"metadata": {"a": -math.inf}},
        {"readers": ["hr", "\ud800"]},
        {"blocks": [["paragraph", 0, 5, 1 << 90, [], 0]]},
        {"blocks": [["paragraph", 0, 5, -1, [], 0]]},
        {"blocks": [["heading", 0, 5, None, [], -1]]},
        {"blocks": [["heading", False, 5, None, [], 1]]},
        {"blocks": [["heading", 0, 5, None, ["\udc00"], 1]]},
        {"pages": [True]},
        {"reason": "corrupt", "message": "x", "unread": [-1]},
        {"reason": "corrupt", "message": "\ud800"},
    ],
)
def test_parcel_of_another_shape_is_refused(change: dict[str, object]) -> None:
    assert unpack(json.dumps(GOOD).encode()) == Extract("Title", (), metadata={"a": ("b",)}, pages=(0,))
    with pytest.raises(BadParcel):
        unpack(json.dumps(GOOD | change).encode())


def test_a_number_that_is_none_stands_in_no_parcel(tmp_path: Path) -> None:
    front = b"---\nscore: .nan\nmost: .inf\nleast: -.inf\nhuge: 1e999\nkept: 2.5\n---\n\nText.\n"
    with ParserPool(1, limits()) as pool:
        [(_, outcome)] = pool.parse_all(files(tmp_path, {"a.md": front}))
    assert isinstance(outcome, Extract)
    assert outcome.metadata["kept"] == 2.5
    assert not {"score", "most", "least"} & set(outcome.metadata)


@pytest.mark.parametrize("said", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_a_date_that_utc_does_not_have_is_none(said: str) -> None:
    front = f"---\ndate: {said}\n---\n\nText.\n".encode()
    assert parse(front, name="a.md", limits=limits()).modified is None


# U+0000 is replaced on the way: a test of its own says so.
_WORDS = st.text(st.characters(exclude_characters="\0", codec="utf-16-le"), max_size=9)


@given(
    _WORDS,
    st.dictionaries(_WORDS, st.one_of(_WORDS, st.booleans(), st.integers(), st.lists(_WORDS).map(tuple))),
    st.lists(_WORDS).map(tuple),
    st.none() | st.datetimes(timezones=st.sampled_from([None, UTC])),
)
def test_what_a_parser_hands_back_arrives_as_it_was(
    text: str, metadata: dict[str, MetadataValue], words: tuple[str, ...], modified: datetime | None
) -> None:
    blocks = (Block("list", Span(0, len(text), 1), words, 2), Block("code", Span(len(text), len(text))))
    extract = Extract(
        text,
        blocks,
        modified=modified,
        pages=(0,),
        metadata=metadata,
        readers=words,
        findings=words,
        by_ocr=(1,),
    )
    assert unpack(pack(extract)[LENGTH.size :]) == extract
    failure = ParseFailure("corrupt", text, (1, 2))
    assert unpack(pack(failure)[LENGTH.size :]) == failure


def test_half_a_character_in_a_document_is_replaced_and_moves_nothing() -> None:
    arrived = unpack(pack(Extract("a\ud800b", (Block("paragraph", Span(0, 3)),)))[LENGTH.size :])
    assert isinstance(arrived, Extract)
    assert (arrived.text, arrived.blocks[0].span) == ("a?b", Span(0, 3))


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"\xff", b"{", b"[" * 100_000, b'"reason"', b"7"])
def test_parcel_that_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(BadParcel):
        unpack(body)


def test_limits_survive_the_way_to_the_worker() -> None:
    assert Limits(**json.loads(json.dumps(asdict(limits(max_pages=7))))) == limits(max_pages=7)
