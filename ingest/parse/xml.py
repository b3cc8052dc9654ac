"""XML of any kind: DocBook, DITA and their like as the pages they are, other XML as names and values.

Attributes are read where they are data. In documents they are technical, but for the few that hold words.
"""

import re
from collections.abc import Iterator
from html import unescape
from typing import Final

from ingest.extract import Extract, Limits, RawFile
from ingest.parse.html.html import write_html
from ingest.parse.html.markup import Element, lowered, raised, read_xml
from ingest.parse.html.walk import HtmlWalk
from ingest.parse.writer import ExtractWriter

_TITLES: Final = frozenset({"title", "head", "heading", "name"})
_MAX_DEPTH: Final = 200
_MAX_TITLE: Final = 200
_MAX_RECORD: Final = 60
_PAGES: Final = frozenset(
    {
        *(
            "book",
            "article",
            "chapter",
            "section",
            "sect1",
            "sect2",
            "sect3",
            "preface",
            "appendix",
            "part",
            "refentry",
        ),
        *(
            "topic",
            "concept",
            "task",
            "reference",
            "glossary",
            "dita",
            "map",
            "bookmap",
            "tei",
            "tei.2",
            "html",
        ),
    }
)
_TAGS: Final = {
    tag: names.split()
    for tag, names in {
        "p": "para simpara formalpara shortdesc ab lg cmd info stepresult stepxmp result",
        "div": "note tip warning important caution danger example sidebar abstract partintro",
        "ul": "itemizedlist simplelist choices steps-unordered sl",
        "ol": "orderedlist procedure steps substeps",
        "li": "listitem member step substep item choice sli",
        "dl": "variablelist glossentrylist parml",
        "dt": "term glossterm pt",
        "dd": "glossdef pd",
        "table": "informaltable simpletable properties choicetable",
        "tr": "row strow sthead chrow chhead prophead property",
        "td": "entry stentry cell choption chdesc propvalue propdesc proptype",
        "pre": "programlisting screen codeblock literallayout msgblock synopsis",
        "code": "literal codeph command filename filepath option parameter function varname userinput computeroutput",
        "sup": "superscript",
        "sub": "subscript",
        "q": "quote",
        "a": "link ulink xref",
        "blockquote": "lq",
        "figcaption": "caption attribution",
    }.items()
}
_NAMED: Final = {name: tag for tag, names in _TAGS.items() for name in names}
_HEADS: Final = frozenset({"title", "head", "subtitle", "refname"})
_LABELLED: Final = frozenset({"note", "tip", "warning", "important", "caution", "danger"})
_ASIDE: Final = frozenset(
    {
        *(
            "indexterm",
            "remark",
            "prolog",
            "metadata",
            "keywords",
            "bookinfo",
            "articleinfo",
            "info",
            "docinfo",
        ),
        *("draft-comment", "teiheader"),
    }
)
_HEAD_ROWS: Final = frozenset({"sthead", "chhead", "prophead"})
_TECHNICAL: Final = frozenset({"class", "style", "lang", "version"})
_SPEAKING: Final = ("alt", "navtitle", "label", "keyref")
_NO_DIGIT = re.compile(r"\D")
_MARKUP = re.compile(r"<(?:p|br|div|li|b|i|em|strong|a|h[1-6]|table|span|img)\b[^<>]*>", re.I)
_SHIFTED = re.compile(r"su[pb](?=erscript|script|\b)")
_SHORTEST_FILE: Final = 200
_SHORTEST_LINE: Final = 60
_NO_BASE64 = re.compile(r"[^A-Za-z0-9+/=\s]")


def parse(source: RawFile, limits: Limits) -> Extract:
    """Read XML."""
    writer = ExtractWriter(limits)
    root = read_xml(source.data)
    _plain(root, writer)
    _without_files(root, writer)
    if _name(root) in _PAGES and _is_page(root):
        title = _page(root, writer)
        return writer.finish(source.media_type, title=title)
    _shift(root)
    _write(root, writer, depth=1)
    return writer.finish(source.media_type)


def _plain(root: Element, writer: ExtractWriter) -> None:
    """Make the tree one of elements and texts alone."""
    from lxml import etree

    for comment in root.iter(etree.Comment):
        writer.leave_out("comment", comment.text or "")
    for entity in list(root.iter(etree.Entity)):
        # a sign by its name in HTML, as DocBook and XHTML have them
        text, before, above = (
            f"{unescape(entity.text)}{entity.tail or ''}",
            entity.getprevious(),
            entity.getparent(),
        )
        if before is None:
            above.text = f"{above.text or ''}{text}"
        else:
            before.tail = f"{before.tail or ''}{text}"
        entity.tail = None
        above.remove(entity)
    etree.strip_tags(root, etree.Comment, etree.ProcessingInstruction)


def _without_files(root: Element, writer: ExtractWriter) -> None:
    """Leave out pictures and other files that are written as text."""
    count = 0
    for element in root.iter("*"):
        text = element.text or ""
        is_long = (
            len(text) >= _SHORTEST_FILE
            and max(map(len, text.split(None, 1)[:1]), default=0) >= _SHORTEST_LINE
        )
        if is_long and not _NO_BASE64.search(text):
            writer.leave_out("a file written as text", text)
            element.text, count = None, count + 1
    if count:
        stands = "1 file stands" if count == 1 else f"{count} files stand"
        writer.finding(f"{stands} in it as text (Base64), such as a picture; what it holds was not read.")


def _shift(root: Element) -> None:
    """Write what is raised or lowered so that `10` and a raised `3` are not 103."""
    for element in root.iter("{*}sup", "{*}sub", "{*}superscript", "{*}subscript"):
        above, left = element.getparent(), element.getprevious()
        before = ((left.tail if left is not None else above.text) if above is not None else "") or ""
        if element.text and not len(element) and before[-1:].strip():
            write = raised if "sup" in _name(element) else lowered
            element.text = write(before, element.text)


def _is_page(root: Element) -> bool:
    """Say whether there are paragraphs in it, and not only fields that happen to be called so."""
    return (
        next(root.iter("{*}para", "{*}p", "{*}simpara", "{*}shortdesc", "{*}body", "{*}topicref"), None)
        is not None
    )


def _page(root: Element, writer: ExtractWriter) -> str:
    """Write a document by what its elements are in HTML; return its title."""
    from lxml import etree

    title = next(("".join(found.itertext()) for found in root.iter("{*}title", "{*}mainbooktitle")), "")
    etree.strip_tags(root, "{*}tgroup")
    names = {element: _name(element) for element in root.iter("*")}
    for element, name in names.items():
        parent = element.getparent()
        above = names.get(parent, "")
        if name in _ASIDE and parent is not None and (name != "info" or above in _PAGES):
            _leave_out(element, writer)
        elif name in _HEADS:
            sections = sum(names[up] in _PAGES for up in element.iterancestors())
            headed = above in _PAGES or above in ("info", "div")
            element.tag = f"h{min(max(sections, 1), 6)}" if headed else "p"
        else:
            _speak(element, name)
            element.tag = _tag(element, name, above)
    HtmlWalk(writer).fragment(root)
    return title


def _leave_out(element: Element, writer: ExtractWriter) -> None:
    """Leave out data about the document, but for the title that DocBook keeps there."""
    titles = {found for found in element.iterchildren("*") if _name(found) in _HEADS}
    for child in set(element.iterchildren("*")) - titles:
        writer.leave_out("data about the document", " ".join(child.itertext()))
        element.remove(child)
    writer.leave_out("data about the document", element.text or "")
    element.text = None
    element.tag = "div" if titles else "span"


def _speak(element: Element, name: str) -> None:
    """Make text of what a document's element says by its name and attributes."""
    if name in _LABELLED:
        element.text = f"{(element.get('type') or name).capitalize()}: {(element.text or '').lstrip()}"
        if len(element) and not element.text.split(": ", 1)[1]:
            element[0].text, element.text = f"{element.text}{(element[0].text or '').lstrip()}", None
    elif name in ("footnote", "fn"):
        element.text, element.tail = f" ({(element.text or '').strip()}", f"){element.tail or ''}"
    elif name in ("graphic", "imagedata", "image", "figure", "topicref", "chapter"):
        said = " ".join(filter(None, (element.get(key) for key in _SPEAKING)))
        element.text = " ".join(filter(None, (said, element.text)))
    for key in ("url", "{http://www.w3.org/1999/xlink}href"):
        if element.get(key):
            element.set("href", element.get(key))
    _spans(element)


def _tag(element: Element, name: str, above: str) -> str:
    if above in ("footnote", "fn"):
        return "span"
    if name == "listitem" and above == "varlistentry":
        return "dd"
    if name in ("emphasis", "hi", "ph") and "strike" in f"{element.get('role')} {element.get('rend')}":
        return "del"
    if name in ("emphasis", "hi", "ph") and (
        shifted := _SHIFTED.search(" ".join(filter(None, map(element.get, ("role", "rend", "rendition")))))
    ):
        return shifted[0]
    if name == "list":
        return "ol" if "order" in (element.get("type") or element.get("rend") or "") else "ul"
    if above in _HEAD_ROWS:
        return "th"
    if name in ("varlistentry", "dlentry", "glossentry", "mediaobject", "textobject"):
        return "div"
    return _NAMED.get(name, "span" if name in ("footnote", "fn") else name)


def _spans(entry: Element) -> None:
    """Give a cell of a CALS table the spans that HTML knows."""
    if (entry.get("morerows") or "").isdecimal():
        entry.set("rowspan", str(int(entry.get("morerows")[:3]) + 1))
    ends = [_NO_DIGIT.sub("", entry.get(name) or "")[:3] for name in ("namest", "nameend")]
    if all(ends):
        entry.set("colspan", str(int(ends[1]) - int(ends[0]) + 1))


def _write(element: Element, writer: ExtractWriter, *, depth: int) -> None:
    children = [child for child in element if isinstance(child.tag, str)]
    if _is_running_text(element, children) or depth > _MAX_DEPTH:
        _write_text(element, children, writer, depth=depth)
    elif depth > 1 and not _holds_text(element) and sum(1 for _ in element.iter("*")) <= _MAX_RECORD:
        writer.block("list", "\n".join(_record(element)))
    else:
        facts = [f"- {name}: {value}" for name, value in _attributes(element)]
        for child in children:
            if len(child) or _markup(child) or _is_title(child, alone=len(children) < 2):
                writer.block("list", "\n".join(facts))
                facts = []
                _write(child, writer, depth=depth + 1)
            else:
                facts += _lines(child, "")
        writer.block("list", "\n".join(facts))


def _is_title(element: Element, *, alone: bool = False) -> bool:
    return (
        _name(element) in _TITLES
        and not alone
        and not len(element)
        and not element.attrib
        and len(element.text or "") < _MAX_TITLE
    )


def _write_text(element: Element, children: list[Element], writer: ExtractWriter, *, depth: int) -> None:
    text = " ".join("".join(element.itertext()).split())
    if not children and _markup(element):
        write_html(element.text, writer)
    elif _name(element) in _TITLES and len(text) < _MAX_TITLE:
        writer.heading(text, depth - 1)
    else:
        writer.paragraph(text)
    if not children:
        writer.paragraph(", ".join(f"{name}: {value}" for name, value in _attributes(element)))


def _record(element: Element) -> list[str]:
    lines = [f"- {name}: {value}" for name, value in _attributes(element)]
    for child in element.iterchildren("*"):
        lines += _lines(child, "")
    return lines


def _lines(element: Element, indent: str) -> list[str]:
    """Return a small tree as a list: `- weight: 2 (unit: kg)`, what it holds indented."""
    name, value = _name(element), " ".join((element.text or "").split())
    said = [f"{key}: {text}" for key, text in _attributes(element)]
    children = list(element.iterchildren("*"))
    if children and not _is_running_text(element, children):
        head = f"{indent}- {name}" + (f" ({', '.join(said)})" if said else "") + ":"
        return [head, *(line for child in children for line in _lines(child, f"{indent}  "))]
    value = " ".join("".join(element.itertext()).split())
    if said:
        value = f"{value} ({', '.join(said)})" if value else ", ".join(said)
    return [f"{indent}- {name}: {value}"] if value else []


def _attributes(element: Element) -> Iterator[tuple[str, str]]:
    """Yield the attributes that are data: not those of XML itself and of schemas."""
    for name, value in element.attrib.items():
        if (
            value.strip()
            and not str(name).startswith(("{http://www.w3.org/XML/", "{http://www.w3.org/2001/XMLSchema"))
            and name not in _TECHNICAL
        ):
            yield str(name).rpartition("}")[2], " ".join(value.split())


def _markup(element: Element) -> bool:
    """Say whether the element's text is HTML, as feeds have it."""
    return not len(element) and len(_MARKUP.findall(element.text or "")) >= 2


def _holds_text(element: Element) -> bool:
    """Say whether running text with markup, or a title over what follows it, stands below the element."""
    return any(
        _markup(part) or _name(part) == "title" or (len(part) and _is_running_text(part, list(part)))
        for part in element.iter("*")
    )


def _is_running_text(element: Element, children: list[Element]) -> bool:
    """Say whether words stand beside the element's children, as in a paragraph with markup."""
    return not children or any(
        (text or "").strip() for text in (element.text, *(child.tail for child in children))
    )


def _name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2].lower()
