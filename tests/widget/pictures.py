"""Take the pictures in docs/images: `python -m tests.widget.pictures`. Real answers from the sample handbook.

Only what a healthy service cannot show (a broken answer, one that is being written) is scripted.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from app.build import build, build_service
from app.commands.demo import ingest_sample
from app.http.application import create_app
from app.keys import Keys
from app.settings import AnswerSettings, ServeSettings
from ingest.settings import IngestSettings
from tests.fakes.scripted_model import serving
from tests.widget.browser import chromium
from tests.widget.driving import QUESTION, ask, chat, drawn, write
from tests.widget.stage import stage
from vectorstore.settings import StoreSettings

PDF_QUESTION = "Where does the pension money go if I name no beneficiaries?"
IMAGES = Path(__file__).parents[2] / "docs" / "images"
WIDE, SMALL = (1280, 800), (390, 800)


def picture(browser: Any, name: str, address: str, *acts: Callable[[Any], None], **look: Any) -> None:
    """Open an address, act, and write the picture."""
    width, height = look.pop("size", WIDE)
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=look.pop("scheme", "light"), **look
    )
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


def asks(question: str) -> Callable[[Any], None]:
    return lambda page: ask(page, question)


def opens_card(page: Any) -> None:
    chat(page, ".cite").first.click()


def opens_launcher(page: Any) -> None:
    chat(page, ".launch").click()


def explains(page: Any) -> None:
    chat(page, ".tools").get_by_label("Explain this answer").first.click()
    page.locator("#explained .found li").first.wait_for()
    # the focus ring of the first button tells nothing here
    page.evaluate("document.activeElement.blur()")


def writes(question: str) -> Callable[[Any], None]:
    """Ask, and wait only for the first words."""

    def act(page: Any) -> None:
        write(page, question)
        chat(page, ".body p").first.wait_for()

    return act


def edits(page: Any) -> None:
    chat(page, "textarea").press("ArrowUp")


def stops(page: Any) -> None:
    writes("Slowly, please")(page)
    chat(page, ".go[name=stop]").click()
    chat(page, ".stopped").wait_for()


def loses_connection(page: Any) -> None:
    page.context.set_offline(True)
    ask(page)


def opens_viewer(page: Any) -> None:
    chat(page, ".cite").first.click()
    page.goto(chat(page, ".card a").get_attribute("href"))
    draws(page)


def adds(folder: Path) -> Callable[[Any], None]:
    """Add a good file and one that cannot be read, and wait for what becomes of them."""

    def act(page: Any) -> None:
        good, bad = folder / "canteen.md", folder / "scan.pdf"
        good.write_text("# Canteen\n\nLunch is served from 11:30 to 14:00. A meal costs EUR 4.80.\n")
        bad.write_bytes(b"%PDF-1.7")
        page.locator("#drop").wait_for()
        page.locator("#files").set_input_files([good, bad])
        page.locator("#uploads .bad").wait_for()

    return act


def draws(page: Any) -> None:
    drawn(page.locator("figure img[loading=eager]"))


def rates(page: Any) -> None:
    chat(page, ".tools").get_by_label("Bad answer").click()
    chat(page, ".why").get_by_text("Out of date").click()


def doubts(page: Any) -> None:
    chat(page, ".dagger").first.click()


def real(browser: Any, folder: Path) -> None:
    """Picture the product with the sample handbook in it."""
    stored = StoreSettings(data_dir=folder / "data")
    ingest_sample(stored, quiet=True)
    parts = build(stored, AnswerSettings())
    service = build_service(parts, ServeSettings(), AnswerSettings(), stored, IngestSettings())
    with serving(create_app(service)) as home:
        picture(browser, "widget-page", home)
        picture(browser, "chat-answer", home, asks(QUESTION), opens_card, size=(1280, 860))
        picture(browser, "widget-page-dark", home, asks(QUESTION), opens_card, scheme="dark")
        picture(browser, "widget-explain", home, asks(QUESTION), explains, size=(1280, 1000))
        picture(browser, "widget-explain-dark", home, asks(QUESTION), explains, scheme="dark")
        picture(browser, "widget-documents", home, adds(folder))
        picture(browser, "widget-viewer", home, asks(PDF_QUESTION), opens_viewer, size=(1280, 860))
        picture(browser, "widget-refusal", home, asks("Who won the football world cup in 1974?"))
        picture(browser, "widget-mobile", home, asks(QUESTION), opens_card, size=SMALL, has_touch=True)
    parts.close()


def scripted(browser: Any, folder: Path) -> None:
    """Picture what needs a script: faults, doubts, strangers' pages."""
    with stage(folder) as staged:
        picture(browser, "widget-failed", staged.url, asks("Break"))
        picture(browser, "widget-writing", staged.url, writes("Haltingly"))
        picture(browser, "widget-stopped", staged.url, stops)
        picture(browser, "widget-editing", staged.url, asks(QUESTION), edits)
        picture(browser, "widget-offline", staged.url, loses_connection)
        picture(browser, "widget-doubt", staged.url, asks(QUESTION), doubts)
        picture(browser, "widget-feedback", staged.url, asks(QUESTION), rates)
        picture(browser, "widget-forced-colours", staged.url, asks(QUESTION), forced_colors="active")
        style = "<style>body{font:18px/1.6 Georgia,serif;margin:64px;background:#eef1f6;color:#223}h1{font-size:40px}p{max-width:34em}</style>"
        body = (
            "<h1>Acme intranet</h1><p>A page of someone else, with the widget's one line of HTML in it.</p>"
        )
        data = f'data-heading="Ask the handbook" data-intro="Answers come from the staff handbook alone." data-suggestions="{QUESTION}|What is the wifi password?"'
        for mode in ("launcher", "sidebar", "modal"):
            tag = f'<script src="{staged.url}/widget.js" {data} data-mode="{mode}"></script>'
            name = "widget-launcher-open" if mode == "launcher" else f"widget-{mode}"
            picture(browser, name, staged.host(mode, body + tag, head=style), opens_launcher, asks(QUESTION))
        locked = folder / "keys.json"
        Keys(locked).create("page")
        arabic = f'<footnote-chat lang="ar" style="height:100vh"></footnote-chat><script src="{staged.url}/widget.js"></script>'
        turned = staged.host("ar", arabic, head="<style>body{margin:0}</style>")
        picture(browser, "widget-right-to-left", turned, asks(QUESTION))
    with stage(folder, keys=locked) as closed:
        picture(browser, "widget-key", closed.url)


def main() -> None:
    """Take all pictures."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder, chromium() as browser:
        scripted(browser, Path(folder))
        real(browser, Path(folder))


if __name__ == "__main__":
    main()
