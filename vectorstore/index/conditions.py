"""Whether a document meets the conditions of a `where`."""

from datetime import UTC, datetime
from typing import TypeAlias

from vectorstore.errors import BadInput
from vectorstore.types import Condition, Document, MetadataValue, Where

Single: TypeAlias = str | int | float | bool


def check(where: Where) -> None:
    """Raise BadInput for a condition with the wrong number or kind of values."""
    for condition in where:
        count = len(condition.values)
        right = {"eq": count == 1, "in": count >= 1, "prefix": count == 1, "range": count == 2}
        if not right.get(condition.op, False):
            raise BadInput(
                f"The condition on {condition.field!r} has {count} values, which {condition.op!r} cannot use.",
                "`eq` and `prefix` take one value, `in` one or more, `range` two of which either may be null.",
            )
        if condition.field == "modified":
            for value in condition.values:
                time_given(str(value))


def admits(where: Where, document: Document) -> bool:
    """Say whether all conditions hold."""
    return all(_holds(condition, document) for condition in where)


def moment_of(modified: datetime) -> str:
    """Return a time as it is compared."""
    return modified.astimezone(UTC).isoformat()


def time_given(value: str) -> str:
    """Return the time of a condition as it is compared; raises BadInput where it is none."""
    if len(value) <= len("2026-03-01"):
        return value
    try:
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
    except (ValueError, OverflowError) as error:
        raise BadInput(
            f"{value!r} is not a time.", "Write it as 2026-03-01 or 2026-03-01T09:30:00Z."
        ) from error


def matches(condition: Condition, item: Single) -> bool:
    """Say whether one value of a field, other than a time, meets the condition."""
    match condition.op:
        case "eq" | "in":
            return any(_same(item, value) for value in condition.values)
        case "prefix":
            return isinstance(item, str) and item.startswith(str(condition.values[0]))
        case "range":
            low, high = condition.values
            return (low is None or _at_most(low, item)) and (high is None or _at_most(item, high))


def _holds(condition: Condition, document: Document) -> bool:
    value = _value(condition.field, document)
    if isinstance(value, datetime):
        return _time_matches(condition, moment_of(value))
    if value is None:
        return False
    items = value if isinstance(value, tuple) else (value,)
    return any(matches(condition, item) for item in items)


def _value(field: str, document: Document) -> MetadataValue | datetime | None:
    match field:
        case "uri":
            return document.uri
        case "title":
            return document.title
        case "media_type":
            return document.media_type
        case "modified":
            return document.modified
        case _:
            return document.metadata.get(field)


def _same(item: Single, value: Single | None) -> bool:
    return isinstance(item, bool) == isinstance(value, bool) and item == value


def _at_most(low: Single, high: Single) -> bool:
    if isinstance(low, str) and isinstance(high, str):
        return low <= high
    if isinstance(low, str) or isinstance(high, str):
        return False
    return low <= high


def _time_matches(condition: Condition, moment: str) -> bool:
    """Compare as far as the given time goes, so that `2026-03` means the whole of March."""

    def cut(value: Single | None) -> tuple[str, str]:
        given = time_given(str(value))
        return moment[: len(given)], given

    match condition.op:
        case "eq" | "in" | "prefix":
            return any(here == given for here, given in map(cut, condition.values))
        case "range":
            low, high = condition.values
            after = low is None or cut(low)[0] >= cut(low)[1]
            return after and (high is None or cut(high)[0] <= cut(high)[1])
