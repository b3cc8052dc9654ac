"""The page that shows a document with one place marked: as it looks, or as its extracted text. No script, nothing from elsewhere."""

import base64
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Final, TypeAlias

from ingest.picture import Box, Layout
from vectorstore.types import Document, Span

_STYLE: Final = """\
:root{color-scheme:light dark;--paper:light-dark(#fffefc,#191816);--wash:light-dark(#f1ede6,#100f0e);--line:light-dark(#e2dcd2,#38342f);--ink:light-dark(#1e1b18,#ece8e1);--soft:light-dark(#665f56,#a9a196);--accent:light-dark(#a3341d,#f2937a);--mark:light-dark(#fbe7a8,#584717);--serif:"Iowan Old Style",Charter,"Source Serif 4","Noto Serif",Georgia,serif;font:16px/1.6 -apple-system,BlinkMacSystemFont,"Segoe UI",Roboto,"Noto Sans","Helvetica Neue",Arial,sans-serif}
*{box-sizing:border-box}
body{margin:0;background:var(--wash);color:var(--ink)}
header{position:sticky;top:0;z-index:2;background:var(--paper);border-bottom:1px solid var(--line);padding:12px clamp(16px,4vw,32px)}
h1{font:600 18px/1.3 var(--serif);letter-spacing:-.01em;margin:0}
header p{margin:1px 0 0;color:var(--soft);font-size:13px;overflow-wrap:anywhere}
header a{color:var(--accent);text-underline-offset:2px}
main{max-width:50rem;margin:24px auto;padding:36px clamp(20px,6vw,56px) 64px;background:var(--paper);border:1px solid var(--line);border-radius:14px}
pre{font:inherit;white-space:pre-wrap;overflow-wrap:anywhere;margin:0}
mark{background:var(--mark);color:var(--ink);border-radius:2px;padding:1px 0;scroll-margin-top:30vh}
.page{display:block;margin:1.75rem 0 .5rem;border-top:1px solid var(--line);padding-top:.4rem;color:var(--soft);font-size:13px;scroll-margin-top:72px}
.page:first-child{margin-top:0;border:0;padding:0}
.sheets main{max-width:1280px;background:none;border:0;padding:0 clamp(12px,2.5vw,28px) 64px}
section{display:grid;gap:20px 28px;margin-bottom:32px;scroll-margin-top:72px}
section>h2{font:500 13px/1.4 inherit;color:var(--soft);margin:0 0 -12px;grid-column:1/-1;font-size:13px}
.sheet{position:relative;margin:0;background:#fff;border-radius:4px;box-shadow:0 1px 2px rgb(0 0 0/.08),0 8px 30px rgb(30 20 10/.12);align-self:start}
.sheet img{display:block;width:100%;height:auto;border-radius:4px;color:#555}
.sheet svg{position:absolute;inset:0;width:100%;height:100%;mix-blend-mode:multiply}
.sheet rect{fill:#ffe27a;scroll-margin-top:35vh}
section pre{font-size:14.5px;color:var(--soft);padding:2px 0;min-width:0}
section mark{color:var(--ink)}
@media(min-width:1040px){section{grid-template-columns:minmax(0,1.45fr) minmax(0,1fr)}}
@media(max-width:640px){main{margin:0;border:0;border-radius:0;min-height:100vh}.sheets main{padding-top:16px}}
@media(forced-colors:active){mark,.sheet svg{forced-color-adjust:none}mark{background:Mark;color:MarkText}}
@media print{header{position:static}body,main{background:none;border:0}}
"""
_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
CONTENT_SECURITY_POLICY: Final = f"default-src 'none'; img-src 'self' data:; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
_AROUND: Final = 300
"""Code points on either side of a place that a reader of the place alone sees."""
_Page: TypeAlias = tuple[int, int, int]
"""A page's number, from 1, and where its text that is shown starts and ends."""


@dataclass(frozen=True, slots=True)
class Sheets:
    """How a document's pages look: their layout, and the query that lets each page's picture in."""

    layout: Layout
    query: Callable[[int], str] = lambda _: ""


def render(
    document: Document, text: str, span: Span | None, *, sheets: Sheets | None = None, is_whole: bool = True
) -> str:
    """Return the page as HTML. Every word of the document is escaped.

    Unless it `is_whole`, only the span and a little around it are shown, on the pages where the span stands.

    Links end in `#page=12` or `#mark`. The mark carries the id of its own page, so that either scrolls to the
    marked words without a script.
    """
    title = escape(document.title or document.uri)
    pages = _pages(document, len(text)) if is_whole else _pages_around(document, len(text), span)
    if sheets and not is_whole:
        pages = [each for each in pages if _holds(each, span)]
    body = (
        _looks(document, text, span, sheets=sheets, pages=pages)
        if sheets
        else f"<pre>{_text(document, text, span, pages)}</pre>"
    )
    kind = ' class="sheets"' if sheets else ""
    return (
        f'<!doctype html><html lang="und"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><link rel="icon" href="data:,"><style>{_STYLE}</style></head>'
        f'<body{kind}><header><h1 dir="auto">{title}</h1><p>{" · ".join(_facts(document, span, is_whole))}</p></header>'
        f'<main dir="auto">{body}</main></body></html>'
    )


def page_at(document: Document, position: int) -> int | None:
    """Return the page, from 1, on which a code point stands; None where the format has no pages."""
    if not document.pages:
        return None
    return max(1, sum(start <= position for start in document.pages))


def _facts(document: Document, span: Span | None, is_whole: bool) -> Iterator[str]:
    yield escape(document.uri)
    if not is_whole:
        yield "an excerpt"
    if document.modified is not None:
        yield f"{document.modified:%Y-%m-%d}"
    if len(document.pages) > 1:
        yield f"{len(document.pages)} pages"
    if (number := _marked_page(document, span)) is not None:
        yield f'<a href="#page={number}">page {number}</a>'
    elif span is not None and span.end > span.start:
        yield '<a href="#mark">the passage</a>'


def _marked_page(document: Document, span: Span | None) -> int | None:
    return page_at(document, span.start) if span and span.end > span.start else None


def _looks(document: Document, text: str, span: Span | None, *, sheets: Sheets, pages: list[_Page]) -> str:
    """Show the pages as pictures with their text beside them."""
    marked_page = _marked_page(document, span)
    shown: list[str] = []
    for number, start, end in pages:
        query = f"?{escape(signed)}" if (signed := sheets.query(number)) else ""
        width, height = sheets.layout.sizes[number - 1]
        boxes = [box for box in sheets.layout.boxes if box.page == number]
        is_target = number == marked_page
        anchor = "" if is_target and boxes else f' id="page={number}"'
        words = _marked(
            text, start, end, span=span, opening='<mark id="mark">' if number == marked_page else "<mark>"
        )
        shown.append(
            f"<section{anchor}><h2>{_label(document, number)}</h2>"
            f'<figure class="sheet"><img src="pages/{number}.png{query}" width="{width:.0f}" height="{height:.0f}" '
            f'alt="Page {number} as it looks; its text follows" loading="{"eager" if is_target else "lazy"}">'
            f"{_drawn(boxes, (width, height), anchor=f'page={number}' if is_target else '')}</figure>"
            f"<pre>{words}</pre></section>"
        )
    return "".join(shown)


def _label(document: Document, number: int) -> str:
    labels = document.metadata.get("page_labels", ())
    printed = labels[number - 1] if isinstance(labels, tuple) and len(labels) >= number else ""
    return f"Page {number}" + (f" ({escape(str(printed))})" if printed and printed != str(number) else "")


def _drawn(boxes: list[Box], size: tuple[float, float], *, anchor: str) -> str:
    """Lay the marks over a page's picture; the first is where a link leads."""
    if not boxes:
        return ""
    rects = "".join(
        f'<rect{f" id={chr(34)}{anchor}{chr(34)}" if anchor and not at else ""} x="{box.left - 1:.1f}" y="{box.top:.1f}" '
        f'width="{box.right - box.left + 2:.1f}" height="{box.bottom - box.top:.1f}" rx="1"/>'
        for at, box in enumerate(boxes)
    )
    width, height = size
    return f'<svg viewBox="0 0 {width:.1f} {height:.1f}" preserveAspectRatio="none" aria-hidden="true">{rects}</svg>'


def _text(document: Document, text: str, span: Span | None, pages: list[_Page]) -> str:
    marked_page = _marked_page(document, span)
    return "".join(
        _page(document, text, start=start, end=end, number=number, span=span, marked_page=marked_page)
        for number, start, end in pages
    )


def _pages(document: Document, length: int) -> list[_Page]:
    breaks = pairwise([0, *document.pages[1:], length])
    return [(number, start, end) for number, (start, end) in enumerate(breaks, start=1)]


def _pages_around(document: Document, length: int, span: Span | None) -> list[_Page]:
    """Return what of the pages may be shown to whoever may read this place only."""
    if span is None:
        return []
    first, last = max(0, span.start - _AROUND), min(length, span.end + _AROUND)
    clipped = [(number, max(start, first), min(end, last)) for number, start, end in _pages(document, length)]
    return [each for each in clipped if each[1] < each[2]]


def _holds(page: _Page, span: Span | None) -> bool:
    return span is not None and page[1] < span.end and span.start < page[2]


def _page(
    document: Document,
    text: str,
    *,
    start: int,
    end: int,
    number: int,
    span: Span | None,
    marked_page: int | None,
) -> str:
    head = ""
    if document.pages:
        anchor = "" if number == marked_page else f' id="page={number}"'
        head = f'<span class="page"{anchor}>{number}</span>'
    if number == marked_page:
        opening = f'<span id="mark"></span><mark id="page={number}">'
    else:  # only the first of a place that runs over several pages is a target
        opening = "<mark>" if marked_page is not None else '<mark id="mark">'
    return head + _marked(text, start, end, span=span, opening=opening)


def _marked(text: str, start: int, end: int, *, span: Span | None, opening: str) -> str:
    if span is None:
        return escape(text[start:end])
    left, right = max(start, min(span.start, end)), min(end, max(span.end, start))
    if right <= left:
        return escape(text[start:end])
    return f"{escape(text[start:left])}{opening}{escape(text[left:right])}</mark>{escape(text[right:end])}"
