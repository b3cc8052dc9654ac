"""Real documents rendered to other formats, and what a reader of them must find again.

pandoc reads a Markdown or reStructuredText file once; from the tree that it makes come all renderings and the
reference. Raw HTML is taken out of the tree first, because some formats would show it and others not; pictures become
one small local picture, because nothing is fetched. PDF is printed by Chromium from the HTML and by LibreOffice from
the DOCX. Everything is kept in a folder and made only once.
"""

import hashlib
import json
import random
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

FORMATS: Final = ("docx", "html", "odt", "epub", "pdf-chromium", "pdf-office")
READERS: Final = {
    ".md": "commonmark_x+yaml_metadata_block-tex_math_dollars-raw_tex",
    ".rst": "rst",
}
_PICTURE: Final = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)
_PRINT: Final = (
    "<style>pre, code { white-space: pre-wrap !important } table { display: table !important } "
    "pre, td, th { overflow-wrap: anywhere }</style>"
)
"""What is wider than the paper wraps, else it would be cut off by the printer and not by who reads the PDF."""
_OFFICE_BATCH: Final = 40

# Any throughout: JSON as pandoc writes it
Table = list[list[str]]


@dataclass
class Reference:
    """What a document says: its words in order, those whose place is the format's choice, and its tables."""

    body: list[str] = field(default_factory=list)
    aside: list[str] = field(default_factory=list)
    """Notes and captions: at the foot, at the end or in place, as the format has it."""
    tables: list[Table] = field(default_factory=list)
    """Rows of cells, the first the header; a cell that spans stands at its first place."""


@dataclass(frozen=True)
class Rendered:
    """One source, where its renderings lie by format, and what they say."""

    source: Path
    files: Mapping[str, Path]
    reference: Reference


def sources(corpora: Path, count: int | None, seed: int) -> list[Path]:
    """Return as many of the files below a folder as asked for, drawn by a seed; all for None."""
    found = sorted(path for path in corpora.rglob("*") if path.suffix in READERS)
    random.Random(seed).shuffle(found)
    return found[:count]


def rendered(
    chosen: Sequence[Path], formats: Sequence[str], cache: Path
) -> tuple[list[Rendered], dict[str, int]]:
    """Render files, and count by reason what could not be rendered."""
    for kind in ("json", *FORMATS):
        (cache / kind).mkdir(parents=True, exist_ok=True)
    (cache / "picture.png").write_bytes(_PICTURE)
    names = {path: _name(path) for path in chosen}
    lost: dict[str, int] = {}
    with ThreadPoolExecutor(2) as threads:
        read = dict(
            zip(chosen, threads.map(lambda path: _tree(path, names[path], cache), chosen), strict=True)
        )
        good = [path for path in chosen if read[path]]
        lost["not read by pandoc"] = len(chosen) - len(good)
        written = {"docx", "html", "odt", "epub"} & set(formats)
        written |= {"html"} if "pdf-chromium" in formats else set()
        written |= {"docx"} if "pdf-office" in formats else set()
        for kind in sorted(written):
            list(threads.map(lambda path, kind=kind: _write(names[path], kind, cache), good))
    if "pdf-chromium" in formats:
        _print_by_chromium([names[path] for path in good], cache)
    if "pdf-office" in formats:
        _print_by_office([names[path] for path in good], cache)
    found = []
    for path in good:
        files = {kind: _place(names[path], kind, cache) for kind in formats}
        made = {kind: file for kind, file in files.items() if file.exists()}
        for kind in files.keys() - made.keys():
            lost[f"not rendered as {kind}"] = lost.get(f"not rendered as {kind}", 0) + 1
        said = reference(json.loads(_place(names[path], "json", cache).read_bytes()))
        if any(map(str.strip, said.body)):
            found.append(Rendered(path, made, said))
    return found, lost


def _name(path: Path) -> str:
    made_by = f"{path} {READERS} {_PRINT}"  # what is changed here is made anew
    digest = hashlib.sha256(path.read_bytes() + made_by.encode()).hexdigest()[:8]
    return f"{path.stem[:60]}-{digest}"


def _place(name: str, kind: str, cache: Path) -> Path:
    return cache / kind / f"{name}.{kind.partition('-')[0]}"


def _tree(path: Path, name: str, cache: Path) -> bool:
    place = _place(name, "json", cache)
    if not place.exists():
        done = subprocess.run(
            ["pandoc", "-f", READERS[path.suffix], "-t", "json", str(path)],
            capture_output=True,
            timeout=120,
            check=False,
        )
        if done.returncode:
            return False
        tree = _portable(json.loads(done.stdout), str(cache / "picture.png"))
        tree["meta"] = {key: value for key, value in tree["meta"].items() if key == "title"}
        place.write_text(json.dumps(tree))
    return True


def _portable(node: Any, picture: str) -> Any:
    if isinstance(node, list):
        raw = ("RawBlock", "RawInline")
        return [
            _portable(each, picture) for each in node if not (isinstance(each, dict) and each.get("t") in raw)
        ]
    if isinstance(node, dict):
        if node.get("t") == "Image":
            _, caption, (_, title) = node["c"]
            # its own attributes may ask for a size that pandoc cannot read
            return {"t": "Image", "c": [["", [], []], _portable(caption, picture), [picture, title]]}
        return {key: _portable(value, picture) for key, value in node.items()}
    return node


def _write(name: str, kind: str, cache: Path) -> None:
    place = _place(name, kind, cache)
    if not place.exists():
        command = ["pandoc", "-s", "-f", "json", "-t", kind, "-M", f"pagetitle={name}", "-o", str(place)]
        command += ["-V", f"header-includes={_PRINT}"] if kind == "html" else []
        subprocess.run(
            [*command, str(_place(name, "json", cache))], capture_output=True, timeout=300, check=False
        )


def _print_by_chromium(names: Sequence[str], cache: Path) -> None:
    from playwright.sync_api import Error, sync_playwright

    missing = [
        name
        for name in names
        if not _place(name, "pdf-chromium", cache).exists() and _place(name, "html", cache).exists()
    ]
    if not missing:
        return
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"], timeout=60_000
        )
        page = browser.new_page(java_script_enabled=False)
        page.set_default_timeout(60_000)
        for name in missing:
            try:
                page.goto(_place(name, "html", cache).resolve().as_uri(), wait_until="domcontentloaded")
                page.pdf(path=_place(name, "pdf-chromium", cache), format="A4")
            except Error:
                continue
        browser.close()


def _print_by_office(names: Sequence[str], cache: Path) -> None:
    missing = [
        str(_place(name, "docx", cache))
        for name in names
        if not _place(name, "pdf-office", cache).exists() and _place(name, "docx", cache).exists()
    ]
    with tempfile.TemporaryDirectory() as profile:
        office = ["soffice", "--headless", f"-env:UserInstallation=file://{profile}", "--convert-to", "pdf"]
        for start in range(0, len(missing), _OFFICE_BATCH):
            subprocess.run(
                [*office, "--outdir", str(cache / "pdf-office"), *missing[start : start + _OFFICE_BATCH]],
                capture_output=True,
                timeout=900,
                check=False,
            )


def reference(tree: dict[str, Any]) -> Reference:
    """Return what a pandoc tree says.

    `pandoc -t plain` says the same words but for what it adds (bullets, rules, note marks, alternative texts of
    pictures) and mixes the lines of neighbouring cells; the tree has neither fault.
    """
    found = Reference()
    if title := tree["meta"].get("title"):
        found.body.append(_inline(title["c"], found))
    found.body += _pieces(tree["blocks"], found)
    return found


def _pieces(blocks: Sequence[Any], found: Reference) -> Iterator[str]:
    for block in blocks:
        content = block.get("c")
        match block["t"]:
            case "Plain" | "Para":
                yield _inline(content, found)
            case "LineBlock":
                yield from (_inline(line, found) for line in content)
            case "CodeBlock":
                yield content[1]
            case "BlockQuote":
                yield from _pieces(content, found)
            case "OrderedList":
                yield from (text for item in content[1] for text in _pieces(item, found))
            case "BulletList":
                yield from (text for item in content for text in _pieces(item, found))
            case "DefinitionList":
                for term, definitions in content:
                    yield _inline(term, found)
                    yield from (text for each in definitions for text in _pieces(each, found))
            case "Header":
                yield _inline(content[2], found)
            case "Div":
                yield from _pieces(content[1], found)
            case "Table":
                _, (_, caption), _, (_, head), bodies, (_, foot) = content
                found.aside += _pieces(caption, found)
                between = [row for _, _, above, below in bodies for row in (*above, *below)]
                grid = _grid(head, [*between, *foot], found)
                found.tables.append(grid[0])
                yield from grid[1]


def _inline(inlines: Sequence[Any], found: Reference) -> str:
    return "".join(_said(each, found) for each in inlines)


def _said(inline: Any, found: Reference) -> str:
    content = inline.get("c")
    match inline["t"]:
        case "Str":
            return str(content)
        case "Space" | "SoftBreak" | "LineBreak":
            return " "
        case "Emph" | "Strong" | "Strikeout" | "Superscript" | "Subscript" | "SmallCaps" | "Underline":
            return _inline(content, found)
        case "Quoted" | "Cite" | "Link" | "Span":
            return _inline(content[1], found)
        case "Code":
            return str(content[1])
        case "Image" if content[2][1].startswith("fig:"):
            found.aside.append(_inline(content[1], found))
        case "Note":
            # after the walk over the note itself, which may hold another
            found.aside += list(_pieces(content, found))
    # formulas are words in no two formats alike, and what a picture shows is not on the page
    return " "


def _grid(head: Sequence[Any], body: Sequence[Any], found: Reference) -> tuple[Table, list[str]]:
    """Lay cells out on the columns that they stand in; several header rows are joined for each column."""
    rows: Table = []
    texts: list[str] = []
    open_below: dict[int, int] = {}  # column → how many more rows a cell from above takes
    for _, cells in (*head, *body):
        row: list[str] = []
        for _, _, down, across, blocks in cells:
            while open_below.get(len(row), 0):
                open_below[len(row)] -= 1
                row.append("")
            text = "\n".join(_pieces(blocks, found))
            texts.append(text)
            for at in range(across):
                open_below[len(row)] = down - 1
                row.append("" if at else text)
        while open_below.get(len(row), 0):
            open_below[len(row)] -= 1
            row.append("")
        rows.append(row)
    if len(head) > 1:
        width = max(map(len, rows))
        above = [[row[at] for row in rows[: len(head)] if at < len(row)] for at in range(width)]
        rows[: len(head)] = [[" ".join(dict.fromkeys(filter(None, names))) for names in above]]
    return rows, texts
