"""The document viewer: a PDF as it looks, the passage marked on the page and in the text beside it."""

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.identity.keys import Keys
from ingest.confined.page_pictures import PagePictures
from ingest.confined.pool import ParserPool
from ingest.extract import Extract
from ingest.picture import Layout
from tests.app.edge import MemoryStore, serve, service
from tests.ingest.limits import limits
from tests.widget.browser import Watched
from tests.widget.driving import drawn
from tests.widget.test_accessible import violations
from vectorstore.errors import NotFound
from vectorstore.types import Document, DocumentId, Span

HANDBOOK = Path(__file__).parents[2] / "ingest" / "sample" / "handbook"
MANUAL = HANDBOOK / "products" / "skua-s2-manual.pdf"


@dataclass
class Shelf:
    """One PDF in a store, and where its original lies; None when it is gone."""

    document: Document
    text: str
    store: MemoryStore
    original: Path | None = MANUAL
    asked: int = 0

    def original_of(self, document: Document) -> Path | None:
        self.asked += 1
        return self.original if document.id == self.document.id else None

    def place(self, page: int) -> Span:
        """Return a line in the middle of a page."""
        start, end = self.document.pages[page - 1], [*self.document.pages, len(self.text)][page]
        words = max(self.text[start:end].split("\n"), key=len)
        at = self.text.index(words, start)
        return Span(at, at + len(words), page)


@pytest.fixture(scope="module")
def parsed() -> tuple[Document, str]:
    with ParserPool(1, limits()) as pool:
        ((_, outcome),) = pool.parse_all([("manual", MANUAL)])
    assert isinstance(outcome, Extract)
    document = Document(
        DocumentId("doc_manual"), "products/skua-s2-manual.pdf", "Skua S2 manual", "application/pdf", "7" * 64,
        pages=outcome.pages,
    )  # fmt: skip
    return document, outcome.text


@pytest.fixture
def shelf(parsed: tuple[Document, str]) -> Shelf:
    document, text = parsed
    store = MemoryStore([document])
    store.texts[document.id] = text
    return Shelf(document, text, store)


@pytest.fixture
def address(shelf: Shelf) -> Iterator[str]:
    pictures = PagePictures(shelf.original_of, limits())
    with serve(replace(service(), store=shelf.store, pictures=pictures)) as served:  # type: ignore[arg-type]
        yield f"{served.url}/v1/documents/doc_manual"


def test_every_page_is_shown_with_its_text_and_the_place_is_marked_in_both(
    shelf: Shelf, address: str
) -> None:
    place = shelf.place(5)
    page = httpx.get(f"{address}/view?start={place.start}&end={place.end}").text
    assert page.count("<img ") == len(shelf.document.pages)
    assert 'src="pages/5.png"' in page
    assert page.count("<rect") >= 1
    assert page.count('id="page=5"') == 1
    assert f'<mark id="mark">{shelf.text[place.start : place.end]}</mark>' in page
    assert "<script" not in page


def test_a_picture_is_drawn_once_and_the_browser_keeps_it(shelf: Shelf, address: str) -> None:
    first = httpx.get(f"{address}/pages/2.png")
    assert first.headers["content-type"] == "image/png"
    assert first.content.startswith(b"\x89PNG\r\n\x1a\n")
    assert "private" in first.headers["cache-control"]
    assert first.headers["cross-origin-resource-policy"] == "same-origin"
    asked = shelf.asked
    assert httpx.get(f"{address}/pages/2.png").content == first.content
    assert shelf.asked == asked
    again = httpx.get(f"{address}/pages/2.png", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("page", ["0", "23", "99999", "-1", "one"])
def test_a_page_that_is_not_there_is_no_picture(address: str, page: str) -> None:
    assert httpx.get(f"{address}/pages/{page}.png").status_code in {404, 422}


def test_without_its_original_a_document_is_shown_as_text(shelf: Shelf, address: str, tmp_path: Path) -> None:
    place = shelf.place(5)
    other = tmp_path / "other.pdf"
    other.write_bytes((HANDBOOK / "hr" / "pension-plan.pdf").read_bytes())
    damaged = tmp_path / "damaged.pdf"
    damaged.write_bytes(b"%PDF-1.7 and no more")
    for original in (None, other, damaged, tmp_path / "gone.pdf"):
        shelf.original = original
        page = httpx.get(f"{address}/view?start={place.start}&end={place.end}")
        assert page.status_code == 200
        assert "<img" not in page.text
        assert '<mark id="page=5">' in page.text
        assert httpx.get(f"{address}/pages/9.png").status_code == 404 or original == other


def test_pictures_open_to_whom_the_document_does(shelf: Shelf, tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    made = Keys(keys).create("reader")
    head = {"Authorization": f"Bearer {made.secret}"}
    built = replace(service(keys=keys), store=shelf.store, pictures=PagePictures(shelf.original_of, limits()))  # type: ignore[arg-type]
    with serve(built) as served:
        base = f"{served.url}/v1/documents/doc_manual"
        assert httpx.get(f"{base}/pages/1.png").status_code == 401
        assert httpx.get(f"{base}/pages/1.png", headers=head).status_code == 200
        page = httpx.get(f"{base}/view", headers=head).text
        signed = page.split('src="pages/1.png?')[1].split('"')[0].replace("&amp;", "&")
        assert httpx.get(f"{base}/pages/1.png?{signed}").status_code == 200
        # it opens this page's picture, and nothing else
        assert httpx.get(f"{base}/pages/2.png?{signed}").status_code == 401
        assert httpx.get(f"{base}/view?{signed}").status_code == 401
        # what a page that was opened by its link lets in lasts no longer than the link
        link = httpx.get(f"{served.url}/v1/documents", headers=head).json()["documents"][0]["url"]
        opened = httpx.get(link).text
        until = re.findall(r"expires=(\d+)", link)
        assert set(re.findall(r"pages/1\.png\?key=\w+&amp;expires=(\d+)", opened)) == set(until)
        Keys(keys).revoke(made.key.id)
        assert httpx.get(f"{base}/pages/1.png?{signed}").status_code == 401


def test_what_is_kept_stays_within_its_room_and_a_closed_desk_opens_again(shelf: Shelf) -> None:
    pictures = PagePictures(shelf.original_of, limits(), room=120_000)
    drawn = [pictures.png(shelf.document, page) for page in (1, 2, 3, 4)]
    assert sum(map(len, pictures._kept.values())) <= 120_000 or len(pictures._kept) == 1
    pictures.close()
    assert pictures.png(shelf.document, 1) == drawn[0]
    with pytest.raises(NotFound):
        pictures.png(replace(shelf.document, media_type="text/plain"), 9)
    pictures.close()


def test_many_readers_at_once_all_get_their_pages(shelf: Shelf) -> None:
    pictures = PagePictures(shelf.original_of, limits())
    found: dict[int, bytes] = {}

    def draw(page: int) -> None:
        found[page] = pictures.png(shelf.document, page)

    threads = [threading.Thread(target=draw, args=(page,)) for page in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    pictures.close()
    assert sorted(found) == list(range(1, 9))
    assert isinstance(pictures.layout(shelf.document, shelf.text, None), Layout)
    pictures.close()


@pytest.mark.browser
def test_the_reader_lands_at_the_marked_words_on_the_drawn_page(
    shelf: Shelf, address: str, page: Any, watched: Watched
) -> None:
    place = shelf.place(7)
    page.goto(f"{address}/view?start={place.start}&end={place.end}#page=7")
    image = page.locator("img").nth(6)
    drawn(image)
    mark = page.locator("rect").first.bounding_box()
    assert mark is not None
    assert 0 < mark["y"] < 800
    sheet = page.locator(".sheet").nth(6).bounding_box()
    assert sheet is not None
    assert sheet["x"] <= mark["x"] < mark["x"] + mark["width"] <= sheet["x"] + sheet["width"] + 2
    assert page.locator("#mark").inner_text() == shelf.text[place.start : place.end]
    # pages far away are not asked for until somebody comes near
    assert not any(url.endswith("/22.png") for url in watched.requests)
    page.locator("section").nth(21).scroll_into_view_if_needed()
    last = page.locator("img").nth(21)
    drawn(last)
    assert watched.complaints == []
    assert watched.foreign(address) == []
    assert violations(page) == []
