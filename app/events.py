"""What a turn emits, and the values those events carry.

Order: Started, then Status, Sources, Text, SentenceChecked in any number and Explained at most once, then
Citations, FollowUps, Usage at most once each, then exactly one of Done, Failed, Cancelled. Every offset counts
Unicode code points.
"""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from vectorstore.types import ChunkId, Document, DocumentId, Generation, Span, Stage

Verdict: TypeAlias = Literal["supported", "partly", "unsupported"]
Outcome: TypeAlias = Literal["answered", "unsure", "refused"]
"""What came of a question. Refused: not in the documents. Small talk and a question back are answered, without a citation."""
FailureCode: TypeAlias = Literal[
    "model_unavailable",
    "model_timeout",
    "model_cut_off",
    "model_refused_key",
    "context_overflow",
    "bad_input",
    "not_found",
    "unavailable",
    "internal",
]


@dataclass(frozen=True, slots=True)
class Passage:
    """One or more neighbouring chunks as the reader sees them, numbered from 1 for citation.

    `text` is exactly the document's extracted text at `span`; `context` is the title and heading path that
    a model sees above it. `score` is the best of its chunks' scores.
    """

    number: int
    document: Document
    span: Span
    text: str
    chunks: tuple[ChunkId, ...]
    headings: tuple[str, ...] = ()
    context: str = ""
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class Citation:
    """A span of the answer tied to a span of a document.

    `marker` is where `[n]` stands in the answer, `claim` the sentence it stands for (both [start, end)).
    `quote` is the document's text at `evidence`, verbatim.
    """

    number: int
    marker: tuple[int, int]
    claim: tuple[int, int]
    document: Document
    evidence: Span
    quote: str
    support: float


@dataclass(frozen=True, slots=True)
class Started:
    """The turn has begun. `notice` tells the reader that a machine answers (EU AI Act, article 50)."""

    run: str
    conversation: str
    model: str
    created: float
    notice: str


@dataclass(frozen=True, slots=True)
class Status:
    """What is being done now."""

    stage: Literal["understanding", "retrieving", "writing", "checking"]
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Sources:
    """The passages the answer may cite, in number order. Where there are several such events, each adds to those before."""

    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class Timing:
    """How long one stage of the turn took."""

    stage: str
    ms: float


@dataclass(frozen=True, slots=True)
class Considered:
    """A chunk as found for the question, and what became of it.

    `passage` is the number of the passage that it stands in; where there is none, `dropped` says why.
    """

    rank: int
    chunk: ChunkId
    document: DocumentId
    title: str
    uri: str
    headings: tuple[str, ...]
    page: int | None
    score: float
    stages: tuple[Stage, ...]
    passage: int | None = None
    dropped: str = ""


@dataclass(frozen=True, slots=True)
class Explained:
    """Why the turn answers as it does; no dialect shows it, the run keeps it. A language model does not wait for it.

    `condensed` is the question as searched, `parts` what it was split into. `probability` is that the passages
    hold an answer: sure from `threshold` on, refused below `unsure_threshold`. `missing` are the question's words
    that none holds.
    """

    condensed: str
    generation: Generation
    probability: float
    threshold: float
    unsure_threshold: float
    candidates: tuple[Considered, ...] = ()
    parts: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    prompt_hash: str = ""
    timings: tuple[Timing, ...] = ()


@dataclass(frozen=True, slots=True)
class Text:
    """More of the answer. The answer is the concatenation of all deltas; `[n]` in it cites passage n."""

    delta: str


@dataclass(frozen=True, slots=True)
class SentenceChecked:
    """A sentence of the answer has closed and been held against the passages it cites."""

    start: int
    end: int
    verdict: Verdict
    support: float


@dataclass(frozen=True, slots=True)
class Citations:
    """Every marker of the finished answer, resolved, in order of appearance."""

    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class FollowUps:
    """Questions that the documents can answer next."""

    questions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that the model read and wrote (counted by us when the server does not say), and how long it took."""

    input_tokens: int
    output_tokens: int
    timings: tuple[Timing, ...] = ()


@dataclass(frozen=True, slots=True)
class Done:
    """The answer is complete."""

    reason: Literal["stop", "length", "content_filter"] = "stop"
    outcome: Outcome = "answered"
    instead: bool = field(default=False, compare=False)
    """Whether the documents were quoted because the language model failed, or wrote nothing that they support."""

    @property
    def refused(self) -> bool:
        """Whether the documents do not hold the answer."""
        return self.outcome == "refused"


@dataclass(frozen=True, slots=True)
class Failed:
    """The turn broke; what was written so far stands. `message` is fit for the reader.

    `retry_after` is in seconds, where the language model asked for a pause.
    """

    code: FailureCode
    message: str
    retryable: bool = True
    retry_after: int | None = None


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Someone stopped the turn; what was written so far stands."""

    reason: Literal["user", "disconnect", "shutdown"]


Terminal: TypeAlias = Done | Failed | Cancelled
Event: TypeAlias = (
    Started | Status | Sources | Explained | Text | SentenceChecked | Citations | FollowUps | Usage | Terminal
)
