"""The sample handbook: large and mixed enough to be real, and its made files are what their sources say."""

import email
import email.policy
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
import yaml

from ingest.sample.make import HANDBOOK, Manuscript, make, plain_text, sources

SOURCES = {source.output: source for source in sources()}
FILES = sorted(path for path in HANDBOOK.rglob("*") if path.is_file())
MADE = {".pdf", ".docx", ".xlsx", ".pptx"}


def test_every_made_file_has_a_source_and_every_source_its_file() -> None:
    made = {path.relative_to(HANDBOOK).as_posix() for path in FILES if path.suffix in MADE}
    assert made == set(SOURCES)


def test_formats_are_as_mixed_as_in_a_company() -> None:
    count = Counter(path.suffix for path in FILES)
    least = {
        ".md": 12,
        ".pdf": 5,
        ".docx": 4,
        ".html": 3,
        ".xlsx": 3,
        ".pptx": 2,
        ".txt": 2,
        ".csv": 1,
        ".eml": 1,
    }
    assert {suffix: count[suffix] for suffix in least if count[suffix] < least[suffix]} == {}
    assert 32 <= len(FILES) <= 46


@pytest.mark.parametrize("output", SOURCES)
def test_making_a_file_again_gives_the_same_bytes(output: str, tmp_path: Path) -> None:
    for library in ("reportlab", "docx", "openpyxl", "pptx"):
        pytest.importorskip(library)
    assert make(SOURCES[output], tmp_path).read_bytes() == (HANDBOOK / output).read_bytes()


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_a_source_says_who_wrote_it_and_when(source: Manuscript) -> None:
    assert source.author
    assert date(2023, 1, 1) <= source.date <= date(2026, 12, 31)
    assert len(plain_text(source).split()) > 100


@pytest.mark.parametrize("path", [path for path in FILES if path.suffix == ".md"], ids=lambda path: path.stem)
def test_markdown_says_its_title_and_date(path: Path) -> None:
    front = yaml.safe_load(path.read_text(encoding="utf-8").split("---\n", 2)[1])
    assert front["title"]
    assert isinstance(front["date"], date)


@pytest.mark.parametrize(
    "path", [path for path in FILES if path.suffix == ".eml"], ids=lambda path: path.stem
)
def test_mail_is_a_dated_message(path: Path) -> None:
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    assert message["date"].datetime.year == 2026
    assert not message.defects


@pytest.mark.parametrize(
    "path", [path for path in FILES if path.suffix == ".html"], ids=lambda path: path.stem
)
def test_intranet_pages_carry_the_boilerplate_of_an_intranet(path: Path) -> None:
    page = path.read_text(encoding="utf-8")
    assert all(tag in page for tag in ("<nav", "<footer", "cookie", "<script", "<h1"))


def test_the_long_manual_has_twenty_pages_and_prints_its_own_numbers() -> None:
    pypdf = pytest.importorskip("pypdf")
    reader = pypdf.PdfReader(HANDBOOK / "products/skua-s2-manual.pdf")
    assert len(reader.pages) >= 20
    assert reader.page_labels[:4] == ["i", "ii", "1", "2"]
    assert "Page ii" in reader.pages[1].extract_text()
    assert "Page 2" in reader.pages[3].extract_text()


def test_no_file_is_larger_than_a_repository_likes() -> None:
    assert {path.name: path.stat().st_size for path in FILES if path.stat().st_size > 300_000} == {}
