"""Published questions as sets for a running service: split by article, deterministic, every gold answer findable."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.answers import sets
from benchmarks.answers.sets import Asked, Paragraph
from benchmarks.answers.splits import ARTICLES, part_of
from eval.cases import load_cases
from eval.commands.run import check_quotes


def test_the_split_names_every_article_once(shared_data: Path) -> None:
    titles = {
        article["title"]
        for name in ("squad2/dev-v2.0.json", "xquad/xquad.en.json", "xquad/xquad.zh.json")
        for article in json.loads((shared_data / name).read_text(encoding="utf-8"))["data"]
    }
    assert not ARTICLES["fitting"] & ARTICLES["reporting"]
    assert ARTICLES["fitting"] | ARTICLES["reporting"] == titles


def test_an_article_that_the_split_does_not_name_is_an_error() -> None:
    with pytest.raises(KeyError):
        part_of("Marmalade")


@pytest.mark.parametrize("name", ["squad", "xquad-ru", "xquad-zh", "clapnq"])
def test_every_gold_answer_and_quote_stands_in_its_document(
    name: str, shared_data: Path, tmp_path: Path
) -> None:
    paragraphs = sets.paragraphs_of(name, shared_data, "reporting")
    sets.write(tmp_path / name, paragraphs, sets.rows(paragraphs, name, limit=40))
    cases = load_cases(tmp_path / name / "set.jsonl")
    assert sum(case.answerable for case in cases) == 40
    for case in cases:
        if case.answerable:
            text = (tmp_path / name / "docs" / case.evidence[0].doc).read_text(encoding="utf-8")
            assert case.evidence[0].quote in text
            assert re.search(case.must_include[0], case.evidence[0].quote)


def test_a_smaller_set_is_part_of_a_larger_one_in_the_same_order(shared_data: Path) -> None:
    paragraphs = sets.paragraphs_of("squad", shared_data, "fitting")
    larger, smaller = (sets.rows(paragraphs, "squad", limit=limit) for limit in (60, 20))
    assert [row for row in larger if row in smaller] == smaller
    assert all(part_of(str(row["group"]).replace(" ", "_")) == "fitting" for row in larger)


def test_of_a_withheld_paragraph_only_questions_are_asked_that_nothing_else_in_the_article_answers() -> None:
    first = Paragraph(
        "a/00.md", "Harbour", "The crane lifts 40 t.", (Asked("1", "How much does it lift?", ("40 t",)),)
    )
    second = Paragraph(
        "a/01.md", "Harbour", "Anna built it in 1911.", (Asked("2", "Who built it?", ("Anna",)),)
    )
    third = Paragraph("a/02.md", "Harbour", "Long ago, ANNA ran it.", (Asked("3", "Who?", ("Anna",)),))
    kept, out = sets.withheld([first, second, third], 2)
    assert kept == [second]
    assert [asked.id for paragraph in out for asked in paragraph.asked] == ["1"]
    assert [row["answerable"] for row in sets.rows(out, "squad", limit=9, missing=True)] == [False]


def test_a_gold_answer_is_matched_alone_whatever_the_white_space() -> None:
    pattern = sets.said(("4 July",), "It opened on 4 July 1911.")
    assert re.search(pattern, "on 4\n  July")
    assert not re.search(pattern, "on 14 July")
    assert re.search(sets.said(("308",), "只丢了308分"), "308分")


@given(st.text(min_size=1).filter(str.strip), st.text(), st.text())
def test_every_answer_matches_where_it_stands(answer: str, before: str, after: str) -> None:
    text = before + answer + after
    assert re.search(sets.said((answer,), text), text)


def test_sixty_follow_ups_stand_in_their_documents_and_a_quarter_has_two_parts(shared_data: Path) -> None:
    path = Path(sets.__file__).with_name("follow_ups.jsonl")
    cases = load_cases(path)
    assert len(cases) == 60
    assert len({case.evidence[0].doc.split("/")[0] for case in cases}) == 3
    assert 4 * sum("two-part" in case.tags for case in cases) >= 60
    for case in cases:
        assert [turn.role for turn in case.history] == ["user", "assistant"]
        quoted = " ".join(evidence.quote for evidence in case.evidence)
        assert all(re.search(pattern, quoted, re.IGNORECASE) for pattern in case.must_include)
        assert not all(
            re.search(pattern, case.history[1].text, re.IGNORECASE) for pattern in case.must_include
        )
    docs = {evidence.doc for case in cases for evidence in case.evidence}
    check_quotes(
        cases, {doc: (shared_data / "corpora" / doc).read_text(encoding="utf-8") for doc in docs}, path
    )


def test_no_follow_up_is_an_office_question(shared_data: Path) -> None:
    own = load_cases(Path(sets.__file__).with_name("follow_ups.jsonl"))
    office = [case for part in ("dev", "test") for case in load_cases(shared_data / f"office/{part}.jsonl")]
    assert not {case.group for case in own} & {evidence.doc for case in office for evidence in case.evidence}
