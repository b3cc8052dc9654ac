"""Where answers come from when they do not come from this process: a recorded file, or a server."""

from pathlib import Path

from app.settings import EvaluationSettings
from eval.commands.configuration import Configuration
from eval.targets.over_http import over_http
from eval.targets.recorded import load_answers
from eval.targets.target import Target
from vectorstore.embed import Embedder
from vectorstore.errors import BadInput
from vectorstore.settings import StoreSettings


def chosen(*, answers: Path | None, url: str, model: str = "") -> Target | None:
    """Return the target that the flags name, None for this process; raises BadInput for both at once."""
    if answers is not None and url:
        raise BadInput("--answers and --url name two sources of answers.", "Give one of them.")
    if answers is not None:
        return load_answers(answers)
    if url:
        return over_http(url, key=EvaluationSettings().eval_key.get_secret_value(), model=model)
    return None


def embedder_of(configuration: Configuration) -> Embedder:
    """Open the configured embedder, which answer relevance is measured with."""
    from app.build import open_configured_embedder

    return open_configured_embedder(configuration.settings(StoreSettings))
