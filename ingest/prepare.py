"""One parsed file made ready for the index: its document, its text and its chunks, or why not."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath

from ingest.chunk import chunks_of
from ingest.extract import Extract, ParseFailure
from ingest.plan import Recipe, Step
from ingest.report import Failure
from ingest.rules import Attributes, attributes_from
from vectorstore.embed import Embedder
from vectorstore.errors import BadInput
from vectorstore.types import Chunk, Document, document_id


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document that only lacks its vectors."""

    step: Step
    document: Document
    text: str
    chunks: list[Chunk]
    findings: tuple[str, ...]


def prepare(
    step: Step, outcome: Extract | ParseFailure, *, recipe: Recipe, embedder: Embedder
) -> Prepared | Failure:
    """Turn a parser's outcome into a document with its chunks; one without any is a failure, never silent."""
    uri = step.source.uri
    if isinstance(outcome, ParseFailure):
        passed_over = outcome.reason == "unsupported" and not step.source.named
        return Failure(uri, "skipped" if passed_over else outcome.reason, outcome.message)
    try:
        attributes = step.rules.under(attributes_from(outcome.metadata)).under(step.flags)
    except BadInput as error:
        return Failure(uri, "metadata", str(error))
    document = _document(step, outcome, attributes=attributes, tenant=recipe.tenant)
    chunks = chunks_of(
        outcome,
        document,
        embedder=embedder,
        target_tokens=recipe.chunk_tokens,
        overlap_tokens=recipe.chunk_overlap,
    )
    if not chunks:
        return Failure(uri, "no_text", "There is no text in the file.")
    return Prepared(step, document, outcome.text, chunks, outcome.findings)


def _document(step: Step, extract: Extract, *, attributes: Attributes, tenant: str) -> Document:
    uri = step.source.uri
    metadata = dict(attributes.metadata)
    if extract.findings:
        metadata["findings"] = extract.findings
    if extract.by_ocr:
        metadata["ocr_pages"] = tuple(map(str, extract.by_ocr))
    if extract.page_labels:
        metadata["page_labels"] = extract.page_labels
    return Document(
        id=document_id(tenant=tenant, uri=uri, digest=step.digest),
        uri=uri,
        title=attributes.title or extract.title or PurePosixPath(uri).stem,
        media_type=extract.media_type,
        digest=step.digest,
        modified=extract.modified or datetime.fromtimestamp(step.source.path.stat().st_mtime, UTC),
        tenant=tenant,
        readers=attributes.readers or frozenset(),
        pages=extract.pages,
        metadata=metadata,
    )
