"""The pictures in the documentation show the product as it is, and each is shown."""

import json
from pathlib import Path

from tests.widget.pictures import IMAGES, MADE_FROM, QUESTIONS, ROOT, answers, sources

MADE = json.loads(MADE_FROM.read_text(encoding="utf-8"))
AGAIN = "the pictures are out of date: run `python -m tests.widget.pictures`, and look at them"


def test_nothing_that_the_pictures_show_has_changed_since() -> None:
    assert MADE["sources"] == sources(), AGAIN


def test_the_answers_in_the_pictures_are_those_that_are_given(tmp_path: Path) -> None:
    assert MADE["answers"] == answers(tmp_path), AGAIN


def test_every_picture_is_taken_by_the_command_and_shown_on_a_page() -> None:
    pages = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))
    )
    assert {path.stem for path in IMAGES.iterdir()} - {MADE_FROM.stem} == set(QUESTIONS)
    assert [name for name in QUESTIONS if f"images/{name}.png" not in pages] == []
