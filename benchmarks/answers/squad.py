"""SQuAD 2.0 as a corpus: every paragraph a document in a real store, questions with and without an answer."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.answers.splits import part_of
from vectorstore.models.embed import Embedder
from vectorstore.open import open_store
from vectorstore.refine import Rerank
from vectorstore.settings import StoreSettings
from vectorstore.store import Store
from vectorstore.types import Chunk, Document, Span, chunk_id, document_id

FILE = Path(__file__).parents[2] / "../shared/data/squad2/dev-v2.0.json"


@dataclass(frozen=True, slots=True)
class Asked:
    """One question: its article, the paragraph that it was written for, and the answers with their offsets."""

    id: str
    text: str
    article: str
    paragraph: str
    answers: tuple[str, ...]
    starts: tuple[int, ...]
    context: str

    @property
    def answerable(self) -> bool:
        """Whether the paragraphs hold an answer."""
        return bool(self.answers)


def questions(file: Path = FILE) -> Iterator[Asked]:
    """Yield every question in the order of the file."""
    for article in json.loads(file.read_text(encoding="utf-8"))["data"]:
        for number, paragraph in enumerate(article["paragraphs"]):
            for asked in paragraph["qas"]:
                answers = asked["answers"]
                yield Asked(
                    asked["id"],
                    asked["question"].strip(),
                    article["title"],
                    f"{article['title']}/{number}",
                    tuple(answer["text"] for answer in answers),
                    tuple(answer["answer_start"] for answer in answers),
                    paragraph["context"],
                )


def paragraphs(part: str, file: Path = FILE) -> Iterator[tuple[str, str, str]]:
    """Yield uri, title and text of the paragraphs of a part's articles."""
    for article in json.loads(file.read_text(encoding="utf-8"))["data"]:
        if part_of(article["title"]) == part:
            for number, paragraph in enumerate(article["paragraphs"]):
                yield f"{article['title']}/{number}", article["title"].replace("_", " "), paragraph["context"]


def open_texts(
    folder: Path, texts: Iterable[tuple[str, str, str]], embedder: Embedder, rerank: Rerank
) -> Store:
    """Open an index of texts (uri, title, text), each a chunk, filling it first if it is empty."""
    store = open_store(StoreSettings(data_dir=folder), embedder, rerank=rerank)
    if store.generations() and store.generations()[-1].documents:
        return store
    rows = [_document(*each) for each in texts]
    vectors = embedder.embed_documents([chunk.embedded_text for _, chunk in rows])
    with store.draft() as draft:
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
