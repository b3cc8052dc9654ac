"""The truth in a schema of PostgreSQL, for any number of replicas."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

from vectorstore.errors import NotFound
from vectorstore.index import create
from vectorstore.index.postgresql.address import Address
from vectorstore.index.postgresql.database import PostgreSQL, PostgreSQLConnection
from vectorstore.index.postgresql.listening import commits
from vectorstore.index.postgresql.migrate import make_or_upgrade
from vectorstore.index.postgresql.storage import PostgreSQLStorage
from vectorstore.index.truth.database import Identity
from vectorstore.index.truth.seal import read_meta
from vectorstore.models.embed import Space


class PostgreSQLTruth(PostgreSQL):
    """The index in a schema of its own, for any number of replicas. A reader makes nothing."""

    follows = True

    def __init__(
        self, address: Address, *, searched: bool = False, retention_days: int | None = None
    ) -> None:
        super().__init__(address, searched=searched)
        self.place = address.place
        self._retention_days = retention_days

    @property
    def storage(self) -> PostgreSQLStorage:
        """The schema, and the server's files."""
        return PostgreSQLStorage(
            self.address.schema, self.place, self.connection, retention_days=self._retention_days
        )

    @contextmanager
    def writer(self, *, wait: bool, space: Space | None = None) -> Iterator[PostgreSQLConnection]:
        """Borrow a connection whose writing transactions hold the index's advisory lock, each from begin to commit."""
        with self.borrowed(wait=wait) as connection:
            if space is not None:
                self._prepare(connection, space)
            yield connection

    def commits(self, stop: Event) -> Iterator[None]:
        """Yield at once, at every notification, and each two seconds: a pooler between may swallow notifications."""
        return commits(self, stop)

    def identity(self) -> Identity | None:
        """Return the facts that tell this index; None when it has no tables yet."""
        with self.connection() as connection:
            return create.facts(connection)

    def upgrade(self) -> None:
        """Bring the tables to what this version makes; raises NotFound when there is no index."""
        with self.borrowed(wait=True) as connection:
            if create.facts(connection) is None:
                raise NotFound(
                    f"There is no index in {self.place!r} yet.",
                    "Run `footnote ingest PATH`, or `footnote index move`, first.",
                )
            create.check_layout(read_meta(connection), place=self.place)
            make_or_upgrade(connection, self.address.schema, None)

    def _prepare(self, connection: PostgreSQLConnection, space: Space) -> None:
        if create.facts(connection) is None:
            # Whoever makes it is waited for: there is nothing else to write to.
            with self.borrowed(wait=True) as making:
                make_or_upgrade(making, self.address.schema, space)
        create.adopt(connection, space)
