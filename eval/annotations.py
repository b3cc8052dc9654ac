"""Workflow commands that GitHub shows beside a run: the verdict, its causes, and what newly fails."""

from collections.abc import Iterator

from eval.verdict import Exit, Judgement

_MOST = 10
"""GitHub shows ten of a kind for one step."""


def annotations(judgement: Judgement) -> Iterator[str]:
    """Yield one command a line; nothing in the text can begin another."""
    if judgement.exit is not Exit.PASSED:
        text = "\n".join((judgement.headline, *judgement.causes))
        yield f"::error title=footnote eval::{_data(text)}"
    elif judgement.headline != "passed" or judgement.baseline_problem:
        yield f"::warning title=footnote eval::{_data(judgement.baseline_problem or judgement.headline)}"
    if judgement.comparison is not None:
        for flip in judgement.comparison.flips[: _MOST - 1]:
            kind = "error" if flip in judgement.comparison.broken else "warning"
            title = (
                _data(f"{flip.id}{' (critical)' if flip.critical else ''}")
                .replace(":", "%3A")
                .replace(",", "%2C")
            )
            yield f"::{kind} title={title}::newly fails {_data(flip.check)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
