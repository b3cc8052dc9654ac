"""Takes the published files into the wheel, from the package that carries them; nothing of them is committed.

Built by `make wheel` in Footnote's own environment (`--no-build-isolation`): the seals are Footnote's.
"""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

from vectorstore.models import e5, minilm


class Weights(BuildHookInterface[Any]):
    """Names the files; raises Unavailable when one is missing or not the published one."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Check each file and put it where the loader looks; beside MiniLM's, its model card and licence."""
        beside = {
            minilm.PUBLISHED.model: [
                minilm.PUBLISHED.folder() / "README.md",
                Path(self.root).parent / "LICENSE",
            ]
        }
        for published in (minilm.PUBLISHED, e5.PUBLISHED):
            for name in published.seals:
                published.read(name)
            files = [published.folder() / name for name in published.seals] + beside.get(published.model, [])
            folder = "/".join(published.places[-1])
            build_data["force_include"] |= {str(path): f"{folder}/{path.name}" for path in files}
