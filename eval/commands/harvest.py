"""`footnote eval harvest`: what people asked, taken out of the records as cases to review."""

import os
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from app.audit.audit import note
from app.settings import MonitorSettings
from eval.commands.generate import write_cases
from eval.commands.monitor import opened_records
from eval.gate.conclusion import Exit
from eval.live.harvest import cases_from, kind_of
from vectorstore.errors import BadInput
from vectorstore.types import DEFAULT_TENANT


def harvest(
    out: Annotated[Path, Option(dir_okay=False, help="File to write; never one that is there.")] = Path(
        "harvested.jsonl"
    ),
    days: Annotated[
        int | None, Option(min=1, max=36_500, help="Days to look at; else FOOTNOTE_MONITOR_DAYS.")
    ] = None,
    tenant: Annotated[
        str, Option(help="Whose questions: those of one tenant go into one file.")
    ] = DEFAULT_TENANT,
    ups: Annotated[
        bool, Option("--rated-up", help="Also what was rated up, with its answer as reference.")
    ] = False,
    unmasked: Annotated[
        bool, Option("--unmasked", help="Leave addresses, numbers and keys of people in sight.")
    ] = False,
) -> None:
    """Write rated and unanswered questions as cases to review. Their words leave the records: the file is personal data."""
    until = datetime.now(UTC)
    since = until - timedelta(days=days or MonitorSettings().monitor_days)
    if out.exists():
        raise _there(out)
    with opened_records() as held:
        live = [run for run in held.between(since, until) if run.tenant == tenant and kind_of(run, ups=ups)]
        free = [run for run in live if run.owner not in held.held]
        cases = cases_from(free, held.records.words([run.run for run in free]), ups=ups, mask=not unmasked)
    if kept := len(live) - len(free):
        typer.echo(f"Left out: {_many(kept)} of people under a legal hold.", err=True)
    if not cases:
        typer.echo(
            f"Nothing to harvest since {since:%Y-%m-%d} of the tenant {tenant!r}: nothing rated, and no question without a "
            "sure answer.",
            err=True,
        )
        raise typer.Exit(Exit.NO_CASES)
    try:
        os.close(os.open(out, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError as error:
        raise _there(out) from error
    write_cases(cases, out)
    note(changed={"harvested": len(cases)})
    kinds = Counter(case.tags[1] for case in cases)
    told = ", ".join(f"{count} {kind.replace('-', ' ')}" for kind, count in sorted(kinds.items()))
    typer.echo(f"{_many(len(cases))} in {out} ({told}), none reviewed yet.")
    typer.echo(
        f"They have left the records, and no erasure reaches {out}: delete it when it has done its work.\n"
        f"Next: footnote eval review --data {out}",
        err=True,
    )


def _many(count: int) -> str:
    return f"{count} question{'' if count == 1 else 's'}"


def _there(out: Path) -> BadInput:
    return BadInput(
        f"{str(out)!r} exists already.", "Give another --out: a reviewed file is never overwritten."
    )
