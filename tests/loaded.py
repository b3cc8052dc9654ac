"""What is loaded once for all processes of `tests.forked`: every command, and the embedder with an engine without threads."""

import os
from contextlib import suppress
from functools import lru_cache, partial
from pathlib import Path

import app.build
import app.http.server  # noqa: F401 - the service's own imports
import tests.vectorstore.writer  # noqa: F401 - what is killed a hundred times
from app.cli import COMMANDS, load
from vectorstore.errors import Unavailable
from vectorstore.models import encoder
from vectorstore.open import open_embedder

for entry in COMMANDS.values():
    load(entry.target)

# A fork takes no threads along, and OpenVINO works in some.
encoder.open_engine = lru_cache(maxsize=2)(partial(encoder.open_engine, name="onnxruntime"))
with suppress(Unavailable):  # where its weights are not installed, what needs them skips
    open_embedder("all-MiniLM-L6-v2", cache_dir=Path(os.environ["FOOTNOTE_CACHE_DIR"]))
