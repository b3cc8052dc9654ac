"""What schemathesis sends beside what the OpenAPI document names: headers that must change no status."""

import random
from typing import Any

import schemathesis

from tests.app.hostile import HEADERS

_HARMLESS = ("Last-Event-ID", "X-Request-Id", "Range", "If-Range", "If-Modified-Since", "Cookie", "User-Agent", "Content-Encoding")  # fmt: skip


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: dict[str, Any]) -> None:
    """Add an odd header to every second request."""
    drawn = random.Random(f"{case.formatted_path}{case.query}")
    name = drawn.choice(_HARMLESS)
    value = drawn.choice(HEADERS[name]).strip()
    if drawn.random() < 0.5 and name not in (case.headers or {}) and not case.operation.path.endswith(".png"):
        case.headers[name] = value.encode("latin-1", "replace").decode("latin-1")
