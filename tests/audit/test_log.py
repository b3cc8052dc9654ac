"""The log where it is written: by several processes, over midnight, on a full disk, through kills."""

import errno
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import app.audit.log as module
from app.audit.heads import ANCHOR, Signer
from app.audit.journal import entries_of
from app.audit.log import Log, segments_of
from app.audit.verify import verify
from vectorstore.errors import StoreDamaged, Unavailable

WRITER = """
import sys
from pathlib import Path
from app.audit.log import Log
log = Log(Path(sys.argv[1]), most_bytes=int(sys.argv[2]))
for number in range(int(sys.argv[3])):
    sys.stdout.write(f"{log.append({'what': 'request', 'by': sys.argv[4], 'number': number})}\\n")
    sys.stdout.flush()
"""


def writer(
    folder: Path, name: str, *, entries: int = 10**9, most_bytes: int = 64_000_000
) -> "subprocess.Popen[str]":
    arguments = [sys.executable, "-c", WRITER, str(folder), str(most_bytes), str(entries), name]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])


def test_several_processes_and_threads_write_one_chain(tmp_path: Path) -> None:
    writers = [writer(tmp_path, str(each), entries=150, most_bytes=10_000) for each in range(3)]
    log = Log(tmp_path, most_bytes=10_000)
    with ThreadPoolExecutor(4) as threads:
        ours = list(threads.map(lambda _: log.append({"what": "request", "by": "us"}, sync=True), range(100)))
    theirs = [int(line) for each in writers for line in each.communicate(timeout=60)[0].split()]
    numbers = ours + theirs
    assert len(set(numbers)) == 550
    found = verify(tmp_path)
    assert found.sound, found.findings
    held = {entry.n: entry.facts for entry in entries_of(tmp_path)}
    assert all(held[n]["what"] == "request" for n in numbers)
    assert len(segments_of(tmp_path)) > 5


def test_a_new_day_begins_a_new_file(tmp_path: Path) -> None:
    clock = [datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()]
    sealed: list[tuple[int, str]] = []
    log = Log(tmp_path, on_seal=lambda n, end: sealed.append((n, end)), now=lambda: clock[0])
    log.append({"what": "request"})
    clock[0] += 2
    log.append({"what": "request"})
    assert [each.path.name for each in segments_of(tmp_path)] == [
        "000000000001-2026-12-31.jsonl",
        "000000000003-2027-01-01.jsonl",
    ]
    first, last, after = entries_of(tmp_path)
    assert (last.facts["what"], after.previous) == ("sealed", last.hash)
    assert sealed == [(2, last.hash)]
    assert first.facts["at"] == "2026-12-31T23:59:59.000Z"
    assert verify(tmp_path).sound


@pytest.mark.parametrize("kept", [0, 1, 40, 300])
def test_half_an_entry_is_cut_off_and_that_is_written_down(tmp_path: Path, kept: int) -> None:
    Log(tmp_path).append({"what": "request", "text": "x" * 400})
    path = segments_of(tmp_path)[0].path
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:kept])
    assert verify(tmp_path).sound == (kept == 0)
    assert Log(tmp_path).append({"what": "request"}) == (2 if kept == 0 else 3)
    torn = [entry.facts["bytes"] for entry in entries_of(tmp_path) if entry.facts["what"] == "torn"]
    assert torn == ([kept] if kept else [])
    found = verify(tmp_path)
    assert (found.sound, found.torn) == (True, len(torn))


def test_a_log_whose_first_entry_is_torn_begins_again(tmp_path: Path) -> None:
    Log(tmp_path).append({"what": "request"})
    path = segments_of(tmp_path)[0].path
    path.write_bytes(path.read_bytes()[:20])
    Log(tmp_path).append({"what": "request"})
    assert [entry.facts["what"] for entry in entries_of(tmp_path)] == ["torn", "request"]
    assert verify(tmp_path).sound


def test_a_kill_between_two_files_loses_nothing(tmp_path: Path) -> None:
    log = Log(tmp_path, most_bytes=1)
    log.append({"what": "request"})
    log.append({"what": "request"})
    segments_of(tmp_path)[-1].path.unlink()
    assert "the next file is missing" in verify(tmp_path).findings[0].sentence
    Log(tmp_path).append({"what": "request"})
    assert verify(tmp_path).sound


@pytest.mark.parametrize("taken", [None, 0, 30])
def test_a_full_disk_leaves_no_half_entry(
    tmp_path: Path, taken: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Log(tmp_path)
    log.append({"what": "request"})
    before = segments_of(tmp_path)[0].path.read_bytes()

    def full(file: int, data: bytes) -> int:
        if taken is None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(file, data[:taken])

    real = os.write
    monkeypatch.setattr(module.os, "write", full)
    with pytest.raises(Unavailable, match="cannot be written"):
        log.append({"what": "request"})
    assert segments_of(tmp_path)[0].path.read_bytes() == before
    monkeypatch.setattr(module.os, "write", real)
    assert log.append({"what": "request"}) == 2
    assert verify(tmp_path).sound


def test_nothing_is_written_after_an_entry_that_was_changed(tmp_path: Path) -> None:
    Log(tmp_path).append({"what": "request"})
    path = segments_of(tmp_path)[0].path
    path.write_bytes(path.read_bytes().replace(b"request", b"reQuest"))
    with pytest.raises(StoreDamaged, match="not as it was written"):
        Log(tmp_path).append({"what": "request"})


def test_a_log_that_vanishes_under_a_process_is_not_begun_anew_in_silence(tmp_path: Path) -> None:
    log = Log(tmp_path)
    log.append({"what": "request"})
    segments_of(tmp_path)[0].path.unlink()
    with pytest.raises(StoreDamaged, match="is gone"):
        log.append({"what": "request"})


def test_what_is_too_old_is_dropped_and_the_rest_stays_provable(tmp_path: Path) -> None:
    clock = [time.time() - 10 * 86_400]
    signer = Signer(tmp_path)
    log = Log(tmp_path, on_seal=signer.head, now=lambda: clock[0])
    for _ in range(10):
        log.append({"what": "request"})
        clock[0] += 86_400
    first_of_all = segments_of(tmp_path)[0]
    old = first_of_all.path.read_bytes()
    assert signer.drop(log, days=4) == 6
    assert signer.drop(log, days=4) == 0
    found = verify(tmp_path)
    assert found.sound, found.findings
    assert found.first == segments_of(tmp_path)[0].first > 1
    assert [entry.facts["through"] for entry in entries_of(tmp_path) if entry.facts["what"] == "dropped"] == [
        found.first - 1
    ]
    first_of_all.path.write_bytes(old)  # a kill came before this file went
    assert verify(tmp_path).sound
    (tmp_path / ANCHOR).unlink()
    assert not verify(tmp_path).sound


def test_a_clock_that_was_ahead_keeps_nothing_from_being_dropped(tmp_path: Path) -> None:
    clock = [time.time() + 2_000 * 86_400]
    signer = Signer(tmp_path)
    log = Log(tmp_path, on_seal=signer.head, now=lambda: clock[0])
    log.append({"what": "request"})
    for days in (9, 8, 0):  # it was put right
        clock[0] = time.time() - days * 86_400
        log.append({"what": "request"})
    assert signer.drop(log, days=4) == 3
    assert verify(tmp_path).sound


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(
    facts=st.dictionaries(
        st.text(max_size=8).filter(lambda name: name not in {"n", "at", "prev", "hash"}),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(), lambda one: st.lists(one, max_size=3)
        ),
        max_size=5,
    )
)
def test_whatever_is_written_comes_back(tmp_path: Path, facts: dict[str, object]) -> None:
    n = Log(tmp_path).append({**facts, "what": "request"})
    entry = next(entry for entry in entries_of(tmp_path) if entry.n == n)
    assert {name: value for name, value in entry.facts.items() if name not in {"n", "at"}} == {
        **facts,
        "what": "request",
    }
    line = segments_of(tmp_path)[0].path.read_bytes().splitlines()[n - 1]
    assert json.loads(line)["hash"] == entry.hash


def killed_while_writing(folder: Path, times: int) -> None:
    """Kill a process that writes, again and again, each at another moment; what it had acknowledged must be there."""
    acknowledged: list[int] = []
    for number in range(times):
        process = writer(folder, str(number), most_bytes=20_000)
        assert process.stdout is not None
        acknowledged.append(int(process.stdout.readline()))
        time.sleep(number % 20 / 1_000)
        process.kill()
        acknowledged += [
            int(line) for line in process.stdout.read().splitlines(keepends=True) if line.endswith("\n")
        ]
        process.wait()
        process.stdout.close()
    Log(folder).append({"what": "request"})
    found = verify(folder)
    assert found.sound, found.findings[:3]
    held = {entry.n for entry in entries_of(folder)}
    assert [n for n in acknowledged if n not in held] == []
    assert len(set(acknowledged)) == len(acknowledged) > times


def test_kills_lose_no_acknowledged_entry(tmp_path: Path) -> None:
    killed_while_writing(tmp_path, 30)


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_a_thousand_kills_lose_no_acknowledged_entry(tmp_path: Path) -> None:
    killed_while_writing(tmp_path, 1_000)
