"""A small index of a few policies, made through the real pipeline, and a turn over it."""

import atexit
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from app.build import Parts, build, build_service
from app.http.application import create_app
from app.settings import AnswerSettings, CacheSettings, ModelSettings, Settings
from ingest.run import Ingestion, Request
from ingest.sample import HANDBOOK
from ingest.settings import IngestSettings
from tests.fakes.scripted_model import serving
from vectorstore.settings import StoreSettings

DOCUMENTS = {
    "leave.md": (
        "---\ntitle: Annual leave policy\ndate: 2026-03-01\n---\n# Annual leave policy\n\n"
        "## Entitlement\n\nFull-time staff get 25 days of annual leave a year. Interns get 12 days.\n\n"
        "## Carry-over\n\nUp to 5 days may be carried into the next year. They expire on 31 March.\n"
    ),
    "expenses.md": (
        "# Expenses policy\n\nMeals on business travel are refunded up to EUR 40 a day. "
        "Receipts are handed in within 30 days.\n\nTaxis need the approval of a manager.\n"
    ),
    "gateway.txt": "Tarn G5 gateway\n\nError E-217 means that the clock is not set. Connect the gateway to a time server.\n",
}


def write_documents(folder: Path) -> Path:
    """Write the policies into `folder/docs` and return it."""
    docs = folder / "docs"
    docs.mkdir()
    for name, text in DOCUMENTS.items():
        (docs / name).write_text(text, encoding="utf-8")
    return docs


@cache
def _ingested() -> Path:
    """Ingest the policies once for all tests of a process."""
    folder = Path(tempfile.mkdtemp(prefix="footnote-handbook-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    ingestion = Ingestion(IngestSettings(), StoreSettings(data_dir=folder / "data"))
    ingestion.carry_out(ingestion.plan(Request((write_documents(folder),))))
    return folder


@contextmanager
def small_handbook(folder: Path, **answers: Any) -> Iterator[Parts]:
    """Put the parts together over the policies, ingested; `answers` are AnswerSettings and ModelSettings."""
    stored = StoreSettings(data_dir=folder / "data")
    write_documents(folder)
    made = _ingested()
    shutil.copytree(made / "data", folder / "data", dirs_exist_ok=True)
    kept = folder / "data" / "ingest.json"
    kept.write_text(kept.read_text(encoding="utf-8").replace(str(made), str(folder)), encoding="utf-8")
    parts = build(Settings(store=stored, answer=AnswerSettings(**answers), model=ModelSettings(**answers)))
    try:
        yield parts
    finally:
        parts.close()


@contextmanager
def serving_sample(folder: Path, *files: str) -> Iterator[tuple[str, Any]]:
    """Serve the sample handbook, or those files of it, every answer written anew; yield the address and the application."""
    stored = StoreSettings(data_dir=folder / "data")
    ingestion = Ingestion(IngestSettings(), stored)
    ingestion.carry_out(ingestion.plan(Request(tuple(HANDBOOK / file for file in files) or (HANDBOOK,))))
    settings = Settings(store=stored, cache=CacheSettings(cache_answers="off"))
    parts = build(settings)
    service = build_service(parts, settings)
    application = create_app(service)
    try:
        with serving(application) as home:
            yield home, application
    finally:
        parts.close()
