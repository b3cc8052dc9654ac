"""The trained checker's way from weights to a verdict, with heads that nobody trained: the real graph, 8-bit, run."""

import math
import os
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load

from app.support.ground import check, support
from benchmarks.checker.export import export
from tests.app.passages import passage
from vectorstore.errors import Unavailable
from vectorstore.models.minilm import PUBLISHED
from vectorstore.models.pair_model import KINDS, MAX_TOKENS, PairModel, kinds, open_checker

TRAINED = os.environ.get("FOOTNOTE_SUPPORT_MODEL", "")
LEAVE = (
    "Annual leave is 25 days. The manager approves every request within a week. The canteen opens at noon."
)


@pytest.fixture(scope="module")
def weights() -> dict[str, np.ndarray]:
    """MiniLM's weights with fresh kinds and heads."""
    draw = np.random.default_rng(1)
    found = dict(load(PUBLISHED.read("model.safetensors")))
    found["embeddings.token_type_embeddings.weight"] = draw.normal(0, 0.02, (KINDS, 384)).astype(np.float32)
    for head in ("support", "answer"):
        found[f"{head}.0.weight"] = draw.normal(0, 0.03, (128, 3 * 384)).astype(np.float32)
        found[f"{head}.3.weight"] = draw.normal(0, 0.5, (1, 128)).astype(np.float32)
        found[f"{head}.0.bias"], found[f"{head}.3.bias"] = np.zeros(128, np.float32), np.zeros(1, np.float32)
    found["token.weight"], found["token.bias"] = np.zeros((1, 384), np.float32), np.zeros(1, np.float32)
    return found


@pytest.fixture(scope="module")
def graph(weights: dict[str, np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("checker") / "checker.onnx"
    export(weights, path, mix=(0.7, 0.6, -0.2))
    return path


def test_the_file_is_small_enough_to_hand_on(graph: Path) -> None:
    assert graph.stat().st_size < 25_000_000


@pytest.mark.skipif(not TRAINED, reason="needs FOOTNOTE_SUPPORT_MODEL: a file that benchmarks.checker made")
def test_a_trained_checker_tells_what_was_added_from_what_was_said() -> None:
    checker = open_checker(TRAINED)
    assert checker is not None
    kept = checker("The manager approves each request within a week.", LEAVE, 1.0)
    lost = checker(
        "The manager approves each request within a week, after a talk with the union.", LEAVE, 1.0
    )
    assert 0 < lost < kept < 1


def test_the_graph_computes_what_was_trained(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    pytest.importorskip("transformers", reason="transformers is not installed")
    from benchmarks.checker.export import checkpoint_weights
    from benchmarks.checker.model import Checker

    torch.manual_seed(3)
    torch.set_num_threads(1)
    model = Checker().eval()
    model.save(tmp_path, {})
    export(checkpoint_weights(tmp_path), tmp_path / "whole.onnx", reduced=False)
    graph = PairModel(tmp_path / "whole.onnx")
    first, second = graph.tokens("Leave is 25 days a year.", LEAVE)
    ids = torch.tensor([[*first, *second]])
    sides = kinds(ids[0].tolist(), [0] * len(first) + [1] * len(second))
    with torch.no_grad():
        support, answer, _ = model(ids, torch.ones_like(ids), torch.tensor(sides)[None])
    assert graph.support("Leave is 25 days a year.", LEAVE) == pytest.approx(float(support[0]), abs=1e-3)
    assert graph.answer("Leave is 25 days a year.", LEAVE) == pytest.approx(float(answer[0]), abs=1e-3)


def test_claim_and_evidence_are_told_apart(graph: Path) -> None:
    model = PairModel(graph)
    assert model.support("Leave is 25 days.", LEAVE) != model.support(LEAVE, "Leave is 25 days.")


def test_the_file_says_how_it_is_mixed_with_the_lexical_checker(graph: Path) -> None:
    model = PairModel(graph)
    odds = 0.7 * model.support("Leave is long.", LEAVE) + 0.6 * 1.5 - 0.2
    assert model.mixed("Leave is long.", LEAVE, 1.5) == pytest.approx(1 / (1 + math.exp(-odds)), abs=1e-6)


@pytest.mark.parametrize("claim", ["", "word " * 4_000, "\N{CJK UNIFIED IDEOGRAPH-4E2D}" * 900, "\x00\ud7ff"])
def test_any_text_gets_a_verdict(graph: Path, claim: str) -> None:
    model = PairModel(graph)
    for evidence in (LEAVE, "", "word " * 4 * MAX_TOKENS):
        assert 0 <= model.mixed(claim, evidence, 0.0) <= 1


def test_a_missing_or_foreign_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="is not there"):
        open_checker(str(tmp_path / "none.onnx"))
    with pytest.raises(Unavailable, match="comes with Footnote any more") as raised:
        open_checker("shipped")
    assert "python -m benchmarks.checker" in raised.value.hint
    assert open_checker("") is None
    foreign = tmp_path / "foreign.onnx"
    foreign.write_bytes(b"no model")
    checker = open_checker(str(foreign))
    assert checker is not None
    with pytest.raises(Unavailable, match="no model that ONNX Runtime can open"):
        checker("A claim.", "Its evidence.", 0.0)


def test_the_judge_is_heard_only_where_there_is_doubt() -> None:
    asked: list[str] = []

    def checker(claim: str, evidence: str, lexical: float) -> float:
        asked.append(claim)
        assert claim
        assert evidence
        assert math.isfinite(lexical)
        return 0.25

    home = passage(LEAVE)
    assert check("Annual leave is 25 days.", [home], checker=checker).support == 1.0
    assert check("Annual leave is 26 days.", [home], checker=checker).support == 0.0
    assert check("Zebras graze.", [home], checker=checker).support == 0.0
    assert asked == []
    said = check("A manager approves requests within weeks.", [home], checker=checker)
    assert (said.support, said.verdict) == (0.25, "unsupported")
    assert said.quote == "The manager approves every request within a week."
    assert asked == ["A manager approves requests within weeks."]
    assert support("A manager approves requests within weeks.", LEAVE, checker=checker) == 0.25


def test_the_trained_checker_judges_through_the_same_function(graph: Path) -> None:
    checker = open_checker(str(graph))
    assert checker is not None
    assert 0 < support("A manager approves requests within weeks.", LEAVE, checker=checker) < 1
    assert support("Annual leave is 25 days.", LEAVE, checker=checker) == 1.0
