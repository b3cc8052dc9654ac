"""SQuAD 2.0 as a corpus: every paragraph a document in a real store, questions with and without an answer."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vectorstore.models.embed import Embedder
from vectorstore.open import open_store
from vectorstore.settings import StoreSettings
from vectorstore.store import Store
from vectorstore.types import Chunk, Document, Hit, Scope, Span, chunk_id, document_id

FILE = Path(__file__).parents[2] / "../shared/data/squad2/dev-v2.0.json"


@dataclass(frozen=True, slots=True)
class Asked:
    """One question: its article, the paragraph that it was written for, and the answers with their offsets."""

    text: str
    article: str
    paragraph: str
    answers: tuple[str, ...]
    starts: tuple[int, ...]

    @property
    def answerable(self) -> bool:
        """Whether the paragraphs hold an answer."""
        return bool(self.answers)


def questions() -> Iterator[Asked]:
    """Yield every question in the order of the file."""
    for article in json.loads(FILE.read_text(encoding="utf-8"))["data"]:
        for number, paragraph in enumerate(article["paragraphs"]):
            for asked in paragraph["qas"]:
                answers = asked["answers"]
                yield Asked(
                    asked["question"].strip(),
                    article["title"],
                    f"{article['title']}/{number}",
                    tuple(answer["text"] for answer in answers),
                    tuple(answer["answer_start"] for answer in answers),
                )


def open_index(folder: Path, embedder: Embedder) -> Store:
    """Open the index of all paragraphs, filling it first if it is empty."""
    store = open_store(StoreSettings(data_dir=folder), embedder)
    if store.generations() and store.generations()[-1].documents:
        return store
    with store.draft() as draft:
        for article in json.loads(FILE.read_text(encoding="utf-8"))["data"]:
            title = article["title"].replace("_", " ")
            rows = [
                _document(f"{article['title']}/{number}", title, paragraph["context"])
                for number, paragraph in enumerate(article["paragraphs"])
            ]
            vectors = embedder.embed_documents([chunk.embedded_text for _, chunk in rows])
            for place, (document, chunk) in enumerate(rows):
                draft.put(document, text=chunk.text, chunks=[chunk], vectors=vectors[place : place + 1])
    return store


def _document(uri: str, title: str, text: str) -> tuple[Document, Chunk]:
    digest = hashlib.sha256(text.encode()).hexdigest()
    document = Document(
        document_id(tenant="default", uri=uri, digest=digest), uri, title, "text/plain", digest
    )
    span = Span(0, len(text))
    return document, Chunk(
        chunk_id(document=document.id, position=0, text=text), document.id, 0, text, span, context=title
    )


def found(store: Store, embedder: Embedder, asked: Asked, *, limit: int = 6) -> list[Hit]:
    """Search the paragraphs for a question."""
    with store.snapshot() as snapshot:
        vector = embedder.embed_query(asked.text)
        return snapshot.search(asked.text, vector, scope=Scope(unrestricted=True), limit=limit)
