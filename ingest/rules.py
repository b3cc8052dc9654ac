"""What is known about a document beside its text: rules by path, its front matter, its side-car, flags.

The more specific wins: a flag over the side-car, the side-car over the front matter, the front matter over the
rules, a later rule over an earlier one. Tags add up. `readers` given as an empty list means everyone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from pathspec import GitIgnoreSpec
from pydantic import BaseModel, ConfigDict, Field

from ingest.discover import SIDE_CAR_SUFFIX, Source
from ingest.parse.metadata import plain_metadata
from vectorstore.errors import BadInput
from vectorstore.types import MetadataValue

_LARGEST_SIDE_CAR = 64_000


class Rule(BaseModel):
    """One `[[rules]]` table of `footnote.toml`: what holds for the documents whose path fits a pattern."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str = Field(
        description="gitignore-style pattern on the path inside the folder, or on the whole uri."
    )
    readers: tuple[str, ...] | None = Field(default=None, description="Groups that may read; [] is everyone.")
    tags: tuple[str, ...] = ()
    language: str | None = None
    collection: str | None = None

    @cached_property
    def _spec(self) -> GitIgnoreSpec:
        return GitIgnoreSpec.from_lines([self.path])

    def fits(self, source: Source) -> bool:
        """Say whether the rule is about this file."""
        return self._spec.match_file(source.relative) or self._spec.match_file(source.uri)


@dataclass(frozen=True, slots=True)
class Attributes:
    """What one origin says about a document; None and absent keys say nothing."""

    readers: frozenset[str] | None = None
    title: str = ""
    metadata: Mapping[str, MetadataValue] = field(default_factory=dict)

    def under(self, stronger: "Attributes") -> "Attributes":
        """Return both together: the stronger one wins, tags add up."""
        metadata = {**self.metadata, **stronger.metadata}
        tags = {**dict.fromkeys(_tags(self.metadata)), **dict.fromkeys(_tags(stronger.metadata))}
        if tags:
            metadata["tags"] = tuple(tags)
        readers = self.readers if stronger.readers is None else stronger.readers
        return Attributes(readers, stronger.title or self.title, metadata)


def ruled(source: Source, rules: Sequence[Rule]) -> Attributes:
    """Gather what the rules say about a file."""
    attributes = Attributes()
    for rule in rules:
        if rule.fits(source):
            attributes = attributes.under(
                attributes_from(rule.model_dump(exclude={"path"}, exclude_none=True))
            )
    return attributes


def side_car(path: Path) -> Attributes:
    """Read `<file>.meta.yaml` beside a file; nothing when there is none.

    Raises BadInput when it is too large, no YAML mapping, or names readers that are no list of names.
    """
    file = path.with_name(path.name + SIDE_CAR_SUFFIX)
    if file.is_symlink() or not file.is_file():
        return Attributes()
    if file.stat().st_size > _LARGEST_SIDE_CAR:
        raise BadInput(f"The side-car {file.name!r} is larger than 64 kB.", "Keep only metadata in it.")
    try:
        raw = yaml.safe_load(file.read_bytes()) or {}
    except yaml.YAMLError as error:
        raise BadInput(f"The side-car {file.name!r} is not valid YAML.", "Correct it.") from error
    if not isinstance(raw, dict):
        raise BadInput(f"The side-car {file.name!r} must hold `key: value` lines.", "Correct it.")
    return attributes_from(raw)


def attributes_from(raw: Mapping[Any, Any]) -> Attributes:
    """Turn the keys of a front matter, side-car or rule into attributes; what cannot be a value is left out.

    Raises BadInput when `readers` is no list of names. It must not be guessed: it opens or closes.
    """
    metadata = plain_metadata({key: value for key, value in raw.items() if key not in ("readers", "title")})
    if tags := metadata.get("tags"):
        metadata["tags"] = _names(tags)
    title = raw.get("title")
    return Attributes(_readers(raw), title if isinstance(title, str) else "", metadata)


def _readers(raw: Mapping[Any, Any]) -> frozenset[str] | None:
    value = raw.get("readers")
    if value is None and "readers" not in raw:
        return None
    if not isinstance(value, str | list | tuple) or not all(isinstance(name, str) for name in value):
        raise BadInput("`readers` is not a list of group names.", "Write it like: readers: [hr, board].")
    return frozenset(_names(value))


def _names(value: MetadataValue | list[str]) -> tuple[str, ...]:
    names = value if isinstance(value, list | tuple) else str(value).split(",")
    return tuple(name.strip() for name in names if name.strip())


def _tags(metadata: Mapping[str, MetadataValue]) -> tuple[str, ...]:
    return _names(metadata.get("tags", ()))
