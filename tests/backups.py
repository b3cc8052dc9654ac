"""Backups from a test: of what some settings name, into a folder, and back."""

from pathlib import Path

from app.backup.place import Folder
from app.backup.put_back import put_back
from app.backup.repository import Manifest, Repository
from app.backup.take import take
from app.settings import RecordSettings, Settings
from vectorstore.settings import StoreSettings


def back_up(store: StoreSettings, folder: Path) -> Manifest:
    """Back everything up."""
    return take(_settings(store), Repository(Folder(folder)))


def restore(
    store: StoreSettings, folder: Path, *, name: str = "", replaces: bool = True, accept_readers: bool = False
) -> int:
    """Put the newest backup, or one by name, in the place of what is there; return how many documents were erased again."""
    repository = Repository(Folder(folder))
    made = put_back(_settings(store), repository, name=name, replaces=replaces, accept_readers=accept_readers)
    return len(made.erased)


def _settings(store: StoreSettings) -> Settings:
    return Settings(store=store, records=RecordSettings(records_url=""))
