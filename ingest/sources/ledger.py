"""What ingestion remembers between runs beside the index: folders by name, flags that stick, failures."""

import fcntl
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from ingest.parse.dispatch import formats
from ingest.sources.roots import Root
from vectorstore.errors import BadInput

FILE_NAME = "ingest.json"


@dataclass(frozen=True, slots=True)
class Flags:
    """Flags given for a folder or file once; they hold for later runs until given anew.

    Otherwise a nightly `footnote ingest docs` would open what `--acl hr` had closed.
    """

    readers: frozenset[str] | None = None
    collection: str = ""


@dataclass(frozen=True, slots=True)
class PastFailure:
    """A file at one digest that could not be read: not tried again until it changes.

    The digest is empty where trying again may help all the same; `when` it failed first is a moment in UTC.
    """

    digest: str
    reason: str
    message: str
    when: str = ""


@dataclass(slots=True)
class Ledger:
    """The memory of earlier runs. Losing it costs a retry of the failures and the flags that stuck."""

    roots: list[Root] = field(default_factory=list)
    # Its name in files of earlier releases, whose access lists must not be lost.
    flags: Annotated[dict[str, Flags], Field(alias="grants")] = field(default_factory=dict)
    failures: dict[str, PastFailure] = field(default_factory=dict)
    formats: list[str] = field(default_factory=list)
    """What could be read when the failures were noted."""

    def flags_of(self, uri: str) -> Flags:
        """Return the flags of the nearest folder or file that holds a uri."""
        prefixes = [
            prefix
            for prefix in self.flags
            if uri == prefix or (prefix.endswith("/") and uri.startswith(prefix))
        ]
        return self.flags[max(prefixes, key=len)] if prefixes else Flags()

    def forget(self, uris: frozenset[str]) -> None:
        """Drop what is noted of single documents."""
        for uri in uris:
            self.flags.pop(uri, None)
            self.failures.pop(uri, None)


_LEDGER = TypeAdapter(Ledger)


def load_ledger(data_dir: Path) -> Ledger:
    """Read the ledger of a data folder; an empty one when there is none.

    Raises BadInput when the file is no ledger: it holds access lists, so it is not silently replaced.
    """
    file = data_dir / FILE_NAME
    try:
        ledger = _LEDGER.validate_json(file.read_bytes())
    except FileNotFoundError:
        ledger = Ledger()
    except ValidationError as error:
        raise BadInput(
            f"{str(file)!r} is damaged.", "Restore it, or delete it and give --acl again."
        ) from error
    if ledger.formats != (readable := formats()):
        # a release or plug-in that reads more may read what failed before
        ledger.failures, ledger.formats = {}, readable
    return ledger


def update_ledger(data_dir: Path, change: Callable[[Ledger], None]) -> Ledger:
    """Change the ledger as it is on disk now and write it, whole or not at all; return it.

    Another ingest may have added to it meanwhile, and an access list must not be lost.
    """
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(data_dir / f".{FILE_NAME}.lock", "w", opener=_private) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ledger = load_ledger(data_dir)
        change(ledger)
        content = _LEDGER.dump_json(ledger, indent=1, by_alias=True)
        draft = data_dir / f".{FILE_NAME}.draft"
        draft.unlink(missing_ok=True)
        with open(draft, "wb", opener=_private) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(data_dir / FILE_NAME)
    return ledger


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
