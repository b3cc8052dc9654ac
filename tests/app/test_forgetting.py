"""A conversation that is deleted leaves no byte in any file, and no route shows it again."""

import asyncio
import json
import random
import re
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from app.events import Considered, Done, Event, Explained, Started, Text
from app.people.people import People
from app.question import Message, Question
from app.runs import records as module
from app.runs.records import Records, records_url
from app.runs.runs import MemoryBoard, Runs
from app.settings import RunSettings
from app.turn.explanation import explanation
from tests import forked
from tests.app.edge import Served, serve, service
from tests.app.test_api_shutdown import free_port, wait_until_ready
from tests.fakes.handbook import small_handbook
from tests.fakes.redis_server import RedisServer, redis_server
from tests.test_command_line import address_in, environment_of, footnote
from vectorstore.errors import NotFound, Unavailable
from vectorstore.types import ChunkId, DocumentId, Generation, Scope, Stage

ROOT = Path(__file__).parents[2]


def word(chance: random.Random) -> str:
    return f"w{chance.getrandbits(80):020x}"


def left_of(words: Sequence[str], folder: Path) -> list[str]:
    """Return the files that hold one of the words. Another process reads: closing a file here would lose its locks."""
    command = [
        "grep",
        "--recursive",
        "--text",
        "--files-with-matches",
        "--fixed-strings",
        "--file=-",
        str(folder),
    ]
    found = subprocess.run(command, input="\n".join(words), capture_output=True, text=True, check=False)
    assert found.returncode in {0, 1}, found.stderr
    return found.stdout.splitlines()


def told(searched: str) -> Explained:
    stage = Stage("dense", 1, 0.123456789)
    found = Considered(
        1, ChunkId("c"), DocumentId("doc_handbook"), "T", "u", ("H",), None, 0.987654321, (stage,)
    )
    return Explained(searched, Generation(1), 0.5, 0.4, 0.2, candidates=(found,) * 20)


def add(records: Records, run: str, conversation: str, asked: str, answer: str) -> None:
    events = [Started(run, conversation, "m", 0.0, ""), told(asked), Text(answer), Done()]
    records.add(run, Question(asked, Scope(), conversation=conversation, top_k=6), "k1", events)


class Conversations:
    """Random conversations in a records file, and every word that went into each."""

    def __init__(self, records: Records, seed: int) -> None:
        self.records = records
        self.chance = random.Random(seed)
        self.words: dict[str, list[str]] = {}

    def some(self) -> list[str]:
        return [word(self.chance) for _ in range(self.chance.randint(2, 30))]

    def hold(self) -> None:
        conversation = word(self.chance)
        said = self.words[conversation] = [conversation]
        for _ in range(self.chance.randint(1, 4)):
            run, asked, answer = word(self.chance), self.some(), self.some()
            add(self.records, run, conversation, " ".join(asked), " ".join(answer))
            said += [run, *asked, *answer]
            for _ in range(self.chance.choice((0, 0, 1, 2))):
                reason = self.some()
                self.records.rate(run, owner="k1", rating="down", reason=" ".join(reason))
                said += reason

    def erase(self) -> list[str]:
        conversation = self.chance.choice(list(self.words))
        assert self.records.forget(conversation, owner="k1") > 0
        return self.words.pop(conversation)


def walk(folder: Path, seed: int, steps: int) -> int:
    records = Records(records_url("", folder))
    conversations = Conversations(records, seed)
    erased = 0
    try:
        for step in range(steps):
            few = len(conversations.words) < 20
            if few or (len(conversations.words) < 80 and conversations.chance.random() < 0.5):
                conversations.hold()
                continue
            erased += 1
            assert left_of(conversations.erase(), folder) == [], (seed, step)
        assert left_of([next(iter(conversations.words))], folder) != []
    finally:
        records.close()
    return erased


@pytest.mark.parametrize("seed", [8, 11])
def test_whatever_came_before_a_deletion_leaves_no_byte_in_any_file(tmp_path: Path, seed: int) -> None:
    """In both walks SQLite leaves copies of moved rows, which the deletion of these rows does not overwrite."""
    assert walk(tmp_path, seed, 90) > 20


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 120))
def test_ten_thousand_deletions_leave_no_byte_in_any_file(tmp_path: Path, seed: int) -> None:
    walk(tmp_path, seed, 1_000)


@contextmanager
def opened(folder: Path) -> Iterator[Records]:
    records = Records(records_url("", folder))
    try:
        yield records
    finally:
        records.close()


def test_a_reader_holds_a_deletion_up_and_one_that_stays_is_said(tmp_path: Path) -> None:
    with opened(tmp_path) as records, ExitStack() as stack:
        for number in range(3):
            add(records, f"r{number}", f"c{number}", f"asked{number}", f"answered{number}")
        reader = sqlite3.connect(tmp_path / "records.db", isolation_level=None, check_same_thread=False)
        stack.callback(reader.close)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM runs").fetchone()
        leaving = threading.Timer(1.0, reader.execute, ["COMMIT"])
        leaving.start()
        records.forget("c0", owner="k1")
        assert left_of(["asked0", "answered0"], tmp_path) == []
        leaving.join()
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM runs").fetchone()
        with pytest.raises(Unavailable, match="words of it may stay"):
            records.forget("c1", owner="k1")
        assert records.history("c1", owner="k1") == ()
        reader.execute("COMMIT")
        assert records.forget("c1", owner="k1") == 0
        assert left_of(["asked1", "answered1"], tmp_path) == []
        assert left_of(["asked2"], tmp_path) != []


def test_a_deletion_that_was_killed_on_the_way_is_finished_by_the_next_to_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path) as records:
        add(records, "r1", "c1", "askedwords", "answeredwords")
        with monkeypatch.context() as patch:
            patch.setattr(Records, "_blank", lambda _: None)
            assert records.forget("c1", owner="k1") == 1
        assert left_of(["askedwords", "answeredwords"], tmp_path) != []
        with opened(tmp_path):
            assert left_of(["askedwords", "answeredwords"], tmp_path) == []


def test_records_of_an_earlier_version_are_taken_over(tmp_path: Path) -> None:
    shown = explanation("r1", Question("How much?", Scope(), conversation="c1", top_k=6), [told("much")])
    with sqlite3.connect(tmp_path / "records.db") as earlier:
        earlier.executescript(
            """CREATE TABLE runs (id VARCHAR(64) PRIMARY KEY, conversation VARCHAR(128) NOT NULL,
               owner VARCHAR(64) NOT NULL, created DATETIME NOT NULL, question TEXT NOT NULL, answer TEXT NOT NULL,
               outcome VARCHAR(32) NOT NULL, refused BOOLEAN NOT NULL, model VARCHAR(200) NOT NULL,
               citations JSON NOT NULL);
               CREATE TABLE explanations (run VARCHAR(64) PRIMARY KEY REFERENCES runs (id), told JSON NOT NULL);
               INSERT INTO runs VALUES ('r1', 'c1', 'k1', '2026-01-01 00:00:00.000000', 'How much?', 'Much.', 'done',
               0, 'm', '[[1, "u", "quotedwords"]]');"""
        )
        earlier.execute(
            "INSERT INTO explanations VALUES ('r1', ?)", (json.dumps(shown.model_dump(mode="json")),)
        )
    for _ in "ab":
        with opened(tmp_path) as records:
            assert records.explanation("r1", owner="k1") == shown
            assert records.history("c1", owner="k1")[0] == Message("user", "How much?")
    assert left_of(["quotedwords", "chunk_id"], tmp_path) == []
    with opened(tmp_path) as records:
        add(records, "r2", "c1", "And then?", "More.")
        assert records.forget("c1", owner="k1") == 2


def test_processes_that_open_the_records_at_once_make_them_once(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    program = """
import sys, time
from pathlib import Path
from app.runs.records import Records, records_url
time.sleep(max(0.0, float(sys.argv[2]) - time.time()))
Records(records_url("", Path(sys.argv[1]))).close()
"""
    at_once = str(time.time() + 1.0)
    opening = [forked.script(program, str(folder), at_once) for _ in range(4)]
    assert [process.wait(60) for process in opening] == [0, 0, 0, 0]


def moved(monkeypatch: pytest.MonkeyPatch, days: float) -> None:
    monkeypatch.setattr(module, "_now", lambda: datetime.now(UTC) + timedelta(days=days))


def test_what_is_older_than_the_days_set_is_erased_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path) as records:
        for number, age in enumerate((-91, -90.1, -89.9, 0)):
            moved(monkeypatch, age)
            add(records, f"r{number}", "c1", f"asked{number}", f"answered{number}")
            records.rate(f"r{number}", owner="k1", rating="down", reason=f"because{number}")
        moved(monkeypatch, 0)
        assert records.sweep(90) == 2
        gone = [f"{kind}{number}" for kind in ("asked", "answered", "because") for number in (0, 1)]
        assert left_of(gone, tmp_path) == []
        assert [run for run, _, _ in records.ratings()] == ["r2", "r3"]
        moved(monkeypatch, 30)
        assert records.sweep(90) == 1
        assert records.history("c1", owner="k1")[0] == Message("user", "asked3")


def test_a_service_sweeps_when_it_starts_and_again_while_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def waits(until: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 10
        while not until():
            assert time.monotonic() < deadline
            time.sleep(0.02)

    with opened(tmp_path) as records:
        people = People(records, tmp_path)

        async def main() -> None:
            runs = Runs(Echo(), MemoryBoard(RunSettings()), RunSettings())
            add(records, "r1", "c1", "first", "answer")
            moved(monkeypatch, 8)
            async with people.kept(runs, days=7, every=0.05):
                await asyncio.to_thread(waits, lambda: records.history("c1", owner="k1") == ())
                add(records, "r2", "c1", "second", "answer")
                moved(monkeypatch, 16)
                await asyncio.to_thread(waits, lambda: records.history("c1", owner="k1") == ())
            async with people.kept(runs, days=0, every=0.05):
                add(records, "r3", "c1", "third", "answer")
                moved(monkeypatch, 10_000)
                await asyncio.sleep(0.2)
                assert records.history("c1", owner="k1") != ()

        asyncio.run(main())


def test_the_command_erases_what_is_old_and_says_how_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved(monkeypatch, -40)
    with opened(tmp_path / "data") as records:
        add(records, "r1", "c1", "askedwords", "answeredwords")
    done = footnote(tmp_path, "forget", FOOTNOTE_RECORDS_DAYS="0")
    assert (done.returncode, "Give --days" in done.stderr) == (2, True)
    assert "Erased 0 answers older than 90 days" in footnote(tmp_path, "forget").stderr
    assert "Erased 1 answer older than 30 days" in footnote(tmp_path, "forget", "--days", "30").stderr
    assert left_of(["askedwords", "answeredwords"], tmp_path) == []


class Echo:
    """A turn that says the question and what came before it, word by word."""

    def __init__(self, pause: float = 0.0) -> None:
        self.pause = pause

    async def __call__(self, question: Question, run: str) -> AsyncGenerator[Event, None]:
        yield Started(run, question.conversation, "echo", 0.0, "")
        yield told(question.text)
        for said in (*(message.text for message in question.history), question.text):
            for part in said.split():
                yield Text(f"said-{part} ")
                await asyncio.sleep(self.pause)
        yield Done()


def ids(frames: str) -> str:
    return re.findall(r"^id: (\d+)", frames, re.MULTILINE)[-1]


def replays(url: str, run: str, *, frame: str, chat: str) -> dict[str, tuple[int, str]]:
    """Ask every route that shows a run or follows from one."""
    response = run.replace("run_", "resp_")
    then = {"input": "Once more?", "previous_response_id": response}
    with httpx.Client(base_url=url, timeout=20) as client:
        asked = {
            "explained": client.get(f"/v1/runs/{run}"),
            "resumed": client.get(f"/v1/runs/{run}/events"),
            "resumed after": client.get(f"/v1/runs/{run}/events", headers={"Last-Event-ID": frame}),
            "cancelled": client.post(f"/v1/runs/{run}/cancel"),
            "response": client.get(f"/v1/responses/{response}"),
            "response stream": client.get(f"/v1/responses/{response}", params={"stream": "true"}),
            "response cancel": client.post(f"/v1/responses/{response}/cancel"),
            "follow-up response": client.post("/v1/responses", json=then),
            "rated": client.post("/v1/feedback", json={"run": run, "rating": "up", "reason": "late"}),
            "latest": client.get(f"/api/chat/{chat}/stream"),
        }
        return {name: (answer.status_code, answer.text) for name, answer in asked.items()}


def shown_again(url: str, runs: Sequence[tuple[str, str]], words: Sequence[str], chat: str) -> list[str]:
    """Name every route that still knows a run, or says a word."""
    found = []
    for run, frame in runs:
        for name, (status, text) in replays(url, run, frame=frame, chat=chat).items():
            if status != (204 if name == "latest" else 404) or any(word in text for word in words):
                found.append(f"{name}: {status}")
    return found


def rate(client: httpx.Client, run: str, reason: str) -> None:
    """Rate an answer, which may still be on its way into the records."""
    opinion = {"run": run, "rating": "down", "reason": reason}
    assert client.post("/v1/feedback", json=opinion).status_code == 204


def converse(url: str, chat: str, words: Sequence[str]) -> list[tuple[str, str]]:
    """Ask in one conversation over every route, and rate; return each run with its last frame."""
    runs = []
    with httpx.Client(base_url=url, timeout=30) as client:
        for said in words[:2]:
            answer = client.post("/v1/chat", json={"message": f"{said}?", "conversation": chat})
            assert f"said-{said}" in answer.text
            runs.append((answer.headers["x-run-id"], ids(answer.text)))
        said = {"input": f"{words[2]}?", "footnote": {"conversation": chat}}
        first = client.post("/v1/responses", json=said)
        then = client.post(
            "/v1/responses", json={"input": f"{words[3]}?", "previous_response_id": first.json()["id"]}
        )
        ui = {"id": chat, "messages": [{"role": "user", "content": f"{words[4]}?"}]}
        for answer in (first, then, client.post("/api/chat", json=ui)):
            assert answer.status_code == 200
            runs.append((answer.headers["x-run-id"], "1"))
        for run, _ in runs:
            rate(client, run, f"{words[5]} was wrong")
    return runs


@contextmanager
def recorded(folder: Path, turn: Echo) -> Iterator[Served]:
    with opened(folder) as records:

        async def record(run: object, events: Sequence[Event]) -> None:
            await asyncio.to_thread(records.add, run.id, run.question, run.owner, events)  # type: ignore[attr-defined]

        with serve(service(turn, records=records, on_end=record)) as served:
            yield served


WORDS = [f"zyx{number}unheard" for number in range(6)]


def test_a_deleted_conversation_is_in_no_file_and_no_route_shows_it(tmp_path: Path) -> None:
    with recorded(tmp_path, Echo()) as served:
        runs = converse(served.url, "chat1", WORDS)
        other = converse(served.url, "chat2", [f"other{number}" for number in range(6)])
        assert len(shown_again(served.url, runs[:1], WORDS, "chat1")) >= 5
        erased = httpx.delete(f"{served.url}/v1/conversations/chat1")
        assert (erased.status_code, erased.json()["runs"] >= len(runs)) == (200, True)
        assert left_of([*WORDS, *(run for run, _ in runs)], tmp_path) == []
        assert shown_again(served.url, runs, WORDS, "chat1") == []
        again = httpx.post(f"{served.url}/v1/chat", json={"message": "So?", "conversation": "chat1"})
        assert not any(said in again.text for said in WORDS)
        assert httpx.get(f"{served.url}/v1/runs/{other[0][0]}").status_code == 200
        assert httpx.delete(f"{served.url}/v1/conversations/nothing").json() == {"runs": 0}


def test_what_is_being_written_or_read_when_its_conversation_is_deleted_ends_at_once(tmp_path: Path) -> None:
    with recorded(tmp_path, Echo(pause=0.2)) as served:
        asked = {"message": " ".join(WORDS), "conversation": "chat1"}
        with httpx.stream("POST", f"{served.url}/v1/chat", json=asked, timeout=20) as response:
            run = response.headers["x-run-id"]
            lines = response.iter_lines()
            next(line for line in lines if "text-delta" in line)
            erased = httpx.delete(f"{served.url}/v1/conversations/chat1", timeout=20)
            assert (erased.status_code, erased.json()) == (
                200,
                {"runs": 0},
            )  # none is recorded in the first place
            rest = list(lines)
        assert any('"type":"abort"' in line for line in rest)
        assert not any(f"said-{WORDS[-1]}" in line for line in rest)
        assert shown_again(served.url, [(run, "1")], WORDS, "chat1") == []
        assert served.runs.active == 0
        assert not served.runs.board.runs
    assert left_of(WORDS, tmp_path) == []


def test_a_question_that_was_put_together_during_a_deletion_does_not_carry_what_was_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, deleted = threading.Event(), threading.Event()
    history = Records.history

    def slow(self: Records, conversation: str, *, owner: str, turns: int = 6) -> tuple[Message, ...]:
        found = history(self, conversation, owner=owner, turns=turns)
        reading.set()
        deleted.wait(10)
        return found

    with recorded(tmp_path, Echo()) as served:
        asked = {"message": WORDS[0], "conversation": "chat1"}
        httpx.post(f"{served.url}/v1/chat", json=asked)
        monkeypatch.setattr(Records, "history", slow)
        answers: list[str] = []
        follow = {"message": "So?", "conversation": "chat1"}
        asking = threading.Thread(
            target=lambda: answers.append(httpx.post(f"{served.url}/v1/chat", json=follow, timeout=20).text)
        )
        asking.start()
        assert reading.wait(10)
        assert httpx.delete(f"{served.url}/v1/conversations/chat1", timeout=20).json() == {"runs": 1}
        deleted.set()
        asking.join(20)
    assert "said-So?" in answers[0]
    assert WORDS[0] not in answers[0]
    assert left_of(WORDS, tmp_path) == []


SERVE = """
import asyncio, sys, uvicorn
from pathlib import Path
from app.settings import RunSettings, Settings
from app.runs.records import Records, records_url
from app.http.application import create_app
from tests.app.edge import service
from tests.app.test_forgetting import Echo
port, redis, folder = int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
records = Records(records_url("", folder))
async def record(run, events):
    await asyncio.to_thread(records.add, run.id, run.question, run.owner, events)
app = create_app(service(Echo(0.05), records=records, on_end=record, settings=Settings(runs=RunSettings(runs_url=redis))))
uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", timeout_graceful_shutdown=5)
"""


@dataclass(frozen=True)
class Replicas:
    """Two service processes that share runs through Redis, and records in a folder."""

    redis: RedisServer
    folder: Path
    urls: tuple[str, str]
    processes: tuple[forked.Process, ...]


@pytest.fixture(scope="module")
def replicas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replicas]:
    folder = tmp_path_factory.mktemp("records")
    with redis_server(tmp_path_factory.mktemp("redis")) as redis:
        ports = (free_port(), free_port())
        urls = (f"http://127.0.0.1:{ports[0]}", f"http://127.0.0.1:{ports[1]}")
        processes = tuple(forked.script(SERVE, str(port), redis.url, str(folder)) for port in ports)
        try:
            for url in urls:
                wait_until_ready(url)
            yield Replicas(redis, folder, urls, processes)
        finally:
            for process in processes:
                process.kill()
                process.wait(10)


def left_in_redis(redis: RedisServer, words: Sequence[str]) -> list[str]:
    import redis as client

    found = []
    with client.Redis.from_url(redis.url) as connection:
        for key in connection.scan_iter():
            content = repr((key, connection.dump(key), _readable(connection, key)))
            if any(said in content for said in words):
                found.append(key.decode())
    return found


def _readable(connection: object, key: bytes) -> object:
    """Return a value as it was written: a dump may be compressed."""
    kind = connection.type(key)  # type: ignore[attr-defined]
    reads = {b"string": "get", b"stream": "xrange", b"set": "smembers"}
    return getattr(connection, reads[kind])(key) if kind in reads else connection.zrange(key, 0, -1)  # type: ignore[attr-defined]


def test_two_processes_forget_what_one_of_them_is_told_to(replicas: Replicas) -> None:
    (one, two), redis = replicas.urls, replicas.redis
    runs = [*converse(one, "chat1", WORDS), *converse(two, "chat1", WORDS)]
    secrets = [*WORDS, *(run for run, _ in runs)]
    assert left_in_redis(redis, WORDS) != []
    assert httpx.delete(f"{two}/v1/conversations/chat1", timeout=30).status_code == 200
    assert left_in_redis(redis, secrets) == []
    assert left_of(secrets, replicas.folder) == []
    for url in (one, two):
        assert shown_again(url, runs, WORDS, "chat1") == []
    again = httpx.post(f"{one}/v1/chat", json={"message": "So?", "conversation": "chat1"})
    assert "said-So?" in again.text
    assert not any(said in again.text for said in WORDS)
    time.sleep(0.3)
    assert left_in_redis(redis, secrets) == []


def test_an_answer_that_another_process_writes_is_stopped_by_a_deletion(replicas: Replicas) -> None:
    (one, two), redis = replicas.urls, replicas.redis
    asked = {"message": " ".join(WORDS * 40), "conversation": "chat2"}
    with ExitStack() as stack:
        response = stack.enter_context(httpx.stream("POST", f"{one}/v1/chat", json=asked, timeout=30))
        run = response.headers["x-run-id"]
        followed = stack.enter_context(httpx.stream("GET", f"{two}/v1/runs/{run}/events", timeout=30))
        readers = [response.iter_lines(), followed.iter_lines()]
        for lines in readers:
            next(line for line in lines if "text-delta" in line)
        assert httpx.delete(f"{two}/v1/conversations/chat2", timeout=30).status_code == 200
        rests = [list(lines) for lines in readers]
    assert [any('"type":"abort"' in line for line in rest) for rest in rests] == [True, True]
    time.sleep(0.3)
    assert left_in_redis(redis, [*WORDS, run]) == []
    assert left_of([*WORDS, run], replicas.folder) == []
    for url in (one, two):
        assert shown_again(url, [(run, "1")], WORDS, "chat2") == []


@pytest.mark.slow
def test_a_process_that_does_not_hear_obeys_when_it_does(replicas: Replicas) -> None:
    (one, two), redis = replicas.urls, replicas.redis
    runs = converse(one, "chat3", WORDS)
    replicas.processes[0].send_signal(signal.SIGSTOP)
    try:
        # It counts as gone when its sign of life has run out.
        assert httpx.delete(f"{two}/v1/conversations/chat3", timeout=60).status_code in {200, 503}
    finally:
        replicas.processes[0].send_signal(signal.SIGCONT)
    assert left_in_redis(redis, WORDS) == []
    deadline = time.monotonic() + 20
    while found := shown_again(one, runs, WORDS, "chat3"):
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
    assert left_in_redis(redis, WORDS) == []


def test_without_redis_a_deletion_is_done_here_and_says_that_other_processes_may_still_show_it(
    replicas: Replicas,
) -> None:
    one, redis = replicas.urls[0], replicas.redis
    runs = converse(one, "chat4", WORDS)
    redis.stop()
    refused = httpx.delete(f"{one}/v1/conversations/chat4", timeout=60)
    assert refused.status_code == 503
    assert "other replicas may show it" in refused.text
    assert left_of(WORDS, replicas.folder) == []
    assert httpx.get(f"{one}/v1/runs/{runs[0][0]}").status_code in {404, 503}
    redis.start()
    deadline = time.monotonic() + 20
    while httpx.delete(f"{one}/v1/conversations/chat4", timeout=60).status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert left_in_redis(redis, WORDS) == []


def test_a_service_that_is_killed_once_a_deletion_is_acknowledged_has_left_nothing(tmp_path: Path) -> None:
    """Over the whole data folder of a real service, logs included."""
    with small_handbook(tmp_path):
        pass
    log = tmp_path / "service.log"
    with log.open("w") as written:
        process = forked.start(tmp_path, ["serve"], environment_of(PORT="0"), output=written, errors=written)
        try:
            deadline = time.monotonic() + 60
            while not address_in(log.read_text()):
                assert time.monotonic() < deadline
                time.sleep(0.05)
            url = address_in(log.read_text())
            wait_until_ready(url)
            for said in WORDS:
                asked = {"message": f"How much leave do {said} interns get?", "conversation": "chat1"}
                answer = httpx.post(f"{url}/v1/chat", json=asked, timeout=30)
                with httpx.Client(base_url=url) as client:
                    rate(client, answer.headers["x-run-id"], f"not for {said}")
            assert left_of(WORDS, tmp_path) != []
            assert httpx.delete(f"{url}/v1/conversations/chat1", timeout=30).json() == {"runs": 6}
        finally:
            process.close()
    assert left_of(WORDS, tmp_path) == []
    with opened(tmp_path / "data") as records, pytest.raises(NotFound):
        records.explanation(answer.headers["x-run-id"], owner="local")
