"""Every letter of a file is kept, left out with a reason, or told as missing with its place."""

import io
import json
import re
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import docx
import openpyxl
import pytest
from openpyxl.styles import numbers
from pptx import Presentation
from reportlab.pdfgen import canvas

from ingest.extract import Account, Extract, LeftOut, OcrPages, RawFile, Unparsable, account_in
from ingest.parcel import BadParcel, pack, unpack
from ingest.parse.account import account_of, finding, with_account
from ingest.parse.dispatch import parse
from tests.ingest.hostile import seeds
from tests.ingest.limits import limits

IMAGES = (".png", ".jpg", ".tiff", ".webp")
DATA = Path(__file__).parents[2] / "../shared/data"
SENTENCE = (
    "Parental leave lasts twenty-six weeks; it may be taken in two parts, as agreed with your manager. "
)


def paragraph(number: int) -> str:
    """Return words that no other paragraph has."""
    words = (f"{chr(97 + number % 26)}{chr(97 + number // 26)}{chr(97 + each)}rn" for each in range(12))
    return f"No. {number} is about {' '.join(words)}."


def read(data: bytes | str, name: str) -> Extract:
    content = data.encode() if isinstance(data, str) else data
    return parse(content, name=name, limits=limits())


def account(data: bytes | str, name: str) -> Account:
    found = read(data, name).account
    assert found is not None
    return found


def without(extract: Extract, lost: str) -> Extract:
    assert lost in extract.text
    return replace(extract, text=extract.text.replace(lost, ""), findings=())


def counted(text: str, kept: str, *, media_type: str = "text/plain", **more: Any) -> Account:
    found = account_of(RawFile(text.encode(), "a.txt", media_type), Extract(kept, (), **more))
    assert found is not None
    return found


def saved(build: Callable[[io.BytesIO], object]) -> bytes:
    file = io.BytesIO()
    build(file)
    return file.getvalue()


def a_pdf(pages: int = 3) -> bytes:
    file = io.BytesIO()
    page = canvas.Canvas(file)
    for number in range(pages):
        for line in range(9):
            page.drawString(72, 760 - 20 * line, paragraph(10 * number + line))
        page.showPage()
    page.save()
    return file.getvalue()


def a_docx() -> bytes:
    document = docx.Document()
    for number in range(130):
        document.add_paragraph(paragraph(number))
    table = document.add_table(2, 2)
    for cell, text in zip(table._cells, ("Grade", "Days", "A", "28"), strict=True):
        cell.text = text
    return saved(document.save)


def an_xlsx() -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Pay"
    sheet.append(["Grade", "Share", "From", "Sum"])
    for row in range(2, 60):
        sheet.append([f"Grade {row}", row / 100, 45_000 + row, 1_234_567.891])
        sheet.cell(row, 2).number_format = numbers.FORMAT_PERCENTAGE_00
        sheet.cell(row, 3).number_format = "yyyy-mm-dd"
        sheet.cell(row, 4).number_format = "#,##0.00"
    return saved(book.save)


def a_pptx() -> bytes:
    slides = Presentation()
    for number in range(4):
        slide = slides.slides.add_slide(slides.slide_layouts[1])
        slide.shapes.title.text = f"Part {number}"
        slide.placeholders[1].text = paragraph(number)
        slide.notes_slide.notes_text_frame.text = paragraph(10 + number)
    return saved(slides.save)


def zipped(**parts: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return file.getvalue()


def an_odt() -> bytes:
    head = (
        '<o:document-content xmlns:o="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:t="urn:text">'
    )
    body = "".join(f"<t:p>{paragraph(number)}</t:p>" for number in range(120))
    return zipped(
        mimetype="application/vnd.oasis.opendocument.text",
        **{"content.xml": f"{head}<o:body><o:text>{body}</o:text></o:body></o:document-content>"},
    )


PAGE = f"<html><head><title>Leave</title><style>p {{}}</style></head><body><h1>Leave</h1><p>{SENTENCE}</p></body></html>"
MAIL = f"From: a@example.org\nTo: b@example.org\nDate: 1 May 2024\nSubject: Leave\n\n{SENTENCE * 4}\n"
WHOLE: dict[str, Callable[[], bytes | str]] = {
    "a.pdf": a_pdf,
    "a.docx": a_docx,
    "a.xlsx": an_xlsx,
    "a.pptx": a_pptx,
    "a.odt": an_odt,
    "a.html": lambda: PAGE,
    "a.eml": lambda: MAIL,
    "a.txt": lambda: SENTENCE * 3,
    "a.md": lambda: f"# Leave\n\n{SENTENCE}\n\n```python\nx = 1\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n",
    "a.rst": lambda: (
        f"Leave\n=====\n\n{SENTENCE}\n\n.. note:: See :pep:`8` and `PEP 9 <https://example.org/p>`_.\n"
    ),
    "a.csv": lambda: "grade,days\nA,28\nB,30\n",
    "a.json": lambda: json.dumps(
        [{"grade": "A", "days": 28, "open": True}, {"grade": "B", "days": 30, "open": False}]
    ),
    "a.py": lambda: "def leave(days: int) -> int:\n    return days + 28\n",
    "a.rtf": lambda: "{\\rtf1 " + SENTENCE * 3 + "}",
}


@pytest.mark.parametrize("name", WHOLE)
def test_what_is_read_whole_is_no_finding(name: str) -> None:
    found = read(WHOLE[name](), name)
    assert found.account is not None
    assert found.account.characters > 10
    assert found.account.unexplained <= 0.02 * found.account.characters, found.account
    assert not [each for each in found.findings if "were not read" in each]


@pytest.mark.parametrize(
    ("name", "lost", "place"),
    [
        ("a.pdf", [14], "on page 2"),
        ("a.docx", [77, 78, 79], "in paragraphs 51–100"),
        ("a.odt", [113, 114, 115], "in paragraphs 101–150"),
        ("a.pptx", [12], "on slide 3"),
    ],
)
def test_a_loss_is_told_with_its_place(name: str, lost: list[int], place: str) -> None:
    data = WHOLE[name]()
    assert isinstance(data, bytes)
    whole = read(data, name)
    spoilt = replace(whole, account=None)
    for number in lost:
        spoilt = without(spoilt, paragraph(number))
    told = with_account(RawFile(data, name, whole.media_type), spoilt)
    assert told.account is not None
    assert told.account.worst == place
    [said] = told.findings
    assert said.startswith(f"About {told.account.unexplained:,} of {told.account.characters:,} characters")
    assert f"most of them {place}" in said


@pytest.mark.parametrize(
    ("file", "kept"),
    [
        ("the extin- guishers of 24 hour", "the extinguishers of 24-hour"),
        ("the certificate", "the certif icate"),
        ("ﬁre and 10³ and Ⅳ", "fire and 10^{3} and IV"),
        ("NAME", "Name"),
        ("discusstechnicalsuccess", "discuss technical where teams meet success"),
        ("本文書は休暇の規則を定める。", "本文書は 休暇の\n規則を定める。"),
        ("one two three", "three\n\ntwo one"),
        ("co\u00adoperate", "cooperate"),
        ("Cafe\u0301", "Café"),
    ],
)
def test_words_joined_parted_moved_or_written_in_other_letters_are_kept(file: str, kept: str) -> None:
    assert counted(file, kept).unexplained == 0


@pytest.mark.parametrize("name", [name for name in seeds.types() if not name.endswith(IMAGES)])
def test_every_type_that_is_read_is_counted(name: str) -> None:
    data = seeds.SEEDS[name]()
    whole = read(data, name)
    assert whole.account is not None
    assert not [each for each in whole.findings if "were not read" in each]
    assert whole.account.characters > 50
    assert whole.account.unexplained <= 0.005 * whole.account.characters
    rest = re.sub(r"thirty|28|journeys|claim|receipt", "", whole.text)
    spoilt = account_of(RawFile(data, name, whole.media_type), replace(whole, text=rest, account=None))
    assert spoilt is not None
    assert spoilt.unexplained >= 2


def test_what_a_picture_says_is_counted() -> None:
    data = seeds.SEEDS["a.png"]()
    found = parse(data, name="a.png", limits=limits(), ocr=OcrPages({1: SENTENCE}))
    assert found.account is not None
    assert (found.account.characters, found.account.unexplained) == (77, 0)


@pytest.mark.parametrize(
    ("name", "text", "left_out"),
    [
        ("a.vtt", "WEBVTT\n\n00:01.000 --> 00:02.000\nAnn: Leave\n\n00:02.000 --> 00:03.000\nAnn: is long\n", {"speaker who goes on": 3}),
        ("a.vtt", "WEBVTT\n\n00:01.000 --> 00:02.000\nLeave is\n\n00:01.500 --> 00:03.000\nLeave is long\n", {"repeated caption": 7}),
        ("a.ics", "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:abc\nSUMMARY:Leave\nDTSTART:20250303T100000Z\nEND:VEVENT\nEND:VCALENDAR\n", {"technical field": 3}),
        ("a.jsonl", '{"question": "Leave?"} {"question": "Long?"}\n{"question": "Paid?"}\n', {}),
        ("a.json", '{"a": "Leave", // in days\n "b": [1e5, true, null, "caf\\u00e9"]}', {"comments": 6}),
        ("a.log", "\x1b[31mLeave\x1b[0m is long\n\x1b[1;32mand paid\x1b[m\n", {}),
        ("a.rst", "Leave\n\n.. only:: latex\n\n   On paper\n", {"text for other output": 12}),
    ],
)  # fmt: skip
def test_short_files_raise_no_alarm(name: str, text: str, left_out: dict[str, int]) -> None:
    found = read(text, name)
    assert found.account is not None
    assert (found.account.unexplained, dict(found.account.left_out)) == (0, left_out)


def test_what_is_repeated_in_the_document_hides_no_loss() -> None:
    rows = "".join(f"Region North {number}\n" for number in range(50))
    lost = counted(rows + SENTENCE, rows.replace("North", "North North"))
    assert lost.unexplained > 60
    assert finding(lost)


def test_a_lost_line_of_common_words_is_a_loss() -> None:
    text = "it is not to be used in any of these\n" + "it is to be used in any of these\n" * 3
    assert counted(text, text.replace(" not", "")).unexplained == 3


def test_text_left_out_on_purpose_has_its_reason() -> None:
    head = "Acme Ltd, version 3 of the policy\n"
    found = counted(
        (head + SENTENCE) * 10,
        head + SENTENCE * 10,
        left_out=tuple(LeftOut("repeated lines", head, f"page {page}") for page in range(2, 11)),
    )
    assert found.left_out == {"repeated lines": 9 * 26}
    assert (found.unexplained, finding(found)) == (0, "")
    assert found.kept + 9 * 26 == found.characters


def test_a_column_of_numbers_that_is_lost_is_missed() -> None:
    data = an_xlsx()
    whole = read(data, "a.xlsx")
    lines = whole.text.split("\n")
    spoilt = "\n".join("| ".join(line.split("| ")[:2]) for line in lines)
    found = account_of(RawFile(data, "a.xlsx", whole.media_type), replace(whole, text=spoilt))
    assert found is not None
    assert found.unexplained > 0.02 * found.characters


def test_a_count_that_fails_costs_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("ingest.parse.account.account_of", breaks)
    assert read(SENTENCE, "a.txt").account is None


@pytest.mark.parametrize(
    "data",
    [
        b"<p" * 20_000,
        b"<!--" * 20_000,
        b"](" * 20_000,
        b".. |a" * 9_000,
        "é".encode() * 60_000,
        b"{%" * 30_000,
    ],
    ids=["tags", "comments", "links", "rst", "accents", "commands"],
)
def test_hostile_text_is_counted_in_time(data: bytes) -> None:
    for kind in ("text/markdown", "text/x-rst", "text/plain", "text/html", "text/vtt", "text/vcard"):
        account_of(RawFile(data, "a", kind), Extract("", ()))


def test_account_crosses_the_pipe_checked_and_comes_back_from_metadata() -> None:
    whole = Account(1_200, 1_000, {"hidden text": 150}, 50, "on page 7")
    sent = replace(read(SENTENCE, "a.txt"), account=whole)
    received = unpack(pack(sent)[8:])
    assert isinstance(received, Extract)
    assert received.account == whole == account_in({"text_account": whole.lines()})
    assert received.left_out == received.layer == ()
    for account in ({"characters": -1}, {"characters": "1"}, {"left_out": {"a": -1}}, {"worst": 5}, [1]):
        content = json.loads(pack(sent)[8:])
        content["account"] = content["account"] | account if isinstance(account, dict) else account
        with pytest.raises(BadParcel):
            unpack(json.dumps(content).encode())


@pytest.mark.parametrize("said", ["x", ("kept 1",), ("characters a", "kept 1", "unexplained 0"), 5])
def test_metadata_of_another_kind_is_no_account(said: Any) -> None:
    assert account_in({"text_account": said}) is None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder", "most"),
    [("corpora", 0.01), ("sec10q/docs", 0.0)],
    ids=["handbooks, manuals and PEPs", "filings"],
)
def test_real_files_that_are_read_whole_raise_no_alarm(folder: str, most: float) -> None:
    files = [path for path in sorted((DATA / folder).rglob("*")) if path.suffix in (".md", ".rst", ".pdf")]
    if not files:
        pytest.skip("the published sets are not here")
    alarms: dict[str, str] = {}
    for path in files:
        with suppress(Unparsable):
            if said := [
                each for each in read(path.read_bytes(), path.name).findings if "were not read" in each
            ]:
                alarms[str(path.relative_to(DATA))] = said[0]
    print(f"{len(alarms)} of {len(files)} files", *alarms.items(), sep="\n")
    assert len(alarms) <= most * len(files)
