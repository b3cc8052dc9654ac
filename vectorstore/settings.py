"""Where settings come from, the same for every room (environment, `.env`, files of secrets, `footnote.toml`), and those of the index."""

import os
import re
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

DEFAULT_EMBEDDER = "all-MiniLM-L6-v2+multilingual-e5-small"
"""Both that come with Footnote: for any language."""
ENGLISH_ONLY = frozenset({"all-MiniLM-L6-v2"})
"""Embedders that read no other language."""
SECRETS_DIR: Final = "FOOTNOTE_SECRETS_DIR"
"""Names a folder of files, each called like a setting (FOOTNOTE_STORE) and holding its value."""


_HTTP = re.compile(r"https?://[^/\s]")


def _address(address: str) -> str:
    if address and not _HTTP.match(address):
        raise ValueError("write it like https://host/v1")
    return address.rstrip("/")


Address: TypeAlias = Annotated[str, AfterValidator(_address)]


class FootnoteSettings(BaseSettings):
    """Read `FOOTNOTE_*`; a flag given by the caller (`StoreSettings(data_dir=…)`) wins over everything.

    `footnote.toml` holds the same names in lower case without the prefix, flat, shared by every subclass:
    that is why a subclass ignores keys that it does not know. An empty variable counts as not set.
    """

    model_config = SettingsConfigDict(
        env_prefix="FOOTNOTE_",
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        toml_file="footnote.toml",
        extra="ignore",
        allow_inf_nan=False,
        frozen=True,
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources, the strongest first."""
        secrets = SecretsSettingsSource(settings_cls, os.environ.get(SECRETS_DIR) or None)
        return init_settings, env_settings, dotenv_settings, secrets, TomlConfigSettingsSource(settings_cls)


class StoreSettings(FootnoteSettings):
    """Where the index lies and how it searches. Every default is written here and nowhere else."""

    data_dir: Path = Field(
        default=Path("data"),
        description="Folder that holds the index and everything else that Footnote keeps.",
    )
    store: SecretStr = Field(
        default=SecretStr(""),
        description="Address of a PostgreSQL server (15 or newer) that holds the index for any number of replicas, like "
        "postgresql://user:password@host/database?schema=footnote; empty: a file in the data folder. Needs the extra "
        "[postgresql].",
    )
    search: Literal["local", "database", "milvus"] = Field(
        default="local",
        description="Where the index is searched. local: in this machine's own files, which are made from it. "
        "database: in PostgreSQL itself, with the extension pgvector (0.8.4 or newer), for machines that may hold no copy. "
        "milvus: vectors in Milvus, words in this machine's files.",
    )
    milvus: str = Field(
        default="",
        description="Address of the Milvus server for FOOTNOTE_SEARCH=milvus, like https://host:19530, or a file that ends in "
        ".db for trying it out with milvus-lite. Needs the extra [milvus].",
    )
    milvus_token: SecretStr = Field(
        default=SecretStr(""), description="user:password or API key for the Milvus server."
    )
    store_retention_days: int | None = Field(
        default=None,
        ge=0,
        description="Days for which whoever runs the database of FOOTNOTE_STORE keeps its write-ahead log and backups: a "
        "certificate of erasure says so where the files cannot be searched.",
    )
    store_away_seconds: float = Field(
        default=60.0,
        ge=0.0,
        description="For how long the database of FOOTNOTE_STORE may be away before /readyz says 503; with "
        "FOOTNOTE_AUDIT=off answers go on meanwhile, from what was read before.",
    )
    cache_dir: Path | None = Field(
        default=None,
        description="Folder for what can be made again: the embedders' graphs (90 MB and more, made the first time). Several "
        "data folders may share one; empty: `cache` in the data folder.",
    )
    embedder: str = Field(
        default=DEFAULT_EMBEDDER,
        description="Embedding model: both that come with Footnote, for any language; all-MiniLM-L6-v2 alone for English at "
        "half the time and space, multilingual-e5-small alone for documents of which few are English. "
        "openai:MODEL for any OpenAI-compatible server, PROVIDER:MODEL for others that LangChain knows (cohere, mistralai, "
        "google_genai …). Any other name or folder is a sentence-transformers model and needs the extra [models].",
    )
    embedder_url: Address = Field(
        default="",
        description="Address of the embedding server, up to /v1; empty: OpenAI's, or the provider's own.",
    )
    embedder_key: SecretStr = Field(
        default=SecretStr(""),
        description="Key for the embedding server; empty: OPENAI_API_KEY at OpenAI's own address, none elsewhere.",
    )
    embedder_dimensions: int | None = Field(
        default=None,
        ge=1,
        le=65_536,
        description="Length of the vectors that the embedding server is asked for; empty: the model's own.",
    )
    embedder_tokens: int = Field(
        default=512,
        ge=64,
        le=1_000_000,
        description="Tokens of one text that the served model reads; what is longer is cut.",
    )
    embedder_query_prefix: str = Field(
        default="",
        description="What the served model expects before a question, such as `query: `; in quotation marks, with its space.",
    )
    embedder_passage_prefix: str = Field(
        default="", description="What the served model expects before a passage, such as `passage: `."
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
        default="late-interaction",
        description="What reorders the best passages: late-interaction (the embedder's reading of question and passage, "
        "token by token), the address of a server's /rerank (https://host/v2/rerank), or a cross-encoder, by its folder "
        "or its name in the local cache (needs the extra [models]). none: nothing.",
    )
    reranker_model: str = Field(default="", description="The model that a rerank server is asked for.")
    reranker_key: SecretStr = Field(default=SecretStr(""), description="Key for the rerank server.")
    rerank_depth: int = Field(
        default=20,
        ge=1,
        le=300,
        description="How many of the best passages the reranker reads for each question.",
    )

    @property
    def cache(self) -> Path:
        """The folder for what can be made again."""
        return self.cache_dir or self.data_dir / "cache"
