"""Where answers come from when they do not come from this process: a recorded file, or a server."""

import os
from pathlib import Path

from eval.commands.configuration import Configuration
from eval.targets.over_http import over_http
from eval.targets.recorded import load_answers
from eval.targets.target import Target
from vectorstore.embed import Embedder
from vectorstore.errors import BadInput
from vectorstore.settings import StoreSettings

KEY = "FOOTNOTE_EVAL_KEY"
"""The environment variable that holds the key for `--url`."""


def chosen(*, answers: Path | None, url: str, model: str = "") -> Target | None:
    """Return the target that the flags name, None for this process; raises BadInput for both at once."""
    if answers is not None and url:
        raise BadInput("--answers and --url name two sources of answers.", "Give one of them.")
    if answers is not None:
        return load_answers(answers)
    if url:
        return over_http(url, key=os.environ.get(KEY, ""), model=model)
    return None


def embedder_of(configuration: Configuration) -> Embedder:
    """Open the configured embedder, which answer relevance is measured with."""
    from app.build import open_configured_embedder

    return open_configured_embedder(configuration.settings(StoreSettings))
