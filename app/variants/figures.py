"""What the records say of a variant beside the settings: figures by group of users, and a verdict in plain words."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Final, Literal, TypeAlias

from app.runs.trials import Answered, Pair, Trials
from app.variants.sequential import ALPHA, FEWEST, Compared
from app.variants.sequential import Sequence as Sequential
from app.variants.standing import Variant, unit_of

Value: TypeAlias = Callable[[Answered], float | None]
Word: TypeAlias = Literal["better", "worse", "early", "open"]
DONE: Final = ("answered", "unsure", "refused", "done")
"""The outcomes of an answer that came to its end; any other is a failure's code."""
RATING: Final = Sequential(effect=0.1)
_SECOND: Final[dict[str, tuple[str, Value]]] = {
    "refused": ("refuses", lambda each: float(each.outcome == "refused") if each.outcome in DONE else None),
    "unsupported": (
        "writes sentences that the passages do not support",
        lambda each: 1 - each.supported / each.sentences if each.sentences else None,
    ),
    "failed": ("fails", lambda each: float(each.broke or each.outcome not in DONE)),
}
"""What must not grow, with the words for it. Who was answered by the settings since a variant broke saw no failure: it is one."""
GUARD: Final = Sequential(effect=0.05, alpha=ALPHA / len(_SECOND))
"""Each of them at a third of alpha: none of the three is seen to grow for no reason with more than ALPHA together. The
effect is half of the rating's: they are counted of every answer, and not only of those that somebody rates."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure of both groups: the settings first, then the variant."""

    name: str
    compared: Compared
    word: Word


@dataclass(frozen=True, slots=True)
class Arm:
    """What one group was given. Times and tokens are medians of an answer, None where there is none."""

    users: int
    answers: int
    first_ms: float | None
    total_ms: float | None
    tokens: float | None


@dataclass(frozen=True, slots=True)
class Report:
    """All that is known of one variant. `needed` are rated users in both groups for a difference of 0.1 in rating."""

    variant: Variant
    arms: tuple[Arm, Arm]
    measures: tuple[Measure, ...]
    verdict: str
    is_worse: bool
    needed: int = 0
    broken: int = 0
    overlap: float | None = None
    agreed: float | None = None

    def as_json(self) -> dict[str, object]:
        """Return it as plain JSON."""
        told = asdict(self) | {"variant": self.variant.model_dump(mode="json", exclude={"places"})}
        return told | {
            "arms": dict(zip(("settings", "variant"), map(asdict, self.arms), strict=True)),
            "measures": {
                each.name: {
                    "word": each.word,
                    **asdict(each.compared),
                    "difference": each.compared.difference,
                }
                for each in self.measures
            },
        }


def report(variant: Variant, trials: Trials) -> Report:
    """Read the records and judge; raises Unavailable."""
    return _of_pairs(variant, trials) if variant.shadow else _of_groups(variant, trials)


def _of_groups(variant: Variant, trials: Trials) -> Report:
    groups = _groups(trials.answered(variant.started, ["", variant.name]))
    settings, tried = groups[""], groups[variant.name]
    rating = _measure("rating", RATING.compared(*_by_user(_rating, settings, tried)), good=1)
    guards = [
        _measure(name, GUARD.compared(*_by_user(value, settings, tried)), good=-1)
        for name, (_, value) in _SECOND.items()
    ]
    users = rating.compared.users
    share = users[1] / sum(users) if not rating.compared.is_early else variant.share
    spread = rating.compared.means[0] * (1 - rating.compared.means[0])
    # Before there are enough the most that the spread can be is reckoned with.
    needed = RATING.needed(min(0.95, share), variance=0.25 if rating.compared.is_early else max(spread, 0.05))
    sentence, is_worse = _verdict(variant, rating, guards, needed)
    return Report(
        variant,
        (_arm(settings), _arm(tried)),
        (rating, *guards),
        sentence,
        is_worse,
        needed=needed,
        broken=sum(each.broke for each in tried),
    )


def _of_pairs(variant: Variant, trials: Trials) -> Report:
    pairs = trials.pairs(variant.started, variant.name)
    guards = [
        _measure(name, GUARD.paired(*_by_pair(value, pairs)), good=-1) for name, (_, value) in _SECOND.items()
    ]
    arms = _arm([each.shown for each in pairs]), _arm([each.other for each in pairs])
    worse = [each for each in guards if each.word == "worse"]
    if worse:
        said = f"WORSE: it {_words(worse)}. Stop it: footnote variants stop {variant.name}."
    elif any(each.compared.is_early for each in guards[:1]):
        said = f"Too early: {_so_far(guards[0].compared.users[1])} of the {FEWEST} users that a verdict needs at least."
    else:
        said = "Not seen to be worse. Whether people like it better only a share of them can say."
    overlaps = [each.overlap for each in pairs if each.overlap is not None]
    return Report(
        variant,
        arms,
        tuple(guards),
        said,
        bool(worse),
        overlap=sum(overlaps) / len(overlaps) if overlaps else None,
        agreed=sum(each.shown.outcome == each.other.outcome for each in pairs) / len(pairs)
        if pairs
        else None,
    )


def _groups(answers: Iterable[Answered]) -> dict[str, list[Answered]]:
    """Return the answers by variant; who was moved from one to another counts where they were first."""
    first: dict[str, str] = {}
    groups: dict[str, list[Answered]] = defaultdict(list)
    for each in answers:
        if first.setdefault(_unit(each), each.variant) == each.variant:
            groups[each.variant].append(each)
    return groups


def _by_user(value: Value, *groups: Sequence[Answered]) -> list[list[float]]:
    """Return for each group the means of its users."""
    return [list(_means((_unit(each), value(each)) for each in group)) for group in groups]


def _by_pair(value: Value, pairs: Sequence[Pair]) -> list[list[float]]:
    """Return the means of users for shown and other answers, of those pairs in which both have a value."""
    both = [pair for pair in pairs if value(pair.shown) is not None and value(pair.other) is not None]
    return _by_user(value, [pair.shown for pair in both], [pair.other for pair in both])


def _means(values: Iterable[tuple[str, float | None]]) -> Iterable[float]:
    held: dict[str, list[float]] = defaultdict(list)
    for unit, value in values:
        if value is not None:
            held[unit].append(value)
    return (sum(each) / len(each) for each in held.values())


def _unit(answered: Answered) -> str:
    return unit_of(answered.owner, answered.conversation)


def _rating(answered: Answered) -> float | None:
    return float(answered.rating == "up") if answered.rating else None


def _measure(name: str, compared: Compared, *, good: int) -> Measure:
    """Name what a comparison shows; `good` is the sign of a difference that is wanted."""
    word: Word = "open"
    if compared.is_early:
        word = "early"
    elif compared.low > 0:
        word = "better" if good > 0 else "worse"
    elif compared.high < 0:
        word = "worse" if good > 0 else "better"
    return Measure(name, compared, word)


def _arm(answers: Sequence[Answered]) -> Arm:
    def middle(values: Iterable[float | None]) -> float | None:
        known = [each for each in values if each is not None]
        return median(known) if known else None

    return Arm(
        len({_unit(each) for each in answers}),
        len(answers),
        middle(each.first_ms for each in answers),
        middle(each.total_ms for each in answers),
        middle(float(each.tokens) for each in answers),
    )


def _verdict(variant: Variant, rating: Measure, guards: Sequence[Measure], needed: int) -> tuple[str, bool]:
    name = variant.name
    worse = [each for each in guards if each.word == "worse"]
    found = rating.compared
    bounds = f"{abs(found.difference):.2f} in rating (between {found.low:+.2f} and {found.high:+.2f})"
    stop = f"Stop it: footnote variants stop {name}."
    if rating.word == "worse":
        also = f" It also {_words(worse)}." if worse else ""
        return f"WORSE by {bounds}.{also} {stop}", True
    if worse:
        liked = f" People rate it better, by {bounds}." if rating.word == "better" else ""
        return f"WORSE: it {_words(worse)}.{liked} {stop}", True
    if rating.word == "better":
        return f"BETTER by {bounds}. Promote it: footnote variants promote {name}.", False
    first, second = found.users
    if rating.word == "early":
        return (
            f"Too early: {_so_far(second)} of the variant and {_so_far(first)} of the settings rated; a verdict needs "
            f"{FEWEST} of each, and a difference of {RATING.effect:g} is found with about {needed:,} in all.",
            False,
        )
    left = max(0, needed - first - second)
    more = f"About {left:,} more rated users find" if left else "So many rated users would have found"
    return (
        f"No difference shown: {bounds}. {more} one of {RATING.effect:g} in four cases of five.",
        False,
    )


def _so_far(count: int) -> str:
    return f"{count:,} user{'' if count == 1 else 's'}"


def _words(worse: Sequence[Measure]) -> str:
    return " and ".join(
        f"{_SECOND[each.name][0]} more often (by {each.compared.low:.2f} to {each.compared.high:.2f})"
        for each in worse
    )
