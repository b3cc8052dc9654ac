"""The support checker's training pairs: made by rules that can be held to what they promise."""

import itertools
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.language.reading import read
from app.support.ground import gather
from benchmarks.checker import edits
from benchmarks.checker.corrupt import KINDS, Pool, changes
from benchmarks.checker.pairs import Pair, _homes, generate
from benchmarks.checker.paraphrase import paraphrase
from benchmarks.checker.partial import clause_missing, joined, part_missing
from benchmarks.checker.sources import DATA
from benchmarks.checker.statements import statement, statements
from vectorstore.models.pair_model import kinds

SENTENCES = (
    "In 1998, the council approved a budget of 45 million dollars for the northern district.",
    "Employees must submit the form before the end of the month, unless the manager agrees otherwise.",
    "Marie Curie discovered radium in Paris, which made her famous in all of Europe.",
    "The server always rejects requests without a token because the gateway is public.",
)
needs_data = pytest.mark.skipif(not (DATA / "corpora").is_dir(), reason="../shared/data is absent")


@pytest.fixture
def pool() -> Pool:
    found = Pool()
    for sentence in (
        "The committee was founded in 2004 by Ada Lovelace in London.",
        "Visitors may enter the old harbour after 18 July, including children with a ticket of their own.",
        "The client accepts answers of the remote station.",
    ):
        found.add(sentence)
    return found


@pytest.mark.parametrize("sentence", SENTENCES)
def test_every_change_differs_from_the_sentence_and_marks_where(sentence: str, pool: Pool) -> None:
    for seed in range(20):
        found = changes(sentence, random.Random(seed), near=pool, far=pool)
        assert found
        for change in found:
            assert change.text != sentence
            assert change.kind in KINDS
            start, end = change.span
            assert 0 <= start < end
            # What stands before the mark was left alone.
            assert sentence.startswith(change.text[:start])


def test_all_kinds_of_change_come_up(pool: Pool) -> None:
    seen = {
        change.kind
        for sentence, seed in itertools.product(SENTENCES, range(10))
        for change in changes(sentence, random.Random(seed), near=pool, far=pool)
    }
    assert seen >= {"number", "unit", "name", "modality", "antonym", "mix", "appended"}


@pytest.mark.parametrize("sentence", SENTENCES)
def test_a_paraphrase_adds_no_number_and_no_name(sentence: str) -> None:
    spelt = {"1": "one", "2": "two"}
    for seed in range(40):
        said = read(paraphrase(sentence, random.Random(seed), steps=3))
        assert said.facts.numbers <= read(sentence).facts.numbers | set(spelt)
        assert said.names <= read(sentence).words


def test_a_missing_clause_is_marked_and_has_a_twin() -> None:
    whole, other = SENTENCES[2], "Radium glows."
    seen: set[str] = set()
    for seed in range(20):
        told = list(clause_missing(whole, f"{whole} {other}", random.Random(seed)))
        assert [each.label for each in told] in ([], [1, 0])
        for right, wrong in zip(told[::2], told[1::2], strict=True):
            seen.add(right.kind)
            assert wrong.kind == "clause missing"
            assert wrong.spans
            ((start, end),) = wrong.spans
            assert wrong.claim[start:end].strip()
            assert whole not in wrong.text
            assert (right.claim == wrong.claim) == (right.text != wrong.text)
    assert seen == {"clause kept", "clause dropped"}


def test_a_missing_sentence_of_a_longer_claim_is_marked_and_has_a_twin() -> None:
    text = " ".join(SENTENCES)
    for seed in range(20):
        right, wrong = part_missing(SENTENCES[:3], text, random.Random(seed))
        assert (right.label, wrong.label) == (1, 0)
        assert wrong.spans
        ((start, end),) = wrong.spans
        assert sum(sentence not in wrong.text for sentence in SENTENCES) == 1
        assert wrong.claim[start:end] not in right.claim or right.text == text


def test_what_the_rest_says_too_is_not_missing() -> None:
    again = " ".join(sentence.replace(",", "") for sentence in SENTENCES[1:3])
    text = " ".join((*SENTENCES[1:3], again))
    assert not list(part_missing(SENTENCES[1:3], text, random.Random(1)))


def test_sentences_are_joined_to_one_claim_with_their_places() -> None:
    said, spans = joined(["It rains.", "The sun hides."], [", and "])
    assert said == "It rains, and the sun hides."
    assert [said[start:end] for start, end in spans] == ["It rains", "the sun hides."]


@needs_data
def test_pairs_are_the_same_for_a_seed_and_both_labels_about_as_frequent() -> None:
    pairs = list(itertools.islice(generate(200, seed=5), 200))
    assert all(isinstance(pair, Pair) for pair in pairs)
    assert 0.4 < sum(pair.label for pair in pairs) / len(pairs) < 0.6
    assert list(itertools.islice(generate(200, seed=5), 20)) == pairs[:20]


@needs_data
def test_nothing_that_is_measured_on_is_trained_on() -> None:
    """Neither the sample handbook, nor WiCE, nor SQuAD's reporting half, nor the held-out domain."""
    read_from = [(source.corpus, source.document) for home in _homes().values() for source in home]
    titles = {document for corpus, document in read_from if corpus == "squad"}
    assert titles.isdisjoint({"Computational_complexity_theory", "Steam_engine", "European_Union_law"})
    corpora = {corpus for corpus, _ in read_from}
    assert not any("sample" in corpus or "wice" in corpus for corpus in corpora)
    held = {row["summary"] for rows in edits.summaries(edits.HELD_OUT).values() for row in rows}
    trained = {pair.claim for pair in edits.pairs([d for d in edits.DOMAINS if d != edits.HELD_OUT])}
    assert not any(claim in summary for claim in trained for summary in held)


@needs_data
def test_an_edited_summary_is_marked_where_it_was_edited() -> None:
    for pair in itertools.islice(edits.pairs(["news"]), 300):
        if pair.label == 0 and pair.spans:
            assert all(pair.claim[start:end].strip() for start, end in pair.spans)


@pytest.mark.parametrize(
    ("question", "answer", "said"),
    [
        ("Who ruled the duchy of Normandy?", "Richard I", "Richard I ruled the duchy of Normandy."),
        ("What is the capital of Warsaw?", "Poland", "The capital of Warsaw is Poland."),
        ("When was the Rhine bridge opened?", "1912", "The Rhine bridge was opened in 1912."),
        ("Where is Normandy located?", "France", "Normandy is located in France."),
        ("Why do plants need light?", "energy", None),
    ],
)
def test_a_question_and_its_answer_become_a_statement(question: str, answer: str, said: str | None) -> None:
    assert statement(question, answer) == said


def test_a_plausible_answer_of_an_unanswerable_question_is_not_true() -> None:
    asked = [
        {"question": "Who ruled upper Normandy?", "answers": [{"text": "Rollo"}]},
        {"question": "Who ruled old Denmark?", "answers": [], "plausible_answers": [{"text": "Rollo"}]},
    ]
    assert [(text, right) for text, right, _ in statements(asked)] == [
        ("Rollo ruled upper Normandy.", True),
        ("Rollo ruled old Denmark.", False),
    ]


def test_evidence_is_gathered_in_the_passages_order_within_the_budget() -> None:
    text = (
        "# Leave\n\nLeave is granted by the manager. Parents have twenty weeks. The canteen is open at noon. "
        "Carry-over ends in March. Nobody works on Sundays."
    )
    found = gather(read("Carry-over of leave ends in March; parents have twenty weeks."), text, budget=120)
    assert "Parents have twenty weeks." in found
    assert "Carry-over ends in March." in found
    assert found.index("Parents") < found.index("Carry-over")
    assert "canteen" not in found


def test_no_evidence_where_no_word_is_shared() -> None:
    assert gather(read("Zebras graze."), "The office opens at nine.") == ""


@given(st.text(max_size=400), st.text(min_size=1, max_size=80), st.integers(50, 600))
def test_gathering_never_outgrows_its_budget_by_more_than_one_sentence(
    text: str, claim: str, budget: int
) -> None:
    assert len(gather(read(claim), text, budget=budget)) <= budget + 240


def test_a_table_row_comes_with_its_header() -> None:
    text = "| Grade | Days |\n| --- | --- |\n| Junior | 25 |\n| Senior | 30 |\n"
    assert gather(read("Senior staff have 30 days"), text).startswith("| Grade | Days |")


@given(st.lists(st.integers(1_000, 1_010), max_size=12), st.lists(st.integers(1_000, 1_010), max_size=12))
def test_each_token_is_told_what_the_other_side_has_of_it(claim: list[int], evidence: list[int]) -> None:
    found = kinds([101, *claim, 102, *evidence, 102], [0] * (len(claim) + 2) + [1] * (len(evidence) + 1))
    sides = found[1 : len(claim) + 1], found[len(claim) + 2 : -1] - 3
    for kinds_of, tokens, others in ((sides[0], claim, evidence), (sides[1], evidence, claim)):
        assert [kind > 0 for kind in kinds_of] == [token in others for token in tokens]
        if tokens and tokens == others and len(tokens) > 1:
            assert set(kinds_of) == {2}
    assert found[0] == found[len(claim) + 1] == 0
    assert found[-1] == 3


def test_the_repository_holds_no_training_data() -> None:
    folder = Path(__file__).parents[2] / "benchmarks/checker"
    assert {path.suffix for path in folder.iterdir() if path.is_file()} == {".py", ".md"}
