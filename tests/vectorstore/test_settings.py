from pathlib import Path

import pytest

from vectorstore.settings import StoreSettings


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FOOTNOTE_DATA_DIR", raising=False)


def test_default_stands_when_nothing_is_set() -> None:
    assert StoreSettings().data_dir == Path("data")


def test_environment_beats_dotenv_beats_toml(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("footnote.toml").write_text('data_dir = "from-toml"\nsomething_of_another_room = 3\n')
    assert StoreSettings().data_dir == Path("from-toml")
    Path(".env").write_text("FOOTNOTE_DATA_DIR=from-dotenv\nFOOTNOTE_PORT=9\n")
    assert StoreSettings().data_dir == Path("from-dotenv")
    monkeypatch.setenv("FOOTNOTE_DATA_DIR", "from-environment")
    assert StoreSettings().data_dir == Path("from-environment")
    assert StoreSettings(data_dir=Path("from-flag")).data_dir == Path("from-flag")


def test_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTNOTE_DATA_DIR", "")
    assert StoreSettings().data_dir == Path("data")
