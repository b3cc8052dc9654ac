"""`footnote demo`: from nothing to a first cited answer, in a folder of its own."""

import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vectorstore.errors import BadInput

if TYPE_CHECKING:
    from vectorstore.settings import StoreSettings

FOLDER = Path("demo-data")
QUESTION = "How many days of annual leave do I get?"


def demo(
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="Port to listen on (FOOTNOTE_PORT or PORT).")
    ] = None,
) -> None:
    """Ingest the sample handbook, start the service, and say how to talk to it."""
    from app.build import build
    from app.commands.serve import listen, run, show_metrics
    from app.settings import ServeSettings, Settings
    from vectorstore.telemetry.logs import set_up

    serve = ServeSettings().model_copy(update={} if port is None else {"port": port})
    settings = Settings(store=demo_store(), serve=serve)
    set_up(settings.telemetry)
    listener = listen(serve, settings.store, settings.identity)
    show_metrics(settings.telemetry)
    typer.echo(f"Sample handbook: {ingest_sample(settings.store)}", err=True)
    parts = build(settings)
    address = settings.client.base_url or "http://{}:{}".format(*listener.getsockname()[:2])
    typer.echo(greeting(address, settings.store.data_dir))
    run(parts, settings, listener)


def demo_store() -> "StoreSettings":
    """Return where the demo keeps its index: a folder of its own unless one is set, so that nothing is mixed."""
    from vectorstore.settings import StoreSettings

    stored = StoreSettings()
    return stored if "data_dir" in stored.model_fields_set else stored.model_copy(update={"data_dir": FOLDER})


def ingest_sample(store_settings: "StoreSettings", *, quiet: bool = False) -> str:
    """Bring the sample handbook into the index; return the report's line.

    Raises BadInput for an index that holds other documents and not the sample.
    """
    from ingest.progress import display
    from ingest.run import Ingestion, Request
    from ingest.sample import HANDBOOK
    from ingest.settings import IngestSettings

    ingestion = Ingestion(IngestSettings(), store_settings)
    sample, others = ingestion.sample_and_others()
    if others and not sample:
        raise BadInput(
            f"{store_settings.data_dir} holds documents of yours: the sample would be mixed with them.",
            f"Set FOOTNOTE_DATA_DIR to another folder for the demo, such as {FOLDER}.",
        )
    plan = ingestion.plan(Request((HANDBOOK,)))
    with display(quiet=quiet) as progress:
        return ingestion.carry_out(plan, progress=progress).summary()


def greeting(address: str, folder: Path) -> str:
    """Return what a newcomer needs: the page, a curl line, the widget's tag, what to do next."""
    command = "footnote" if shutil.which("footnote") else sys.argv[0]
    return f"""
  Chat page   {address}/
  API docs    {address}/docs

  Ask from a terminal:
    curl -N {address}/v1/chat -H 'content-type: application/json' \\
      -d '{{"message": "{QUESTION}"}}'

  Put the widget on a page:
    <script src="{address}/widget.js" async></script>

  The sample is kept in {folder}. Ask it without the service:
    FOOTNOTE_DATA_DIR={shlex.quote(str(folder))} {command} ask "{QUESTION}"

  Your own documents, after Ctrl-C:
    {command} ingest ./docs && {command} serve
"""
