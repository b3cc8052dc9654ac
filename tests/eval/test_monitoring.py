"""`footnote monitor` and `footnote eval harvest` over real records, in SQLite and in PostgreSQL; vectors are personal data."""

import asyncio
import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from typer import Typer
from typer.testing import CliRunner, Result

from app.commands.exit_codes import exit_code
from app.events import Considered, Done, Explained, Failed, Started, Text
from app.people.people import People
from app.question import Question
from app.runs import records as module
from app.runs.live import LiveRun
from app.runs.measured import Measured
from app.runs.records import Records, records_url
from app.runs.runs import MemoryBoard, Runs
from app.settings import MonitorSettings, RunSettings
from eval.cases import load_cases
from eval.commands import app
from eval.commands.monitor import monitor_command
from eval.live.harvest import cases_from
from eval.live.monitor import NO_GROUP, Found, Sources, monitor
from eval.live.reference import Cases, Dates, Kept, cases_of, find, keep, read
from eval.live.told import html
from vectorstore.errors import FootnoteError
from vectorstore.state.cell import State
from vectorstore.types import ChunkId, DocumentId, Generation, Scope

DIMENSION = 16
NOW = datetime.now(UTC)
SECRET = "Whispered secret of "


def vector_about(topic: int, random: np.random.Generator) -> np.ndarray:
    vector = random.normal(size=DIMENSION) * 0.15
    vector[topic] += 1
    return (vector / np.linalg.norm(vector)).astype(np.float32)


class Asked:
    """Puts questions into records as if they had been asked when it says."""

    def __init__(self, records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
        self.records, self._patch, self._count = records, monkeypatch, 0
        self.random = np.random.default_rng(5)

    def put(self, topic: int, outcome: str = "answered", *, ago: float = 1.0, owner: str = "", rating: str = "",
            tenant: str = "default", groups: tuple[str, ...] = (), text: str = "", conversation: str = "") -> str:  # fmt: skip
        self._count += 1
        run, owner = f"run_{self._count:024d}", owner or f"u_person{self._count}"
        self._patch.setattr(module, "_now", lambda: NOW - timedelta(days=ago))
        text = text or f"{SECRET}{owner} about topic{topic}"
        near = Considered(
            1, ChunkId("c"), DocumentId(f"doc_{topic}"), f"Title {topic}", "u", ("Head",), None, 0.5, ()
        )
        told = Explained(text, Generation(1), 0.5, 0.4, 0.2, candidates=(near,))
        ending = Failed("model_timeout", "Slow.") if outcome == "failed" else Done(outcome=outcome)  # type: ignore[arg-type]
        figures = Measured(
            outcome, total_ms=900.0, first_ms=300.0, sentences=2, supported=2, tenant=tenant, groups=groups
        )
        question = Question(
            text, Scope(tenant, frozenset(groups)), conversation=conversation or f"c{run}", top_k=6
        )
        self.records.add(
            run, question, owner, [Started(run, "c", "m", 0.0, ""), told, Text("Said so [1]."), ending],
            figures=figures, vector=vector_about(topic, self.random), embedder="made-up",
        )  # fmt: skip
        if rating:
            self.records.rate(run, owner=owner, rating=rating, reason="wrong year")  # type: ignore[arg-type]
        return run


@pytest.fixture
def records(state: State) -> Iterator[Records]:
    opened = Records(records_url("", state))
    yield opened
    opened.close()


@pytest.fixture
def asked(records: Records, monkeypatch: pytest.MonkeyPatch) -> Asked:
    return Asked(records, monkeypatch)


def looked(records: Records, kept: Kept | None = None, *, texts: bool = False) -> Found:
    words = (
        (lambda wanted: {run: each.alone for run, each in records.words(wanted).items()}) if texts else None
    )
    sources = Sources(records.nearest, lambda tenant, document: document != "doc_2", words)
    return monitor(records.live, kept or Kept(), sources, MonitorSettings(), until=NOW)


def test_a_week_is_told_with_its_new_topic_and_names_nobody(
    records: Records, asked: Asked, state: State
) -> None:
    for place in range(40):
        asked.put(place % 8, ago=10, groups=("sales",) if place % 2 else ())
    for place in range(30):
        asked.put(place % 8, groups=("sales",) if place % 2 else ())
    for _ in range(12):
        asked.put(12, "refused", rating="down", groups=("sales",))
    for _ in range(5):
        asked.put(14, "refused", owner="u_alone")
    found = looked(records)
    assert found.alarms["drift"] == 1
    assert "the oldest that are kept" in found.reference
    assert (found.topics[0].people, found.topics[0].refused, found.topics[0].near) == (
        12,
        12,
        ("Title 12 › Head",),
    )
    assert found.topics[0].is_new
    assert all("14" not in name for topic in (*found.topics, *found.strange) for name in topic.near)
    assert {each.name for each in found.groups} == {"sales", NO_GROUP}
    assert {each.kind for each in found.changed} == {"refused"}
    assert found.now.shares["rated down"].of == 12
    assert [each.questions for each in found.history] == [47, 40]
    found.keep(state)
    kept = json.loads(state.cell("monitor.json").read() or b"")
    assert kept == {"completed": int(NOW.timestamp()), "p": found.p, "alarms": dict(found.alarms)}
    for told in (found.told(), html(found), json.dumps(kept)):
        assert not [word for word in ("u_", SECRET, "vector", "run_", "topic12") if word in told]
    named = looked(records, texts=True).topics[0]
    assert "topic12" in named.words
    assert not [word for word in named.words if word.startswith(("u_", "person"))]


def test_a_document_that_is_gone_names_no_topic_and_one_person_is_no_topic(
    records: Records, asked: Asked
) -> None:
    for place in range(12):
        asked.put(4 + place % 8)
    for _ in range(4):
        asked.put(2, "unsure")
        asked.put(3, "unsure", owner="u_one")
    (topic,) = looked(records).topics
    assert (topic.near, topic.people, topic.new) == ((), 4, 0.0)
    assert looked(records).p is None


def test_what_questions_are_held_against_goes_by_what_was_set(
    records: Records, asked: Asked, state: State
) -> None:
    for place in range(25):
        asked.put(place % 8, ago=20)
        asked.put(place % 8, ago=12)
    week, since = timedelta(days=7), NOW - timedelta(days=7)

    def held(kept: Kept, embedder: str = "made-up") -> tuple[str, tuple[str, ...]]:
        reference = find(kept, records.live, embedder, before=since, window=week)
        return reference.says, reference.notes

    assert f"{NOW - timedelta(days=20):%Y-%m-%d}" in held(Kept())[0]
    keep(state, chosen=Dates(since=NOW - timedelta(days=13), until=NOW - timedelta(days=11)))
    assert "as set" in held(read(state))[0]
    keep(state, chosen=Dates(since=NOW - timedelta(days=90), until=NOW - timedelta(days=80)))
    says, notes = held(read(state))
    assert "oldest" in says
    assert "0 independent ones" in notes[0]
    assert "nothing yet" in held(Kept(), "another")[0]
    written = Kept(
        evaluation=Cases(
            name="c.jsonl",
            made=NOW,
            embedder="made-up",
            dimension=1,
            units=tuple(range(20)),
            vectors=base64.b64encode(np.ones(20, "<f2").tobytes()).decode(),
        )
    )
    assert "Another embedder" in held(written, "another")[1][0]
    # Where nobody has asked anything there is none that could be another.
    says, notes = held(written, "")
    assert ("c.jsonl" in says, notes) == (True, ())


def test_the_questions_of_an_evaluation_are_kept_without_follow_ups_and_harvested_ones(state: State) -> None:
    class Fake:
        fingerprint, dimension = "made-up", DIMENSION

        def embed_query(self, text: str) -> np.ndarray:
            return vector_about(len(text) % 8, np.random.default_rng(len(text)))

    lines = [{"id": f"c{n}", "question": "x" * (n + 1)} for n in range(30)]
    lines += [
        {"id": "h", "question": "Whose?", "tags": ["harvested"]},
        {"id": "f", "question": "And?", "history": [{"role": "user", "content": "x"}]},
    ]
    path = Path(state.folder).parent / "cases.jsonl"
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    keep(state, evaluation=cases_of(load_cases(path), Fake(), name="cases.jsonl", made=NOW))  # type: ignore[arg-type]
    reference = find(read(state), lambda *_: iter(()), "made-up", before=NOW, window=timedelta(7))  # type: ignore[arg-type,return-value]
    assert reference.questions is not None
    assert reference.questions.vectors.shape == (30, DIMENSION)
    assert "the newest evaluation" in reference.says
    other = find(read(state), lambda *_: (run for run in ()), "another", before=NOW, window=timedelta(7))
    assert "Another embedder" in other.notes[0]


def vectors_of(records: Records) -> list[LiveRun]:
    return [run for run in records.live(NOW - timedelta(days=400), NOW) if run.vector is not None]


def test_vectors_go_with_the_person_the_conversation_and_the_days_and_come_with_the_export(
    records: Records, asked: Asked, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked.put(1, owner="u_ann")
    asked.put(1, owner="u_bob", conversation="talk")
    asked.put(1, owner="u_bob")
    asked.put(1, owner="u_cid", ago=100)
    monkeypatch.setattr(module, "_now", lambda: NOW)
    people = People(records, state)
    exported = people.export("u_ann")
    (answer,) = exported["answers"]  # type: ignore[misc]
    assert len(answer["figures"]["vector"]) == DIMENSION
    runs = Runs(lambda question, run: None, MemoryBoard(RunSettings()), RunSettings())  # type: ignore[arg-type]
    asyncio.run(people.erase("u_ann", by="test", runs=runs))
    assert sorted(run.owner for run in vectors_of(records)) == ["u_bob", "u_bob", "u_cid"]
    asyncio.run(people.forget("talk", owner="u_bob", by="test", runs=runs))
    assert sorted(run.owner for run in vectors_of(records)) == ["u_bob", "u_cid"]
    people.sweep(90)
    assert [run.owner for run in vectors_of(records)] == ["u_bob"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an empty index, for commands."""
    monkeypatch.setenv("FOOTNOTE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def of_here(here: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Asked]:
    records = Records(records_url("", here / "data"))
    yield Asked(records, monkeypatch)
    records.close()


def called(name: str, *arguments: str) -> Result:
    alone = Typer()
    alone.command()(monitor_command)
    return CliRunner().invoke(
        alone if name == "monitor" else app, [*([] if name == "monitor" else [name]), *arguments]
    )


def code(result: Result) -> int:
    if isinstance(result.exception, FootnoteError):
        return exit_code(result.exception)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code


def test_the_command_says_by_its_exit_code_whether_to_look(of_here: Asked, here: Path) -> None:
    quiet = called("monitor")
    assert code(quiet) == 0
    assert "nothing stands out" in quiet.stdout
    for place in range(40):
        of_here.put(place % 8, ago=10)
        of_here.put(9, "failed")
    loud = called("monitor", "--json", "--html", "page.html")
    assert code(loud) == 1
    told = json.loads(loud.stdout)
    assert told["alarms"]["drift"] == 1
    assert told["alarms"]["shares"] == 1
    page = (here / "page.html").read_text()
    assert "default-src 'none'" in page
    assert "<script" not in page
    assert code(called("monitor", "--set-reference", "nowhere")) == 2
    assert code(called("monitor", "--set-reference", "window")) == 0
    (here / "data" / "monitor_reference.json").write_text("{")
    assert code(called("monitor")) == 2


def test_who_waits_for_an_erasure_is_in_no_report_and_no_harvest(of_here: Asked, here: Path) -> None:
    for owner in ("u_ann", "u_bob", "u_cid"):
        of_here.put(1, "refused", owner=owner)
    people = People(of_here.records, here / "data")
    people.note("u_ann", by="test")
    people.hold("u_bob", name="bob", reason="court", by="test")
    assert json.loads(called("monitor", "--json").stdout)["now"]["questions"] == 2
    done = called("harvest", "--out", "cases.jsonl")
    assert code(done) == 0
    assert "1 question of people under a legal hold" in done.stderr
    (case,) = load_cases(here / "cases.jsonl")
    assert "u_cid" in case.question


def test_a_harvest_names_no_asker_keeps_scopes_and_overwrites_nothing(of_here: Asked, here: Path) -> None:
    of_here.put(1, "answered", owner="u_ann", conversation="talk", text="What is the fee?")
    of_here.put(
        1, "refused", owner="u_ann", conversation="talk", text="And for ann@example.org?", groups=("sales",)
    )
    of_here.put(1, rating="down", text="Is it paid?")
    of_here.put(1, rating="up", text="Is it due?")
    of_here.put(1, "unsure", tenant="other", text="Not ours?")
    assert code(called("harvest", "--out", "cases.jsonl")) == 0
    cases = {case.question: case for case in load_cases(here / "cases.jsonl")}
    assert cases.keys() == {"And for [e-mail]?", "Is it paid?"}
    follow_up = cases["And for [e-mail]?"]
    assert [turn.text for turn in follow_up.history] == ["What is the fee?", "Said so [1]."]
    assert follow_up.scope is not None
    assert (follow_up.scope.tenant, follow_up.scope.groups) == ("default", ("sales",))
    assert cases["Is it paid?"].note == "Rated down. wrong year"
    assert not any(case.reviewed for case in cases.values())
    written = (here / "cases.jsonl").read_text()
    assert not [word for word in ("u_ann", "talk", "run_", "ann@") if word in written]
    assert (here / "cases.jsonl").stat().st_mode & 0o777 == 0o600
    assert code(called("harvest", "--out", "cases.jsonl")) == 2
    assert (here / "cases.jsonl").read_text() == written
    assert code(called("harvest", "--out", "others.jsonl", "--tenant", "other", "--rated-up")) == 0
    assert [case.question for case in load_cases(here / "others.jsonl")] == ["Not ours?"]
    assert code(called("harvest", "--out", "none.jsonl", "--tenant", "third")) == 5


def test_what_was_asked_twice_is_one_case_in_one_scope(asked: Asked) -> None:
    asked.put(1, "refused", text="Same?")
    asked.put(1, "refused", text="same?")
    asked.put(1, "refused", text="Same?", groups=("sales",))
    live = vectors_of(asked.records)
    cases = cases_from(live, asked.records.words([run.run for run in live]), ups=False)
    assert len(cases) == 2
    assert [case.scope.groups for case in cases if case.scope] == [("sales",), ()]
