"""Training itself, small: it ends with a checkpoint that says it is whole, and with a file that judges."""

import json
import random
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from benchmarks.checker.__main__ import _finished, _mix
from benchmarks.checker.pairs import Pair
from benchmarks.checker.paraphrase import paraphrase
from vectorstore.models.pair_model import open_checker

ROOT = Path(__file__).parents[2]
TEXT = "The council approved a budget of 45 million dollars. The harbour opens before dawn. Dogs may enter the park."


def test_a_run_that_was_cut_off_is_not_taken_for_a_finished_one(tmp_path: Path) -> None:
    facts = tmp_path / "facts.json"
    assert not _finished(facts)
    facts.write_text('{"steps": 50, "tokens": 9}', encoding="utf-8")
    assert not _finished(facts)
    facts.write_text('{"steps": 50, "seconds": 9}', encoding="utf-8")
    assert _finished(facts)


def test_the_mix_is_read_from_the_measurement() -> None:
    said = '46 CPU seconds\n{"mix of the shipped ruler and the model": [0.658, 0.379, 0.296]}\nwice …'
    assert _mix(said) == ["0.379", "0.658", "0.296"]
    with pytest.raises(SystemExit, match="mixed"):
        _mix("nothing")


@pytest.mark.slow
def test_a_short_training_ends_in_a_file_that_judges(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    pytest.importorskip("transformers", reason="transformers is not installed")
    draw = random.Random(2)
    with (tmp_path / "pairs.jsonl").open("w", encoding="utf-8") as file:
        for number in range(24):
            claim = paraphrase("The council approved a budget of 45 million dollars.", draw, steps=2)
            wrong = claim.replace("council", "harbour")
            for said, label, spans in ((claim, 1, ()), (wrong, 0, ((4, 11),))):
                pair = Pair(said, TEXT, label, "name", spans, "support", f"document {number}")
                file.write(json.dumps(asdict(pair)) + "\n")
    train = [
        "train",
        "--pairs",
        str(tmp_path / "pairs.jsonl"),
        "--out",
        str(tmp_path / "run"),
        "--epochs",
        "1",
    ]
    for command in (
        [*train, "--threads", "1"],
        [
            "export",
            "--model",
            str(tmp_path / "run"),
            "--out",
            str(tmp_path / "checker.onnx"),
            "--mix",
            "1",
            "0",
            "0",
        ],
    ):
        subprocess.run(
            [sys.executable, "-m", f"benchmarks.checker.{command[0]}", *command[1:]],
            cwd=ROOT, check=True, capture_output=True,
        )  # fmt: skip
    assert _finished(tmp_path / "run/facts.json")
    checker = open_checker(str(tmp_path / "checker.onnx"))
    assert checker is not None
    assert 0 < checker("The council approved a budget.", TEXT, 0.0) < 1
