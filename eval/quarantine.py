"""Cases that are asked and shown but do not gate, each with its reason."""

import tomllib
from collections.abc import Collection
from pathlib import Path

from vectorstore.errors import BadInput, NotFound
from vectorstore.text_file import read_text


def load_quarantine(path: Path, *, known: Collection[str]) -> dict[str, str]:
    """Read a TOML file of `id = "reason"` lines; raises BadInput for an unknown id or one without a reason."""
    if not path.is_file():
        raise NotFound(f"There is no file {str(path)!r}.")
    try:
        entries = tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{path.name} cannot be read: {error}.") from error
    for name, reason in entries.items():
        if name not in known:
            raise BadInput(
                f"{path.name}: there is no case {name!r}.", "Take the line out, or correct the id."
            )
        if not isinstance(reason, str) or not reason.strip():
            raise BadInput(
                f"{path.name}: {name!r} stands there without a reason.",
                f'Write {name} = "why it is unstable, and where that is followed up".',
            )
    return entries
