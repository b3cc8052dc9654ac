"""A trained model that reads a claim together with its evidence, run by ONNX Runtime."""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from vectorstore.errors import Unavailable
from vectorstore.models.engine import open_session
from vectorstore.models.minilm import tokenizer_definition

Ids: TypeAlias = npt.NDArray[np.int32]

MAX_TOKENS = 224
KINDS = 6
"""Three of the claim, then three of the evidence: foreign to the other side, found there, found there with its neighbour."""
_SPECIAL = 999
"""Below it stand BERT's special and unused tokens."""


def kinds(ids: Sequence[int], segments: Sequence[int]) -> Ids:
    """Return each token's kind; `segments` are 0 for the claim with the marks around it, 1 for the evidence."""
    sides: tuple[list[int], list[int]] = ([], [])
    for token, segment in zip(ids, segments, strict=True):
        sides[segment].append(token)
    found = [_found(sides[0], sides[1]), _found(sides[1], sides[0])]
    return np.array([*found[0], *(kind + 3 for kind in found[1])], dtype=np.int32)


def _found(tokens: Sequence[int], others: Sequence[int]) -> list[int]:
    known = {token for token in others if token > _SPECIAL}
    pairs = set(pairwise(others))
    result = [int(token in known) for token in tokens]
    for place, pair in enumerate(pairwise(tokens)):
        if result[place] and result[place + 1] and pair in pairs:
            result[place] = result[place + 1] = 2
    return result


Mixed: TypeAlias = Callable[[str, str, float], float]
"""(claim, evidence, another checker's log-odds) → the probability of support by both."""


class PairModel:
    """Judges pairs one at a time, in the caller's thread; which weights it has, its file says."""

    def __init__(self, graph: Path) -> None:
        """Load the graph; raises Unavailable when it is no such model or the tokenizer is missing."""
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_buffer(tokenizer_definition())
        self._tokenizer.no_padding()
        try:
            self._session = open_session(graph)
        except Exception as error:  # ONNX Runtime's errors have no base of their own
            raise Unavailable(
                f"{str(graph)!r} is no model that ONNX Runtime can open.",
                "Set FOOTNOTE_SUPPORT_MODEL to a file that benchmarks.checker made, or leave it empty.",
            ) from error
        self._mix = _mix(self._session.get_modelmeta().custom_metadata_map.get("mix", ""), graph)

    def support(self, claim: str, evidence: str) -> float:
        """Return the log-odds that the evidence supports the claim."""
        return self._run("support", claim, evidence)

    def answer(self, question: str, evidence: str) -> float:
        """Return the log-odds that the evidence answers the question."""
        return self._run("answer", question, evidence)

    def mixed(self, claim: str, evidence: str, other: float) -> float:
        """Return the probability of support, another checker's log-odds heard too."""
        mine, theirs, bias = self._mix
        odds = mine * self.support(claim, evidence) + theirs * other + bias
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, odds))))

    def tokens(self, claim: str, evidence: str) -> tuple[list[int], list[int]]:
        """Return both sides' token ids with BERT's marks; a long claim is cut to half the window."""
        first = self._tokenizer.encode(claim).ids
        if len(first) > MAX_TOKENS // 2:
            first = [*first[: MAX_TOKENS // 2 - 1], first[-1]]
        second = self._tokenizer.encode(evidence, add_special_tokens=False).ids
        return first, [*second[: MAX_TOKENS - len(first) - 1], first[-1]]

    def _run(self, output: str, claim: str, evidence: str) -> float:
        first, second = self.tokens(claim, evidence)
        ids = [*first, *second]
        inputs = {
            "input_ids": np.array([ids], dtype=np.int32),
            "attention_mask": np.ones((1, len(ids)), dtype=np.int32),
            "token_type_ids": kinds(ids, [0] * len(first) + [1] * len(second))[None],
        }
        return float(self._session.run([output], inputs)[0][0])


def open_checker(path: str) -> Mixed | None:
    """Prepare the model in a file, loaded when first asked; None for the empty path.

    Raises Unavailable at once when there is no such file.
    """
    if not path:
        return None
    if not Path(path).is_file():
        # What once chose weights that came with Footnote.
        gone = "No trained support checker comes with Footnote any more" if path == "shipped" else ""
        raise Unavailable(
            f"{gone or f'The support checker {path!r} is not there'}.",
            "Set FOOTNOTE_SUPPORT_MODEL to a file that `python -m benchmarks.checker --out FOLDER` made, in a checkout, "
            "or leave it empty for the lexical checker.",
        )
    model = lru_cache(maxsize=1)(PairModel)

    # A sentence is checked against all passages and then against each that it cites: mostly the same pair.
    @lru_cache(maxsize=1_024)
    def mixed(claim: str, evidence: str, other: float) -> float:
        return model(Path(path)).mixed(claim, evidence, other)

    return mixed


def _mix(said: str, graph: Path) -> tuple[float, float, float]:
    try:
        mine, theirs, bias = (float(part) for part in said.split())
    except ValueError as error:
        raise Unavailable(
            f"{str(graph)!r} does not say how it is mixed with the lexical checker.",
            "Make it with: python -m benchmarks.checker.export",
        ) from error
    return mine, theirs, bias
