"""Asking, reading, stopping and coming back, in a real browser against the real routes."""

import time
from typing import Any

import httpx
import pytest

from app.events import Citations, Done, Sources, Text
from tests.widget.browser import Watched
from tests.widget.driving import DONE, QUESTION, answer, ask, chat, write
from tests.widget.stage import ANSWERED, OPENING, PASSAGES, Stage, slowed

pytestmark = pytest.mark.browser


def test_an_answer_streams_and_its_citation_opens_the_document_at_the_marked_words(
    staged: Stage, page: Any, watched: Watched
) -> None:
    page.goto(staged.url)
    ask(page)
    assert "28 working days" in answer(page)
    assert chat(page, ".body strong").inner_text() == "28 working days"
    assert chat(page, ".cite:not(.dagger)").all_inner_texts() == ["1", "2", "1"]
    second = chat(page, ".cite").nth(1)
    assert second.get_attribute("aria-label") == "Source 2: Annual leave policy"
    second.click()
    card = chat(page, ".card")
    assert (
        card.locator("mark").inner_text()
        == "Up to 5 days may be carried into the next year. They expire on 31 March"
    )
    assert "Carrying days over" in card.inner_text()
    assert "Mar 1, 2026" in card.inner_text()
    with page.context.expect_page() as opened:
        card.locator("a").click()
    viewer = opened.value
    assert viewer.locator("mark").inner_text().startswith("Up to 5 days may be carried")
    assert watched.complaints == []
    assert watched.foreign(staged.url) == []


def test_sources_that_come_after_the_words_are_footnotes_in_the_end(staged: Stage, page: Any) -> None:
    late = [event for event in ANSWERED if not isinstance(event, Sources)]
    place = next(place for place, event in enumerate(late) if isinstance(event, Citations))
    staged.scripts["Late"] = [*late[:place], Sources(PASSAGES), *late[place:]]
    page.goto(staged.url)
    ask(page, "Late")
    assert chat(page, ".cite:not(.dagger)").all_inner_texts() == ["1", "2", "1"]
    assert "[1]" not in answer(page)
    chat(page, ".cite").nth(1).click()
    assert chat(page, ".card mark").inner_text().startswith("Up to 5 days")


def test_one_source_cited_twice_shows_the_evidence_of_the_marker_that_was_pressed(
    staged: Stage, page: Any
) -> None:
    page.goto(staged.url)
    ask(page)
    first, last = chat(page, ".cite:not(.dagger)").nth(0), chat(page, ".cite:not(.dagger)").nth(2)
    first.click()
    assert chat(page, ".card mark").inner_text().startswith("Full-time staff receive 28")
    page.keyboard.press("Escape")
    last.click()
    assert chat(page, ".card mark").inner_text() == "Interns receive 12 days"


def test_sentences_that_failed_the_check_are_marked_and_say_what_that_means(staged: Stage, page: Any) -> None:
    page.goto(staged.url)
    ask(page)
    assert chat(page, ".doubt.unsupported").all_inner_texts() == ["Most teams close between the years."]
    assert chat(page, ".doubt.partly").first.inner_text().startswith("Interns get 12 days")
    chat(page, ".dagger").first.click()
    assert "Nothing in the passages backs this sentence" in chat(page, ".card").inner_text()


def test_stop_reaches_the_server_and_keeps_what_was_written(staged: Stage, page: Any) -> None:
    page.goto(staged.url)
    write(page, "Slowly, please")
    chat(page, ".body").get_by_text("The office in Tarn").first.wait_for()
    chat(page, ".go[name=stop]").click()
    chat(page, ".stopped").wait_for()
    assert staged.has_closed(staged.asked[-1])
    assert "The office in Tarn" in answer(page)
    assert chat(page, ".go").get_attribute("aria-label") == "Send"


def test_a_reload_in_mid_answer_takes_the_run_up_again(staged: Stage, page: Any) -> None:
    page.goto(staged.url)
    write(page, "Haltingly")
    chat(page, ".body p").wait_for()
    page.reload()
    page.locator(DONE).wait_for()
    assert answer(page).count("28 working days") == 1
    assert "Interns get 12 days" in answer(page)
    assert len(staged.asked) == 1


def test_a_reload_after_the_service_forgot_the_run_keeps_what_was_written(staged: Stage, page: Any) -> None:
    page.goto(staged.url)
    write(page, "Haltingly")
    chat(page, ".body").get_by_text("Up to 5 days").wait_for()
    page.route("**/v1/runs/*/events*", lambda route: route.fulfill(status=404, json={"detail": "Unknown."}))
    page.reload()
    chat(page, ".failed").get_by_text("The answer broke off.").wait_for()
    assert "28 working days" in answer(page)
    assert chat(page, ".cite").first.inner_text() == "1"


def test_a_cut_connection_is_taken_up_after_the_last_frame(staged: Stage, page: Any) -> None:
    page.goto(staged.url)
    cut: list[str] = []

    def cut_once(route: Any) -> None:
        # The first answer of the server is passed on in part: a stream that just ends.
        response = route.fetch()
        cut.append(response.headers["x-run-id"])
        body = response.body()
        route.fulfill(response=response, body=body[: len(body) // 2])

    page.route("**/v1/chat", cut_once, times=1)
    ask(page)
    assert cut
    assert answer(page).count("28 working days") == 1
    assert "lunch_on_Fridays" in answer(page)
    assert chat(page, ".failed").count() == 0


def test_the_conversation_survives_a_reload_and_is_deleted_on_both_sides(staged: Stage, page: Any) -> None:
    page.goto(staged.url)
    ask(page)
    ask(page, "And interns?")
    assert [message.role for message in staged.asked[-1].history] == ["user", "assistant"]
    conversation = staged.asked[-1].conversation
    page.reload()
    assert chat(page, ".question").count() == 2
    chat(page, ".cite").first.click()
    assert chat(page, ".card mark").count() == 1
    page.keyboard.press("Escape")
    with page.expect_response(lambda response: response.request.method == "DELETE") as deleted:
        page.locator("#erase").click()
    assert deleted.value.json() == {"runs": 2}
    assert conversation in deleted.value.url
    assert page.evaluate("Object.keys(localStorage).length") == 0
    page.reload()
    assert chat(page, ".question").count() == 0


def test_a_conversation_deleted_in_mid_answer_leaves_no_record(staged: Stage, page: Any) -> None:
    page.goto(staged.url)
    write(page, "Slowly, please")
    chat(page, ".body p").first.wait_for()
    with page.expect_response(lambda response: response.request.method == "DELETE") as deleted:
        page.locator("#erase").click()
    # The stopped answer was recorded first, and then went.
    assert deleted.value.json() == {"runs": 1}
    assert staged.has_closed(staged.asked[-1])


def test_a_kept_conversation_is_forgotten_after_its_days(staged: Stage, page: Any) -> None:
    page.goto(staged.url)
    ask(page)
    page.evaluate(
        """() => { for (const [name, value] of Object.entries(localStorage)) {
          localStorage[name] = JSON.stringify({...JSON.parse(value), at: Date.now() - 8 * 864e5}); } }"""
    )
    # Leaving would keep it anew.
    page.evaluate("window.addEventListener('pagehide', event => event.stopImmediatePropagation(), true)")
    page.evaluate("document.querySelector('footnote-chat').remove()")
    page.reload()
    assert chat(page, ".question").count() == 0


def test_feedback_with_reasons_lands_in_the_database(staged: Stage, page: Any) -> None:
    page.goto(staged.url)
    ask(page)
    chat(page, ".tools").get_by_label("Bad answer").click()
    chat(page, ".why").get_by_text("Out of date").click()
    chat(page, ".why input").fill("the 2027 rules differ")
    with page.expect_response(lambda response: "2027" in (response.request.post_data or "")):
        chat(page, ".why").get_by_text("Send").click()
    run, rating, reason = staged.records.ratings()[-1]
    assert run.startswith("run_")
    assert (rating, reason) == ("down", "outdated; the 2027 rules differ")
    assert chat(page, ".tools").get_by_label("Bad answer").get_attribute("aria-pressed") == "true"


def test_a_service_without_records_lets_the_thumb_go_back(staged: Stage, page: Any) -> None:
    page.goto(staged.url)
    ask(page)
    page.route("**/v1/feedback", lambda route: route.fulfill(status=404, json={"detail": "none"}))
    thumb = chat(page, ".tools").get_by_label("Good answer")
    thumb.click()
    chat(page, ".tools [aria-label='Good answer'][aria-pressed='false']").wait_for()


def test_an_edited_question_replaces_the_last_one(staged: Stage, page: Any) -> None:
    page.goto(staged.url)
    ask(page, "What is the wifi password?")
    chat(page, "textarea").press("ArrowUp")
    assert chat(page, "textarea").input_value() == "What is the wifi password?"
    chat(page, "textarea").fill(QUESTION)
    chat(page, "textarea").press("Enter")
    chat(page, ".cite").first.wait_for()
    assert chat(page, ".question").count() == 1
    assert staged.asked[-1].history == ()


def test_an_answer_is_written_again_in_its_place(staged: Stage, page: Any) -> None:
    page.goto(staged.url)
    ask(page)
    with page.expect_response("**/v1/chat"):
        chat(page, ".tools").get_by_label("Answer again").click()
    page.locator(DONE).wait_for()
    assert len(staged.asked) == 2
    assert chat(page, ".question").count() == 1
    assert answer(page).count("28 working days") == 1


def test_follow_ups_and_starters_ask(staged: Stage, page: Any) -> None:
    page.goto(staged.url)
    chat(page, ".hello .pill").get_by_text("How do I book a room?").click()
    page.locator(DONE).wait_for()
    chat(page, "li > div > .starters .pill").first.click()
    chat(page, ".tools").nth(1).wait_for()
    asked = [question.text for question in staged.asked]
    assert asked == ["How do I book a room?", "How do I ask for leave?"]


def test_a_copy_carries_its_sources(staged: Stage, page: Any) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(staged.url)
    ask(page)
    chat(page, ".tools").get_by_label("Copy with sources").click()
    chat(page, ".tools [role=status]").get_by_text("Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert "**28 working days** of paid annual leave a year. [1]" in copied
    assert "[2] Annual leave policy (hr/annual-leave.md)" in copied
    assert "expenses" not in copied


def test_a_refusal_looks_like_one_and_shows_the_nearest_documents(staged: Stage, page: Any) -> None:
    page.goto(staged.url)
    ask(page, "What is the wifi password?")
    assert chat(page, ".refused .label").inner_text() == "Not in the documents"
    assert chat(page, ".notes h3").inner_text() == "Closest documents"
    assert chat(page, ".notes li").count() == 2


def test_a_failure_keeps_the_text_names_the_run_and_can_be_tried_again(staged: Stage, page: Any) -> None:
    page.goto(staged.url)
    ask(page, "Break")
    failed = chat(page, ".failed")
    assert failed.get_attribute("role") == "alert"
    assert "stopped in mid-sentence" in failed.inner_text()
    assert "run_" in failed.inner_text()
    assert "28 working days" in answer(page)
    staged.scripts["Break"] = [*OPENING, Text("All is well."), Done()]
    failed.get_by_text("Try again").click()
    chat(page, ".body").get_by_text("All is well.").wait_for()
    assert chat(page, ".failed").count() == 0


def test_an_unsure_answer_is_set_apart_and_keeps_its_source(staged: Stage, page: Any) -> None:
    page.goto(staged.url)
    ask(page, "How many days of annual leave do I get?")
    assert chat(page, ".unsure").count() == 0
    ask(page, "Is there a bicycle shed?")
    assert "28 working days" in chat(page, ".unsure").inner_text()
    assert chat(page, ".refused").count() == 0
    assert chat(page, ".notes").count() == 2


def test_a_refused_request_shows_the_services_own_sentence(staged: Stage, page: Any) -> None:
    page.goto(staged.url)
    page.route(
        "**/v1/chat",
        lambda route: route.fulfill(
            status=503, json={"detail": "Too many questions."}, headers={"x-request-id": "req_7"}
        ),
    )
    ask(page)
    assert "Too many questions." in chat(page, ".failed").inner_text()
    assert "req_7" in chat(page, ".failed").inner_text()


def test_a_reader_without_a_connection_is_told_so(staged: Stage, page: Any) -> None:
    page.goto(staged.url)
    page.context.set_offline(True)
    ask(page)
    assert "You are offline" in chat(page, ".failed").inner_text()
    page.context.set_offline(False)
    chat(page, ".failed").get_by_text("Try again").click()
    page.locator(DONE).wait_for()


def test_everything_can_be_done_with_the_keyboard(staged: Stage, page: Any) -> None:
    page.goto(staged.url)
    chat(page, "textarea").focus()
    page.keyboard.type("First line")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("second line")
    page.keyboard.press("Enter")
    page.locator(DONE).wait_for()
    assert staged.asked[-1].text == "First line\nsecond line"
    focused = "document.querySelector('footnote-chat').shadowRoot.activeElement?.className ?? ''"
    chat(page, "[role=log]").focus()
    passed: list[str] = []
    while len(passed) < 6 and "cite" not in passed:
        page.keyboard.press("Tab")
        passed.append(page.evaluate(focused))
    assert passed[-1] == "cite", str(passed)
    page.keyboard.press("Enter")
    chat(page, ".card").wait_for()
    assert page.evaluate(focused) == "card"
    page.keyboard.press("Escape")
    assert chat(page, ".card").is_hidden()
    assert page.evaluate(focused) == "cite"


def test_a_screen_reader_hears_the_search_and_then_the_whole_answer_once(staged: Stage, page: Any) -> None:
    page.goto(staged.url)
    said = chat(page, ".fn > [role=status]")
    write(page, "Haltingly")
    chat(page, ".body p").wait_for()
    assert said.inner_text() == "Searching the documents…"
    page.locator(DONE).wait_for()
    assert "Interns get 12 days" in said.inner_text()
    assert chat(page, "[role=log]").get_attribute("aria-live") == "off"


def test_a_reader_who_scrolled_up_is_left_in_peace(staged: Stage, page: Any) -> None:
    staged.scripts["Long"] = [
        *OPENING, *(Text("Line after line. \n\n") for _ in range(60)), *slowed([Text("More. \n\n")] * 30, 0.03), Done(),
    ]  # fmt: skip
    page.goto(staged.url)
    write(page, "Long")
    chat(page, ".body").get_by_text("More.").first.wait_for()
    log = chat(page, "[role=log]")
    log.evaluate("log => log.scrollTo(0, 0)")
    page.locator(DONE).wait_for()
    assert log.evaluate("log => log.scrollTop") == 0


def test_markdown_reads_as_written(staged: Stage, page: Any) -> None:
    page.goto(staged.url)
    ask(page, "Table")
    assert chat(page, ".body table tr").count() == 3
    assert chat(page, ".body ol li").count() == 2
    assert chat(page, ".body em").inner_text() == "receipt"
    assert chat(page, ".body pre").inner_text().strip() == "FOOTNOTE_DATA_DIR=/srv $HOME"


def test_how_an_answer_came_about_is_explained(staged: Stage, page: Any, watched: Watched) -> None:
    page.goto(staged.url)
    ask(page)
    chat(page, ".tools").get_by_label("Explain this answer").click()
    drawer = page.locator("#explained")
    drawer.locator(".found li").first.wait_for()
    assert drawer.locator(".found li.cited").count() == 2
    assert "does not fit the token budget" in drawer.locator(".found li.dropped").inner_text()
    assert "meaning 1.  words 3." in drawer.locator(".found li").first.text_content()
    assert "91 % by its own estimate: sure from 38 %, no answer below 19 %" in drawer.inner_text()
    assert "In no passage: sabbatical." in drawer.inner_text()
    assert "does a full-time employee get" in drawer.inner_text()
    assert drawer.locator(".times li").count() == 4
    assert "The first words were ready after 49 ms" in drawer.inner_text()
    assert "Not supported · 4 %" in drawer.inner_text()
    assert "generation 41" in drawer.inner_text()
    # the bars are where the times are: the last stage took the most
    widths = drawer.locator(".times .track i").evaluate_all("bars => bars.map(bar => bar.offsetWidth)")
    assert widths[3] == max(widths)
    assert widths[2] > widths[1] > 0
    starts = drawer.locator(".times .track i").evaluate_all("bars => bars.map(bar => bar.offsetLeft)")
    assert starts[0] == 0
    assert starts == sorted(starts)
    assert starts[3] > starts[2]
    page.keyboard.press("Escape")
    assert drawer.is_hidden()
    assert watched.complaints == []


def test_an_answer_that_the_service_forgot_is_explained_as_far_as_the_page_knows(
    staged: Stage, page: Any
) -> None:
    page.goto(staged.url)
    ask(page)
    page.route(
        "**/v1/runs/*", lambda route: route.fulfill(status=404, json={"detail": "There is no such run."})
    )
    chat(page, ".tools").get_by_label("Explain this answer").click()
    drawer = page.locator("#explained")
    drawer.get_by_text("There is no such run.").wait_for()
    assert "Not supported · 4 %" in drawer.inner_text()


def test_the_page_lists_the_documents(staged: Stage, page: Any) -> None:
    page.goto(staged.url)
    page.locator("#list li").first.wait_for()
    assert page.locator("#list li span").all_inner_texts() == ["Annual leave policy", "Expenses policy"]
    assert page.locator("#drop").is_hidden()
    started = time.monotonic()
    assert httpx.get(f"{staged.url}/widget.js").status_code == 200
    assert time.monotonic() - started < 5
