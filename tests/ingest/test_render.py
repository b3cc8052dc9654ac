"""Pages as pictures: drawn in a confined process, the quoted words found on them."""

import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.confined.page_pictures import Renderer
from ingest.confined.pool import ParserPool
from ingest.extract import Extract, ParseFailure
from ingest.parcel import LENGTH, BadParcel
from ingest.parse.pdf.place import Letter, edges_of, squeezed
from ingest.picture import (
    MAX_PIXELS,
    Box,
    Layout,
    Picture,
    Place,
    pack_layout,
    pack_picture,
    unpack_layout,
    unpack_picture,
)
from tests.ingest.hostile import bombs, mutations
from tests.ingest.limits import limits

HANDBOOK = Path(__file__).parents[2] / "ingest" / "sample" / "handbook"
PENSION = HANDBOOK / "hr" / "pension-plan.pdf"


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    made = Renderer(limits(cpu_seconds=10, wall_seconds=20.0))
    yield made
    made.close()


def test_a_page_is_drawn_as_wide_as_asked(renderer: Renderer) -> None:
    drawn = renderer.picture(PENSION, 1, width=600)
    assert isinstance(drawn, Picture)
    assert 600 <= drawn.width <= 601
    assert 845 <= drawn.height <= 852
    ink = sum(1 for shade in drawn.pixels[::3] if shade < 128)
    assert 0.005 < ink / (drawn.width * drawn.height) < 0.3


def test_no_page_is_drawn_larger_than_the_limit(renderer: Renderer) -> None:
    drawn = renderer.picture(PENSION, 1, width=100_000)
    assert isinstance(drawn, Picture)
    assert drawn.width * drawn.height <= MAX_PIXELS


def test_what_is_no_page_is_refused_with_a_reason(renderer: Renderer, tmp_path: Path) -> None:
    (tmp_path / "no.pdf").write_bytes(b"%PDF-1.7 but nothing else")
    for path, page in ((PENSION, 0), (PENSION, 99), (tmp_path / "no.pdf", 1), (tmp_path / "none.pdf", 1)):
        assert isinstance(renderer.picture(path, page, width=300), ParseFailure), path
    assert isinstance(renderer.layout(tmp_path / "no.pdf"), ParseFailure)


def test_every_block_of_the_sample_pdfs_is_found_on_its_page(renderer: Renderer) -> None:
    files = sorted(HANDBOOK.rglob("*.pdf"))
    assert files
    sought = found = 0
    with ParserPool(1, limits()) as pool:
        for name, outcome in pool.parse_all((path.name, path) for path in files):
            assert isinstance(outcome, Extract), name
            path = next(path for path in files if path.name == name)
            for block in outcome.blocks:
                assert block.span.page is not None
                place = Place(block.span.page, outcome.text[block.span.start : block.span.end])
                layout = renderer.layout(path, [place])
                assert isinstance(layout, Layout)
                assert len(layout.sizes) == len(outcome.pages)
                assert all(box.page == place.page for box in layout.boxes)
                sought += 1
                found += bool(layout.boxes)
    assert found / sought > 0.99, (found, sought)


def test_a_place_that_is_not_there_has_no_boxes(renderer: Renderer) -> None:
    layout = renderer.layout(PENSION, [Place(1, "zebras in the moonlight"), Place(77, "pension")])
    assert isinstance(layout, Layout)
    assert layout.boxes == ()


def line(text: str, top: float, left: float = 0.0) -> list[Letter]:
    return [
        Letter(each, left + 6 * at, left + 6 * at + 6, top, top + 10)
        for at, each in enumerate(text)
        if each != " "
    ]


def test_words_are_found_whatever_joins_them_and_boxed_line_by_line() -> None:
    letters = [*line("The em-", 0), *line("ployee’s ﬁle is kept", 12)]
    boxes = edges_of("The employee's file", letters)
    assert [(box.left, box.top) for box in boxes] == [(0, 0), (0, 12)]
    # up to the hyphen on the first line (which is no letter), to the end of "file" on the second
    assert [box.right for box in boxes] == [36, 72]


def test_the_occurrence_that_is_meant_is_boxed() -> None:
    letters = [*line("25 days", 0), *line("25 days", 12), *line("25 days", 24)]
    assert [edges_of("25 days", letters, nth=nth)[0].top for nth in (0, 1, 2, 9)] == [0, 12, 24, 24]


def test_the_cells_of_a_table_are_found_one_by_one() -> None:
    letters = [*line("Norway", 0), *line("NOK 620", 0, 200), *line("Spain", 12), *line("EUR 53", 12, 200)]
    boxes = edges_of("| Spain | EUR 53 |", letters)
    assert [(box.left, box.top) for box in boxes] == [(0, 12), (200, 12)]
    assert [box.left for box in edges_of("| NOK 620 | Norway |", letters)] == [200, 0]


def test_letters_of_any_script_are_compared() -> None:
    assert squeezed("ＮＯＫ\u00a0620 – ﬁle") == "nok620file"
    assert edges_of("—", line("—", 0)) == []


def test_a_picture_becomes_a_file_that_others_can_read() -> None:
    image = pytest.importorskip("PIL.Image", reason="needs Pillow")
    colour = Picture(2, 2, bytes([255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9]))
    grey = Picture(3, 1, bytes([1, 1, 1, 128, 128, 128, 255, 255, 255]))
    with image.open(io.BytesIO(colour.png())) as read:
        assert (read.mode, read.size, read.tobytes()) == ("RGB", (2, 2), colour.pixels)
    with image.open(io.BytesIO(grey.png())) as read:
        assert (read.mode, read.size, read.tobytes()) == ("L", (3, 1), bytes([1, 128, 255]))


def test_parcels_come_out_as_they_went_in() -> None:
    layout = Layout(((595.0, 842.0),), (Box(1, 1.0, 2.0, 3.0, 4.0),))
    assert unpack_layout(pack_layout(layout)[LENGTH.size :]) == layout
    picture = Picture(2, 1, bytes(6))
    assert unpack_picture(pack_picture(picture)[LENGTH.size :]) == picture


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"sizes": [[1, 1]]}',
        b'{"sizes": [[NaN, 1]], "boxes": []}',
        b'{"sizes": [[1e9, 1]], "boxes": []}',
        b'{"sizes": [[1%s, 1]], "boxes": []}' % (b"0" * 400),
        b'{"sizes": [[9, 9]], "boxes": [[1, 0, 0, 1%s, 1]]}' % (b"0" * 400),
        b'{"sizes": [[9, 9]], "boxes": [[2, 0, 0, 1, 1]]}',
        b'{"sizes": [[9, 9]], "boxes": [[1, 0, 0, NaN, 1]]}',
        b'{"sizes": [[9, 9]], "boxes": [[1, 5, 0, 5, 1]]}',
        b'{"sizes": [[9, 9]], "boxes": [["x", 0, 0, 1, 1]]}',
        b'{"reason": "because", "message": ""}',
        b'{"reason": "corrupt"}',
        struct.pack(">II", 2, 1) + bytes(5),
        struct.pack(">II", 0, 1),
        struct.pack(">II", 1 << 20, 1 << 20) + bytes(100),
        zlib.compress(b"\x89PNG"),
    ],
)
def test_what_is_no_picture_and_no_layout_is_refused(body: bytes) -> None:
    with pytest.raises(BadParcel):
        unpack_layout(body)
    with pytest.raises(BadParcel):
        unpack_picture(body)


def sized(box: bytes) -> bytes:
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[%s]>>" % box
    return bombs.pdf_of([b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>", page])


@pytest.mark.parametrize(
    "box",
    [b"0 0 1000000000 1000000000", b"0 0 0 0", b"0 0 0.001 14400", b"0 0 14400 0.1", b"-5 -5 -1 -1", b"9 9 1 1", b"0 0 nan inf", b""],
)  # fmt: skip
def test_a_page_of_any_size_is_drawn_small_or_refused(renderer: Renderer, tmp_path: Path, box: bytes) -> None:
    path = tmp_path / "sized.pdf"
    path.write_bytes(sized(box))
    drawn = renderer.picture(path, 1, width=1_400)
    assert isinstance(drawn, ParseFailure) or 0 < drawn.width * drawn.height <= MAX_PIXELS
    assert isinstance(renderer.layout(path, [Place(1, "a")]), Layout | ParseFailure)
    assert isinstance(renderer.picture(PENSION, 1, width=60), Picture)


def test_damaged_files_are_drawn_or_refused_and_the_next_one_is_drawn(
    renderer: Renderer, tmp_path: Path
) -> None:
    pytest.importorskip("reportlab", reason="needs reportlab")
    damaged = [data for name, data in mutations.mutated(1_200, seed=7) if name.endswith(".pdf")]
    assert len(damaged) > 30
    path = tmp_path / "damaged.pdf"
    for data in damaged:
        path.write_bytes(data)
        assert isinstance(renderer.picture(path, 1, width=200), Picture | ParseFailure)
        assert isinstance(renderer.layout(path, [Place(1, "Annual leave")]), Layout | ParseFailure)
    assert isinstance(renderer.picture(PENSION, 1, width=60), Picture)


@pytest.mark.slow
@pytest.mark.parametrize(
    "bomb", [one for one in bombs.few() if one.name.endswith(".pdf")], ids=lambda one: one.name
)
def test_a_bomb_costs_itself_and_nothing_else(tmp_path: Path, bomb: bombs.Bomb) -> None:
    path = tmp_path / "bomb.pdf"
    path.write_bytes(bomb.make())
    made = Renderer(limits(cpu_seconds=3, wall_seconds=6.0))
    try:
        assert isinstance(made.picture(path, 1, width=1_400), Picture | ParseFailure)
        assert isinstance(made.layout(path, [Place(1, "x")]), Layout | ParseFailure)
        assert isinstance(made.picture(PENSION, 1, width=60), Picture)
    finally:
        made.close()
