"""An index moved into PostgreSQL and back: the same seals, the same hits, whatever interrupts it."""

import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.postgresql import Server, needs_postgresql
from tests.vectorstore.sample import SPACE, find, put, sample
from vectorstore.errors import BadInput, Busy, NotFound, StoreDamaged, Unavailable
from vectorstore.index.maintenance import transfer
from vectorstore.index.truth.files import block_digests
from vectorstore.index.truth.seal import read_meta
from vectorstore.open import move_index, open_store, open_upkeep
from vectorstore.settings import StoreSettings
from vectorstore.types import Generation

ROOT = Path(__file__).parents[2]
pytestmark = needs_postgresql


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An index with some of everything: generations, readers, an erasure, a restored generation, numbers that are gone."""
    settings = StoreSettings(data_dir=tmp_path / "folder")
    store = open_store(settings, SPACE)
    for version in range(3):
        with store.draft(note=f"version {version}") as draft:
            for n in range(version, 12):
                readers = frozenset({"hr"} if n == 3 and version else ())
                put(draft, sample(f"{n}.md", f"Fact {n} as of {version}. And Ünï {n}.", readers=readers))
            draft.remove(tenant="default", uri="11.md")
    upkeep = open_upkeep(settings)
    upkeep.erase(["5.md"])
    store.rollback(Generation(2))
    with store.draft() as draft:
        put(draft, sample("last.md", "The last."))
    upkeep.erase(["last.md"])
    upkeep.close()
    store.close()
    return settings.data_dir


@pytest.fixture
def url(postgresql_server: Server) -> str:
    return postgresql_server.schema()


def contents(settings: StoreSettings) -> dict[str, object]:
    """Everything that the truth holds, seals and marks with it."""
    store = open_store(settings, SPACE)
    with store.database.connection() as connection:
        found: dict[str, object] = {
            table.name: [tuple(row) for rows in transfer.batches(connection, table) for row in rows]
            for table in (*transfer.GROWING, *transfer.CHANGING)
            if table.name != "meta"
        }
        found["meta"] = read_meta(connection)
        found["numbers"] = [connection.last_row(name) for name in transfer.NUMBERED]
    store.close()
    return found


def hits(settings: StoreSettings) -> list[object]:
    store = open_store(settings, SPACE)
    found: list[object] = []
    for each in store.generations():
        with store.snapshot(each.number) as snapshot:
            found.append(
                [
                    (hit.chunk.id, hit.document, round(hit.score, 6))
                    for question in ("Fact 3", "Ünï 7 as of 2", "nothing of the kind")
                    for hit in find(snapshot, question)
                ]
            )
    store.close()
    return found


def digest(folder: Path) -> list[str]:
    path = folder / "index.db"
    return list(block_digests(path, size=path.stat().st_size))


def test_an_index_moved_there_and_back_is_the_same(folder: Path, url: str, tmp_path: Path) -> None:
    here = StoreSettings(data_dir=folder)
    golden, before, seals = hits(here), contents(here), digest(folder)
    done = move_index(here, url)
    assert (done.generation, done.generations) == (7, 8)
    assert "secret" not in done.place
    assert digest(folder) == seals
    there = StoreSettings(data_dir=tmp_path / "replica", store=url)
    assert contents(there) == before
    assert hits(there) == golden
    move_index(there, str(tmp_path / "back"))
    back = StoreSettings(data_dir=tmp_path / "back")
    assert contents(back) == before
    assert hits(back) == golden
    for settings in (there, back):
        upkeep = open_upkeep(settings)
        assert upkeep.verify().sound
        assert [each.documents for each in upkeep.certificates()] == [3, 1]
        with closing(open_store(settings, SPACE)) as store, store.draft() as draft:
            put(draft, sample("new.md", "New."))
        assert upkeep.verify().sound
        upkeep.close()


def test_a_replica_in_the_folder_itself_needs_nothing_made_anew(folder: Path, url: str) -> None:
    golden = hits(StoreSettings(data_dir=folder))
    manifests = {name: (folder / name).read_bytes() for name in ("dense.json", "lexical.json")}
    move_index(StoreSettings(data_dir=folder, store=url))
    assert hits(StoreSettings(data_dir=folder, store=url)) == golden
    assert {name: (folder / name).read_bytes() for name in manifests} == manifests


def test_moving_again_copies_nothing(folder: Path, url: str) -> None:
    assert move_index(StoreSettings(data_dir=folder), url).copied > 100
    assert move_index(StoreSettings(data_dir=folder), url).copied == 0


def test_a_place_that_holds_another_index_is_refused(
    folder: Path, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for settings in (
        StoreSettings(data_dir=tmp_path / "replica", store=url),
        StoreSettings(data_dir=tmp_path / "other"),
    ):
        store = open_store(settings, SPACE)
        with store.draft() as draft:
            put(draft, sample("mine.md", "Mine."))
        store.close()
    for to in (url, str(tmp_path / "other")):
        with pytest.raises(BadInput, match="another index") as told:
            move_index(StoreSettings(data_dir=folder), to)
        assert "secret" not in str(told.value)
    with pytest.raises(BadInput, match="already"):
        move_index(StoreSettings(data_dir=folder), str(folder))
    monkeypatch.chdir(folder.parent)
    with pytest.raises(BadInput, match="already"):
        move_index(StoreSettings(data_dir=Path(folder.name)), str(folder), wait=True)
    with pytest.raises(BadInput, match="into PostgreSQL or into a folder"):
        move_index(StoreSettings(data_dir=folder), "s3://bucket/index")
    with pytest.raises(BadInput, match="nowhere"):
        move_index(StoreSettings(data_dir=folder))
    with pytest.raises(NotFound):
        move_index(StoreSettings(data_dir=tmp_path / "nothing"), url)


def test_a_source_with_a_flipped_bit_is_noticed_before_it_counts(
    folder: Path, url: str, tmp_path: Path
) -> None:
    content = bytearray((folder / "index.db").read_bytes())
    place = content.index("And Ünï 7.".encode())
    content[place] ^= 1
    (folder / "index.db").write_bytes(content)
    with pytest.raises(StoreDamaged, match="seal"):
        move_index(StoreSettings(data_dir=folder), url)
    with pytest.raises(Unavailable, match="moved"):
        open_store(StoreSettings(data_dir=tmp_path / "replica", store=url), SPACE)


def test_a_text_that_postgresql_cannot_keep_is_told(url: str, tmp_path: Path) -> None:
    settings = StoreSettings(data_dir=tmp_path / "folder")
    store = open_store(settings, SPACE)
    with store.draft() as draft:
        put(draft, sample("a.md", "Old text."))
    with store.database.connection() as connection:
        # An older version let it in.
        connection.run("UPDATE texts SET text = ?", ("Old\0text.",))
    store.close()
    with pytest.raises(BadInput, match=r"U\+0000"):
        move_index(settings, url)


_MOVE = """
import sys
from pathlib import Path
from vectorstore.index.maintenance import transfer
from vectorstore.open import move_index
from vectorstore.settings import StoreSettings
transfer._BATCH = 3
print("begun", flush=True)
store = {"store": sys.argv[3]} if sys.argv[3] else {}
move_index(StoreSettings(data_dir=Path(sys.argv[1]), **store), sys.argv[2])
print("done", flush=True)
"""


def moved_with_kills(source: StoreSettings, to: str, chance: random.Random, kills: int) -> Iterator[bool]:
    """Kill the move at random moments; say each time whether it was done by then."""
    command = [sys.executable, "-c", _MOVE, str(source.data_dir), to, source.store.get_secret_value()]
    for _ in range(kills):
        child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert child.stdout is not None
        assert child.stdout.readline() == b"begun\n"
        try:
            child.wait(chance.uniform(0, 0.25))
        except subprocess.TimeoutExpired:
            child.kill()
        done = b"done" in child.stdout.read()
        child.stdout.close()
        child.wait()
        yield done


def check_kills(source: StoreSettings, target: StoreSettings, to: str, kills: int, seed: int) -> None:
    before = contents(source)
    cut = 0
    for done in moved_with_kills(source, to, random.Random(seed), kills):
        cut += not done
        if done:
            break
        # Half of it is nobody's index.
        try:
            open_store(target, SPACE).close()
        except Unavailable as error:
            assert "moved" in error.what  # noqa: PT017
    # A quick machine may be done before a few kills come; the test below stops half-way whatever the machine.
    assert cut or kills < 10
    move_index(source, to)
    assert contents(target) == before
    assert contents(source) == before


def test_a_move_that_is_killed_goes_on_where_it_stopped(folder: Path, url: str, tmp_path: Path) -> None:
    here = StoreSettings(data_dir=folder)
    there = StoreSettings(data_dir=tmp_path / "replica", store=url)
    check_kills(here, there, url, kills=4, seed=1)
    back = StoreSettings(data_dir=tmp_path / "back")
    check_kills(there, back, str(tmp_path / "back"), kills=3, seed=2)


def test_what_changed_between_two_tries_comes_over_whole(
    folder: Path, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = StoreSettings(data_dir=folder)
    monkeypatch.setattr(transfer, "_BATCH", 7)

    def stops(done: int, total: int) -> None:
        if done > total // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        move_index(here, url, on_progress=stops)
    upkeep = open_upkeep(here)
    upkeep.compact(keep=1)
    upkeep.erase(["7.md"])
    upkeep.close()
    move_index(here, url)
    assert contents(StoreSettings(data_dir=tmp_path / "replica", store=url)) == contents(here)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_forty_moves_killed_at_random(folder: Path, postgresql_server: Server, tmp_path: Path) -> None:
    for seed in range(10):
        url = postgresql_server.schema()
        here = StoreSettings(data_dir=folder)
        there = StoreSettings(data_dir=tmp_path / f"replica-{seed}", store=url)
        check_kills(here, there, url, kills=4, seed=seed)
        shutil.rmtree(tmp_path / f"replica-{seed}", ignore_errors=True)


def test_of_two_indexes_moved_to_one_place_at_once_one_is_told_and_the_other_is_whole(
    folder: Path, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, other = StoreSettings(data_dir=folder), StoreSettings(data_dir=tmp_path / "other")
    with closing(open_store(other, SPACE)) as store, store.draft() as draft:
        put(draft, sample("mine.md", "Mine. And more of it."))
    monkeypatch.setattr(transfer, "_BATCH", 7)
    moved = []

    def meanwhile(_: int, __: int) -> None:
        if not moved:
            moved.append(move_index(other, url))

    with pytest.raises(Busy, match="Another index"):
        move_index(here, url, on_progress=meanwhile)
    assert hits(StoreSettings(data_dir=tmp_path / "replica", store=url)) == hits(other)
