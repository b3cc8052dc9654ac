"""What the service is put together from: plain values and callables, so that a test passes fakes in a few lines."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from app.keys import Keys
from app.question import Question
from app.runs.records import Records
from app.runs.runs import OnEnd, TurnFunction
from app.turn.retrieve import Found
from ingest.confined.page_pictures import PagePictures
from ingest.uploads import Uploads
from vectorstore.models.embed import Embedder
from vectorstore.store import Store


class Search(Protocol):
    """The search of the turn, for itself."""

    def __call__(self, question: Question, *, trail: bool = False, expect: str = "") -> Awaitable[Found]:
        """Search; with `trail` keep what was passed over, and tell the fate of the document named `expect`."""


@dataclass(frozen=True, slots=True)
class Health:
    """Whether questions can be answered now; `detail` says what is missing."""

    ready: bool
    generation: int = 0
    documents: int = 0
    chunks: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """What the routes need to know. Times in seconds, sizes in bytes or characters as named.

    `base_url` is the address that links in citations start with; empty: the request's own.
    """

    base_url: str = ""
    request_seconds: float = 30.0
    cors_origins: tuple[str, ...] = ()
    max_body_bytes: int = 4_000_000
    max_upload_bytes: int = 100_000_000
    max_question_chars: int = 8_000
    inline_sources: Literal["off", "auto", "on"] = "off"
    openwebui_events: bool = False
    mcp: bool = False
    heartbeat_seconds: float = 10.0
    send_timeout_seconds: float = 30.0
    drain_seconds: float = 20.0
    link_seconds: float = 86_400.0
    max_concurrent_runs: int = 64
    max_queued_runs: int = 256
    max_caller_runs: int = 160
    max_caller_searches: int = 16
    grace_seconds: float = 15.0
    top_k: int = 6
    static_dir: Path | None = None
    records_days: int = 0
    """How long answers are kept in the records; 0: until they are deleted."""
    runs_url: str = ""
    """Where runs are shared between replicas (redis://…); empty: kept in this process."""


@dataclass(frozen=True, slots=True)
class Service:
    """Everything behind the routes."""

    turn: TurnFunction
    search: Search
    store: Store
    keys: Keys
    health: Callable[[], Health]
    version: str
    model_name: str
    """What clients call this service in `model`."""
    settings: ServiceSettings = ServiceSettings()
    on_end: OnEnd | None = None
    embedder: Embedder | None = None
    on_close: Callable[[], Awaitable[None]] | None = None
    """Called when the service ends, in its event loop."""
    records: Records | None = None
    written_by: str = ""
    """The answerer behind it, for `/version`."""
    pictures: PagePictures | None = None
    """Pages of PDFs as they look, for the viewer."""
    uploads: Uploads | None = None
    """Takes documents in and out; None: the service only reads."""
