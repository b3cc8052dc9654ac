"""LangChain's programs search our index for who asks, and we answer from theirs what that one may read."""

import asyncio
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import InMemoryVectorStore, VectorStore

from footnote import Citations, Done, Footnote, FootnoteError, Scope, Text
from footnote.interop import FootnoteRetriever, from_vectorstore
from tests.fakes.handbook import write_documents
from tests.test_library import blocks, python

EVERYTHING = Scope(unrestricted=True)
STAFF, HR = Scope(groups=frozenset({"staff"})), Scope(groups=frozenset({"staff", "hr"}))
ANN = Scope(user="ann")
LEAVE = "How many days of annual leave do full-time staff get?"
PAY = "What does the chief accountant earn?"
SECRET = "91,000"
DOCUMENTS = [
    Document(
        page_content="Full-time staff get 25 days of annual leave a year.\n\nInterns get 12 days.",
        metadata={"source": "docs/leave.md", "title": "Annual leave", "acl": ["everyone"], "year": 2026},
    ),
    Document(
        page_content=f"The chief accountant earns {SECRET} euros a year.",
        metadata={"source": "closed/pay.md", "acl": ["hr", "user:ann"], "tags": ["pay", "hr"]},
    ),
    Document(page_content=f"Nobody said who reads that {SECRET} is earned.", metadata={"acl": []}),
    Document(page_content=f"The chief accountant still earns {SECRET}.", metadata={"source": "a"}),
    Document(page_content=f"As of old the accountant earns {SECRET}.", metadata={"acl": {"hr": 1}}),
    Document(page_content="  \n"),
]


class Words(Embeddings):
    """Vectors of the words' hashes."""

    def embed_query(self, text: str) -> list[float]:
        vector = np.zeros(64)
        for word in re.findall(r"\w+", text.lower()):
            vector[hashlib.sha256(word.encode()).digest()[0] % 64] += 1
        return list(vector / max(1, float(np.linalg.norm(vector))))

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]


class OverFaiss(VectorStore):
    """A flat FAISS index, which takes any filter and passes it over."""

    def __init__(self, documents: list[Document]) -> None:
        self.documents, self.given = documents, [dict[str, Any]()]
        self.index = faiss.IndexFlatIP(64)
        vectors = Words().embed_documents([each.page_content for each in documents])
        self.index.add(np.array(vectors, np.float32))

    def similarity_search(self, query: str, k: int = 4, **kwargs: Any) -> list[Document]:
        self.given.append(kwargs)
        _, places = self.index.search(np.array([Words().embed_query(query)], np.float32), k)
        return [self.documents[place] for place in places[0] if place >= 0]

    @classmethod
    def from_texts(cls, *_: Any, **__: Any) -> "OverFaiss":
        raise NotImplementedError


class Broken(OverFaiss):
    def similarity_search(self, query: str, k: int = 4, **kwargs: Any) -> list[Document]:
        raise ConnectionError("http://user:secret@inside:19530 is away")


def in_memory() -> InMemoryVectorStore:
    store = InMemoryVectorStore(Words())
    store.add_documents(DOCUMENTS)
    return store


def named(scope: Scope) -> dict[str, Any]:
    names = {*scope.names, "everyone"}
    return {"filter": lambda document: not names.isdisjoint(document.metadata.get("acl", []))}


@pytest.fixture(params=["in memory", "faiss, which passes the filter over"])
def elsewhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Footnote]:
    store = in_memory() if request.param == "in memory" else OverFaiss(DOCUMENTS)
    with from_vectorstore(store, readers="acl", filter=named, data_dir=tmp_path / "data") as opened:
        yield opened


def test_an_index_elsewhere_answers_with_quotes_of_its_documents(elsewhere: Footnote) -> None:
    events = list(elsewhere.ask(LEAVE, scope=STAFF))
    assert isinstance(events[-1], Done)
    assert "25 days" in "".join(event.delta for event in events if isinstance(event, Text))
    (cited,) = [event for event in events if isinstance(event, Citations)]
    for each in cited.citations:
        assert each.document.uri == "docs/leave.md"
        assert each.quote == DOCUMENTS[0].page_content[each.evidence.start : each.evidence.end]
    assert cited.citations


def test_what_is_found_elsewhere_is_only_what_the_caller_may_read(elsewhere: Footnote) -> None:
    for scope, sees in ((STAFF, 0), (Scope(), 0), (HR, 1), (ANN, 1), (EVERYTHING, 4)):
        found = elsewhere.search(PAY, scope=scope)
        assert sum(SECRET in hit.chunk.text for hit in found) == sees, scope
        assert SECRET in repr(list(elsewhere.ask(PAY, scope=scope))) or not sees
        assert all(scope.allows(hit.document) for hit in found)
    assert elsewhere.search(PAY, scope=Scope("other", unrestricted=True)) == []
    assert elsewhere.search(PAY, scope=Scope(groups=frozenset({"(nobody)", "user:ann"}))) == elsewhere.search(
        PAY, scope=Scope()
    )
    (hit,) = [hit for hit in elsewhere.search(PAY, scope=HR) if SECRET in hit.chunk.text]
    assert (hit.document.title, hit.document.metadata) == ("pay.md", {"tags": ("pay", "hr")})


def test_without_knowing_who_may_read_it_answers_the_operator_alone(tmp_path: Path) -> None:
    with from_vectorstore(OverFaiss(DOCUMENTS), data_dir=tmp_path / "data") as opened:
        assert opened.search(PAY, scope=EVERYTHING)
        with pytest.raises(FootnoteError, match="does not say who may read"):
            opened.search(PAY, scope=HR)
        with pytest.raises(FootnoteError, match="does not say who may read"):
            list(opened.ask(PAY, scope=HR))
    for half in ({"readers": "acl"}, {"filter": named}):
        with pytest.raises(FootnoteError, match="by half"):
            from_vectorstore(OverFaiss(DOCUMENTS), **half)  # type: ignore[arg-type]


def test_it_is_read_and_never_written_and_its_failure_is_one_sentence(tmp_path: Path) -> None:
    store = in_memory()
    before = dict(store.store)
    with from_vectorstore(store, readers="acl", filter=named, data_dir=tmp_path / "data") as opened:
        opened.search(LEAVE, scope=STAFF)
        with pytest.raises(FootnoteError, match="only read"):
            opened.ingest(write_documents(tmp_path))
    assert store.store == before
    with from_vectorstore(Broken(DOCUMENTS), data_dir=tmp_path / "data") as opened:
        with pytest.raises(FootnoteError) as raised:
            opened.search(LEAVE, scope=EVERYTHING)
        assert str(raised.value).startswith("The vector store Broken failed (ConnectionError).")
        assert "secret" not in str(raised.value)


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Footnote]:
    folder = tmp_path_factory.mktemp("company")
    closed = folder / "closed"
    closed.mkdir()
    (closed / "pay.md").write_text(f"# Pay\n\nThe chief accountant earns {SECRET} euros a year.\n")
    with Footnote(folder / "data") as opened:
        opened.ingest(write_documents(folder))
        opened.ingest(closed, readers=["hr"])
        yield opened


def test_a_program_of_langchains_gets_passages_that_say_where_they_stand(ours: Footnote) -> None:
    retriever = FootnoteRetriever(footnote=ours, scope=STAFF, limit=2)
    found = retriever.invoke(LEAVE)
    hits = ours.search(LEAVE, scope=STAFF, limit=2)
    assert [(each.id, each.page_content) for each in found] == [
        (hit.chunk.id, hit.chunk.text) for hit in hits
    ]
    first = found[0].metadata
    assert first["source"] == "docs/leave.md"
    assert first["title"] == "Annual leave policy"
    assert first["end"] - first["start"] == len(found[0].page_content)
    assert asyncio.run(retriever.ainvoke(LEAVE)) == found
    assert (retriever | len).invoke(LEAVE) == 2
    assert Document.model_validate_json(found[0].model_dump_json()) == found[0]


def test_the_scope_of_a_question_counts_before_the_retrievers(ours: Footnote) -> None:
    retriever = FootnoteRetriever(footnote=ours, scope=STAFF)

    def told(found: list[Document]) -> bool:
        return any(SECRET in each.page_content for each in found)

    assert not told(retriever.invoke(PAY))
    assert told(retriever.invoke(PAY, scope=HR))
    assert told(asyncio.run(retriever.ainvoke(PAY, scope=HR)))
    assert told(retriever.bind(scope=HR).invoke(PAY))
    assert not told(FootnoteRetriever(footnote=ours, scope=EVERYTHING).invoke(PAY, scope=STAFF))
    assert "staff" not in repr(retriever)


def test_a_retriever_that_is_not_told_who_asks_finds_nothing(ours: Footnote) -> None:
    retriever = FootnoteRetriever(footnote=ours)
    with pytest.raises(FootnoteError, match="not said who asks"):
        retriever.invoke(LEAVE)
    with pytest.raises(FootnoteError, match="not said who asks"):
        asyncio.run(retriever.ainvoke(LEAVE, scope={"unrestricted": True}))
    with pytest.raises(ValueError, match="Scope"):
        FootnoteRetriever(footnote=ours, scope={"unrestricted": True})  # type: ignore[arg-type]


def test_the_examples_of_the_page_run(tmp_path: Path) -> None:
    write_documents(tmp_path)
    ours, theirs = (block for block in blocks("python") if "footnote.interop" in block)
    done = python(tmp_path, ours)
    assert done.returncode == 0, done.stderr
    assert "docs/leave.md" in done.stdout
    done = python(tmp_path, theirs)
    assert done.returncode == 0, done.stderr
    assert "wiki/leave" in done.stdout
    assert "25 days" in done.stdout
