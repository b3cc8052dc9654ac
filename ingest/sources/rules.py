"""What is known about a document beside its text: rules by path, its front matter, its side-car, flags.

The more specific wins: a flag over the side-car, the side-car over the front matter, the front matter over the
rules, a later rule over an earlier one. Tags add up.

Who may read is the operator's to say, by rules, side-cars and flags (`readers` given as an empty list: everyone).
The document's own text, its front matter, can only narrow that.
"""

import codecs
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from pathspec import GitIgnoreSpec
from pydantic import BaseModel, ConfigDict, Field

from ingest.extract import ACCOUNT
from ingest.parse.access import is_readers
from ingest.parse.metadata import plain_metadata
from ingest.sources.discover import Source
from vectorstore.errors import BadInput
from vectorstore.types import NOBODY, Document, MetadataValue, both

SAID_BY: Final = "readers_said_by"
"""The metadata that tells whose word a document's readers are, so that silence later does not undo it."""
_OPERATOR: Final = "operator"
_OURS: Final = frozenset(
    ["tenant", "uri", "findings", "found_on", "ocr_pages", "page_labels", ACCOUNT, SAID_BY]
)
"""Metadata that a document cannot set: it says what Footnote found out itself."""


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
    encoding: str | None = Field(
        default=None, description="Character encoding of text that is not UTF-8, such as cp1250."
    )

    @cached_property
    def _spec(self) -> GitIgnoreSpec:
        return GitIgnoreSpec.from_lines([self.path])

    def fits(self, source: Source) -> bool:
        """Say whether the rule is about this file."""
        return any(map(self._spec.match_file, filter(None, (source.relative, source.uri, source.known_as))))


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
            said = rule.model_dump(exclude={"path", "readers"}, exclude_none=True)
            attributes = attributes.under(attributes_from(said, readers=rule.readers))
    return attributes


def attributes_from(raw: Mapping[Any, Any], *, readers: Sequence[str] | None) -> Attributes:
    """Turn the keys of a front matter, side-car or rule into attributes; what cannot be a value is left out."""
    said = {str(key): value for key, value in raw.items() if key != "title" and not is_readers(str(key))}
    metadata = {key: value for key, value in plain_metadata(said).items() if key not in _OURS}
    if tags := metadata.get("tags"):
        metadata["tags"] = _names(tags)
    title = raw.get("title")
    groups = None if readers is None else frozenset(name.strip() for name in readers)
    return Attributes(groups, title if isinstance(title, str) else "", metadata)


def encoding_of(attributes: Attributes) -> str:
    """Return the encoding that a rule or side-car names; empty for none. Raises BadInput for one that is none."""
    named = str(attributes.metadata.get("encoding", ""))
    try:
        return codecs.lookup(named).name if named and "x".encode(named) is not None else ""
    except (LookupError, ValueError) as error:
        raise BadInput(
            f"There is no encoding {named[:60]!r}.", "Name one like cp1250, or leave it out."
        ) from error


@dataclass(frozen=True, slots=True)
class Readers:
    """Who may read a document: `groups`, everyone when empty. `note` is what a person should know about it."""

    groups: frozenset[str]
    by_operator: bool = False
    note: str = ""


def readers_of(document: Document) -> Readers:
    """Return who may read a document of the index, and by whose word."""
    return Readers(document.readers, document.metadata.get(SAID_BY) == _OPERATOR)


def said_by(readers: Readers) -> dict[str, MetadataValue]:
    """Return the metadata that keeps whose word the readers are."""
    return {SAID_BY: _OPERATOR} if readers.by_operator and readers.groups else {}


def decide(
    operator: frozenset[str] | None,
    document: frozenset[str] | None,
    *,
    before: Readers | None = None,
    override: bool = False,
) -> Readers:
    """Decide who may read: those whom the operator names, narrowed by whom the document itself names.

    None says nothing, an empty set everyone. Where nobody says anything any more, or the operator no longer does
    and did, the document keeps the readers that it had `before`: silence never opens. `override` lets the document
    itself decide where it speaks.
    """
    if override and document is not None:
        return Readers(document)
    if operator is None and before is not None and before.groups and (document is None or before.by_operator):
        kept = decide(before.groups, document)
        note = (
            f"Nothing says any more who may read it; it keeps its readers ({_list(before.groups)}). Name them in "
            "a side-car or rule, or open it with --acl ''."
        )
        return Readers(kept.groups, before.by_operator, kept.note or note)
    allowed, wanted = operator or frozenset(), document or frozenset()
    if not allowed or not wanted:
        return Readers(allowed or wanted, by_operator=bool(allowed))
    shared = both(allowed, wanted)
    if shared != NOBODY:
        return Readers(shared, by_operator=True)
    note = (
        f"Nobody may read it: its front matter names {_list(wanted)}, the rules, side-car or flags only "
        f"{_list(allowed)}. Change one of the two."
    )
    return Readers(NOBODY, by_operator=True, note=note)


def _list(groups: frozenset[str]) -> str:
    return ", ".join(sorted(groups))


def _names(value: MetadataValue | list[str]) -> tuple[str, ...]:
    names = value if isinstance(value, list | tuple) else str(value).split(",")
    return tuple(name.strip() for name in names if name.strip())


def _tags(metadata: Mapping[str, MetadataValue]) -> tuple[str, ...]:
    return _names(metadata.get("tags", ()))
