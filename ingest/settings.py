"""What can be set about ingestion."""

import os
from typing import Literal

from pydantic import Field

from ingest.confined.ocr import Tesseract
from ingest.cut.chunk import MOST_PASSAGES
from ingest.extract import Limits
from ingest.plan import Recipe
from ingest.sources.rules import Rule
from vectorstore.settings import FootnoteSettings
from vectorstore.types import DEFAULT_TENANT


class IngestSettings(FootnoteSettings):
    """How documents are read and cut. Every default is written here and nowhere else."""

    tenant: str = Field(default=DEFAULT_TENANT, description="Tenant that ingested documents belong to.")
    chunk_tokens: int = Field(
        default=130, ge=16, le=8_192, description="Size aimed at for a passage, in the embedder's tokens."
    )
    chunk_overlap: int = Field(
        default=0, ge=0, le=512, description="Most tokens that the next passage repeats where a block is cut."
    )
    ingest_jobs: int = Field(
        default=0, ge=0, description="Worker processes that read documents; 0 is one per core, at most 8."
    )
    commit_chunks: int = Field(
        default=2_000,
        ge=1,
        description="Passages after which an ingest commits: what an interruption can lose.",
    )
    commit_documents: int = Field(default=200, ge=1, description="Documents after which an ingest commits.")
    max_file_mb: int = Field(
        default=50, ge=1, le=4_000, description="Largest file that is read, in megabytes."
    )
    max_text_chars: int = Field(
        default=5_000_000, ge=1, le=1_000_000_000, description="Longest text of one document."
    )
    max_pages: int = Field(default=2_000, ge=1, le=1_000_000, description="Most pages of one document.")
    max_passages: int = Field(
        default=MOST_PASSAGES,
        ge=1,
        description="Most passages of one document; what comes after them is left out, and a finding says so.",
    )
    parse_memory_mb: int = Field(
        default=1_024, ge=128, le=1_048_576, description="Memory that reading one file may take."
    )
    parse_cpu_seconds: int = Field(
        default=30, ge=1, le=86_400, description="Processor time that reading one file may take."
    )
    parse_wall_seconds: float = Field(
        default=60.0, gt=0, le=86_400, description="Time that reading one file may take."
    )
    ocr: bool = Field(
        default=False,
        description="Read pages that have no text layer by OCR; needs the program `tesseract`.",
    )
    ocr_languages: str = Field(
        default="eng",
        pattern=r"^[A-Za-z0-9_]+(\+[A-Za-z0-9_]+)*$",
        description="Languages that OCR expects, such as eng+deu; each needs its data for Tesseract.",
    )
    ocr_page_seconds: float = Field(default=30.0, gt=0, description="Time that OCR of one page may take.")
    ocr_pages: int = Field(default=200, ge=1, description="Most pages of one document that OCR reads.")
    url_hosts: str = Field(
        default="",
        description="Hosts that `footnote ingest --urls` fetches from, separated by commas; *.example.org for "
        "subdomains, * for every public one. Empty: documents are not fetched.",
    )
    front_matter_readers: Literal["narrow", "override"] = Field(
        default="narrow",
        description="What `readers` in a document's own front matter may do: narrow what the rules allow, or also "
        "override them, so that whoever writes a document can open it.",
    )
    rules: tuple[Rule, ...] = Field(
        default=(),
        description="`[[rules]]` tables in footnote.toml: path pattern to readers, tags, language, collection.",
    )

    def jobs(self) -> int:
        """Return how many worker processes to use."""
        return self.ingest_jobs or min(os.cpu_count() or 1, 8)

    def tesseract(self) -> Tesseract | None:
        """Return what reads pages without a text layer; None when OCR is off."""
        if not self.ocr:
            return None
        return Tesseract(
            self.ocr_languages,
            seconds=self.ocr_page_seconds,
            most_pages=self.ocr_pages,
            memory_bytes=self.limits().memory_bytes,
        )

    def recipe(self, tenant: str | None = None, *, groups: frozenset[str] | None = None) -> Recipe:
        """Return what decides a document's passages, in this tenant or the one that is set.

        `groups` are those that the document's own text may name as its readers; None when it may name any.
        """
        return Recipe(
            chunk_tokens=self.chunk_tokens,
            chunk_overlap=self.chunk_overlap,
            tenant=self.tenant if tenant is None else tenant,
            groups=groups,
            rules=self.rules,
            max_file_bytes=self.limits().max_file_bytes,
            max_passages=self.max_passages,
            ocr=self.ocr_recipe(),
            override=self.front_matter_readers == "override",
        )

    def ocr_recipe(self) -> str:
        """Return what decides how such pages are read: empty while none can be."""
        tesseract = self.tesseract()
        return self.ocr_languages if tesseract and not tesseract.problem else ""

    def fetch_hosts(self) -> tuple[str, ...]:
        """Return the patterns of hosts that may be fetched from."""
        return tuple(host.strip() for host in self.url_hosts.split(",") if host.strip())

    def limits(self) -> Limits:
        """Return what one file may cost."""
        return Limits(
            memory_bytes=self.parse_memory_mb << 20,
            cpu_seconds=self.parse_cpu_seconds,
            wall_seconds=self.parse_wall_seconds,
            max_file_bytes=self.max_file_mb * 1_000_000,
            max_text_chars=self.max_text_chars,
            max_pages=self.max_pages,
        )
