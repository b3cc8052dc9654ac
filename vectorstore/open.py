"""Open the store that the settings ask for: the one door to it, for search, ingestion and upkeep."""

import os
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from vectorstore.errors import BadInput
from vectorstore.index.maintenance.move import Move, move
from vectorstore.index.opened import WithinDatabase
from vectorstore.index.projection.projections import Kind, Outside
from vectorstore.index.publishing import open_publishing
from vectorstore.index.sqlite.truth import SQLiteTruth
from vectorstore.index.store import IndexStore
from vectorstore.index.truth.database import Database
from vectorstore.index.upkeep import IndexUpkeep
from vectorstore.models.embed import Embedder, Space
from vectorstore.refine import Rerank
from vectorstore.settings import DEFAULT_EMBEDDER, StoreSettings
from vectorstore.state.placing import settle
from vectorstore.upkeep import Upkeep

if TYPE_CHECKING:
    from vectorstore.index.milvus.client import Milvus

_OPENAI = "https://api.openai.com/v1"


def open_configured_embedder(settings: StoreSettings) -> Embedder:
    """Open the embedder that the settings name: one on this machine, or one that others serve; raises Unavailable."""
    name = settings.embedder
    provider, _, model = name.partition(":")
    # The letter of a drive is no provider, nor is what stands in a path.
    if not model or len(provider) == 1 or not provider.isidentifier() or Path(name).exists():
        return open_embedder(name, cache_dir=settings.cache)
    from vectorstore.models.served import LangChainSource, OpenAICompatible, ServedEmbedder
    from vectorstore.models.server import Server

    url, key = settings.embedder_url, settings.embedder_key.get_secret_value()
    dimensions = settings.embedder_dimensions
    source: OpenAICompatible | LangChainSource
    if provider == "openai":
        # OpenAI's own key goes to nobody else.
        key = key or ("" if url else os.environ.get("OPENAI_API_KEY", ""))
        server = Server("The embedding server", url or _OPENAI, key, setting="FOOTNOTE_EMBEDDER")
        source = OpenAICompatible(model, server, dimensions=dimensions)
    else:
        source = LangChainSource(name, url=url, key=key, dimensions=dimensions)
    return ServedEmbedder(
        source,
        dimension=dimensions,
        window=settings.embedder_tokens,
        before_query=settings.embedder_query_prefix,
        before_passage=settings.embedder_passage_prefix,
    )


def open_embedder(name: str, *, cache_dir: Path) -> Embedder:
    """Open an embedder that comes with Footnote, or any sentence-transformers model; raises Unavailable."""
    from vectorstore.models.e5 import E5
    from vectorstore.models.encoder import Encoder
    from vectorstore.models.minilm import MINILM

    if name == DEFAULT_EMBEDDER:
        from vectorstore.models.combined import open_combined

        return open_combined(cache_dir)
    for model in (MINILM, E5):
        if name == model.name:
            return Encoder(model, cache_dir=cache_dir)
    from vectorstore.models.sentence_transformer import SentenceTransformerEmbedder

    return SentenceTransformerEmbedder(name)


def open_store(settings: StoreSettings, space: Space | None, *, rerank: Rerank | None = None) -> IndexStore:
    """Open the store that the settings name: in the data folder, or in PostgreSQL. It need not exist before the first draft.

    `space` is the embedder, or what is known of it. Raises EmbedderMismatch when the index holds vectors of another
    one; with None the index is taken as it is: for what embeds nothing.
    """
    database = open_database(settings)
    within: Callable[[], WithinDatabase] | None = None
    if settings.search == "database":
        from vectorstore.index.postgresql.search.indexes import DatabaseIndexes

        within = partial(DatabaseIndexes, database)
    try:
        return IndexStore(
            settings,
            space,
            database=database,
            within=within,
            outside=_in_milvus(settings, database) if settings.search == "milvus" else None,
            rerank=rerank,
            publishing=open_publishing(),
        )
    except BaseException:
        database.close()
        raise


def open_milvus(settings: StoreSettings) -> "Milvus":
    """Return the Milvus server that the settings name, not asked yet; raises BadInput for an address that is none."""
    from vectorstore.index.milvus.client import Milvus

    address = settings.milvus
    if not address.startswith(("http://", "https://")) and not address.endswith(".db"):
        raise BadInput(
            "FOOTNOTE_SEARCH=milvus needs the address of a Milvus server.",
            "Set FOOTNOTE_MILVUS to one like https://host:19530.",
        )
    if "@" in address:
        raise BadInput(
            "FOOTNOTE_MILVUS holds a user or a password.",
            "Put them into FOOTNOTE_MILVUS_TOKEN, as user:password.",
        )
    return Milvus(address, settings.milvus_token.get_secret_value())


def _in_milvus(settings: StoreSettings, database: Database) -> Callable[[Kind], Outside]:
    """Return what opens an index's vectors in Milvus."""
    from vectorstore.index.milvus.vectors import MilvusVectors

    milvus = open_milvus(settings)
    return lambda kind: MilvusVectors(milvus, database, kind)


def open_database(settings: StoreSettings) -> Database:
    """Return the database that holds the truth."""
    settle(settings.data_dir)
    address = settings.store.get_secret_value()
    if address:
        return _postgresql(settings, address)
    if settings.search == "database":
        raise BadInput(
            "FOOTNOTE_SEARCH=database needs an index in PostgreSQL.",
            "Set FOOTNOTE_STORE to its address, or leave FOOTNOTE_SEARCH out.",
        )
    return SQLiteTruth(settings.data_dir)


def _postgresql(settings: StoreSettings, address: str) -> Database:
    from vectorstore.index.postgresql.address import read_address
    from vectorstore.index.postgresql.truth import PostgreSQLTruth

    return PostgreSQLTruth(
        read_address(address),
        searched=settings.search == "database",
        retention_days=settings.store_retention_days,
    )


def open_upkeep(settings: StoreSettings) -> Upkeep:
    """Open the index for maintenance; needs no embedder."""
    return IndexUpkeep(open_store(settings, None))


def move_index(
    settings: StoreSettings,
    to: str = "",
    *,
    wait: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> Move:
    """Copy the index that the settings name to a database's address or into a folder.

    Without `to` it goes from the data folder into the database that FOOTNOTE_STORE names. Raises BadInput where there
    is nothing to go to, or another index; see `maintenance/move.py` for the rest.
    """
    if not to and not settings.store.get_secret_value():
        raise BadInput(
            "There is nowhere to move the index to.",
            "Add --to postgresql://user@host/database or --to FOLDER, or set FOOTNOTE_STORE.",
        )
    source = open_database(settings) if to else SQLiteTruth(settings.data_dir)
    if not to:
        target = open_database(settings)
    elif to.startswith(("postgresql://", "postgres://")):
        target = _postgresql(settings, to)
    elif "://" in to:
        raise BadInput(
            "An index is moved into PostgreSQL or into a folder.",
            "Add --to postgresql://user@host/database or --to FOLDER.",
        )
    else:
        target = SQLiteTruth(Path(to))
    try:
        if Path(source.place).resolve() == Path(target.place).resolve():
            raise BadInput(f"The index lies in {source.place!r} already.", "Name another place with --to.")
        done = move(source, target, wait=wait, on_progress=on_progress)
    finally:
        source.close()
        target.close()
    if isinstance(target, SQLiteTruth):
        _make_searchable(
            settings.model_copy(update={"data_dir": Path(to), "store": SecretStr(""), "search": "local"})
        )
    return done


def _make_searchable(settings: StoreSettings) -> None:
    """Make the projections beside an index that has come into a folder, where they are not there."""
    with closing(open_upkeep(settings)) as upkeep:
        info = upkeep.info()
        if info.searchable < info.newest.number:
            upkeep.rebuild()
