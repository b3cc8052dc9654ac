"""Published projections: a replica takes them whole and unchanged, or builds its own."""

import json
import logging
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.objects import Bucket, bucket, s3_port, storage  # noqa: F401 - fixtures
from tests.postgresql import needs_postgresql, postgresql_server, postgresql_url  # noqa: F401 - fixtures
from tests.vectorstore.sample import SPACE, Sample, find, put, sample, uris
from vectorstore.errors import BadInput, Unavailable
from vectorstore.index.projection import projections, published
from vectorstore.index.projection.manifest import read_manifest
from vectorstore.index.publishing import Publishing
from vectorstore.index.sqlite.truth import SQLiteTruth
from vectorstore.index.store import IndexStore
from vectorstore.index.upkeep import IndexUpkeep
from vectorstore.objects.store import Objects
from vectorstore.open import open_store
from vectorstore.settings import StoreSettings

pytest.importorskip("obstore", reason="the extra [objects] is not installed")

Open = Callable[..., IndexStore]
EVERY = 20


def documents(first: int, last: int, tenant: str = "default") -> list[Sample]:
    return [
        sample(f"{tenant}/{n}.md", f"Fact {n} of {tenant} is here. It has two sentences.", tenant=tenant)
        for n in range(first, last)
    ]


def commit(store: IndexStore, *made: Sample) -> None:
    with store.draft() as draft:
        for each in made:
            put(draft, each)


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    return storage(f"file://{tmp_path}/objects")


@pytest.fixture
def open_at(tmp_path: Path, objects: Objects) -> Iterator[Open]:
    opened: list[IndexStore] = []

    def open_one(name: str, *, every: int = EVERY, at: Objects | None = objects) -> IndexStore:
        publishing = Publishing(at, every=every) if at else None
        settings = StoreSettings(data_dir=tmp_path / name)
        database = SQLiteTruth(settings.data_dir)
        opened.append(IndexStore(settings, SPACE, database=database, rerank=None, publishing=publishing))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


def replica(source: Path, target: Path) -> Path:
    """The same truth in another folder, without what is derived from it."""
    target.mkdir()
    for path in source.glob("index.db*"):
        shutil.copy(path, target / path.name)
    return target


def made_here(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Note for each catch-up from which chunk on vectors were read from the truth."""
    seen: list[int] = []
    batches = projections.batches_of

    def noted(connection, after, until, dimension):  # type: ignore[no-untyped-def]
        seen.append(after)
        return batches(connection, after, until, dimension)

    monkeypatch.setattr(projections, "batches_of", noted)
    return seen


def test_a_replica_takes_what_is_published_and_makes_only_the_rest(
    tmp_path: Path, open_at: Open, monkeypatch: pytest.MonkeyPatch, dense_kind: str
) -> None:
    del dense_kind
    store = open_at("one")
    commit(store, *documents(0, 20), *documents(0, 9, "acme"))
    store.close()
    commit(store, *documents(20, 24))
    store.close()
    read = made_here(monkeypatch)
    second = open_at(replica(tmp_path / "one", tmp_path / "two").name)
    with second.snapshot() as snapshot, store.snapshot() as before:
        assert snapshot.info() == before.info()
        for text in ("Fact 3 is here.", "Fact 22 is here.", "two sentences"):
            assert find(snapshot, text) == find(before, text)
    assert read == [58]
    assert open_verified(second)


def open_verified(store: IndexStore) -> bool:
    return IndexUpkeep(store).verify().sound


def test_nothing_is_published_before_it_is_worth_it(open_at: Open, objects: Objects) -> None:
    store = open_at("one")
    commit(store, *documents(0, 9))
    store.close()
    assert objects.list("") == []
    commit(store, *documents(9, 10))
    store.close()
    assert len(whole(objects)) == 1
    commit(store, *documents(10, 15))
    store.close()
    assert len(whole(objects)) == 1


def whole(objects: Objects) -> list[str]:
    return [each.key for each in objects.list("projections") if each.key.endswith("manifest.json")]


def test_two_are_kept(open_at: Open, objects: Objects) -> None:
    store = open_at("one")
    for n in range(5):
        commit(store, *documents(20 * n, 20 * n + 20))
        store.close()
    numbers = [int(key.split("/")[-2].split("-")[0]) for key in whole(objects)]
    assert numbers == [4, 5]


def test_of_two_replicas_that_caught_up_alike_one_publishes(
    tmp_path: Path, open_at: Open, objects: Objects
) -> None:
    first = open_at("one", at=None)
    commit(first, *documents(0, 20))
    second, third = (open_at(replica(tmp_path / "one", tmp_path / name).name) for name in ("two", "three"))
    both = [threading.Thread(target=searched, args=(each,)) for each in (second, third)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    second.close()
    third.close()
    assert len(whole(objects)) == 1


def searched(store: IndexStore) -> list[str]:
    with store.snapshot() as snapshot:
        return uris(find(snapshot, "Fact 3 of default is here.", limit=1))


def damaged_part(objects: Objects) -> None:
    [part] = [each.key for each in objects.list("projections") if each.key.endswith("/000000")]
    content = bytearray(objects.read(part) or b"")
    content[100] ^= 1
    objects.put(part, bytes(content))


def lost_part(objects: Objects) -> None:
    objects.delete(next(each.key for each in objects.list("projections") if each.key.endswith("/000000")))


def half_uploaded(objects: Objects) -> None:
    objects.delete(whole(objects)[0])


def changed(change: Callable[[dict], None]) -> Callable[[Objects], None]:  # type: ignore[type-arg]
    def apply(objects: Objects) -> None:
        key = whole(objects)[0]
        body = json.loads(objects.read(key) or b"")
        change(body)
        objects.put(key, json.dumps(body).encode())

    return apply


def no_json(objects: Objects) -> None:
    objects.put(whole(objects)[0], b'{"seal": ')


DAMAGE = {
    "a flipped bit": damaged_part,
    "a part that is gone": lost_part,
    "half uploaded": half_uploaded,
    "another generation": changed(lambda body: body["body"]["covered"].update(generation=7)),
    "another seal": changed(lambda body: body.update(seal="00" * 32)),
    "no seal": changed(lambda body: body.pop("seal")),
    "a list": changed(lambda body: body.update(body=[])),
    "no JSON": no_json,
}


@pytest.mark.parametrize("how", DAMAGE)
def test_what_is_damaged_is_passed_over_and_made_from_the_truth(
    how: str, tmp_path: Path, open_at: Open, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_at("one")
    commit(store, *documents(0, 20))
    store.close()
    DAMAGE[how](objects)
    read = made_here(monkeypatch)
    second = open_at(replica(tmp_path / "one", tmp_path / "two").name)
    assert searched(second) == ["default/3.md"]
    assert set(read) == {0}
    assert open_verified(second)
    second.close()
    assert list((tmp_path / "two").glob(".published-*")) == []
    if how == "half uploaded":
        return
    # A sound one has taken its place.
    read.clear()
    third = open_at(replica(tmp_path / "one", tmp_path / "three").name)
    assert searched(third) == ["default/3.md"]
    assert read == []


def test_one_that_names_files_outside_is_passed_over(
    tmp_path: Path, open_at: Open, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even one that was sealed with the index's own salt."""
    store = open_at("one")
    commit(store, *documents(0, 20))
    store.close()
    files = published._row
    monkeypatch.setattr(published, "_SAFE", published.re.compile(".*"))

    def outside(manifests):  # type: ignore[no-untyped-def]
        return [
            published.replace(each, name=f"../{each.name}") if each.kind == "dense" else each
            for each in files(manifests)
        ]

    monkeypatch.setattr(published, "_row", outside)
    second = open_at(replica(tmp_path / "one", tmp_path / "two").name)
    assert searched(second) == ["default/3.md"]
    assert not (tmp_path / "vectors.f16").exists()
    assert open_verified(second)


def test_another_index_in_the_same_place_is_not_taken(
    tmp_path: Path, open_at: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_at("one")
    commit(store, *documents(0, 20))
    store.close()
    read = made_here(monkeypatch)
    other = open_at("two")
    commit(other, *documents(0, 30))
    assert set(read) == {0}


def test_a_truth_that_went_another_way_takes_nothing(
    tmp_path: Path, open_at: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy of an index that has commits of its own: the same index, the same numbers, other content."""
    store = open_at("one", every=0)
    commit(store, *documents(0, 2))
    store.close()
    replica(tmp_path / "one", tmp_path / "two")
    first = open_at("one")
    commit(first, *documents(2, 20))
    first.close()
    second = open_at("two", at=None)
    commit(second, *documents(50, 68))
    second.close()
    for left in (*(tmp_path / "two").glob("dense*"), *(tmp_path / "two").glob("lexical*")):
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    read = made_here(monkeypatch)
    again = open_at("two")
    with again.snapshot() as snapshot:
        assert "default/60.md" in uris(find(snapshot, "Fact 60 of default is here."))
    assert set(read) == {0}
    assert open_verified(again)


def test_storage_that_is_away_costs_a_warning_and_no_commit(
    open_at: Open,
    bucket: Bucket,  # noqa: F811
    caplog: pytest.LogCaptureFixture,
) -> None:
    bucket.line.refuse = True
    store = open_at("one", at=storage(bucket.url, seconds=1, retries=0))
    with caplog.at_level(logging.WARNING):
        commit(store, *documents(0, 20))
        store.close()
    assert searched(store) == ["default/3.md"]
    assert "could not be published: The object storage" in caplog.text
    assert caplog.text.count("could not be published") == 1


def test_an_upload_that_breaks_off_leaves_nothing_that_counts(
    tmp_path: Path,
    open_at: Open,
    bucket: Bucket,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at = storage(bucket.url, seconds=5, retries=1)
    store = open_at("one", at=at)
    put_object = Objects.put

    def break_off(self: Objects, key: str, content: bytes | Path) -> None:
        if key.endswith("manifest.json"):
            bucket.line.refuse = True
        put_object(self, key, content)

    monkeypatch.setattr(Objects, "put", break_off)
    commit(store, *documents(0, 20))
    store.close()
    bucket.line.calm()
    monkeypatch.setattr(Objects, "put", put_object)
    assert [each.key for each in at.list("projections") if "claims" not in each.key] != []
    assert whole(at) == []
    second = open_at(replica(tmp_path / "one", tmp_path / "two").name, at=at)
    assert searched(second) == ["default/3.md"]


def test_over_s3_a_replica_takes_what_is_published(
    tmp_path: Path,
    open_at: Open,
    bucket: Bucket,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(published, "PIECE", 10_000)
    at = storage(bucket.url, seconds=10)
    store = open_at("one", at=at)
    commit(store, *documents(0, 60))
    store.close()
    assert len([each for each in at.list("projections") if "claims" not in each.key]) > 3
    read = made_here(monkeypatch)
    second = open_at(replica(tmp_path / "one", tmp_path / "two").name, at=at)
    assert searched(second) == ["default/3.md"]
    assert read == []
    assert open_verified(second)


@pytest.mark.parametrize("versioned", [False, True])
def test_erasure_deletes_what_is_published_with_all_versions(
    tmp_path: Path,
    open_at: Open,
    bucket: Bucket,  # noqa: F811
    versioned: bool,
) -> None:
    if versioned:
        bucket.versions.keep(versioned=True)
    at = storage(bucket.url, seconds=10)
    store = open_at("one", at=at)
    commit(store, *documents(0, 30))
    store.close()
    assert len(whole(at)) == 1
    certificate = IndexUpkeep(store).erase(["default/3.md"])
    assert certificate.left == ()
    assert certificate.published is not None
    assert certificate.published >= 2
    assert certificate.unsearched == ()
    assert list(bucket.versions._listed("footnote/projections")) == []
    commit(store, *documents(30, 60))
    store.close()
    assert {key.split("/")[2] for key in whole(at)} == {"00000001"}


def test_without_the_storage_nothing_is_erased_and_it_can_be_tried_again(
    open_at: Open,
    bucket: Bucket,  # noqa: F811
) -> None:
    store = open_at("one", at=storage(bucket.url, seconds=2, retries=0))
    commit(store, *documents(0, 20))
    store.close()
    bucket.line.refuse = True
    with pytest.raises(Unavailable):
        IndexUpkeep(store).erase(["default/3.md"])
    assert searched(store) == ["default/3.md"]
    bucket.line.calm()
    assert IndexUpkeep(store).erase(["default/3.md"]).documents == 1


def test_what_was_erased_while_it_was_published_does_not_come_back(
    tmp_path: Path, open_at: Open, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_at("one", every=0)
    commit(store, *documents(0, 20))
    upload = published.Staged.publish

    def erased_meanwhile(self, at, kind):  # type: ignore[no-untyped-def]
        done = upload(self, at, kind)
        other = open_at("one", every=0)
        IndexUpkeep(other).erase(["default/3.md"])
        # as if the last part had come after the erasure looked
        at.put(f"{done.prefix}/manifest.json", b"{}")
        return done

    monkeypatch.setattr(published.Staged, "publish", erased_meanwhile)
    with pytest.raises(Unavailable, match="erased while"):
        IndexUpkeep(store).publish()
    assert objects.list("projections") == []
    assert list((tmp_path / "one").glob(".published-*")) == []


def test_an_erasure_in_the_same_folder_ends_what_is_being_published(
    tmp_path: Path, open_at: Open, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_at("one", every=0)
    commit(store, *documents(0, 20))
    upload, certificates = published.Staged.publish, []

    def erased_meanwhile(self, at, kind):  # type: ignore[no-untyped-def]
        certificates.append(IndexUpkeep(open_at("one", every=0)).erase(["default/3.md"]))
        return upload(self, at, kind)

    monkeypatch.setattr(published.Staged, "publish", erased_meanwhile)
    with pytest.raises(Unavailable, match="made anew while"):
        IndexUpkeep(store).publish()
    assert certificates[0].complete
    assert certificates[0].left == ()
    assert objects.list("projections") == []


def test_what_a_killed_process_left_of_publishing_or_taking_goes_with_the_next_commit(
    tmp_path: Path, open_at: Open
) -> None:
    store = open_at("one")
    commit(store, *documents(0, 3))
    left = tmp_path / "one" / ".published-00000000" / "dense"
    left.mkdir(parents=True)
    (left / "vectors.f16").write_bytes(b"erased long ago")
    commit(store, *documents(3, 4))
    assert not left.parent.exists()


def test_what_a_build_that_broke_off_left_is_gone_before_the_next_needs_its_room(
    tmp_path: Path, open_at: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = tmp_path / "one" / "dense-000009-00dead"
    left.mkdir(parents=True)
    extend = projections.extend_dense

    def with_room(*asked, **more):  # type: ignore[no-untyped-def]
        assert not left.exists()
        return extend(*asked, **more)

    monkeypatch.setattr(projections, "extend_dense", with_room)
    store = open_at("one", at=None)
    commit(store, *documents(0, 5))
    assert searched(store) == ["default/3.md"]
    assert list((tmp_path / "one").glob("dense-*")) != []


def test_versions_that_write_other_files_claim_apart(open_at: Open, objects: Objects) -> None:
    store = open_at("one", at=None)
    commit(store, *documents(0, 3))
    opened = store.opened()
    assert opened is not None
    with opened.database.connection() as connection:
        covered = projections.coverage(connection, opened.kind)
    other = replace(opened.kind, fingerprint="another")
    assert [published.claimed(objects, covered, kind) for kind in (opened.kind, other, opened.kind)] == [
        True,
        True,
        False,
    ]


def test_copies_of_originals_go_when_an_erasure_elsewhere_is_noticed(tmp_path: Path, open_at: Open) -> None:
    store = open_at("one")
    commit(store, *documents(0, 20))
    fetched = tmp_path / "one" / "fetched"
    fetched.mkdir()
    (fetched / "originals_x_y").write_text("a copy")
    opened = store.opened()
    assert opened is not None
    with opened.database.connection() as connection:
        from vectorstore.index.truth.seal import next_epoch

        with connection.transaction():
            next_epoch(connection)
    assert searched(store) == ["default/3.md"]
    assert list(fetched.iterdir()) == []


def test_after_a_compaction_it_is_published_anew(tmp_path: Path, open_at: Open, objects: Objects) -> None:
    store = open_at("one")
    commit(store, *documents(0, 20))
    store.close()
    commit(store, *documents(20, 21))
    commit(store, *documents(21, 22))
    IndexUpkeep(store).compact(keep=1)
    commit(store, *documents(22, 23))
    store.close()
    second = open_at(replica(tmp_path / "one", tmp_path / "two").name)
    assert searched(second) == ["default/3.md"]
    manifest = read_manifest(tmp_path / "two" / "dense.json")
    assert manifest is not None
    assert len(whole(objects)) == 2


def test_published_by_hand(tmp_path: Path, open_at: Open, objects: Objects) -> None:
    with pytest.raises(BadInput, match="no object storage"):
        IndexUpkeep(open_at("none", at=None)).publish()
    store = open_at("one", every=1_000_000)
    commit(store, *documents(0, 3))
    generation, size = IndexUpkeep(store).publish()
    assert generation == 1
    assert size > 0
    assert len(whole(objects)) == 1
    assert list((tmp_path / "one").glob(".published-*")) == []


@needs_postgresql
def test_over_postgresql_a_new_replica_takes_what_another_published_until_an_erasure(
    tmp_path: Path,
    postgresql_url: str,  # noqa: F811
    bucket: Bucket,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FOOTNOTE_OBJECTS", bucket.url)
    monkeypatch.setenv("FOOTNOTE_PUBLISH_CHUNKS", str(EVERY))

    def replica_at(name: str) -> IndexStore:
        return open_store(StoreSettings(data_dir=tmp_path / name, store=SecretStr(postgresql_url)), SPACE)

    first = replica_at("one")
    commit(first, *documents(0, 30))
    assert searched(first) == ["default/3.md"]
    first.publishing.close()  # type: ignore[union-attr]
    at = storage(bucket.url)
    assert len(whole(at)) == 1
    read = made_here(monkeypatch)
    second = replica_at("two")
    assert searched(second) == ["default/3.md"]
    assert read == []
    assert (tmp_path / "two" / "dense.json").exists()
    copies = tmp_path / "two" / "fetched"
    copies.mkdir()
    (copies / "originals_x_y").write_text("a copy of an upload")
    certificate = IndexUpkeep(first).erase(["default/3.md"])
    assert certificate.published is not None
    assert certificate.published >= 2
    assert list(bucket.versions._listed("footnote/projections")) == []
    assert searched(second) != ["default/3.md"]
    assert list(copies.iterdir()) == []
    third = replica_at("three")
    for each in (first, second, third):
        assert searched(each) != ["default/3.md"]
        each.close()
    assert {key.split("/")[2] for key in whole(at)} <= {"00000001"}
