"""Build an encoder's ONNX graph from its weights, with ONNX Runtime's fused operators.

BERT layers (Devlin et al., 2019), then sentence-transformers' pooling: the mean over the real tokens,
L2-normalised. Weights of four bits stay so; both engines multiply by them as they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

VERSION = 3
_FUSED = "com.microsoft"
_IN_BLOCK: Final = 32


@dataclass(frozen=True, slots=True)
class Blocks:
    """A matrix of four bits a weight: in a block of 32, byte j holds weight j (low half) and weight j + 16 (high).

    `halves` is uint8 (rows, blocks, 16), `scales` float16 (rows, blocks); a weight is (half − 8) × scale.
    """

    halves: npt.NDArray[np.uint8]
    scales: npt.NDArray[np.float16]

    def steps(self) -> npt.NDArray[np.uint8]:
        """Return each weight's four bits; shape (rows, blocks, 32)."""
        return np.concatenate([self.halves & 15, self.halves >> 4], axis=2)

    def whole(self) -> npt.NDArray[np.float32]:
        """Return the weights; shape (rows, columns)."""
        values = (self.steps().astype(np.float32) - 8) * self.scales[..., None].astype(np.float32)
        return values.reshape(len(values), -1)


Weights: TypeAlias = Mapping[str, npt.NDArray[np.float32] | Blocks]
"""By the names that BERT's weights have in transformers."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What an encoder's weights do not tell of it; `shown` are the layers whose token states are outputs as well."""

    layers: int
    shown: tuple[int, ...]
    heads: int = 12
    epsilon: float = 1e-12


def state_of(layer: int) -> str:
    """Name the output that holds a layer's states, counted from 1."""
    return f"layer.{layer}"


def build_graph(weights: Weights, shape: Shape) -> bytes:
    """Return a serialised ONNX model: int32 `input_ids` and `attention_mask` (n, tokens) → float32 `embedding` (n, d).

    The shown layers' states are float32 (n, tokens, d).
    """
    from onnx import TensorProto, helper

    builder = _Builder(weights, shape)
    hidden = builder.embeddings()
    for layer in range(shape.layers):
        hidden = builder.layer(hidden, layer)
    builder.pooling(hidden)
    outputs = {"embedding": ["batch", "width"]}
    outputs |= {state_of(layer): ["batch", "tokens", "width"] for layer in shape.shown}
    graph = helper.make_graph(
        builder.nodes,
        "encoder",
        [
            helper.make_tensor_value_info(name, TensorProto.INT32, ["batch", "tokens"])
            for name in ("input_ids", "attention_mask")
        ],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, sizes) for name, sizes in outputs.items()],
        builder.constants,
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid(_FUSED, 1)]
    # ONNX Runtime 1.32 reads IR versions up to 10 on every platform.
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    return bytes(model.SerializeToString())


class _Builder:
    def __init__(self, weights: Weights, shape: Shape) -> None:
        self._weights = weights
        self._shape = shape
        self.nodes: list[Any] = []  # onnx ships no types
        self.constants: list[Any] = []

    def embeddings(self) -> str:
        prefix = "embeddings."
        # Every token is of segment 0, whose vector goes into the positions: engines disagree on what an absent
        # segment means.
        positions = self._whole(prefix + "position_embeddings.weight")
        segment = self._whole(prefix + "token_type_embeddings.weight")[0]
        places = self._array("positions", positions + segment)
        scale = [self._constant(f"{prefix}LayerNorm.{part}") for part in ("weight", "bias")]
        words = self._weights[prefix + "word_embeddings.weight"]
        epsilon = self._shape.epsilon
        if isinstance(words, Blocks):
            here = self.first_of(places)
            placed = self._node("Add", [self._looked_up(words), here], ["placed"])
            return self._node("LayerNormalization", [placed, *scale], ["embedded"], epsilon=epsilon)
        table = self._array("words", words)
        return self._fused(
            "EmbedLayerNormalization",
            ["input_ids", "", table, places, "", *scale],
            ["embedded", ""],
            epsilon=epsilon,
        )

    def first_of(self, places: str) -> str:
        """Cut the table of positions to the length of the input."""
        for name, value in (("origin", 0), ("token_place", 1), ("sequence_end", 2)):
            self._array(name, np.array([value], np.int64))
        self._node("Shape", ["input_ids"], ["sizes"])
        self._node("Slice", ["sizes", "token_place", "sequence_end"], ["length"])
        return self._node("Slice", [places, "origin", "length"], ["places"])

    def layer(self, hidden: str, index: int) -> str:
        prefix = f"encoder.layer.{index}."
        attention = self._attention(hidden, prefix)
        projected = self._matmul(attention, prefix + "attention.output.dense")
        middle = self._skip(projected, hidden, prefix + "attention.output", prefix + "attention.normalised")
        wide = self._matmul(middle, prefix + "intermediate.dense")
        bias = self._constant(prefix + "intermediate.dense.bias")
        active = self._fused("BiasGelu", [wide, bias], [prefix + "gelu"])
        narrow = self._matmul(active, prefix + "output.dense")
        return self._skip(narrow, middle, prefix + "output", state_of(index + 1))

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

    def _looked_up(self, words: Blocks) -> str:
        """Unpack the rows of the words that are there: as floats the table of 250,000 would take 380 MB."""
        from onnx import TensorProto

        for name, value in (("half", 16), ("halved", 1 / 16), ("zero_point", 8)):
            self._array(name, np.array(value, np.float32))
        self._array("words", words.halves)
        self._array("words.scale", words.scales[..., None])
        self._array("in_one", np.array([0, 0, words.scales.shape[1] * _IN_BLOCK], np.int64))
        self._node("Gather", ["words", "input_ids"], ["word.bytes"])
        self._node("Cast", ["word.bytes"], ["word.both"], to=TensorProto.FLOAT)
        self._node("Mul", ["word.both", "halved"], ["word.shifted"])
        self._node("Floor", ["word.shifted"], ["word.high"])
        self._node("Mul", ["word.high", "half"], ["word.above"])
        self._node("Sub", ["word.both", "word.above"], ["word.low"])
        self._node("Concat", ["word.low", "word.high"], ["word.unsigned"], axis=-1)
        self._node("Sub", ["word.unsigned", "zero_point"], ["word.steps"])
        self._node("Gather", ["words.scale", "input_ids"], ["word.scale.half"])
        self._node("Cast", ["word.scale.half"], ["word.scale"], to=TensorProto.FLOAT)
        self._node("Mul", ["word.steps", "word.scale"], ["word.blocks"])
        return self._node("Reshape", ["word.blocks", "in_one"], ["word"])

    def _attention(self, hidden: str, prefix: str) -> str:
        names = [f"{prefix}attention.self.{part}" for part in ("query", "key", "value")]
        bias = self._array(
            prefix + "qkv.bias", np.concatenate([self._whole(f"{name}.bias") for name in names])
        )
        output, heads = [prefix + "attended"], self._shape.heads
        if isinstance(self._weights[f"{names[0]}.weight"], Blocks):
            parts = [self._matmul(hidden, name) for name in names]
            return self._fused(
                "MultiHeadAttention", [*parts, bias, "attention_mask"], output, num_heads=heads
            )
        weight = np.concatenate([self._whole(f"{name}.weight").T for name in names], axis=1)
        packed = [self._array(prefix + "qkv.weight", weight), bias]
        return self._fused("Attention", [hidden, *packed, "attention_mask"], output, num_heads=heads)

    def _matmul(self, source: str, name: str) -> str:
        weight, output = self._weights[f"{name}.weight"], [f"{name}.product"]
        if not isinstance(weight, Blocks):
            return self._node("MatMul", [source, self._array(f"{name}.weight", weight.T)], output)
        rows, blocks = weight.scales.shape
        steps = weight.steps()
        pairs = self._array(f"{name}.weight", steps[..., 0::2] | steps[..., 1::2] << 4)
        scales = self._array(f"{name}.scale", weight.scales.astype(np.float32))
        return self._fused(
            "MatMulNBits",
            [source, pairs, scales],
            output,
            K=blocks * _IN_BLOCK,
            N=rows,
            bits=4,
            block_size=_IN_BLOCK,
            # Activations in eight bits, each row by itself: a third off a question's time, cosine still 0.9998.
            accuracy_level=4,
        )

    def _skip(self, branch: str, skip: str, prefix: str, output: str) -> str:
        scale = [self._constant(f"{prefix}.LayerNorm.{part}") for part in ("weight", "bias")]
        bias = self._constant(f"{prefix}.dense.bias")
        return self._fused(
            "SkipLayerNormalization",
            [branch, skip, *scale, bias],
            [output],
            epsilon=self._shape.epsilon,
        )

    def _whole(self, name: str) -> npt.NDArray[np.float32]:
        weight = self._weights[name]
        return weight.whole() if isinstance(weight, Blocks) else weight

    def _constant(self, name: str) -> str:
        return self._array(name, self._whole(name))

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
