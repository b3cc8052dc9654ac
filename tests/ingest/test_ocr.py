"""Pages that are pictures of text: read by OCR where it is on and there, said where not, costing only themselves."""

import io
import random
import shutil
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from ingest.confined.ocr import OcrFailed, Tesseract
from ingest.confined.pool import ParserPool
from ingest.extract import Extract, OcrPages, ParseFailure, Unparsable
from ingest.parse.dispatch import parse
from ingest.picture import Picture
from ingest.settings import IngestSettings
from tests.ingest.hostile import mutations
from tests.ingest.limits import limits
from tests.test_command_line import footnote

pytest.importorskip("reportlab", reason="needs reportlab")
image = pytest.importorskip("PIL.Image", reason="needs Pillow")
needs_tesseract = pytest.mark.skipif(
    shutil.which("tesseract") is None, reason="needs the program tesseract (Debian: tesseract-ocr)"
)

TYPED = ["Annual leave is described in chapter two of the handbook."]
SCANNED = [
    "The night porter keeps the spare keys in the blue cabinet.",
    "Ring the bell twice after eleven in the evening.",
    "Lost keys cost forty pounds each.",
]
OCR: dict[str, Any] = {"seconds": 30.0, "most_pages": 200, "memory_bytes": 1 << 30}
Drawn = tuple[str, list[str]]


def tesseract(languages: str = "eng", **given: Any) -> Tesseract:
    return Tesseract(languages, **OCR | given)


def scan(lines: list[str], *, turned: int = 0) -> Any:
    """Return a page-sized picture of lines of text, as a scanner makes it."""
    drawing, font = pytest.importorskip("PIL.ImageDraw"), pytest.importorskip("PIL.ImageFont")
    page = image.new("L", (1240, 1754), 255)
    for at, line in enumerate(lines):
        drawing.Draw(page).text((110, 150 + 60 * at), line, fill=0, font=font.load_default(32))
    return page.rotate(turned, expand=True)


def pdf(*pages: list[str] | Any) -> bytes:
    """Make a PDF of typed pages (lines), scanned ones (pictures) and empty ones (None)."""
    from reportlab.lib.utils import ImageReader
    from reportlab.pdfgen.canvas import Canvas

    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=(595, 842))
    for page in pages:
        if isinstance(page, list):
            for at, line in enumerate(page):
                canvas.drawString(72, 760 - 20 * at, line)
        elif page is not None:
            canvas.drawImage(ImageReader(page), 0, 0, width=595, height=842)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def read(folder: Path, data: bytes, *, ocr: Tesseract | None) -> Extract | ParseFailure:
    path = folder / "a.pdf"
    path.write_bytes(data)
    with ParserPool(1, limits(), ocr=ocr) as pool:
        return dict(pool.parse_all([("a", path)]))["a"]


def program(folder: Path, script: str) -> str:
    """Write a program that stands in for one that is slow or broken; it lists the language eng."""
    path = folder / "tesseract"
    listing = 'if [ "$1" = --list-langs ]; then echo "List of available languages:"; echo eng; exit; fi\n'
    path.write_text(f"#!/bin/sh\n{listing}{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def page_text(extract: Extract, number: int) -> str:
    starts = [*extract.pages, len(extract.text)]
    return extract.text[starts[number - 1] : starts[number]].strip()


@needs_tesseract
def test_picture_of_text_comes_back_with_its_words_on_its_page(tmp_path: Path) -> None:
    extract = read(tmp_path, pdf(TYPED, scan(SCANNED), TYPED), ocr=tesseract())
    assert isinstance(extract, Extract)
    assert page_text(extract, 2).split() == " ".join(SCANNED).split()
    assert page_text(extract, 1) == page_text(extract, 3) == TYPED[0]
    assert extract.by_ocr == (2,)
    assert extract.unread == ()
    assert extract.findings == ("Page 2 was read by OCR.",)
    assert {block.span.page for block in extract.blocks if "spare keys" in block_text(extract, block)} == {2}


def block_text(extract: Extract, block: Any) -> str:
    return extract.text[block.span.start : block.span.end]


@needs_tesseract
@pytest.mark.parametrize("turned", [90, 180])
def test_page_scanned_the_wrong_way_round_is_read(tmp_path: Path, turned: int) -> None:
    extract = read(tmp_path, pdf(scan(SCANNED * 4, turned=turned)), ocr=tesseract())
    assert isinstance(extract, Extract), extract
    assert "spare keys" in extract.text


@needs_tesseract
def test_scan_without_any_text_layer_is_read_whole(tmp_path: Path) -> None:
    extract = read(tmp_path, pdf(scan(SCANNED[:1]), scan(SCANNED[1:])), ocr=tesseract())
    assert isinstance(extract, Extract)
    assert extract.findings == ("Pages 1–2 were read by OCR.",)
    assert len(extract.pages) == 2
    assert "bell twice" in page_text(extract, 2)


@needs_tesseract
def test_picture_without_words_is_said(tmp_path: Path) -> None:
    extract = read(tmp_path, pdf(TYPED, image.new("L", (600, 800), 120)), ocr=tesseract())
    assert isinstance(extract, Extract)
    assert extract.findings == ("Page 2 has no text layer; OCR found no words.",)
    assert extract.by_ocr == ()


def test_nothing_is_read_by_ocr_unless_it_is_switched_on(tmp_path: Path) -> None:
    assert IngestSettings().tesseract() is None
    extract = read(tmp_path, pdf(TYPED, scan(SCANNED)), ocr=None)
    assert isinstance(extract, Extract)
    assert extract.unread == (2,)
    assert extract.findings == ("Page 2 has no text layer; OCR is off (FOOTNOTE_OCR=true reads them).",)


def test_empty_page_is_no_finding(tmp_path: Path) -> None:
    extract = read(tmp_path, pdf(TYPED, None), ocr=None)
    assert isinstance(extract, Extract)
    assert extract.findings == ()
    assert extract.unread == ()


def test_missing_program_is_said_in_one_sentence(tmp_path: Path) -> None:
    ocr = tesseract(program="no-such-program")
    extract = read(tmp_path, pdf(TYPED, scan(SCANNED)), ocr=ocr)
    why = "OCR needs the program `tesseract`, which is not installed."
    assert isinstance(extract, Extract)
    assert extract.findings == (f"Page 2 has no text layer; {why}",)
    failure = read(tmp_path, pdf(scan(SCANNED)), ocr=tesseract(program="no-such-program"))
    assert isinstance(failure, ParseFailure)
    assert failure.reason == "no_text"
    assert failure.message == f"No page of the PDF has a text layer (a scan?); {why}"


@needs_tesseract
def test_missing_language_is_said(tmp_path: Path) -> None:
    extract = read(tmp_path, pdf(TYPED, scan(SCANNED)), ocr=tesseract("eng+xyz"))
    assert isinstance(extract, Extract)
    assert "Tesseract has no data for xyz; it has eng" in extract.findings[0]


@needs_tesseract
def test_a_language_that_is_installed_later_reads_the_documents_again() -> None:
    assert IngestSettings(ocr=True, ocr_languages="eng").ocr_recipe() == "eng"
    assert IngestSettings(ocr=True, ocr_languages="eng+xyz").ocr_recipe() == ""


# Landlock lets no foreign script run: a stand-in is a system program
@pytest.mark.skipif(not Path("/bin/sh").exists(), reason="needs a shell")
def test_page_that_takes_too_long_costs_only_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = tesseract(program=program(tmp_path, "exec sleep 60"), seconds=0.5)
    let_shell_run(monkeypatch)
    started = time.monotonic()
    extract = read(tmp_path, pdf(TYPED, scan(SCANNED), TYPED), ocr=slow)
    assert time.monotonic() - started < 30
    assert isinstance(extract, Extract)
    assert extract.findings == ("Page 2 has no text layer; OCR took longer than 0.5 s.",)
    assert page_text(extract, 3) == TYPED[0]
    assert not slow._running


def let_shell_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start the program without confinement, which would forbid a stand-in its shell."""
    from ingest.confined import confine

    start = "import sys, json, os; command = json.loads(sys.argv[-1]); os.execv(command[0], command)"
    monkeypatch.setattr(confine, "_START", start)


def test_program_that_fails_is_said_and_costs_only_its_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tesseract(program=program(tmp_path, "echo no such thing >&2; exit 3"))
    let_shell_run(monkeypatch)
    extract = read(tmp_path, pdf(TYPED, scan(SCANNED)), ocr=broken)
    assert isinstance(extract, Extract)
    assert extract.findings == ("Page 2 has no text layer; OCR ended with 3 (no such thing).",)


def test_only_so_many_pages_of_a_document_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = tesseract(program=program(tmp_path, "cat >/dev/null; echo These words stand here."), most_pages=1)
    let_shell_run(monkeypatch)
    extract = read(tmp_path, pdf(TYPED, *[scan(SCANNED)] * 3), ocr=told)
    assert isinstance(extract, Extract)
    assert extract.findings == (
        "Page 2 was read by OCR.",
        "Pages 3–4 have no text layer; OCR reads at most 1 pages of a document.",
    )
    assert extract.unread == (3, 4)


def test_closing_ends_a_page_that_is_being_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = tesseract(program=program(tmp_path, f"touch {tmp_path}/started; exec sleep 60"))
    let_shell_run(monkeypatch)
    said: list[str] = []

    def run() -> None:
        try:
            slow.read(Picture(2, 2, bytes(12)))
        except OcrFailed as error:
            said.append(str(error))

    thread = threading.Thread(target=run)
    thread.start()
    while not (tmp_path / "started").exists():
        assert thread.is_alive()
        time.sleep(0.01)
    slow.close()
    thread.join(10)
    assert said
    with pytest.raises(OcrFailed, match="interrupted"):
        slow.read(Picture(2, 2, bytes(12)))


@needs_tesseract
def test_program_runs_confined(tmp_path: Path) -> None:
    """What reads the pixels has neither our environment nor our files."""
    secret = tmp_path / "secret.txt"
    secret.write_text("canary")
    ocr = tesseract()
    assert ocr.problem == ""
    tried = subprocess.run(
        [
            sys.executable,
            "-I",
            "-c",
            "import sys, json; sys.path.append(sys.argv[1]); import os, pathlib\n"
            "from ingest.confined.confine import confine\n"
            f"confine(1 << 30, also=[pathlib.Path({str(ocr._data)!r})])\n"
            f"print(os.listdir({str(ocr._data)!r}))\nprint(open({str(secret)!r}).read())",
            str(Path(__file__).parents[2]),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if "canary" in tried.stdout and not Path("/sys/kernel/security/landlock").exists():
        pytest.skip("this kernel has no Landlock")
    assert "eng.traineddata" in tried.stdout
    assert "PermissionError" in tried.stderr


def test_text_of_ocr_is_bounded_like_any_other() -> None:
    with pytest.raises(Unparsable) as failure:
        parse(
            pdf(scan(SCANNED)),
            name="a.pdf",
            limits=limits(max_text_chars=100),
            ocr=OcrPages({1: "word " * 100}),
        )
    assert failure.value.reason == "too_large"


@needs_tesseract
def test_a_document_whose_scans_say_too_much_keeps_its_text_and_says_why(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf(TYPED, scan(SCANNED)))
    plain = read(tmp_path, pdf(TYPED, scan(SCANNED)), ocr=None)
    assert isinstance(plain, Extract)
    with ParserPool(1, limits(max_text_chars=len(plain.text) + 5), ocr=tesseract()) as pool:
        extract = dict(pool.parse_all([("a", tmp_path / "a.pdf")]))["a"]
    assert isinstance(extract, Extract)
    assert extract.text == plain.text
    assert "OCR is off" not in extract.findings[0]
    assert "what OCR read is of no use" in extract.findings[0]


def check_damaged_scans(count: int, folder: Path) -> None:
    """Damaged scans end as text or with a reason, and what comes after them is read."""
    whole = pdf(TYPED, scan(SCANNED))
    files = {f"{at}.pdf": mutations.damaged(whole, random.Random(at)) for at in range(count)}
    files["healthy.pdf"] = whole
    for name, data in files.items():
        (folder / name).write_bytes(data)
    with ParserPool(2, limits(cpu_seconds=8, wall_seconds=16), ocr=tesseract(seconds=8)) as pool:
        found = dict(pool.parse_all((name, folder / name) for name in files))
    assert set(found) == set(files)
    for name, outcome in found.items():
        assert isinstance(outcome, Extract) or len(outcome.message) > 15, name
    healthy = found["healthy.pdf"]
    assert isinstance(healthy, Extract)
    assert healthy.by_ocr == (2,)


@needs_tesseract
def test_damaged_scans_cost_themselves(tmp_path: Path) -> None:
    check_damaged_scans(1, tmp_path)


@needs_tesseract
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_hundred_damaged_scans_cost_themselves(tmp_path: Path) -> None:
    check_damaged_scans(100, tmp_path)


@needs_tesseract
def test_scanned_page_is_found_and_cited_by_its_page(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "porter.pdf").write_bytes(pdf(TYPED, scan(SCANNED)))
    (docs / "notes.md").write_text("# Notes\n\nThe lift is serviced in May.\n")

    def said(*arguments: str, **environment: str) -> str:
        done = footnote(tmp_path, *arguments, **environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    on = {"FOOTNOTE_OCR": "true"}
    assert "OCR is off" in said("ingest", "docs", "--json")
    assert "night porter" not in said("search", "where are the spare keys", "--json")
    # switching it on is a change for PDFs, and for them alone
    report = said("ingest", "docs", "--json", **on)
    assert "Page 2 was read by OCR." in report
    assert '"updated": ["docs/porter.pdf"]' in report
    assert '"unchanged": 1,' in report
    assert '"unchanged": 2,' in said("ingest", "docs", "--json", **on)
    found = said("search", "where are the spare keys", "--json", **on)
    assert "night porter keeps the spare keys" in found
    assert "Page 2 was read by OCR." in said("docs", "show", "docs/porter.pdf", **on)
