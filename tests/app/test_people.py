"""Everything that is kept of a person can be shown, is erased to the last byte, and stays where a court wants it."""

import asyncio
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.access_settings import AuditSettings
from app.audit.audit import Audit
from app.audit.verify import verify
from app.identity.grant import RIGHTS, Grant, person_id
from app.identity.identity import Identity, Shown
from app.identity.keys import Keys
from app.people.ledger import Certificate, Ledger
from app.people.people import People
from app.runs import records as records_module
from app.runs.records import Records
from app.runs.runs import MemoryBoard, Runs
from app.settings import RunSettings, Settings
from tests.app.edge import serve, service
from tests.app.test_forgetting import Echo, add, left_in_redis, left_of, opened
from tests.fakes.handbook import small_handbook
from tests.fakes.redis_server import RedisServer, redis_server
from tests.test_command_line import footnote, served
from vectorstore.errors import NotFound, StoreDamaged, Unavailable
from vectorstore.index.maintenance.byte_search import files_holding
from vectorstore.types import Scope

ROOT = Path(__file__).parents[2]
BOSS = {"Authorization": "Bearer boss"}


class Named(Identity):
    """Lets everybody in as whom they say they are; the boss operates."""

    is_closed = True

    def __init__(self, folder: Path) -> None:
        super().__init__(Keys(folder / "keys.json"))

    async def grant(self, shown: Shown) -> Grant:
        name = shown.bearer
        person = "" if name == "boss" else person_id("default", name)
        return Grant("key1", Scope(user=name), frozenset(RIGHTS), person)


@dataclass
class Asker:
    """A person, and all words that only this person ever used."""

    name: str
    chance: random.Random
    runs: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    @property
    def owner(self) -> str:
        return person_id("default", self.name)

    def word(self) -> str:
        self.words.append(f"W{self.chance.getrandbits(96):024x}")
        return self.words[-1]

    def asks(self, url: str) -> None:
        """Ask in every dialect, follow up, and say what one thinks of it."""
        chat = f"conv-{self.chance.getrandbits(128):032x}"
        self.words.append(chat)
        messages = [{"role": "user", "content": self.word()}]
        with httpx.Client(
            base_url=url, timeout=60, headers={"Authorization": f"Bearer {self.name}"}
        ) as client:
            first = self.posts(client, "/v1/responses", {"input": self.word()})
            for path, body in (
                ("/v1/chat", {"message": self.word(), "conversation": chat}),
                ("/v1/chat", {"message": self.word(), "conversation": chat}),
                ("/v1/responses", {"input": self.word(), "previous_response_id": first.json()["id"]}),
                ("/v1/chat/completions", {"messages": messages, "stream": True}),
                ("/api/chat", {"id": chat, "messages": messages}),
                ("/agui", {"threadId": chat, "runId": "r", "messages": [messages[0] | {"id": "m"}]}),
            ):
                self.posts(client, path, body)
            rated = {"run": self.runs[-1], "rating": "down", "reason": self.word()}
            assert client.post("/v1/feedback", json=rated).status_code == 204

    def posts(self, client: httpx.Client, path: str, body: dict[str, Any]) -> httpx.Response:
        answer = client.post(path, json=body)
        assert answer.status_code == 200, answer.text
        self.runs.append(answer.headers["x-run-id"])
        return answer

    def traces(self) -> list[bytes]:
        """Return every piece of twelve bytes of what was said, in each way that texts are stored."""
        found = {self.owner.encode(), self.name.encode()}
        for text in (*self.words, *(run.partition("_")[2] for run in self.runs)):
            found |= pieces(text)
        return sorted(found)


def pieces(text: str) -> set[bytes]:
    encoded = [
        said.encode(code) for said in (text, text.lower()) for code in ("utf-8", "utf-16-le", "utf-16-be")
    ]
    return {each[start : start + 12] for each in encoded for start in range(len(each) - 11)}


def askers(count: int, seed: int = 1) -> list[Asker]:
    return [
        Asker(f"person{number}-{random.Random(seed + number).getrandbits(64):016x}", random.Random(number))
        for number in range(count)
    ]


def holding(folder: Path, *of: Asker) -> list[str]:
    """Search all files; of several people at once, for speed."""
    return holding_any(folder, {trace for each in of for trace in each.traces()})


def holding_any(folder: Path, needles: set[bytes]) -> list[str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return sorted(map(str, files_holding(files, sorted(needles))))


@contextmanager
def running(folder: Path, *, pause: float = 0.0, **runs: Any) -> Iterator[str]:
    with opened(folder) as records:

        async def record(run: Any, events: Any) -> None:
            await asyncio.to_thread(records.add, run.id, run.question, run.owner, events)

        settings = Settings(runs=RunSettings(**runs))
        with serve(
            service(Echo(pause), records=records, on_end=record, settings=settings, identity=Named(folder))
        ) as at:
            yield at.url


def erased(url: str, name: str) -> httpx.Response:
    return httpx.delete(f"{url}/v1/people", params={"user": name}, headers=BOSS, timeout=60)


@pytest.mark.parametrize("count", [8, pytest.param(50, marks=pytest.mark.slow)])
def test_whoever_is_erased_has_left_no_byte_in_any_file_and_others_all(tmp_path: Path, count: int) -> None:
    people = askers(count)
    gone = people[::2]
    with running(tmp_path) as url:
        for each in people:
            each.asks(url)
        assert holding(tmp_path, *gone) != []
        certificates = [erased(url, each.name).json() for each in gone]
        for each, certificate in zip(gone, certificates, strict=True):
            assert (certificate["answers"], certificate["opinions"]) == (7, 1)
            assert each.name not in json.dumps(certificate)
            assert each.owner not in json.dumps(certificate)
        assert holding(tmp_path, *gone) == []
        for each in people[1::2]:
            assert holding(tmp_path, each) != []
            shown = httpx.get(f"{url}/v1/people", params={"user": each.name}, headers=BOSS).json()
            assert len(shown["answers"]) == 7
        for each in gone:
            theirs = {"Authorization": f"Bearer {each.name}"}
            assert httpx.get(f"{url}/v1/runs/{each.runs[0]}", headers=theirs).status_code == 404
            assert httpx.get(f"{url}/v1/runs/{each.runs[0]}/events", headers=theirs).status_code == 404
    assert holding(tmp_path, *gone) == []


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.mark.parametrize("count", [6, pytest.param(50, marks=pytest.mark.slow)])
def test_whoever_is_erased_is_neither_in_redis_nor_in_its_files(
    tmp_path: Path, redis: RedisServer, count: int
) -> None:
    """Asked at one replica, erased at the other."""
    import redis as client

    people = askers(count, seed=100 + count)
    gone = people[: count // 2]
    with running(tmp_path, runs_url=redis.url) as one, running(tmp_path, runs_url=redis.url) as other:
        for each in people:
            each.asks(one)
        said = [word for each in gone for word in (*each.words, *each.runs, each.owner)]
        assert left_in_redis(redis, said) != []
        for each in gone:
            assert erased(other, each.name).status_code == 200
        assert left_in_redis(redis, said) == []
        with client.Redis.from_url(redis.url) as connection:
            connection.bgrewriteaof()
            deadline = time.monotonic() + 30
            while (
                connection.info("persistence")["aof_rewrite_in_progress"]
                or connection.info("persistence")["aof_rewrite_scheduled"]
            ):
                assert time.monotonic() < deadline
                time.sleep(0.05)
        assert holding(redis.folder, *gone) == []
        assert left_in_redis(redis, people[-1].words) != []
    assert holding(tmp_path, *gone) == []


def test_what_is_being_answered_when_somebody_is_erased_ends_and_leaves_nothing(tmp_path: Path) -> None:
    (someone,) = askers(1)
    with running(tmp_path, pause=0.1) as url:
        asked = {"message": " ".join(someone.word() for _ in range(40))}
        headers = {"Authorization": f"Bearer {someone.name}"}
        with httpx.stream("POST", f"{url}/v1/chat", json=asked, headers=headers, timeout=30) as response:
            someone.runs.append(response.headers["x-run-id"])
            lines = response.iter_lines()
            next(line for line in lines if "text-delta" in line)
            assert erased(url, someone.name).status_code == 200
            assert any('"type":"abort"' in line for line in lines)
    assert holding(tmp_path, someone) == []


def alone(people: People, work: Callable[[Runs], Any]) -> Any:
    async def main() -> Any:
        return await work(Runs(Echo(), MemoryBoard(RunSettings()), RunSettings()))

    del people
    return asyncio.run(main())


@contextmanager
def known(folder: Path) -> Iterator[People]:
    with opened(folder) as records:
        yield People(records, folder)


def say(people: People, owner: str, *texts: str) -> None:
    for text in texts:
        run = f"run_{random.getrandbits(96):024x}"
        add_of(people.records, run, owner, text)


def add_of(records: Records, run: str, owner: str, text: str) -> None:
    add(records, run, f"c-{owner}", text, f"answer to {text}")
    with records._engine.begin() as connection:
        connection.execute(
            records_module.runs.update().where(records_module.runs.c.id == run), {"owner": owner}
        )


def erase(people: People, owner: str) -> Certificate:
    found: Certificate = alone(people, lambda runs: people.erase(owner, by="test", runs=runs))
    return found


ANN, BOB = person_id("default", "ann"), person_id("default", "bob")


def test_a_hold_wins_over_whoever_wishes_to_erase_and_the_wish_is_carried_out_when_it_ends(
    tmp_path: Path,
) -> None:
    ann, bob = askers(2)
    with running(tmp_path) as url, known(tmp_path) as people:
        for each in (ann, bob):
            each.asks(url)
        people.hold(ann.owner, name=ann.name, reason="case 7", by="test")
        refused = erased(url, ann.name)
        assert (refused.status_code, "legal hold" in refused.text) == (409, True)
        theirs = {"Authorization": f"Bearer {bob.name}"}
        people.hold(bob.owner, name=bob.name, reason="case 8", by="test")
        conversation = f"{url}/v1/conversations/{bob.words[0]}"
        refused = httpx.delete(conversation, headers=theirs)
        assert (refused.status_code, "legal hold" in refused.text) == (409, True)
        assert (len(people.export(ann.owner)["answers"]), len(people.export(bob.owner)["answers"])) == (7, 7)  # type: ignore[arg-type]
        assert people.sweep(1) == 0
        waiting = people.release(ann.owner, name=ann.name)
        assert [wish.conversation for wish in waiting] == [None]
        people.release(bob.owner, name=bob.name)
        deadline = time.monotonic() + 20
        while people.ledger.read().wishes:  # the running service sees to it
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert holding(tmp_path, ann) == []
        kept = {str(each["conversation"]) for each in people.records.all(bob.owner)}
        assert bob.words[0] not in kept
        assert kept != set()
    assert ann.name not in (tmp_path / "people.json").read_text()


def test_a_hold_that_is_not_there_is_not_lifted(tmp_path: Path) -> None:
    with known(tmp_path) as people, pytest.raises(NotFound, match="no hold on ann"):
        people.release(ANN, name="ann")


def test_where_it_is_not_known_who_is_held_nothing_is_erased(tmp_path: Path) -> None:
    with known(tmp_path) as people:
        say(people, ANN, "words")
        people.hold(BOB, name="bob", reason="case", by="test")
        path = tmp_path / "people.json"
        path.write_text(path.read_text()[:-20])
        for attempt in (
            lambda: erase(people, ANN),
            lambda: people.sweep(1),
            lambda: People(people.records, tmp_path),
        ):
            with pytest.raises(StoreDamaged, match="nothing is erased"):
                attempt()
        assert len(people.records.ids(ANN)) == 1


def test_a_copy_beside_the_records_is_named_and_nothing_is_certified_until_it_is_gone(tmp_path: Path) -> None:
    with known(tmp_path) as people:
        say(people, ANN, "words", "more words")
        copy = tmp_path / "copies" / "records.bak"
        copy.parent.mkdir()
        shutil.copy(tmp_path / "records.db", copy)
        shutil.copy(tmp_path / "records.db-wal", f"{copy}-wal")
        with pytest.raises(Unavailable, match=r"records\.bak"):
            erase(people, ANN)
        assert people.ledger.read().certificates == []
        shutil.rmtree(copy.parent)
        alone(people, people.settle)
        (certificate,) = people.ledger.read().certificates
        assert (certificate.answers, certificate.asked_by) == (2, "test")
        assert certificate == certificate.sealed()


@pytest.mark.parametrize("round_", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(1, 20))])
def test_an_old_copy_of_the_records_does_not_bring_anybody_back(tmp_path: Path, round_: int) -> None:
    chance = random.Random(round_)
    owners = [person_id("default", f"u{number}") for number in range(6)]
    with known(tmp_path) as people:
        for owner in owners:
            say(people, owner, *(f"said{chance.getrandbits(64):016x}" for _ in range(chance.randint(1, 5))))
        words = {owner: [str(row["question"]) for row in people.records.all(owner)] for owner in owners}
    shutil.copy(tmp_path / "records.db", tmp_path.parent / f"{tmp_path.name}.copy")
    gone = chance.sample(owners, 3)
    with known(tmp_path) as people:
        for owner in gone:
            erase(people, owner)
        assert left_of([word for owner in gone for word in words[owner]], tmp_path) == []
        say(people, gone[0], "back again of free will")
    for end in ("", "-wal", "-shm"):
        (tmp_path / f"records.db{end}").unlink(missing_ok=True)
    shutil.move(tmp_path.parent / f"{tmp_path.name}.copy", tmp_path / "records.db")
    with known(tmp_path) as people:
        say(people, gone[0], "asked after the erasure")
        alone(people, people.settle)
        assert left_of([word for owner in gone for word in words[owner]], tmp_path) == []
        assert [row["question"] for row in people.records.all(gone[0])] == ["asked after the erasure"]
        for owner in set(owners) - set(gone):
            assert [row["question"] for row in people.records.all(owner)] == words[owner]


KILLED = """
import asyncio, os, sys, time
from pathlib import Path
from app.people.people import People
from app.runs.records import Records, records_url
from app.runs.runs import MemoryBoard, Runs
from app.settings import RunSettings
from tests.app.test_forgetting import Echo
folder = Path(sys.argv[1])
async def main(owner):
    people = People(Records(records_url("", folder)), folder)
    runs = Runs(Echo(), MemoryBoard(RunSettings()), RunSettings())
    print(os.getpid(), flush=True)
    began = time.monotonic()
    certificate = await people.erase(owner, by="test", runs=runs)
    print(certificate.digest, time.monotonic() - began, flush=True)
for line in sys.stdin:
    child = os.fork()
    if not child:
        asyncio.run(main(line.strip()))
        os._exit(0)
    os.waitpid(child, 0)
    print("over", flush=True)
"""


class Killed:
    """A process that erases whom it is told to in a child, which is killed on the way."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-c", KILLED, str(folder)]
        self.process = subprocess.Popen(
            command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def erase(self, owner: str, *, kill_after: float | None) -> list[str]:
        """Return what the child said: the certificate's digest and the seconds that it took, or nothing."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(owner, file=self.process.stdin, flush=True)
        child = int(self.process.stdout.readline())
        if kill_after is not None:
            time.sleep(kill_after)
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        return [word for line in iter(self.process.stdout.readline, "over\n") for word in line.split()]


@pytest.mark.parametrize("kills", [10, pytest.param(100, marks=pytest.mark.slow)])
def test_an_erasure_that_is_killed_is_never_called_done_and_is_finished_by_the_next_to_start(
    tmp_path: Path, kills: int
) -> None:
    chance = random.Random(kills)
    reported = unfinished = 0
    longest = 0.0
    with known(tmp_path) as people:
        say(people, BOB, *(f"bob said {number}" for number in range(300)))
    killed = Killed(tmp_path)
    for number in range(kills + 1):
        owner = person_id("default", f"killed{number}")
        words = [f"said{chance.getrandbits(80):020x}" for _ in range(10)]
        with known(tmp_path) as people:
            say(people, owner, *words)
            ids = [run.partition("_")[2] for run in people.records.ids(owner)]
        said = killed.erase(owner, kill_after=chance.uniform(0, longest * 1.2) if number else None)
        book = Ledger(tmp_path).read()
        if said:
            longest = longest or float(said[1])
            reported += 1
            assert book.certificates[-1].digest == said[0]
            assert left_of([*words, *ids, owner], tmp_path) == []
        unfinished += len(book.wishes)
        is_noted = bool(book.wishes) or book.stone(owner) in book.erased
        with known(tmp_path) as people:
            alone(people, people.settle)
            if is_noted:
                assert left_of([*words, *ids, owner], tmp_path) == []
            else:
                assert len(people.records.ids(owner)) == len(words)
            assert people.ledger.read().wishes == []
            assert len(people.records.ids(BOB)) == 300
    killed.process.communicate(timeout=10)
    assert reported >= 1
    assert unfinished >= 1
    print(f"{kills} kills: {unfinished} on the way, {reported - 1} were done before")


@pytest.mark.parametrize("steps", [40, pytest.param(500, marks=pytest.mark.slow)])
def test_answers_go_with_the_first_sweep_after_their_time_and_those_held_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    """A clock that is moved by hand; what should be there is kept count of beside it."""
    chance = random.Random(steps)
    clock = datetime(2026, 1, 1, tzinfo=UTC)
    monkeypatch.setattr(records_module, "_now", lambda: clock)
    owners = [person_id("default", f"u{number}") for number in range(5)]
    should: dict[str, tuple[str, datetime]] = {}
    held: set[str] = set()
    with known(tmp_path) as people:
        for step in range(steps):
            clock += timedelta(days=chance.uniform(0, 20))
            owner = chance.choice(owners)
            run = f"run_{step:024x}"
            add_of(people.records, run, owner, f"asked{step:08d}")
            should[run] = (owner, clock)
            if chance.random() < 0.2 and owner not in held:
                people.hold(owner, name=owner, reason="case", by="test")
                held.add(owner)
            elif chance.random() < 0.3 and held:
                held.remove(released := chance.choice(sorted(held)))
                people.release(released, name=released)
            if chance.random() < 0.7:
                due = {
                    run
                    for run, (owner, asked) in should.items()
                    if owner not in held and asked < clock - timedelta(days=90)
                }
                assert people.sweep(90) == len(due)
                should = {run: each for run, each in should.items() if run not in due}
                assert left_of([f"asked{int(run[4:], 16):08d}" for run in due] or ["nothing"], tmp_path) == []
        assert {run for owner in people.records.owners() for run in people.records.ids(owner)} == set(should)


def test_an_export_holds_all_that_was_asked_and_said(tmp_path: Path) -> None:
    with known(tmp_path) as people:
        say(people, ANN, "How much?", "And then?")
        people.records.rate(people.records.ids(ANN)[0], owner=ANN, rating="down", reason="too long")
        say(people, BOB, "Of bob.")
        found = people.export(ANN)
    first, second = found["answers"]  # type: ignore[misc]
    assert (first["question"], first["answer"]) == ("How much?", "answer to How much?")
    assert (first["feedback"], second["feedback"]) == ({"rating": "down", "reason": "too long"}, None)
    assert "How much?" in json.dumps(first["explanation"])
    assert "bob" not in json.dumps(found)


def test_an_export_over_http_holds_what_the_audit_log_says_too(tmp_path: Path) -> None:
    with opened(tmp_path) as records:
        add_of(records, "run_1", ANN, "words")
        with serve(service(Echo(), records=records, identity=Named(tmp_path))) as at:
            shown = httpx.get(f"{at.url}/v1/people", params={"user": "ann"}, headers=BOSS).json()
    with known(tmp_path) as people:
        assert shown.keys() == people.export(ANN).keys()


def test_a_name_is_the_same_however_it_is_typed_and_what_can_be_none_is_refused(tmp_path: Path) -> None:
    composed, parted = "jos\u00e9", "jose\u0301"
    assert person_id("default", composed) == person_id("default", parted)
    with known(tmp_path / "data") as people:
        say(people, person_id("default", composed), "Of jose.")
    for wrong in ("", " ann", "ann\n", "a" * 201):
        refused = footnote(tmp_path, "people", "erase", wrong, "--yes")
        assert (refused.returncode, "no name" in refused.stderr) == (2, True), wrong
    assert json.loads(footnote(tmp_path, "people", "erase", parted, "--yes").stdout)["answers"] == 1


def test_a_second_hold_takes_nothing_from_the_first(tmp_path: Path) -> None:
    with known(tmp_path) as people:
        people.hold(ANN, name="ann", reason="case 7", by="x")
        first = people.ledger.read().holds[ANN]
        people.hold(ANN, name="ann", reason="case 8", by="y")
        held = people.ledger.read().holds[ANN]
    assert held == replace(first, reason="case 7; case 8")


def test_only_operators_may_export_or_erase_and_only_in_their_tenant(tmp_path: Path) -> None:
    class Narrow(Named):
        async def grant(self, shown: Shown) -> Grant:
            tenant, _, right = shown.bearer.partition(":")
            return Grant("key2", Scope(tenant), frozenset({right}))  # type: ignore[arg-type]

    with opened(tmp_path) as records:
        add_of(records, "run_1", ANN, "words")
        with serve(service(Echo(), records=records, identity=Narrow(tmp_path))) as at:
            for right, status in (("write", 403), ("chat", 403), ("act", 403), ("operate", 200)):
                headers = {"Authorization": f"Bearer other:{right}"}
                for answer in (
                    httpx.get(f"{at.url}/v1/people", params={"user": "ann"}, headers=headers),
                    httpx.delete(f"{at.url}/v1/people", params={"user": "ann"}, headers=headers),
                ):
                    assert answer.status_code == status
        assert records.ids(ANN) == ["run_1"]


def test_a_name_with_a_slash_is_a_name(tmp_path: Path) -> None:
    with opened(tmp_path) as records:
        add_of(records, "run_1", person_id("default", "https://id.example/ann"), "words")
        with serve(service(Echo(), records=records, identity=Named(tmp_path))) as at:
            name = "https://id.example/ann"
            shown = httpx.get(f"{at.url}/v1/people", params={"user": name}, headers=BOSS)
            assert len(shown.json()["answers"]) == 1
            assert erased(at.url, name).json()["answers"] == 1


def audit_of(folder: Path) -> Audit:
    settings = AuditSettings(audit="contents")
    return Audit(folder / "audit", settings, keys=Keys(folder / "keys.json"))


def test_whoever_is_erased_is_nobody_in_the_audit_log_which_stays_whole(tmp_path: Path) -> None:
    """With contents, which go too; and what a backup of their keys brings back goes again."""
    ann, bob = askers(2, seed=7)
    audit = audit_of(tmp_path)
    with opened(tmp_path) as records:

        async def record(run: Any, events: Any) -> None:
            await asyncio.to_thread(records.add, run.id, run.question, run.owner, events)

        asked = service(Echo(), records=records, on_end=record, audit=audit, identity=Named(tmp_path))
        with serve(asked) as at:
            for each in (ann, bob):
                each.asks(at.url)
            assert asked.people is not None
            told = asked.people.export(ann.owner)["audit"]
            assert ann.words[1] in json.dumps(told)
            assert not any(word in json.dumps(told) for word in bob.words)
            assert set(audit.people.names().values()) >= {ann.name, bob.name}
            shutil.copytree(tmp_path / "audit" / "people", tmp_path.parent / f"{tmp_path.name}.people")
            certificate = erased(at.url, ann.name).json()
            assert "audit log" in json.dumps(certificate["places"])
            run_ids = {trace for run in ann.runs for trace in pieces(run.partition("_")[2])}
            found = holding_any(tmp_path, set(ann.traces()) - run_ids)
            assert found == []
            assert asked.people.export(ann.owner)["audit"] == []
            again = Asker(ann.name, random.Random(99))
            again.asks(at.url)
        shutil.copytree(
            tmp_path.parent / f"{tmp_path.name}.people", tmp_path / "audit" / "people", dirs_exist_ok=True
        )
        assert ann.name in audit.people.names().values()
        asked.people.replay()
        assert ann.name not in audit.people.names().values()
        assert bob.name in audit.people.names().values()
    assert verify(tmp_path / "audit").sound


def test_while_anybody_is_held_nothing_of_the_audit_log_is_dropped(tmp_path: Path) -> None:
    with known(tmp_path) as people:
        assert not people.holds_anybody()
        people.hold(ANN, name="ann", reason="case", by="test")
        assert people.holds_anybody()


def test_the_commands_export_hold_release_and_erase(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with known(folder) as people:
        say(people, ANN, "annsquestion, from ann@example.org")
    shown = json.loads(footnote(tmp_path, "people", "export", "ann", "--masked").stdout)
    assert shown["answers"][0]["question"] == "annsquestion, from [e-mail]"
    (tmp_path / "ann.json").write_text("anybody's to read")
    written = footnote(tmp_path, "people", "export", "ann", "-o", "ann.json")
    assert written.returncode == 0, written.stderr
    assert (tmp_path / "ann.json").stat().st_mode & 0o777 == 0o600
    assert "annsquestion" in (tmp_path / "ann.json").read_text()
    assert footnote(tmp_path, "people", "hold", "ann", "--reason", "case 7").returncode == 0
    refused = footnote(tmp_path, "people", "erase", "ann", "--yes")
    assert (refused.returncode, "legal hold" in refused.stderr) == (2, True)
    (held,) = json.loads(footnote(tmp_path, "people", "holds", "--json").stdout)
    assert (held["user"], held["reason"], held["wishes"]) == ("ann", "case 7", 1)
    released = footnote(tmp_path, "people", "release", "ann")
    assert "is erased" in released.stderr
    (tmp_path / "ann.json").unlink()
    assert left_of(["annsquestion", ANN], tmp_path) == []
    (certificate,) = json.loads(footnote(tmp_path, "people", "erased").stdout)
    assert certificate["answers"] == 1
    again = json.loads(footnote(tmp_path, "people", "erase", "ann", "--yes").stdout)
    assert (again["answers"], again["person"]) == (0, certificate["person"])


def test_a_command_has_the_running_service_erase_what_it_holds_in_memory(tmp_path: Path) -> None:
    with small_handbook(tmp_path):
        pass
    with served(tmp_path) as url:
        said = f"w{random.getrandbits(80):020x}"
        asked = {"message": f"How much leave do {said} interns get?"}
        answer = httpx.post(f"{url}/v1/chat", json=asked, timeout=60)
        run = answer.headers["x-run-id"]
        assert httpx.get(f"{url}/v1/runs/{run}").status_code == 200
        done = footnote(tmp_path, "people", "erase", "local", "--owner", "--yes")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["answers"] == 1
        assert httpx.get(f"{url}/v1/runs/{run}").status_code == 404
        assert left_of([said], tmp_path / "data") == []
