"""Adding a document on the page of a real service process: searchable, shown as it looks, and gone again."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fakes.handbook import write_documents
from tests.test_command_line import footnote, served
from tests.widget.browser import Watched
from tests.widget.driving import answer, ask, chat, drawn

pytestmark = pytest.mark.browser
PENSION = Path(__file__).parents[2] / "ingest" / "sample" / "handbook" / "hr" / "pension-plan.pdf"
QUESTION = "Where does the pension money go if I name no beneficiaries?"


def test_an_added_pdf_is_answered_from_shown_as_it_looks_and_can_be_removed(
    browser: Any, page: Any, watched: Watched, tmp_path: Path
) -> None:
    write_documents(tmp_path)
    assert footnote(tmp_path, "ingest", "docs", "--json").returncode == 0
    unreadable = tmp_path / "scan.pdf"
    unreadable.write_bytes(b"%PDF-1.7 and nothing else")
    with served(tmp_path) as address:
        page.goto(address)
        page.locator("#keep").wait_for()
        ask(page, QUESTION)
        assert chat(page, ".refused").count() == 1
        page.locator("#keep").click()
        page.locator("#drop").wait_for()
        page.locator("#files").set_input_files([PENSION, unreadable])
        page.locator("#uploads .good").get_by_text("Added").wait_for()
        page.locator("#uploads .bad").wait_for()
        page.locator("#count").get_by_text("4 documents").wait_for()
        page.get_by_role("link", name="Chat").click()
        page.locator("#state").get_by_text("4 documents").wait_for()
        ask(page, QUESTION)
        assert "beneficiaries" in answer(page)
        chat(page, "li:last-child .cite").first.click()
        with page.context.expect_page() as opened:
            chat(page, ".card a").click()
        viewer = opened.value
        drawn(viewer.locator("img[loading=eager]"))
        assert viewer.locator("rect").first.is_visible()
        assert "beneficiaries" in viewer.locator("mark").first.inner_text()
        viewer.close()
        page.goto(f"{address}/documents")
        page.get_by_label("Details of Pension plan: summary for members").click()
        page.get_by_role("button", name="Remove…").click()
        page.locator("#yes").click()
        page.locator("#count").get_by_text("3 documents").wait_for()
        found = httpx.post(f"{address}/v1/search", json={"query": "pension beneficiaries"}).json()["results"]
        assert not [one for one in found if "ension" in one["text"]]
        assert watched.complaints == []
        assert watched.foreign(address) == []
