"""The report in a real browser: it asks for nothing, hides nothing, and its filters work."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.eval.test_reports import failed

playwright = pytest.importorskip("playwright.sync_api", reason="needs the extra [browser]")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium"),
]


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Any]:
    from eval.reports.html import html

    path = tmp_path / "report.html"
    path.write_text(html(*failed()), encoding="utf-8")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.asked, page.said = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("console", lambda message: page.said.append(message.text))
        page.on("dialog", lambda dialog: page.said.append(dialog.message))
        page.goto(path.as_uri())
        yield page
        browser.close()


def test_the_page_works_and_asks_for_nothing(page: Any) -> None:
    shown = page.locator("details.case:visible")
    assert shown.count() == 29
    assert page.locator("#count").inner_text() == "29 cases"
    page.get_by_role("button", name="Newly failing").click()
    assert shown.count() == 1
    page.get_by_role("button", name="All").click()
    page.get_by_label("Tag").select_option("plain")
    assert shown.count() == 1
    page.get_by_label("Tag").select_option("")
    page.get_by_label("Search").fill("question 17?")
    assert shown.count() == 1
    page.get_by_label("Search").fill("")
    page.locator(".strip a").first.click()
    first = page.locator("details.case").first
    assert first.get_attribute("open") is not None
    first.locator("a.marker").first.click()
    assert first.locator("details.passage").first.get_attribute("open") is not None
    assert len(page.asked) == 1
    assert page.said == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_a_phone_in_light_and_dark(page: Any, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(int(part) for part in paper.strip("rgb()").split(",")) > 384) == (scheme == "light")
