"""A data folder's content is put in place whole: stopped at any step, whoever comes next finds the old or the new."""

import shutil
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from vectorstore.state import placing

OLD = {"index.db": "old", "audit/log.txt": "old", "keys.json": "old"}
NEW = {"index.db": "new", "audit/log.txt": "new", "originals/a.txt": "new"}


class Stopped(BaseException):
    """The process ends here."""


def fill(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def held(folder: Path) -> dict[str, str]:
    found = (folder / name for name in placing.content_of(folder) if name != "aside")
    files = (path for each in found for path in ([each] if each.is_file() else each.rglob("*")))
    return {str(path.relative_to(folder)): path.read_text() for path in files if path.is_file()}


def torn(path: Path, **_: Any) -> None:
    """Delete a folder file by file, each of which is a step."""
    for each in (*sorted(path.rglob("*"), reverse=True), path) if path.exists() else ():
        each.rmdir() if each.is_dir() else each.unlink()


def stopped_at(step: int, folder: Path, aside: str) -> bool:
    """Put the new content in place, and stop before that step; say whether it came to its end before it."""
    steps = count()

    def counted(work: Any) -> Any:
        def done(*given: Any, **named: Any) -> Any:
            if next(steps) == step:
                raise Stopped
            return work(*given, **named)

        return done

    with pytest.MonkeyPatch.context() as patch, suppress(Stopped), placing.building(folder) as new:
        fill(new, NEW)
        for name in ("rename", "unlink", "rmdir", "write_text"):
            patch.setattr(Path, name, counted(getattr(Path, name)))
        patch.setattr(shutil, "rmtree", torn)
        try:
            placing.put_in_place(folder, aside=aside)
        except Stopped:
            patch.setattr(shutil, "rmtree", lambda path, **how: None)  # who is killed tidies nothing up
            raise
        return True
    return False


@pytest.mark.parametrize("aside", ["", "aside"])
def test_stopped_at_any_step_it_is_the_old_or_the_new(tmp_path: Path, aside: str) -> None:
    whole = NEW if aside else OLD | NEW
    for step in count():
        folder = tmp_path / str(step)
        fill(folder, OLD)
        ended = stopped_at(step, folder, aside)
        placing.settle(folder)
        assert held(folder) in (OLD, whole)
        if ended:
            break
        with placing.building(folder) as new:  # nobody is in the way of who comes next
            assert list(new.iterdir()) == []
        placing.settle(folder)
        assert held(folder) in (OLD, whole)
    assert step > 8
    assert held(folder) == whole
