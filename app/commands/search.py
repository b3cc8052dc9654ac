"""`footnote search`: the passages found for a question, without an answer."""

from typing import Annotated

import typer

from app.audit.audit import note
from app.identity.grant import preview_of
from app.question import Question
from app.turn.retrieve import Found
from vectorstore.errors import BadInput
from vectorstore.printable import printable, printable_json
from vectorstore.types import DEFAULT_TENANT, Condition, Dropped, Generation, Hit, Where

_LEFT_OUT_SHOWN = 10


def search(
    query: Annotated[str, typer.Argument(help="Words or a question, in quotes.")],
    limit: Annotated[int, typer.Option("--limit", "-k", min=1, max=200, help="How many chunks.")] = 5,
    at: Annotated[int | None, typer.Option(help="Search an earlier generation of the index.")] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(help="Only documents with field=value, or field^=prefix; may be repeated."),
    ] = None,
    tenant: Annotated[str, typer.Option(help="Whose documents.")] = DEFAULT_TENANT,
    group: Annotated[
        list[str] | None,
        typer.Option(
            "--group",
            "--as-group",
            help="Search as a member of this group would, not as the operator; may be repeated.",
        ),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show how each stage ranked every hit, and what was left out.")
    ] = False,
    expect: Annotated[
        str | None, typer.Option(help="A document you know is there: say which stage lost it.")
    ] = None,
    as_user: Annotated[
        str | None, typer.Option(help="Search as this user would, with what they may read.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the passages found for a question, best first."""
    if not query.strip():
        raise BadInput("The query is empty.", 'Write it in quotes: footnote search "parental leave"')
    scope = preview_of(tenant, as_user, group)
    question = Question(
        query,
        scope,
        where=_conditions(where or []),
        top_k=limit,
        at=None if at is None else Generation(at),
    )
    told = explain or expect is not None
    found = _search(question, trail=told, expect=expect or "")
    note(generation=found.generation, documents=sorted({hit.document.id for hit in found.hits}))
    if as_json:
        shown = [_as_json(hit) for hit in found.hits]
        typer.echo(printable_json(_explained(found, shown) if told else shown, indent=2))
        return
    if not found.hits:
        typer.echo("Nothing found. Is anything ingested? Try `footnote docs ls`.", err=True)
    for rank, hit in enumerate(found.hits, start=1):
        _print(rank, hit, explain=explain)
    if explain:
        _print_left_out(found.dropped)
    if found.expected is not None:
        typer.secho(f"lost at: {found.expected.lost_at}", bold=True)
        typer.echo(printable(found.expected.sentence))


def _search(question: Question, *, trail: bool, expect: str) -> Found:
    from app.build import open_retriever
    from app.settings import Settings
    from app.variants.standing import in_force

    settings = in_force(Settings())
    retriever = open_retriever(settings.store, settings.answer)
    try:
        retriever.demand_documents(question.at)
        return retriever.trace(question, trail=trail, expect=expect, reveal=True)
    finally:
        retriever.store.close()


def _conditions(given: list[str]) -> Where:
    return tuple(_condition(each) for each in given)


def _condition(given: str) -> Condition:
    field, sign, value = given.partition("=")
    if not sign or not field:
        raise BadInput(
            f"The filter {given!r} cannot be read.", "Write field=value or field^=prefix, such as year=2026."
        )
    if field.endswith("^"):
        return Condition(field[:-1], "prefix", (value,))
    # What stands on a command line is text; in the index it may be a number or a truth value.
    return Condition(field, "in", (value, *_readings(value)))


def _readings(value: str) -> tuple[int | float | bool, ...]:
    if value in {"true", "false"}:
        return (value == "true",)
    try:
        return (int(value),)
    except ValueError:
        pass
    try:
        return (float(value),)
    except ValueError:
        return ()


def _print(rank: int, hit: Hit, *, explain: bool) -> None:
    page = f", page {hit.chunk.span.page}" if hit.chunk.span.page is not None else ""
    typer.secho(printable(f"{rank}. {hit.document.title or hit.document.uri}{page}"), bold=True, nl=False)
    typer.secho(printable(f"  {hit.document.uri}  {hit.score:.3f}"), dim=True)
    if explain:
        typer.secho(f"   {_ranks(hit)}", dim=True)
    text = " ".join(printable(hit.chunk.text).split())
    typer.echo(f"   {text[:300]}{'…' if len(text) > 300 else ''}\n")


def _print_left_out(dropped: tuple[Dropped, ...]) -> None:
    if dropped:
        typer.echo(f"left out: {len(dropped):,}")
    for each in dropped[:_LEFT_OUT_SHOWN]:
        why = "says the same as a passage above" if each.reason == "duplicate" else "behind the limit"
        typer.secho(printable(f"   {each.hit.document.uri}  {why}  {_ranks(each.hit)}"), dim=True)
    if len(dropped) > _LEFT_OUT_SHOWN:
        typer.secho(f"   … and {len(dropped) - _LEFT_OUT_SHOWN:,} more (--json shows all)", dim=True)


def _ranks(hit: Hit) -> str:
    return " · ".join(f"{stage.name} #{stage.rank} ({stage.score:.3f})" for stage in hit.stages)


def _explained(found: Found, results: list[dict[str, object]]) -> dict[str, object]:
    expected = found.expected
    return {
        "results": results,
        "generation": found.generation,
        "left_out": [
            {
                "uri": each.hit.document.uri,
                "chunk_id": each.hit.chunk.id,
                "reason": each.reason,
                "same_as": each.same_as,
                "stages": _stages(each.hit),
            }
            for each in found.dropped
        ],
        "expected": expected
        and {
            "name": expected.expected,
            "lost_at": expected.lost_at,
            "sentence": expected.sentence,
            "uri": expected.uri,
        },
    }


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
        "stages": _stages(hit),
    }


def _stages(hit: Hit) -> list[dict[str, object]]:
    return [{"name": stage.name, "rank": stage.rank, "score": stage.score} for stage in hit.stages]
