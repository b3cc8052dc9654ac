"""What the guard does to real text: addresses can still be read and copied, and hardly anything else changes."""

import random
import re
from pathlib import Path

from app.guard import inert
from tests.guard import renderers

COUNT = 2_000
_ADDRESS = re.compile(
    r"(?<![\w@/.:-])(?:https?://[\w./?=&%#~+-]*[a-zA-Z0-9/]|[\w.+-]*\w@[\w-]+(?:\.[\w-]+)*\.\w{2,})(?![\w@/-])"
)
_LINKED = re.compile(r"\]\(|\]:|\]\[|</?[A-Za-z!][^>]*>|<https?:|`_|^\.\. ", re.MULTILINE)


def paragraphs(corpora: Path, *, plain: bool) -> list[str]:
    """Return paragraphs by seed; plain ones hold no link, no HTML and no directive."""
    found = [
        paragraph.strip("\n")
        for path in sorted(corpora.rglob("*"))
        if path.suffix in {".md", ".rst", ".txt"} and path.is_file()
        for paragraph in re.split(r"\n\s*\n", path.read_text(encoding="utf-8", errors="replace"))
    ]
    found = [paragraph for paragraph in found if paragraph.strip()]
    if plain:
        found = [paragraph for paragraph in found if not _LINKED.search(paragraph)]
    random.Random(7).shuffle(found)
    return found


def test_addresses_stay_readable_and_can_be_copied(shared_data: Path) -> None:
    with_addresses = [
        each for each in paragraphs(shared_data / "corpora", plain=False) if _ADDRESS.search(each)
    ][:COUNT]
    lost = [
        address for each in with_addresses for address in _ADDRESS.findall(each) if address not in inert(each)
    ]
    assert len(with_addresses) == COUNT
    assert lost == []


def test_hardly_a_paragraph_reads_otherwise(shared_data: Path) -> None:
    written = paragraphs(shared_data / "corpora", plain=True)[:COUNT]
    before = renderers.shown(written)
    after = renderers.shown(map(inert, written))
    for renderer in before[0]:
        altered = [
            paragraph
            for paragraph, old, new in zip(written, before, after, strict=True)
            if old[renderer].split() != new[renderer].split()
        ]
        assert len(altered) <= 0.007 * COUNT, altered
