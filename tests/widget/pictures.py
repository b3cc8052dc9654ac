"""Take the six pictures in docs/images: `python -m tests.widget.pictures`. Real answers from the sample handbook.

What they are made from is written beside them, so that tests/widget/test_pictures.py says when they are out of date.
"""

import json
import re
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.request import Request, urlopen

from starlette.responses import HTMLResponse
from starlette.routing import Route

from app.http.view_page import CONTENT_SECURITY_POLICY
from tests.fakes.handbook import serving_sample
from tests.widget.browser import chromium
from tests.widget.driving import QUESTION, ask, chat, drawn

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
MADE_FROM = IMAGES / "made-from.json"
QUESTIONS = {
    "chat-answer": QUESTION,
    "widget-explain": QUESTION,
    "widget-viewer": "Where does the pension money go if I name no beneficiaries?",
    "widget-refusal": "Who won the football world cup in 1974?",
    "widget-launcher": "How do I claim expenses?",
    "widget-mobile-dark": "Can I work from another country?",
}
"""Each picture's question."""
CITED = ("hr/annual-leave.md", "hr/pension-plan.pdf", "hr/remote-work.md", "finance/expenses.md")
_IMPORT = re.compile(r"^(?:from|import) .*\n", re.MULTILINE)
_INTRANET = """<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>
<title>Acme intranet</title><style>body{font:18px/1.6 Georgia,serif;margin:64px;background:#eef1f6;color:#223}
h1{font-size:40px}p{max-width:34em}</style><h1>Acme intranet</h1>
<p>A page of someone else, with the widget's one line of HTML in it.</p>
<script src="/widget.js" data-heading="Ask the handbook" data-intro="Answers come from the staff handbook alone.">
</script></html>"""


def sources() -> dict[str, str]:
    """Return what the pictures show and are taken with: each file's digest, and that of the viewer's look."""
    shown = {
        str(path.relative_to(ROOT)): path.read_bytes() for path in sorted((ROOT / "app" / "widget").iterdir())
    }
    shown["the viewer's style"] = CONTENT_SECURITY_POLICY.encode()
    # without the imports, which change wherever a file moves
    shown["this script"] = _IMPORT.sub("", Path(__file__).read_text(encoding="utf-8")).encode()
    return {name: sha256(content).hexdigest() for name, content in shown.items()}


def answers(folder: Path) -> dict[str, str]:
    """Return how each answer begins, asked of the documents that the pictures cite alone.

    How it goes on may differ from one processor to another, which round differently.
    """
    with serving_sample(folder, *CITED) as (home, _):
        return {asked: _answer(home, asked)[:50] for asked in sorted(set(QUESTIONS.values()))}


def _answer(home: str, question: str) -> str:
    body = {"model": "footnote", "messages": [{"role": "user", "content": question}]}
    request = Request(
        f"{home}/v1/chat/completions", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with urlopen(request, timeout=60) as reply:
        return str(json.load(reply)["choices"][0]["message"]["content"])


def picture(browser: Any, name: str, address: str, *acts: Callable[[Any], None], **look: Any) -> None:
    """Open an address, act, and write the picture."""
    width, height = look.pop("size", (1280, 860))
    context = browser.new_context(viewport={"width": width, "height": height}, **look)
    page = context.new_page()
    page.goto(address)
    page.wait_for_timeout(500)
    for act in acts:
        act(page)
    page.wait_for_timeout(400)
    file = IMAGES / f"{name}.png"
    page.screenshot(path=str(file))
    context.close()
    print(f"{file.name}: {file.stat().st_size // 1024} kB", file=sys.stderr)


def asks(name: str) -> Callable[[Any], None]:
    return lambda page: ask(page, QUESTIONS[name])


def opens_card(page: Any) -> None:
    chat(page, ".cite").first.click()


def opens_launcher(page: Any) -> None:
    chat(page, ".launch").click()


def explains(page: Any) -> None:
    chat(page, ".tools").get_by_label("Explain this answer").first.click()
    page.locator("#explained .found li").first.wait_for()
    # the focus ring of the first button tells nothing here
    page.evaluate("document.activeElement.blur()")


def opens_viewer(page: Any) -> None:
    chat(page, ".cite").first.click()
    page.goto(chat(page, ".card a").get_attribute("href"))
    drawn(page.locator("figure img[loading=eager]"))


def main() -> None:
    """Take all pictures, and write down what they are made from."""
    with TemporaryDirectory() as folder, serving_sample(Path(folder)) as (home, app), chromium() as browser:
        app.router.routes.insert(0, Route("/intranet", lambda _: HTMLResponse(_INTRANET)))
        picture(browser, "chat-answer", home, asks("chat-answer"), opens_card)
        picture(browser, "widget-explain", home, asks("widget-explain"), explains, size=(1280, 1000))
        picture(browser, "widget-viewer", home, asks("widget-viewer"), opens_viewer)
        picture(browser, "widget-refusal", home, asks("widget-refusal"))
        picture(browser, "widget-launcher", f"{home}/intranet", opens_launcher, asks("widget-launcher"))
        phone = {"size": (390, 800), "color_scheme": "dark", "has_touch": True}
        picture(browser, "widget-mobile-dark", home, asks("widget-mobile-dark"), opens_card, **phone)
    with TemporaryDirectory() as folder:
        made_from = {"sources": sources(), "answers": answers(Path(folder))}
    MADE_FROM.write_text(json.dumps(made_from, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
