"""lxml behind two functions: XML and HTML read without entities, external files or network."""

import re
from typing import Any, TypeAlias

from ingest.extract import Unparsable

# lxml brings no types of its own
Element: TypeAlias = Any

_XML_HEAD = re.compile(r"\A\s*+<\?xml[^>]*\?>")


def read_xml(data: bytes) -> Element:
    """Return the root element.

    Raises:
        Unparsable: not well-formed, or with entity declarations ("corrupt").

    """
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False, load_dtd=False)
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Unparsable("corrupt", "The file's XML is damaged; save it again.") from error
    if root.getroottree().docinfo.internalDTD is not None and b"<!ENTITY" in data:
        raise Unparsable(
            "corrupt", "The file declares XML entities, which documents have no need of; save it again."
        )
    return root


def read_html(text: str) -> Element:
    """Return the root element of a page, repaired as browsers do.

    Raises:
        Unparsable: nothing stands in it ("no_text"), or nothing of it can be read ("corrupt").

    """
    from lxml import etree
    from lxml.html import HTMLParser, document_fromstring

    # huge_tree: without it libxml2 silently drops what stands deeper than 256 levels, and all that follows
    parser = HTMLParser(
        no_network=True, huge_tree=True, remove_comments=True, remove_pis=True, encoding="utf-8"
    )
    data = _XML_HEAD.sub("", text).encode("utf-8", "replace")
    try:
        return document_fromstring(data, parser=parser)
    except etree.ParserError as error:  # what lxml says of a page that is empty once repaired
        raise Unparsable("no_text", "The page holds no text.") from error
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Unparsable(
            "corrupt", "The HTML cannot be read; open it in a browser and save it again."
        ) from error
