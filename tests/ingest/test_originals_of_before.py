"""Uploaded files that lie in the data folder when object storage is set: found, shared, and erased there too."""

from pathlib import Path

import pytest

from ingest.originals import Originals
from tests.vectorstore.sample import sample
from vectorstore.objects.store import Objects

pytest.importorskip("obstore", reason="the extra [objects] is not installed")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "leave.md"
    path.write_text("# Leave\n\n25 days.")
    return path


def test_files_of_before_are_found_shared_and_forgotten(tmp_path: Path, file: Path) -> None:
    from dataclasses import replace

    from ingest.sources.roots import content_digest

    document = replace(
        sample("upload/leave.md", "25 days.").document, digest=f"{content_digest(file)[:40]}-0"
    )
    held = [(document.tenant, document.uri, document.digest)]
    Originals(tmp_path / "data").keep(*held[0], file)
    objects = Objects(f"file://{tmp_path}/shared", seconds=2, retries=0)
    now, other = (Originals(tmp_path / name, objects, room=1 << 20) for name in ("data", "other"))
    found = now.of(document)
    assert found is not None
    assert found.read_bytes() == file.read_bytes()
    assert other.of(document) is None
    assert (now.share(lambda: held), now.share(lambda: held)) == (1, 0)
    assert other.of(document) is not None
    now.sweep(lambda: held)
    assert len(list((tmp_path / "data/originals").iterdir())) == 1
    now.forget(tenant=document.tenant, uri=document.uri)
    assert list((tmp_path / "data/originals").iterdir()) == []
    assert now.of(document) is None


def test_what_no_generation_shows_is_swept_there_too(tmp_path: Path, file: Path) -> None:
    Originals(tmp_path / "data").keep("default", "upload/leave.md", "0" * 40, file)
    objects = Objects(f"file://{tmp_path}/shared", seconds=2, retries=0)
    assert Originals(tmp_path / "data", objects, room=1 << 20).sweep(list) == 1
    assert list((tmp_path / "data/originals").iterdir()) == []
