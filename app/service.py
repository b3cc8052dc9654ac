"""What the service is put together from: plain values and callables, so that a test passes fakes in a few lines."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from app.audit.audit import Audit
from app.identity.identity import Identity
from app.people.people import People
from app.question import Question
from app.runs.records import Records
from app.runs.runs import OnEnd, TurnFunction
from app.settings import Settings
from app.turn.retrieve import Found
from app.variants.serving import Variants
from ingest.confined.page_pictures import PagePictures
from ingest.uploads import Uploads
from vectorstore.models.embed import Embedder
from vectorstore.store import Store
from vectorstore.types import Scope


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
class Service:
    """Everything behind the routes."""

    turn: TurnFunction
    search: Search
    store: Store
    identity: Identity
    health: Callable[[], Health]
    version: str
    model_name: str
    """What clients call this service in `model`."""
    settings: Settings
    forget_answers: Callable[[], None] = lambda: None
    """Leaves nothing of the answers that are kept to be given again."""
    starters: Callable[[Scope], Sequence[str]] = lambda scope: ()
    """Questions to begin with, for who may read that much; called in a thread."""
    on_end: OnEnd | None = None
    embedder: Embedder | None = None
    on_close: Callable[[], Awaitable[None]] | None = None
    """Called when the service ends, in its event loop."""
    records: Records | None = None
    people: People | None = None
    """What erases records, exports and holds them; None: the service keeps none."""
    pictures: PagePictures | None = None
    """Pages of PDFs as they look, for the viewer."""
    variants: Variants | None = None
    """Chooses who is answered by which variant; None: everybody as the settings say."""
    audit: Audit | None = None
    """Where it is written down who asked, read and changed what; None: nowhere."""
    stock: Callable[[], None] | None = None
    """Looks at what is kept, and sets the gauges that tell of it; may take long."""
    uploads: Uploads | None = None
    """Takes documents in and out; None: the service only reads."""

    @property
    def written_by(self) -> str:
        """What writes by the settings, and by what was promoted since."""
        return self.variants.base.turn.written_by if self.variants else self.model_name
