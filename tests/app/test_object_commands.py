"""Object storage from the command line: backups there and back, publishing by hand, erasing, what doctor says."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from app.commands import docs, index
from app.commands.doctor import _attempt
from app.commands.elsewhere import _objects
from app.http.routes.uploads import _problem
from ingest.report import Failure
from ingest.uploads import NOT_KEPT
from tests.objects import SECRET, Bucket, bucket, s3_port, storage  # noqa: F401 - fixtures
from tests.vectorstore.sample import SPACE, put, sample
from vectorstore.errors import BadInput
from vectorstore.open import open_store
from vectorstore.settings import StoreSettings

pytest.importorskip("obstore", reason="the extra [objects] is not installed")


@pytest.fixture
def filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FOOTNOTE_DATA_DIR", str(tmp_path / "data"))
    store = open_store(StoreSettings(data_dir=tmp_path / "data"), SPACE)
    with store.draft() as draft:
        put(draft, sample("upload/a.md", "Fact a. Another a."))
        put(draft, sample("b.md", "Fact b."))
    store.close()
    return tmp_path / "data"


def run(application: typer.Typer, *arguments: str) -> str:
    result = CliRunner().invoke(application, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_published_by_hand_and_gone_with_an_erasure(
    filled: Path,
    bucket: Bucket,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(BadInput, match="Set FOOTNOTE_OBJECTS"):
        run(index.app, "publish")
    monkeypatch.setenv("FOOTNOTE_OBJECTS", bucket.url)
    assert "Published generation 1 (" in run(index.app, "publish")
    objects = storage(bucket.url)
    assert objects.list("projections") != []
    said = run(docs.app, "erase", "b.md", "--yes")
    certificate = json.loads(said[said.index("{") :])
    assert certificate["published"] == 2
    assert certificate["unsearched"] == []
    assert objects.list("projections") == []


def test_doctor_says_whether_the_storage_works(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    assert _objects().says == "none; uploaded files lie in the data folder."
    monkeypatch.setenv("FOOTNOTE_OBJECTS", bucket.url)
    found = _objects()
    assert found.state == "ok"
    assert found.says.startswith(f"{bucket.url} put, gave back and deleted in ")
    bucket.versions.keep(versioned=True)
    assert _objects().says.endswith("; older versions are deleted too")
    assert list(bucket.versions._listed("footnote")) == []
    monkeypatch.setenv("FOOTNOTE_OBJECTS_RETRIES", "0")
    bucket.line.refuse = True
    wrong = _attempt("Object storage", _objects)
    assert wrong.state == "wrong"
    assert "cannot be reached" in wrong.says
    assert SECRET not in str(wrong)


def test_where_no_file_can_be_kept_the_answer_says_to_come_again() -> None:
    problem = _problem([Failure("upload/a.md", NOT_KEPT, "Send it again later.")])
    assert (problem.status, problem.code, problem.sentence) == (503, "not_kept", "Send it again later.")
