"""Small real passages for the tests of answering."""

from datetime import UTC, datetime

from app.events import Passage
from vectorstore.types import ChunkId, Document, DocumentId, Span


def passage(
    text: str,
    *,
    number: int = 1,
    title: str = "Handbook",
    context: str = "",
    modified: str = "",
    start: int = 0,
) -> Passage:
    """Make a passage that stands at `start` in its document."""
    when = datetime.fromisoformat(modified).replace(tzinfo=UTC) if modified else None
    document = Document(
        DocumentId(f"doc_{title}"), f"{title}.md", title, "text/markdown", "digest", modified=when
    )
    span = Span(start, start + len(text))
    return Passage(number, document, span, text, (ChunkId(f"chk_{number}"),), context=context)
