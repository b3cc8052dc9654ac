"""I. The system: how long answers take, how often they break, and what they cost in tokens. Nothing of it gates."""

from collections.abc import Sequence

import numpy as np

from eval.outcome import Outcome
from eval.prices import Prices


def system(outcomes: Sequence[Outcome], prices: Prices | None = None) -> dict[str, float]:
    """Return percentiles of the seconds to the first text and to the end, mean tokens, the share that broke.

    With prices also the mean cost of an answer that tells its tokens.
    """
    found: dict[str, float] = {}
    firsts = [o.first_text_seconds for o in outcomes if o.first_text_seconds is not None]
    timed = [o.seconds for o in outcomes if o.seconds > 0]
    for name, values in (("first text", firsts), ("answer", timed)):
        if values:
            found |= {f"{name}, p{share}": float(np.percentile(values, share)) for share in (50, 95)}
    counted = [o for o in outcomes if o.input_tokens or o.output_tokens]
    if counted:
        found["tokens read, mean"] = float(np.mean([o.input_tokens for o in counted]))
        found["tokens written, mean"] = float(np.mean([o.output_tokens for o in counted]))
        if prices is not None and (prices.read or prices.written):
            read, written = found["tokens read, mean"], found["tokens written, mean"]
            found["cost of an answer, mean"] = (read * prices.read + written * prices.written) / 1_000_000
    if outcomes:
        found["errors, share"] = sum(bool(o.error) for o in outcomes) / len(outcomes)
    return found
