"""Backups that somebody has changed, that are damaged in part, or that change while they are read."""

import errno
from contextlib import ExitStack
from pathlib import Path

import pytest

from app.backup import beside, erased, put_back
from app.backup.keeping import holding_erased, problems
from app.backup.place import Folder
from app.backup.repository import Blob, Repository
from app.backup.take import note_erased
from app.commands.exit_codes import UNAVAILABLE, report
from app.people.serving import serving
from tests.backup.test_backup import filled, run  # noqa: F401 - a fixture
from tests.backup.world import erase, index, told
from tests.backups import back_up, restore, settings_of
from vectorstore.errors import BadInput, Busy, StoreDamaged
from vectorstore.settings import StoreSettings
from vectorstore.state.files import FolderState
from vectorstore.state.open import open_state


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ("cells", ["../out.json", b"x"]),
        ("cells", ["{absolute}/out.json", b"x"]),
        ("cells", ["a/../../out.json", b"x"]),
        ("uses", ["../out.json", "item", 1.0]),
        ("uses", ["keys.json", "../../out", 1.0]),
        ("audit", ["../../out.jsonl", 1, "{}"]),
        ("audit_people", ["../../../out", "{}", 1.0]),
        ("audit_contents", ["hash", "../../../out", 1.0, "salt", "text"]),
    ],
)
def test_no_name_in_a_backup_leads_out_of_the_data_folder(
    table: str, row: list[object], tmp_path: Path
) -> None:
    row = [each.replace("{absolute}", str(tmp_path)) if isinstance(each, str) else each for each in row]
    with pytest.raises(StoreDamaged, match="no version of Footnote"):
        beside.put_back(FolderState(tmp_path / "one" / "data"), table, [row])
    assert not [path for path in tmp_path.rglob("*") if "out" in path.name]


def test_a_piece_is_neither_read_from_elsewhere_nor_larger_than_it_is_said_to_be(tmp_path: Path) -> None:
    repository = Repository(Folder(tmp_path / "b"))
    kept = repository.put(b"0" * 1_000)
    for blob in (Blob("../../../etc/hostname", 9), Blob(kept.digest, -1), Blob(kept.digest, 1 << 40)):
        with pytest.raises(StoreDamaged):
            repository.get(blob)
    assert repository.get(kept) == b"0" * 1_000


def test_what_was_erased_and_put_in_again_is_there_to_stay(
    filled: StoreSettings,  # noqa: F811
    tmp_path: Path,
) -> None:
    repository = Repository(Folder(tmp_path / "b"))
    first = back_up(filled, tmp_path / "b")
    erase(filled, uri="3.md")
    note_erased(settings_of(filled), repository)
    index(filled, "3.md")
    second = back_up(filled, tmp_path / "b")
    assert holding_erased(repository) == [first.id]
    fresh = StoreSettings(data_dir=tmp_path / "fresh")
    assert restore(fresh, tmp_path / "b", replaces=False) == 0
    assert "3.md" in told(fresh)["readers"]  # type: ignore[operator]
    erase(filled, uri="3.md")
    note_erased(settings_of(filled), repository)
    assert holding_erased(repository) == [first.id, second.id]


class _Stale(Folder):
    """A folder that is tidied right after it was listed for the first time."""

    tidied = False

    def keys(self, prefix: str) -> list[str]:
        found = super().keys(prefix)
        if not self.tidied:
            self.tidied = True
            erased.tidy(self)
        return found


def test_what_was_erased_is_known_while_notes_are_made_one(tmp_path: Path) -> None:
    for salt in ("one", "two"):
        erased.note(Folder(tmp_path), erased.Erased({salt: {"stone": erased.ALWAYS}}))
    assert set(erased.noted(_Stale(tmp_path)).documents) == {"one", "two"}


def test_two_who_begin_at_once_begin_one(tmp_path: Path) -> None:
    one, two = (Repository(Folder(tmp_path)) for _ in range(2))
    one.begin()
    two.begin()
    assert Repository(Folder(tmp_path)).is_begun


def test_a_damaged_backup_stands_in_nobodys_way_and_is_made_whole(
    filled: StoreSettings,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    place, blobs = str(tmp_path / "b"), tmp_path / "b" / "blobs"
    first, second, third = (back_up(filled, tmp_path / "b") for _ in range(3))
    manifest = tmp_path / "b" / "backups" / f"{third.id}.json"
    manifest.write_text(manifest.read_text().replace("folder", "golder"))
    listed = run("ls", place, code=1)
    assert first.id in listed
    assert f"{third.id} is not as it was written" in listed
    back_up(filled, tmp_path / "b")
    manifest.unlink()
    (piece,) = second.tables["index.vectors"]
    damaged = blobs / piece.digest[:2] / piece.digest
    damaged.write_bytes(b"")
    told_of = list(problems(Repository(Folder(tmp_path / "b"))))
    assert len(told_of) == 3
    assert all(f"blobs/{piece.digest[:2]}/{piece.digest}" in each for each in told_of)
    damaged.unlink()
    back_up(filled, tmp_path / "b")
    assert list(problems(Repository(Folder(tmp_path / "b")))) == []


def test_people_who_are_erased_while_they_are_read_are_not_among_them(
    filled: StoreSettings,  # noqa: F811
) -> None:
    state = open_state(filled)
    for table in (beside.audit_people, beside.audit_contents):
        assert len(list(table(state))) == 2
    read = [beside.audit_people(state), beside.audit_contents(state)]
    first = [next(each)[0] for each in read]
    assert first[0] == str(first[1])[:2]
    for path in (filled.data_dir / "audit" / "people").glob("*/*/*"):
        path.unlink()
    assert [list(each) for each in read] == [[], []]


def test_a_service_that_starts_meanwhile_keeps_what_it_has_opened(
    filled: StoreSettings,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    back_up(filled, tmp_path / "b")
    before = sorted(path.name for path in filled.data_dir.iterdir())
    with ExitStack() as stack:
        monkeypatch.setattr(
            put_back, "_put_files", lambda *_: stack.enter_context(serving(FolderState(filled.data_dir)))
        )
        with pytest.raises(Busy, match="A service runs there"):
            restore(filled, tmp_path / "b")
    left = {path.name for path in filled.data_dir.iterdir()} - {".restore.lock", "serving.lock"}
    assert left == set(before) - {"serving.lock"}


def test_nothing_is_no_backup(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="nothing to back up"):
        back_up(StoreSettings(data_dir=tmp_path / "elsewhere"), tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_a_full_disk_is_called_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(OSError(errno.ENOSPC, "No space left on device"), debug=False) == UNAVAILABLE
    assert "the disk is full" in capsys.readouterr().err
