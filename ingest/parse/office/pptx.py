"""PPTX: a page for each slide, its title the heading, then text, tables and notes."""

from collections.abc import Iterator
from io import BytesIO
from typing import Any, Final

from ingest.extract import Extract, Limits, RawFile, Unparsable
from ingest.parse.metadata import core_properties
from ingest.parse.writer import ExtractWriter

_MAX_NESTING: Final = 8


def parse(source: RawFile, limits: Limits) -> Extract:
    """Read a presentation."""
    import pptx
    from pptx.exc import PackageNotFoundError

    try:
        presentation: Any = pptx.Presentation(BytesIO(source.data))
    except (PackageNotFoundError, KeyError, ValueError) as error:
        raise Unparsable("corrupt", "The presentation is damaged; open it and save it again.") from error
    writer = ExtractWriter(limits)
    for number, slide in enumerate(presentation.slides, 1):
        writer.start_page()
        if slide.element.get("show") == "0":
            writer.finding(f"Slide {number} is hidden in the presentation; its text was read.")
        _write_slide(slide, number, writer)
    title, modified, metadata = core_properties(presentation.core_properties)
    return writer.finish(source.media_type, title=title, modified=modified, metadata=metadata)


def _write_slide(slide: Any, number: int, writer: ExtractWriter) -> None:
    title = slide.shapes.title
    text = " ".join(title.text_frame.text.split()) if title is not None and title.has_text_frame else ""
    writer.heading(text or f"Slide {number}", 1)
    for shape in _in_reading_order(_shapes(slide.shapes)):
        if title is None or shape.shape_id != title.shape_id:
            _write_shape(shape, writer)
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        notes = slide.notes_slide.notes_text_frame.text.strip()
        if notes:
            writer.paragraph(f"Notes: {notes}")


def _shapes(shapes: Any, depth: int = 0) -> Iterator[Any]:
    for shape in shapes:
        if hasattr(shape, "shapes") and depth < _MAX_NESTING:
            yield from _shapes(shape.shapes, depth + 1)
        elif not _is_footer(shape):
            yield shape


def _is_footer(shape: Any) -> bool:
    from pptx.enum.shapes import PP_PLACEHOLDER

    if not shape.is_placeholder:
        return False
    running = (PP_PLACEHOLDER.DATE, PP_PLACEHOLDER.FOOTER, PP_PLACEHOLDER.SLIDE_NUMBER)
    return shape.placeholder_format.type in running


def _in_reading_order(shapes: Iterator[Any]) -> list[Any]:
    """Sort by rows of about half an inch, then from left to right; shapes without a place keep theirs."""
    return sorted(shapes, key=lambda shape: ((shape.top or 0) // 450_000, shape.left or 0))


def _write_shape(shape: Any, writer: ExtractWriter) -> None:
    if getattr(shape, "has_table", False):
        writer.table([[cell.text_frame.text for cell in row.cells] for row in shape.table.rows])
    elif getattr(shape, "has_chart", False):
        _write_chart(shape.chart, writer)
    elif shape.has_text_frame:
        _write_text(shape.text_frame, writer)


def _write_text(frame: Any, writer: ExtractWriter) -> None:
    paragraphs = [paragraph for paragraph in frame.paragraphs if paragraph.text.strip()]
    for paragraph in paragraphs:
        for run in paragraph.runs:
            writer.link(run.hyperlink.address or "")
    lines = ["  " * paragraph.level + "- " + " ".join(paragraph.text.split()) for paragraph in paragraphs]
    if len(lines) == 1:
        writer.paragraph(paragraphs[0].text)
    else:
        writer.block("list", "\n".join(lines))


def _write_chart(chart: Any, writer: ExtractWriter) -> None:
    if chart.has_title and chart.chart_title.has_text_frame:
        writer.paragraph(chart.chart_title.text_frame.text)
    for plot in chart.plots:
        series = list(plot.series)
        rows = [["", *(item.name or "" for item in series)]]
        for at, category in enumerate(plot.categories):
            values = [item.values[at] if at < len(item.values) else None for item in series]
            rows.append([str(category), *("" if value is None else f"{value:g}" for value in values)])
        writer.table(rows)
