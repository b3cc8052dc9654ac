"""The page that shows a document's extracted text with one place marked. No script, nothing from elsewhere."""

import base64
import hashlib
from html import escape
from itertools import pairwise
from typing import Final

from vectorstore.types import Document, Span

_STYLE: Final = """\
:root{color-scheme:light dark;font:16px/1.6 system-ui,sans-serif}
body{max-width:46rem;margin:0 auto;padding:1.5rem}
h1{font-size:1.25rem;margin:0}header p{margin:.25rem 0 1.5rem;opacity:.75}
pre{font:inherit;white-space:pre-wrap;overflow-wrap:anywhere;margin:0}
mark{background:#ffe58a;color:#000;scroll-margin-top:30vh}
.page{display:block;margin:1.5rem 0 .5rem;border-top:1px solid;opacity:.6;font-size:.85rem}
"""
_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
CONTENT_SECURITY_POLICY: Final = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"


def render(document: Document, text: str, span: Span | None) -> str:
    """Return the page as HTML. Every word of the document is escaped.

    Links end in `#page=12` or `#mark`. The mark carries the id of its own page, so that either scrolls to the
    marked words without a script.
    """
    title = escape(document.title or document.uri)
    marked_page = page_at(document, span.start) if span and span.end > span.start else None
    body = "".join(
        _page(document, text, start=start, end=end, number=number, span=span, marked_page=marked_page)
        for number, (start, end) in enumerate(_pages(document, len(text)), start=1)
    )
    return (
        f'<!doctype html><html lang="und"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{_STYLE}</style></head>'
        f"<body><header><h1>{title}</h1><p>{escape(document.uri)}</p></header><main><pre>{body}</pre></main>"
        "</body></html>"
    )


def page_at(document: Document, position: int) -> int | None:
    """Return the page, from 1, on which a code point stands; None where the format has no pages."""
    if not document.pages:
        return None
    return max(1, sum(start <= position for start in document.pages))


def _pages(document: Document, length: int) -> list[tuple[int, int]]:
    if not document.pages:
        return [(0, length)]
    return list(pairwise([0, *document.pages[1:], length]))


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
    if span is None:
        return head + escape(text[start:end])
    left, right = max(start, min(span.start, end)), min(end, max(span.end, start))
    if right <= left:
        return head + escape(text[start:end])
    anchor = f"page={number}" if number == marked_page else "mark"
    opening = (
        f'<span id="mark"></span><mark id="{anchor}">' if anchor != "mark" else _mark(number, marked_page)
    )
    return (
        f"{head}{escape(text[start:left])}{opening}{escape(text[left:right])}</mark>{escape(text[right:end])}"
    )


def _mark(number: int, marked_page: int | None) -> str:
    """Open a mark; only the first of a place that runs over several pages is a target."""
    return "<mark>" if marked_page is not None and number != marked_page else '<mark id="mark">'
