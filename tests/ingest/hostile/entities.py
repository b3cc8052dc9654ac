"""XML that asks its reader for files and addresses: entities, DTDs, XInclude, external relationships."""

from collections.abc import Iterator
from pathlib import Path

from tests.ingest.hostile import healthy
from tests.ingest.hostile.bombs import zip_of


def asking_files(secret: Path, url: str) -> Iterator[tuple[str, bytes]]:
    """Yield files that would carry the content of `secret`, or call `url`, if their reader obeyed them."""
    for kind, head, body in _requests(secret.as_uri(), url):
        xml = f"<?xml version='1.0'?>{head}"
        html = (
            f"{xml}<html xmlns:xi='http://www.w3.org/2001/XInclude'><body><p>Hello {body}</p></body></html>"
        )
        yield f"{kind}.html", html.encode()
        yield (
            f"{kind}.epub",
            _epub(
                f"{xml}<package xmlns='http://www.idpf.org/2007/opf'><title>{body}</title></package>", html
            ),
        )
        yield f"{kind}.odt", _odt(xml, body)
        for name, part in (
            ("a.docx", "word/document.xml"),
            ("a.pptx", "ppt/slides/slide1.xml"),
            ("a.xlsx", "xl/sharedStrings.xml"),
        ):
            yield f"{kind}{name[1:]}", _replaced(healthy.FILES[name](), part, xml, body)
        yield (
            f"{kind}.md",
            f"# Title\n\n<div>{html}</div>\n\n![x]({url}) <img src='{secret.as_uri()}'>".encode(),
        )
        yield (
            f"{kind}.rst",
            f"Title\n=====\n\n.. include:: {secret}\n\n.. raw:: html\n   :file: {secret}\n\n.. csv-table:: x\n   :file: {secret}\n\n.. literalinclude:: {secret}\n\nText.".encode(),
        )


def _requests(file: str, url: str) -> Iterator[tuple[str, str, str]]:
    yield "entity", f"<!DOCTYPE d [<!ENTITY e SYSTEM '{file}'>]>", "&e;"
    yield "address", f"<!DOCTYPE d [<!ENTITY e SYSTEM '{url}'>]>", "&e;"
    yield "dtd", f"<!DOCTYPE d SYSTEM '{url}/x.dtd'>", ""
    yield "parameter", f"<!DOCTYPE d [<!ENTITY % p SYSTEM '{url}/p'> %p;]>", ""
    yield (
        "include",
        "",
        f"<xi:include xmlns:xi='http://www.w3.org/2001/XInclude' href='{file}' parse='text'/>",
    )


def _epub(package: str, chapter: str) -> bytes:
    container = "<container><rootfiles><rootfile full-path='p.opf'/></rootfiles></container>"
    package = package.replace(
        "</package>",
        "<manifest><item id='a' href='a.xhtml'/></manifest><spine><itemref idref='a'/></spine></package>",
    )
    parts = {"META-INF/container.xml": container, "p.opf": package, "a.xhtml": chapter}
    return zip_of(
        {"mimetype": b"application/epub+zip"} | {name: text.encode() for name, text in parts.items()}
    )


def _odt(head: str, body: str) -> bytes:
    spaces = "xmlns:o='urn:oasis:names:tc:opendocument:xmlns:office:1.0' xmlns:t='urn:oasis:names:tc:opendocument:xmlns:text:1.0'"
    content = f"{head}<o:document-content {spaces}><o:body><o:text><t:p>Hello {body}</t:p></o:text></o:body></o:document-content>"
    return zip_of({"mimetype": b"application/vnd.oasis.opendocument.text", "content.xml": content.encode()})


def _replaced(data: bytes, part: str, head: str, body: str) -> bytes:
    """Return the Office file with the request put in front of a part, and its use at a text in it."""
    import io
    import zipfile

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    text = parts.get(part, b"<a/>").decode()
    text = head + text[text.find("?>") + 2 :]
    for tag in ("</w:t>", "</a:t>", "</t>"):
        text = text.replace(tag, body + tag, 1)
    return healthy.zipped(parts | {part: text.encode()})
