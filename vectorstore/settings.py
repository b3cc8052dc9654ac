"""What can be set about the index."""

from pathlib import Path

from pydantic import Field

from vectorstore.configuration import FootnoteSettings

DEFAULT_EMBEDDER = "all-MiniLM-L6-v2"


class StoreSettings(FootnoteSettings):
    """Where the index lies and how it searches. Every default is written here and nowhere else."""

    data_dir: Path = Field(
        default=Path("data"),
        description="Folder that holds the index and everything else that Footnote keeps.",
    )
    embedder: str = Field(
        default=DEFAULT_EMBEDDER,
        description="Embedding model: all-MiniLM-L6-v2 for English, multilingual-e5-small for other languages too. "
        "Any other needs the extra [models].",
    )
    keep_generations: int = Field(
        default=10,
        ge=1,
        description="How many generations `footnote index compact` keeps for rollback and `--at`.",
    )
    recall_target: float = Field(
        default=0.99,
        gt=0.5,
        le=1.0,
        description="Share of the exact nearest passages that dense search must find; decides how much it scans.",
    )
    dense_weight: float = Field(
        default=0.65,
        ge=0.0,
        le=1.0,
        description="Weight of meaning against words in the fused score: 1 is dense only, 0 lexical only.",
    )
    deduplicate: bool = Field(
        default=True,
        description="Of passages that say the same in the same words, keep the best in the results.",
    )
    reranker: str = Field(
        default="",
        description="Cross-encoder that reorders the best passages: its folder, or its name if it is in the local cache. Needs the extra [models]. Empty: none.",
    )
    rerank_depth: int = Field(
        default=50,
        ge=1,
        le=300,
        description="How many of the best passages the reranker reads for each question.",
    )
