"""Backups from a test: of what some settings name, into a folder or another place, and back."""

from pathlib import Path

from app.backup.place import Folder, Place
from app.backup.put_back import Restored, put_back
from app.backup.repository import Manifest, Repository
from app.backup.take import take
from app.settings import RecordSettings, Settings
from vectorstore.settings import StoreSettings


def settings_of(store: StoreSettings) -> Settings:
    return Settings(store=store, records=RecordSettings(records_url=""))


def take_into(store: StoreSettings, place: Place) -> Manifest:
    return take(settings_of(store), Repository(place))


def back_up(store: StoreSettings, folder: Path) -> Manifest:
    """Back everything up into a folder."""
    return take_into(store, Folder(folder))


def restore_from(store: StoreSettings, place: Place, *, name: str = "", **how: bool) -> Restored:
    return put_back(settings_of(store), Repository(place), name=name, **how)


def restore(
    store: StoreSettings, folder: Path, *, name: str = "", replaces: bool = True, accept_readers: bool = False
) -> int:
    """Put the newest backup, or one by name, in the place of what is there; return how many documents were erased again."""
    made = restore_from(store, Folder(folder), name=name, replaces=replaces, accept_readers=accept_readers)
    return len(made.erased)
