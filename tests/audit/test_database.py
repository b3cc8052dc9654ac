"""The log in a database: one chain whoever writes, nothing acknowledged lost, and whoever changes a row is found out."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.access_settings import AuditSettings
from app.audit.audit import Audit
from app.audit.entry import Journal, Page
from app.audit.heads import Signer
from app.audit.journal import entries_of, open_journal
from app.audit.row_log import RowLog
from app.audit.row_pseudonyms import open_pseudonyms
from app.audit.verify import verify
from app.identity.keys import Keys
from tests.postgresql import Server, needs_postgresql
from tests.state import database_state
from vectorstore.errors import NotFound, Unavailable
from vectorstore.index.postgresql.database import PostgreSQL
from vectorstore.state.cell import State
from vectorstore.state.rows import DatabaseState

WRITER = """
import sys
from app.audit.row_log import RowLog
from vectorstore.index.postgresql.address import read_address
from vectorstore.index.postgresql.database import PostgreSQL
log = RowLog(PostgreSQL(read_address(sys.argv[1])))
for number in range(int(sys.argv[2])):
    print(log.append({"what": "request", "by": sys.argv[3], "number": number}), flush=True)
"""
pytestmark = needs_postgresql


@pytest.fixture
def place(postgresql_url: str, tmp_path: Path) -> Iterator[DatabaseState]:
    opened = database_state(postgresql_url, tmp_path / "data").below("audit")
    yield opened
    opened.database.close()


def writer(url: str, name: str, entries: int = 10**9) -> "subprocess.Popen[str]":
    arguments = [sys.executable, "-c", WRITER, url, str(entries), name]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])


def run(database: PostgreSQL, sql: str) -> None:
    with database.connection() as connection:
        connection.run(sql)


def test_processes_and_threads_write_one_chain(place: DatabaseState, postgresql_url: str) -> None:
    writers = [writer(postgresql_url, str(each), 50) for each in range(4)]
    log = RowLog(place.database)
    with ThreadPoolExecutor(8) as threads:
        ours = list(threads.map(lambda _: log.append({"what": "request"}), range(100)))
    theirs = [int(line) for each in writers for line in each.communicate(timeout=60)[0].split()]
    assert sorted(ours + theirs) == list(range(1, 301))
    found = verify(place)
    assert (found.sound, found.entries, found.last) == (True, 300, 300), found.findings
    assert {entry.facts["by"] for entry in entries_of(place) if "by" in entry.facts} == set("0123")


@pytest.mark.parametrize("kills", [5, pytest.param(200, marks=pytest.mark.slow)])
def test_a_kill_loses_no_acknowledged_entry(place: DatabaseState, postgresql_url: str, kills: int) -> None:
    chance = random.Random(20)
    acknowledged: set[int] = set()
    for number in range(kills):
        process = writer(postgresql_url, str(number))
        assert process.stdout is not None
        acknowledged.add(int(process.stdout.readline()))
        time.sleep(chance.uniform(0, 0.1))
        process.send_signal(signal.SIGKILL)
        acknowledged |= {int(line) for line in process.communicate(timeout=30)[0].split("\n")[:-1]}
    assert verify(place).sound
    assert acknowledged <= {entry.n for entry in entries_of(place)}
    assert len(acknowledged) >= kills


Tampering = Callable[[random.Random, PostgreSQL], int]
"""Changes something and says of which entry."""


def change_a_byte(chance: random.Random, database: PostgreSQL) -> int:
    n = chance.randint(1, 40)
    with database.connection() as connection:
        ((line,),) = connection.rows("SELECT line FROM audit WHERE n = ?", [n])
        place = chance.randrange(len(line))
        other = chance.choice([each for each in "abcdef0123456789" if each != line[place]])
        connection.run("UPDATE audit SET line = ? WHERE n = ?", [line[:place] + other + line[place + 1 :], n])
    return n


def remove_a_row(chance: random.Random, database: PostgreSQL) -> int:
    n = chance.randint(1, 40)
    run(database, f"DELETE FROM audit WHERE n = {n}")
    return n


def swap_rows(chance: random.Random, database: PostgreSQL) -> int:
    one, other = sorted(chance.sample(range(1, 41), 2))
    run(
        database,
        f"UPDATE audit SET line = (SELECT line FROM audit AS a WHERE a.n = {one} + {other} - audit.n)"
        f" WHERE n IN ({one}, {other})",
    )
    return one


def forge_an_entry(chance: random.Random, database: PostgreSQL) -> int:
    """Write an entry anew with a hash that fits it."""
    from app.audit.entry import entry_of, line_of

    n = chance.randint(1, 40)
    with database.connection() as connection:
        ((line,),) = connection.rows("SELECT line FROM audit WHERE n = ?", [n])
        entry = entry_of(line.encode())
        assert entry is not None
        forged, _ = line_of(n, entry.previous, {"what": "request", "who": "somebody else"}, at=0.0)
        connection.run("UPDATE audit SET line = ? WHERE n = ?", [forged.decode().rstrip("\n"), n])
    return n


@pytest.mark.parametrize("way", [change_a_byte, remove_a_row, swap_rows, forge_an_entry])
def test_whoever_changes_the_log_is_found_out(place: DatabaseState, way: Tampering) -> None:
    log = open_journal(place)
    for number in range(40):
        log.append({"what": "request", "number": number})
    assert verify(place).sound
    with place.database.connection() as connection:
        connection.run("CREATE TABLE sound AS SELECT * FROM audit")
    for seed in range(40):
        n = way(random.Random(seed), place.database)
        found = verify(place)
        assert not found.sound, (way.__name__, seed)
        named = " ".join(map(str, found.findings))
        assert any(str(each) in named for each in (n, n + 1)), (n, named)
        run(place.database, "DELETE FROM audit")
        run(place.database, "INSERT INTO audit SELECT * FROM sound")
    assert verify(place).sound


def test_an_end_that_is_cut_off_is_missed_and_with_a_head_elsewhere_whatever_else_is_changed(
    place: DatabaseState, tmp_path: Path
) -> None:
    signer = Signer(place, elsewhere=str(tmp_path / "heads.txt"))
    log = open_journal(place)
    for _ in range(20):
        log.append({"what": "request"})
    assert signer.due(log, minutes=0)
    run(place.database, "DELETE FROM audit WHERE n > 12")
    assert "Entries 13 to 20 are missing".lower() in str(verify(place).findings[0]).lower()
    with place.database.connection() as connection:
        ((line,),) = connection.rows("SELECT line FROM audit WHERE n = 12")
        connection.run("UPDATE audit_end SET n = 12, hash = ?", [line[-66:-2]])
    run(place.database, "DELETE FROM cells WHERE name = 'audit/heads.txt'")
    assert verify(place).sound, "nothing else could know: that is why heads are kept elsewhere"
    assert not verify(place, head=tmp_path / "heads.txt").sound


def test_what_is_too_old_is_dropped_and_the_rest_still_verifies(place: DatabaseState) -> None:
    signer, day = Signer(place), [40]
    log = RowLog(place.database, now=lambda: time.time() - 86_400 * day[0])
    for age in range(40, -1, -1):
        day[0] = age
        log.append({"what": "request", "age": age})
    assert signer.drop(log, days=30) == 10
    assert signer.drop(log, days=30) == 0
    found = verify(place)
    assert (found.sound, found.first) == (True, 11), found.findings
    assert [entry.facts["age"] for entry in entries_of(place) if "age" in entry.facts] == list(
        range(30, -1, -1)
    )


def test_a_clock_that_was_wrong_drops_nothing_young_and_keeps_nothing_old(place: DatabaseState) -> None:
    signer, day = Signer(place), [0]
    log = RowLog(place.database, now=lambda: time.time() - 86_400 * day[0])
    # A year ahead, then right; a machine that began without the time in the midst of young entries.
    for age in (-365, 9, 8, -365, 1, 1, 20_000, 20_000, 20_000, 20_000, 0):
        day[0] = age
        log.append({"what": "request", "age": age})
    assert signer.drop(log, days=4) == 3
    assert signer.drop(log, days=4) == 0
    assert [entry.facts["age"] for entry in entries_of(place) if "age" in entry.facts][:3] == [-365, 1, 1]
    assert verify(place).sound


def test_what_is_written_while_the_log_is_verified_is_no_fault(
    place: DatabaseState, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, pages = RowLog(place.database), RowLog.pages
    log.append({"what": "request"})

    def later(self: RowLog) -> list[Page]:
        log.append({"what": "request"})
        found = pages(self)
        log.append({"what": "request"})
        return found

    monkeypatch.setattr(RowLog, "pages", later)
    found = verify(place)
    assert (found.sound, found.last) == (True, 2), found.findings


def test_without_the_database_nothing_is_written_and_the_sentence_holds_no_password(tmp_path: Path) -> None:
    server = Server()
    try:
        server.make()
        server.start()
        opened = database_state(server.database(), tmp_path)
        log = open_journal(opened.below("audit"))
        assert log.append({"what": "request"}) == 1
        server.stop(signal.SIGKILL)
        with ThreadPoolExecutor(4) as threads:
            tries = [threads.submit(log.append, {"what": "request"}) for _ in range(4)]
            for each in tries:
                with pytest.raises(Unavailable, match="without it nothing is answered") as away:
                    each.result(timeout=30)
                assert "word" not in str(away.value)
        server.start()
        time.sleep(0.6)
        assert log.append({"what": "request"}) == 2
        assert verify(opened.below("audit")).sound
        opened.database.close()
    finally:
        server.discard()


def test_a_log_that_was_never_written_is_said_so(place: DatabaseState) -> None:
    with pytest.raises(NotFound, match="There is no audit log in the database"):
        verify(place)


@pytest.fixture
def audit(state: State) -> Iterator[Audit]:
    found = Audit(state.below("audit"), AuditSettings(audit="contents"), keys=Keys(state.cell("keys.json")))
    yield found
    found.sync()


def test_people_are_known_by_one_pseudonym_until_they_are_forgotten(state: State, audit: Audit) -> None:
    with ThreadPoolExecutor(8) as threads:
        made = set(threads.map(lambda _: audit.people.of("u_1", "ann\0 smith"), range(32)))
    (known,) = made
    hashed = audit.people.keep("u_1", {"question": "How long is my leave?\0\ud800"})
    assert open_pseudonyms(state.below("audit")).names() == {known: "ann\0 smith"}
    assert audit.people.contents() == {hashed: {"question": "How long is my leave?\0\ud800"}}
    assert audit.people.known("u_1") == known != audit.people.of("u_2")
    assert set(audit.people.made()) == {"u_1", "u_2"}
    audit.people.sweep(30)
    assert audit.people.forget("u_1")
    assert not audit.people.forget("u_1")
    assert (audit.people.known("u_1"), audit.people.contents()) == ("", {})
    assert audit.people.of("u_1", "ann\0 smith") != known


def test_what_changed_while_nobody_looked_is_written_down_once(state: State, audit: Audit) -> None:
    keys = Keys(state.cell("keys.json"))
    made = keys.create("one")
    audit.minute()
    audit.minute()
    keys.revoke(made.key.id)
    time.sleep(0.6)  # a database's keys are looked at twice a second
    audit.minute()
    changed = [
        each.facts["names"] for each in entries_of(state.below("audit")) if each.facts["what"] == "changed"
    ]
    assert [next(iter(each.values())).split()[0] for each in changed] == ["open", "revoked"]
    assert verify(state.below("audit")).sound


def test_entries_of_one_moment_share_a_commit(place: DatabaseState) -> None:
    log: Journal = RowLog(place.database)
    before = commits(place.database)
    with ThreadPoolExecutor(40) as threads:
        list(threads.map(lambda _: log.append({"what": "request"}), range(400)))
    assert commits(place.database) - before < 300


def commits(database: PostgreSQL) -> int:
    with database.connection() as connection:
        ((count,),) = connection.rows("SELECT count(DISTINCT xmin::text) FROM audit")
    return int(count)
