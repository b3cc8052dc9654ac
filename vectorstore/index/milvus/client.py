"""The few calls that are asked of a Milvus server, or of a file of Milvus Lite, and what their failures mean."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import numpy as np

from vectorstore.errors import Unavailable, pip_install
from vectorstore.index.truth.arrays import Half, Rows
from vectorstore.printable import printable
from vectorstore.types import Vector

if TYPE_CHECKING:
    from pymilvus import MilvusClient

Consistency: TypeAlias = Literal["Strong", "Bounded"]
LARGEST: Final = 16_384
"""The most that one search returns."""
_AT_ONCE: Final = 2_000
"""Rows of one request: some 12 MB with the longest common vectors."""
_SECONDS: Final = 30.0
_SECONDS_OF_WRITING: Final = 300.0
_GONE: Final = 100
"""Milvus' code for a collection, or a name of one, that is not there."""


class Gone(Exception):
    """The collection is not there any more: somebody has made a newer one."""


class Milvus:
    """A connection that is made when it is first used. Safe to use from several threads."""

    def __init__(self, address: str, token: str = "") -> None:
        self.place = address
        self._token = token
        self._lock = Lock()
        self._client: MilvusClient | None = None

    def make(self, collection: str, dimension: int) -> None:
        """Make an empty collection: a row's number, its tenant, its document and its vector; `note` is of one row alone."""
        from pymilvus import DataType, MilvusClient

        schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("row", DataType.INT64, is_primary=True)
        schema.add_field("tenant", DataType.VARCHAR, max_length=64, is_partition_key=True)
        schema.add_field("document", DataType.INT64)
        schema.add_field("note", DataType.VARCHAR, max_length=4_096)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dimension)
        index = MilvusClient.prepare_index_params()
        index.add_index("vector", index_type="AUTOINDEX", metric_type="IP")
        with self._asked() as client:
            client.create_collection(
                collection,
                schema=schema,
                index_params=index,
                consistency_level="Bounded",
                timeout=_SECONDS_OF_WRITING,
            )

    def put(
        self, collection: str, rows: Rows, tenants: Sequence[str], documents: Rows, vectors: Half
    ) -> None:
        """Write chunks, those that are there already again."""
        columns = rows.tolist(), tenants, documents.tolist(), vectors.astype(np.float32)
        for start in range(0, len(rows), _AT_ONCE):
            batch = zip(*(column[start : start + _AT_ONCE] for column in columns), strict=True)
            self._write(
                collection,
                [
                    {"row": row, "tenant": tenant, "document": document, "note": "", "vector": vector}
                    for row, tenant, document, vector in batch
                ],
            )

    def put_note(self, collection: str, note: str, dimension: int) -> None:
        """Write the one row that is no chunk, and belongs to no tenant."""
        vector = np.eye(1, dimension, dtype=np.float32)[0]
        self._write(collection, [{"row": 0, "tenant": "", "document": 0, "note": note, "vector": vector}])

    def note(self, collection: str) -> str:
        """Return what was noted last, by anybody."""
        found = self._queried(collection, "row == 0", ["note"])
        return str(found[0]["note"]) if found else ""

    def count(self, collection: str, *, after: int, until: int) -> int:
        """Return how many chunks are there with rows in (after, until], by whomever they were written."""
        found = self._queried(collection, f"row > {after} and row <= {until}", ["count(*)"])
        return int(found[0]["count(*)"])

    def vectors(self, collection: str, rows: Iterable[int]) -> dict[int, Vector]:
        """Return the vectors of chunks by row."""
        found = self._queried(collection, f"row in [{','.join(map(str, rows))}]", ["vector"])
        return {int(each["row"]): np.array(each["vector"], np.float32) for each in found}

    def nearest(
        self, collection: str, vector: Vector, limit: int, condition: str, *, consistency: Consistency
    ) -> tuple[Rows, Rows, Vector]:
        """Return the rows, the documents and the scores of the nearest chunks that meet a condition; raises Gone."""
        with self._asked() as client:
            found: Sequence[Any] = client.search(
                collection,
                data=[vector],
                anns_field="vector",
                filter=condition,
                limit=min(limit, LARGEST),
                output_fields=["document"],
                search_params={"metric_type": "IP"},
                consistency_level=consistency,
                timeout=_SECONDS,
            )[0]
        rows = np.fromiter((hit["row"] for hit in found), np.int64, len(found))
        documents = np.fromiter((hit["entity"]["document"] for hit in found), np.int64, len(found))
        return rows, documents, np.fromiter((hit["distance"] for hit in found), np.float32, len(found))

    def flush(self, collection: str) -> None:
        """Have what was written kept for good."""
        with self._asked() as client:
            client.flush(collection, timeout=_SECONDS_OF_WRITING)

    def named(self, alias: str) -> str:
        """Return the collection that an alias names, empty where there is none."""
        try:
            with self._asked() as client:
                return str(client.describe_alias(alias, timeout=_SECONDS)["collection_name"])
        except Gone:
            return ""

    def load(self, collection: str) -> None:
        """Have a collection ready to be searched, which a server that was started anew may not have; raises Gone."""
        with self._asked() as client:
            client.load_collection(collection, timeout=_SECONDS_OF_WRITING)

    def name(self, collection: str, alias: str) -> None:
        """Have an alias name this collection from now on, for everybody at once."""
        known = self.named(alias)
        with self._asked() as client:
            (client.alter_alias if known else client.create_alias)(collection, alias, timeout=_SECONDS)

    def collections(self) -> list[str]:
        """Return the names of all collections."""
        with self._asked() as client:
            return list(client.list_collections(timeout=_SECONDS))

    def drop(self, collection: str) -> None:
        """Take a collection away."""
        with self._asked() as client:
            client.drop_collection(collection, timeout=_SECONDS_OF_WRITING)

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _write(self, collection: str, rows: list[dict[str, Any]]) -> None:
        with self._asked() as client:
            client.upsert(collection, rows, timeout=_SECONDS_OF_WRITING)

    def _queried(self, collection: str, condition: str, fields: list[str]) -> list[dict[str, Any]]:
        with self._asked() as client:
            return list(
                client.query(
                    collection,
                    filter=condition,
                    output_fields=fields,
                    consistency_level="Strong",
                    timeout=_SECONDS,
                )
            )

    @contextmanager
    def _asked(self) -> Iterator["MilvusClient"]:
        """Give the client; raises Gone for a collection that is not there, else Unavailable."""
        try:
            from pymilvus import MilvusException
        except ImportError as error:
            raise Unavailable(
                "Search in Milvus needs the pymilvus package.", pip_install("pymilvus")
            ) from error
        try:
            yield self._connected()
        except MilvusException as error:
            if error.code == _GONE:
                raise Gone from error
            why = printable(str(error.message).partition("\n")[0])[:200]
            raise Unavailable(
                f"Milvus at {self.place} failed ({why}).", "Check FOOTNOTE_MILVUS and the server."
            ) from error

    def _connected(self) -> "MilvusClient":
        from pymilvus import MilvusClient

        with self._lock:
            if self._client is None:
                # It writes every failure with its whole stack to the terminal; what it raises is told by us.
                # Milvus Lite's server, which lives in this process, does so with every call that it does not know.
                for name in ("pymilvus", *(("grpc._server",) if self.place.endswith(".db") else ())):
                    logging.getLogger(name).setLevel(logging.CRITICAL + 1)
                self._client = MilvusClient(self.place, token=self._token, timeout=_SECONDS)
            return self._client
