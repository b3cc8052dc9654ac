"""A small index of a few policies, made through the real pipeline, and a turn over it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from app.build import Parts, build
from app.settings import AnswerSettings
from ingest.run import Ingestion, Request
from ingest.settings import IngestSettings
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


@contextmanager
def small_handbook(folder: Path, **answers: Any) -> Iterator[Parts]:
    """Ingest the policies and put the parts together; `answers` are AnswerSettings."""
    stored = StoreSettings(data_dir=folder / "data")
    ingestion = Ingestion(IngestSettings(), stored)
    ingestion.carry_out(ingestion.plan(Request((write_documents(folder),))))
    parts = build(stored, AnswerSettings(**answers))
    try:
        yield parts
    finally:
        parts.close()
