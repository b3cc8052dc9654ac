"""Open the store that the settings ask for."""

from pathlib import Path

from vectorstore.embedded.store import EmbeddedStore
from vectorstore.embedded.upkeep import Upkeep
from vectorstore.models.embed import Embedder
from vectorstore.refine import Refine

DEFAULT = "all-MiniLM-L6-v2"


def open_embedder(name: str = DEFAULT, *, cache_dir: Path) -> Embedder:
    """Open the default embedder, or any sentence-transformers model; raises Unavailable."""
    if name == DEFAULT:
        from vectorstore.models.minilm import MiniLM

        return MiniLM(cache_dir=cache_dir)
    from vectorstore.models.sentence_transformer import SentenceTransformerEmbedder

    return SentenceTransformerEmbedder(name)


def open_store(
    data_dir: Path,
    *,
    embedder_fingerprint: str | None,
    dimension: int | None,
    dense_weight: float = 0.65,
    recall_target: float = 0.99,
    refine: Refine | None = None,
) -> EmbeddedStore:
    """Open the embedded store in a folder, which need not exist before the first draft.

    Raises EmbedderMismatch when the index there holds vectors of another embedder. Without a fingerprint
    the index is taken as it is: for maintenance, which embeds nothing. `refine` is what happens to the fused
    candidates: a reranker, and leaving out what says the same.
    """
    return EmbeddedStore(
        data_dir,
        embedder_fingerprint=embedder_fingerprint,
        dimension=dimension,
        dense_weight=dense_weight,
        recall_target=recall_target,
        refine=refine,
    )


def open_upkeep(data_dir: Path) -> Upkeep:
    """Open the index in a folder for maintenance; needs no embedder."""
    return Upkeep(data_dir)
