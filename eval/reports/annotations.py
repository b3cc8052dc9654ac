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
        broken = {flip.id: flip.critical for flip in judgement.comparison.broken}
        for name, checks in list(judgement.comparison.flipped.items())[: _MOST - 1]:
            kind = "error" if name in broken else "warning"
            title = _data(f"{name}{' (critical)' if broken.get(name) else ''}")
            title = title.replace(":", "%3A").replace(",", "%2C")
            yield f"::{kind} title={title}::newly fails {_data(', '.join(checks))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
