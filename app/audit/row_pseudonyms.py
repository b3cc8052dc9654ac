"""The people of an audit log that lies in a database: a row each, and where contents are kept a row for each answer."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from app.audit.pseudonyms import (
    FolderPseudonyms,
    Pseudonyms,
    new_person,
    place_of,
    pseudonym_of,
    salted,
    salted_contents,
)
from vectorstore.index.postgresql.database import PostgreSQL, PostgreSQLConnection
from vectorstore.state.cell import State
from vectorstore.state.files import state_of

_DAY: Final = 86_400.0


def open_pseudonyms(place: State | Path) -> Pseudonyms:
    """Open the people of the log at a place."""
    state = state_of(place)
    return FolderPseudonyms(state.folder) if state.database is None else RowPseudonyms(state.database)


class RowPseudonyms:
    """The people of one audit log, in its database. Raises Unavailable where that is away."""

    def __init__(self, database: PostgreSQL) -> None:
        self._database = database

    def of(self, person: str, name: str = "") -> str:
        """Return a person's pseudonym, made at first sight with the name that `names` will give."""
        place, now = place_of(person), time.time()
        with self._database.connection() as connection:
            if (known := _read(connection, place, now)) is None:
                made = json.dumps(new_person(person, name))
                connection.rows(
                    "INSERT INTO audit_people (place, kept, used) VALUES (?, ?, ?)"
                    " ON CONFLICT (place) DO NOTHING RETURNING place",
                    [place, made, now],
                )
                # whoever was first made it for all
                known = _read(connection, place, now) or json.loads(made)
        return pseudonym_of(known)

    def known(self, person: str) -> str:
        """Return a person's pseudonym; empty when there is none, or none any more."""
        with self._database.connection() as connection:
            known = _read(connection, place_of(person), time.time())
        return pseudonym_of(known) if known else ""

    def names(self) -> dict[str, str]:
        """Return the name behind each pseudonym that still has one; a person without a name goes by its id."""
        return {pseudonym_of(each): each["name"] or each["person"] for each in self._all()}

    def made(self) -> dict[str, float]:
        """Return when the key of each person was made, in seconds since 1970."""
        return {each["person"]: float(each["made"]) for each in self._all()}

    def keep(self, person: str, contents: Mapping[str, Any]) -> str:  # Any: JSON
        """Keep what somebody asked and was answered; return the salted hash by which the chain holds it."""
        line = salted_contents(contents)
        with self._database.connection() as connection:
            connection.rows(
                "INSERT INTO audit_contents (hash, place, at, salt, content) VALUES (?, ?, ?, ?, ?) RETURNING at",
                [
                    line["hash"],
                    place_of(person),
                    time.time(),
                    line["salt"],
                    line["text"].encode("utf-8", "surrogatepass"),
                ],
            )
        return line["hash"]

    def contents(self) -> dict[str, dict[str, Any]]:  # Any: JSON
        """Return all contents that are kept, by the hash that the chain holds; what was changed is not among them."""
        found = {}
        with self._database.connection() as connection:
            for hashed, salt, content in connection.each("SELECT hash, salt, content FROM audit_contents"):
                text = bytes(content).decode("utf-8", "surrogatepass")
                if salted(salt, text) == hashed:
                    found[hashed] = json.loads(text)
        return found

    def forget(self, person: str) -> bool:
        """Destroy a person's key, name and contents; say whether there was anything. After a kill, do it again."""
        place = place_of(person)
        with self._database.connection() as connection, connection.transaction("UNLOCKED"):
            connection.run("DELETE FROM audit_contents WHERE place = ?", [place])
            return bool(connection.run("DELETE FROM audit_people WHERE place = ?", [place]))

    def sweep(self, days: int) -> None:
        """Drop contents, and people not met, of more than so many days ago."""
        oldest = time.time() - days * _DAY
        with self._database.connection() as connection, connection.transaction("UNLOCKED"):
            connection.run("DELETE FROM audit_contents WHERE at < ?", [oldest])
            # A use is noted a day apart at most: none of their pseudonyms is in the log any more.
            connection.run(
                "DELETE FROM audit_people WHERE used < ?"
                " AND NOT EXISTS (SELECT 1 FROM audit_contents WHERE audit_contents.place = audit_people.place)",
                [oldest - _DAY],
            )

    def _all(self) -> list[dict[str, str]]:
        with self._database.connection() as connection:
            return [
                json.loads(kept)
                for (kept,) in connection.rows("SELECT kept FROM audit_people ORDER BY place")
            ]


def _read(connection: PostgreSQLConnection, place: str, now: float) -> dict[str, str] | None:
    found = connection.one("SELECT kept, used FROM audit_people WHERE place = ?", [place])
    if found is None:
        return None
    if now - float(found[1]) > _DAY:
        connection.run("UPDATE audit_people SET used = ? WHERE place = ?", [now, place])
    known: dict[str, str] = json.loads(found[0])
    return known
