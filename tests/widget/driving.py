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
    page.wait_for_function(
        """before => {
          const root = document.querySelector('footnote-chat').shadowRoot;
          const turns = root.querySelectorAll('.turns > li');
          return turns.length > before && (turns[turns.length - 1].querySelector('.tools, .failed'));
        }""",
        arg=before,
    )


def answer(page: Any) -> str:
    """Return the words of the last answer."""
    return str(chat(page, ".turns > li:last-child .body").inner_text())
