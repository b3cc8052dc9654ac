"""One monitoring: a window of live questions held against a reference, and what is to be said of it.

Nothing here holds a vector, an owner or a question's text beyond the window that is looked at: a `Found` is what
may be shown, kept and sent.
"""

import json
import math
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt

from app.runs.live import LiveRun, Nearest
from app.settings import MonitorSettings
from eval.live.drift import FEWEST, OUTLYING, Questions, drift
from eval.live.reference import Between, Kept, find, questions_of
from eval.live.shares import FEWEST_PEOPLE, Difference, Line, differences, line
from eval.live.topics import Group, groups
from vectorstore.language.words import STOPWORDS, rarity, stem, words
from vectorstore.state.cell import State
from vectorstore.types import DocumentId

NO_GROUP: Final = "(no group)"
AS_SET: Final = "(as the settings say)"
_UNANSWERED: Final = frozenset({"refused", "unsure"})
_WINDOWS: Final = 8
_TOPICS: Final = 10
_MOST_OF_IT: Final = 0.5
_HEADINGS: Final = 2
_WORDS: Final = 5
_CELL: Final = "monitor.json"


@dataclass(frozen=True, slots=True)
class Topic:
    """What several people asked. `near` are headings close to it, which need not answer it; `words` are theirs.

    `new` is the share of its questions that are unlike the reference; where it `is_new`, that is most of them, and more
    than chance makes of the window's share of such questions, with all topics counted (binomial over people). Of all questions about it, `share` is the part
    that is in it: that had no sure answer, or that is unlike the reference where those are grouped.
    """

    near: tuple[str, ...]
    words: tuple[str, ...]
    people: int
    questions: int
    refused: int
    unsure: int
    new: float
    share: float
    is_new: bool


@dataclass(frozen=True, slots=True)
class Found:
    """What one monitoring found. `p` is the chance of such a difference without drift, None where nothing was tested.

    `strange` are topics of what makes the difference, answered or not. `alarms` count findings by kind: drift,
    topics (new ones), shares (worse than in earlier windows), groups (that fare differently).
    """

    since: datetime
    until: datetime
    days: int
    now: Line
    embedder: str
    reference: str
    is_live: bool
    p: float | None
    units: tuple[int, int]
    strange: tuple[Topic, ...]
    topics: tuple[Topic, ...]
    history: tuple[Line, ...]
    groups: tuple[Line, ...]
    variants: tuple[Line, ...]
    changed: tuple[Difference, ...]
    unequal: tuple[Difference, ...]
    alarms: Mapping[str, int]
    notes: tuple[str, ...] = ()

    @property
    def has_alarms(self) -> bool:
        """Say whether there is anything to look at."""
        return any(self.alarms.values())

    def told(self) -> str:
        """Return it as JSON: figures, dates, names of groups, headings; no vector, no owner, no question."""
        return json.dumps(asdict(self), default=str, ensure_ascii=False, indent=2)

    def keep(self, state: State) -> None:
        """Write down for the service's metrics when this was, the p-value and how many findings there are."""
        kept = {"completed": int(self.until.timestamp()), "p": self.p, "alarms": dict(self.alarms)}
        with state.cell(_CELL).changing() as change:
            change.content = json.dumps(kept).encode()


@dataclass(frozen=True, slots=True)
class Sources:
    """What names topics: headings of runs and, where texts are allowed, their questions, each by the run's id."""

    nearest: Callable[[Collection[str]], Mapping[str, Sequence[Nearest]]]
    is_there: Callable[[str, DocumentId], bool]
    asked: Callable[[Collection[str]], Mapping[str, str]] | None = None


def monitor(
    between: Between, kept: Kept, sources: Sources, settings: MonitorSettings, *, until: datetime
) -> Found:
    """Look at the questions of the last days before `until`."""
    window, alarm = timedelta(days=settings.monitor_days), settings.monitor_alarm
    since = until - window
    live = list(between(until - _WINDOWS * window, until))
    now = [run for run in live if run.asked >= since]
    embedder = next((run.embedder for run in reversed(now) if run.vector is not None), "")
    held = find(kept, between, embedder, before=since, window=window)
    read_by = [run for run in now if run.vector is not None and run.embedder == embedder]
    questions = questions_of(read_by, embedder)
    tested = drift(questions, held.questions or Questions(questions.vectors[:0], ()))
    drifted = tested.p is not None and tested.p <= alarm
    looked_at = _Looked(read_by, questions, tested.new, sources, settings.monitor_least, alarm)
    unanswered = looked_at.topics([run.outcome in _UNANSWERED for run in read_by])
    before = [run for run in live if run.asked < since]
    changed = [each for each in differences({"this window": (now, before)}, alpha=alarm) if each.is_worse]
    by_group = _by(now, lambda run: run.groups or (NO_GROUP,))
    unequal = differences(_against_the_rest(now, by_group), alpha=alarm)
    return Found(
        since=since,
        until=until,
        days=settings.monitor_days,
        now=line("this window", now),
        embedder=embedder,
        reference=held.says,
        is_live=held.is_live,
        p=tested.p,
        units=tested.units,
        strange=looked_at.topics(looked_at.new.tolist()) if drifted else (),
        topics=unanswered,
        history=_history(live, until, window),
        groups=_lines(by_group),
        variants=_lines(_by(now, lambda run: (run.variant or AS_SET,))),
        changed=tuple(changed),
        unequal=tuple(unequal),
        alarms={
            "drift": int(drifted),
            "topics": sum(topic.is_new for topic in unanswered),
            "shares": len(changed),
            "groups": len(unequal),
        },
        notes=(*held.notes, *_notes(now, read_by, by_group, tested.p)),
    )


@dataclass(frozen=True, slots=True)
class _Looked:
    """The questions of the window that one embedder read; `new` says which are unlike the reference."""

    runs: Sequence[LiveRun]
    questions: Questions
    new: npt.NDArray[np.bool_]
    sources: Sources
    least: int
    alarm: float

    def topics(self, chosen: Sequence[bool]) -> tuple[Topic, ...]:
        """Group the chosen questions, the weightiest topic first."""
        rows = [row for row, wanted in enumerate(chosen) if wanted]
        found = groups(
            self.questions.vectors[rows],
            [self.questions.units[row] for row in rows],
            [bool(self.new[row]) for row in rows],
            self.questions.vectors[[row for row, wanted in enumerate(chosen) if not wanted]],
            least=self.least,
        )
        return tuple(
            self._topic([rows[place] for place in group.places], group, len(found))
            for group in found[:_TOPICS]
        )

    def _topic(self, rows: Sequence[int], group: Group, among: int) -> Topic:
        runs = [self.runs[row] for row in rows]
        outcomes = Counter(run.outcome for run in runs)
        return Topic(
            near=self._near(runs),
            words=self._words(runs),
            people=group.people,
            questions=len(runs),
            refused=outcomes["refused"],
            unsure=outcomes["unsure"],
            new=group.new,
            is_new=group.new >= _MOST_OF_IT and self._chance(group) * among <= self.alarm,
            share=group.share,
        )

    def _chance(self, group: Group) -> float:
        """Return how often as many of so many people would ask what is new, as the whole window does."""
        usual = max(float(self.new.mean()), OUTLYING)
        found = int(group.new * group.people)
        return sum(
            math.comb(group.people, k) * usual**k * (1 - usual) ** (group.people - k)
            for k in range(found, group.people + 1)
        )

    def _near(self, runs: Sequence[LiveRun]) -> tuple[str, ...]:
        """Return the headings that most of the people came near to, of documents that are still there."""
        nearest = self.sources.nearest([run.run for run in runs])
        people: dict[str, set[str]] = {}
        for run in runs:
            for found in nearest.get(run.run, ()):
                if self.sources.is_there(run.tenant, found.document):
                    name = " › ".join(dict.fromkeys((found.title, *found.headings)))
                    people.setdefault(name, set()).add(run.unit)
        return tuple(sorted(people, key=lambda name: (-len(people[name]), name))[:_HEADINGS])

    def _words(self, runs: Sequence[LiveRun]) -> tuple[str, ...]:
        """Return what so many people said, by how many and how rare it is: a word of one of them would tell of that one."""
        if self.sources.asked is None:
            return ()
        asked = self.sources.asked([run.run for run in runs])
        people: dict[str, set[str]] = {}
        written: dict[str, Counter[str]] = {}
        for run in runs:
            for word in words(asked.get(run.run, "")):
                if word not in STOPWORDS:
                    people.setdefault(stem(word), set()).add(run.unit)
                    written.setdefault(stem(word), Counter())[word] += 1
        shared = [each for each in people if len(people[each]) >= self.least]
        shared.sort(key=lambda each: (-len(people[each]) * rarity(each), each))
        return tuple(written[each].most_common(1)[0][0] for each in shared[:_WORDS])


def _history(live: Sequence[LiveRun], until: datetime, window: timedelta) -> tuple[Line, ...]:
    """Return a line for each window with questions, the newest first."""
    lines = []
    for place in range(_WINDOWS):
        end = until - place * window
        runs = [run for run in live if end - window <= run.asked < end]
        if runs:
            lines.append(line(f"{end - window:%Y-%m-%d} – {end:%m-%d}", runs))
    return tuple(lines)


def _by(runs: Sequence[LiveRun], names: Callable[[LiveRun], Sequence[str]]) -> dict[str, list[LiveRun]]:
    """Sort runs by their names, those out of which fewer than FEWEST_PEOPLE came left out."""
    found: dict[str, list[LiveRun]] = {}
    for run in runs:
        for name in names(run):
            found.setdefault(name, []).append(run)
    return {name: own for name, own in sorted(found.items()) if _people(own) >= FEWEST_PEOPLE}


def _lines(by_name: Mapping[str, Sequence[LiveRun]]) -> tuple[Line, ...]:
    """Return a line for each name; a single one says nothing beside the whole."""
    return tuple(line(name, runs) for name, runs in by_name.items()) if len(by_name) > 1 else ()


def _against_the_rest(
    now: Sequence[LiveRun], by_group: Mapping[str, Sequence[LiveRun]]
) -> dict[str, tuple[Sequence[LiveRun], Sequence[LiveRun]]]:
    return {
        name: (own, [run for run in now if name not in (run.groups or (NO_GROUP,))])
        for name, own in by_group.items()
    }


def _people(runs: Sequence[LiveRun]) -> int:
    return len({run.unit for run in runs})


def _notes(
    now: Sequence[LiveRun],
    read_by: Sequence[LiveRun],
    by_group: Mapping[str, Sequence[LiveRun]],
    p: float | None,
) -> list[str]:
    notes = []
    others = sum(run.vector is not None for run in now) - len(read_by)
    if others:
        notes.append(
            f"{others} questions were read by another embedder, and are left out of drift and topics."
        )
    if p is None:
        notes.append(f"Drift was not tested: it needs {FEWEST} people or conversations on either side.")
    names = {name for run in now for name in run.groups}
    if few := len(names - by_group.keys()):
        notes.append(f"{few} groups of fewer than {FEWEST_PEOPLE} people are not shown.")
    return notes
