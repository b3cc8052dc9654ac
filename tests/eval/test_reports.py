"""What an evaluation writes: the same bytes every time, nothing that acts, something for every reader."""

import json
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest
from markdown_it import MarkdownIt
from rich.console import Console

from eval.commands.run import show
from eval.gate.baseline import read_folder
from eval.gate.compare import Tolerance
from eval.gate.conclusion import Conclusion, Exit, conclude
from eval.gate.thresholds import Threshold
from eval.metrics.row import Cited, Marked, Prices, Row, Shown, make_row, read_rows, write_rows
from eval.metrics.scorers import scores_of
from eval.reports.ci import annotations
from eval.reports.html import html
from eval.reports.html_case import _gone
from eval.reports.notes import headlines, notes, running
from eval.reports.report import markdown, summary_json, write
from eval.run import Evaluation, system
from eval.targets.recorded import load_answers
from tests.eval.outcomes import LEAVE, answered
from tests.eval.rows import against, evaluation, row
from vectorstore.errors import BadInput, NotFound

HOSTILE = '<img src=x onerror="alert(1)">]]>&{{7*7}} ![x](https://evil.example/x) @team [a](javascript:alert(1))\x00'
FILES = ("summary.json", "cases.jsonl", "times.json", "report.md", "report.html", "junit.xml")


def hostile() -> Row:
    """A case whose every text tries something."""
    return row(
        1,
        passes=False,
        id=HOSTILE,
        question=f"</summary><script>alert(2)</script>{HOSTILE}",
        answer=f"{HOSTILE} [1] and [9]",
        reference=HOSTILE,
        tags=('"><b>', "plain"),
        critical=True,
        sentences=(Marked(start=0, end=20, verdict="unsupported", support=0.1),),
        passages=(Shown(n=1, uri=HOSTILE, title=HOSTILE, text=f"before {HOSTILE} after"),),
        citations=(Cited(n=1, uri=HOSTILE, quote=HOSTILE, support=0.9),),
    )


def failed() -> tuple[Evaluation, Conclusion]:
    rows = [hostile(), *(row(n) for n in range(2, 30))]
    before = [row(1, id=HOSTILE), *rows[1:]]
    found = evaluation(rows, missing={HOSTILE: ("case-001",)}, seconds={"answer, p50": 0.1234567})
    conclusion = conclude(
        found,
        thresholds=(Threshold("must_include", 0.99),),
        tolerance=Tolerance(),
        comparison=against(before, rows),
    )
    return found, conclusion


def test_everything_is_written_and_two_runs_are_byte_identical(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(*failed(), tmp_path / name)
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == sorted(FILES)
    for name in FILES:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_the_summary_holds_no_time_and_no_number_that_is_not_one(tmp_path: Path) -> None:
    write(*failed(), tmp_path)
    text = (tmp_path / "summary.json").read_text()
    body = json.loads(text, parse_constant=pytest.fail)
    assert list(body) == sorted(body)
    assert "0.1234567" not in text
    assert body["exit"] == 1
    assert body["comparison"]["newly_failing"] == [[HOSTILE, "must_include"]]


def test_a_result_folder_can_be_read_again(tmp_path: Path) -> None:
    found, conclusion = failed()
    write(found, conclusion, tmp_path)
    assert tuple(read_rows(tmp_path / "cases.jsonl")) == found.rows
    assert {row.id for row in read_folder(tmp_path)[0]} == {one.id for one in found.rows}


def test_a_damaged_result_folder_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"summary\.json"):
        read_folder(tmp_path)
    write(*failed(), tmp_path)
    with (tmp_path / "cases.jsonl").open("a") as file:
        file.write('{"id": 3}\n')
    with pytest.raises(BadInput, match=r"cases\.jsonl, line 30: id"):
        read_folder(tmp_path)


def test_the_page_lets_nothing_from_a_document_act() -> None:
    page = html(*failed())
    seen = Seen()
    seen.feed(page)
    assert seen.tags["script"] == 1
    assert not seen.tags.keys() & {"img", "b", "iframe", "link", "object", "base", "form"}
    assert {name for name in seen.attributes if name.startswith("on")} == set()
    assert all(value.startswith("#") for name, value in seen.links)
    assert "default-src 'none'" in page
    assert "\0" not in page


class Seen(HTMLParser):
    """What a browser would make of a page: its elements, attributes and addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: set[str] = set()
        self.links: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes |= {name for name, _ in attrs}
        self.links += [(name, value or "") for name, value in attrs if name in {"src", "href", "action"}]


def test_the_page_asks_for_nothing() -> None:
    page = html(*failed())
    assert not re.search(r"<(?:link|iframe|object|embed|base)\b|@import|url\(", page)


def test_markdown_is_inert() -> None:
    told = markdown(*failed())
    seen = Seen()
    seen.feed(MarkdownIt("gfm-like", {"linkify": False}).render(told))
    assert not seen.tags.keys() & {"a", "img", "script", "b"}
    assert not re.search(r"(?<!\\)@team", told)


def test_the_first_screen_names_verdict_and_cause() -> None:
    head = markdown(*failed()).splitlines()[:8]
    assert head[0].startswith(
        "# Evaluation ✗ failed: must\\_include ≥ 0.99 is 0.966 over 29 cases; a check newly fails"
    )
    assert any("is not in the index" in line for line in head)


def test_junit_has_a_test_case_for_every_gate_and_case(tmp_path: Path) -> None:
    found, conclusion = failed()
    write(found, conclusion, tmp_path)
    gates, cases = Xml.parse(tmp_path / "junit.xml").getroot()
    assert cases.get("tests") == str(len(found.rows))
    assert cases.get("failures") == "1"
    missed = {case.get("name") for case in gates if case.find("failure") is not None}
    assert missed == {"must_include ≥ 0.99", "checks against the baseline"}


def test_annotations_are_one_command_each() -> None:
    lines = list(annotations(failed()[1]))
    assert lines[0].startswith("::error title=footnote eval::failed")
    assert lines[1].startswith("::error title=")
    assert not any("\n" in line or "\r" in line for line in lines)


def test_github_gets_the_summary_and_the_annotations_only_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    write(*failed(), tmp_path / "out")
    assert "::error" not in capsys.readouterr().out
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "step.md"))
    write(*failed(), tmp_path / "out")
    assert "::error" in capsys.readouterr().out
    assert (tmp_path / "step.md").read_text().startswith("# Evaluation")


def test_notes_say_how_far_the_figures_carry() -> None:
    shaky = row(0, passed={"must_include": 0.5}, runs=2)
    found = evaluation([shaky, *(row(n) for n in range(1, 30))], noise={"must_include": 0.01})
    conclusion = conclude(found, thresholds=(), tolerance=Tolerance(quarantine={"case-000": "see #12"}))
    said = "\n".join(notes(found, conclusion))
    assert "case-000: see #12" in said
    assert "Passed in some runs and failed in others: case-000" in said
    assert "0.0100" in said


def test_what_a_run_took_and_cost_is_told_but_not_summed_up() -> None:
    prices = Prices(read=1.0, written=2.0, most=0.0)
    outcome = answered("Staff get 25 days. [1]", LEAVE)
    outcomes = [replace(outcome, seconds=s, input_tokens=1_000, output_tokens=100) for s in (1.0, 3.0)]
    took = system(outcomes, prices) | {"scorers, CPU seconds": 0.5}
    assert took["cost of an answer, mean"] == pytest.approx(0.0012)
    found = evaluation([row(1)], seconds=took, spread={"groundedness@judge": 0.125})
    told = "\n".join(running(found))
    for part in (
        "2.00 s in the middle",
        "0.001200 an answer",
        "0.5 s of processor time",
        "groundedness@judge 0.125",
    ):
        assert part in told
        assert part in html(found, conclude(found, thresholds=(), tolerance=Tolerance()))
    assert "cost of an answer" not in summary_json(
        found, conclude(found, thresholds=(), tolerance=Tolerance())
    )
    assert running(evaluation([row(1)])) == []


def test_the_table_begins_with_what_fell_and_shows_what_an_answer_no_longer_says() -> None:
    found, conclusion = failed()
    page = html(found, conclusion)
    assert page.index("<td>must_include<") < page.index("<td>groundedness<")
    assert _gone("It is 5 days.", "It is 6 days.") == "It is <del>5</del> days."
    assert _gone("<b>", "") == "<del>&lt;b&gt;</del>"


def test_a_run_that_passes_still_says_in_the_terminal_which_documents_it_could_not_find() -> None:
    found = evaluation([row(1)], missing={"hr/gone.md": ("case-001",)})
    conclusion = conclude(found, thresholds=(), tolerance=Tolerance())
    assert conclusion.exit is Exit.PASSED
    told = StringIO()
    show(found, conclusion, console=Console(file=told, width=120))
    assert "The document hr/gone.md is not in the index; 1 case needs it" in told.getvalue()


def test_the_report_is_headed_by_what_is_right_wrong_unsure_and_refused_each_with_its_interval() -> None:
    scores = {
        "right": 1.0,
        "wrong": 0.0,
        "unsure": 0.0,
        "over_refusal": 0.0,
        "false_answer_rate": "not_applicable",
    }
    other = {
        "right": 0.0,
        "wrong": 1.0,
        "unsure": 0.0,
        "over_refusal": 0.0,
        "false_answer_rate": "not_applicable",
    }
    found = evaluation([row(n, scores=scores if n % 2 else other) for n in range(40)])
    conclusion = conclude(found, thresholds=(), tolerance=Tolerance())
    assert [name for name, _, _ in headlines(found)] == ["Right", "Wrong", "Unsure", "Refused"]
    assert headlines(found)[0][1].startswith("0.500 (0.3")
    assert headlines(found)[3][1] == "0.000 (0.000 – 0.088)"
    told = StringIO()
    show(found, conclusion, console=Console(file=told, width=200))
    for text in (told.getvalue(), markdown(found, conclusion), html(found, conclusion)):
        assert "0.000 – 0.088" in text


@pytest.mark.parametrize(
    ("model", "value", "says"),
    [("extractive", 1.0, "by construction"), ("extractive", 0.5, "0.983"), ("qwen3", 1.0, "1.000 (")],
)
def test_where_answers_are_quotes_groundedness_is_so_by_construction(
    model: str, value: float, says: str
) -> None:
    rows = [row(n, scores={"groundedness": 1.0 if n else value}) for n in range(30)]
    found = evaluation(rows, fingerprint={"model": model})
    conclusion = conclude(found, thresholds=(), tolerance=Tolerance())
    assert headlines(found)[0][1].startswith(says)
    assert ("by construction" in html(found, conclusion)) == (says == "by construction")
    assert ("by construction" in markdown(found, conclusion)) == (says == "by construction")
    assert ('"groundedness"\n' in summary_json(found, conclusion)) == (says == "by construction")


def test_an_unsure_answer_is_one_in_the_page_and_when_scored_again(tmp_path: Path) -> None:
    outcome = replace(answered("Perhaps 25 days. [1]", LEAVE), unsure=True)
    kept = make_row(outcome.case, [outcome], [scores_of(outcome)])
    found = evaluation([kept])
    assert 'value="unsure"' in html(found, conclude(found, thresholds=(), tolerance=Tolerance()))
    write_rows([kept], tmp_path / "cases.jsonl")
    [again] = load_answers(tmp_path / "cases.jsonl").ask([outcome.case])
    assert again.outcome == "unsure"
