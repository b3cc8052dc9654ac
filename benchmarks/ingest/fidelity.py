"""How much of real documents comes through: words kept, words in order, tables cell by cell.

    python -m benchmarks.ingest.fidelity [--files 200|all] [--seed 1] [--formats docx,html,odt,epub,pdf-chromium,pdf-office]
        [--cache FOLDER] [--peers PYTHON] [--filings] [--worst 5]

Real files of ../shared/data/corpora rendered to other formats (benchmarks/ingest/rendered.py), and with `--filings` the
20 PDFs of ../shared/data/sec10q against the words that PDFium gives without any layout. Words are runs of letters and
digits after NFKC, in lower case. Each format tells

- kept: the share of the reference's words that are in what was read, however often each is there
- said: the same with what the parser left out on purpose and told
- order: the share of the body's words that are in a longest common subsequence; notes and captions have no order
- cells: the share of table cells that stand in one row with their neighbours, under the right header
- in row: the same under whatever header

Aims are 0.995, 0.99 and 0.98. Where a file falls short, the words lost from it are shown: `--worst` files a format.
A PDF may lack words that its printer lost: PDFium's plain text of it is the line below. `--peers` adds markitdown,
unstructured, pypdf and LangChain's loaders in the virtual environment of benchmarks/requirements.txt
(benchmarks/ingest/fidelity_peers.py).
"""

import argparse
import json
import re
import subprocess
import tempfile
import traceback
import unicodedata
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Final

from benchmarks.ingest.filings import raw_pages
from benchmarks.ingest.rendered import FORMATS, Reference, Table, rendered, sources
from ingest.extract import Unparsable
from ingest.parse.dispatch import parse
from ingest.settings import IngestSettings

ROOT: Final = Path(__file__).parents[2]
DATA: Final = ROOT / "../shared/data"
OWN: Final = "footnote"
LAYER: Final = "text layer"
WITHOUT_TABLES: Final = (LAYER, "pypdf", "langchain")
_WORD = re.compile(r"[^\W_]+")
_MARKS = str.maketrans("", "", "`*")
_PIPE = re.compile(r"(?<!\\)\|")
_RULE = re.compile(r"\|(?:\s*:?-+:?\s*\|)+\s*")
_LONGEST_SHOWN: Final = 90
_MOST_ALIGNED: Final = 30_000

Words = list[str]


@dataclass(frozen=True)
class Reading:
    """What was read of one file, by whom, or why nothing was."""

    text: str = ""
    left_out: str = ""
    error: str = ""


@dataclass
class Score:
    """Counts over the files of a format."""

    files: int = 0
    words: int = 0
    kept: int = 0
    said: int = 0
    body: int = 0
    order: int = 0
    cells: int = 0
    found: int = 0
    beside: int = 0
    errors: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: "Score") -> "Score":
        sums = {name: value + getattr(other, name) for name, value in vars(self).items()}
        return Score(**sums)

    @property
    def lost(self) -> int:
        return (self.words - self.kept) + (self.body - self.order) + (self.cells - self.found)


def words(text: str) -> Words:
    """Return the runs of letters and digits, in lower case, ligatures and full-width forms made plain.

    Marks of Markdown may stand within a word (`Name`s) and part none.
    """
    return _WORD.findall(unicodedata.normalize("NFKC", text).lower().translate(_MARKS))


def _steps(a: Words, b: Words) -> Iterator[int]:
    """Yield, after each word of `b`, a row of bits: 0 where the common subsequence grows with a word of `a`.

    Hyyrö's bit-parallel way: one addition of long integers for each word.
    """
    places: dict[str, int] = defaultdict(int)
    for at, word in enumerate(a):
        places[word] |= 1 << at
    whole = (1 << len(a)) - 1
    row = whole
    for word in b:
        both = row & places.get(word, 0)
        row = ((row + both) | (row - both)) & whole
        yield row


def common(a: Words, b: Words) -> int:
    """Return the length of a longest common subsequence."""
    last = deque(_steps(a, b), maxlen=1)
    return len(a) - last[0].bit_count() if last else 0


def unmatched(a: Words, b: Words) -> list[int]:
    """Return the places in `a` that are in no longest common subsequence (in one of several)."""
    rows = [(1 << len(a)) - 1, *_steps(a, b)]
    out: list[int] = []
    at, row = len(a) - 1, len(b)
    while at >= 0 and row:
        if rows[row] >> at & 1:
            out.append(at)
            at -= 1
        else:
            row -= 1
            if rows[row] >> at & 1:
                at -= 1
    return [*range(at + 1), *reversed(out)]


def losses(a: Words, b: Words) -> list[str]:
    """Return the longest runs of `a` that `b` has not, or has elsewhere, each with the words around it."""
    if max(len(a), len(b)) > _MOST_ALIGNED:
        return [f"lost anywhere: {' '.join((Counter(a) - Counter(b)).elements())[:_LONGEST_SHOWN]}"]
    runs: list[list[int]] = []
    for at in unmatched(a, b):
        if runs and runs[-1][-1] == at - 1:
            runs[-1].append(at)
        else:
            runs.append([at])
    missing = Counter(a) - Counter(b)
    shown = []
    for run in sorted(runs, key=len, reverse=True)[:4]:
        gone = sum(bool(missing[a[at]]) for at in run) > len(run) / 2
        before = " ".join(a[max(run[0] - 4, 0) : run[0]])
        lost = " ".join(a[at] for at in run)[:_LONGEST_SHOWN]
        after = " ".join(a[run[-1] + 1 : run[-1] + 4])
        shown.append(f"{'lost' if gone else 'elsewhere'} ({len(run)}): …{before} [{lost}] {after}…")
    return shown


def tables_in(text: str) -> list[Table]:
    """Return the Markdown tables of a text, header first."""
    found: list[Table] = []
    lines = text.split("\n")
    for above, line in pairwise(lines):
        if _RULE.fullmatch(line.strip()) and above.startswith("|"):
            found.append([_cells(above)])
        elif found and line.startswith("|") and (above.startswith("|")):
            found[-1].append(_cells(line))
    return found


def _cells(line: str) -> list[str]:
    return [cell.replace("\\|", "|") for cell in _PIPE.split(line.strip().strip("|"))]


def cells_found(wanted: Sequence[Table], found: Sequence[Table]) -> tuple[int, int, int]:
    """Return how many cells with words there are, how many stand in their row under their header, and in their row.

    Columns without any words do not count; one without a name is known by its place. Each row that was read serves
    one row of the reference.
    """
    rows: dict[str, list[tuple[int, int]]] = defaultdict(list)
    read = [[[" ".join(words(cell)) for cell in row] for row in table] for table in found]
    for at, table in enumerate(read):
        for line, row in enumerate(table):
            for cell in {*row} - {""}:
                rows[cell].append((at, line))
    used: set[tuple[int, int]] = set()
    total = good = beside = 0
    for table in wanted:
        plain = [[" ".join(words(cell)) for cell in row] for row in table]
        width = max(map(len, plain), default=0)
        plain = [row + [""] * (width - len(row)) for row in plain]
        kept = [column for column in range(width) if any(row[column] for row in plain)]
        for number, full in enumerate(plain):
            row = [full[column] for column in kept]
            header = [plain[0][column] for column in kept]
            places = Counter(
                place
                for cell, times in Counter(row).items()
                if cell
                for place in rows[cell]
                if place not in used
                for _ in range(min(times, read[place[0]][place[1]].count(cell)))
            )
            best, most = None, 0
            for place, _ in places.most_common(200):
                table_at, line = place
                if (line == 0) != (number == 0):
                    continue
                fits = _fits(row, header, read[table_at][line], read[table_at][0])
                if fits > most:
                    best, most = place, fits
            if best:
                used.add(best)
            total += sum(map(bool, row))
            good += most
            beside += max([most, *places.values()])
    return total, good, beside


def _fits(row: Sequence[str], header: Sequence[str], read: Sequence[str], above: Sequence[str]) -> int:
    fits = 0
    for at, (cell, name) in enumerate(zip(row, header, strict=True)):
        if not cell:
            continue
        columns = [column for column, title in enumerate(above) if title == name] if name else [at]
        fits += any(column < len(read) and read[column] == cell for column in columns)
    return fits


def score(reference: Reference, reading: Reading, *, tables: bool = True) -> Score:
    """Hold what was read against what is there."""
    body = words("\n".join(reference.body))
    if reading.error:
        cells = cells_found(reference.tables, [])[0] if tables else 0
        whole = body + words("\n".join(reference.aside))
        return Score(1, len(whole), body=len(body), cells=cells, errors=Counter([reading.error]))
    read = words(reading.text)
    wanted, has = Counter(body + words("\n".join(reference.aside))), Counter(read)
    said = has + Counter(words(reading.left_out))
    cells, found, beside = cells_found(reference.tables, tables_in(reading.text)) if tables else (0, 0, 0)
    return Score(
        1,
        wanted.total(),
        (wanted & has).total(),
        (wanted & said).total(),
        len(body),
        common(body, read),
        cells,
        found,
        beside,
    )


def read_by_footnote(path: Path) -> Reading:
    """Parse a file in this process; an exception that is no word on the file is told with its place."""
    try:
        extract = parse(path.read_bytes(), name=path.name, limits=IngestSettings().limits())
    except Unparsable as failure:
        return Reading(error=failure.reason)
    except Exception as error:  # noqa: BLE001 -- a fault of the parser's is what is looked for
        frame = traceback.extract_tb(error.__traceback__)[-1]
        return Reading(error=f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}")
    text = extract.text
    # a title is searched and shown; where it is the text's as well, it counts once
    if not text.lstrip("# ").startswith(extract.title):
        text = f"{extract.title}\n\n{text}"
    return Reading(text, "\n".join(each.text for each in extract.left_out))


def read_by_peers(python: str, files: Sequence[Path], cache: Path) -> dict[str, dict[Path, Reading]]:
    """Have peers read the same files, in a process of theirs; what they read is kept in the cache."""
    script = Path(__file__).with_name("fidelity_peers.py")
    done = subprocess.run(
        [python, str(script), str(cache / "peers")],
        input="\n".join(map(str, files)),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, dict[Path, Reading]] = defaultdict(dict)
    for line in done.stdout.splitlines():
        said = json.loads(line)
        text = Path(said["text"]).read_text(encoding="utf-8") if "text" in said else ""
        found[said["peer"]][Path(said["file"])] = Reading(text, error=said.get("error", ""))
    return found


def share(part: int, whole: int) -> str:
    return f"{part / whole:8.4f}" if whole else "       –"


def report(kind: str, who: str, total: Score) -> None:
    """Print one line of the table."""
    failed = "  ".join(f"{count} × {reason}" for reason, count in total.errors.most_common(3))
    said = share(total.said, total.words) if who == OWN else "        "
    cells = share(total.found, total.cells) + share(total.beside, total.cells)
    print(
        f"{kind:13}{who:13}{total.files:6}{share(total.kept, total.words)}{said}"
        f"{share(total.order, total.body)}{cells}  {failed}",
        flush=True,
    )


def held(
    kind: str,
    references: dict[Path, Reference],
    readings: dict[str, dict[Path, Reading]],
    *,
    worst: int,
) -> list[str]:
    """Print a format's lines of the table, and return what was lost from Footnote's worst files."""
    shown: list[str] = []
    for who, read in readings.items():
        scores = {
            path: score(references[path], read[path], tables=who not in WITHOUT_TABLES) for path in read
        }
        report(kind, who, sum(scores.values(), Score()))
        if who != OWN:
            continue
        for path in sorted(scores, key=lambda path: -scores[path].lost)[:worst]:
            each = scores[path]
            if not each.lost:
                break
            shown.append(
                f"{kind}: {path.name}  kept {each.kept} of {each.words}, in order {each.order} of {each.body}, "
                f"cells {each.found} of {each.cells}  {' '.join(each.errors)}"
            )
            body = words("\n".join(references[path].body))
            shown += [f"    {line}" for line in losses(body, words(read[path].text)) if not each.errors]
    return shown


def layer(path: Path) -> str:
    """Return the words of a PDF as PDFium gives them, without any layout."""
    return "\n".join(raw_pages(path))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--files", default="200", help="how many, or all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--formats", default=",".join(FORMATS))
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "footnote-fidelity")
    parser.add_argument("--peers", metavar="PYTHON")
    parser.add_argument("--filings", action="store_true")
    parser.add_argument("--worst", type=int, default=5)
    options = parser.parse_args()
    formats = [kind for kind in options.formats.split(",") if kind]
    count = None if options.files == "all" else int(options.files)
    cache = options.cache.resolve()
    chosen = sources((DATA / "corpora").resolve(), count, options.seed) if formats else []
    made, lost = rendered(chosen, formats, cache)
    print("  ".join(f"{number} {reason}" for reason, number in lost.items() if number))
    print(f"{'':32}{'kept':>8}{'said':>8}{'order':>8}{'cells':>8}{'in row':>8}")
    groups = {
        kind: {each.files[kind]: each.reference for each in made if kind in each.files} for kind in formats
    }
    if options.filings:
        filings = sorted((DATA / "sec10q/docs").resolve().glob("*.pdf"))
        groups["filings"] = {path: Reference([layer(path)]) for path in filings}
    shown: list[str] = []
    for kind, references in groups.items():
        readings = {OWN: {path: read_by_footnote(path) for path in references}}
        if kind.startswith("pdf"):
            readings[LAYER] = {path: Reading(layer(path)) for path in references}
        if options.peers:
            readings |= read_by_peers(options.peers, list(references), cache)
        shown += held(kind, references, readings, worst=options.worst)
    print("\n".join(["", *shown]))


if __name__ == "__main__":
    main()
