"""The names of metrics as flags and files give them."""

import difflib
from collections.abc import Iterable

from eval.judge import NAMES
from eval.scorers import versions
from vectorstore.errors import BadInput


def check_metrics(names: Iterable[str]) -> None:
    """Raise BadInput for a name that no metric has: it would gate nothing."""
    known = sorted({*versions(), "answer_relevance", *NAMES})
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"There are {', '.join(known)}."
            raise BadInput(f"There is no metric {name!r}.", hint)
