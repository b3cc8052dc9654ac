"""`footnote eval review`: read questions one by one, and accept, edit or reject them."""

from pathlib import Path
from typing import Annotated, Literal

import typer
from typer import Option

from eval.cases import Case, load_cases
from eval.commands.generate import write_cases

_KEYS = "a accept · e edit · r reject · s skip · q quit"


def review(
    data: Annotated[Path, Option(help="Questions, one JSON object a line; changed in place.")],
) -> None:
    """Show every question that nobody has reviewed; each decision is written at once."""
    cases = {case.id: case for case in load_cases(data)}
    waiting = [case for case in cases.values() if not case.reviewed]
    accepted = rejected = 0
    for number, case in enumerate(waiting, start=1):
        _show(case, f"{number} of {len(waiting)}")
        decided = _decided(case)
        if decided == "quit":
            break
        if isinstance(decided, Case):
            cases[case.id] = decided
            accepted += 1
        elif decided == "reject":
            del cases[case.id]
            rejected += 1
        write_cases(list(cases.values()), data)
    left = sum(not case.reviewed for case in cases.values())
    typer.echo(f"{accepted} accepted, {rejected} rejected, {left} left to review.")


def _show(case: Case, place: str) -> None:
    typer.echo(f"\n[{place}] {case.id}  {', '.join(case.tags)}")
    typer.echo(f"  Question  {case.question}")
    typer.echo(
        f"  Answer    {case.reference or ('(not in the documents)' if not case.answerable else '(open)')}"
    )
    for evidence in case.evidence:
        typer.echo(f"  Evidence  {evidence.doc}: {evidence.quote}")


def _decided(shown: Case) -> Case | Literal["reject", "quit", "skip"]:
    while True:
        key = typer.prompt(_KEYS, default="s", show_default=False).strip().lower()[:1]
        match key:
            case "a":
                return shown.model_copy(update={"reviewed": True})
            case "e":
                return _edited(shown)
            case "r":
                return "reject"
            case "q":
                return "quit"
            case "s":
                return "skip"


def _edited(case: Case) -> Case:
    question = typer.prompt("Question", default=case.question).strip()
    answerable = typer.confirm("Do the documents answer it?", default=case.answerable)
    reference = typer.prompt("Answer", default=case.reference).strip() if answerable else ""
    return case.model_copy(
        update={
            "question": question or case.question,
            "answerable": answerable,
            "reference": reference,
            "evidence": case.evidence if answerable else (),
            "reviewed": True,
        }
    )
