"""What an ingest did, in numbers and in one line, and what it could not read."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any, Literal, TypeAlias

from vectorstore.language.detect import language_named
from vectorstore.settings import ENGLISH_ONLY
from vectorstore.types import Document

_TABLE_RULE = re.compile(r"^\|(?:[^\S\n]*+:?-++:?[^\S\n]*+\|)++[^\S\n]*+$", re.M)

Action: TypeAlias = Literal["add", "update", "move"]
"""What becomes of a document: new, replaced at its address, or the same under a new address."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A file that could not be ingested: a reason to count by, and one sentence what to do.

    The reason `skipped` is no failure: a file in a folder whose type is not supported.
    """

    uri: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about a document that a person should know; what is `urgent` is always shown."""

    uri: str
    message: str
    urgent: bool = False


def findings_of(document: Document) -> tuple[str, ...]:
    """Return what was found when a document was read."""
    found = document.metadata.get("findings", ())
    return found if isinstance(found, tuple) else (str(found),)


@dataclass(slots=True)
class Report:
    """What happened to every file. `chunks` were written, `embedded` of them had no vector yet."""

    added: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    moved: dict[str, str] = field(default_factory=dict)
    """New uri → old uri."""
    queued: list[str] = field(default_factory=list)
    """Documents that wait for a worker to do what is to be done with them."""
    unchanged: int = 0
    removed: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    """Files of a folder that are no documents, and why."""
    gone: list[str] = field(default_factory=list)
    """Documents of the searched folders whose file is gone: they stay, and answer, until a prune."""
    without_text: list[Failure] = field(default_factory=list)
    """Files in which there is nothing to read: empty, a title alone, a scan."""
    failed: list[Failure] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    near_duplicates: dict[str, dict[str, float]] = field(default_factory=dict)
    """A document that was written → those that say nearly the same, with the share of equal runs of words."""
    documents: dict[str, dict[str, int]] = field(default_factory=dict)
    """What was written, in numbers: pages, pages without text, characters, unreadable ones, tables, chunks."""
    languages: dict[str, int] = field(default_factory=dict)
    """How many documents were written in each language; "" where it could not be told."""
    chunks: int = 0
    embedded: int = 0
    tokens: int = 0
    """What an embedding server counted, and may charge for."""
    seconds: float = 0.0
    interrupted: bool = False

    def note_written(self, uri: str, action: Action, *, moved_from: str = "") -> None:
        """Count a document that is now in the index."""
        match action:
            case "add":
                self.added.append(uri)
            case "update":
                self.updated.append(uri)
            case "move":
                self.moved[uri] = moved_from

    def note_twins(self, uri: str, twins: Mapping[str, float]) -> None:
        """Note which documents say nearly the same as one that was written."""
        self.near_duplicates[uri] = dict(twins)
        other, share = max(twins.items(), key=lambda each: each[1])
        more = f", and {len(twins) - 1} more" if len(twins) > 1 else ""
        self.findings.append(Finding(uri, f"Says nearly the same as {other} ({share:.0%}){more}."))

    def note_failure(self, failure: Failure) -> None:
        """Count a file that is not."""
        if failure.reason == "skipped":
            self.skipped[failure.uri] = failure.message
        elif failure.reason == "no_text":
            self.without_text.append(failure)
        else:
            self.failed.append(failure)

    @property
    def is_clean(self) -> bool:
        """Say whether there is nothing that a person should look at."""
        return not (self.failed or self.without_text or self.findings or self.gone)

    def summary(self) -> str:
        """Say it in one line: `12 added, 240 unchanged, 1 without text (scan.pdf: No page …), 1 failed (…)`."""
        counts = {
            "added": len(self.added),
            "updated": len(self.updated),
            "moved": len(self.moved),
            "removed": len(self.removed),
            "queued": len(self.queued),
            "unchanged": self.unchanged,
            "skipped": len(self.skipped),
        }
        parts = [f"{count:,} {word}" for word, count in counts.items() if count]
        for word, failures in (("without text", self.without_text), ("failed", self.failed)):
            if failures:
                more = f"; and {len(failures) - 1} more" if len(failures) > 1 else ""
                first = f"{failures[0].uri}: {failures[0].message.rstrip('.')}"
                parts.append(f"{len(failures):,} {word} ({first}{more})")
        if self.tokens:
            parts.append(f"{self.tokens:,} tokens embedded")
        if self.near_duplicates:
            parts.append(f"{len(self.near_duplicates):,} nearly the same as another")
        line = "; ".join(filter(None, [", ".join(parts), gone_said(len(self.gone))])) or "nothing to do"
        return f"Interrupted; what was done is kept: {line}" if self.interrupted else line

    def as_json(self) -> dict[str, Any]:
        """Return plain values for `--json`."""
        return asdict(self)


def gone_said(count: int) -> str:
    """Say that documents stay whose files are gone, and what removes them; "" where there are none."""
    if count == 1:
        return "1 document's file is gone; --prune removes it"
    return f"{count:,} documents' files are gone; --prune removes them" if count else ""


_FEW = 3
"""Documents in other languages that are worth a word, where they are not most of all anyway."""


def language_of(document: Document) -> str:
    """Return the language that a document is in, or the first of several; "" where none is known or told apart."""
    said = document.metadata.get("language", "")
    return language_named(str(next(iter(said), "") if isinstance(said, tuple) else said))


def beyond(languages: Mapping[str, int], embedder: str) -> tuple[str, str]:
    """Say which documents an embedder that reads English only does not understand, and what to do; "" where none."""
    others = {code: count for code, count in languages.items() if code not in ("en", "")}
    count, total = sum(others.values()), sum(languages.values())
    if embedder not in ENGLISH_ONLY or not (count >= _FEW or 2 * count > total):
        return "", ""
    named = ", ".join(
        f"{many:,} {code}" for code, many in sorted(others.items(), key=lambda each: (-each[1], each[0]))
    )
    return (
        f"{count:,} of {total:,} documents {'is' if count == 1 else 'are'} not in English ({named}), the only language "
        f"that {embedder} reads: questions hardly find {'it' if count == 1 else 'them'}.",
        "Take FOOTNOTE_EMBEDDER out of the settings, since the default reads any language, and change the index over: "
        "footnote index reembed",
    )


@dataclass(frozen=True, slots=True)
class Inspection:
    """A document's text in numbers. Pages count from 1; `unreadable` is how many characters stand for lost ones."""

    characters: int
    characters_per_page: tuple[int, ...]
    pages_without_text: tuple[int, ...]
    tables: int
    unreadable: int

    def in_numbers(self) -> dict[str, int]:
        """Return it as a report counts it, page by page left out."""
        return {
            "pages": len(self.characters_per_page),
            "pages_without_text": len(self.pages_without_text),
            "characters": self.characters,
            "unreadable": self.unreadable,
            "tables": self.tables,
        }


def inspect(document: Document, text: str) -> Inspection:
    """Look at a document's extracted text."""
    per_page = tuple(len(text[start:end].strip()) for start, end in pairwise([*document.pages, len(text)]))
    return Inspection(
        characters=len(text),
        characters_per_page=per_page if document.pages else (),
        pages_without_text=tuple(number for number, count in enumerate(per_page, start=1) if not count),
        tables=len(_TABLE_RULE.findall(text)),
        unreadable=text.count("\ufffd"),
    )
