"""Footnote and LangChain: our search as a retriever for their programs, and answers of ours from an index of theirs."""

import asyncio
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import Field, InstanceOf

from footnote import Footnote
from footnote.interop.vector_store import from_vectorstore
from vectorstore.types import Hit, Scope

__all__ = ["FootnoteRetriever", "from_vectorstore"]


class FootnoteRetriever(BaseRetriever):
    """Finds passages in an index of Footnote's: `retriever.invoke(question, scope=…)`, or `ainvoke`.

    `page_content` is exactly the document's extracted text from `start` to `end` (code points). Who asks is said with
    `scope` here or with each question, which then counts; raises BadInput where neither says it. The Footnote
    stays the caller's to close.
    """

    footnote: InstanceOf[Footnote] = Field(exclude=True, repr=False)
    scope: InstanceOf[Scope] | None = Field(default=None, exclude=True, repr=False)
    limit: int | None = Field(default=None, ge=1, le=200)
    """Passages of one search; None: FOOTNOTE_TOP_K."""

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun | None = None,
        scope: Scope | None = None,
    ) -> list[Document]:
        del run_manager
        return [_document(hit) for hit in self._hits(query, scope)]

    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: AsyncCallbackManagerForRetrieverRun | None = None,
        scope: Scope | None = None,
    ) -> list[Document]:
        del run_manager
        return [_document(hit) for hit in await asyncio.to_thread(self._hits, query, scope)]

    def _hits(self, query: str, scope: Scope | None) -> list[Hit]:
        asking = self.scope if scope is None else scope
        # Whoever said nothing is refused there.
        return self.footnote.search(query, scope=asking, limit=self.limit)  # type: ignore[arg-type]


def _document(hit: Hit) -> Document:
    chunk, document = hit.chunk, hit.document
    told: dict[str, Any] = {
        **{
            name: list(value) if isinstance(value, tuple) else value
            for name, value in document.metadata.items()
        },
        "source": document.uri,
        "title": document.title,
        "media_type": document.media_type,
        "modified": document.modified.isoformat() if document.modified else None,
        "document": document.id,
        "start": chunk.span.start,
        "end": chunk.span.end,
        "page": chunk.span.page,
        "headings": list(chunk.headings),
        "score": hit.score,
    }
    return Document(page_content=chunk.text, id=chunk.id, metadata=told)
