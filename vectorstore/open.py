"""Open the store that the settings ask for: the one door to it, for search, ingestion and upkeep."""

from pathlib import Path

from vectorstore.embedded.store import EmbeddedStore
from vectorstore.embedded.upkeep import Upkeep
from vectorstore.models.embed import Embedder, Space
from vectorstore.refine import Rerank
from vectorstore.settings import StoreSettings


def open_embedder(name: str, *, cache_dir: Path) -> Embedder:
    """Open an embedder that comes with Footnote, or any sentence-transformers model; raises Unavailable."""
    from vectorstore.models.e5 import E5
    from vectorstore.models.encoder import Encoder
    from vectorstore.models.minilm import MINILM

    for model in (MINILM, E5):
        if name == model.name:
            return Encoder(model, cache_dir=cache_dir)
    from vectorstore.models.sentence_transformer import SentenceTransformerEmbedder

    return SentenceTransformerEmbedder(name)


def open_store(
    settings: StoreSettings, space: Space | None, *, rerank: Rerank | None = None
) -> EmbeddedStore:
    """Open the embedded store in the data folder, which need not exist before the first draft.

    `space` is the embedder, or what is known of it. Raises EmbedderMismatch when the index holds vectors of another
    one; with None the index is taken as it is: for what embeds nothing.
    """
    return EmbeddedStore(settings, space, rerank=rerank)


def open_upkeep(settings: StoreSettings) -> Upkeep:
    """Open the index for maintenance; needs no embedder."""
    return Upkeep(open_store(settings, None))
