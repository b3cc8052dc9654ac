"""What questions are held against: those of the newest evaluation, what an operator has set, or an earlier window.

Kept are vectors of questions that somebody wrote into a file of cases, and of live questions only the dates: their
vectors stay in the records alone, and go with the person.
"""

import base64
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.runs.live import LiveRun
from eval.cases import HARVESTED, Case, load_cases
from eval.live.drift import FEWEST, Questions
from eval.metrics.row import read_rows
from vectorstore.errors import BadInput, StoreDamaged
from vectorstore.models.embed import Embedder
from vectorstore.state.cell import State
from vectorstore.types import Vectors

Between: TypeAlias = Callable[[datetime, datetime], Generator[LiveRun]]
"""Yields the live runs of [since, until), oldest first."""

_EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CELL: Final = "monitor_reference.json"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Cases(_Strict):
    """Questions of a file; `vectors` are float16 of shape (len(units), dimension) in base64, by the embedder named."""

    kind: Literal["cases"] = "cases"
    name: str
    made: datetime
    embedder: str
    dimension: int
    units: tuple[int, ...]
    vectors: str


class Dates(_Strict):
    """What was asked between two times, as far as it is still kept."""

    kind: Literal["dates"] = "dates"
    since: datetime
    until: datetime


class Kept(_Strict):
    """The newest evaluation, and what an operator has set instead of it."""

    evaluation: Cases | None = None
    chosen: Annotated[Cases | Dates, Field(discriminator="kind")] | None = None


@dataclass(frozen=True, slots=True)
class Reference:
    """What was used; `says` names it, `notes` say what was not, and why. No questions: there is none yet."""

    says: str
    questions: Questions | None = None
    is_live: bool = False
    notes: tuple[str, ...] = ()


def read(state: State) -> Kept:
    """Return what is kept; raises StoreDamaged where it cannot be read."""
    return _parsed(state.cell(_CELL).read())


def keep(state: State, **changed: Cases | Dates | None) -> None:
    """Keep an `evaluation`, or what is `chosen` instead of it; None takes the choice back."""
    with state.cell(_CELL).changing() as change:
        kept = _parsed(change.content).model_copy(update=changed)
        change.content = kept.model_dump_json().encode()


def cases_of(cases: Sequence[Case], embedder: Embedder, *, name: str, made: datetime) -> Cases:
    """Embed the questions of cases as they are searched.

    Left out are follow-ups, whose words alone are not what is searched, and harvested ones: their vectors would
    outlast the people who asked them.
    """
    usable = [case for case in cases if not case.history and HARVESTED not in case.tags]
    places = {
        group: place for place, group in enumerate(dict.fromkeys(case.group or case.id for case in usable))
    }
    vectors = [embedder.embed_query(case.question).astype("<f2") for case in usable]
    return Cases(
        name=name,
        made=made,
        embedder=embedder.fingerprint,
        dimension=embedder.dimension,
        units=tuple(places[case.group or case.id] for case in usable),
        vectors=base64.b64encode(b"".join(vector.tobytes() for vector in vectors)).decode(),
    )


def chosen_cases(path: Path, embedder: Embedder, *, made: datetime) -> Cases:
    """Return the questions of a file of cases, or of the folder of an evaluation's result; raises NotFound, BadInput."""
    if path.is_dir():
        rows = read_rows(path / "cases.jsonl")
        cases = [Case(id=row.id, question=row.question, group=row.group, tags=row.tags) for row in rows]
    else:
        cases = load_cases(path)
    found = cases_of(cases, embedder, name=path.name, made=made)
    if len(set(found.units)) < FEWEST:
        raise BadInput(
            f"{str(path)!r} holds questions about {len(set(found.units))} things, follow-ups and harvested ones left out; "
            f"a reference needs {FEWEST}.",
            "Name a larger set, or `--set-reference window`.",
        )
    return found


def find(kept: Kept, between: Between, embedder: str, *, before: datetime, window: timedelta) -> Reference:
    """Return what to hold the questions since `before` against.

    What was set wins, then the newest evaluation, then the oldest window of live runs that holds enough.
    """
    notes = []
    for held in (kept.chosen, kept.evaluation):
        match held:
            case Dates(since=since, until=until):
                says = f"the questions asked from {since:%Y-%m-%d} to {until:%Y-%m-%d}, as set"
                questions = questions_of(list(between(since, min(until, before))), embedder)
            case Cases():
                of = "as set" if held is kept.chosen else "the newest evaluation"
                says = f"the questions of {held.name} ({of}, {held.made:%Y-%m-%d})"
                if embedder not in {"", held.embedder}:  # without one nobody has asked anything
                    notes.append(f"Not used: {says}. Another embedder read them; run the evaluation again.")
                    continue
                questions = _questions(held)
            case None:
                continue
        if questions.count >= FEWEST:
            return Reference(says, questions, isinstance(held, Dates), tuple(notes))
        notes.append(
            f"Not used: {says}. They are {questions.count} independent ones, and {FEWEST} are needed."
        )
    return replace(_oldest(between, embedder, before, window), notes=tuple(notes))


def questions_of(runs: Sequence[LiveRun], embedder: str) -> Questions:
    """Return the questions of runs that this embedder read."""
    read_by = [(run.vector, run.unit) for run in runs if run.vector is not None and run.embedder == embedder]
    if not read_by:
        return Questions(np.zeros((0, 1), np.float32), ())
    vectors, units = zip(*read_by, strict=True)
    return Questions(_unit(np.stack(vectors)), units)


def _oldest(between: Between, embedder: str, before: datetime, window: timedelta) -> Reference:
    runs: list[LiveRun] = []
    with closing(between(_EVER, before)) as earlier:
        for run in earlier:
            if run.vector is None or run.embedder != embedder:
                continue
            if runs and run.asked >= runs[0].asked + window:
                if (found := questions_of(runs, embedder)).count >= FEWEST:
                    break
                runs = []
            runs.append(run)
    if (found := questions_of(runs, embedder)).count >= FEWEST:
        dates = f"{runs[0].asked:%Y-%m-%d} to {runs[-1].asked:%Y-%m-%d}"
        return Reference(f"the questions asked from {dates}, the oldest that are kept", found, is_live=True)
    return Reference("nothing yet: there is no evaluation, and no earlier window with enough questions")


def _questions(held: Cases) -> Questions:
    vectors = np.frombuffer(base64.b64decode(held.vectors), "<f2").reshape(len(held.units), held.dimension)
    return Questions(_unit(vectors.astype(np.float32)), tuple(map(str, held.units)))


def _unit(vectors: Vectors) -> Vectors:
    """Half precision leaves lengths that are nearly 1."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-9), np.float32)


def _parsed(content: bytes | None) -> Kept:
    try:
        return Kept() if content is None else Kept.model_validate_json(content)
    except ValidationError as error:
        raise StoreDamaged(
            f"{_CELL} cannot be read.", "Delete it; the next evaluation writes it anew."
        ) from error
