"""`footnote eval` from a shell: bad input leaves with the right code and line, good input with its files."""

import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.commands.exit_codes import exit_code
from eval.commands import app
from eval.commands.configuration import Configuration, parse_configuration
from eval.gate.conclusion import Exit
from ingest.settings import IngestSettings
from tests.fakes.handbook import write_documents
from vectorstore.errors import BadInput, FootnoteError

QUESTION = {
    "id": "leave",
    "question": "How many days of annual leave do full-time staff get?",
    "evidence": [{"doc": "leave.md", "quote": "Full-time staff get 25 days"}],
    "must_include": ["25 days"],
    "critical": True,
    "reviewed": True,
}
MEALS = {
    "id": "meals",
    "question": "Up to what amount are meals on business travel refunded?",
    "evidence": [{"doc": "expenses.md", "quote": "Meals on business travel are refunded up to EUR 40 a day"}],
    "must_include": ["EUR 40"],
    "reviewed": True,
}
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `footnote eval …` in a folder that holds documents and cases, without a network."""

    def refuse(*_: object) -> None:
        raise AssertionError("an evaluation went to the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    write_documents(tmp_path)
    write_cases(QUESTION, MEALS)

    def called(*arguments: str) -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    return called


def write_cases(*cases: dict[str, object], file: str = "cases.jsonl") -> None:
    Path(file).write_text("".join(f"{json.dumps(case)}\n" for case in cases))


def code(result: Result) -> int:
    """Return the exit code that the shell would see."""
    if isinstance(result.exception, FootnoteError):
        return exit_code(result.exception)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([QUESTION, QUESTION], r"cases\.jsonl, line 2: the id 'leave' is used twice"),
        ([QUESTION, MEALS | {"awnser": "?"}], r"cases\.jsonl, line 2: awnser"),
        ([QUESTION | {"question": ""}], r"cases\.jsonl, line 1: question"),
        ([QUESTION | {"must_include": ["("]}], r"cases\.jsonl, line 1: must_include"),
    ],
)
def test_a_case_that_does_not_fit_is_named_with_its_line(
    run: Run, lines: list[dict[str, object]], says: str
) -> None:
    write_cases(*lines)
    result = run("run", "--data", "cases.jsonl")
    assert code(result) == Exit.USAGE
    with pytest.raises(BadInput, match=says):
        raise result.exception  # type: ignore[misc]


def test_no_case_is_a_code_of_its_own(run: Run) -> None:
    Path("empty.jsonl").write_text("")
    assert code(run("run", "--data", "empty.jsonl")) == Exit.NO_CASES
    assert code(run("run", "--data", "cases.jsonl", "--tag", "none")) == Exit.NO_CASES
    write_cases(QUESTION | {"reviewed": False})
    result = run("run", "--data", "cases.jsonl", "--fail-under", "groundedness=0.9")
    assert code(result) == Exit.NO_CASES
    assert "--allow-unreviewed" in result.output


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "--data", "missing.jsonl"),
        ("run", "--data", "cases.jsonl", "--fail-under", "groundedness"),
        ("run", "--data", "cases.jsonl", "--thresholds", "missing.toml"),
        ("run", "--data", "cases.jsonl", "--update-baseline"),
        ("run", "--data", "cases.jsonl", "--set", "top_k=many"),
        ("run", "--data", "cases.jsonl", "--set", "topk=3"),
        ("run", "--data", "cases.jsonl", "--set", "chunk_tokens=60"),
        ("run", "--data", "cases.jsonl", "--gate", "groundednes"),
        ("run", "--data", "cases.jsonl", "--fail-under", "recall=0.9"),
        ("run", "--data", "cases.jsonl", "--gate", "relevance@judge", "--judge", "m"),
        ("compare", "only-one"),
        ("compare", "none", "nowhere", "--gate", "groundednes"),
        ("compare", "none", "nowhere"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(run: Run, arguments: tuple[str, ...]) -> None:
    assert code(run(*arguments)) == Exit.USAGE


def test_a_metric_that_is_misspelt_is_named_with_the_one_that_was_meant(run: Run) -> None:
    for flags in (("--gate", "groundednes"), ("--fail-under", "groundednes=0.9")):
        result = run("run", "--data", "cases.jsonl", *flags)
        assert str(result.exception) == "There is no metric 'groundednes'. Did you mean 'groundedness'?"


def test_a_run_from_baseline_to_regression(run: Run) -> None:
    always = ("run", "--data", "cases.jsonl", "--docs", "docs", "--baseline", "base.json", "--out")
    assert code(run(*always, "none", "--require-baseline")) == Exit.NO_BASELINE
    made = run(*always, "first", "--update-baseline")
    assert code(made) == Exit.PASSED, made.output
    assert code(run(*always, "again", "--require-baseline")) == Exit.PASSED
    again, first = (json.loads(Path(name, "summary.json").read_text()) for name in ("again", "first"))
    assert again.pop("comparison")["differences"] == {}
    assert again == first
    (Path("docs") / "leave.md").unlink()
    broken = run(*always, "broken", "--require-baseline")
    assert code(broken) == Exit.FAILED
    assert "The document leave.md is not in the index" in broken.output
    assert code(run("compare", "first", "again", "--out", "same")) == Exit.PASSED
    assert code(run("compare", "first", "broken", "--out", "pair")) == Exit.FAILED
    assert code(run("compare", "first", "broken", "--out", "pair", "--exit-zero")) == Exit.PASSED


def test_two_configurations_in_one_report(run: Run) -> None:
    result = run(
        "compare", "--data", "cases.jsonl", "--docs", "docs", "--a", "chunk_tokens=130", "--b", "chunk_tokens=30 top_k=2",
        "--repeat", "2",
    )  # fmt: skip
    assert code(result) in {Exit.PASSED, Exit.FAILED}, result.output
    body = json.loads(Path("eval/out/summary.json").read_text())
    assert body["comparison"]["paired"] == 2
    assert set(body["noise"].values()) == {"0.0000"}
    assert {"chunker", "top_k"} <= body["comparison"]["differences"].keys()


def test_settings_are_read_by_name_and_typos_get_a_hint() -> None:
    read = parse_configuration("A", ["top_k=5,FOOTNOTE_CHUNK_TOKENS=90", "at=3"])
    assert read.values == {"top_k": "5", "chunk_tokens": "90", "at": "3"}
    assert read.settings(IngestSettings).chunk_tokens == 90
    with pytest.raises(BadInput, match="chunk_tokens"):
        parse_configuration("A", ["chunk_token=5"])
    with pytest.raises(BadInput, match="does not fit"):
        Configuration("A", {"chunk_tokens": "0"}).settings(IngestSettings)


HARVESTED = {
    "question": QUESTION["question"],
    "must_include": ["25 days"],
    "tags": ["harvested", "refused"],
    "scope": {"tenant": "default", "groups": []},
    "note": "Answered as not in the documents.",
}


def test_harvested_cases_are_asked_when_somebody_has_read_them_and_in_their_own_scope(run: Run) -> None:
    write_cases(HARVESTED | {"id": "unread"})
    waiting = run("run", "--data", "cases.jsonl", "--docs", "docs")
    assert code(waiting) == Exit.NO_CASES
    assert "Not asked: 1 harvested question that nobody has reviewed" in waiting.stderr
    elsewhere = HARVESTED | {"id": "elsewhere", "scope": {"tenant": "other"}, "reviewed": True}
    write_cases(HARVESTED | {"id": "read", "reviewed": True}, elsewhere, HARVESTED | {"id": "unread"})
    assert code(run("run", "--data", "cases.jsonl", "--docs", "docs", "--out", "out")) == Exit.PASSED
    rows = {row["id"]: row for row in map(json.loads, Path("out/cases.jsonl").read_text().splitlines())}
    assert rows.keys() == {"read", "elsewhere"}
    assert "25 days" in rows["read"]["answer"]
    assert rows["elsewhere"]["passages"] == []
    refused = run("run", "--data", "cases.jsonl", "--url", "http://127.0.0.1:9")
    assert code(refused) == Exit.USAGE
    assert "scope" in str(refused.exception)
