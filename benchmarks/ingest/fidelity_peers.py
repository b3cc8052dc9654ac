"""What markitdown, unstructured, pypdf and LangChain's loaders read of files, for `benchmarks/ingest/fidelity.py --peers`.

    PEERS/bin/python benchmarks/ingest/fidelity_peers.py FOLDER < paths, one a line

Prints a JSON line for each peer and file: where its text lies in FOLDER, or why there is none. A peer that cannot be
imported, or does not read such files, prints nothing. Nothing of Footnote is imported here. unstructured wants a spaCy
model from the network to tell titles from prose; a blank one stands in, so that kinds of elements may be others while
the words are the same. Its partitioners for ODT and EPUB have pandoc read the file, so that they say nothing of their
own; LangChain's loaders for these two are unstructured's.
"""

import json
import os
import sys
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any


@cache
def _markitdown() -> Any:
    from markitdown import MarkItDown

    return MarkItDown()


def markitdown(path: Path) -> str:
    return _markitdown().convert(str(path)).text_content


def pypdf(path: Path) -> str:
    from pypdf import PdfReader

    return "\n".join(page.extract_text() for page in PdfReader(path).pages)


@cache
def _partition(kind: str) -> Any:
    from importlib import import_module

    import spacy
    from unstructured.nlp import tokenize

    blank = spacy.blank("en")
    blank.add_pipe("sentencizer")
    tokenize._get_nlp = lambda: blank  # noqa: SLF001 -- there is no public way
    return getattr(import_module(f"unstructured.partition.{kind}"), f"partition_{kind}")


def unstructured(path: Path) -> str:
    kind = path.suffix[1:]
    options = {"strategy": "fast"} if kind == "pdf" else {}
    return "\n\n".join(
        _table(each.metadata.text_as_html)
        if each.category == "Table" and each.metadata.text_as_html
        else each.text
        for each in _partition(kind)(str(path), **options)
    )


def _table(html: str) -> str:
    import lxml.html

    rows = [
        [" ".join(cell.text_content().split()).replace("|", "\\|") for cell in row.iter("td", "th")]
        for row in lxml.html.fromstring(html).iter("tr")
    ]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([*lines[:1], "|" + " --- |" * len(rows[0] if rows else []), *lines[1:]])


def langchain(path: Path) -> str:
    from langchain_community.document_loaders import BSHTMLLoader, Docx2txtLoader, PyPDFLoader

    loader = {".docx": Docx2txtLoader, ".html": BSHTMLLoader, ".pdf": PyPDFLoader}[path.suffix]
    return "\n".join(page.page_content for page in loader(str(path)).load())


PEERS: dict[str, tuple[Callable[[Path], str], tuple[str, ...]]] = {
    "markitdown": (markitdown, (".docx", ".html", ".epub", ".pdf")),
    "unstructured": (unstructured, (".docx", ".html", ".pdf")),
    "langchain": (langchain, (".docx", ".html", ".pdf")),
    "pypdf": (pypdf, (".pdf",)),
}


def main() -> None:
    os.environ["UNSTRUCTURED_DISABLE_NOTICE"] = "1"
    warnings.simplefilter("ignore")
    # what libraries print is no answer
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    folder = Path(sys.argv[1])
    files = [Path(line.strip()) for line in sys.stdin if line.strip()]
    for peer, (read, kinds) in PEERS.items():
        for path in files:
            if path.suffix not in kinds:
                continue
            said = {"peer": peer, "file": str(path)}
            place = folder / peer / path.parent.name / f"{path.name}.txt"
            try:
                if not place.exists():
                    text = read(path)
                    place.parent.mkdir(parents=True, exist_ok=True)
                    place.write_text(text, encoding="utf-8", errors="replace")
                said["text"] = str(place)
            except ImportError as error:
                print(f"{peer} is left out: {error}", file=sys.stderr)
                break
            except Exception as error:  # noqa: BLE001 -- a peer may raise anything
                said["error"] = type(error).__name__
            print(json.dumps(said), file=answers, flush=True)


if __name__ == "__main__":
    main()
