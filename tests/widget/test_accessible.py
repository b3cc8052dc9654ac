"""axe finds nothing against WCAG 2.2 A and AA, in every state, light, dark, from right to left and small."""

from pathlib import Path
from typing import Any

import pytest

from tests.widget.driving import ask, chat
from tests.widget.stage import Stage

pytestmark = pytest.mark.browser
AXE = Path(__file__).parents[2] / "widget" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"]


def violations(page: Any) -> list[str]:
    if not AXE.exists():
        pytest.skip("needs widget/node_modules: npm ci in widget/")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    # What is fading in would be measured half faded.
    page.evaluate("Promise.all(document.getAnimations({subtree: true}).map(one => one.finish?.()))")
    found = page.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
    assert len(found["passes"]) > 15
    return [
        f"{rule['id']}: {node['html'][:160]} {node['failureSummary'][:300]}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 390])
def test_the_page_in_every_state(staged: Stage, page: Any, scheme: str, width: int) -> None:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(staged.url)
    page.locator("#list li").first.wait_for(state="attached")
    assert violations(page) == []
    ask(page)
    chat(page, ".tools").get_by_label("Bad answer").click()
    chat(page, ".why").wait_for()
    assert violations(page) == []
    chat(page, ".cite").first.click()
    assert violations(page) == []
    page.keyboard.press("Escape")
    ask(page, "What is the wifi password?")
    ask(page, "Break")
    ask(page, "Table")
    assert violations(page) == []
    chat(page, "li:last-child .tools").get_by_label("Explain this answer").click()
    page.locator("#explained .found summary, #explained dl").first.wait_for()
    assert violations(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_from_right_to_left(staged: Stage, page: Any, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.goto(staged.url)
    page.evaluate("document.documentElement.dir = 'rtl'")
    ask(page)
    chat(page, ".tools").get_by_label("Explain this answer").click()
    page.locator("#explained dl").wait_for()
    assert violations(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_document_viewer(staged: Stage, page: Any, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    page.goto(f"{staged.url}/v1/documents/doc_annual-leave/view?start=30&end=90#mark")
    assert page.locator("mark").count() == 1
    assert violations(page) == []


@pytest.mark.parametrize("language", ["ar", "de"])
def test_the_launcher_on_a_strangers_page(staged: Stage, page: Any, language: str) -> None:
    body = f'<main><h1>Shop</h1></main><script src="{staged.url}/widget.js" data-lang="{language}" data-theme="auto"></script>'
    page.emulate_media(reduced_motion="reduce")
    page.goto(staged.host(f"axe-{language}", body))
    assert violations(page) == []
    chat(page, ".launch").click()
    ask(page)
    chat(page, ".cite").first.click()
    assert violations(page) == []


def test_targets_are_large_enough_to_hit(staged: Stage, page: Any) -> None:
    page.goto(staged.url)
    ask(page)
    small = page.evaluate(
        """() => [...document.querySelector('footnote-chat').shadowRoot.querySelectorAll('button, a')]
          .map(one => [one.className, one.getBoundingClientRect()])
          .filter(([, box]) => box.width && (box.width < 24 || box.height < 24))
          .map(([name, box]) => `${name} ${box.width}x${box.height}`)"""
    )
    assert small == []


def test_forced_colours_keep_what_is_marked_visible(staged: Stage, page: Any) -> None:
    page.emulate_media(forced_colors="active")
    page.goto(staged.url)
    ask(page)
    style = "one => [getComputedStyle(one).textDecorationLine, getComputedStyle(one).textDecorationStyle]"
    assert chat(page, ".doubt").first.evaluate(style) == ["underline", "dotted"]
    assert chat(page, ".cite").first.evaluate(style) == ["underline", "solid"]
    assert chat(page, ".go").evaluate("one => getComputedStyle(one).borderTopWidth") == "1px"


def test_who_wants_less_motion_gets_none(staged: Stage, page: Any) -> None:
    page.emulate_media(reduced_motion="reduce")
    page.goto(staged.url)
    chat(page, "textarea").fill("Slowly, please")
    chat(page, "textarea").press("Enter")
    chat(page, ".body p, .status").first.wait_for()
    assert page.evaluate("document.querySelector('footnote-chat').shadowRoot.getAnimations().length") == 0
