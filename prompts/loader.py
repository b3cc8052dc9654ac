"""Load a prompt: a Markdown file with front matter, filled in by name, known by its content hash."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from string import Template

import yaml

_FOLDER = Path(__file__).parent
_instead: ContextVar[Path] = ContextVar("prompts_instead", default=_FOLDER)


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt text. `hash` goes into every record and evaluation fingerprint."""

    name: str
    version: int
    text: str
    hash: str

    def fill(self, **values: str) -> str:
        """Return the text with each `${name}` replaced; raises KeyError for one that is not given."""
        return Template(self.text).substitute(values)


def load(name: str, *, folder: Path | None = None) -> Prompt:
    """Read `<name>.md`; raises FileNotFoundError or ValueError (no front matter)."""
    chosen = folder or _instead.get()
    path = chosen / f"{name}.md"
    if folder is None and chosen is not _FOLDER and not path.is_file():
        path = _FOLDER / f"{name}.md"
    return _read(path, path.stat().st_mtime_ns)


def load_file(path: Path) -> Prompt:
    """Read a prompt of the operator's own; raises OSError, or ValueError where it is none."""
    return _read(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=64)
def _read(path: Path, _changed: int) -> Prompt:
    raw = path.read_text(encoding="utf-8")
    _, front, text = raw.split("---\n", 2)
    version = int(yaml.safe_load(front)["version"])
    return Prompt(path.stem, version, text.strip(), hashlib.sha256(raw.encode()).hexdigest()[:12])


@contextmanager
def prompts_from(folder: Path) -> Iterator[None]:
    """Take prompts from another folder while the block runs; what it lacks comes from ours."""
    token = _instead.set(folder)
    try:
        yield
    finally:
        _instead.reset(token)
