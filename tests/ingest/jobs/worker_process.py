"""`footnote worker` with a small embedder, which takes long for SLOW and dies with its process of POISON."""

import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ingest.jobs.open import required_desk
from ingest.jobs.settings import QueueSettings
from ingest.jobs.worker import Worker
from ingest.settings import IngestSettings
from tests.fakes.word_embedder import WordEmbedder
from vectorstore.open import open_store
from vectorstore.settings import StoreSettings
from vectorstore.telemetry import traces
from vectorstore.telemetry.settings import TelemetrySettings
from vectorstore.types import Vectors


class DeadlyEmbedder(WordEmbedder):
    """Dies as a process does that runs out of memory."""

    def embed_documents(
        self, texts: Sequence[str], *, on_batch: Callable[[int], None] | None = None
    ) -> Vectors:
        if any("POISON" in text for text in texts):
            os.kill(os.getpid(), signal.SIGKILL)
        if any("SLOW" in text for text in texts):
            time.sleep(4)
        return super().embed_documents(texts, on_batch=on_batch)


def main() -> None:
    stored = StoreSettings()
    traces.start(TelemetrySettings())
    embedder = DeadlyEmbedder()
    worker = Worker(
        required_desk(stored),
        open_store(stored, embedder),
        embedder,
        settings=IngestSettings(ingest_jobs=1, chunk_tokens=32),
        queue_settings=QueueSettings(),
        data_dir=Path(stored.data_dir),
    )
    signal.signal(signal.SIGTERM, lambda *_: worker.stop())
    worker.run()
    traces.stop()


if __name__ == "__main__":
    main()
