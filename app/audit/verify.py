"""Is the log as it was written? Names each line that was changed, removed or moved, and an end that was cut off."""

from dataclasses import dataclass, field
from pathlib import Path

from app.audit.entry import START, Entry, Page, entry_of
from app.audit.heads import ANCHOR, HEADS, Head, heads_in
from app.audit.journal import is_missing, missing_log, open_journal
from app.audit.row_log import END
from vectorstore.errors import BadInput
from vectorstore.state.cell import State
from vectorstore.state.files import FileCell, state_of


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, and where: a file or a table, and a line counted from 1 or a row's number (0: all of it)."""

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


def verify(place: State | Path, *, head: Path | None = None, key: str = "") -> Verified:
    """Read the whole log of a place and hold it against its signed heads, and those in a file kept elsewhere.

    `key` is the public key that heads must be signed with; without it, that of the file elsewhere, else the place's own.
    Raises NotFound where there is no log, BadInput where the file holds no head.
    """
    state = state_of(place)
    if is_missing(state):
        raise missing_log(state)
    # In this order: what is written meanwhile is no head without its entry, nor an end that the log has not reached.
    heads, anchors = list(heads_in(state.cell(HEADS))), list(heads_in(state.cell(ANCHOR)))
    journal = open_journal(state)
    noted = journal.noted_end()
    pages = journal.pages()
    reached = journal.noted_end()
    given = list(heads_in(FileCell(head))) if head else []
    if head and not any(each for _, each in given):
        raise BadInput(
            f"There is no signed head in {head}.", "Give a file that FOOTNOTE_AUDIT_HEAD_FILE named."
        )
    sound = [each for _, each in (*given, *heads, *anchors) if each]
    found = Verified(key=key or (sound[0].key if sound else ""))
    anchor = _anchor(anchors, found)
    chain = _Chain(anchor.n + 1, anchor.hash) if anchor else _Chain(1, START)
    found.first = chain.expected
    for page, follows in zip(pages, [*pages, None][1:], strict=True):
        if anchor and follows and follows.first <= anchor.n + 1:
            continue  # dropped, and a kill came before it went
        _read(page, follows, chain=chain, found=found)
    found.last = chain.expected - 1
    if noted and reached:
        _hold_end(*noted, reached=reached[0], chain=chain, found=found)
    elif state.database is not None:
        found.findings.append(Finding(END, 0, "The row that says where the log ends is gone."))
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


def _read(page: Page, follows: Page | None, *, chain: _Chain, found: Verified) -> None:
    """Read one piece of the log on from where the chain has come."""
    lines, torn = page.read()
    if (
        page.is_file
        and lines
        and page.first != chain.expected
        and (first := entry_of(lines[0][1]))
        and first.n != page.first
    ):
        found.findings.append(Finding(page.name, 0, f"Its name says that it begins with entry {page.first}."))
    if not page.is_file:  # rows before the first were dropped, and a kill came before they went
        lines = [each for each in lines if each[0] >= found.first]
    last: Entry | None = None
    for number, line in lines:
        last = entry_of(line)
        found.entries += 1
        if last is None:
            chain.stands.setdefault(chain.expected, None)
            found.findings.append(Finding(page.name, number, f"Entry {chain.expected} was changed."))
            chain.expected, chain.previous = chain.expected + 1, None
        else:
            _follow(last, page.name, number, chain=chain, found=found)
    if torn:
        sentence = "It ends in the middle of an entry: a process was killed, or the end was cut off."
        found.findings.append(Finding(page.name, len(lines) + 1, sentence))
    is_sealed = last is not None and last.facts.get("what") == "sealed"
    if not page.is_file:
        return
    if follows is None and is_sealed:
        found.findings.append(
            Finding(page.name, len(lines), "The log goes on after this entry, and the next file is missing.")
        )
    elif follows and not is_sealed:
        found.findings.append(
            Finding(
                page.name, len(lines), "The file does not end as a finished one does: its end was cut off."
            )
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


def _hold_end(n: int, end: str, *, reached: int, chain: _Chain, found: Verified) -> None:
    """Hold the log against what it said itself of its end, and how far that had come once the rows were counted."""
    if n >= chain.expected:
        cut = range(chain.expected, n + 1)
        sentence = f"The log had reached entry {n}: its end was cut off, {_entries(cut).lower()} missing."
        found.findings.append(Finding(END, 0, sentence))
    elif reached < chain.expected - 1 or chain.stands.get(n, end) not in {None, end}:
        found.findings.append(Finding(END, 0, f"It names entry {n}, and the log ends otherwise."))


def _entries(numbers: range) -> str:
    if len(numbers) == 1:
        return f"Entry {numbers[0]} is"
    return f"Entries {numbers[0]} to {numbers[-1]} are"
