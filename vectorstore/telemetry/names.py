"""Every metric by name: the one list that the service, the dashboards and the alerts of `deploy/` are made from.

Names and units follow Prometheus' conventions (https://prometheus.io/docs/practices/naming/). Every label has a
bounded set of values: never a caller, a document, a question, an address.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Kind: TypeAlias = Literal["counter", "gauge", "histogram"]

_WAIT: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 60.0, 120.0)
_STAGE: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0)
_SHARE: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)

VALUES: Final[Mapping[str, tuple[str, ...]]] = {
    "status": ("2xx", "3xx", "4xx", "5xx"),
    "area": ("answer", "search", "documents", "other"),
    "door": ("key", "token", "provider", "proxy", "link"),
    "budget": ("requests", "address", "tokens", "answers", "searches"),
    "outcome": ("answered", "unsure", "refused", "failed", "cancelled"),
    "stage": ("understanding", "retrieving", "packing", "deciding", "writing", "cached"),
    "verdict": ("supported", "unsupported"),
    "rating": ("up", "down"),
    "code": (
        "model_unavailable", "model_timeout", "model_cut_off", "model_refused_key", "context_overflow", "bad_input",
        "not_found", "unavailable", "internal",
    ),
    "direction": ("input", "output"),
    "state": ("todo", "doing", "failed"),
    "kind": ("drift", "topics", "shares", "groups"),
    "cache": ("answer", "embedding"),
    "result": ("hit", "miss"),
}  # fmt: skip
"""What a label may say, where that is known beforehand; anything else counts as `other`."""
OPEN: Final[Mapping[str, int]] = {"route": 44, "variant": 3, "version": 1}
"""How many values of the other labels are told apart, the first that come; those beyond count as `other`."""
OTHER: Final = "other"
SETTINGS: Final = "settings"
"""The variant that the settings describe."""
FIRST: Final[Mapping[str, tuple[str, ...]]] = {"variant": (SETTINGS,)}
"""What an open label says in any case."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: its name without Prometheus' endings, what it counts, its labels, a histogram's bounds."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def series(self) -> str:
        """The name as it is asked for in PromQL, of a histogram its count's."""
        return self.name + {"counter": "_total", "gauge": "", "histogram": "_count"}[self.kind]


def _counter(name: str, said: str, *labels: str) -> Metric:
    return Metric(name, "counter", said, labels)


def _gauge(name: str, said: str, *labels: str) -> Metric:
    return Metric(name, "gauge", said, labels)


def _histogram(name: str, said: str, buckets: tuple[float, ...], *labels: str) -> Metric:
    return Metric(name, "histogram", said, labels, buckets)


REQUESTS: Final = _counter("footnote_requests", "Requests by route and class of status.", "route", "status")
REQUEST_SECONDS: Final = _histogram(
    "footnote_request_seconds", "Time until a request's response began.", _STAGE, "area"
)
WRONG_KEYS: Final = _counter(
    "footnote_wrong_keys", "Requests that showed a key, token, header or link that lets nobody in.", "door"
)
BUDGET_REFUSALS: Final = _counter(
    "footnote_budget_refusals", "Requests refused with 429, by what was used up.", "budget"
)

RUNS: Final = _counter("footnote_runs", "Answers by how they ended and by variant.", "outcome", "variant")
RUN_FAILURES: Final = _counter("footnote_run_failures", "Answers that failed, by code.", "code")
FIRST_TEXT: Final = _histogram(
    "footnote_first_text_seconds", "Time from a question to the first word of its answer.", _WAIT
)
RUN_SECONDS: Final = _histogram(
    "footnote_run_seconds", "Time from a question to the end of its answer.", _WAIT
)
STAGE_SECONDS: Final = _histogram(
    "footnote_stage_seconds", "Time that a stage of a turn took.", _STAGE, "stage"
)
RUNS_ACTIVE: Final = _gauge("footnote_runs_active", "Answers being written or waiting.")
RUNS_WAITING: Final = _gauge("footnote_runs_waiting", "Answers that wait for a place.")
RUNS_LIMIT: Final = _gauge("footnote_runs_limit", "Answers that are written at the same time at most.")

BEST_SCORE: Final = _histogram(
    "footnote_retrieval_best_score", "The best passage's score for a question.", _SHARE
)
EMPTY: Final = _counter("footnote_retrieval_empty", "Questions for which nothing was found.")
CONFIDENCE: Final = _histogram(
    "footnote_answer_confidence", "How likely the passages hold the answer.", _SHARE
)
SENTENCES: Final = _counter(
    "footnote_sentences", "Sentences held against the passages, by verdict.", "verdict"
)
RATINGS: Final = _counter("footnote_ratings", "Ratings that people gave.", "rating", "variant")

MODEL_FAILURES: Final = _counter(
    "footnote_model_failures",
    "Attempts of the language model to write that failed, by code, those too that documents were quoted instead of.",
    "code",
)
MODEL_TOKENS: Final = _counter(
    "footnote_model_tokens", "Tokens that the language model read and wrote.", "direction"
)
MODEL_COST: Final = _counter(
    "footnote_model_cost", "Cost of those tokens by the prices that are set, in their currency."
)

READY: Final = _gauge("footnote_ready", "Whether questions can be answered now.")
GENERATION: Final = _gauge("footnote_index_generation", "The index generation that is searched.")
BEHIND: Final = _gauge("footnote_index_behind", "Generations that the search index is behind the newest.")
DOCUMENTS: Final = _gauge("footnote_documents", "Documents in the index.")
CHUNKS: Final = _gauge("footnote_chunks", "Chunks in the index.")
CHANGED: Final = _gauge(
    "footnote_index_changed_timestamp_seconds", "When a document was last taken in or out; 0: never."
)
INGEST_FAILURES: Final = _gauge(
    "footnote_ingest_failures", "Documents that could not be taken in, and still cannot."
)
JOBS: Final = _gauge("footnote_jobs", "Documents in the queue that wait, are being read, or failed.", "state")
JOB_AGE: Final = _gauge(
    "footnote_oldest_job_seconds", "How long the oldest document in the queue has waited."
)

CACHE: Final = _counter(
    "footnote_cache_requests", "What was looked for in a cache, and whether it was there.", "cache", "result"
)

AUDIT_TROUBLE: Final = _gauge("footnote_audit_trouble", "Whether the audit log cannot be written.")
DISK_FREE: Final = _gauge("footnote_data_free_bytes", "Space left where the data folder lies.")
DISK_SIZE: Final = _gauge("footnote_data_size_bytes", "Size of the disk where the data folder lies.")
BACKUP: Final = _gauge("footnote_backup_timestamp_seconds", "When the last backup was complete; 0: never.")

DRIFT: Final = _gauge(
    "footnote_monitor_drift_pvalue", "The last monitoring's chance that questions are as they were."
)
DRIFTED: Final = _gauge("footnote_monitor_alarms", "Findings of the last monitoring, by kind.", "kind")
MONITORED: Final = _gauge(
    "footnote_monitor_timestamp_seconds", "When questions were last monitored; 0: never."
)

LOOP_LAG: Final = _gauge(
    "footnote_event_loop_lag_seconds", "By how much the event loop was late at most in the last 15 s."
)
KNOWN: Final = _gauge(
    "footnote_known_timestamp_seconds", "When index, queue and disk were last looked at for these figures."
)
BUILD: Final = _gauge("footnote_build_info", "1, with the version that runs.", "version")

METRICS: Final = tuple(each for each in list(globals().values()) if isinstance(each, Metric))
"""All of them, in the order above."""
PROCESS: Final = (
    "process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds", "process_max_fds",
    "process_start_time_seconds",
)  # fmt: skip
"""What the client library tells of the process itself."""
