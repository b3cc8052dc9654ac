"""Uploaded files in a real S3 server: whichever replica looks at a document finds its file, or says why not."""

import io
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

import pytest

from ingest import originals as originals_module
from ingest.jobs.incoming import IncomingObjects
from ingest.originals import Originals
from ingest.settings import IngestSettings
from ingest.uploads import NOT_KEPT, Upload, Uploaded, Uploads
from tests.fakes.word_embedder import WordEmbedder
from tests.objects import Bucket, bucket, s3_port, storage  # noqa: F401 - fixtures
from vectorstore.errors import NotFound, Unavailable
from vectorstore.objects.store import Objects
from vectorstore.open import open_store
from vectorstore.settings import StoreSettings
from vectorstore.store import Store
from vectorstore.types import Document, Scope

pytest.importorskip("obstore", reason="the extra [objects] is not installed")

LEAVE = b"# Leave\n\nStaff get 25 days of annual leave.\n"


@dataclass
class Desk:
    data: Path
    store: Store
    uploads: Uploads
    originals: Originals
    objects: Objects

    def send(self, name: str, content: bytes) -> Uploaded:
        return self.uploads.add([Upload(name, io.BytesIO(content))], scope=Scope())[0]

    def all(self) -> list[Document]:
        with self.store.snapshot() as snapshot:
            return list(snapshot.documents(scope=Scope(unrestricted=True)))

    def kept(self) -> list[str]:
        return [each.key for each in self.objects.list("originals")]


@contextmanager
def opened(data: Path, objects: Objects, *, room: int = 1 << 30) -> Iterator[Desk]:
    embedder = WordEmbedder()
    store = open_store(StoreSettings(data_dir=data), embedder)
    originals = Originals(data, objects, room=room)
    uploads = Uploads(
        store, embedder, data_dir=data, settings=IngestSettings(chunk_tokens=32), originals=originals
    )
    yield Desk(data, store, uploads, originals, objects)
    store.close()


@pytest.fixture
def desk(bucket: Bucket, tmp_path: Path) -> Iterator[Desk]:  # noqa: F811
    with opened(tmp_path / "one", storage(bucket.url, seconds=2, retries=1)) as running:
        yield running


def test_another_replica_finds_the_file(desk: Desk, tmp_path: Path) -> None:
    document = desk.send("leave.md", LEAVE).document
    assert document is not None
    assert not (desk.data / "originals").exists()
    elsewhere = Originals(tmp_path / "two", desk.objects)
    found = elsewhere.of(document)
    assert found is not None
    assert found.read_bytes() == LEAVE
    assert found.is_relative_to(tmp_path / "two")
    assert found.stat().st_mode & 0o077 == 0
    assert elsewhere.are_kept(document)


def test_a_file_that_cannot_be_kept_does_not_go_in(desk: Desk, bucket: Bucket) -> None:  # noqa: F811
    bucket.line.refuse = True
    refused = desk.send("leave.md", LEAVE)
    assert refused.failure is not None
    assert refused.failure.reason == NOT_KEPT
    assert bucket.name not in refused.failure.message
    assert desk.all() == []
    bucket.line.calm()
    assert desk.send("leave.md", LEAVE).status == "added"
    assert len(desk.kept()) == 1


def test_a_new_version_that_cannot_be_kept_leaves_the_old_one(desk: Desk, bucket: Bucket) -> None:  # noqa: F811
    old = desk.send("leave.md", LEAVE).document
    bucket.line.delay = 10
    assert desk.send("leave.md", LEAVE.replace(b"25", b"30")).status == "failed"
    bucket.line.calm()
    assert desk.all() == [old]
    assert desk.originals.of(desk.all()[0]) is not None


def test_a_new_version_takes_the_place_of_the_old_one(desk: Desk) -> None:
    desk.send("leave.md", LEAVE)
    new = desk.send("leave.md", LEAVE.replace(b"25", b"30")).document
    assert new is not None
    assert [key.rsplit("/", 1)[1] for key in desk.kept()] == [new.digest]
    assert desk.send("leave.md", LEAVE.replace(b"25", b"30")).status == "unchanged"


def test_what_is_removed_leaves_nothing_anywhere(desk: Desk) -> None:
    document = desk.send("leave.md", LEAVE).document
    assert document is not None
    assert desk.originals.of(document) is not None
    desk.uploads.remove(document)
    assert desk.kept() == []
    assert list((desk.data / "fetched").iterdir()) == []
    assert desk.originals.of(document) is None


def test_what_cannot_be_deleted_is_not_removed(desk: Desk, bucket: Bucket) -> None:  # noqa: F811
    document = desk.send("leave.md", LEAVE).document
    assert document is not None
    bucket.line.refuse = True
    with pytest.raises(Unavailable, match="the document stays") as raised:
        desk.uploads.remove(document)
    assert bucket.name not in str(raised.value)
    bucket.line.calm()
    assert desk.all() == [document]
    assert desk.originals.are_kept(document)


def test_in_a_bucket_that_keeps_versions_a_removed_file_is_gone_too(desk: Desk, bucket: Bucket) -> None:  # noqa: F811
    bucket.versions.keep(versioned=True)
    desk.send("leave.md", LEAVE)
    document = desk.send("leave.md", LEAVE.replace(b"25", b"30")).document
    assert document is not None
    assert len(list(bucket.versions._listed("footnote"))) == 1
    desk.uploads.remove(document)
    assert list(bucket.versions._listed("footnote")) == []


def test_another_file_in_the_place_of_the_original_is_not_shown(desk: Desk) -> None:
    document = desk.send("leave.md", LEAVE).document
    assert document is not None
    desk.objects.put(desk.kept()[0], b"something else")
    assert desk.originals.of(document) is None


def test_a_copy_that_was_changed_is_fetched_again(desk: Desk) -> None:
    document = desk.send("leave.md", LEAVE).document
    assert document is not None
    copy = desk.originals.of(document)
    assert copy is not None
    copy.write_bytes(b"something else")
    again = desk.originals.of(document)
    assert again is not None
    assert again.read_bytes() == LEAVE


def test_while_the_storage_is_away_copies_serve_and_nothing_else_does(
    desk: Desk,
    bucket: Bucket,  # noqa: F811
) -> None:
    first, second = (desk.send(name, LEAVE + name.encode()).document for name in ("a.md", "b.md"))
    assert first is not None
    assert second is not None
    assert desk.originals.of(first) is not None
    bucket.line.refuse = True
    assert desk.originals.of(first) is not None
    with pytest.raises(Unavailable, match="cannot be fetched now"):
        desk.originals.of(second)


def test_copies_take_no_more_room_than_is_set(bucket: Bucket, tmp_path: Path) -> None:  # noqa: F811
    with opened(tmp_path / "small", storage(bucket.url), room=250_000) as desk:
        sent = [desk.send(f"{n}.txt", os.urandom(40_000).hex().encode()).document for n in range(5)]
        for document in sent:
            assert document is not None
            found = desk.originals.of(document)
            assert found is not None
            assert found.stat().st_size == 80_000
            time.sleep(0.01)
        held = [path.stat().st_size for path in (desk.data / "fetched").iterdir()]
        assert held == [80_000] * 3


def test_room_is_not_made_under_whoever_fetches_just_now(desk: Desk, tmp_path: Path) -> None:
    first, second = (desk.send(name, LEAVE + name.encode()).document for name in ("a.md", "b.md"))
    assert first is not None
    assert second is not None
    small = Originals(tmp_path / "small", desk.objects, room=1)
    get, found = Objects.get, []

    def another_meanwhile(self: Objects, key: str, into: BinaryIO) -> int | None:
        size = get(self, key, into)
        into.flush()
        if not found:
            found.append(key)
            assert small.of(second) is not None
        return size

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Objects, "get", another_meanwhile)
        copy = small.of(first)
    assert copy is not None
    assert copy.read_bytes() == LEAVE + b"a.md"
    left = tmp_path / "small" / "fetched" / ".left"
    left.write_bytes(b"half of one")
    os.utime(left, (0, 0))
    assert small.of(second) is not None
    assert not left.exists()


def test_a_sweep_leaves_what_is_just_being_taken_in(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    document = desk.send("leave.md", LEAVE).document
    assert document is not None
    desk.originals.keep("default", "upload/other.md", "00-11", Path(__file__))
    held = [(document.tenant, document.uri, document.digest)]
    assert desk.originals.sweep(lambda: held) == 0
    assert len(desk.kept()) == 2
    monkeypatch.setattr(originals_module, "_UNDER_WAY", timedelta(seconds=-5))
    assert desk.originals.sweep(lambda: held) == 1
    assert [key.rsplit("/", 1)[1] for key in desk.kept()] == [document.digest]


def test_the_file_of_a_job_is_fetched_by_any_worker_and_dropped(bucket: Bucket, tmp_path: Path) -> None:  # noqa: F811
    (tmp_path / "leave.md").write_bytes(LEAVE)
    name = IncomingObjects(storage(bucket.url)).keep(tmp_path / "leave.md")
    elsewhere = IncomingObjects(storage(bucket.url))
    elsewhere.fetch(name, tmp_path / "fetched.md")
    assert (tmp_path / "fetched.md").read_bytes() == LEAVE
    elsewhere.drop(name)
    elsewhere.drop(name)
    with pytest.raises(NotFound):
        elsewhere.fetch(name, tmp_path / "again.md")
