"""Questions that people asked, as cases for a person to review: those rated, and those without a sure answer."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

from app.people.masking import masked
from app.runs.live import LiveRun, Words
from eval.cases import HARVESTED, Case, Sight, Turn
from vectorstore.language.marks import unmarked

_WHY: Final = {
    "rated-down": "Rated down.",
    "rated-up": "Rated up; the reference is the answer that was given.",
    "refused": "Answered as not in the documents.",
    "unsure": "Answered as unsure.",
}


def kind_of(run: LiveRun, *, ups: bool) -> str:
    """Return why a run is worth a case, empty where it is not. A rating says more than an outcome."""
    if run.rating == "down":
        return "rated-down"
    if run.rating == "up":
        return "rated-up" if ups else ""
    return run.outcome if run.outcome in {"refused", "unsure"} else ""


def cases_from(
    live: Sequence[LiveRun], words: Mapping[str, Words], *, ups: bool, mask: bool = True
) -> list[Case]:
    """Return a case for each question, the newest first; what was asked several times in one scope becomes one.

    A case names no person: who asked is a number, which says only which cases come from one. It keeps the scope in
    which it was asked, so that it is never answered from documents that the asker could not read.
    """
    places: dict[str, int] = {}
    cases: dict[tuple[str, Sight], Case] = {}
    for run in reversed(live):
        kind, asked = kind_of(run, ups=ups), words.get(run.run)
        if not kind or asked is None or not asked.question.strip():
            continue
        sight = Sight(tenant=run.tenant, groups=run.groups)
        case = _case(kind, run, asked, sight, asker=places.setdefault(run.unit, len(places) + 1), mask=mask)
        cases.setdefault((case.question.casefold() if not case.history else case.id, sight), case)
    return list(cases.values())


def _case(kind: str, run: LiveRun, asked: Words, sight: Sight, *, asker: int, mask: bool) -> Case:
    def shown(text: str) -> str:
        return masked(text) if mask else text

    # Clients that hold a conversation themselves leave only what was searched to tell what a follow-up is about.
    question = asked.question if asked.history else asked.alone
    said = f" {shown(asked.reason)}" if asked.reason.strip() else ""
    return Case(
        id=f"live-{hashlib.sha256(run.run.encode()).hexdigest()[:12]}",
        question=shown(question),
        reference=shown(unmarked(asked.answer)) if kind == "rated-up" else "",
        history=tuple(Turn(role=role, text=shown(text)) for role, text in asked.history),
        tags=(HARVESTED, kind),
        group=f"asker-{asker}",
        scope=sight,
        note=f"{_WHY[kind]}{said}",
    )
