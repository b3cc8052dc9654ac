"""`validate`: what people judged is read as published, a foreign threshold is told from an own one."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.answers.published import answers_of_people, published
from benchmarks.answers.validate import measured, transferred
from benchmarks.answers.wording import HELD_OUT, balanced, refusals, share
from eval.commands.calibrate import Labelled
from vectorstore.errors import NotFound


def judged(count: int = 80) -> list[Labelled]:
    return [
        Labelled(id=str(n), text="x", evidence="x", supported=n % 2 == 0, group=str(n // 4))
        for n in range(count)
    ]


def test_a_threshold_of_another_scale_loses_what_an_own_one_keeps() -> None:
    sets = {"low": judged(), "high": judged()}
    right = np.array([0.2 if item.supported else 0.1 for item in sets["low"]])
    scored = {"low": {"s": right}, "high": {"s": right + 0.7}}
    [high, low] = transferred(scored, sets, scorer="s")
    assert (high["to"], low["to"]) == ("high", "low")
    assert str(high["foreign"]).startswith("0.500")
    assert str(low["own"]).startswith("1.000")
    assert str(low["gain"]) == "0.500 (0.500 – 0.500)"
    [row] = measured("low", sets["low"], scored["low"])
    assert str(row["auroc"]).startswith("1.000")
    assert str(row["shipped"]).startswith("0.500")


def test_shares_come_with_intervals_that_stay_shares() -> None:
    none, every = share([False] * 40), share([True] * 40)
    assert (none.low, every.high) == (0.0, 1.0)
    assert every.low == pytest.approx(0.912, abs=0.001)
    both = balanced(every, share([True] * 2_000))
    assert both.value == 1
    assert every.low < both.low < 1


def test_published_sets_are_read_with_their_labels(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        published(tmp_path)
    folder = tmp_path / "groundedness"
    (folder / "summedits").mkdir(parents=True)
    rows = [{"summary": "A.", "doc": "A. B.", "label": 1}, {"summary": "C.", "doc": "A. B.", "label": "0"}]
    (folder / "summedits" / "summedits_news.json").write_text(json.dumps(rows))
    (tmp_path / "clapnq").mkdir()
    said = {"answer": "It rains.", "selected_sentences": ["It rains ."]}
    passage = {"title": "Rain", "sentences": ["It rains .", "Not always ."]}
    (tmp_path / "clapnq" / "clapnq_dev_answerable.jsonl").write_text(
        json.dumps({"id": "q", "output": [said], "passages": [passage]})
    )
    (tmp_path / "squad2").mkdir()
    asked = [
        {"id": "a", "question": "What falls?", "is_impossible": False, "answers": [{"text": "Rain", "answer_start": 0}]},
        {"id": "b", "question": "What rises?", "is_impossible": True, "answers": [], "plausible_answers": [{"text": "Rain"}]},
    ]  # fmt: skip
    article = {"title": "Rain", "paragraphs": [{"context": "Rain falls. Sun shines.", "qas": asked}]}
    (tmp_path / "squad2" / "dev-v2.0.json").write_text(json.dumps({"data": [article]}))
    found = published(folder)
    assert {name: [item.supported for item in items] for name, items in found.items()} == {
        "summedits_news": [True, False], "clapnq": [True, False], "squad2": [True, False],
    }  # fmt: skip
    assert "It rains" not in found["clapnq"][1].evidence
    assert answers_of_people(folder) == [
        ("ClapNQ answers", "It rains."),
        ("SQuAD answering sentences", "Rain falls."),
    ]


def test_refusals_are_told_from_answers(shared_data: Path) -> None:
    told = refusals(shared_data / "groundedness")
    assert len(HELD_OUT) == len(set(HELD_OUT)) == 40
    assert float(told["balanced accuracy of the wording, all"].split()[0]) >= 0.97
    assert float(told["SQuAD answering sentences taken for answers"].split()[0]) >= 0.995
