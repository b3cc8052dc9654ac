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


def test_a_secret_stands_in_a_file_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # As Kubernetes mounts one: links into a hidden folder.
    (tmp_path / "secrets/..now").mkdir(parents=True)
    (tmp_path / "secrets/..now/FOOTNOTE_STORE").write_text("postgresql://u:word@db/x\n")
    (tmp_path / "secrets/FOOTNOTE_STORE").symlink_to("..now/FOOTNOTE_STORE")
    monkeypatch.delenv("FOOTNOTE_STORE", raising=False)
    monkeypatch.setenv("FOOTNOTE_SECRETS_DIR", str(tmp_path / "secrets"))
    assert StoreSettings().store.get_secret_value() == "postgresql://u:word@db/x"
    monkeypatch.setenv("FOOTNOTE_STORE", "postgresql://environment/x")
    assert StoreSettings().store.get_secret_value() == "postgresql://environment/x"


def test_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTNOTE_DATA_DIR", "")
    assert StoreSettings().data_dir == Path("data")


def test_a_file_of_secrets_is_named_as_the_origin_and_a_misspelt_one_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.configuration import check, settings
    from vectorstore.errors import BadInput

    monkeypatch.setenv("FOOTNOTE_SECRETS_DIR", str(tmp_path))
    (tmp_path / "footnote_llm_api_key").write_text("sk-hushed\n")
    (key,) = (each for each in settings() if each.key == "llm_api_key")
    assert (key.value, key.origin) == ("********", "FOOTNOTE_SECRETS_DIR (FOOTNOTE_LLM_API_KEY)")
    check()
    (tmp_path / "FOOTNOTE_STOR").touch()
    with pytest.raises(BadInput, match="FOOTNOTE_SECRETS_DIR is not a setting"):
        check()
    monkeypatch.setenv("FOOTNOTE_SECRETS_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(BadInput, match="cannot be read"):
        check()
