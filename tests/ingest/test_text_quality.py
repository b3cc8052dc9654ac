"""The sample handbook comes back word for word, and its tables cell by cell, from every format it is made in."""

import re
from collections import defaultdict
from difflib import SequenceMatcher
from functools import cache

import pytest

from ingest.extract import Extract
from ingest.parse.dispatch import parse
from ingest.sample.make import HANDBOOK, Manuscript, plain_text, sources
from tests.ingest.limits import limits

SOURCES = list(sources())
FORMATS = sorted({source.output.rpartition(".")[2] for source in SOURCES})
_MARKS = re.compile(r"\*\*|`|^#+ ", re.M)


@cache
def read(output: str) -> Extract:
    path = HANDBOOK / output
    return parse(path.read_bytes(), name=path.name, limits=limits())


def words(text: str) -> list[str]:
    return re.findall(r"\w+", _MARKS.sub("", text))


def in_order(source: Manuscript) -> tuple[int, int]:
    expected = words(plain_text(source))
    matcher = SequenceMatcher(None, expected, words(read(source.output).text), autojunk=False)
    return sum(block.size for block in matcher.get_matching_blocks()), len(expected)


def table_rows(extract: Extract) -> list[list[str]]:
    rows = []
    for block in extract.blocks:
        if block.kind == "table":
            lines = extract.text[block.span.start : block.span.end].split("\n")
            rows += [[_plain(cell) for cell in re.split(r"(?<!\\)\|", line.strip()[1:-1])] for line in lines]
    return rows


def _plain(cell: str) -> str:
    return " ".join(cell.replace("\\|", "|").replace("**", "").split())


@pytest.mark.parametrize("ending", FORMATS)
def test_words_come_back_in_order(ending: str) -> None:
    found = {source.output: in_order(source) for source in SOURCES if source.output.endswith(ending)}
    share = sum(kept for kept, _ in found.values()) / sum(total for _, total in found.values())
    worst = min(found, key=lambda name: found[name][0] / found[name][1])
    print(f"{ending}: {share:.4f} of the words in order, worst {worst} {found[worst]}")
    assert share >= 0.99, f"{share:.4f}; worst {worst}: {found[worst]}"


@pytest.mark.parametrize("ending", FORMATS)
def test_tables_come_back_cell_by_cell(ending: str) -> None:
    lost: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    total = 0
    for source in SOURCES:
        if source.output.endswith(ending):
            found = table_rows(read(source.output))
            for block in source.blocks:
                for row in block.rows:
                    total += 1
                    if [_plain(cell) for cell in row] not in found:
                        lost[source.output].append(row)
    if not total:
        pytest.skip(f"the handbook has no table as {ending}")
    print(f"{ending}: {total - sum(map(len, lost.values()))} of {total} rows")
    assert not lost, dict(lost)
