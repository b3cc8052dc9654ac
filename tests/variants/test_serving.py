"""What answers where a variant breaks, over turns that are made up."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from app.events import Done, Event, Failed, Sources, Started, Text
from app.question import Question
from app.runs.measured import Measured
from app.runs.run import Run
from app.settings import AnswerSettings, Settings
from app.variants.definition import changes_of
from app.variants.serving import Built, Variants
from app.variants.shadow import Shadows
from app.variants.standing import Variant, promote, start, stop
from vectorstore.errors import NotFound
from vectorstore.settings import StoreSettings
from vectorstore.state.files import FileCell
from vectorstore.types import Generation, Scope


class Told:
    """A turn that writes how many chunks it was asked for; it fails at a generation, or always."""

    def __init__(self, settings: Settings, broken: set[int]) -> None:
        self.top_k, self.broken = settings.answer.top_k, broken

    async def answer(self, question: Question, run: str) -> AsyncGenerator[Event, None]:
        yield Started(run, "", "made up", 0.0, "")
        if question.at is not None:
            raise NotFound("There is no such generation.", "")
        if self.top_k in self.broken:
            yield Failed("model_unavailable", "Down.")
            return
        yield Sources(())
        yield Text(f"{self.top_k}, {question.top_k}")
        yield Done()


class World:
    """Variants over such turns; those of the numbers in `broken` fail."""

    def __init__(self, folder: Path) -> None:
        self.cell, self.broken = FileCell(folder / "variants.json"), set[int]()
        settings = Settings(store=StoreSettings(data_dir=folder), answer=AnswerSettings(top_k=8))
        self.shadows = Kept()
        self.variants = Variants(settings, self.cell, self.built(settings), self.built, shadows=self.shadows)

    def built(self, settings: Settings) -> Built:
        turn: Any = Told(settings, self.broken)
        return Built(turn, None, settings, str(settings.answer.top_k))

    def start(self, top_k: int, name: str = "big", *, shadow: bool = False) -> Variant:
        return start(self.cell, name, changes_of([f"top_k={top_k}"]), share=0.9, shadow=shadow)

    async def ask(self, *, at: int | None = None) -> str:
        """Ask until somebody is asked for whom the variant answers."""
        question = Question("How much?", Scope(), top_k=8, at=None if at is None else Generation(at))
        for number in range(20):
            asked = await self.variants.assigned(question, f"u_{number}")
            if asked.variant:
                break
        async with aclosing(self.variants.answer(asked, "run_1")) as events:
            return "".join([event.delta async for event in events if isinstance(event, Text)])


class Kept(Shadows):
    """Keeps nothing, and says what it would answer."""

    def __init__(self) -> None:
        super().__init__(None, None, places=64)  # type: ignore[arg-type]
        self.begun: list[str] = []

    def _spawn(self, work: Any) -> None:
        self.begun.append(work.__name__)
        work.close()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_who_asks_for_what_is_not_there_breaks_no_variant(world: World) -> None:
    world.start(30)

    async def all_of() -> None:
        for _ in range(4):
            with pytest.raises(NotFound):
                await world.ask(at=7)
        assert await world.ask() == "30, 30"

    asyncio.run(all_of())


def test_the_settings_answer_with_their_own_number_of_chunks_and_it_is_not_given_again(world: World) -> None:
    world.start(30)
    world.broken.add(30)
    asked = Question("How much?", Scope(), top_k=30, variant="big")

    async def all_of() -> None:
        before = world.variants.digest(asked, "run_1")
        assert await world.ask() == "8, 8"
        assert world.variants.digest(asked, "run_1") != before
        world.broken.clear()
        assert await world.ask() == "30, 30"  # another has an answer meanwhile
        assert world.variants.digest(asked, "run_1") != before

    asyncio.run(all_of())


def test_a_shadow_has_its_own_number_of_chunks_over_what_is_promoted(world: World) -> None:
    async def all_of() -> list[str]:
        await world.variants.assigned(Question("Hm?", Scope(), top_k=8), "u_1")
        world.start(30)
        promote(world.cell, "big")
        dark = world.start(50, "dark", shadow=True)
        asked = await world.variants.assigned(Question("How much?", Scope(), top_k=8), "u_1")
        assert asked.top_k == 30
        return [
            event.delta
            async for event in world.variants._shadowed(dark, asked, "run_1")
            if isinstance(event, Text)
        ]

    assert asyncio.run(all_of()) == ["50, 50"]


def test_a_variant_begun_anew_under_its_name_is_not_what_it_was(world: World) -> None:
    async def all_of() -> str:
        first = world.start(30)
        await world.variants.assigned(Question("Hm?", Scope(), top_k=8), "local")
        stop(world.cell, "big")
        world.start(40)
        await world.variants._look()
        await world.variants._of(first)  # asked before, and waited meanwhile
        return await world.ask()

    assert asyncio.run(all_of()) == "40, 40"


def test_a_question_whose_answer_failed_is_answered_in_the_shadow_too(world: World) -> None:
    dark = world.start(50, "dark", shadow=True)
    run = Run(Question("How much?", Scope(), top_k=8))
    for outcome in ("answered", "failed", "cancelled"):
        world.shadows.begin(run, Measured(outcome), dark, world.variants._shadowed)  # type: ignore[arg-type]
    assert world.shadows.begun == ["_answered", "_answered"]
