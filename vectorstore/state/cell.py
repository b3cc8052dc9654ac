"""The seam between a data folder and a database for small things that are read often and replaced as a whole."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

from vectorstore.index.postgresql.database import PostgreSQL

AT_LATEST: Final = 1.0
"""Seconds after which what another replica has written is seen at the latest."""


@dataclass(slots=True)
class Change:
    """What a cell holds, None for nothing yet, while it is changed; what stands in `content` at the end is kept."""

    content: bytes | None


class Cell(Protocol):
    """One small thing under a name. Errors are Unavailable, Busy and StoreDamaged; OSError where it is a file."""

    @property
    def name(self) -> str:
        """What messages call it."""

    @property
    def trusted_for(self) -> float:
        """For how many seconds what was read may be taken for what is kept: 0 where asking anew costs next to nothing."""

    @property
    def mark(self) -> Path | None:
        """The file that says, when the content is gone, that there was one; None where nothing is lost alone."""

    def read(self) -> bytes | None:
        """Return the content, None where there is none."""

    def stamp(self) -> object:
        """Return what changes with the content; None where there is none."""

    def changing(self) -> AbstractContextManager[Change]:
        """Hold it alone among all processes; at a clean exit what was changed replaces it, whole or not at all."""

    def note_use(self, item: str) -> None:
        """Note that one of the things in it is used now."""

    def last_use(self, item: str) -> datetime | None:
        """Return when one of the things in it was used last, to the minute; None: never, as far as is known."""

    def beside(self, name: str) -> "Cell":
        """Return the cell of another name in the same place."""


class State(Protocol):
    """Where the small things are kept."""

    @property
    def folder(self) -> Path:
        """The data folder: for what stays on this machine, whatever the rest does."""

    @property
    def database(self) -> PostgreSQL | None:
        """The database, where this is one: for what comes in rows."""

    def cell(self, name: str) -> Cell:
        """Return the cell of a name, which is a file's name below the data folder too: `audit/heads.txt`."""

    def below(self, name: str) -> "State":
        """Return the place of all cells whose names begin so: `audit` for `audit/heads.txt`."""
