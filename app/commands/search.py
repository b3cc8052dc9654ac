"""`footnote search`: the passages found for a question, without an answer."""

import json
from typing import Annotated

import typer

from vectorstore.errors import BadInput
from vectorstore.types import Generation, Hit, Scope


def search(
    query: Annotated[str, typer.Argument(help="Words or a question, in quotes.")],
    limit: Annotated[int, typer.Option("--limit", "-k", min=1, max=200, help="How many chunks.")] = 5,
    at: Annotated[int | None, typer.Option(help="Search an earlier generation of the index.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show how each stage ranked every hit.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per hit, in a list.")] = False,
) -> None:
    """Show the passages found for a question, best first."""
    from app.build import open_configured_embedder, open_configured_store
    from vectorstore.settings import StoreSettings

    if not query.strip():
        raise BadInput("The query is empty.", 'Write it in quotes: footnote search "parental leave"')
    settings = StoreSettings()
    embedder = open_configured_embedder(settings)
    store = open_configured_store(settings, embedder)
    try:
        with store.snapshot(None if at is None else Generation(at)) as snapshot:
            hits = snapshot.search(
                query, embedder.embed_query(query), scope=Scope(unrestricted=True), limit=limit
            )
    finally:
        store.close()
    if as_json:
        typer.echo(json.dumps([_as_json(hit) for hit in hits], ensure_ascii=False, indent=2))
        return
    if not hits:
        typer.echo("Nothing found. Is anything ingested? Try `footnote docs ls`.", err=True)
    for rank, hit in enumerate(hits, start=1):
        _print(rank, hit, explain=explain)


def _print(rank: int, hit: Hit, *, explain: bool) -> None:
    page = f", page {hit.chunk.span.page}" if hit.chunk.span.page is not None else ""
    typer.secho(f"{rank}. {hit.document.title or hit.document.uri}{page}", bold=True, nl=False)
    typer.secho(f"  {hit.document.uri}  {hit.score:.3f}", dim=True)
    if explain:
        stages = " · ".join(f"{stage.name} #{stage.rank} ({stage.score:.3f})" for stage in hit.stages)
        typer.secho(f"   {stages}", dim=True)
    text = " ".join(hit.chunk.text.split())
    typer.echo(f"   {text[:300]}{'…' if len(text) > 300 else ''}\n")


def _as_json(hit: Hit) -> dict[str, object]:
    return {
        "uri": hit.document.uri,
        "title": hit.document.title,
        "page": hit.chunk.span.page,
        "headings": hit.chunk.headings,
        "start": hit.chunk.span.start,
        "end": hit.chunk.span.end,
        "text": hit.chunk.text,
        "score": hit.score,
        "stages": [{"name": stage.name, "rank": stage.rank, "score": stage.score} for stage in hit.stages],
    }
