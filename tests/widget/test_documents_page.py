"""What who keeps the documents does on the page at `/documents`: a real index, real parsers, a real browser."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.build import build_service
from app.http.application import create_app
from app.identity.grant import READING, Right
from app.identity.keys import Keys
from app.settings import Settings
from tests.fakes.handbook import small_handbook
from tests.fakes.scripted_model import serving
from tests.widget.browser import Watched
from tests.widget.corpus import ELEMENTS
from tests.widget.stage import Stage
from tests.widget.test_accessible import violations
from vectorstore.settings import StoreSettings
from vectorstore.types import Document, DocumentId

pytestmark = pytest.mark.browser
KEEPING: list[Right] = [*READING, "write"]
HIDDEN = "<h1>Offer</h1><p>The price of a lantern is 10 EUR.</p><p style='display:none'>" + "hidden " * 60
WATCHING = """() => {
  window.stages = [];
  new MutationObserver(() => {
    for (const each of document.querySelectorAll("#uploads > li > small")) {
      if (!window.stages.includes(each.textContent)) window.stages.push(each.textContent);
    }
  }).observe(document.querySelector("#uploads"), { subtree: true, childList: true, characterData: true });
}"""


@dataclass
class Desk:
    """A running service: where it is, and its keys."""

    url: str
    keys: Keys


@contextmanager
def desk(folder: Path) -> Iterator[Desk]:
    with small_handbook(folder) as parts:
        settings = Settings(store=StoreSettings(data_dir=folder / "data"))
        with serving(create_app(build_service(parts, settings))) as url:
            yield Desk(url, Keys(folder / "data" / "keys.json"))


@pytest.fixture(scope="module")
def open_desk(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A service without keys."""
    with desk(tmp_path_factory.mktemp("open")) as running:
        yield running


@pytest.fixture(scope="module")
def locked(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A service with keys."""
    with desk(tmp_path_factory.mktemp("locked")) as running:
        running.keys.create("first")
        yield running


def go(page: Any, running: Desk, secret: str = "") -> None:
    page.goto(f"{running.url}/documents")
    if secret:
        page.locator("#key").fill(secret)
        page.locator("#locked button").click()
    page.locator("#rows tr").first.wait_for()


def send(page: Any, *files: Path) -> list[str]:
    """Add files, and return the rows once all have their verdict."""
    page.locator("#files").set_input_files(list(files))
    page.locator("#clear").wait_for()
    return [str(each) for each in page.locator("#uploads > li").all_inner_texts()]


def written(folder: Path, **files: str | bytes) -> list[Path]:
    paths = [folder / name.replace("_", ".") for name in files]
    for path, content in zip(paths, files.values(), strict=True):
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return paths


def details(page: Any, title: str) -> Any:
    page.get_by_role("button", name=f"Details of {title}", exact=True).click()
    told = page.locator("tr.details:not([hidden])").last
    told.locator("dl").wait_for()
    return told


def test_files_are_added_with_their_progress_found_and_looked_at(
    open_desk: Desk, page: Any, watched: Watched, tmp_path: Path
) -> None:
    go(page, open_desk)
    page.evaluate(WATCHING)
    rows = send(
        page,
        *written(
            tmp_path,
            towel_md="# Towel rules\n\nBring a towel to the sauna. " + "Words go on. " * 9_000,
            offer_html=HIDDEN,
            broken_pdf=b"%PDF-1.7 and nothing",
        ),
    )
    assert re.match(r"towel.md\n+Added · \d+ passages", rows[0])
    assert rows[1].startswith("offer.html\nAdded · 1 passage\nLeft out 1 hidden")
    assert "360 left out (hidden text)" in rows[1]
    assert rows[2] == "broken.pdf\nThe PDF is damaged; open it and save it again."
    assert page.locator("#told").inner_text() == "3 files done, 1 not taken"
    assert page.locator("#uploads progress").count() == 0
    assert {"Being read", "Being indexed"} <= set(page.evaluate("window.stages"))
    page.locator("#count").get_by_text("5 documents").wait_for()

    page.locator("#noted").check()
    page.locator("#count").get_by_text("1 document", exact=True).wait_for()
    told = details(page, "Offer")
    told.get_by_text("hidden pieces of text").wait_for()
    assert "letters and digits kept; 360 left out (hidden text)." in told.inner_text()
    assert "Everyone who may use this service" in told.inner_text()
    page.locator("#noted").uncheck()

    page.locator("#wanted").fill("TOWEL upload")
    page.locator("#count").get_by_text("1 document", exact=True).wait_for()
    page.get_by_label("in the text").check()
    page.locator("#wanted").fill("the price of a lantern")
    page.locator("#wanted").press("Enter")
    page.locator("#passages li").get_by_text("10 EUR").first.wait_for()
    with page.context.expect_page() as opened:
        page.locator("#passages a").get_by_text("Offer").first.click()
    assert "lantern" in opened.value.locator("mark").first.inner_text()
    assert watched.foreign(open_desk.url) == []
    assert watched.complaints == []


def test_a_document_is_replaced_and_removed_after_a_question(
    open_desk: Desk, page: Any, tmp_path: Path
) -> None:
    go(page, open_desk)
    send(page, *written(tmp_path, bikes_md="# Bikes\n\nThe shed is green."))
    [newer] = written(tmp_path, newer_md="# New bikes\n\nThe shed is blue.")
    told = details(page, "Bikes")
    with page.expect_file_chooser() as chooser:
        told.get_by_role("button", name="Replace by a file…").click()
    chooser.value.set_files(newer)
    page.locator("#uploads").get_by_text("Replaced · 1 passage").wait_for()
    page.get_by_role("link", name="New bikes").wait_for()
    assert page.get_by_role("link", name="Bikes", exact=True).count() == 0

    details(page, "New bikes").get_by_role("button", name="Remove…").click()
    asked = page.locator("#asked").inner_text()
    assert "cannot be undone" in asked
    assert "Earlier generations" in asked
    assert 'footnote docs erase "upload/bikes.md"' in asked
    page.locator("#no").click()
    assert page.get_by_role("link", name="New bikes").count() == 1
    page.get_by_role("button", name="Remove…").click()
    page.locator("#yes").click()
    page.get_by_role("link", name="New bikes").wait_for(state="detached")
    assert page.locator("#said").inner_text() == "“New bikes” was removed."
    assert page.locator(":focus").count() == 1
    # what was read from a folder is not replaced here
    kept = details(page, "Expenses policy").inner_text()
    assert "Replace" not in kept
    assert "footnote ingest" in kept


def test_readers_are_chosen_and_narrowed_and_another_key_sees_no_more(
    locked: Desk, browser: Any, page: Any, tmp_path: Path
) -> None:
    both = locked.keys.create("both", groups=["hr", "sales"], rights=KEEPING).secret
    sales = locked.keys.create("sales", groups=["sales"], rights=KEEPING).secret
    other = browser.new_context().new_page()
    page.goto(f"{locked.url}/documents")
    assert violations(page) == []
    go(page, locked, both)
    page.locator("#readers").get_by_label("Only").check()
    page.locator("#files").set_input_files(written(tmp_path, nobody_md="Nobody."))
    page.get_by_text("Choose who may read the files first, or everyone.").wait_for()
    page.locator("#readers").get_by_label("hr").check()
    page.locator("#readers").get_by_label("sales").check()
    send(page, *written(tmp_path, pay_md="# Pay scales\n\nGrade 7 gets a bonus."))
    assert "hr, sales" in page.locator("tr", has_text="Pay scales").first.inner_text()
    go(other, locked, sales)
    row = other.locator("tr", has_text="Pay scales").first.inner_text()
    assert "sales, 1 other" in row
    assert "hr" not in row.replace("upload/", "").split()

    details(page, "Pay scales").get_by_role("button", name="Who may read…").click()
    page.locator("#asked").get_by_label("sales").uncheck()
    assert violations(page) == []
    page.locator("#yes").click()
    page.get_by_text("Who may read “Pay scales” was changed.").wait_for()
    page.locator("tr", has_text="Pay scales").filter(has_not_text="sales").first.wait_for()
    other.reload()
    other.locator("#rows tr").first.wait_for()
    assert other.get_by_role("link", name="Pay scales").count() == 0
    other.get_by_label("in the text").check()
    other.locator("#wanted").fill("Which grade gets a bonus?")
    other.locator("#wanted").press("Enter")
    other.locator("#passages li").first.wait_for()
    assert "bonus" not in other.locator("#passages").inner_text()
    other.context.close()


def test_a_key_that_may_not_write_is_told_so(locked: Desk, page: Any) -> None:
    reading = locked.keys.create("reading").secret
    chatting = locked.keys.create("chatting", rights=["chat"]).secret
    page.goto(f"{locked.url}/documents")
    page.locator("#key").fill("fn_wrong")
    page.locator("#locked button").click()
    page.locator("#locked-why").get_by_text("The API key is not valid").wait_for()
    go(page, locked, reading)
    page.locator("#notice").get_by_text("a key with the right to write").wait_for()
    assert page.locator("#adding").is_hidden()
    assert page.locator(".kept:visible, #noted:visible").count() == 0
    details(page, "Expenses policy").get_by_text("passage").wait_for()
    assert page.get_by_role("button", name="Remove…").count() == 0
    assert violations(page) == []
    page.locator("#other").click()
    page.locator("#key").fill(chatting)
    page.locator("#locked button").click()
    page.locator("#notice").get_by_text("no right to documents").wait_for()
    assert page.locator("#there").is_hidden()
    assert page.locator("#rows tr").count() == 0


def test_hostile_names_titles_and_findings_are_words(staged: Stage, page: Any, watched: Watched) -> None:
    hostile = [
        Document(
            DocumentId(f"doc_{number}"), f"x/{text}", text, text, "0" * 64, metadata={"findings": (text,), "language": text},
        )
        for number, text in enumerate(ELEMENTS[:40])
    ]  # fmt: skip
    before = staged.store.all
    staged.store.all = [*before, *hostile]
    for each in hostile:
        staged.store.texts[each.id] = staged.store.texts[before[0].id]
    page.add_init_script("window.executed = 0; window.pwned = () => { window.executed += 1; }")
    try:
        page.goto(f"{staged.url}/documents")
        page.locator("#rows > tr:not(.details)").nth(41).wait_for()
        for button in page.locator("[aria-expanded]").all():
            button.click()
        page.locator("tr.details .notes").nth(39).wait_for()
    finally:
        staged.store.all = before
    assert page.evaluate("window.executed") == 0
    assert page.locator("main").locator("img, script, svg, iframe, style").count() == 0
    assert watched.foreign(staged.url) == []
    assert watched.complaints == []


def test_hostile_file_names_are_words(open_desk: Desk, page: Any, watched: Watched, tmp_path: Path) -> None:
    names = ["<img src=x onerror=pwned()>.md", "'><svg onload=pwned()>.md", "a&amp;b\u202egnp.md"]
    for name in names:
        (tmp_path / name).write_text(f"# {name}\n\nText.")
    page.add_init_script("window.executed = 0; window.pwned = () => { window.executed += 1; }")
    go(page, open_desk)
    rows = send(page, *(tmp_path / name for name in names))
    assert [row.split("\n")[0] for row in rows] == names
    assert page.evaluate("window.executed") == 0
    assert page.locator("main").locator("img, svg").count() == 0
    assert watched.complaints == []


STREAM = 'data: {"type":"progress","file":0,"stage":"reading"}\n\ndata: {"type":"pro'


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ({"status": 200, "content_type": "text/event-stream", "body": STREAM}, "did not say what became of it"),
        ({"status": 503, "content_type": "application/problem+json", "body": json.dumps({"detail": "Too many files."})},
         "Too many files."),
        ({"status": 502, "body": "<h1>Bad gateway</h1>"}, "The service answered with status 502."),
        (None, "The service cannot be reached."),
    ],
)  # fmt: skip
def test_what_goes_wrong_on_the_way_is_said(
    staged: Stage, page: Any, answer: dict[str, Any] | None, sentence: str, tmp_path: Path
) -> None:
    def answered(route: Any) -> None:
        if route.request.method != "POST":
            listing = json.loads(route.fetch().text())
            route.fulfill(json={**listing, "writable": True})
        elif answer is None:
            route.abort()
        else:
            route.fulfill(**answer)

    page.route(re.compile(r"/v1/documents(\?|$)"), answered)
    page.goto(f"{staged.url}/documents")
    page.locator("#adding").wait_for()
    [row, _] = send(page, *written(tmp_path, a_md="A", b_md="B"))
    assert sentence in row
    assert page.locator("#uploads .bad").count() == 2


def test_everything_is_done_with_the_keyboard_alone(open_desk: Desk, page: Any, tmp_path: Path) -> None:
    go(page, open_desk)
    send(page, *written(tmp_path, keys_md="# Lost keys\n\nAt the desk."))
    page.get_by_role("button", name="Details of Lost keys").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Remove…").wait_for()
    for _ in range(2):
        page.keyboard.press("Tab")
    assert page.locator(":focus").inner_text() == "Remove…"
    page.keyboard.press("Enter")
    page.locator("#asked").wait_for()
    page.keyboard.press("Escape")
    assert page.locator(":focus").inner_text() == "Remove…"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.locator(":focus").inner_text() == "Remove"
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Lost keys").wait_for(state="detached")
    assert page.locator(":focus").get_attribute("aria-expanded") == "false"
    page.get_by_role("button", name="Title").focus()
    page.keyboard.press("Enter")
    page.locator("th[aria-sort=descending]").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 390])
def test_axe_finds_nothing(open_desk: Desk, page: Any, scheme: str, width: int, tmp_path: Path) -> None:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": 800})
    go(page, open_desk)
    send(page, *written(tmp_path, offer_html=HIDDEN, none_txt=" "))
    details(page, "Offer").locator("dl").wait_for()
    assert violations(page) == []
    wide = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(wide) <= 0
    page.get_by_role("button", name="Remove…").click()
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.get_by_label("in the text").check()
    page.locator("#wanted").fill("lantern")
    page.locator("#wanted").press("Enter")
    page.locator("#passages li").first.wait_for()
    assert violations(page) == []


def test_a_list_that_comes_late_takes_no_passages_away(open_desk: Desk, page: Any, tmp_path: Path) -> None:
    go(page, open_desk)
    send(page, *written(tmp_path, lantern_md="# Lantern\n\nThe lantern is lit at dusk."))
    late: list[Any] = []
    page.route(re.compile(r"/v1/documents\?"), lambda route: late.append(route))  # noqa: PLW0108 - it takes functions only
    page.get_by_label("in the text").check()
    page.locator("#wanted").fill("lantern")
    page.locator("#wanted").press("Enter")
    page.locator("#passages li").first.wait_for()
    assert late
    with page.expect_response(re.compile(r"/v1/documents\?")):
        for each in late:
            each.continue_()
    page.evaluate("new Promise((done) => setTimeout(done))")
    assert page.locator("#passages li").first.is_visible()
    assert page.locator("#held").is_hidden()


def test_files_can_be_dropped_anywhere_and_the_page_is_in_english(open_desk: Desk, browser: Any) -> None:
    context = browser.new_context(locale="de-DE")
    page = context.new_page()
    go(page, open_desk)
    assert page.locator("html").get_attribute("lang") == "en"
    page.evaluate(
        """() => {
          const carried = new DataTransfer();
          carried.items.add(new File(["# Dropped\\n\\nHere."], "dropped.md", {type: "text/markdown"}));
          for (const name of ["dragover", "drop"]) {
            document.querySelector("main").dispatchEvent(new DragEvent(name, {dataTransfer: carried, bubbles: true, cancelable: true}));
          }
        }"""
    )
    page.get_by_role("link", name="Dropped", exact=True).wait_for()
    context.close()
