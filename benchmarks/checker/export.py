"""Write a trained checker as one ONNX file of 8-bit weights, and check that it still judges the same.

    python -m benchmarks.checker.export --model checkpoint --out checker.onnx

Inputs: int32 `input_ids`, `attention_mask`, `token_type_ids` (n, tokens). Outputs: float32 logits `support` (n),
`answer` (n) and `unsupported` (n, tokens).
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vectorstore.models.graph import _FUSED, Weights, _Builder
from vectorstore.models.minilm import MINILM
from vectorstore.models.pair_model import KINDS

_INPUTS = ("input_ids", "attention_mask", "token_type_ids")


class _PairBuilder(_Builder):
    """MiniLM's graph with both segments and the three heads."""

    def embeddings(self) -> str:
        """Look words up in a table of 8 bits with a scale for each word; positions and kinds stay whole."""
        from onnx import TensorProto

        prefix = "embeddings."
        table = self._weights[f"{prefix}word_embeddings.weight"]
        scale = np.abs(table).max(axis=1, keepdims=True) / 127
        self._array("words", np.rint(table / np.maximum(scale, 1e-12)).astype(np.int8))
        self._array("words.scale", scale.astype(np.float32))
        self._node("Gather", ["words", "input_ids"], ["word.bytes"])
        self._node("Cast", ["word.bytes"], ["word.steps"], to=TensorProto.FLOAT)
        self._node("Gather", ["words.scale", "input_ids"], ["word.scale"])
        self._node("Mul", ["word.steps", "word.scale"], ["word"])
        places = self.first_of(self._constant(f"{prefix}position_embeddings.weight"))
        kinds = self._constant(f"{prefix}token_type_embeddings.weight")
        self._node("Gather", [kinds, "token_type_ids"], ["kind"])
        self._node("Add", ["kind", places], ["frame"])
        norm = [self._constant(f"{prefix}LayerNorm.{part}") for part in ("weight", "bias")]
        return self._fused("SkipLayerNormalization", ["word", "frame", *norm], ["embedded"], epsilon=1e-12)

    def heads(self, hidden: str) -> None:
        """Pool the claim and judge it."""
        from onnx import TensorProto

        for name, value in (("one", 1.0), ("far", 1e4)):
            self._array(name, np.array(value, np.float32))
        for name, axis in (("first_axis", 1), ("last_axis", 2), ("verdict_axis", 1)):
            self._array(name, np.array([axis], np.int64))
        self._array("first", np.array([0], np.int64))
        self._array("claim.kinds", np.array(KINDS // 2, np.int32))
        self._node("Cast", ["attention_mask"], ["attention_mask.float"], to=TensorProto.FLOAT)
        self._node("Less", ["token_type_ids", "claim.kinds"], ["of_claim"])
        self._node("Cast", ["of_claim"], ["of_claim.float"], to=TensorProto.FLOAT)
        self._node("Mul", ["attention_mask.float", "of_claim.float"], ["claim.flat"])
        self._node("Unsqueeze", ["claim.flat", "last_axis"], ["claim"])
        self._node("Mul", [hidden, "claim"], ["claim.hidden"])
        self._node("ReduceSum", ["claim.hidden", "first_axis"], ["claim.sum"], keepdims=0)
        self._node("ReduceSum", ["claim", "first_axis"], ["claim.count"], keepdims=0)
        self._node("Div", ["claim.sum", "claim.count"], ["mean"])
        self._node("Sub", ["claim", "one"], ["outside"])
        self._node("Mul", ["outside", "far"], ["outside.far"])
        self._node("Add", [hidden, "outside.far"], ["claim.only"])
        self._node("ReduceMax", ["claim.only", "first_axis"], ["largest"], keepdims=0)
        self._node("Gather", [hidden, "first"], ["opening.row"], axis=1)
        self._node("Squeeze", ["opening.row", "first_axis"], ["opening"])
        self._node("Concat", ["opening", "mean", "largest"], ["seen"], axis=1)
        for head in ("support", "answer"):
            self._linear("seen", f"{head}.0", f"{head}.wide")
            self._node("Gelu", [f"{head}.wide"], [f"{head}.active"])
            self._linear(f"{head}.active", f"{head}.3", f"{head}.column")
            self._node("Squeeze", [f"{head}.column", "verdict_axis"], [head])
        self._linear(hidden, "token", "token.column")
        self._node("Squeeze", ["token.column", "last_axis"], ["unsupported"])

    def _linear(self, source: str, name: str, output: str) -> None:
        product = self._matmul(source, name)
        self.nodes[-1].name = f"{name}.kept_whole"
        self._node("Add", [product, self._constant(f"{name}.bias")], [output])


def graph(weights: Weights) -> Any:
    """Return the ONNX model in float32."""
    from onnx import TensorProto, helper

    builder = _PairBuilder(weights, MINILM.shape)
    hidden = builder.embeddings()
    for layer in range(MINILM.shape.layers):
        hidden = builder.layer(hidden, layer)
    builder.heads(hidden)
    shape = ["batch", "tokens"]
    outputs = [("support", shape[:1]), ("answer", shape[:1]), ("unsupported", shape)]
    made = helper.make_graph(
        builder.nodes,
        "support-checker",
        [helper.make_tensor_value_info(name, TensorProto.INT32, shape) for name in _INPUTS],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, sizes) for name, sizes in outputs],
        builder.constants,
    )
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid(_FUSED, 1)]
    return helper.make_model(made, opset_imports=opsets, ir_version=10)


def checkpoint_weights(folder: Path) -> dict[str, npt.NDArray[np.float32]]:
    """Read a checkpoint's weights under MiniLM's own names."""
    from safetensors.numpy import load_file

    return {
        name.removeprefix("encoder."): value.astype(np.float32)
        for name, value in load_file(folder / "checker.safetensors").items()
    }


def export(
    weights: Weights, path: Path, *, mix: Sequence[float] = (0.5, 0.5, 0.0), reduced: bool = True
) -> None:
    """Write the graph, with 8-bit weights unless they are to stay whole.

    `mix` is what the model's log-odds, the lexical ruler's, and 1 count for together; the file keeps it.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model = graph(weights)
    onnx.helper.set_model_props(model, {"mix": " ".join(f"{part:.4f}" for part in mix)})
    if not reduced:
        onnx.save(model, path)
        return
    with tempfile.TemporaryDirectory() as place:
        whole = Path(place) / "whole.onnx"
        onnx.save(model, whole)
        # The fused operators' outputs have no type that the quantiser could infer.
        options = {"DefaultTensorType": onnx.TensorProto.FLOAT}
        quantize_dynamic(whole, path, weight_type=QuantType.QInt8, per_channel=True, extra_options=options)


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--mix", nargs=3, type=float, default=(0.5, 0.5, 0.0), help="model, lexical, bias")
    parser.add_argument("--whole", action="store_true", help="keep float32, to compare")
    arguments = parser.parse_args()
    export(checkpoint_weights(arguments.model), arguments.out, mix=arguments.mix, reduced=not arguments.whole)
    print(f"{arguments.out}: {arguments.out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
