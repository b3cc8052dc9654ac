"""The widget on a stranger's page: script tag, modes, hostile style, strict policies, languages."""

from typing import Any

import pytest

from tests.widget.browser import Watched
from tests.widget.driving import QUESTION, answer, ask, chat
from tests.widget.stage import Stage

pytestmark = pytest.mark.browser

HOSTILE_STYLE = """<style>
* { font: 40px/3 "Comic Sans MS" !important; color: lime !important; background: magenta !important; margin: 33px !important;
    padding: 0 !important; border: 9px solid !important; opacity: .2 !important; position: static !important;
    visibility: hidden !important; display: none !important; width: 7px !important; z-index: -1 !important; transform: rotate(9deg) !important }
html, body { display: block !important; visibility: visible !important }
button, textarea, dialog, section, ol, li, p, svg { all: unset !important; display: none !important }
footnote-chat::part(frame) { }
</style>"""


def script(staged: Stage, **data: str) -> str:
    written = "".join(f' data-{name.replace("_", "-")}="{value}"' for name, value in data.items())
    return f'<script src="{staged.url}/widget.js"{written} async></script>'


def test_one_script_tag_gives_a_launcher_that_opens_asks_and_closes(
    staged: Stage, page: Any, watched: Watched
) -> None:
    page.goto(
        staged.host(
            "tag", "<h1>Shop</h1>" + script(staged, heading="Ask Acme", suggestions=f"{QUESTION}|Why?")
        )
    )
    launcher = chat(page, ".launch")
    assert launcher.get_attribute("aria-expanded") == "false"
    launcher.click()
    assert launcher.get_attribute("aria-expanded") == "true"
    assert chat(page, ".bar h2").inner_text() == "Ask Acme1"
    assert chat(page, ".hello .pill").count() == 2
    # A panel beside the page leaves the page as it was.
    assert chat(page, "dialog:modal").count() == 0
    assert (
        page.evaluate(
            "getComputedStyle(document.querySelector('footnote-chat').shadowRoot.querySelector('dialog'), '::backdrop').backgroundColor"
        )
        == "rgba(0, 0, 0, 0)"
    )
    ask(page)
    assert "28 working days" in answer(page)
    page.keyboard.press("Escape")
    assert chat(page, "dialog").is_hidden()
    assert (
        page.evaluate("document.querySelector('footnote-chat').shadowRoot.activeElement.className")
        == "launch"
    )
    assert [url for url in watched.foreign(staged.url, page.url) if not url.endswith("favicon.ico")] == []


def test_a_hostile_page_cannot_deform_it(staged: Stage, page: Any) -> None:
    def looks() -> Any:
        chat(page, ".launch").click()
        # under the pointer the launcher is on its way up
        page.mouse.move(5, 5)
        ask(page)
        page.evaluate(
            "document.querySelector('footnote-chat').shadowRoot.getAnimations().forEach(one => one.finish())"
        )
        return page.evaluate(
            """() => {
              const root = document.querySelector('footnote-chat').shadowRoot;
              return ['.launch', '.fn', '.body p', '.question', '.cite', 'textarea', '.go', '.notes button'].map(one => {
                const found = root.querySelector(one), style = getComputedStyle(found), box = found.getBoundingClientRect();
                return [one, style.fontSize, style.color, style.backgroundColor, style.visibility, style.opacity,
                  style.transform, Math.round(box.width), Math.round(box.height), Math.round(box.left), Math.round(box.top)];
              });
            }"""
        )

    page.goto(staged.host("tame", script(staged, keep_days="0")))
    tame = looks()
    page.goto(staged.host("hostile", script(staged, keep_days="0"), head=HOSTILE_STYLE))
    assert looks() == tame


def test_a_strict_policy_with_trusted_types_hears_no_complaint(
    staged: Stage, page: Any, watched: Watched
) -> None:
    policy = (
        f"default-src 'none'; script-src {staged.url}; connect-src {staged.url}; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )
    page.goto(staged.host("strict", "<link rel=icon href=data:,>" + script(staged), policy=policy))
    chat(page, ".launch").click()
    ask(page)
    chat(page, ".cite").first.click()
    chat(page, ".card mark").wait_for()
    page.keyboard.press("Escape")
    ask(page, "Table")
    assert [said for said in watched.complaints if "icon" not in said and "data:," not in said] == []


def test_a_page_that_the_service_does_not_allow_is_told_what_to_do(staged: Stage, page: Any) -> None:
    element = '<footnote-chat api="http://127.0.0.1:1"></footnote-chat>'
    page.goto(staged.host("barred", f'{element}<script src="{staged.url}/widget.js"></script>'))
    chat(page, "textarea").fill("How many days?")
    page.keyboard.press("Enter")
    said = chat(page, ".failed p")
    said.wait_for()
    origin = staged.url.replace("127.0.0.1", "localhost")
    assert "does not allow this page" in said.inner_text()
    assert f"FOOTNOTE_CORS_ORIGINS={origin}" in said.inner_text()


@pytest.mark.parametrize("mode", ["inline", "sidebar", "modal"])
def test_every_mode_answers(staged: Stage, page: Any, mode: str) -> None:
    element = f'<footnote-chat mode="{mode}" style="height:600px"></footnote-chat><script src="{staged.url}/widget.js"></script>'
    page.goto(staged.host(f"mode-{mode}", element))
    if mode != "inline":
        page.evaluate("document.querySelector('footnote-chat').open()")
    ask(page)
    assert "28 working days" in answer(page)
    assert chat(page, "dialog:modal").count() == (mode == "modal")
    if mode == "modal":
        page.keyboard.press("Escape")
        assert chat(page, "dialog").is_hidden()


@pytest.mark.parametrize(("theme", "lightness"), [("light", 255), ("dark", 25), ("auto", 25)])
def test_a_theme_is_what_the_page_says(staged: Stage, page: Any, theme: str, lightness: int) -> None:
    page.emulate_media(color_scheme="dark")
    page.goto(staged.host(f"theme-{theme}", script(staged, theme=theme, mode="sidebar")))
    chat(page, ".launch").click()
    shown = chat(page, ".fn").evaluate("one => getComputedStyle(one).backgroundColor")
    assert shown.startswith(f"rgb({lightness}, ")


def test_a_page_drives_it_and_hears_of_it(staged: Stage, page: Any) -> None:
    page.goto(
        staged.host("api", f'<footnote-chat></footnote-chat><script src="{staged.url}/widget.js"></script>')
    )
    page.evaluate(
        """() => {
          window.heard = [];
          window.chat = document.querySelector('footnote-chat');
          for (const name of ['citation-click', 'feedback', 'error']) chat.on(name, detail => heard.push([name, detail]));
          document.body.addEventListener('footnote-citation-click', () => heard.push(['bubbled']));
        }"""
    )
    page.evaluate("question => chat.ask(question)", QUESTION)
    chat(page, ".cite").first.click()
    page.keyboard.press("Escape")
    chat(page, ".tools").get_by_label("Good answer").click()
    page.evaluate(
        "() => new Promise(done => { const look = () => heard.length < 3 ? requestAnimationFrame(look) : done(); look(); })"
    )
    heard = page.evaluate("heard")
    assert [entry[0] for entry in heard] == ["citation-click", "bubbled", "feedback"]
    assert heard[0][1]["title"] == "Annual leave policy"
    assert heard[2][1]["rating"] == "up"
    page.evaluate("chat.reset()")
    assert chat(page, ".question").count() == 0


def test_what_a_page_wants_of_the_search_is_sent(staged: Stage, page: Any) -> None:
    page.goto(
        staged.host("where", script(staged, where="{&quot;media_type&quot;: &quot;text/markdown&quot;}"))
    )
    chat(page, ".launch").click()
    ask(page)
    assert staged.asked[-1].where[0].field == "media_type"


@pytest.mark.parametrize("language", ["en", "de", "fr", "es", "it", "pt", "nl", "pl", "ja", "ar"])
def test_it_speaks_ten_languages(staged: Stage, page: Any, language: str) -> None:
    element = (
        f'<footnote-chat lang="{language}"></footnote-chat><script src="{staged.url}/widget.js"></script>'
    )
    page.goto(staged.host(f"lang-{language}", element))
    ask(page)
    labels = page.evaluate(
        """[...document.querySelector('footnote-chat').shadowRoot.querySelectorAll('[aria-label]')].map(e => e.ariaLabel)"""
    )
    assert all(label and "undefined" not in label for label in labels)
    assert len(set(labels)) > 8
    assert chat(page, ".fn").get_attribute("dir") == ("rtl" if language == "ar" else "ltr")
    if language not in {"en", "fr"}:
        assert "Send" not in labels
        assert "Copy with sources" not in labels


def test_a_small_screen_is_covered_and_keeps_the_keyboard(staged: Stage, page: Any) -> None:
    page.set_viewport_size({"width": 390, "height": 780})
    page.goto(staged.host("small", "<a href=#>behind</a>" + script(staged)))
    chat(page, ".launch").click()
    box = chat(page, "dialog").bounding_box()
    assert (box["x"], box["y"], box["width"], box["height"]) == (0, 0, 390, 780)
    assert chat(page, "dialog:modal").count() == 1
    ask(page)
    chat(page, ".cite").first.click()
    card = chat(page, ".card").bounding_box()
    assert card["width"] == 390
    assert card["y"] + card["height"] == 780
