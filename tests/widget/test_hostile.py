"""Whatever a model or a document says, the page runs none of it and asks nobody for anything."""

from dataclasses import replace
from typing import Any

import pytest

from app.events import Done, Event, Failed, FollowUps, SentenceChecked, Sources, Text
from tests.widget.browser import Watched
from tests.widget.corpus import ELEMENTS, STRINGS
from tests.widget.driving import ask, chat
from tests.widget.stage import OPENING, PASSAGES, Stage

pytestmark = pytest.mark.browser

BYTES = 7
_TAGS = """
a b bdi blockquote br button code div em fieldset form h3 hr input legend li mark ol p path pre s section small span strong sup svg table tbody td th thead tr ul
"""
PRELUDE = "window.executed = 0; window.pwned = () => { window.executed += 1; };"
# The answers of one batch are given on one page, one after the other.
BATCH = 48
ICON = "<link rel=icon href=data:,>"
ASK_ALL = """async questions => {
  const chat = document.querySelector('footnote-chat');
  for (const question of questions) {
    chat.ask(question);
    while (chat.shadowRoot.querySelector('.go').name === 'stop') await new Promise(done => setTimeout(done, 4));
  }
}"""
SURVEY = """() => {
  const found = [...document.querySelector('footnote-chat').shadowRoot.querySelectorAll('.turns *, .card *')];
  return {
    tags: [...new Set(found.map(one => one.localName))],
    attributes: [...new Set(found.flatMap(one => one.getAttributeNames()))],
    links: [...new Set(found.filter(one => one.localName === 'a' && one.hasAttribute('href')).map(one => one.protocol))],
    open: found.filter(one => one.target === '_blank' && one.rel !== 'noopener noreferrer nofollow').length,
  };
}"""
_ATTRIBUTES = """
aria-expanded aria-haspopup aria-hidden aria-label aria-pressed checked class d dir disabled hidden href maxlength part placeholder rel role start tabindex target title type value viewBox
"""


def pieces(text: str) -> list[Text]:
    """Cut a text so that no piece has more than seven bytes: every token boundary falls somewhere."""
    cut, size = [""], 0
    for character in text:
        size += len(character.encode("utf-8", "surrogatepass"))
        if size > BYTES:
            cut.append("")
            size = len(character.encode("utf-8", "surrogatepass"))
        cut[-1] += character
    return [Text(piece) for piece in cut]


def open_page(staged: Stage, page: Any) -> None:
    page.add_init_script(PRELUDE)
    # No policy here: it is the widget that must hold.
    body = f'<footnote-chat keep-days="0" style="height:700px"></footnote-chat><script src="{staged.url}/widget.js"></script>'
    page.goto(staged.host("hostile-text", body, head=ICON))


def assert_inert(staged: Stage, page: Any, watched: Watched) -> None:
    page.wait_for_timeout(50)
    survey = page.evaluate(SURVEY)
    assert set(survey["tags"]) <= set(_TAGS.split())
    assert set(survey["attributes"]) <= set(_ATTRIBUTES.split())
    assert set(survey["links"]) <= {"http:", "https:", "mailto:"}
    assert survey["open"] == 0
    assert page.evaluate("window.executed") == 0
    assert watched.foreign(staged.url, page.url) == []
    assert watched.complaints == []
    assert page.url.endswith("/host/hostile-text")


@pytest.mark.parametrize("first", range(0, len(STRINGS), BATCH))
def test_hostile_answers_stay_words(staged: Stage, page: Any, watched: Watched, first: int) -> None:
    open_page(staged, page)
    batch = STRINGS[first : first + BATCH]
    for number, text in enumerate(batch):
        checked = SentenceChecked(0, len(text), "unsupported" if number % 2 else "supported", 0.1)
        staged.scripts[f"hostile {number}"] = [*OPENING, *pieces(text), checked, Done()]
    page.evaluate(ASK_ALL, [f"hostile {number}" for number in range(len(batch))])
    assert chat(page, ".turns > li").count() == len(batch)
    assert_inert(staged, page, watched)


def test_the_corpus_is_as_large_as_promised() -> None:
    assert len(set(STRINGS)) >= 250


def test_hostile_documents_questions_and_failures_stay_words(
    staged: Stage, page: Any, watched: Watched
) -> None:
    open_page(staged, page)
    questions: list[str] = []
    for number, text in enumerate(ELEMENTS[:60]):
        passage = PASSAGES[0]
        document = replace(passage.document, title=text, uri=text)
        hostile = replace(passage, document=document, text=text, headings=(text,))
        events: list[Event] = [OPENING[0], Sources((hostile,)), Text("Read this. [1]"), FollowUps((text,))]
        events.append(
            Failed("internal", text)
            if number % 3 == 0
            else Done(outcome="refused" if number % 3 == 1 else "answered")
        )
        question = f"{text} {number}"
        staged.scripts[question] = events
        questions.append(question)
    page.evaluate(ASK_ALL, questions)
    for place in range(0, len(questions), 6):
        chat(page, ".turns > li").nth(place).locator(".cite").click()
        page.keyboard.press("Escape")
    assert_inert(staged, page, watched)


def test_a_link_to_a_script_in_a_citation_leads_nowhere(staged: Stage, page: Any, watched: Watched) -> None:
    open_page(staged, page)

    def poison(route: Any) -> None:
        response = route.fetch()
        route.fulfill(
            response=response,
            body=response.text().replace(f"{staged.url}/v1/documents", "javascript:pwned()//"),
        )

    page.route("**/v1/chat", poison)
    ask(page)
    chat(page, ".cite").first.click()
    assert chat(page, ".card a").get_attribute("href") is None
    chat(page, ".card a").click()
    assert_inert(staged, page, watched)


def test_a_poisoned_memory_is_read_as_words(staged: Stage, page: Any, watched: Watched) -> None:
    """What lies in the browser's storage may have been put there by another script of the page."""
    open_page(staged, page)
    exchange = {
        "question": "<img src=x onerror=pwned()>",
        "answer": {
            "run": "<img src=x onerror=pwned()>", "model": "", "notice": "<script>pwned()</script>", "text": "![p](https://evil.example/p) [1]",
            "sources": [{"n": 1, "document_id": "d", "title": "<img src=x onerror=pwned()>", "label": "x", "uri": "u",
                         "url": "javascript:pwned()", "text": "<b>t</b>", "start": 0, "headings": [], "score": 1}],
            "citations": [], "sentences": [], "followups": [], "refused": False, "state": "done", "error": "", "times": {},
        },
    }  # fmt: skip
    body = (
        f'<footnote-chat style="height:700px"></footnote-chat><script src="{staged.url}/widget.js"></script>'
    )
    staged.host("hostile-text", body, head=ICON)
    page.evaluate(
        "([name, kept]) => localStorage.setItem(name, JSON.stringify({...kept, at: Date.now()}))",
        [f"footnote:{staged.url}:", {"conversation": "c", "exchanges": [exchange]}],
    )
    page.reload()
    chat(page, ".cite").click()
    assert chat(page, ".card a").get_attribute("href") is None
    assert_inert(staged, page, watched)
