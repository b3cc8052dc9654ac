"""The writing end: vectors for chunks, from the index where it has them, and one draft per batch."""

import math
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import TypeAlias

import numpy as np

from ingest.cut.chunk import chunks_of
from ingest.extract import ACCOUNT, NOT_OPENED, Extract, ParseFailure
from ingest.plan import Recipe, Step
from ingest.report import Failure, Finding, Report, inspect, language_of
from ingest.sources.rules import Attributes, Readers, attributes_from, decide, said_by
from ingest.twins import Twins
from vectorstore.errors import Busy, NotFound
from vectorstore.language.detect import language_named, language_throughout
from vectorstore.models.embed import Embedder
from vectorstore.store import Draft, Store, Transaction
from vectorstore.types import NOBODY, Chunk, Document, MetadataValue, Vector, Vectors, both, document_id

_LONGEST_TITLE = 500


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document that only lacks its vectors."""

    step: Step
    document: Document
    text: str
    chunks: list[Chunk]
    findings: tuple[str, ...]
    note: str = ""
    """What a person should know of who may read it."""


def prepare(
    step: Step,
    outcome: Extract | ParseFailure,
    *,
    recipe: Recipe,
    embedder: Embedder,
    before: Readers | None = None,
) -> Prepared | Failure:
    """Turn a parser's outcome into a document with its chunks; one without any is a failure, never silent.

    `before` is who may read the document as it stands in the index.
    """
    uri = step.source.uri
    if step.source.opened and isinstance(outcome, Extract):
        outcome = replace(
            outcome, findings=tuple(each for each in outcome.findings if not each.endswith(NOT_OPENED))
        )
    if isinstance(outcome, ParseFailure):
        passed_over = outcome.reason == "unsupported" and not step.source.named
        return Failure(uri, "skipped" if passed_over else outcome.reason, outcome.message)
    own = attributes_from(outcome.metadata, readers=outcome.readers)
    if step.source.readers is not None:
        own = replace(own, readers=both(step.source.readers, own.readers or frozenset()))
    foreign = sorted(own.readers - recipe.groups) if own.readers and recipe.groups is not None else []
    if foreign:
        return Failure(
            uri, "not_allowed", f"Its front matter names a group that is not yours: {foreign[0][:100]!r}."
        )
    within = step.source.readers is not None or step.source.within is not None
    readers = _readers(step, own, before=before, override=recipe.override and not within)
    if readers.groups == NOBODY and recipe.groups is not None:
        return Failure(uri, "not_allowed", "Its front matter names readers that it may not have here.")
    attributes = step.rules.under(own).under(step.flags)
    document = _document(step, outcome, attributes=attributes, readers=readers, tenant=recipe.tenant)
    chunks = chunks_of(
        outcome,
        document,
        embedder=embedder,
        target_tokens=recipe.chunk_tokens,
        overlap_tokens=recipe.chunk_overlap,
        most=recipe.max_passages,
    )
    if not chunks:
        return Failure(uri, "no_text", "There is no text in the file.")
    findings = outcome.findings
    if left := outcome.text[chunks[-1].span.end :].strip() if len(chunks) == recipe.max_passages else "":
        findings = (*findings, _left_out(len(left), outcome, recipe.max_passages))
        document = replace(document, metadata={**document.metadata, **_told(findings)})
    return Prepared(step, document, outcome.text, chunks, findings, readers.note)


def _told(findings: tuple[str, ...]) -> dict[str, MetadataValue]:
    if not findings:
        return {}
    return {"findings": findings, "found_on": datetime.now(UTC).isoformat(timespec="minutes")}


def _left_out(characters: int, extract: Extract, most: int) -> str:
    share = math.ceil(100 * characters / len(extract.text))
    return (
        f"Only its first {most:,} passages were taken in; the last {characters:,} characters ({share} %) were "
        "left out. Split the file, or raise max_passages."
    )


def _readers(step: Step, own: Attributes, *, before: Readers | None, override: bool) -> Readers:
    operator = step.rules.under(step.flags).readers
    # Flags and side-car are the stronger word also where front matter overrides the rules.
    return decide(operator, own.readers, before=before, override=override and step.flags.readers is None)


def _document(
    step: Step, extract: Extract, *, attributes: Attributes, readers: Readers, tenant: str
) -> Document:
    uri = step.source.uri
    metadata = {**attributes.metadata, **said_by(readers)}
    if languages := _languages(attributes.metadata, extract.text):
        metadata["language"] = languages[0] if len(languages) == 1 else languages
    metadata |= _told(extract.findings)
    if extract.account:
        metadata[ACCOUNT] = extract.account.lines()
    if extract.by_ocr:
        metadata["ocr_pages"] = tuple(map(str, extract.by_ocr))
    if extract.page_labels:
        metadata["page_labels"] = extract.page_labels
    return Document(
        id=document_id(tenant=tenant, uri=uri, digest=step.digest),
        uri=uri,
        title=(attributes.title or _title(extract) or PurePosixPath(uri).stem)[:_LONGEST_TITLE],
        media_type=extract.media_type,
        digest=step.digest,
        modified=extract.modified or datetime.fromtimestamp(step.source.path.stat().st_mtime, UTC),
        tenant=tenant,
        readers=readers.groups,
        pages=extract.pages,
        metadata=metadata,
    )


_NAMES_A_FILE = re.compile(
    r"\A(?:microsoft (?:word|excel|powerpoint)\b.*|.*\.(?:docx?|dotx?|pptx?|xlsx?|od[tsp]|rtf|pdf|html?|indd|tex|dvi|pages|key))\Z",
    re.I | re.S,
)
_BY_DEFAULT = re.compile(
    r"\A(?:untitled|unbenannt|ohne titel|sans titre|sin título|unnamed|unspecified|new|neues?|nouveau|nuevo)?[ _-]{0,3}"
    r"(?:document|dokument|documento|presentation|präsentation|présentation|presentación|slide|folie|diapositive|"
    r"diapositiva|book|workbook|mappe|classeur|libro|sheet|tabelle|feuil|hoja|page|seite|layout|print|scan|"
    r"about:blank|(?:word|powerpoint|excel) (?:document|presentation|workbook))?[ _-]{0,3}\(?\d{0,8}\)?\Z",
    re.I,
)


def names_no_subject(title: str) -> bool:
    """Say whether a title is one that an editor gives: the name of a file, or what a new document is called."""
    return bool(_BY_DEFAULT.fullmatch(title.strip()) or _NAMES_A_FILE.fullmatch(title.strip()))


def _title(extract: Extract) -> str:
    """Return the first of the document's title and its first heading that names a subject; "" where none does."""
    heads = (
        extract.text[block.span.start : block.span.end] for block in extract.blocks if block.kind == "heading"
    )
    titles = (extract.title, next(heads, "").lstrip("# "))
    return next((each for each in titles if not names_no_subject(each)), "")


def _languages(said: Mapping[str, MetadataValue], text: str) -> tuple[str, ...]:
    """Return the languages that the operator or the document names; where it names none, the one it is written in."""
    tags = said.get("language", said.get("lang", ""))
    named = [language_named(str(tag)) for tag in (tags if isinstance(tags, tuple) else (tags,))]
    return tuple(dict.fromkeys(filter(None, named))) or tuple(filter(None, [language_throughout(text)]))


@dataclass(slots=True)
class Batch:
    """What is committed at once: documents, and files among them that could not be read."""

    documents: list[Prepared] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)
    chunks: int = 0

    @property
    def files(self) -> int:
        """How many files it stands for."""
        return len(self.documents) + len(self.failed)

    def add(self, outcome: Prepared | Failure) -> None:
        """Take in what became of one more file."""
        if isinstance(outcome, Failure):
            self.failed.append(outcome)
        else:
            self.documents.append(outcome)
            self.chunks += len(outcome.chunks)

    def report_to(self, report: Report) -> None:
        """Note what has been committed, and what has failed."""
        for ready in self.documents:
            uri = ready.document.uri
            report.note_written(uri, ready.step.action, moved_from=ready.step.moved_from)
            report.findings += [Finding(uri, finding) for finding in ready.findings]
            if ready.note:
                report.findings.append(Finding(uri, ready.note, urgent=True))
            seen = inspect(ready.document, ready.text)
            report.documents[uri] = {**seen.in_numbers(), "chunks": len(ready.chunks)}
            told = language_of(ready.document)
            report.languages[told] = report.languages.get(told, 0) + 1
        for failure in self.failed:
            report.note_failure(failure)
        report.chunks += self.chunks


Finish: TypeAlias = Callable[[Transaction, Sequence[str]], None]
"""Notes, in the transaction that publishes them, that these addresses are done; what it raises discards the draft."""

_PATIENCE = 10.0
"""Seconds to wait for another writer: a service that takes an upload is done in one."""


@dataclass(slots=True)
class Committer:
    """Embeds documents and publishes them, batch by batch; the next may be embedded while one is published.

    What is published goes into `report`, with the `twins` that it has in the index.
    """

    store: Store
    embedder: Embedder
    report: Report
    tenant: str
    wait: bool = False
    twins: Twins | None = None
    finish: Finish | None = None
    # The batch before may not be committed yet when the next is embedded.
    _last: dict[str, Vector] = field(default_factory=dict)

    def vectors(self, documents: Sequence[Prepared], *, on_embedded: Callable[[int], None]) -> Vectors:
        """Embed what neither the index nor the call before has a vector for; `on_embedded` hears how many that are."""
        texts = [chunk.embedded_text for ready in documents for chunk in ready.chunks]
        row_of = {text: row for row, text in enumerate(dict.fromkeys(texts))}
        rows = np.empty((len(row_of), self.embedder.dimension), np.float32)
        known = {**self._last, **self.store.cached_vectors(list(row_of))}
        missing = [text for text in row_of if text not in known]
        for text in row_of.keys() & known.keys():
            rows[row_of[text]] = known[text]
        if missing:
            embedded = self.embedder.embed_documents(missing, on_batch=on_embedded)
            rows[[row_of[text] for text in missing]] = embedded
        self._last = dict(zip(row_of, rows, strict=True))
        return rows[[row_of[text] for text in texts]]

    def publish(self, batch: Batch, vectors: Vectors) -> None:
        """Commit a batch, with the vectors of all its chunks in order, and report it."""
        if batch.documents:
            self._put(batch.documents, vectors)
        batch.report_to(self.report)
        if self.twins is not None:
            self._note_twins(batch.documents, self.twins)

    def _put(self, documents: Sequence[Prepared], vectors: Vectors) -> None:
        """Add or replace documents in one generation."""
        with self._draft() as draft:
            start = 0
            for ready in documents:
                end = start + len(ready.chunks)
                draft.put(ready.document, text=ready.text, chunks=ready.chunks, vectors=vectors[start:end])
                if ready.step.moved_from:
                    draft.remove(tenant=self.tenant, uri=ready.step.moved_from)
                start = end
            self._finish_in(draft, [ready.document.uri for ready in documents])

    def _note_twins(self, documents: Sequence[Prepared], twins: Twins) -> None:
        twins.note((ready.document.id, ready.text) for ready in documents)
        with self.store.snapshot() as snapshot:
            for ready in documents:
                # One that has been replaced meanwhile is somebody else's to report.
                with suppress(NotFound):
                    if found := twins.of(ready.document, snapshot):
                        shares = {each.document.uri: each.share for each in found}
                        self.report.note_twins(ready.document.uri, shares)

    def remove(self, uris: Sequence[str]) -> list[str]:
        """Remove the documents at these addresses in one generation; return those that were there."""
        if not uris:
            return []
        with self._draft() as draft:
            self._finish_in(draft, uris)
            return [uri for uri in uris if draft.remove(tenant=self.tenant, uri=uri)]

    def _finish_in(self, draft: Draft, uris: Sequence[str]) -> None:
        if self.finish is not None:
            finish = self.finish
            draft.also(lambda connection: finish(connection, uris))

    @contextmanager
    def _draft(self) -> Iterator[Draft]:
        """Open a draft, letting another writer finish its commit first."""
        patient_until = time.monotonic() + _PATIENCE
        with ExitStack() as stack:
            while True:
                try:
                    draft = stack.enter_context(self.store.draft(note="ingest", wait=self.wait))
                    break
                except Busy:
                    if time.monotonic() > patient_until:
                        raise
                    time.sleep(0.05)
            yield draft
