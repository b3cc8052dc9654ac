"""A score that is never NaN: a value, or the reason why there is none."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Score:
    """`value` in [0, 1] counts only when `status` is ok."""

    status: Literal["ok", "not_applicable", "error"]
    value: float = 0.0


NOT_APPLICABLE = Score("not_applicable")
ERROR = Score("error")


def ok(value: float) -> Score:
    """Return a score that counts."""
    return Score("ok", float(value))
