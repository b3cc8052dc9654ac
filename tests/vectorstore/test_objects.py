"""Objects in a folder and in a real S3 server: what is put is what is got, also over a line that breaks."""

import io
import os
import stat
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.objects import SECRET, Bucket, bucket, s3_port, storage  # noqa: F401 - fixtures
from vectorstore.errors import Unavailable
from vectorstore.objects.settings import ObjectSettings
from vectorstore.objects.store import PIECE, Objects, is_address, open_objects
from vectorstore.objects.versions import Versions, _Passing

pytest.importorskip("obstore", reason="the extra [objects] is not installed")

KEYS = st.sampled_from(["a", "b/1", "b/2", "b/2x", "c/d/e", "with space/ü%20", "c/d/f"])
OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), KEYS, st.binary(max_size=40)),
        st.tuples(st.just("new"), KEYS, st.binary(max_size=40)),
        st.tuples(st.just("get"), KEYS, st.just(b"")),
        st.tuples(st.just("list"), st.sampled_from(["a", "b", "c", "c/d", "none"]), st.just(b"")),
        st.tuples(st.just("delete"), st.sampled_from(["a", "b/2", "b", "c/d", "none"]), st.just(b"")),
    ),
    max_size=14,
)


def below(keys: dict[str, bytes], prefix: str, *, itself: bool = True) -> list[str]:
    return sorted(key for key in keys if key.startswith(f"{prefix}/") or (itself and key == prefix))


def holds_like_a_dict(objects: Objects, operations: list[tuple[str, str, bytes]]) -> None:
    kept: dict[str, bytes] = {}
    for what, key, content in operations:
        if what == "put":
            objects.put(key, content)
            kept[key] = content
        elif what == "new":
            assert objects.put_new(key, content) == (key not in kept)
            kept.setdefault(key, content)
        elif what == "get":
            assert objects.read(key) == kept.get(key)
            into = io.BytesIO()
            assert objects.get(key, into) == (len(kept[key]) if key in kept else None)
            assert into.getvalue() == kept.get(key, b"")
            assert objects.size(key) == (len(kept[key]) if key in kept else None)
        elif what == "list":
            found = objects.list(key)
            assert [(each.key, each.size) for each in found] == [
                (each, len(kept[each])) for each in below(kept, key, itself=False)
            ]
        else:
            gone = below(kept, key)
            assert objects.delete(key) == len(gone)
            for each in gone:
                del kept[each]


@settings(max_examples=60)
@given(operations=OPERATIONS)
def test_a_folder_holds_what_a_dict_would(operations: list[tuple[str, str, bytes]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        holds_like_a_dict(storage(f"file://{folder}/objects"), operations)


@pytest.mark.parametrize("versioned", [False, True])
def test_a_bucket_holds_what_a_dict_would(bucket: Bucket, versioned: bool) -> None:  # noqa: F811
    if versioned:
        bucket.versions.keep(versioned=True)
    count = 0

    @settings(max_examples=25)
    @given(operations=OPERATIONS)
    def one(operations: list[tuple[str, str, bytes]]) -> None:
        nonlocal count
        count += 1
        holds_like_a_dict(
            storage(f"s3://{bucket.name}/run-{count}"), _without_counting(operations, versioned)
        )

    one()


def _without_counting(
    operations: list[tuple[str, str, bytes]], versioned: bool
) -> list[tuple[str, str, bytes]]:
    """Where versions are kept, deleting counts all of them: there each key is written once."""
    if not versioned:
        return operations
    seen: set[str] = set()
    kept = []
    for what, key, content in operations:
        if what == "put" and key in seen:
            continue
        seen |= {key} if what in {"put", "new"} else set()
        kept.append((what, key, content))
    return kept


def opened(bucket: Bucket, *, seconds: float = 10.0, retries: int = 3) -> Objects:  # noqa: F811
    return storage(bucket.url, seconds=seconds, retries=retries)


def test_what_is_larger_than_a_piece_comes_back_whole(bucket: Bucket, tmp_path: Path) -> None:  # noqa: F811
    content = os.urandom(PIECE + 12_345)
    (tmp_path / "big").write_bytes(content)
    objects = opened(bucket)
    objects.put("big", tmp_path / "big")
    with (tmp_path / "got").open("w+b") as into:
        assert objects.get("big", into) == len(content)
    assert (tmp_path / "got").read_bytes() == content
    with pytest.raises(Unavailable, match="larger"):
        objects.read("big")


def test_a_connection_cut_half_way_is_taken_up_again(bucket: Bucket) -> None:  # noqa: F811
    content = os.urandom(3 << 20)
    opened(bucket).put("cut", content)
    bucket.line.cut_after, bucket.line.cuts = 100_000, 2
    into = io.BytesIO()
    assert opened(bucket).get("cut", into) == len(content)
    assert into.getvalue() == content
    assert bucket.line.cuts == 0
    bucket.line.cut_after, bucket.line.cuts = 0, 2
    opened(bucket).put("cut", b"after two cuts")
    assert bucket.line.cuts == 0
    assert opened(bucket).read("cut") == b"after two cuts"


def said(error: Unavailable) -> str:
    text = str(error)
    assert "\n" not in text
    assert "Debug" not in text
    assert SECRET not in text
    assert error.hint.endswith(".")
    return text


def test_one_that_always_breaks_off_is_given_up_with_one_sentence_and_nothing_is_lost(
    bucket: Bucket,  # noqa: F811
) -> None:
    opened(bucket).put("kept", b"before" * 50_000)
    bucket.line.cut_after = 20_000
    with pytest.raises(Unavailable) as raised:
        opened(bucket, retries=1).read("kept")
    assert "broke off" in said(raised.value)
    bucket.line.cut_after = 0
    with pytest.raises(Unavailable) as raised:
        opened(bucket, retries=1).put("kept", b"half")
    assert "broke off" in said(raised.value)
    bucket.line.calm()
    assert opened(bucket).read("kept") in {b"before" * 50_000, b"half"}


def test_one_that_is_slow_is_waited_for_no_longer_than_is_set(bucket: Bucket) -> None:  # noqa: F811
    opened(bucket).put("slow", b"x" * 1_000)
    bucket.line.delay = 30
    for ask in (lambda one: one.read("slow"), lambda one: one.put("slow", b"y"), lambda one: one.list("a")):
        begun = time.monotonic()
        with pytest.raises(Unavailable) as raised:
            ask(opened(bucket, seconds=0.6, retries=3))
        assert time.monotonic() - begun < 3
        assert "did not answer within 0.6 s" in said(raised.value)
    bucket.line.calm()
    assert opened(bucket).read("slow") is not None


def test_one_that_drips_is_slow_too(bucket: Bucket) -> None:  # noqa: F811
    opened(bucket).put("drips", os.urandom(2 << 20))
    bucket.line.delay = 0.2
    with pytest.raises(Unavailable) as raised:
        opened(bucket, seconds=1.5, retries=0).read("drips")
    assert "did not answer within 1.5 s" in said(raised.value)


def test_one_that_is_away_is_named(bucket: Bucket) -> None:  # noqa: F811
    bucket.line.refuse = True
    for ask in (
        lambda one: one.read("x"),
        lambda one: one.put("x", b"y"),
        lambda one: one.put_new("x", b"y"),
        lambda one: one.list("x"),
        lambda one: one.size("x"),
        lambda one: one.delete("x"),
    ):
        with pytest.raises(Unavailable) as raised:
            ask(opened(bucket, retries=1))
        assert f"{bucket.url} cannot be reached" in said(raised.value)
        assert "AWS_ENDPOINT_URL" in raised.value.hint
    assert opened(bucket).keeps_versions is None


def test_wrong_credentials_are_named_and_never_shown(
    bucket: Bucket,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another-secret")
    for ask in (lambda one: one.read("x"), lambda one: one.put("x", b"y"), lambda one: one.list("x")):
        with pytest.raises(Unavailable) as raised:
            ask(opened(bucket))
        assert "refuses" in said(raised.value)
        assert "another-secret" not in str(raised.value)


def test_where_versions_are_kept_deleting_leaves_none(bucket: Bucket) -> None:  # noqa: F811
    bucket.versions.keep(versioned=True)
    objects = opened(bucket)
    assert objects.keeps_versions is True
    for content in (b"one", b"two", b"three"):
        objects.put("mine/1", content)
    objects.put("mine/12", b"another")
    objects.put("mineral", b"a third")
    assert objects.delete("mine/1") == 3
    left = [key for key, *_ in bucket.versions._listed("footnote")]
    assert left == ["footnote/mine/12", "footnote/mineral"]
    objects.put("mine/12", b"again")
    assert objects.delete("mine") == 2
    assert [key for key, *_ in bucket.versions._listed("footnote")] == ["footnote/mineral"]


def test_versions_from_before_a_bucket_stopped_keeping_them_go_too(bucket: Bucket) -> None:  # noqa: F811
    bucket.versions.keep(versioned=True)
    opened(bucket).put("old", b"one")
    opened(bucket).put("old", b"two")
    bucket.versions.keep(versioned=False)
    objects = opened(bucket)
    assert objects.keeps_versions is True
    assert objects.delete("old") == 2
    assert list(bucket.versions._listed("footnote")) == []


def test_a_bucket_that_could_not_be_asked_for_a_moment_is_asked_again(
    bucket: Bucket,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bucket.versions.keep(versioned=True)
    objects = opened(bucket, retries=1)
    for content in (b"one", b"two"):
        objects.put("mine", content)
    once, failures = Versions._once, 1

    def failing(self: Versions, *asked: Any) -> bytes:
        nonlocal failures
        if failures:
            failures -= 1
            raise _Passing("The bucket answered 503.")
        return once(self, *asked)

    monkeypatch.setattr(Versions, "_once", failing)
    assert objects.keeps_versions is True
    failures = 4
    assert objects.keeps_versions is None
    with pytest.raises(Unavailable):
        objects.delete("mine")
    assert objects.read("mine") == b"two"
    assert objects.delete("mine") == 2


def test_a_bucket_that_is_told_to_keep_versions_meanwhile_is_asked_anew(bucket: Bucket) -> None:  # noqa: F811
    objects = opened(bucket)
    objects.put("other", b"one")
    assert objects.delete("other") == 1
    bucket.versions.keep(versioned=True)
    for content in (b"one", b"two"):
        objects.put("mine", content)
    assert objects.delete("mine") == 2


@pytest.mark.parametrize("prefix", ["deep/er", "with%20space", "fußnote"])
def test_versions_are_found_below_any_prefix(bucket: Bucket, prefix: str) -> None:  # noqa: F811
    bucket.versions.keep(versioned=True)
    objects = storage(f"s3://{bucket.name}/{prefix}")
    for content in (b"one", b"two"):
        objects.put("mine/1", content)
    assert [each.key for each in objects.list("mine")] == ["mine/1"]
    assert objects.delete("mine") == 2
    assert objects.read("mine/1") is None


def test_in_a_folder_what_was_half_written_is_deleted_too(tmp_path: Path) -> None:
    objects = storage(f"file://{tmp_path}/objects")
    for key in ("mine/1", "mine/2", "mineral"):
        objects.put(key, b"secret")
        # As the library leaves it where the process is killed.
        (tmp_path / "objects" / f"{key}#1").write_bytes(b"secr")
    assert objects.delete("mine/1") == 1
    assert sorted(path.name for path in (tmp_path / "objects/mine").iterdir()) == ["2", "2#1"]
    assert objects.delete("mine") == 1
    assert sorted(path.name for path in (tmp_path / "objects").iterdir()) == ["mineral", "mineral#1"]


def test_a_folder_is_its_owners_alone(tmp_path: Path) -> None:
    storage(f"file://{tmp_path}/deep/objects").put("a", b"secret")
    assert stat.S_IMODE((tmp_path / "deep/objects").stat().st_mode) == 0o700


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(Unavailable, match="cannot be made"):
        storage(f"file://{tmp_path}/file/objects")


@pytest.mark.parametrize(
    "wrong",
    ["bucket/prefix", "s3:/bucket", "http://host/x", "s3://key:secret@bucket/x", "s3://b/x?y=z", "s3://"],
)
def test_an_address_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises(ValidationError):
        ObjectSettings(objects=wrong)


def test_an_address_is_told_from_a_path() -> None:
    assert is_address("s3://bucket/x")
    assert not is_address("backup.db")


def test_without_an_address_there_is_no_object_storage() -> None:
    assert open_objects(ObjectSettings()) is None
