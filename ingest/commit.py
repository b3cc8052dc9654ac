"""The writing end: vectors for chunks, from the index where it has them, and one draft per batch."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import numpy as np

from ingest.prepare import Prepared
from vectorstore.embed import Embedder
from vectorstore.errors import Busy
from vectorstore.store import Draft, Store
from vectorstore.types import Vector, Vectors

_PATIENCE = 10.0
"""Seconds to wait for another writer: a service that takes an upload is done in one."""


class Committer:
    """Embeds documents and publishes them, batch by batch; the next may be embedded while one is published."""

    def __init__(self, store: Store, embedder: Embedder, *, tenant: str, wait: bool = False) -> None:
        self._store = store
        self._embedder = embedder
        self._tenant = tenant
        self._wait = wait
        # The batch before may not be committed yet when the next is embedded.
        self._last: dict[str, Vector] = {}

    def vectors(self, documents: Sequence[Prepared], *, on_embedded: Callable[[int], None]) -> Vectors:
        """Embed what neither the index nor the call before has a vector for; `on_embedded` hears how many that are."""
        texts = [chunk.embedded_text for ready in documents for chunk in ready.chunks]
        row_of = {text: row for row, text in enumerate(dict.fromkeys(texts))}
        rows = np.empty((len(row_of), self._embedder.dimension), np.float32)
        known = {**self._last, **self._store.cached_vectors(list(row_of))}
        missing = [text for text in row_of if text not in known]
        for text in row_of.keys() & known.keys():
            rows[row_of[text]] = known[text]
        if missing:
            embedded = self._embedder.embed_documents(missing, on_batch=on_embedded)
            rows[[row_of[text] for text in missing]] = embedded
        self._last = dict(zip(row_of, rows, strict=True))
        return rows[[row_of[text] for text in texts]]

    def put(self, documents: Sequence[Prepared], vectors: Vectors) -> None:
        """Add or replace documents in one generation, with the vectors of all their chunks in order."""
        if not documents:
            return
        with self._draft() as draft:
            start = 0
            for ready in documents:
                end = start + len(ready.chunks)
                draft.put(ready.document, text=ready.text, chunks=ready.chunks, vectors=vectors[start:end])
                if ready.step.moved_from:
                    draft.remove(tenant=self._tenant, uri=ready.step.moved_from)
                start = end

    def remove(self, uris: Sequence[str]) -> list[str]:
        """Remove the documents at these addresses in one generation; return those that were there."""
        if not uris:
            return []
        with self._draft() as draft:
            return [uri for uri in uris if draft.remove(tenant=self._tenant, uri=uri)]

    @contextmanager
    def _draft(self) -> Iterator[Draft]:
        with ExitStack() as stack:
            yield self._open_draft(stack)

    def _open_draft(self, stack: ExitStack) -> Draft:
        """Open a draft, letting another writer finish its commit first."""
        patient_until = time.monotonic() + _PATIENCE
        while True:
            try:
                return stack.enter_context(self._store.draft(note="ingest", wait=self._wait))
            except Busy:
                if time.monotonic() > patient_until:
                    raise
                time.sleep(0.05)
