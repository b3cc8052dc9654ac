"""Footnote and LangChain: a retriever over Footnote's index for their programs, and answers of ours from an index of theirs."""

from footnote.interop.retriever import FootnoteRetriever
from footnote.interop.vector_store import from_vectorstore

__all__ = ["FootnoteRetriever", "from_vectorstore"]
