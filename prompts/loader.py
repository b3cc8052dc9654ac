"""Load a prompt: a Markdown file with front matter, filled in by name, known by its content hash."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from string import Template

import yaml

_FOLDER = Path(__file__).parent


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


def load(name: str, *, folder: Path = _FOLDER) -> Prompt:
    """Read `<name>.md`; raises FileNotFoundError or ValueError (no front matter)."""
    raw = (folder / f"{name}.md").read_text(encoding="utf-8")
    _, front, text = raw.split("---\n", 2)
    version = int(yaml.safe_load(front)["version"])
    return Prompt(name, version, text.strip(), hashlib.sha256(raw.encode()).hexdigest()[:12])
