"""What happens to fused candidates: reranking, and leaving out what says the same."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.vectorstore.conftest import OpenStore
from tests.vectorstore.sample import OPERATOR, SPACE, embed, one_chunk, put
from vectorstore.errors import Unavailable
from vectorstore.open import open_store
from vectorstore.refine import Refine, open_reranker
from vectorstore.settings import StoreSettings
from vectorstore.types import Chunk, ChunkId, Document, DocumentId, Hit, Span, Stage

LONG = (
    "Every employee may work from home up to three days a week after the first month, provided that the team lead"
    " agrees and that meetings with customers take place in the office as they do now for all teams of the company."
)


def hit(name: str, text: str, *, title: str = "", headings: tuple[str, ...] = ()) -> Hit:
    ident = DocumentId(name)
    document = Document(ident, name, title or name, "text/plain", name)
    chunk = Chunk(ChunkId(f"{name}#0"), ident, 0, text, Span(0, len(text)), headings)
    return Hit(chunk, document, 1.0, (Stage("fused", 1, 1.0),))


def names(hits: Sequence[Hit]) -> list[str]:
    return [each.document.uri for each in hits]


@pytest.mark.parametrize(
    "other",
    [
        LONG,
        LONG.upper(),
        LONG.replace(" ", "  \n"),
        LONG.replace("provided that", "provided  that,").replace("company", "compny"),
        "Page footer. " + LONG,
    ],
)
def test_a_copy_is_left_out_and_named(other: str) -> None:
    trace = Refine(distinct=True, depth=50)(
        "may I work from home?", [hit("a", LONG), hit("b", other)], limit=5
    )
    assert names(trace.hits) == ["a"]
    [dropped] = trace.dropped
    assert (dropped.hit.document.uri, dropped.reason, dropped.same_as) == ("b", "duplicate", "a#0")
    assert dropped.hit.stages[0].rank == 1


@pytest.mark.parametrize(
    ("other", "question"),
    [
        (LONG.replace("first month", "3rd month"), "work from home"),
        (LONG.replace("may work", "may not work"), "work from home"),
        (LONG.replace("employee", "contractor"), "may a contractor work from home?"),
        (LONG.replace("employee", "contractor"), "may an employee work from home?"),
        (LONG.replace("employee", "contractor"), "work from home"),
        (LONG.replace("employee", "employer"), "work from home"),
        (LONG.replace("first month", "probation"), "work from home"),
        (
            LONG + " Those who travel file their expenses within the same month by the portal.",
            "work from home",
        ),
        ("Every employee may work.", "work"),
    ],
)
def test_what_differs_in_fact_is_kept(other: str, question: str) -> None:
    # Long enough that a single word is a small share of it.
    rest = " ".join(f"{word} and so on" for word in LONG.split()[:30])
    found = [hit("a", f"{LONG} {rest}"), hit("b", f"{other} {rest}" if len(other) > 50 else other)]
    trace = Refine(distinct=True, depth=50)(question, found, limit=5)
    assert names(trace.hits) == ["a", "b"]
    assert not trace.dropped


def test_same_words_under_the_heading_that_is_asked_for_are_kept() -> None:
    found = [hit("a", LONG, headings=("Germany",)), hit("b", LONG, headings=("France",))]
    assert names(Refine(distinct=True, depth=50)("home office in France", found, limit=5).hits) == ["a", "b"]
    assert names(Refine(distinct=True, depth=50)("home office", found, limit=5).hits) == ["a"]


@pytest.mark.parametrize("text", ["…", "☎ ☎", "東京"])
def test_short_and_wordless_passages_are_compared_as_they_are(text: str) -> None:
    found = [hit("a", text), hit("b", text), hit("c", text + "!!—"), hit("d", "another thing")]
    kept = names(Refine(distinct=True, depth=50)("q", found, limit=5).hits)
    assert kept[0] == "a"
    assert "b" not in kept
    assert "d" in kept


def test_all_candidates_are_accounted_for_when_asked() -> None:
    found = [hit("a", LONG), hit("b", "Something else."), hit("c", LONG), hit("d", "A third thing.")]
    trace = Refine(distinct=True, depth=50)("q", iter(found), limit=2, whole=True)
    assert names(trace.hits) == ["a", "b"]
    assert [(each.hit.document.uri, each.reason) for each in trace.dropped] == [
        ("c", "duplicate"),
        ("d", "limit"),
    ]


def test_duplicates_stay_where_they_are_wanted() -> None:
    assert names(Refine(distinct=False, depth=50)("q", [hit("a", LONG), hit("b", LONG)], limit=5).hits) == [
        "a",
        "b",
    ]


def test_list_is_filled_up_with_what_comes_after_the_copies(folder: Path, open_index: OpenStore) -> None:
    with open_index().draft() as draft:
        for number in range(30):
            put(draft, one_chunk(f"copy-{number}.md", LONG))
        for number in range(4):
            put(draft, one_chunk(f"{number}.md", f"Working from home is rule number {number}."))
    with open_index().snapshot() as snapshot:
        question = "Every employee may work from home up to three days a week"
        hits = snapshot.search(question, embed(question), scope=OPERATOR, limit=5)
        trace = snapshot.trace(question, embed(question), scope=OPERATOR, limit=5)
    assert len(hits) == 5
    assert len({each.chunk.text for each in hits}) == 5
    assert list(trace.hits) == hits
    assert [each.reason for each in trace.dropped].count("duplicate") == 29


def longest_first(question: str, passages: Sequence[str]) -> list[float]:
    assert question
    return [len(passage) / 1000 for passage in passages]


def test_reranker_orders_the_best_and_every_rank_is_kept(folder: Path) -> None:
    store = open_store(StoreSettings(data_dir=folder, rerank_depth=3), SPACE, rerank=longest_first)
    with store.draft() as draft:
        for number in range(6):
            put(draft, one_chunk(f"{number}.md", "leave " * (6 - number) + "and more words " * number))
    with store.snapshot() as snapshot:
        found = snapshot.trace("leave", embed("leave"), scope=OPERATOR, limit=2)
    store.close()
    everything = [*found.hits, *(each.hit for each in found.dropped)]
    reranked = [stage for each in everything if (stage := each.stage("reranked"))]
    assert [stage.rank for stage in reranked] == [1, 2, 3]
    assert [each.score for each in everything[:3]] == sorted((s.score for s in reranked), reverse=True)
    fused = [each.stage("fused") for each in everything]
    assert sorted(stage.rank for stage in fused[:3] if stage) == [1, 2, 3]
    assert [stage.rank for stage in fused[3:] if stage] == [4, 5, 6]
    assert len(found.hits) == 2


def test_no_reranker_is_opened_for_nothing_and_a_missing_one_is_said() -> None:
    assert open_reranker("") is None
    assert open_reranker("none") is None
    pytest.importorskip("sentence_transformers")
    missing = open_reranker("nobody/has-this-model")
    assert missing is not None
    assert missing("q", []) == []
    with pytest.raises(Unavailable, match="FOOTNOTE_RERANKER"):
        missing("q", ["p"])


def test_cross_encoder_reads_question_and_passage_together(tmp_path: Path) -> None:
    pytest.importorskip("sentence_transformers")
    rerank = open_reranker(str(tiny_cross_encoder(tmp_path)))
    assert rerank is not None
    passages = ["leave is granted", "travel is booked", "leave leave leave"]
    scores = rerank("how much leave", passages)
    assert all(0 < score < 1 for score in scores)
    assert len(set(scores)) == 3
    assert scores == pytest.approx(rerank("how much leave", passages), abs=1e-6)
    assert scores != pytest.approx(rerank("who books travel", passages), abs=1e-6)
    # Each pair is scored by itself: neither order nor company matters.
    assert rerank("how much leave", passages[::-1]) == pytest.approx(scores[::-1], abs=1e-5)


def tiny_cross_encoder(folder: Path) -> Path:
    """Make a BERT of a few thousand random weights with a vocabulary of its own: no hub is needed."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    words = "[PAD] [UNK] [CLS] [SEP] [MASK] how much leave who books travel is granted booked".split()  # noqa: SIM905
    (folder / "vocab.txt").write_text("\n".join(words))
    BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(3)
    config = BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=64, num_labels=1, initializer_range=0.5,
    )  # fmt: skip
    BertForSequenceClassification(config).eval().save_pretrained(folder)
    return folder
