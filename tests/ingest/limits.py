"""What one file may cost in tests: as set by default, but for what is given."""

from dataclasses import replace
from typing import Any

from ingest.extract import Limits
from ingest.settings import IngestSettings


def limits(**given: Any) -> Limits:
    return replace(IngestSettings().limits(), **given)
