"""What a person does with the widget."""

from typing import Any

QUESTION = "How many days of annual leave do I get?"
DONE = "footnote-chat .turns > li:last-child .tools"


def chat(page: Any, selector: str = "") -> Any:
    """Find something in the widget; Playwright looks through open shadow roots."""
    return page.locator(f"footnote-chat {selector}".strip())


def write(page: Any, text: str) -> None:
    """Write a question and press Enter."""
    box = chat(page, "textarea").first
    box.fill(text)
    box.press("Enter")


def ask(page: Any, text: str = QUESTION) -> None:
    """Ask, and wait until the answer is there."""
    before = chat(page, ".turns > li").count()
    write(page, text)
    turn = f"footnote-chat .turns > li:nth-child(n + {before + 1}):last-child"
    page.locator(turn).locator(".tools, .failed").first.wait_for(state="attached")


def answer(page: Any) -> str:
    """Return the words of the last answer."""
    return str(chat(page, ".turns > li:last-child .body").inner_text())


def drawn(image: Any) -> None:
    """Wait until a picture is there; the page's policy forbids polling with a script of ours."""
    from playwright.sync_api import expect

    expect(image).to_have_js_property("complete", True, timeout=30_000)
    expect(image).not_to_have_js_property("naturalWidth", 0, timeout=30_000)
