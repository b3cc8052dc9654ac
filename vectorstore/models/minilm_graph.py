"""Build MiniLM's ONNX graph from its weights, with ONNX Runtime's fused operators.

Six BERT layers (Devlin et al., 2019), then sentence-transformers' pooling: the mean over the real tokens,
L2-normalised.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

VERSION = 2
_FUSED = "com.microsoft"
_HEADS = 12
_LAYERS = 6
_EPSILON = 1e-12

Weights = Mapping[str, npt.NDArray[np.float32]]


def build_graph(weights: Weights) -> bytes:
    """Return a serialised ONNX model: int32 `input_ids` and `attention_mask` (n, tokens) → float32 `embedding` (n, 384)."""
    from onnx import TensorProto, helper

    builder = _Builder(weights)
    builder.embeddings()
    hidden = "embedded"
    for layer in range(_LAYERS):
        hidden = builder.layer(hidden, layer)
    builder.pooling(hidden)
    shape = ["batch", "tokens"]
    graph = helper.make_graph(
        builder.nodes,
        "all-MiniLM-L6-v2",
        [
            helper.make_tensor_value_info(name, TensorProto.INT32, shape)
            for name in ("input_ids", "attention_mask")
        ],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", 384])],
        builder.constants,
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid(_FUSED, 1)]
    # ONNX Runtime 1.32 reads IR versions up to 10 on every platform.
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    return bytes(model.SerializeToString())


class _Builder:
    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self.nodes: list[Any] = []  # onnx ships no types
        self.constants: list[Any] = []

    def embeddings(self) -> None:
        prefix = "embeddings."
        # Every token is of segment 0, whose vector goes into the positions: engines disagree on what an absent
        # segment means.
        positions = self._weights[prefix + "position_embeddings.weight"]
        segment = self._weights[prefix + "token_type_embeddings.weight"][0]
        words = self._constant(prefix + "word_embeddings.weight")
        places = self._array("positions", positions + segment)
        scale = [self._constant(f"{prefix}LayerNorm.{part}") for part in ("weight", "bias")]
        inputs = ["input_ids", "", words, places, "", *scale]
        self._fused("EmbedLayerNormalization", inputs, ["embedded", ""], epsilon=_EPSILON)

    def layer(self, hidden: str, index: int) -> str:
        prefix = f"encoder.layer.{index}."
        attention = self._attention(hidden, prefix)
        projected = self._matmul(attention, prefix + "attention.output.dense")
        middle = self._skip(projected, hidden, prefix + "attention.output")
        wide = self._matmul(middle, prefix + "intermediate.dense")
        bias = self._constant(prefix + "intermediate.dense.bias")
        active = self._fused("BiasGelu", [wide, bias], [prefix + "gelu"])
        narrow = self._matmul(active, prefix + "output.dense")
        return self._skip(narrow, middle, prefix + "output")

    def pooling(self, hidden: str) -> None:
        from onnx import TensorProto

        self._node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT)
        self._array("last_axis", np.array([2], dtype=np.int64))
        self._array("token_axis", np.array([1], dtype=np.int64))
        self._node("Unsqueeze", ["mask", "last_axis"], ["wide_mask"])
        self._node("Mul", [hidden, "wide_mask"], ["masked"])
        # The mean's divisor falls out in the normalisation.
        self._node("ReduceSum", ["masked", "token_axis"], ["summed"], keepdims=0)
        self._node("LpNormalization", ["summed"], ["embedding"], axis=1, p=2)

    def _attention(self, hidden: str, prefix: str) -> str:
        names = [f"{prefix}attention.self.{part}" for part in ("query", "key", "value")]
        weight = np.concatenate([self._weights[f"{name}.weight"].T for name in names], axis=1)
        bias = np.concatenate([self._weights[f"{name}.bias"] for name in names])
        packed = [self._array(prefix + "qkv.weight", weight), self._array(prefix + "qkv.bias", bias)]
        return self._fused(
            "Attention", [hidden, *packed, "attention_mask"], [prefix + "attended"], num_heads=_HEADS
        )

    def _matmul(self, source: str, name: str) -> str:
        weight = self._array(f"{name}.weight", self._weights[f"{name}.weight"].T)
        return self._node("MatMul", [source, weight], [f"{name}.product"])

    def _skip(self, branch: str, skip: str, prefix: str) -> str:
        scale = [self._constant(f"{prefix}.LayerNorm.{part}") for part in ("weight", "bias")]
        bias = self._constant(f"{prefix}.dense.bias")
        return self._fused(
            "SkipLayerNormalization",
            [branch, skip, *scale, bias],
            [f"{prefix}.normalised"],
            epsilon=_EPSILON,
        )

    def _constant(self, name: str) -> str:
        return self._array(name, self._weights[name])

    def _array(self, name: str, array: npt.NDArray[Any]) -> str:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def _fused(self, kind: str, inputs: list[str], outputs: list[str], **attributes: Any) -> str:
        return self._node(kind, inputs, outputs, domain=_FUSED, **attributes)

    def _node(self, kind: str, inputs: list[str], outputs: list[str], **attributes: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(kind, inputs, outputs, **attributes))
        return outputs[0]
