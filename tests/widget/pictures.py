"""Take the pictures in docs/images: `python -m tests.widget.pictures`. Real answers from the sample handbook.

Only what a healthy service cannot show (a broken answer, one that is being written) is scripted.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image

from app.build import build, build_service
from app.demo import ingest_sample
from app.service import create_app
from app.settings import AnswerSettings, ServeSettings
from tests.scripted_model import serving
from tests.widget.browser import chromium
from tests.widget.driving import ask, chat, write
from tests.widget.stage import stage
from vectorstore.settings import StoreSettings

IMAGES = Path(__file__).parents[2] / "docs" / "images"
QUESTION = "How many days of annual leave do I get?"
WIDE, SMALL = (1280, 800), (390, 800)


def picture(browser: Any, name: str, address: str, *acts: Callable[[Any], None], **look: Any) -> None:
    """Open an address, act, and write the picture in 256 colours."""
    width, height = look.pop("size", WIDE)
    context = browser.new_context(
        viewport={"width": width, "height": height},
        device_scale_factor=2 if width == SMALL[0] else 1.5,
        color_scheme=look.pop("scheme", "light"),
        **look,
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
    Image.open(file).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(file, optimize=True)
    print(f"{file.name}: {file.stat().st_size // 1024} kB", file=sys.stderr)


def asks(question: str) -> Callable[[Any], None]:
    return lambda page: ask(page, question)


def opens_card(page: Any) -> None:
    chat(page, ".cite").first.click()


def opens_launcher(page: Any) -> None:
    chat(page, ".launch").click()


def explains(page: Any) -> None:
    chat(page, ".tools").get_by_label("Explain this answer").first.click()


def streams(page: Any) -> None:
    write(page, "Slowly, please")
    chat(page, ".body p").wait_for()
    page.wait_for_timeout(1_500)


def real(browser: Any, folder: Path) -> None:
    """Picture the product with the sample handbook in it."""
    stored = StoreSettings(data_dir=folder / "data")
    ingest_sample(stored, quiet=True)
    parts = build(stored, AnswerSettings())
    service = build_service(parts, ServeSettings(), AnswerSettings(), stored)
    with serving(create_app(service)) as home:
        picture(browser, "page", home)
        picture(browser, "answer", home, asks(QUESTION), opens_card)
        picture(browser, "answer-dark", home, asks(QUESTION), opens_card, scheme="dark")
        picture(browser, "explained", home, asks(QUESTION), explains)
        picture(browser, "refusal", home, asks("Who won the football world cup in 1974?"))
        picture(browser, "mobile", home, asks(QUESTION), opens_card, size=SMALL, has_touch=True)
    parts.close()


def scripted(browser: Any, folder: Path) -> None:
    """Picture what needs a script: faults, a slow model, strangers' pages."""
    with stage(folder) as staged:
        picture(browser, "streaming", staged.url, streams)
        picture(browser, "error", staged.url, asks("Break"))
        picture(
            browser, "doubt", staged.url, asks(QUESTION), lambda page: chat(page, ".dagger").first.click()
        )
        style = "<style>body{font:18px/1.6 Georgia,serif;margin:64px;background:#eef1f6;color:#223}h1{font-size:40px}p{max-width:34em}</style>"
        body = (
            "<h1>Acme intranet</h1><p>A page of someone else, with the widget's one line of HTML in it.</p>"
        )
        data = f'data-heading="Ask the handbook" data-intro="Answers come from the staff handbook alone." data-suggestions="{QUESTION}|What is the wifi password?"'
        host = staged.host("shop", f'{body}<script src="{staged.url}/widget.js" {data}></script>', head=style)
        picture(browser, "launcher", host)
        picture(browser, "launcher-open", host, opens_launcher, asks(QUESTION))
        arabic = f'<footnote-chat lang="ar" mode="inline" style="height:100vh"></footnote-chat><script src="{staged.url}/widget.js"></script>'
        picture(
            browser,
            "right-to-left",
            staged.host("ar", arabic, head="<style>body{margin:0}</style>"),
            asks(QUESTION),
        )


def main() -> None:
    """Take all pictures."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder, chromium() as browser:
        scripted(browser, Path(folder))
        real(browser, Path(folder))


if __name__ == "__main__":
    main()
