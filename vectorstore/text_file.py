"""Text files that people hand in: UTF-8, or a sentence that says which one is not."""

from collections.abc import Iterator
from pathlib import Path

from vectorstore.errors import BadInput


def read_text(path: Path) -> str:
    """Return what a file says; raises BadInput when it is not UTF-8."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(
            f"{path.name} is not UTF-8, from byte {error.start} on.", "Save it as UTF-8."
        ) from error


def numbered_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines that are not blank, numbered from 1, as JSON Lines parts them.

    Only a line feed ends one: `str.splitlines` also cuts at U+2028 and the like, which JSON leaves in its strings.
    """
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield number, line
