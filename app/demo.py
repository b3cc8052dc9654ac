"""`footnote demo`: from nothing to a first cited answer."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from app.build import Parts

HANDBOOK = Path(__file__).parents[1] / "ingest" / "sample" / "handbook"
QUESTION = "How many days of annual leave do I get?"


def demo(
    port: Annotated[int | None, typer.Option(help="Port to listen on (FOOTNOTE_PORT or PORT).")] = None,
) -> None:
    """Ingest the sample handbook, start the service, and say how to talk to it."""
    from app.build import build
    from app.main import listen, run
    from app.settings import AnswerSettings, ServeSettings
    from vectorstore.settings import StoreSettings

    settings = ServeSettings() if port is None else ServeSettings(port=port)
    store_settings, answer_settings = StoreSettings(), AnswerSettings()
    listener = listen(settings, store_settings)
    parts = build(store_settings, answer_settings)
    typer.echo(ingest_sample(parts), err=True)
    address = settings.base_url or "http://{}:{}".format(*listener.getsockname()[:2])
    typer.echo(greeting(address))
    run(parts, settings, answer_settings, store_settings, listener)


def ingest_sample(parts: "Parts") -> str:
    """Bring the sample handbook into the index; return the report's line."""
    raise NotImplementedError


def greeting(address: str) -> str:
    """Return what a newcomer needs: the page, a curl line, the widget's tag."""
    return f"""
  Chat page   {address}/
  API docs    {address}/docs

  Ask from a terminal:
    curl -N {address}/v1/chat -H 'content-type: application/json' \\
      -d '{{"message": "{QUESTION}"}}'

  Put the widget on a page:
    <script src="{address}/widget.js" async></script>

  Your own documents:  footnote ingest ./docs      Stop: Ctrl-C
"""
