"""Passages and citations as the dialects show them: labels, links, annotations, the Markdown list."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import urlencode

from app.events import Citation, Passage
from app.guard import inert
from vectorstore.printable import printable
from vectorstore.types import ChunkId, Document, Span

Json: TypeAlias = dict[str, Any]  # Any: JSON on its way out
_BRACKETS = {ord("["): "(", ord("]"): ")", ord("`"): "'", ord("\\"): "/"}
Link: TypeAlias = Callable[[Document, Span, ChunkId | None], str]
"""Gives the absolute address at which a client may read a place in a document."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """Makes links into the viewer of this service; `sign` adds what lets a browser in without a key, to this place."""

    base_url: str
    sign: Callable[[Document, Mapping[str, str]], dict[str, str]] | None = None

    def __call__(self, document: Document, span: Span, chunk: ChunkId | None) -> str:
        """Return `…/v1/documents/{id}/view?chunk=…#page=12`, or with the span when there is no chunk."""
        place = {"chunk": str(chunk)} if chunk else {"start": str(span.start), "end": str(span.end)}
        query = urlencode(place | (self.sign(document, place) if self.sign else {}))
        fragment = f"page={span.page}" if span.page is not None else "mark"
        return f"{self.base_url}/v1/documents/{document.id}/view?{query}#{fragment}"


def label(document: Document, span: Span) -> str:
    """Name a place for a reader: `Handbook, p. 12`."""
    title = document.title or document.uri
    return title if span.page is None else f"{title}, p. {span.page}"


def is_web(document: Document) -> bool:
    """Say whether the document itself lies at a public address."""
    return document.uri.startswith(("http://", "https://"))


def file_name(document: Document) -> str:
    """Return the last part of the document's address."""
    return document.uri.rstrip("/").rsplit("/", 1)[-1] or document.uri


def source(passage: Passage, link: Link) -> Json:
    """Show a passage whole, for clients of ours and for the extra key of the OpenAI dialects."""
    document = passage.document
    shown: Json = {
        "n": passage.number,
        "document_id": document.id,
        "title": document.title,
        "label": label(document, passage.span),
        "uri": document.uri,
        "media_type": document.media_type,
        "url": passage_url(passage, link),
        "text": passage.text,
        "start": passage.span.start,
        "end": passage.span.end,
        "headings": list(passage.headings),
        "chunk_ids": list(passage.chunks),
        "score": passage.score,
    }
    if document.modified is not None:
        shown["modified"] = document.modified.isoformat()
    return shown if passage.span.page is None else shown | {"page": passage.span.page}


def passage_url(passage: Passage, link: Link) -> str:
    """Return the address of a passage."""
    only = passage.chunks[0] if len(passage.chunks) == 1 else None
    return link(passage.document, passage.span, only)


def citation(found: Citation, link: Link) -> Json:
    """Show a citation whole. Offsets count code points of the answer and of the document."""
    shown: Json = {
        "n": found.number,
        "document_id": found.document.id,
        "title": found.document.title,
        "label": label(found.document, found.evidence),
        "url": link(found.document, found.evidence, None),
        "marker": list(found.marker),
        "claim": list(found.claim),
        "quote": found.quote,
        "start": found.evidence.start,
        "end": found.evidence.end,
        "support": found.support,
    }
    return shown if found.evidence.page is None else shown | {"page": found.evidence.page}


def in_number_order(citations: Iterable[Citation]) -> list[Citation]:
    """Order citations so that the first of each distinct source come first, by number.

    Open WebUI numbers sources by order of arrival; the rest follow by place in the answer.
    """
    first: dict[int, Citation] = {}
    later: list[Citation] = []
    for found in citations:
        if found.number in first:
            later.append(found)
        else:
            first[found.number] = found
    return [first[number] for number in sorted(first)] + later


def url_annotation(found: Citation, link: Link) -> Json:
    """Show a citation as OpenAI's url_citation: the marker's place in the answer, in code points."""
    start, end = found.marker
    return {
        "start_index": start,
        "end_index": end,
        "title": label(found.document, found.evidence),
        "url": link(found.document, found.evidence, None),
    }


def markdown_list(citations: Sequence[Citation], link: Link) -> str:
    """Write the cited sources as Markdown, for clients that show nothing but text; empty without any.

    Of what a title holds nothing is live; the links are those into this service's viewer.
    """
    first = {found.number: found for found in reversed(citations)}
    links = {number: link(found.document, found.evidence, None) for number, found in first.items()}
    lines = [
        f"{number}. [{_plain(label(found.document, found.evidence))}]({links[number]})"
        for number, found in sorted(first.items())
    ]
    return inert("\n\n**Sources**\n" + "\n".join(lines), links.values()) if lines else ""


def _plain(text: str) -> str:
    """Keep a title from ending the Markdown link that it stands in."""
    return " ".join(printable(text).translate(_BRACKETS).split())
