"""Is the log as it was written? Names each line that was changed, removed or moved, and an end that was cut off."""

import os
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from app.audit.heads import ANCHOR, HEADS, Head, heads_in
from app.audit.log import START, Entry, Segment, entry_of, segments_of
from app.audit.pseudonyms import locked
from vectorstore.errors import BadInput, NotFound


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, and where: a file, and a line counted from 1 (0: the file as a whole)."""

    file: str
    line: int
    sentence: str

    def __str__(self) -> str:
        """Write it as editors read it."""
        return f"{self.file}:{self.line}: {self.sentence}" if self.line else f"{self.file}: {self.sentence}"


@dataclass
class Verified:
    """What was found. `first` and `last` are numbers of entries; `heads` of them were held against signed heads."""

    findings: list[Finding] = field(default_factory=list)
    entries: int = 0
    first: int = 0
    last: int = 0
    heads: int = 0
    key: str = ""
    torn: int = 0
    """How often a kill left half an entry, which was cut off and noted."""

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings


@dataclass
class _Chain:
    """How far the log has been read: the next entry's number, the hash it must name, where each entry stands."""

    expected: int
    previous: str | None
    stands: dict[int, str | None] = field(default_factory=dict)
    """The hash of each entry by its number; None where the line was changed."""
    gaps: list[tuple[Finding, range]] = field(default_factory=list)


def verify(folder: Path, *, head: Path | None = None, key: str = "") -> Verified:
    """Read the whole log of a folder and hold it against its signed heads, and those in a file kept elsewhere.

    `key` is the public key that heads must be signed with; without it, that of the file elsewhere, else the folder's own.
    Raises NotFound where there is no log, BadInput where the file holds no head.
    """
    if not folder.is_dir():
        raise NotFound(
            f"There is no audit log in {folder}.",
            "The service and the commands write one, unless FOOTNOTE_AUDIT=off.",
        )
    # A copy on a read-only volume has nobody who writes it.
    with locked(folder / "lock") if os.access(folder, os.W_OK) else nullcontext():
        segments = [(each, each.path.stat().st_size) for each in segments_of(folder)]
        heads = list(heads_in(folder / HEADS))
        anchors = list(heads_in(folder / ANCHOR))
    given = list(heads_in(head)) if head else []
    if head and not any(each for _, each in given):
        raise BadInput(
            f"There is no signed head in {head}.", "Give a file that FOOTNOTE_AUDIT_HEAD_FILE named."
        )
    sound = [each for _, each in (*given, *heads, *anchors) if each]
    found = Verified(key=key or (sound[0].key if sound else ""))
    anchor = _anchor(anchors, found)
    chain = _Chain(anchor.n + 1, anchor.hash) if anchor else _Chain(1, START)
    found.first = chain.expected
    for place, (segment, size) in enumerate(segments):
        follows = segments[place + 1][0] if place + 1 < len(segments) else None
        if anchor and follows and follows.first <= anchor.n + 1:
            continue  # dropped, and a kill came before the file went
        _read(segment, size, follows, chain=chain, found=found)
    found.last = chain.expected - 1
    found.findings += [gap for gap, numbers in chain.gaps if not all(n in chain.stands for n in numbers)]
    for name, listed in ((HEADS, heads), (str(head), given)):
        for line, each in listed:
            _hold(each, name, line, chain=chain, found=found)
    return found


def _anchor(anchors: list[tuple[int, Head | None]], found: Verified) -> Head | None:
    """Return what says where the log begins, if it is one and signed by the right key."""
    for line, each in anchors:
        if each and each.kind == "anchor" and each.key == found.key:
            return each
        found.findings.append(Finding(ANCHOR, line, "This anchor is not as it was signed."))
    return None


def _read(segment: Segment, size: int, follows: Segment | None, *, chain: _Chain, found: Verified) -> None:
    """Read one file of the log on from where the chain has come."""
    name = segment.path.name
    with segment.path.open("rb") as file:
        lines = file.read(size).split(b"\n")
    torn = lines.pop()
    if (
        lines
        and segment.first != chain.expected
        and (first := entry_of(lines[0]))
        and first.n != segment.first
    ):
        found.findings.append(Finding(name, 0, f"Its name says that it begins with entry {segment.first}."))
    last: Entry | None = None
    for number, line in enumerate(lines, start=1):
        last = entry_of(line)
        found.entries += 1
        if last is None:
            chain.stands.setdefault(chain.expected, None)
            found.findings.append(Finding(name, number, f"Entry {chain.expected} was changed."))
            chain.expected, chain.previous = chain.expected + 1, None
        else:
            _follow(last, name, number, chain=chain, found=found)
    if torn:
        sentence = "It ends in the middle of an entry: a process was killed, or the end was cut off."
        found.findings.append(Finding(name, len(lines) + 1, sentence))
    is_sealed = last is not None and last.facts.get("what") == "sealed"
    if follows is None and is_sealed:
        found.findings.append(
            Finding(name, len(lines), "The log goes on after this entry, and the next file is missing.")
        )
    elif follows and not is_sealed:
        found.findings.append(
            Finding(name, len(lines), "The file does not end as a finished one does: its end was cut off.")
        )


def _follow(entry: Entry, name: str, number: int, *, chain: _Chain, found: Verified) -> None:
    """Hold one entry against the one before it."""
    if entry.n in chain.stands or entry.n < chain.expected:
        where = (
            "stands here a second time" if entry.n in chain.stands else "stands here, and belongs further up"
        )
        found.findings.append(Finding(name, number, f"Entry {entry.n} {where}."))
        chain.stands.setdefault(entry.n, entry.hash)
        return
    if entry.n > chain.expected:
        numbers = range(chain.expected, entry.n)
        chain.gaps.append((Finding(name, number, f"{_entries(numbers)} missing before this line."), numbers))
    elif chain.previous is not None and entry.previous != chain.previous:
        found.findings.append(
            Finding(
                name, number, f"Entry {entry.n} does not follow from the one before it, which was replaced."
            )
        )
    found.torn += entry.facts.get("what") == "torn"
    chain.stands[entry.n] = entry.hash
    chain.expected, chain.previous = entry.n + 1, entry.hash


def _hold(head: Head | None, name: str, line: int, *, chain: _Chain, found: Verified) -> None:
    """Hold the log against a signed head."""
    if head is None:
        found.findings.append(Finding(name, line, "This head is not as it was signed."))
    elif head.key != found.key:
        found.findings.append(
            Finding(name, line, f"This head is signed with another key ({head.key[:16]}…).")
        )
    elif head.n >= chain.expected:
        cut = range(chain.expected, head.n + 1)
        sentence = f"The log had reached entry {head.n} at {head.at}: its end was cut off, {_entries(cut).lower()} missing."
        found.findings.append(Finding(name, line, sentence))
    elif head.n in chain.stands:
        found.heads += 1
        if chain.stands[head.n] not in {None, head.hash}:
            found.findings.append(
                Finding(name, line, f"Entry {head.n} is another than at {head.at}: the log was written anew.")
            )


def _entries(numbers: range) -> str:
    if len(numbers) == 1:
        return f"Entry {numbers[0]} is"
    return f"Entries {numbers[0]} to {numbers[-1]} are"
