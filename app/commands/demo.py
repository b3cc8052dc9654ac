"""`footnote demo`: from nothing to a first cited answer."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from vectorstore.settings import StoreSettings

HANDBOOK = Path(__file__).parents[2] / "ingest" / "sample" / "handbook"
QUESTION = "How many days of annual leave do I get?"


def demo(
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="Port to listen on (FOOTNOTE_PORT or PORT).")
    ] = None,
) -> None:
    """Ingest the sample handbook, start the service, and say how to talk to it."""
    from app.build import build
    from app.main import listen, run
    from app.settings import AnswerSettings, ServeSettings
    from vectorstore.settings import StoreSettings

    settings = ServeSettings().model_copy(update={} if port is None else {"port": port})
    store_settings, answer_settings = StoreSettings(), AnswerSettings()
    listener = listen(settings, store_settings)
    typer.echo(f"Sample handbook: {ingest_sample(store_settings)}", err=True)
    parts = build(store_settings, answer_settings)
    address = settings.base_url or "http://{}:{}".format(*listener.getsockname()[:2])
    typer.echo(greeting(address))
    run(parts, settings, answer_settings, store_settings, listener)


def ingest_sample(store_settings: "StoreSettings", *, quiet: bool = False) -> str:
    """Bring the sample handbook into the index; return the report's line."""
    from ingest.progress import display
    from ingest.run import Ingestion, Request
    from ingest.settings import IngestSettings

    ingestion = Ingestion(IngestSettings(), store_settings)
    plan = ingestion.plan(Request((HANDBOOK,)))
    with display(quiet=quiet) as progress:
        return ingestion.carry_out(plan, progress=progress).summary()


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
