"""Which articles of SQuAD 2.0 and XQuAD are for fitting, and which are left out to report on: splits.toml."""

import tomllib
from pathlib import Path
from typing import Literal, TypeAlias

PART: TypeAlias = Literal["fitting", "reporting"]

_LISTED = tomllib.loads(Path(__file__).with_name("splits.toml").read_text(encoding="utf-8"))
ARTICLES: dict[PART, frozenset[str]] = {
    "fitting": frozenset(_LISTED["fitting"]),
    "reporting": frozenset(_LISTED["reporting"]),
}


def part_of(article: str) -> PART:
    """Return the part that an article belongs to; raises KeyError for one that the list does not name."""
    for part, titles in ARTICLES.items():
        if article in titles:
            return part
    raise KeyError(article)
