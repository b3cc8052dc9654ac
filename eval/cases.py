"""The questions an evaluation asks: one JSON object a line."""

import json
import re
import tomllib
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
)

from vectorstore.errors import BadInput, NotFound
from vectorstore.text_file import numbered_lines, read_text
from vectorstore.types import DEFAULT_TENANT

Read = TypeVar("Read")

HARVESTED: Final = "harvested"
"""The tag of cases that people asked: they are asked again only when somebody has reviewed them."""


def load_quarantine(path: Path, *, known: Collection[str]) -> dict[str, str]:
    """Read a TOML file of `id = "reason"` lines; raises BadInput for an unknown id or one without a reason."""
    if not path.is_file():
        raise NotFound(f"There is no file {str(path)!r}.")
    try:
        entries = tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{path.name} cannot be read: {error}.") from error
    for name, reason in entries.items():
        if name not in known:
            raise BadInput(
                f"{path.name}: there is no case {name!r}.", "Take the line out, or correct the id."
            )
        if not isinstance(reason, str) or not reason.strip():
            raise BadInput(
                f"{path.name}: {name!r} stands there without a reason.",
                f'Write {name} = "why it is unstable, and where that is followed up".',
            )
    return entries


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Evidence(_Strict):
    """A passage that answers the question: `quote` stands in the document whose uri ends with `doc`."""

    doc: Annotated[str, Field(min_length=1)]
    quote: str = ""


class Nugget(_Strict):
    """A fact that a good answer holds."""

    text: Annotated[str, Field(min_length=1)]
    vital: bool = True


class Turn(_Strict):
    """One earlier message of the conversation; `content`, as OpenAI calls it, is read as `text`."""

    role: Literal["user", "assistant"]
    text: str = Field(validation_alias=AliasChoices("text", "content"))


class Sight(_Strict):
    """Whose documents answer a case: a tenant's, those for everybody and those for these groups, and no others."""

    tenant: Annotated[str, Field(min_length=1)] = DEFAULT_TENANT
    groups: tuple[str, ...] = ()


class Case(_Strict):
    """One question. Only `id` and `question` are required; what is missing makes its metrics not applicable.

    Without a `scope` it is asked over all documents. `note` is for whoever reviews it, and never scored.
    """

    id: Annotated[str, Field(min_length=1)]
    question: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
    answerable: bool = True
    reference: str = ""
    evidence: tuple[Evidence, ...] = ()
    nuggets: tuple[Nugget, ...] = ()
    must_include: tuple[str, ...] = ()
    must_not_include: tuple[str, ...] = ()
    history: tuple[Turn, ...] = ()
    tags: tuple[str, ...] = ()
    group: str = ""
    critical: bool = False
    reviewed: bool = False
    scope: Sight | None = None
    note: str = ""

    @field_validator("must_include", "must_not_include")
    @classmethod
    def _compiles(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{pattern!r} is not a regular expression: {error}") from error
        return patterns


def load_cases(path: Path) -> list[Case]:
    """Read a JSONL file; raises BadInput naming the line for anything that does not fit."""
    if not path.is_file():
        raise NotFound(f"There is no file {str(path)!r}.", "Give the questions with --data cases.jsonl.")
    cases: dict[str, Case] = {}
    for number, line in numbered_lines(read_text(path)):
        case = parsed_line(line, f"{path.name}, line {number}", Case.model_validate)
        if case.id in cases:
            raise BadInput(f"{path.name}, line {number}: the id {case.id!r} is used twice.")
        cases[case.id] = case
    return list(cases.values())


def parsed_line(line: str, place: str, read: Callable[[Any], Read]) -> Read:
    """Read what a line of JSON Lines holds; raises BadInput that names the place where it is none, or not what is read."""
    try:
        return read(json.loads(line))
    except json.JSONDecodeError as error:
        raise BadInput(f"{place}: not JSON ({error.msg}).") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the object"
        raise BadInput(f"{place}: {where}: {first['msg'].lower()}.") from error
