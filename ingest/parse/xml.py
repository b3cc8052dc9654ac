"""XML of any kind: titles as headings, texts as paragraphs, records as lists of name and value."""

from typing import Final

from ingest.extract import Extract, Limits, RawFile
from ingest.parse.html.markup import Element, read_xml
from ingest.parse.writer import ExtractWriter

_TITLES: Final = frozenset({"title", "head", "heading", "name"})
_MAX_DEPTH: Final = 200
_MAX_TITLE: Final = 200


def parse(source: RawFile, limits: Limits) -> Extract:
    """Read XML."""
    writer = ExtractWriter(limits)
    _write(read_xml(source.data), writer, depth=1)
    return writer.finish(source.media_type)


def _write(element: Element, writer: ExtractWriter, *, depth: int) -> None:
    children = [child for child in element if isinstance(child.tag, str)]
    if _is_running_text(element, children) or depth > _MAX_DEPTH:
        text = " ".join("".join(element.itertext()).split())
        if _name(element) in _TITLES and len(text) < _MAX_TITLE:
            writer.heading(text, depth - 1)
        else:
            writer.paragraph(text)
    elif len(children) > 1 and all(len(child) == 0 for child in children):
        facts = [(_name(child), " ".join((child.text or "").split())) for child in children]
        writer.block("list", "\n".join(f"- {name}: {value}" for name, value in facts if value))
    else:
        for child in children:
            _write(child, writer, depth=depth + 1)


def _is_running_text(element: Element, children: list[Element]) -> bool:
    """Say whether words stand beside the element's children, as in a paragraph with markup."""
    return not children or any(
        (text or "").strip() for text in (element.text, *(child.tail for child in children))
    )


def _name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2].lower()
