"""Which replicas follow an index, and how far their projections have followed its purges.

A replica is a folder on a machine, whichever processes work in it. It says every few seconds that it is there and which
epoch its folder holds; an erasure is complete only when every one that was heard of lately has reached its epoch.
"""

import socket
from pathlib import Path

from vectorstore.index.projection.manifest import read_manifest
from vectorstore.index.truth import read as truth
from vectorstore.index.truth.database import Connection

_OFTEN = "10 seconds"
"""How often it is written down that a replica is there."""
_LIVE = "1 minute"
"""How lately a replica must have been heard of to be waited for."""
_FORGOTTEN = "30 days"
"""When a folder that nobody works in any more is taken to be gone with its machine."""


def replica_name(folder: Path) -> str:
    """Return the name of a folder among those of all machines."""
    return f"{socket.gethostname()}:{folder.absolute()}"


def epoch_of(folder: Path) -> int | None:
    """Return the oldest epoch that the projections in a folder hold; None where there are none."""
    manifests = [read_manifest(folder / f"{name}.json") for name in ("dense", "lexical")]
    return min((each.covered.epoch for each in manifests if each), default=None)


def beat(connection: Connection, folder: Path) -> None:
    """Say that this replica is there, and which epoch it holds: the newest, where it holds nothing."""
    held, newest = epoch_of(folder), truth.head(connection).epoch
    connection.run(
        "INSERT INTO replicas (name, epoch, seen) VALUES (?, ?, now())"
        " ON CONFLICT (name) DO UPDATE SET epoch = excluded.epoch, seen = now()"
        f" WHERE replicas.epoch <> excluded.epoch OR replicas.seen < now() - interval '{_OFTEN}'",
        (replica_name(folder), newest if held is None else held),
    )
    connection.run(f"DELETE FROM replicas WHERE seen < now() - interval '{_FORGOTTEN}'")


def replicas_behind(connection: Connection, epoch: int) -> tuple[list[str], list[str]]:
    """Return the replicas that hold something older: those that are at work, and those not heard of lately."""
    rows = connection.rows(
        f"SELECT name, seen > now() - interval '{_LIVE}', to_char(seen AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')"
        " FROM replicas WHERE epoch < ? ORDER BY name",
        (epoch,),
    )
    silent = [
        f"The replica {name} was last heard of at {seen} UTC, before this."
        for name, live, seen in rows
        if not live
    ]
    return [name for name, live, _ in rows if live], silent
