"""What somebody asked before: listed, taken up again, deleted; by hand and by keyboard alone."""

from typing import Any

import pytest

from tests.widget.browser import Watched
from tests.widget.driving import QUESTION, answer, ask, chat
from tests.widget.stage import LEAVE, Stage
from tests.widget.test_accessible import violations
from tests.widget.test_embedding import script
from vectorstore.types import Scope

pytestmark = pytest.mark.browser


@pytest.fixture
def shown(staged: Stage, page: Any) -> Any:
    """Open a widget in a service that remembers nothing yet."""
    staged.records.sweep(-1)
    page.goto(staged.host("past", "<main><h1>Shop</h1></main>" + script(staged, theme="auto")))
    chat(page, ".launch").click()
    return page


def titles(page: Any) -> list[str]:
    return [str(title) for title in chat(page, ".past li b").all_inner_texts()]


def opens(page: Any) -> None:
    chat(page, ".bar").get_by_label("Past conversations").click()


def begins_anew(page: Any) -> None:
    chat(page, ".bar").get_by_label("New conversation").click()


def test_a_past_conversation_is_opened_and_goes_on(staged: Stage, shown: Any, watched: Watched) -> None:
    ask(shown)
    begins_anew(shown)
    ask(shown, "Table")
    begins_anew(shown)
    opens(shown)
    chat(shown, ".past li").nth(1).wait_for()
    assert titles(shown) == ["Table", QUESTION]
    assert chat(shown, ".scroll").is_hidden()
    chat(shown, ".past li").get_by_text(QUESTION).click()
    chat(shown, ".tools").wait_for()
    assert "28 working days" in answer(shown)
    assert chat(shown, ".doubt.unsupported").inner_text().startswith("Most teams close")
    chat(shown, ".cite").first.click()
    assert "Full-time staff receive 28 working days" in chat(shown, ".card blockquote").inner_text()
    assert "/v1/documents/doc_annual-leave/view" in chat(shown, ".card a").get_attribute("href")
    shown.keyboard.press("Escape")
    ask(shown, "And interns?")
    assert staged.asked[-1].history[0].text == QUESTION
    opens(shown)
    chat(shown, ".past li").nth(1).wait_for()
    assert titles(shown) == [QUESTION, "Table"]
    assert watched.complaints == []


def test_deleting_one_takes_two_presses_and_erases_it_at_the_service(staged: Stage, shown: Any) -> None:
    ask(shown)
    begins_anew(shown)
    ask(shown, "Table")
    opens(shown)
    row = chat(shown, ".past li").filter(has_text="Table")
    row.get_by_label("Delete this conversation: Table").click()
    assert chat(shown, ".past li").count() == 2
    row.get_by_text("Delete this conversation").click()
    row.wait_for(state="detached")
    assert titles(shown) == [QUESTION]
    # it was the one on the screen
    assert chat(shown, ".question").count() == 0
    assert [each.question for each in staged.records.conversations(owner="local", limit=9)] == [QUESTION]
    last = chat(shown, ".past li").get_by_label("Delete this conversation")
    last.click()
    last.click()
    chat(shown, ".past").get_by_text("No conversations yet.").wait_for()


def test_a_conversation_that_may_not_be_deleted_says_why(staged: Stage, shown: Any) -> None:
    def held(route: Any) -> None:
        if route.request.method != "DELETE":
            route.continue_()
            return
        said = {"detail": "A legal hold keeps it."}
        route.fulfill(status=409, json=said, headers={"access-control-allow-origin": "*"})

    shown.route("**/v1/conversations/*", held)
    ask(shown)
    chat(shown, ".bar").get_by_label("Delete this conversation").click()
    chat(shown, "[role=alert]").get_by_text("A legal hold keeps it.").wait_for()
    opens(shown)
    row = chat(shown, ".past li").first
    row.get_by_label("Delete this conversation").click()
    row.get_by_text("Delete this conversation").click()
    chat(shown, ".past").get_by_text("A legal hold keeps it.").wait_for()
    assert titles(shown) == [QUESTION]


def test_the_keyboard_alone_reaches_opens_and_leaves_the_list(shown: Any) -> None:
    ask(shown)
    begins_anew(shown)
    shown.keyboard.press("Shift+Tab")
    focused = "document.querySelector('footnote-chat').shadowRoot.activeElement"
    button = chat(shown, ".bar").get_by_label("Past conversations")
    button.focus()
    shown.keyboard.press("Enter")
    chat(shown, ".past li").wait_for()
    assert button.get_attribute("aria-expanded") == "true"
    shown.wait_for_function(f"{focused}.textContent.includes('annual leave')")
    shown.keyboard.press("Escape")
    assert chat(shown, ".past").is_hidden()
    assert shown.evaluate(f"{focused}.ariaLabel") == "Past conversations"
    shown.keyboard.press("Enter")
    shown.wait_for_function(f"{focused}.textContent.includes('annual leave')")
    shown.keyboard.press("Enter")
    chat(shown, ".tools").wait_for()
    assert shown.evaluate(f"{focused}.tagName") == "TEXTAREA"
    shown.keyboard.press("Escape")
    assert chat(shown, "dialog").is_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_list_is_fit_for_a_screen_reader(shown: Any, scheme: str) -> None:
    shown.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    ask(shown)
    opens(shown)
    chat(shown, ".past li").get_by_label("Delete this conversation").click()
    assert violations(shown) == []


def test_more_than_a_page_is_fetched_page_by_page(staged: Stage, shown: Any) -> None:
    from app.events import Done, Text
    from app.question import Question

    for number in range(33):
        asked = Question(f"Question {number}", Scope(), conversation=f"c{number}", top_k=1)
        staged.records.add(f"r{number}", asked, "local", [Text("Yes."), Done()])
    opens(shown)
    chat(shown, ".past").get_by_text("Older conversations").click()
    chat(shown, ".past li").nth(32).wait_for()
    assert titles(shown) == [f"Question {number}" for number in reversed(range(33))]
    assert chat(shown, ".past").get_by_text("Older conversations").is_hidden()


def test_an_answer_that_may_no_longer_be_read_is_named_and_its_question_stays(
    staged: Stage, shown: Any
) -> None:
    from dataclasses import replace

    ask(shown)
    begins_anew(shown)
    kept = list(staged.store.all)
    staged.store.all = [
        replace(each, readers=frozenset({"hr"})) if each.id == LEAVE.id else each for each in kept
    ]
    try:
        opens(shown)
        chat(shown, ".past li").get_by_text(QUESTION).click()
        chat(shown, ".turns").get_by_text("documents that you may no longer read").wait_for()
        assert chat(shown, ".question bdi").inner_text() == QUESTION
        assert chat(shown, ".body").inner_text() == ""
        assert chat(shown, ".tools, .failed, .notes").count() == 0
    finally:
        staged.store.all = kept


def test_whoever_comes_first_is_told_that_a_machine_answers(staged: Stage, page: Any) -> None:
    page.goto(staged.host("told", script(staged, notice=" ")))
    chat(page, ".launch").click()
    said = chat(page, "textarea").evaluate(
        "box => box.getRootNode().getElementById(box.getAttribute('aria-describedby')).textContent"
    )
    assert said.startswith("A machine writes the answers")
    assert chat(page, ".notice").is_visible()
    opens(page)
    assert chat(page, ".notice").is_visible()


def test_with_a_key_that_many_may_hold_there_is_no_list(staged: Stage, page: Any) -> None:
    page.goto(staged.host("keyed", script(staged, key="fn_x")))
    chat(page, ".launch").click()
    assert chat(page, ".bar").get_by_label("Past conversations").is_hidden()
