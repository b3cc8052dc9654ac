"""What a model's tokens cost."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Prices:
    """What a million tokens cost, and the most that a run may; 0 means that nothing is counted."""

    read: float = 0.0
    written: float = 0.0
    most: float = 0.0
