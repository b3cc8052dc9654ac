"""Open an embedder by name."""

from pathlib import Path

from vectorstore.embed import Embedder

DEFAULT = "all-MiniLM-L6-v2"


def open_embedder(name: str = DEFAULT, *, cache_dir: Path) -> Embedder:
    """Open the default embedder, or any sentence-transformers model; raises Unavailable."""
    if name == DEFAULT:
        from vectorstore.minilm import MiniLM

        return MiniLM(cache_dir=cache_dir)
    from vectorstore.sentence_transformer import SentenceTransformerEmbedder

    return SentenceTransformerEmbedder(name)
