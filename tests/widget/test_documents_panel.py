"""The documents beside the chat, the key that the page asks for, and its languages."""

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from app.identity.keys import Keys
from ingest.uploads import Uploads
from tests.widget.browser import Watched
from tests.widget.corpus import ELEMENTS
from tests.widget.driving import ask, chat
from tests.widget.stage import Stage, stage
from tests.widget.test_accessible import violations
from vectorstore.types import Document, DocumentId

pytestmark = pytest.mark.browser


def test_a_service_with_keys_asks_for_one_and_then_opens(browser: Any, page: Any, tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    made = Keys(keys).create("page")
    with stage(tmp_path, keys=keys) as running:
        page.goto(running.url)
        page.locator("#key").wait_for()
        assert violations(page) == []
        page.locator("#key").fill("fn_wrong")
        page.locator("#locked [type=submit]").click()
        page.locator("#locked-why").get_by_text("key").wait_for()
        page.locator("#key").fill(made.secret)
        page.locator("#locked [type=submit]").click()
        page.locator("#list li").first.wait_for()
        ask(page)
        chat(page, ".cite").first.click()
        with page.context.expect_page() as opened:
            chat(page, ".card a").click()
        # The link is signed: a new tab brings no key.
        assert opened.value.locator("mark").inner_text().startswith("Full-time staff")
        page.reload()
        page.locator("#list li").first.wait_for()
        assert made.secret not in page.evaluate("JSON.stringify(localStorage)")


def test_hostile_titles_are_words_in_the_list(staged: Stage, page: Any, watched: Watched) -> None:
    hostile = [
        Document(DocumentId(f"doc_{number}"), f"x/{text}", text, text, "0" * 64)
        for number, text in enumerate(ELEMENTS[:40])
    ]
    staged.store.all += hostile
    page.add_init_script("window.executed = 0; window.pwned = () => { window.executed += 1; }")
    page.goto(staged.url)
    page.locator("#list li").nth(39).wait_for()
    staged.store.all = [each for each in staged.store.all if each not in hostile]
    assert page.evaluate("window.executed") == 0
    assert page.locator("#list").locator("img, script, svg, iframe").count() == 0
    assert watched.foreign(staged.url) == []
    assert watched.complaints == []


def test_the_panel_works_with_the_keyboard_alone(staged: Stage, page: Any) -> None:
    page.set_viewport_size({"width": 800, "height": 700})
    page.goto(staged.url)
    page.locator("#list li").first.wait_for(state="attached")
    assert page.locator("#documents").is_hidden()
    page.locator("#toggle").focus()
    page.keyboard.press("Enter")
    page.locator("#documents").wait_for()
    page.locator("#shut").focus()
    page.keyboard.press("Tab")
    assert page.locator("#list a:focus").count() == 1


def test_who_may_write_finds_the_way_to_the_page_of_documents(staged: Stage, page: Any) -> None:
    page.goto(staged.url)
    page.locator("#list li").first.wait_for()
    assert page.locator("#keep").is_hidden()
    application = staged.served.app
    before = application.state.service
    application.state.service = replace(before, uploads=cast(Uploads, object()))
    try:
        page.reload()
        page.locator("#keep").click()
        page.locator("#adding").wait_for()
        assert page.url == f"{staged.url}/documents"
    finally:
        application.state.service = before


@pytest.mark.parametrize(
    ("locale", "fresh", "title"),
    [
        ("de-AT", "Neues Gespräch", "Was möchten Sie wissen?1"),
        ("fr-FR", "Nouvelle conversation", "Que voulez-vous savoir ?1"),
        ("es-MX", "Nueva conversación", "¿Qué quiere saber?1"),
        ("sv-SE", "New conversation", "What would you like to know?1"),
    ],
)
def test_the_page_speaks_the_browser_s_language_and_offers_what_the_service_suggests(
    staged: Stage, browser: Any, locale: str, fresh: str, title: str
) -> None:
    context = browser.new_context(locale=locale)
    page = context.new_page()
    page.goto(staged.url)
    assert page.locator("#fresh").inner_text() == fresh
    assert chat(page, ".hello .title").inner_text() == title
    assert page.locator("html").get_attribute("lang") == (locale[:2] if locale[:2] != "sv" else "en")
    chat(page, ".hello .pill").get_by_text("How do I book a room?").wait_for()
    context.close()
