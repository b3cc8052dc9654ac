"""D10: whatever is done to a store, in whatever order, it holds what a dictionary would hold."""

import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.vectorstore.sample import SPACE, find, put, sample
from vectorstore.errors import NotFound
from vectorstore.index.projection import codes
from vectorstore.index.store import IndexStore
from vectorstore.index.upkeep import IndexUpkeep
from vectorstore.open import open_store, open_upkeep
from vectorstore.settings import StoreSettings
from vectorstore.types import Generation

NAMES = st.sampled_from([f"{letter}.md" for letter in "abcdef"])
VERSIONS = st.integers(0, 3)
PLACES = st.integers(0, 1000)
State = dict[str, int]


def text_of(name: str, version: int) -> str:
    return f"Document {name[0]} in version {version}. It has more than one sentence."


class IndexMachine(RuleBasedStateMachine):
    """The model is a list of states, one per generation; erasure and compaction change the past too."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.states: dict[int, State] = {0: {}}
        self.newest = 0
        self.store = self._open()
        # Not from nothing: Hypothesis switches rules off at random, and most need something to work on.
        self.commit(changes=[("a.md", 0), ("b.md", 1)], fails=False)

    def _open(self) -> IndexStore:
        return open_store(StoreSettings(data_dir=self.folder / "data"), SPACE)

    def _publish(self, state: State) -> None:
        self.newest += 1
        self.states[self.newest] = state

    @property
    def now(self) -> State:
        return self.states[self.newest]

    @rule(changes=st.lists(st.tuples(NAMES, st.none() | VERSIONS), max_size=4), fails=st.booleans())
    def commit(self, changes: list[tuple[str, int | None]], fails: bool) -> None:
        state, touched = dict(self.now), False
        try:
            with self.store.draft() as draft:
                for name, version in changes:
                    if version is None:
                        assert draft.remove(tenant="default", uri=name) == (name in state)
                        touched |= name in state and name in self.now
                        state.pop(name, None)
                    else:
                        put(draft, sample(name, text_of(name, version)))
                        touched |= name in self.now
                        state[name] = version
                if fails:
                    raise RuntimeError
        except RuntimeError:
            return
        if touched or state != self.now:
            self._publish(state)

    @rule(name=NAMES, version=VERSIONS)
    def put_one(self, name: str, version: int) -> None:
        self.commit(changes=[(name, version)], fails=False)

    @rule(name=NAMES)
    def remove_one(self, name: str) -> None:
        self.commit(changes=[(name, None)], fails=False)

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = self._open()

    @rule()
    def lose_projections(self) -> None:
        self.store.close()
        for path in (self.folder / "data").glob("dense*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        self.store = self._open()

    @rule(back=st.integers(0, 5))
    def roll_back(self, back: int) -> None:
        to = self.newest - back
        if to not in self.states or not self.newest:
            with pytest.raises(NotFound):
                self.store.rollback(Generation(to if to not in self.states else 99))
            return
        state = dict(self.states[to])
        assert self.store.rollback(Generation(to)) == self.newest + 1
        self._publish(state)

    @precondition(lambda self: self.newest > 0)
    @rule(keep=st.integers(1, 4))
    def compact(self, keep: int) -> None:
        open_upkeep(StoreSettings(data_dir=self.folder / "data")).compact(keep=keep)
        for number in sorted(self.states)[:-keep]:
            del self.states[number]

    @precondition(lambda self: self.now)
    @rule(which=PLACES)
    def erase(self, which: int) -> None:
        name = sorted(self.now)[which % len(self.now)]
        certificate = open_upkeep(StoreSettings(data_dir=self.folder / "data")).erase([name])
        assert certificate.left == ()
        for state in self.states.values():
            state.pop(name, None)
        self._publish(dict(self.now))

    @invariant()
    def newest_is_as_in_the_model(self) -> None:
        with self.store.snapshot() as snapshot:
            assert snapshot.generation == self.newest
            found = {hit.chunk.text.strip() for hit in find(snapshot, "document version", limit=100)}
            texts = {text_of(name, version) for name, version in self.now.items()}
            assert found == {part.strip() + "." for text in texts for part in text.split(".") if part.strip()}
            assert len(snapshot.digests(tenant="default")) == len(self.now) == snapshot.info().documents

    @rule(which=PLACES)
    def any_kept_generation_is_as_in_the_model(self, which: int) -> None:
        number = sorted(self.states)[which % len(self.states)]
        with self.store.snapshot(Generation(number)) as snapshot:
            state = self.states[number]
            assert set(snapshot.digests(tenant="default")) == set(state)
            for name, version in state.items():
                best = next(hit for hit in find(snapshot, text_of(name, version)) if hit.document.uri == name)
                assert snapshot.text(best.document.id) == text_of(name, version)

    @rule()
    def verify(self) -> None:
        assert IndexUpkeep(self.store).verify().damage == ()

    def teardown(self) -> None:
        if hasattr(self, "store"):
            assert IndexUpkeep(self.store).verify().damage == ()
            self.store.close()
            shutil.rmtree(self.folder, ignore_errors=True)


QUICK = settings(
    max_examples=6,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)


@pytest.mark.parametrize("coded", [False, True])
def test_store_behaves_like_a_dictionary(coded: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if coded:
        monkeypatch.setattr(codes, "CODED_FROM", 4)
    run_state_machine_as_test(IndexMachine, settings=QUICK)


def steps(machine: IndexMachine, chance: random.Random) -> Iterator[Callable[[], None]]:
    """Yield steps for ever. Hypothesis itself ends long runs early, most of them after a few hundred steps."""

    def change() -> tuple[str, int | None]:
        return chance.choice("abcdef") + ".md", chance.choice([None, 0, 1, 2, 3])

    while True:
        several = [change() for _ in range(chance.randrange(5))]
        name, version = change()
        choices: list[Callable[[], None]] = [
            partial(machine.commit, changes=several, fails=chance.random() < 0.5),
            partial(machine.put_one, name=name, version=version or 0),
            partial(machine.remove_one, name=name),
            machine.reopen,
            machine.lose_projections,
            partial(machine.roll_back, back=chance.randrange(6)),
            partial(machine.any_kept_generation_is_as_in_the_model, which=chance.randrange(1000)),
            machine.verify,
        ]
        if machine.newest > 0:
            choices.append(partial(machine.compact, keep=chance.randrange(1, 5)))
        if machine.now:
            choices.append(partial(machine.erase, which=chance.randrange(1000)))
        yield chance.choice(choices)


def walk(seed: int, *, count: int) -> None:
    machine = IndexMachine()
    try:
        machine.begin()
        for step in islice(steps(machine, random.Random(seed)), count):
            step()
            machine.newest_is_as_in_the_model()
    finally:
        machine.teardown()


def test_store_behaves_like_a_dictionary_on_a_walk() -> None:
    walk(1, count=60)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(50))
def test_store_behaves_like_a_dictionary_for_two_thousand_steps(seed: int) -> None:
    walk(seed, count=2_000)
