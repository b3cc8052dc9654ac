"""`footnote variants`: try another way of answering on a share of users, and see whether it is better."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.audit.audit import note
from app.commands.exit_codes import FINDINGS
from app.variants.definition import Changes, changes_of, name_of
from app.variants.standing import (
    Standing,
    cell_of,
    change_share,
    promotable,
    standing,
)
from app.variants.standing import promote as promote_in
from app.variants.standing import rollback as roll_back
from app.variants.standing import start as start_in
from app.variants.standing import stop as stop_in
from vectorstore.errors import BadInput, NotFound
from vectorstore.printable import printable
from vectorstore.settings import StoreSettings
from vectorstore.state.cell import Cell
from vectorstore.state.open import open_state
from vectorstore.types import Generation

if TYPE_CHECKING:
    from app.answer.answerer import LanguageModel
    from app.runs.trials import Trials
    from app.settings import Settings
    from app.variants.figures import Arm, Measure, Report

app = typer.Typer(no_args_is_help=True)
_PROBE = "Say in one word whether you are ready."
"""What a variant is tried with before it begins."""

Name = Annotated[str, typer.Argument(help="The variant's name.")]
Share = Annotated[
    float, typer.Option(help="The share of users that get it, such as 0.2; at most 0.9 for all variants.")
]


@app.command()
def start(
    name: Name,
    *,
    share: Share,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="A setting of answering, such as FOOTNOTE_LLM_MODEL or FOOTNOTE_TOP_K; may be repeated. A key stands in "
            "a variable of the service: FOOTNOTE_LLM_API_KEY=env:FOOTNOTE_VARIANT_KEY_B.",
        ),
    ] = None,
    prompt: Annotated[
        Path | None,
        typer.Option(
            help="A file with instructions for the model; its text is kept with the variant.", dir_okay=False
        ),
    ] = None,
    generation: Annotated[
        int | None, typer.Option(min=1, help="Answer from this generation of the index, which is to be kept.")
    ] = None,
    shadow: Annotated[
        bool,
        typer.Option(
            "--shadow",
            help="Answer that share of questions a second time, show nobody, and keep the figures.",
        ),
    ] = False,
) -> None:
    """Begin a variant; running replicas take it up within seconds."""
    from app.settings import Settings

    settings = Settings()
    cell = _cell()
    name_of(name)
    changes = changes_of(set_ or (), prompt)
    _try(settings, standing(cell).changes(), changes, generation)
    made = start_in(cell, name, changes, share=share, shadow=shadow, generation=generation)
    note(variant=name, share=share, shadow=shadow, settings=sorted(changes.told()))
    whom = "questions are answered by it too, in the shadow" if shadow else "users get it"
    typer.echo(f"The variant {name} runs: {100 * made.share:g}% of {whom}.", err=True)
    typer.echo(f"`footnote variants show {name}` says how it does.", err=True)


@app.command()
def share(name: Name, share: Annotated[float, typer.Argument(help="The new share, such as 0.4.")]) -> None:
    """Give a variant another share; only as many users change sides as the share says."""
    changed = change_share(_cell(), name, share)
    note(variant=name, share=share)
    typer.echo(f"The variant {name} has a share of {changed.share:g} now.", err=True)


@app.command()
def show(
    name: Annotated[str | None, typer.Argument(help="Only this one. Default: all.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Compare the variants that run with the settings; exit 1 when one is worse."""
    from app.variants.figures import report

    now = standing(_cell())
    chosen = [now.find(name)] if name else now.running
    with _trials() as trials:
        reports = [report(one, trials) for one in chosen]
    if as_json:
        promoted = now.promotion.model_dump(mode="json") if now.promotion else None
        typer.echo(
            json.dumps({"promoted": promoted, "variants": [each.as_json() for each in reports]}, indent=2)
        )
    else:
        if not name:
            _print_standing(now)
        for each in reports:
            _print(each)
    if any(each.is_worse for each in reports):
        raise typer.Exit(FINDINGS)


@app.command()
def promote(name: Name) -> None:
    """Have a variant answer everybody, over what environment and files say; `rollback` takes it back."""
    cell = _cell()
    found = promotable(standing(cell), name)
    newest = _index(found.generation) if found.generation else None
    made = promote_in(cell, name, generation=newest)
    note(variant=name, settings=sorted(found.changes.told()))
    typer.echo(f"The variant {name} answers everybody now.", err=True)
    for variable, value in made.changes.told().items():
        typer.echo(f"  {variable}={value}", err=True)
    typer.echo("`footnote config show --origin` shows it; `footnote variants rollback` goes back.", err=True)


@app.command()
def stop(name: Name) -> None:
    """End a variant: its users are answered as the settings say. What was answered stays in the records."""
    stop_in(_cell(), name)
    note(variant=name)
    typer.echo(f"The variant {name} is stopped.", err=True)


@app.command()
def rollback(
    *,
    index: Annotated[
        bool, typer.Option("--index", help="Take the index back too, to the generation before the promotion.")
    ] = False,
) -> None:
    """Go back to what was before the last promotion: prompt, model, settings. Variants that run are stopped."""
    cell = _cell()
    if index and (before := standing(cell).promotion) is not None and before.generation is None:
        raise NotFound(
            f"Promoting {before.name!r} did not change the index.",
            "Leave out --index, or use `footnote index rollback`.",
        )
    gone, stopped, left = roll_back(cell)
    note(variant=gone.name, stopped=stopped)
    now = (
        f"what was promoted before it, {left.promotion.name}"
        if left.promotion
        else "the settings of environment and files"
    )
    typer.echo(f"{gone.name} is rolled back: everybody is answered by {now}.", err=True)
    if stopped:
        typer.echo(f"Stopped, as what they were compared with is gone: {', '.join(stopped)}.", err=True)
    if index and gone.generation is not None:
        _index(gone.generation)
        typer.echo(f"The index is equal to generation {gone.generation} again.", err=True)


def _try(settings: "Settings", promoted: Changes, changes: Changes, generation: int | None) -> None:
    """Put the variant together as the service will, search with it and ask its model; raises what keeps it from that."""
    from app.build import build, open_variant
    from app.question import Question
    from vectorstore.types import Scope

    base, changed = promoted.applied(settings), changes.over(promoted).applied(settings)
    if changed == base and generation is None and (changes.values or changes.prompt):
        raise BadInput(
            "The variant sets what is set already.",
            "`footnote config show` says what holds; change one of its values.",
        )
    parts = build(settings)
    try:
        turn, model = open_variant(changed, parts, base.store)
        at = None if generation is None else Generation(generation)
        asked = Question(_PROBE, Scope(unrestricted=True), top_k=changed.answer.top_k, at=at)
        turn.retriever.trace(asked)
        if model is not None:
            asyncio.run(_asked(model))
    finally:
        parts.close()


async def _asked(model: "LanguageModel") -> None:
    try:
        await model.complete(_PROBE)
    finally:
        await model.close()


def _index(generation: int) -> int:
    """Publish a generation equal to an older one; return the newest before."""
    from app.commands.index import maintenance

    with maintenance() as upkeep:
        newest = upkeep.info().newest.number
        upkeep.store.rollback(Generation(generation))
    return int(newest)


@contextmanager
def _trials() -> "Iterator[Trials]":
    from app.runs.records import Records, records_url
    from app.runs.trials import Trials
    from app.settings import RecordSettings

    records = Records(records_url(RecordSettings().records_url, open_state(StoreSettings())))
    try:
        yield Trials(records)
    finally:
        records.close()


def _cell() -> Cell:
    return cell_of(open_state(StoreSettings()))


def _print_standing(now: Standing) -> None:
    if now.promotion:
        told = ", ".join(f"{name}={value}" for name, value in now.promotion.changes.told().items())
        _say(f"Promoted   {now.promotion.name}, {_minute(now.promotion.at)}: {told}")
    if not now.running:
        typer.echo(
            "No variant runs: `footnote variants start NAME --share 0.2 --set …` begins one.", err=True
        )
        for one in now.ended[-5:]:
            _say(f"{_minute(one.ended)}  {one.name} was {one.how}; it ran from {_minute(one.started)}")


def _print(report: "Report") -> None:
    one = report.variant
    whom = "questions, in the shadow" if one.shadow else "users"
    typer.echo("")
    _say(f"{one.name}: {100 * one.share:g}% of {whom}, since {_minute(one.started)}")
    for variable, value in one.changes.told().items():
        _say(f"  {variable}={value}")
    if one.generation:
        _say(f"  generation {one.generation} of the index")
    typer.echo("")
    shown = "shown" if one.shadow else "settings"
    typer.echo(f"  {'':<24}{shown:>12}{one.name[:18]:>20}   {'difference':>10}   sure within")
    settings, tried = report.arms
    typer.echo(f"  {'users':<24}{settings.users:>12,}{tried.users:>20,}")
    typer.echo(f"  {'answers':<24}{settings.answers:>12,}{tried.answers:>20,}")
    for each in report.measures:
        typer.echo(_line(each))
    for label, field, unit in (
        ("first word, median", "first_ms", " ms"), ("whole answer, median", "total_ms", " ms"), ("tokens, median", "tokens", "")
    ):  # fmt: skip
        typer.echo(f"  {label:<24}{_figure(settings, field, unit):>12}{_figure(tried, field, unit):>20}")
    if report.overlap is not None:
        typer.echo(f"  {'cited by both':<24}{'':>12}{report.overlap:>20.0%}")
    if report.agreed is not None:
        typer.echo(f"  {'the same outcome':<24}{'':>12}{report.agreed:>20.0%}")
    if report.broken:
        typer.echo(f"  {'broke before a word':<24}{'':>12}{report.broken:>20,}")
    typer.echo("")
    _say(report.verdict)


def _line(measure: "Measure") -> str:
    found = measure.compared
    label = {"rating": "thumbs up", "unsupported": "sentences unsupported"}.get(measure.name, measure.name)
    if not sum(found.users):
        return f"  {label:<24}{'none yet':>12}{'':>20}"
    sure = "" if measure.word == "early" else f"{found.low:+.2f} to {found.high:+.2f}"
    first = f"{found.means[0]:.1%}" if found.users[0] else "none yet"
    second = f"{found.means[1]:.1%}" if found.users[1] else "none yet"
    if measure.name == "rating":
        label = f"{label} ({found.users[0]:,}, {found.users[1]:,})"
    apart = f"{found.difference:+.3f}" if all(found.users) else ""
    return f"  {label:<24}{first:>12}{second:>20}   {apart:>10}   {sure}".rstrip()


def _figure(arm: "Arm", field: str, unit: str) -> str:
    value = getattr(arm, field)
    return "-" if value is None else f"{value:,.0f}{unit}"


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _say(line: str) -> None:
    typer.echo(printable(line))
