"""Which variants run, which is promoted, and who gets which: one cell, `variants.json`, that replicas share.

While variants run, all of them lie on one ring of 10,000 places. Everybody has a place on it, by a hash of the ring's
name and of who asks, and a variant holds as many places as its share says. One that grows takes free places, one that
shrinks gives some of its own back: nobody else moves. When the last one ends the ring ends too, so that the next
variant meets other people.
"""

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from app.identity.grant import is_person
from app.settings import Settings
from app.variants.definition import Changes, name_of
from vectorstore.errors import BadInput, FootnoteError, NotFound, StoreDamaged
from vectorstore.state.cell import Cell, State
from vectorstore.state.open import open_state

PLACES: Final = 10_000
MOST: Final = 4
"""Variants at the same time: each is a label of metrics, and shares the users that a verdict needs."""
LARGEST: Final = 0.9
"""The share of users that all variants have at most: the others are what they are compared with."""
_ENDED_KEPT: Final = 20

Range: TypeAlias = Annotated[list[Annotated[int, Field(ge=0, le=PLACES)]], Field(min_length=2, max_length=2)]
"""Places from the first up to the second, which is not among them."""
Name: TypeAlias = Annotated[str, AfterValidator(name_of)]
Share: TypeAlias = Annotated[float, Field(gt=0, le=1)]


class _Kept(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Variant(_Kept):
    """One that runs. In the shadow its share is of questions, and it holds no places."""

    name: Name
    changes: Changes
    generation: Annotated[int, Field(ge=1)] | None = None
    shadow: bool = False
    share: Share
    places: list[Range] = Field(default_factory=list)
    started: AwareDatetime


class Promotion(_Kept):
    """What holds for everybody: all changes since the settings. `generation` was the index's newest before it."""

    name: Name
    changes: Changes
    at: AwareDatetime
    generation: int | None = None


class Ended(_Kept):
    """One that runs no more."""

    name: Name
    changes: Changes
    how: Literal["stopped", "promoted", "rolled back"]
    shadow: bool = False
    started: AwareDatetime
    ended: AwareDatetime


class Standing(_Kept):
    """All of it, as it is written down; the last promotion is the one in force."""

    version: Literal[1] = 1
    ring: str = ""
    running: list[Variant] = Field(default_factory=list, max_length=MOST)
    promoted: list[Promotion] = Field(default_factory=list)
    ended: list[Ended] = Field(default_factory=list)

    @model_validator(mode="after")
    def _sound(self) -> "Standing":
        held = sorted(tuple(each) for one in self.running for each in one.places)
        ordered = [place for each in held for place in each]
        if ordered != sorted(ordered) or len({one.name for one in self.running}) < len(self.running):
            raise ValueError("two variants hold one place or one name")
        return self

    @property
    def promotion(self) -> Promotion | None:
        """The promotion in force."""
        return self.promoted[-1] if self.promoted else None

    @property
    def shares(self) -> float:
        """The share of users that get a variant."""
        return sum(one.share for one in self.running if not one.shadow)

    def find(self, name: str) -> Variant:
        """Return a variant that runs; raises NotFound."""
        for one in self.running:
            if one.name == name:
                return one
        names = ", ".join(one.name for one in self.running)
        ended = next((one for one in reversed(self.ended) if one.name == name), None)
        what = f"The variant {name!r} was {ended.how} already." if ended else f"No variant {name!r} runs."
        raise NotFound(
            what, f"Running: {names}." if names else "None runs: `footnote variants start` begins one."
        )

    def chosen(self, owner: str, conversation: str) -> Variant | None:
        """Return the variant that answers somebody, None for the settings."""
        if not self.shares:
            return None
        place = place_of(self.ring, unit_of(owner, conversation))
        held = (one for one in self.running for first, last in one.places if first <= place < last)
        return next(held, None)

    def shadowing(self, run: str) -> Variant | None:
        """Return the variant that answers a question in the shadow, if one does: by chance, the same on each replica."""
        at = place_of("shadow", run) / PLACES
        for one in self.running:
            if one.shadow:
                if at < one.share:
                    return one
                at -= one.share
        return None

    def changes(self, variant: Variant | None = None) -> Changes:
        """Return what a variant changes of the settings, with what is promoted below it; None: that alone."""
        promoted = self.promotion.changes if self.promotion else Changes()
        return variant.changes.over(promoted) if variant else promoted


def unit_of(owner: str, conversation: str) -> str:
    """Return what is given a variant, and counted: the person; of a key that many may share, the conversation."""
    return owner if is_person(owner) else conversation


def place_of(ring: str, unit: str) -> int:
    """Return the place of somebody on a ring, the same on every machine."""
    digest = hashlib.sha256(f"{ring}\0{unit}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8]) * PLACES >> 64


def cell_of(state: State) -> Cell:
    """Return the cell."""
    return state.cell("variants.json")


def standing(cell: Cell) -> Standing:
    """Read it; raises StoreDamaged, and Unavailable while a database is away."""
    return _read(cell.read())


def in_force(settings: Settings, *, given: frozenset[str] = frozenset()) -> Settings:
    """Return the settings with what is promoted over environment and files, but for those `given` as flags.

    Raises StoreDamaged, Unavailable, and BadInput for what does not fit any more.
    """
    changes = standing(cell_of(open_state(settings.store))).changes().without(given, settings)
    return changes.applied(settings) if changes.values or changes.prompt else settings


def start(
    cell: Cell, name: str, changes: Changes, *, share: float, shadow: bool, generation: int | None = None
) -> Variant:
    """Begin a variant; raises BadInput for a share that does not fit, a name that runs, and one too many."""
    name_of(name)
    with _changing(cell) as held:
        now = held.now
        if any(one.name == name for one in now.running):
            raise BadInput(
                f"The variant {name!r} runs already.",
                f"Change its share with `footnote variants share {name} SHARE`, or stop it first.",
            )
        if len(now.running) == MOST:
            raise BadInput(
                f"{MOST} variants run already.", "Stop one first: `footnote variants show` lists them."
            )
        if not changes.values and not changes.prompt and generation is None:
            raise BadInput(
                "The variant changes nothing.", "Say what with --set NAME=VALUE, --prompt or --generation."
            )
        _demand_share(share, now, shadow=shadow)
        made = Variant(
            name=name, changes=changes, generation=generation, shadow=shadow, share=share, started=_now()
        )
        if not shadow and not now.shares:
            now = now.model_copy(update={"ring": f"{name}-{secrets.token_hex(4)}"})
        made = made if shadow else _with_places(made, now, share)
        now = now.model_copy(update={"running": [*now.running, made]})
        held.now = now
    return made


def change_share(cell: Cell, name: str, share: float) -> Variant:
    """Give a variant another share; raises NotFound and BadInput."""
    with _changing(cell) as held:
        now = held.now
        found = now.find(name)
        _demand_share(share, _without(now, [found], "stopped"), shadow=found.shadow)
        changed = (
            found.model_copy(update={"share": share}) if found.shadow else _with_places(found, now, share)
        )
        held.now = now.model_copy(
            update={"running": [changed if one is found else one for one in now.running]}
        )
    return changed


def stop(cell: Cell, name: str) -> Variant:
    """End a variant; raises NotFound."""
    with _changing(cell) as held:
        now = held.now
        found = now.find(name)
        held.now = _without(now, [found], "stopped")
    return found


def promote(cell: Cell, name: str, *, generation: int | None = None) -> Promotion:
    """Have a variant answer everybody; raises NotFound, and BadInput while another runs or for one in the shadow."""
    with _changing(cell) as held:
        now = held.now
        found = promotable(now, name)
        made = Promotion(name=name, changes=now.changes(found), at=_now(), generation=generation)
        ended = _without(now, [found], "promoted")
        held.now = ended.model_copy(update={"promoted": [*now.promoted, made]})
    return made


def promotable(now: Standing, name: str) -> Variant:
    """Return a variant that may be promoted; raises as `promote` does."""
    found = now.find(name)
    if found.shadow:
        raise BadInput(
            f"{name!r} runs in the shadow: nobody has seen an answer of it.",
            f"Stop it and start it for some users first: footnote variants start {name} --share 0.2 …",
        )
    if others := [one.name for one in now.running if one is not found]:
        raise BadInput(
            f"{', '.join(others)} is compared with what promoting {name!r} would change.",
            f"Stop it first: footnote variants stop {others[0]}.",
        )
    return found


def rollback(cell: Cell) -> tuple[Promotion, list[str], Standing]:
    """Go back to what was before the last promotion; return it, the variants that ended with it, and what is now.

    Raises NotFound where nothing is promoted.
    """
    with _changing(cell) as held:
        now = held.now
        if now.promotion is None:
            raise NotFound("Nothing is promoted.", "`footnote variants stop NAME` ends a variant that runs.")
        left = _without(now, now.running, "rolled back").model_copy(update={"promoted": now.promoted[:-1]})
        held.now = left
    return now.promotion, [one.name for one in now.running], left


def _demand_share(share: float, others: Standing, *, shadow: bool) -> None:
    if not 0 < share <= 1:
        raise BadInput(f"{share:g} is no share.", "Give a part of one, such as --share 0.2 for a fifth.")
    taken = sum(one.share for one in others.running if one.shadow == shadow)
    left = round((1 if shadow else LARGEST) - taken, 4)
    if share > left + 1e-9:
        of = (
            "questions are answered in the shadow once at most"
            if shadow
            else "at least a tenth of all users is answered as the settings say"
        )
        raise BadInput(f"A share of {share:g} is too much: {of}.", f"Up to {left:g} is left.")
    if round(share * PLACES) < 1:
        raise BadInput(f"A share of {share:g} is less than one in {PLACES:,}.", "Give a larger one.")


def _with_places(variant: Variant, now: Standing, share: float) -> Variant:
    """Return a variant with as many places as its share says, of those it has and of the free ones."""
    wanted = round(share * PLACES)
    others = [each for one in now.running if one.name != variant.name for each in one.places]
    taken: list[list[int]] = []
    for first, last in [*variant.places, *_free([*others, *variant.places])]:
        if wanted:
            size = min(wanted, last - first)
            taken.append([first, first + size])
            wanted -= size
    return variant.model_copy(update={"share": share, "places": _joined(taken)})


def _joined(ranges: list[list[int]]) -> list[list[int]]:
    joined: list[list[int]] = []
    for first, last in sorted(ranges):
        if joined and joined[-1][1] == first:
            joined[-1][1] = last
        else:
            joined.append([first, last])
    return joined


def _free(held: list[list[int]]) -> Iterator[list[int]]:
    begin = 0
    for first, last in sorted(held):
        if begin < first:
            yield [begin, first]
        begin = last
    if begin < PLACES:
        yield [begin, PLACES]


def _without(
    now: Standing, gone: list[Variant], how: Literal["stopped", "promoted", "rolled back"]
) -> Standing:
    ended = [
        Ended(
            name=one.name, changes=one.changes, how=how, shadow=one.shadow, started=one.started, ended=_now()
        )
        for one in gone
    ]
    return now.model_copy(
        update={
            "running": [one for one in now.running if one not in gone],
            "ended": [*now.ended, *ended][-_ENDED_KEPT:],
        }
    )


@dataclass
class _Held:
    now: Standing


@contextmanager
def _changing(cell: Cell) -> Iterator[_Held]:
    """Hold the cell alone among all processes; what stands in `now` at a clean exit is kept."""
    with cell.changing() as change:
        held = _Held(_read(change.content))
        yield held
        sound = Standing.model_validate_json(held.now.model_dump_json())
        change.content = sound.model_dump_json(indent=1).encode()


def _read(content: bytes | None) -> Standing:
    if content is None:
        return Standing()
    try:
        return Standing.model_validate_json(content)
    except (ValidationError, FootnoteError) as error:
        raise StoreDamaged(
            "What is known of variants (variants.json) cannot be read, or a newer release wrote it.",
            "Restore it from a backup, or remove it: everybody is then answered as the settings say.",
        ) from error


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
