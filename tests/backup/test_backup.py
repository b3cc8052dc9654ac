"""Everything into a backup and back, between folders and databases, and what was erased meanwhile stays away."""

import json
import re
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import TypeAlias

import pytest
from typer.testing import CliRunner

from app.backup import beside, erased
from app.backup.keeping import holding_erased, problems, prune
from app.backup.place import Folder
from app.backup.repository import Repository
from app.backup.take import note_erased, take
from app.commands import backup as commands
from tests.backup.world import ANN, BOB, ask, erase, fill, index, log, people, told, used
from tests.backups import back_up, restore, settings_of
from tests.postgresql import Server, needs_postgresql
from tests.vectorstore.sample import SPACE, put, sample
from vectorstore.errors import BadInput, Busy, NotFound, StoreDamaged
from vectorstore.index.maintenance.byte_search import files_holding
from vectorstore.open import open_store
from vectorstore.settings import StoreSettings
from vectorstore.state.open import open_state

Make: TypeAlias = Callable[[str], StoreSettings]


@pytest.fixture(params=["folder", pytest.param("postgresql", marks=needs_postgresql)])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Return what names a new, empty place of each kind."""
    if request.param == "folder":
        return lambda name: StoreSettings(data_dir=tmp_path / name)
    server: Server = request.getfixturevalue("postgresql_server")
    return lambda name: StoreSettings(data_dir=tmp_path / name, store=server.schema())


@pytest.fixture
def filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StoreSettings:
    """A data folder with everything, which the settings name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FOOTNOTE_DATA_DIR", str(tmp_path / "data"))
    settings = StoreSettings(data_dir=tmp_path / "data")
    fill(settings, tmp_path)
    return settings


def run(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(commands.app, list(arguments), catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done.output


def test_everything_comes_back_on_an_empty_machine(make: Make, tmp_path: Path) -> None:
    old, new = make("old"), make("new")
    secret = fill(old, tmp_path)
    before = told(old, secret)
    made = back_up(old, tmp_path / "backups")
    assert {each.stat().st_mode & 0o77 for each in (tmp_path / "backups").rglob("*")} == {0}
    assert (made.rows("records.runs"), made.rows("records.measures"), made.rows("originals")) == (2, 2, 1)
    restore(new, tmp_path / "backups", replaces=False)
    assert used(new) == used(old) != []
    assert told(new, secret) == before
    assert {path.stat().st_mode & 0o77 for path in new.data_dir.rglob("*")} == {0}
    # and it goes on from there
    index(new, "next.md")
    ask(new, ANN, "ann-2", "Once more?")
    log(new, "ann")
    assert told(new)["log is sound"]


@needs_postgresql
def test_a_backup_of_a_folder_goes_into_a_database_and_back(
    postgresql_server: Server, tmp_path: Path
) -> None:
    folder, again = (StoreSettings(data_dir=tmp_path / name) for name in ("folder", "again"))
    database = StoreSettings(data_dir=tmp_path / "replica", store=postgresql_server.schema())
    secret = fill(folder, tmp_path)
    before = told(folder, secret)
    back_up(folder, tmp_path / "one")
    restore(database, tmp_path / "one", replaces=False)
    assert told(database, secret) == before
    back_up(database, tmp_path / "two")
    restore(again, tmp_path / "two", replaces=False)
    assert told(again, secret) == before
    log(again, "ann")
    assert told(again)["log is sound"]
    # what a crash has left in a file of the log
    beside.put_back(open_state(database), "audit", [("", 99, "\udcff\0")])


def test_a_second_backup_of_what_has_not_changed_writes_next_to_nothing(
    filled: StoreSettings, tmp_path: Path
) -> None:
    back_up(filled, tmp_path / "backups")
    size = sum(path.stat().st_size for path in (tmp_path / "backups" / "blobs").rglob("*") if path.is_file())
    repository = Repository(Folder(tmp_path / "backups"))
    take(settings_of(filled), repository)
    assert (repository.wrote, repository.bytes) == (0, 0)
    index(filled, "one more.md")
    take(settings_of(filled), repository)
    assert 0 < repository.bytes < size


def test_a_place_whose_disk_is_not_mounted_is_not_begun_again_unless_it_is_wanted(
    filled: StoreSettings, tmp_path: Path
) -> None:
    mounted, place = tmp_path / "mounted", tmp_path / "backups"
    back_up(filled, place)
    place.rename(mounted)
    for write in (
        lambda: back_up(filled, place),
        lambda: note_erased(settings_of(filled), Repository(Folder(place))),
    ):
        with pytest.raises(BadInput, match="and there is none now"):
            write()
    assert not place.exists()
    mounted.rename(place)
    back_up(filled, place)
    assert len(Repository(Folder(place)).ids()) == 2
    back_up(filled, tmp_path / "another")
    take(settings_of(filled), Repository(Folder(tmp_path / "gone")), anew=True)
    (tmp_path / "gone").rename(mounted)
    take(settings_of(filled), Repository(Folder(tmp_path / "gone")), anew=True)
    assert len(Repository(Folder(tmp_path / "gone")).ids()) == 1


def test_what_was_erased_after_a_backup_stays_erased(make: Make, tmp_path: Path) -> None:
    """The machine is lost with its own memory of erasures: what is noted beside the backups counts."""
    old, new = make("old"), make("new")
    fill(old, tmp_path)
    first = back_up(old, tmp_path / "backups")
    erase(old, owner=ANN, uri="3.md")
    note_erased(settings_of(old), Repository(Folder(tmp_path / "backups")))
    assert restore(new, tmp_path / "backups", name=first.id, replaces=False) == 1
    after = told(new)
    assert after[ANN] == []
    assert len(after[BOB]) == 1  # type: ignore[arg-type]
    assert after["holds"] == [("bob", "case 7")]
    assert "3.md" not in after["readers"]  # type: ignore[operator]
    assert list(after["names"].values()) == ["bob"]  # type: ignore[attr-defined]
    assert list(after["contents"].values()) == [{"question": "=bob?"}]  # type: ignore[attr-defined]
    assert after["log is sound"]
    held = files_holding(
        [path for path in new.data_dir.rglob("*") if path.is_file()], [b"Fact of 3.md", b"What does Ann"]
    )
    assert held == {}


def test_a_backup_over_a_live_place_brings_nobody_back_and_moves_what_is_there_aside(tmp_path: Path) -> None:
    """Over a database the contract of every engine asks the same."""
    place = StoreSettings(data_dir=tmp_path / "data")
    secret = fill(place, tmp_path)
    back_up(place, tmp_path / "backups")
    erase(place, owner=ANN, uri="3.md")
    with people(place) as kept:
        kept.release(BOB, name="bob")
    with pytest.raises(BadInput, match="add --replace"):
        restore(place, tmp_path / "backups", replaces=False)
    assert restore(place, tmp_path / "backups") == 1
    after = told(place, secret)
    assert (after[ANN], after["holds"], after["lets in"]) == ([], [], True)
    assert "3.md" not in after["readers"]  # type: ignore[operator]


def test_backups_that_hold_what_was_erased_are_named_and_dropped(
    filled: StoreSettings, tmp_path: Path
) -> None:
    old = back_up(filled, tmp_path / "b")
    assert holding_erased(Repository(Folder(tmp_path / "b"))) == []
    erase(filled, uri="3.md")
    assert "1 backup holds what has been erased since" in run("erased", str(tmp_path / "b"))
    with pytest.raises(BadInput, match="none would be left"):
        run("prune", str(tmp_path / "b"), "--erased")
    second = back_up(filled, tmp_path / "b")
    assert holding_erased(Repository(Folder(tmp_path / "b"))) == [old.id]
    run("prune", str(tmp_path / "b"), "--erased")
    repository = Repository(Folder(tmp_path / "b"))
    assert repository.ids() == [second.id]
    import zlib

    blobs = [
        zlib.decompress(each.read_bytes()) for each in (tmp_path / "b" / "blobs").rglob("*") if each.is_file()
    ]
    assert not any(b"Fact of 3.md" in each for each in blobs)
    assert list(problems(repository)) == []
    assert erased.noted(repository.place).documents


def test_the_newest_are_kept_and_nothing_that_they_need_goes(filled: StoreSettings, tmp_path: Path) -> None:
    made = []
    for number in range(3):
        index(filled, f"more-{number}.md")
        made.append(back_up(filled, tmp_path / "b").id)
    repository = Repository(Folder(tmp_path / "b"))
    names, pieces = prune(repository, keep=1, is_erased=False)
    assert (names, repository.ids()) == (made[:2], made[2:])
    assert pieces > 0
    assert list(problems(repository)) == []
    assert [json.loads(line)["id"] for line in run("ls", str(tmp_path / "b"), "--json").splitlines()] == made[
        2:
    ]


def test_damage_is_found_and_named(filled: StoreSettings, tmp_path: Path) -> None:
    back_up(filled, tmp_path / "b")
    run("verify", str(tmp_path / "b"))
    for blob in sorted((tmp_path / "b" / "blobs").glob("*/*")):
        content = blob.read_bytes()
        blob.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        assert "is damaged" in run("verify", str(tmp_path / "b"), code=1)
        blob.write_bytes(content)
    (manifest,) = (tmp_path / "b" / "backups").iterdir()
    manifest.write_text(manifest.read_text().replace('"documents": 7', '"documents": 8'))
    assert "not as it was written" in run("verify", str(tmp_path / "b"), code=1)


def test_a_drill_puts_it_back_and_leaves_nothing(filled: StoreSettings, tmp_path: Path) -> None:
    back_up(filled, tmp_path / "b")
    before = sorted(tmp_path.rglob("*"))
    assert "all sound" in run("drill", str(tmp_path / "b"))
    assert sorted(tmp_path.rglob("*")) == before


def test_two_backups_at_once_do_no_harm_and_prune_waits_for_none(
    filled: StoreSettings, tmp_path: Path
) -> None:
    threads = [threading.Thread(target=back_up, args=(filled, tmp_path / "b")) for _ in range(3)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    repository = Repository(Folder(tmp_path / "b"))
    assert len(repository.ids()) == 3
    assert list(problems(repository)) == []
    with repository.place.writing(), pytest.raises(Busy):
        prune(repository, keep=1, is_erased=False)
    with repository.place.alone(), pytest.raises(Busy):
        back_up(filled, tmp_path / "b")


def test_what_is_no_backup_or_a_newer_one_is_refused(filled: StoreSettings, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "photo.jpg").write_text("not to be lost")
    with pytest.raises(BadInput, match="something else than backups"):
        back_up(filled, tmp_path / "other")
    with pytest.raises(BadInput, match="data folder"):
        back_up(filled, filled.data_dir / "backups")
    fresh = StoreSettings(data_dir=tmp_path / "fresh")
    with pytest.raises(NotFound, match="no backup"):
        restore(fresh, tmp_path / "nowhere")
    made = back_up(filled, tmp_path / "b")
    with pytest.raises(NotFound, match="no backup"):
        restore(fresh, tmp_path / "b", name="1999")
    manifest = tmp_path / "b" / "backups" / f"{made.id}.json"
    manifest.write_text(manifest.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(BadInput, match="knows 1"):
        restore(fresh, tmp_path / "b")
    assert not fresh.data_dir.exists() or not any(fresh.data_dir.glob("[!.]*"))


def test_a_backup_with_what_this_version_does_not_know_is_refused(
    filled: StoreSettings, tmp_path: Path
) -> None:
    repository = Repository(Folder(tmp_path / "b"))
    made = back_up(filled, tmp_path / "b")
    columns = {**made.facts["columns"], "records.runs": [*made.facts["columns"]["records.runs"], "mood"]}
    for tables, facts in (
        ({**made.tables, "records.dreams": []}, made.facts),
        (made.tables, {**made.facts, "columns": columns}),
    ):
        repository.add("folder", tables, facts, {})
        with pytest.raises(BadInput, match="does not know"):
            restore(StoreSettings(data_dir=tmp_path / "fresh"), tmp_path / "b", replaces=False)


def test_every_cell_has_a_name_by_which_it_is_found() -> None:
    named = set()
    for path in Path(__file__).parents[2].joinpath("app").rglob("*.py"):
        named |= set(re.findall(r"\.(?:cell|beside)\(\"([^\"]+)\"\)", path.read_text(encoding="utf-8")))
    assert len(named) >= 3
    assert {Path(name).suffix for name in named} <= beside._SUFFIXES


def test_a_newer_versions_data_folder_is_refused(filled: StoreSettings) -> None:
    (filled.data_dir / "format.json").write_text('{"format": 2, "serves": 1}')
    open_state(filled)  # it says itself that this version may go on
    (filled.data_dir / "format.json").write_text('{"format": 2, "serves": 2}')
    with pytest.raises(StoreDamaged, match="newer version"):
        open_state(filled)


def test_a_hold_that_was_lifted_and_its_person_erased_comes_back_from_no_backup(
    filled: StoreSettings, tmp_path: Path
) -> None:
    back_up(filled, tmp_path / "b")
    with people(filled) as kept:
        kept.release(BOB, name="bob")
    erase(filled, owner=BOB)
    note_erased(settings_of(filled), Repository(Folder(tmp_path / "b")))
    fresh = StoreSettings(data_dir=tmp_path / "fresh")
    restore(fresh, tmp_path / "b", replaces=False)
    after = told(fresh)
    assert (after[BOB], after["holds"]) == ([], [])
    with people(fresh) as kept:
        assert kept.ledger.read().erased
        kept.replay()


def test_a_backup_is_of_one_moment_while_others_write(filled: StoreSettings, tmp_path: Path) -> None:
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            with closing(open_store(filled, SPACE)) as store, store.draft() as draft:
                put(draft, sample("pair-a.md", f"Number {number}."))
                put(draft, sample("pair-b.md", f"Number {number}."))
            ask(filled, ANN, f"run-{number}", "?")
            log(filled, "ann")
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(2):
            back_up(filled, tmp_path / "b")
    finally:
        stop.set()
        writer.join()
    for number, name in enumerate(Repository(Folder(tmp_path / "b")).ids()):
        fresh = StoreSettings(data_dir=tmp_path / f"fresh-{number}")
        restore(fresh, tmp_path / "b", name=name, replaces=False)
        assert told(fresh)["log is sound"]
        with closing(open_store(fresh, SPACE)) as store, store.snapshot() as snapshot:
            from tests.vectorstore.sample import OPERATOR

            texts = {
                snapshot.text(each.id) for each in snapshot.documents(scope=OPERATOR) if "pair" in each.uri
            }
        assert len(texts) <= 1


def test_settings_go_without_their_secrets(
    filled: StoreSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOOTNOTE_LLM_API_KEY", "sk-very-secret")
    monkeypatch.setenv("FOOTNOTE_BUDGETS_URL", "redis://user:word@host/0?token=hush")
    made = back_up(filled, tmp_path / "b")
    assert made.settings["FOOTNOTE_LLM_API_KEY"] == "********"
    assert all(secret not in json.dumps(made.settings) for secret in ("very-secret", "word@", "hush"))
    cell = json.loads((filled.data_dir / "backup.json").read_bytes())
    assert cell["where"] == str(tmp_path / "b")


def test_a_clock_that_runs_ahead_makes_no_difference_to_who_was_erased() -> None:
    from datetime import UTC, datetime

    now = datetime.now(UTC)
    known = erased.Erased()
    for when in (now, now - timedelta(days=1)):
        known.add(erased.Erased(people={"salt": {"stone": when}}))
    assert known.people["salt"]["stone"] == now
