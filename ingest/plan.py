"""What an ingest is going to do: each file against the index, before anything is read or written."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path

from ingest.cut.chunk import CHUNKER, MOST_PASSAGES
from ingest.extract import suffix_of
from ingest.parse.dispatch import plugged_parsers
from ingest.parse.image import image_type
from ingest.report import Action, Failure, Finding, Report
from ingest.sources.discover import Discovery, Source
from ingest.sources.ledger import Ledger
from ingest.sources.roots import content_digest
from ingest.sources.rules import Attributes, Readers, Rule, attributes_from, encoding_of, ruled
from ingest.sources.shared import PastFailure
from ingest.sources.side_cars import SideCars
from vectorstore.errors import BadInput, FootnoteError
from vectorstore.types import both

VERSIONS = (CHUNKER, "parse-6")
"""Both change whenever the same file would give another text or other chunks."""
_SLASH = re.compile("/")
_MAY_PASS = frozenset({"unreadable", "replaced", "cancelled"})
"""Why a file was not taken in that says nothing of its content: it is tried again, though it has not changed."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What beside a file's own content decides its passages; a change re-ingests."""

    chunk_tokens: int
    chunk_overlap: int
    max_file_bytes: int
    max_passages: int
    tenant: str
    rules: tuple[Rule, ...] = ()
    ocr: str = ""
    """The languages that pages without a text layer are read in; empty when they are not."""
    override: bool = False
    """Whether front matter may also widen who reads, over rules."""
    groups: frozenset[str] | None = None
    """Those that a document's own text may name as its readers; None when it may name any."""


@dataclass(frozen=True, slots=True)
class Step:
    """One document to read and write.

    `rules` is what its front matter overrides, `flags` (side-car, command line) what overrides it.
    `moved_from` is the address that it replaces when the file has only moved. `kept` is who was to read a version that
    was replaced before it was read.
    """

    source: Source
    action: Action
    digest: str
    rules: Attributes
    flags: Attributes
    moved_from: str = ""
    kept: Readers | None = None
    trace: str = field(default="", compare=False)
    """The traceparent of what queued it; empty where nothing is traced."""


@dataclass(slots=True)
class Plan:
    """Every file's fate. `known` is how many documents the index holds under the ingested folders."""

    steps: list[Step] = field(default_factory=list)
    removals: list[str] = field(default_factory=list)
    standing: list[str] = field(default_factory=list)
    """Documents that are in the index as their files are."""
    gone: list[str] = field(default_factory=list)
    """Documents whose file is gone and that stay all the same."""
    looked_at: list[str] = field(default_factory=list)
    """What failed before and was looked for again: what does not fail this time has not failed any more."""
    findings: list[Finding] = field(default_factory=list)
    """What is known of documents that stand."""
    known: int = 0
    failed: list[Failure] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    duplicates: dict[str, str] = field(default_factory=dict)
    """A document → another one with the same content."""

    @property
    def unchanged(self) -> int:
        """How many documents are in the index as their files are."""
        return len(self.standing)

    def report(self) -> Report:
        """Begin a report with what is known before anything is read."""
        twins = [Finding(uri, f"Has the same content as {other}.") for uri, other in self.duplicates.items()]
        report = Report(
            unchanged=self.unchanged,
            skipped=dict(self.skipped),
            gone=list(self.gone),
            findings=[*self.findings, *twins],
        )
        for failure in self.failed:
            report.note_failure(failure)
        return report


def make_plan(
    found: Discovery,
    indexed: Mapping[str, str],
    *,
    recipe: Recipe,
    ledger: Ledger,
    prune: bool = False,
    retry_failed: bool = False,
) -> Plan:
    """Compare the files found with the index (uri → digest).

    `prune` also removes documents under the searched folders whose file is gone; a file that has only moved
    replaces its old address in any case. What failed before is not tried again until it changes, unless
    `retry_failed`.
    """
    plan = Plan(skipped=dict(found.passed_over))
    plan.failed = [Failure(uri, "unreadable", why) for uri, why in found.unreadable.items()]
    plan.failed += [Failure(uri, "metadata", why) for uri, why in found.orphans.items()]
    past = {} if retry_failed else ledger.failures
    for source in found.sources.values():
        try:
            step = _step(source, indexed, recipe=recipe, ledger=ledger, side_cars=found.side_cars)
        except FootnoteError as error:
            plan.failed.append(Failure(source.uri, "metadata", str(error)))
        except OSError as error:
            plan.failed.append(Failure(source.uri, "unreadable", f"It cannot be read ({error.strerror})."))
        else:
            _place(step, plan, indexed=indexed, past=past)
    vanished = _vanished(found, indexed, plan=plan)
    plan.steps = list(_with_moves(plan.steps, {content_of(indexed[uri]): uri for uri in vanished}))
    plan.duplicates = _duplicates(plan.steps, indexed, gone=vanished)
    moved = {step.moved_from for step in plan.steps}
    left = [uri for uri in vanished if uri not in moved]
    plan.removals, plan.gone = (left, []) if prune else ([], left)
    plan.looked_at = list(_searched(ledger.failures, found))
    return plan


def content_of(digest: str) -> str:
    """Return the part of a document's digest that its file's bytes decide."""
    return digest.partition("-")[0]


def _step(
    source: Source, indexed: Mapping[str, str], *, recipe: Recipe, ledger: Ledger, side_cars: SideCars
) -> Step:
    size = source.path.lstat().st_size
    if size > recipe.max_file_bytes:
        most = recipe.max_file_bytes // 1_000_000
        raise BadInput(
            f"The file has {size // 1_000_000} MB, more than {most}.", "Split it or raise max_file_mb."
        )
    rules, flags = _said(source, recipe=recipe, ledger=ledger, side_cars=side_cars)
    encoding_of(rules.under(flags))
    content = content_digest(source.path)
    step = Step(source, "update" if source.uri in indexed else "add", content, rules, flags)
    return replace(step, digest=digest_of(step, recipe))


def digest_of(step: Step, recipe: Recipe) -> str:
    """Return the digest of a step's document: of its file's bytes, and of all else here that decides its passages."""
    source, rules, flags = step.source, step.rules, step.flags
    circumstances: tuple[object, ...] = (
        *(VERSIONS, recipe.chunk_tokens, recipe.chunk_overlap, _plain(rules), _plain(flags)),
        *([recipe.ocr] if recipe.ocr and _has_pictures(source.path) else []),
        *(["override"] if recipe.override else []),
        *([sorted(source.readers)] if source.readers is not None else []),
        *([str(plugged)] if (plugged := plugged_parsers().get(suffix_of(source.path.name))) else []),
        *([recipe.max_passages] if recipe.max_passages != MOST_PASSAGES else []),
    )
    around = hashlib.sha256(json.dumps(circumstances, sort_keys=True).encode()).hexdigest()
    return f"{content_of(step.digest)[:40]}-{around[:16]}"


def _said(
    source: Source, *, recipe: Recipe, ledger: Ledger, side_cars: SideCars
) -> tuple[Attributes, Attributes]:
    """Return what the rules say of a file, and what its side-car and the flags do; it has no more readers than what holds it."""
    rules = ruled(source, recipe.rules)
    beside, given = side_cars.of(source.path), ledger.flags_of(source.uri)
    flags = attributes_from(beside.values, readers=beside.readers).under(
        Attributes(given.readers, metadata={"collection": given.collection} if given.collection else {})
    )
    if source.within is None:
        return rules, flags
    outer = _said(source.within, recipe=recipe, ledger=ledger, side_cars=side_cars)
    said = [
        each.readers for each in (outer[0].under(outer[1]), rules.under(flags)) if each.readers is not None
    ]
    readers = reduce(both, said) if said else None
    rules, flags = (
        replace(held, title="").under(own) for held, own in zip(outer, (rules, flags), strict=True)
    )
    return rules, replace(flags, readers=readers)


def _has_pictures(path: Path) -> bool:
    # not by its name, and without the whole of it
    with path.open("rb") as file:
        head = file.read(1_024)
    return b"%PDF-" in head or bool(image_type(head))


def _plain(attributes: Attributes) -> tuple[object, ...]:
    readers = None if attributes.readers is None else sorted(attributes.readers)
    return readers, attributes.title, dict(attributes.metadata)


def _place(step: Step, plan: Plan, *, indexed: Mapping[str, str], past: Mapping[str, PastFailure]) -> None:
    uri = step.source.uri
    failure = past.get(uri)
    if indexed.get(uri) == step.digest:
        plan.standing.append(uri)
    elif failure is None or failure.digest != step.digest:
        plan.steps.append(step)
    elif failure.reason == "skipped" and not step.source.named:
        plan.skipped[uri] = failure.message
    else:
        plan.failed.append(Failure(uri, failure.reason, failure.message))


def _vanished(found: Discovery, indexed: Mapping[str, str], *, plan: Plan) -> list[str]:
    """Return the indexed documents under the searched folders that have no file any more."""
    folders = tuple(found.folders)
    under = [uri for uri in indexed if uri.startswith(folders)]
    plan.known = len(under)
    return [uri for uri in _searched(under, found) if uri not in found.sources]


def _searched(uris: Iterable[str], found: Discovery) -> Iterator[str]:
    """Yield those of which this run knows whether their file is there."""
    folders, unreadable = tuple(found.folders), tuple(found.unreadable)
    for uri in uris:
        looked_for = uri in found.sources or uri.startswith(folders)
        if looked_for and not _stays(uri, found.excluded) and not uri.startswith(unreadable):
            yield uri


def _stays(uri: str, excluded: Set[str]) -> bool:
    """Say whether a document, or what holds it, was left out."""
    return uri in excluded or any(uri[: found.start()] in excluded for found in _SLASH.finditer(uri))


def _with_moves(steps: Sequence[Step], vanished: dict[str, str]) -> Iterator[Step]:
    for step in steps:
        old = vanished.pop(content_of(step.digest), "") if step.action == "add" else ""
        yield replace(step, action="move", moved_from=old) if old else step


def _duplicates(steps: Sequence[Step], indexed: Mapping[str, str], *, gone: Sequence[str]) -> dict[str, str]:
    """Return new and changed documents that have the same bytes as another document."""
    gone_uris = {*gone, *(step.source.uri for step in steps)}
    first = {content_of(digest): uri for uri, digest in indexed.items() if uri not in gone_uris}
    twins: dict[str, str] = {}
    for step in steps:
        other = first.setdefault(content_of(step.digest), step.source.uri)
        if other != step.source.uri:
            twins[step.source.uri] = other
    return twins


def remember(ledger: Ledger, plan: Plan, report: Report) -> None:
    """Note in the ledger which files failed, at which digest and since when, and forget those that no longer do."""
    digests = {step.source.uri: step.digest for step in plan.steps}
    before = dict(ledger.failures)
    for uri in (*digests, *plan.looked_at, *report.removed):
        ledger.failures.pop(uri, None)
    now = datetime.now(UTC).isoformat(timespec="minutes")
    skipped = [Failure(uri, "skipped", message) for uri, message in report.skipped.items()]
    for each in (*report.failed, *report.without_text, *skipped):
        old = before.get(each.uri)
        digest = digests.get(each.uri, old.digest if old else "")
        known = PastFailure("" if each.reason in _MAY_PASS else digest, each.reason, each.message, now)
        same = old is not None and replace(old, when=now) == known
        ledger.failures[each.uri] = old if old and same else known
