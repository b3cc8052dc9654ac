"""Open the queue that belongs to the index: there is one where that lies in PostgreSQL."""

from ingest.jobs.board import Board
from ingest.jobs.enqueue import Desk
from ingest.jobs.incoming import IncomingFolder, IncomingObjects
from ingest.jobs.queue import Queue
from ingest.jobs.settings import QueueSettings
from ingest.jobs.table import prepare
from vectorstore.errors import BadInput
from vectorstore.objects.store import open_objects
from vectorstore.open import open_database
from vectorstore.settings import StoreSettings


def open_desk(stored: StoreSettings, settings: QueueSettings | None = None) -> Desk | None:
    """Return where documents are handed in; None where there is no queue and work is done in place."""
    if not stored.store.get_secret_value():
        return None
    database = open_database(stored)
    with database.writer(wait=True) as connection:
        prepare(connection)
    objects = open_objects()
    incoming = IncomingObjects(objects) if objects else IncomingFolder(stored.data_dir)
    return Desk(Queue(database, settings or QueueSettings()), Board(database), incoming)


def required_desk(stored: StoreSettings) -> Desk:
    """Return where documents are handed in; raises BadInput where there is no queue."""
    desk = open_desk(stored)
    if desk is None:
        raise BadInput(
            "There is no queue: the index lies in a folder, and documents are taken in where they are handed in.",
            "Set FOOTNOTE_STORE to a PostgreSQL database to have workers.",
        )
    return desk
