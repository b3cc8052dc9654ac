"""Adding and removing documents on the page, where the service has routes for it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from fastapi import File, UploadFile
from starlette.responses import JSONResponse, Response

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


def test_hostile_titles_are_words_in_the_list(taking: Stage, page: Any, watched: Watched) -> None:
    hostile = [
        Document(DocumentId(f"doc_{number}"), f"x/{text}", text, text, "0" * 64)
        for number, text in enumerate(ELEMENTS[:40])
    ]
    taking.store.all += hostile
    page.add_init_script("window.executed = 0; window.pwned = () => { window.executed += 1; }")
    page.goto(taking.url)
    page.locator("#list li").nth(39).wait_for()
    taking.store.all = [each for each in taking.store.all if each not in hostile]
    assert page.evaluate("window.executed") == 0
    assert page.locator("#list").locator("img, script, svg, iframe").count() == 0
    assert watched.foreign(taking.url) == []
    assert watched.complaints == []


@pytest.fixture(scope="module")
def taking(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A stage whose service takes files, one a request, and gives them away again."""
    with stage(tmp_path_factory.mktemp("taking")) as running:
        store = running.store

        def add(file: UploadFile = File()) -> Response:  # noqa: B008 - FastAPI's way
            name = file.filename or ""
            if name.startswith("empty"):
                return JSONResponse({"detail": "There is no text in this file."}, 422)
            added = Document(
                DocumentId(f"doc_{name}"), f"uploads/{name}", name.split(".")[0], "text/plain", "0" * 64
            )
            store.all.append(added)
            store.texts[added.id] = file.file.read().decode()
            return JSONResponse(
                {"documents": [{"name": name, "status": "added", "chunks": 2, "problem": None}]}, 201
            )

        def remove(document_id: str) -> Response:
            store.all = [each for each in store.all if each.id != document_id]
            return Response(status_code=204)

        application = running.served.app
        application.state.service = replace(application.state.service, uploads=cast(Uploads, object()))
        application.post("/v1/documents")(add)
        application.delete("/v1/documents/{document_id}")(remove)
        yield running


def test_files_are_added_with_their_progress_and_a_bad_one_says_why(
    taking: Stage, page: Any, tmp_path: Path
) -> None:
    good, bad = tmp_path / "travel.txt", tmp_path / "empty.pdf"
    good.write_text("Trains first.")
    bad.write_bytes(b"%PDF-")
    page.goto(taking.url)
    page.locator("#drop").wait_for()
    page.locator("#files").set_input_files([good, bad])
    page.locator("#uploads .bad").wait_for()
    assert page.locator("#uploads li").all_inner_texts() == [
        "travel.txt\nAdded · 2 passages",
        "empty.pdf\nThere is no text in this file.",
    ]
    page.locator("#list").get_by_text("travel", exact=True).wait_for()
    assert violations(page) == []


def test_files_can_be_dropped_anywhere_on_the_page(taking: Stage, page: Any) -> None:
    page.goto(taking.url)
    page.locator("#drop").wait_for()
    drop = """() => {
      const carried = new DataTransfer();
      carried.items.add(new File(["Bring a towel."], "towel.txt", {type: "text/plain"}));
      for (const name of ["dragover", "drop"]) {
        document.querySelector("main").dispatchEvent(new DragEvent(name, {dataTransfer: carried, bubbles: true, cancelable: true}));
      }
    }"""
    page.evaluate(drop)
    page.locator("#list").get_by_text("towel", exact=True).wait_for()
    assert taking.store.texts[DocumentId("doc_towel.txt")] == "Bring a towel."


def test_the_panel_works_with_the_keyboard_alone(taking: Stage, page: Any) -> None:
    page.set_viewport_size({"width": 800, "height": 700})
    taking.store.all.append(
        Document(DocumentId("doc_keys"), "uploads/keys.txt", "Lost keys", "text/plain", "0" * 64)
    )
    page.goto(taking.url)
    page.locator("#list li").first.wait_for(state="attached")
    assert page.locator("#documents").is_hidden()
    page.locator("#toggle").focus()
    page.keyboard.press("Enter")
    page.locator("#documents").wait_for()
    page.get_by_label("Remove Lost keys").focus()
    page.keyboard.press("Enter")
    # moving on without a second press changes nothing
    page.keyboard.press("Shift+Tab")
    assert page.get_by_label("Remove Lost keys").inner_text() == "Remove"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    page.locator("#list").get_by_text("Lost keys").wait_for(state="detached")
    page.locator("#list a:focus").wait_for()
    assert "comes back when its folder" in page.locator("#uploads .told").inner_text()


def test_a_document_can_be_removed(taking: Stage, page: Any) -> None:
    page.goto(taking.url)
    page.get_by_label("Remove Expenses policy").click()
    assert page.locator("#list").get_by_text("Expenses policy").count() == 1
    page.get_by_label("Really remove Expenses policy?").click()
    page.locator("#list").get_by_text("Expenses policy").wait_for(state="detached")


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
