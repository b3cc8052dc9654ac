"""The whole product: files ingested, the service on a socket, a person at the browser."""

from pathlib import Path
from typing import Any

import pytest

from app.build import build_service
from app.http.application import create_app
from app.settings import Settings
from tests.fakes.handbook import small_handbook
from tests.fakes.scripted_model import serving
from tests.widget.browser import Watched
from tests.widget.driving import answer, ask, chat
from vectorstore.settings import StoreSettings

pytestmark = pytest.mark.browser


def test_a_person_asks_reads_the_card_and_lands_at_the_marked_words(
    browser: Any, page: Any, watched: Watched, tmp_path: Path
) -> None:
    with small_handbook(tmp_path) as parts:
        service = build_service(parts, Settings(store=StoreSettings(data_dir=tmp_path / "data")))
        with serving(create_app(service)) as address:
            page.goto(address)
            page.locator("#list li").first.wait_for()
            page.locator("#state").get_by_text("3 documents · answers quote them word for word").wait_for()
            ask(page, "How many days of annual leave do full-time staff get?")
            assert "25 days" in answer(page)
            assert chat(page, ".doubt").count() == 0
            chat(page, ".cite").first.click()
            assert "25 days of annual leave" in chat(page, ".card mark").inner_text()
            with page.context.expect_page() as opened:
                chat(page, ".card a").click()
            assert "25 days of annual leave" in opened.value.locator("mark").inner_text()
            opened.value.close()
            page.keyboard.press("Escape")
            ask(page, "Who won the football world cup in 1974?")
            assert chat(page, ".refused .label").inner_text() == "Not in the documents"
            chat(page, "li:last-child .tools").get_by_label("Good answer").click()
            chat(page, "li:last-child .tools [role=status]").get_by_text("Thank you").wait_for()
            assert service.records is not None
            assert [rating for _, rating, _ in service.records.ratings()] == ["up"]
            assert watched.complaints == []
            assert watched.foreign(address) == []
            service.records.close()
