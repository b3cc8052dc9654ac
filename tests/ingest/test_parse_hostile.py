"""Damaged and malicious files: each costs itself, is named with a reason, and the others are read."""

import re
import resource
import socket
import threading
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from ingest.confined.pool import ParserPool
from ingest.extract import Extract, Limits, ParseFailure, Unparsable
from ingest.extract import own_error as told_as_own
from ingest.parse.dispatch import PARSERS, parse
from tests.ingest.hostile import bombs, encodings, entities, healthy, mutations, seeds
from tests.ingest.limits import limits

TIGHT = limits(cpu_seconds=4, wall_seconds=8, max_text_chars=1_000_000)
HEALTHY_EVERY = 4
ROOT = Path(__file__).parents[2]


def outcomes(
    files: Iterable[tuple[str, bytes]],
    folder: Path,
    *,
    limits: Limits = TIGHT,
    pool: ParserPool | None = None,
) -> Iterator[tuple[str, Extract | ParseFailure]]:
    """Parse files as they are made; each is deleted again, so that ten thousand need no room."""

    def written() -> Iterator[tuple[str, Path]]:
        for name, data in files:
            path = folder / name
            path.write_bytes(data)
            yield name, path

    with nullcontext(pool) if pool else ParserPool(2, limits) as opened:
        for name, outcome in opened.parse_all(written()):
            (folder / name).unlink()
            yield name, outcome


def check_spans(extract: Extract) -> None:
    after = 0
    for block in extract.blocks:
        assert after <= block.span.start < block.span.end <= len(extract.text)
        assert extract.text[after : block.span.start].strip() == ""
        after = block.span.end
    assert after == len(extract.text)


def own_error(data: bytes, name: str, *, limits: Limits = TIGHT) -> str:
    """Return the error and its place where a parser of ours breaks on a file; empty where it reads or refuses it.

    An error that a library raises tells of the file, and so does text that cannot be decoded.
    """
    try:
        parse(data, name=name, limits=limits)
    except (Unparsable, UnicodeError, MemoryError, RecursionError):
        return ""
    except Exception as error:  # noqa: BLE001 -- whatever it is, its place is what is looked for
        frame = traceback.extract_tb(error.__traceback__)[-1]
        path = Path(frame.filename)
        if path.is_relative_to(ROOT) and "site-packages" not in path.parts:
            return f"{path.relative_to(ROOT)}:{frame.lineno} {type(error).__name__}: {error}"
    return ""


def check_mutations(count: int, folder: Path, *, seed: int = 1) -> None:
    reasons: Counter[str] = Counter()
    ours: Counter[str] = Counter()
    waiting: dict[str, bytes] = {}

    def kept() -> Iterator[tuple[str, bytes]]:
        for name, data in mutations.mutated(count, seed=seed):
            waiting[name] = data
            yield name, data

    for name, outcome in outcomes(kept(), folder):
        data = waiting.pop(name)
        if isinstance(outcome, Extract):
            check_spans(outcome)
            reasons["ok"] += 1
            continue
        assert len(outcome.message) > 20, name
        reasons[outcome.reason] += 1
        # what a worker has told in time is safe to be asked again here, where an error has its place
        if outcome.reason not in ("timeout", "out_of_memory") and (place := own_error(data, name)):
            ours[place] += 1
    print(
        f"seed {seed}: {dict(reasons)}",
        *(f"{times} × {place}" for place, times in ours.most_common()),
        sep="\n",
    )
    assert reasons.total() == count
    assert not ours, "an error of ours is told as the file's fault"
    assert reasons["ok"] > count / 4  # damage that a reader would hardly see must not lose the file
    assert reasons["crashed"] == reasons["timeout"] == 0
    assert reasons["out_of_memory"] <= count / 100


def test_every_type_that_is_read_has_a_file_to_be_damaged() -> None:
    assert set(PARSERS) - set(seeds.types().values()) == set()


def test_mutated_files_end_as_text_or_with_a_reason(tmp_path: Path) -> None:
    check_mutations(200, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(1, 11))
def test_ten_thousand_mutated_files_end_as_text_or_with_a_reason(tmp_path: Path, seed: int) -> None:
    check_mutations(1_000, tmp_path, seed=seed)


def check_bombs(chosen: list[bombs.Bomb], folder: Path) -> None:
    def files() -> Iterator[tuple[str, bytes]]:
        for at, bomb in enumerate(chosen):
            yield bomb.name, bomb.make()
            if at % HEALTHY_EVERY == 0:
                yield f"healthy-{at}.md", healthy.markdown()

    # made beforehand: what the parent grows by must be the pool's doing alone
    made = [(name, data) for name, data in files()]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = dict(outcomes(made, folder))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert set(found) == {name for name, _ in made}
    assert all(isinstance(outcome, Extract) for name, outcome in found.items() if name.startswith("healthy"))
    assert grown <= 50 * 1024


# the quick run leaves out those that only end when their processor time does
QUICK = [
    bomb for bomb in bombs.few() if not bomb.name.endswith(("fan-out.pdf", "operators.pdf", "flate.pdf"))
]


def test_bombs_cost_only_themselves(tmp_path: Path) -> None:
    check_bombs(QUICK, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("part", range(3))
def test_sixty_bombs_cost_only_themselves(tmp_path: Path, part: int) -> None:
    chosen = bombs.many()
    assert len(chosen) >= 60
    chosen = chosen[part::3]
    for start in range(0, len(chosen), 8):
        check_bombs(chosen[start : start + 8], tmp_path)


def test_documents_cannot_make_the_parser_read_files_or_call_addresses(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("canary-7f3a")
    called = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        files = list(entities.asking_files(secret, address))
        assert len(files) >= 40
        for name, outcome in outcomes(files, tmp_path):
            if isinstance(outcome, Extract):
                assert "canary-7f3a" not in outcome.text, name
        try:
            server.accept()
            called.set()
        except TimeoutError:
            pass
    assert not called.is_set()


@pytest.fixture(scope="module")
def one_pool() -> Iterator[ParserPool]:
    with ParserPool(1, TIGHT) as opened:
        yield opened


@pytest.mark.parametrize("encoding", encodings.ENCODINGS)
def test_text_in_old_encodings_is_read_or_refused_and_never_garbled(
    encoding: str, one_pool: ParserPool, tmp_path: Path
) -> None:
    files = dict(encodings.broken_forms(encoding))
    given = ((name, form.data) for name, form in files.items())
    for name, outcome in outcomes(given, tmp_path, pool=one_pool):
        form = files[name]
        if isinstance(outcome, ParseFailure):
            assert outcome.reason in ("encoding", "unsupported", "no_text"), name
            assert not form.must_read, name
        elif form.must_read:
            assert form.text in outcome.text, name
        elif form.text.strip() not in outcome.text and not form.is_prefix_of(outcome.text):
            assert outcome.findings, f"{name}: read wrongly, and silently"
            assert outcome.text.count("\ufffd") <= 0.05 * len(outcome.text), name


def harmed(name: str, part: str, old: str, new: str) -> bytes:
    """Return a healthy file, in one part of which (all of it for "") something is exchanged; "" takes the part out."""
    data = seeds.SEEDS[name]()
    if not part:
        return re.sub(old.encode(), new.encode(), data, count=1)
    parts = seeds.parts_of(data)
    text = parts.pop(part).decode()
    if old:
        changed = re.sub(old, new, text, count=1, flags=re.S)
        assert changed != text
        parts[part] = changed.encode()
    return healthy.zipped(parts)


SHEET, CONTENT, SLIDE, NUMBERING = (
    "xl/worksheets/sheet1.xml",
    "content.xml",
    "ppt/slides/slide1.xml",
    "word/numbering.xml",
)


SHARED = (
    '<row r="9"><c r="A9"><f t="shared" si="0" ref="A9:A10">((B1+&quot;x</f></c></row>'
    '<row r="10"><c r="?"><f t="shared" si="0"/></c></row><row r="11"><c r="A11"><f t="shared" si="x"/></c></row>'
)


@pytest.mark.parametrize(
    ("name", "part", "old", "new", "said"),
    [
        ("b.xlsx", SHEET, '<c r="A2"', '<c r="?!"', "name no place"),
        ("b.xlsx", SHEET, '<c r="A2"', '<c r="ZZZZZZZ2"', "name no place"),
        ("b.xlsx", SHEET, '<row r="3"', '<row r="x"', ""),
        ("b.xlsx", SHEET, '<row r="3"', '<row r="1"', "not numbered in order"),
        ("b.xlsx", SHEET, '<row r="3"', '<row r="99999999999"', "not numbered in order"),
        ("b.xlsx", SHEET, "<v>2</v>", "<v>999</v>", "left empty"),
        ("b.xlsx", SHEET, "<v>2</v>", "<v>-7</v>", "left empty"),
        ("b.xlsx", SHEET, "<v>2</v>", "<v>x</v>", "left empty"),
        ("b.xlsx", SHEET, '<c r="A2"', '<c s="-9" r="A2"', ""),
        ("b.xlsx", SHEET, "<sheetData>", '<cols><col min="x" max="y" hidden="1"/></cols><sheetData>', ""),
        ("b.xlsx", SHEET, '(<row r="4".{9}).*', r"\1", "rest after row 3"),
        ("b.xlsx", "xl/styles.xml", "(.{90}).*", r"\1", "formats of the cells are damaged"),
        ("a.ods", CONTENT, "<table:table-cell ", '<table:table-cell table:number-columns-repeated="x" ', ""),
        ("a.ods", CONTENT, "<table:table-row>", '<table:table-row table:number-rows-repeated="²">', ""),
        ("a.odt", CONTENT, r'outline-level="\d"', 'outline-level="x"', ""),
        ("a.pptx", SLIDE, "", "", "Slide 1 is missing"),
        ("a.pptx", SLIDE, "(.{500}).*", r"\1", "Slide 1 is missing"),
        ("a.docx", NUMBERING, 'w:ilvl="0"', 'w:ilvl="x"', ""),
        ("a.docx", NUMBERING, "(.{500}).*", r"\1", "word/numbering.xml"),
        ("a.docx", "docProps/core.xml", "(.{300}).*", r"\1", "docProps/core.xml"),
        ("a.odt", "meta.xml", "(.{60}).*", r"\1", "meta.xml"),
        ("a.ods", "meta.xml", "(.{60}).*", r"\1", "meta.xml"),
        ("a.epub", "OEBPS/p.opf", 'idref="[^"]*"', 'idref="gone"', "is missing: gone"),
        ("a.epub", "OEBPS/c0.xhtml", "", "", "is missing: c0.xhtml"),
        ("a.rtf", "", r"\\par ", r"\\par \\u9999999999?", ""),
        ("b.xlsx", SHEET, "</sheetData>", f"{SHARED}</sheetData>", ""),
        ("a.eml", "", "(?m)^Date:.*$", "Date: Thu, 1 Jan 1970 00:00:00 +99999999", ""),
        ("a.eml", "", "(?m)^Date:.*$", "Date: 1 Jan 99999999999999999999 00:00 -0000", ""),
        ("a.eml", "", "(?m)^Date:.*$", "Date: Fri, 31 Dec 9999 23:59:59 -2359", ""),
    ],
)
def test_a_bad_value_or_part_costs_only_itself(name: str, part: str, old: str, new: str, said: str) -> None:
    whole = parse(seeds.SEEDS[name](), name=name, limits=limits())
    found = parse(harmed(name, part, old, new), name=name, limits=limits())
    assert len(found.text) > len(whole.text) / 2
    assert said in " ".join(found.findings)


OURS = "def parse(data):\n    return {code}\n"


@pytest.mark.parametrize("code", ["[][1]", "{}['a']", "int('x')", "None.text", "1 // 0"], ids=str)
def test_an_error_in_our_own_lines_is_ours(code: str) -> None:
    names: dict[str, Any] = {"__name__": "ingest.parse.invented"}
    exec(OURS.format(code=code), names)
    with pytest.raises(Exception) as caught:  # noqa: PT011 -- whatever it is
        names["parse"](b"")
    assert told_as_own(caught.value).endswith("in ingest.parse.invented:2")


@pytest.mark.parametrize(
    "code",
    [
        "__import__('lxml.etree').etree.fromstring(b'<a')",
        "__import__('zipfile').ZipFile(__import__('io').BytesIO(b'PK'))",
        "__import__('json').loads('{')",
        "__import__('struct').unpack('<I', b'1')",
        "b'\\xff'.decode('utf-8')",
        "__import__('olefile').OleFileIO(b'x' * 2000)",
    ],
)
def test_an_error_that_a_reader_raises_is_the_files(code: str) -> None:
    names: dict[str, Any] = {"__name__": "ingest.parse.invented"}
    exec(OURS.format(code=code), names)
    with pytest.raises(Exception) as caught:  # noqa: PT011 -- whatever it is
        names["parse"](b"")
    assert told_as_own(caught.value) == ""
