"""Files that people hand to an evaluation: in another encoding, with odd characters, with slips."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from app.support.calibration import Calibration
from eval.cases import load_cases, load_quarantine
from eval.commands.calibrate import load_labels
from eval.gate.baseline import load_baseline
from eval.gate.thresholds import load_thresholds
from eval.metrics.row import read_rows, write_rows
from eval.targets.recorded import load_answers
from tests.eval.rows import row
from vectorstore.errors import BadInput

LOADERS = {
    "cases": load_cases,
    "labels": load_labels,
    "answers": load_answers,
    "rows": read_rows,
    "baseline": load_baseline,
    "thresholds": load_thresholds,
    "quarantine": partial(load_quarantine, known=()),
    "calibration": Calibration.load,
}


@pytest.mark.parametrize("load", LOADERS.values(), ids=LOADERS)
def test_a_file_that_is_not_utf8_is_named_and_no_fault_of_ours(
    tmp_path: Path, load: Callable[[Path], object]
) -> None:
    path = tmp_path / "latin.txt"
    path.write_bytes("Kündigung".encode("latin-1"))
    with pytest.raises(BadInput, match=r"latin\.txt is not UTF-8, from byte 1 on"):
        load(path)


@pytest.mark.parametrize("character", ["\u2028", "\u2029", "\x85"])
def test_a_line_separator_inside_a_string_ends_no_line(tmp_path: Path, character: str) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_text(json.dumps({"id": "a", "question": f"One{character}two?"}, ensure_ascii=False), "utf-8")
    assert load_cases(path)[0].question == f"One{character}two?"
    answered = row(1).model_copy(update={"answer": f"One{character}two."})
    write_rows([answered], path)
    assert read_rows(path) == [answered]


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path: Path) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_text('{"id": "a", "question": "Q?"}\n', encoding="utf-8-sig")
    assert load_cases(path)[0].id == "a"


def test_a_question_of_white_space_is_none(tmp_path: Path) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_text('{"id": "a", "question": " \\t "}\n', encoding="utf-8")
    with pytest.raises(BadInput, match=r"line 1: question: .*at least 1 character"):
        load_cases(path)


def test_earlier_messages_may_be_written_as_openai_does(tmp_path: Path) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_text(
        '{"id": "a", "question": "And for two?", "history": [{"role": "user", "content": "Is there a bed?"}, '
        '{"role": "assistant", "text": "Yes."}]}'
    )
    assert [turn.text for turn in load_cases(path)[0].history] == ["Is there a bed?", "Yes."]
