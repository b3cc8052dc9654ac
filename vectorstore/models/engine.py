"""Runs an encoder's graph: OpenVINO in bfloat16 where both can be had, ONNX Runtime in float32 everywhere else.

Both report their use to their makers by default; here neither does.
Vectors of the two are interchangeable (cosine ≥ 0.9999, the same ten nearest passages in 99 of 100 places; the
tests hold them to it), so an index made with one is served by the other and no fingerprint names the engine.
"""

import os
import sys
from collections.abc import Callable
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from vectorstore.errors import Unavailable, pip_install
from vectorstore.models.graph import state_of
from vectorstore.types import Vectors

Tokens: TypeAlias = npt.NDArray[np.int32]
EngineName: TypeAlias = Literal["onnxruntime", "openvino"]

BATCH_TOKENS = 4_096
"""Tokens in a batch of passages, padding included."""
LENGTH_STEP = 16
"""Passages are padded to multiples of it: OpenVINO keeps about a megabyte for every shape that it has seen."""
_QUERY_STEP = 8
_EMBEDDING = "embedding"


class Engine(Protocol):
    """Runs the graph on token ids and mask, both (n, tokens); one thread a call, any number of calls at once."""

    def query(self, tokens: Tokens, mask: Tokens) -> Vectors:
        """Embed what somebody waits for; shape (n, 384)."""

    def documents(self, tokens: Tokens, mask: Tokens) -> Vectors:
        """Embed one batch among many; shape (n, 384)."""

    def states(self, tokens: Tokens, mask: Tokens, *, layer: int) -> Vectors:
        """Return the tokens' states after a layer that the graph shows; shape (n, tokens, 384)."""


def open_engine(graph: Path, *, threads: int, name: EngineName | None = None) -> Engine:
    """Open an engine by name, or the fastest one here; `threads` is how many batches will run at once.

    Raises Unavailable when OpenVINO is wanted and cannot be loaded.
    """
    if name == "openvino" or (name is None and find_spec("openvino")):
        core = _openvino()
        if name == "openvino" or _has_bfloat16(core):
            return _OpenVino(core, graph, threads=threads)
    return _OnnxRuntime(graph)


def open_session(graph: Path) -> Any:
    """Open a graph with ONNX Runtime, which has no threads of its own then; errors are its own."""
    # Since 1.29 it reports model and machine to Microsoft unless told not to before it is first loaded.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    onnxruntime.disable_telemetry_events()  # Windows reads no variable
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])


class _OnnxRuntime:
    """One session without threads of its own: calls run side by side, each in its caller's thread."""

    def __init__(self, graph: Path) -> None:
        self._session = open_session(graph)

    def query(self, tokens: Tokens, mask: Tokens) -> Vectors:
        return self._run(_EMBEDDING, tokens, mask)

    documents = query

    def states(self, tokens: Tokens, mask: Tokens, *, layer: int) -> Vectors:
        return self._run(state_of(layer), tokens, mask)

    def _run(self, output: str, tokens: Tokens, mask: Tokens) -> Vectors:
        found: Vectors = self._session.run([output], {"input_ids": tokens, "attention_mask": mask})[0]
        return found


class _OpenVino:
    """A model for questions and one for passages: OpenVINO queues calls, and no question waits behind a batch."""

    def __init__(self, core: Any, graph: Path, *, threads: int) -> None:  # openvino's types are not exported
        self._core, self._graph, self._threads = core, graph, threads
        self._compiling = Lock()
        self._states: dict[int, Callable[[Tokens, Tokens], Vectors]] = {}
        self._query = self._compiled(streams=1)
        # Its binding to numpy is set up on the first call, and deadlocks with the interpreter's lock when two
        # threads come first at once.
        one = np.ones((1, _QUERY_STEP), np.int32)
        self._query(one, one)

    def query(self, tokens: Tokens, mask: Tokens) -> Vectors:
        return self._query(*_in_steps(tokens, mask, step=_QUERY_STEP))[: len(tokens)]

    def documents(self, tokens: Tokens, mask: Tokens) -> Vectors:
        with self._compiling:
            run = self._documents
        return run(*_in_steps(tokens, mask, step=LENGTH_STEP))[: len(tokens)]

    def states(self, tokens: Tokens, mask: Tokens, *, layer: int) -> Vectors:
        with self._compiling:
            run = self._states.get(layer)
            if run is None:
                run = self._states[layer] = self._compiled(streams=self._threads, output=state_of(layer))
        return run(*_in_steps(tokens, mask, step=_QUERY_STEP))[: len(tokens), : tokens.shape[1]]

    @cached_property
    def _documents(self) -> Callable[[Tokens, Tokens], Vectors]:
        # Compiled when first wanted: a process that only answers has no use for it.
        return self._compiled(streams=self._threads)

    def _compiled(self, *, streams: int, output: str = _EMBEDDING) -> Callable[[Tokens, Tokens], Vectors]:
        options = {
            "INFERENCE_PRECISION_HINT": "bf16" if _has_bfloat16(self._core) else "f32",
            "NUM_STREAMS": streams,
            "INFERENCE_NUM_THREADS": streams,
            "ENABLE_CPU_PINNING": False,  # other processes have the same cores
        }
        whole = self._core.read_model(str(self._graph))
        for other in [each for each in whole.outputs if output not in each.names]:
            # Nothing is computed that leads only there.
            whole.remove_result(other.get_node())
        model = self._core.compile_model(whole, "CPU", options)

        idle: list[Any] = []  # a request is not for two threads at once, and takes a millisecond to make

        def run(tokens: Tokens, mask: Tokens) -> Vectors:
            try:
                request = idle.pop()
            except IndexError:
                request = model.create_infer_request()
            # Copied, as the next call with this request writes where this one's result lies.
            vectors: Vectors = request.infer({"input_ids": tokens, "attention_mask": mask})[0].copy()
            idle.append(request)
            return vectors

        return run


def batch_size(longest: int, most: int = BATCH_TOKENS) -> int:
    """Return how many texts of at most so many tokens make a batch."""
    return max(1, most // _rounded(longest, LENGTH_STEP))


def _in_steps(tokens: Tokens, mask: Tokens, *, step: int) -> tuple[Tokens, Tokens]:
    """Pad to one of few shapes: the length to a step, the rows of a batch that is not full to a power of two."""
    rows, length = tokens.shape
    full = max(1, BATCH_TOKENS // _rounded(length, step))
    more = (rows if rows >= full else min(1 << (rows - 1).bit_length(), full)) - rows
    around = ((0, more), (0, _rounded(length, step) - length))
    if not any(after for _, after in around):
        return tokens, mask
    tokens, mask = np.pad(tokens, around), np.pad(mask, around)
    # A row without a token would have no mean.
    mask[rows:, 0] = 1
    return tokens, mask


def _rounded(length: int, step: int) -> int:
    return -(-length // step) * step


def _openvino() -> Any:
    # `import openvino` reports its use to Google Analytics through this package; without it, it does not.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # None is how an import is refused
    try:
        import openvino
    except ImportError as error:
        raise Unavailable(
            f"OpenVINO cannot be loaded: {error}.",
            f"{pip_install('--force-reinstall', 'openvino')}, or uninstall openvino to use ONNX Runtime.",
        ) from error
    return openvino.Core()


def _has_bfloat16(core: Any) -> bool:
    return "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
