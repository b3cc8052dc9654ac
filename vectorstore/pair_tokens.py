"""How claim and evidence go into the trained checker: token ids, and for each token what the other side has of it."""

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

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
