"""What calls an operator, and from where on: the recording rules and alerts that `deploy.make` writes.

Beside each threshold stands why it is what it is. Three things hold for all of them. A share alarms only above a floor
of events, so that one failure of two is none. Counts are summed over replicas (`sum by (job)`), and what replicas share
is taken once (`max by (job)`). A counter that is not there yet is no alarm, and one that began anew is none either
(`increase`).
"""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from vectorstore.telemetry import names
from vectorstore.telemetry.names import Metric

Severity: TypeAlias = Literal["page", "ticket"]
"""A page wakes somebody: people get no answers now, or soon will not. A ticket is for the next working day."""

JOBS: Final = 'job=~"footnote.*"'
"""Prometheus' jobs that scrape Footnote, as prometheus.yml names them."""


@dataclass(frozen=True, slots=True)
class Record:
    """A recording rule."""

    name: str
    expression: str


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert: what it asks, how long that must hold, whom it calls, and what it says."""

    name: str
    expression: str
    holds: str
    severity: Severity
    summary: str
    description: str


def of(metric: Metric, matchers: str = "", ending: str = "") -> str:
    """Return the selector of a metric; `ending` is a histogram's `_bucket`, `_sum` or `_count`."""
    name = metric.name + ending if ending else metric.series
    return f"{name}{{{matchers}}}" if matchers else name


def where(**labels: str) -> str:
    """Return the matchers of labels with these values."""
    return ",".join(f'{label}="{value}"' for label, value in labels.items())


def _count(selector: str, window: str, by: str = "job") -> str:
    return f"sum by ({by}) (increase({selector}[{window}]))"


def _share(bad: str, every: str, *, window: str, above: float, floor: int) -> str:
    """Return where more than a share of what happened in the window was bad, and it was bad `floor` times at least."""
    share = f"{_count(bad, window)} / {_count(every, window)} > {above}"
    return f"({share} and {_count(bad, window)} >= {floor})"


ANSWERS: Final = of(names.RUNS, 'outcome=~"answered|unsure|refused"')
SENTENCES: Final = of(names.SENTENCES)
FAILED: Final = of(names.RUNS, where(outcome="failed"))
_TODO: Final = where(state="todo")
_ASKED: Final = 'route!~"GET /(healthz|readyz|metrics)"'
"""Requests but for probes, which come every few seconds whoever asks, and say no at every start."""
ENDED: Final = of(names.RUNS, 'outcome!="cancelled"')


def _past(what: str, bad: str, every: str, kind: str) -> list[Record]:
    """Return the rules that hold the last hour's share of `bad` against that of the week before.

    `deviations` is the statistic of the test of two proportions with a pooled variance: the difference of the shares
    in standard deviations that chance gives it.
    """
    many, few = f"job:footnote_{kind}", f"job:footnote_{what}"
    pooled = (
        f"({few}:increase1h + {few}:increase7d) / ({many}:increase1h + {many}:increase7d)"  # of both together
    )
    return [
        Record(f"{many}:increase1h", _count(every, "1h")),
        Record(f"{many}:increase7d", f"sum by (job) (increase({every}[7d] offset 1h))"),
        Record(f"{few}:increase1h", f"{_count(bad, '1h')} or {many}:increase1h * 0"),
        Record(f"{few}:increase7d", f"sum by (job) (increase({bad}[7d] offset 1h)) or {many}:increase7d * 0"),
        Record(
            f"{few}:rise1h",
            f"{few}:increase1h / {many}:increase1h - {few}:increase7d / {many}:increase7d",
        ),
        Record(
            f"{few}:deviations1h",
            f"{few}:rise1h / sqrt({pooled} * (1 - {pooled}) * (1 / {many}:increase1h + 1 / {many}:increase7d))",
        ),
    ]


def _rose(what: str, kind: str, *, floor: int, before: int) -> str:
    """Return where a share rose: by a tenth of all, and by more than chance gives it.

    A tenth is what people notice: one question more in ten. Four standard deviations are, were questions independent,
    3 hours in 100,000; they are not, and where they come four alike at a time it is still 2 hours in 100. The floors
    are where the test's normal approximation begins to hold for shares from a tenth on.
    """
    many, few = f"job:footnote_{kind}", f"job:footnote_{what}"
    return (
        f"{few}:rise1h > 0.1 and {few}:deviations1h > 4"
        f" and {many}:increase1h >= {floor} and {many}:increase7d >= {before}"
    )


def _slow(window: str, seconds: str) -> str:
    """Return how many answers began later than that; a bound is written `8` or `8.0`."""
    soon = of(names.FIRST_TEXT, f'le=~"{seconds}([.]0)?"', "_bucket")
    return f"({_count(of(names.FIRST_TEXT), window)} - {_count(soon, window)})"


def _free() -> str:
    return f"{of(names.DISK_FREE)} / {of(names.DISK_SIZE)}"


def _shared(metric: Metric, matchers: str = "", window: str = "") -> str:
    """Return what replicas share: each tells the same, and one that has not read it yet tells less."""
    if not window:
        return f"max by (job) ({of(metric, matchers)})"
    over, _, offset = window.partition(" ")
    return f"max by (job) (max_over_time({of(metric, matchers)}[{over}]{' ' + offset if offset else ''}))"


_ANSWERS: Final = f"max by (job) ({of(names.RUNS_LIMIT)}) > 0"
"""Jobs of processes that answer questions; a worker's never is ready for one."""

SERVICE: Final = (
    Alert(
        "FootnoteDown",
        f"sum by (job) (up{{{JOBS}}}) == 0 or absent(up{{{JOBS}}})",
        # Longer than a restart, shorter than people's patience.
        "2m",
        "page",
        "No process of {{ $labels.job }} can be scraped",
        "No process answers at /metrics, or none is scraped under this job's name.",
    ),
    Alert(
        "FootnoteNotReady",
        f"max by (job) ({of(names.READY)}) == 0 and {_ANSWERS}",
        # The first start reads the index and compiles the embedder's graphs, which takes minutes on a small machine.
        "5m",
        "page",
        "{{ $labels.job }} runs, but can answer no question",
        "/readyz says no on every replica; its text says why.",
    ),
    Alert(
        "FootnoteReplicaOut",
        f"up{{{JOBS}}} == 0 or ({of(names.READY)} == 0 and {of(names.RUNS_LIMIT)} > 0)",
        # A rollout or a new search index is over by then; the other replicas answer meanwhile.
        "15m",
        "ticket",
        "{{ $labels.instance }} is down or not ready",
        "Where there are other replicas, they carry its share.",
    ),
    Alert(
        "FootnoteAnswersFail",
        # One answer in ten is more than a model server's passing errors, which are tried again anyway. Where little is
        # asked, three failures are what can be had, and they must be most of it.
        _share(FAILED, ENDED, window="10m", above=0.1, floor=5)
        + " or "
        + _share(FAILED, ENDED, window="1h", above=0.5, floor=3),
        "1m",
        "page",
        "{{ $value | humanizePercentage }} of the answers fail",
        "Most often the language model's server is down, refuses its key or is overloaded; the codes say which.",
    ),
    Alert(
        "FootnoteModelFails",
        # The same tenth. Documents are quoted instead where that is set, so that nobody is without an answer.
        _share(of(names.MODEL_FAILURES), ENDED, window="10m", above=0.1, floor=5),
        "5m",
        "ticket",
        "The language model fails {{ $value | humanize }} times for each answer",
        "Answers fail, or are quotes where FOOTNOTE_LLM_FALLBACK is set; the codes say why.",
    ),
    Alert(
        "FootnoteServerErrors",
        # Twenty in a row would be seen by anybody; below a twentieth it is a client's retry.
        _share(
            of(names.REQUESTS, f'status="5xx",{_ASKED}'),
            of(names.REQUESTS, _ASKED),
            window="10m",
            above=0.05,
            floor=10,
        ),
        "1m",
        "page",
        "{{ $value | humanizePercentage }} of the requests end in a server's error",
        "Database, disk or a full queue; the log has the request's line.",
    ),
    Alert(
        "FootnoteFirstTextSlow",
        # People's attention is lost after about ten seconds (J. Nielsen, Usability Engineering, 1993, chapter 5); eight
        # is the histogram's bound below that.
        f"{_slow('30m', '8')} / {_count(of(names.FIRST_TEXT), '30m')} > 0.1 and {_slow('30m', '8')} >= 5",
        "5m",
        "ticket",
        "{{ $value | humanizePercentage }} of the answers begin later than after eight seconds",
        "The stages say whether it is the search, the language model or the queue.",
    ),
    Alert(
        "FootnoteAnswersWait",
        # By Little's law, those who wait through the places are the wait in units of an answer's own time: from a
        # quarter on the queue is felt. The average forgives a burst.
        f"sum by (job) (avg_over_time({of(names.RUNS_WAITING)}[5m])) / sum by (job) ({of(names.RUNS_LIMIT)}) > 0.25",
        "5m",
        "ticket",
        "Answers wait for a place, a queue of {{ $value | humanizePercentage }} of the places",
        "All places are taken: more replicas, a faster model, or FOOTNOTE_MAX_CONCURRENT_RUNS.",
    ),
    Alert(
        "FootnoteWrongKeys",
        # A forgotten client with an old key asks some times an hour; five a minute is a script.
        f"{_count(of(names.WRONG_KEYS), '10m')} >= 50",
        "0s",
        "ticket",
        "{{ $value | humanize }} wrong keys or tokens within ten minutes",
        "Somebody tries keys, or a client goes on with one that was revoked; the log has a line for each.",
    ),
    Alert(
        "FootnoteBudgetsUsedUp",
        # A budget that refuses one request in twenty keeps people from working, not scripts from flooding.
        f"{_count(of(names.BUDGET_REFUSALS), '1h', 'job, budget')}"
        f" / on (job) group_left () {_count(of(names.REQUESTS, _ASKED), '1h')} > 0.05"
        f" and {_count(of(names.BUDGET_REFUSALS), '1h', 'job, budget')} >= 20",
        "0s",
        "ticket",
        "{{ $value | humanizePercentage }} of the requests are refused, budget: {{ $labels.budget }}",
        "One caller asks far more than meant, or the budget is too small.",
    ),
    Alert(
        "FootnoteOverloaded",
        f"min_over_time({of(names.LOOP_LAG)}[10m]) > 1",
        # Every stream of the process stutters by that; a second is where reading along stops.
        "0s",
        "ticket",
        "{{ $labels.instance }} comes to everything {{ $value | humanizeDuration }} late",
        "The machine has no processor to spare, or something holds the event loop.",
    ),
    Alert(
        "FootnoteFilesOpen",
        f"process_open_fds{{{JOBS}}} / process_max_fds{{{JOBS}}} > 0.8",
        # Each stream is an open file; at the limit no connection is taken any more.
        "10m",
        "ticket",
        "{{ $labels.instance }} has {{ $value | humanizePercentage }} of the files open that it may",
        "Raise the limit of open files (LimitNOFILE), or look for clients that leave connections open.",
    ),
)

QUALITY_RECORDS: Final = (
    *_past("refusals", of(names.RUNS, where(outcome="refused")), ANSWERS, "answers"),
    *_past("unsupported", of(names.SENTENCES, 'verdict!="supported"'), SENTENCES, "sentences"),
)

QUALITY: Final = (
    Alert(
        "FootnoteRefusalsUp",
        _rose("refusals", "answers", floor=30, before=200),
        "10m",
        "ticket",
        "Refusals rose by {{ $value | humanizePercentage }} of all questions against the week before",
        "Documents are gone or closed, the search index is damaged, or people ask about something new.",
    ),
    Alert(
        "FootnoteUnsupportedUp",
        # Sentences come several to an answer and stand or fall together: more of them for the same certainty.
        _rose("unsupported", "sentences", floor=100, before=600),
        "10m",
        "ticket",
        "Sentences without support rose by {{ $value | humanizePercentage }} of all against the week before",
        "The language model or its prompt changed, or a variant writes what the passages do not say.",
    ),
    Alert(
        "FootnoteQuestionsChanged",
        f"max by (job, kind) ({of(names.DRIFTED)}) > 0",
        "0s",
        "ticket",
        "The last monitoring found: {{ $labels.kind }}",
        "`footnote monitor` shows what it found.",
    ),
    Alert(
        "FootnoteMonitoringStopped",
        # Where it was ever run. It is meant to be run each week, and two weeks were missed.
        f"time() - ({_shared(names.MONITORED)} != 0) > 15 * 86400",
        "1h",
        "ticket",
        "Questions were last monitored {{ $value | humanizeDuration }} ago",
        "The schedule that runs `footnote monitor` has stopped, or fails.",
    ),
)

UPKEEP: Final = (
    Alert(
        "FootnoteDocumentsWait",
        # Half an hour, and no fewer than half an hour ago: a large first ingest goes on and is no trouble.
        f"{_shared(names.JOB_AGE)} > 1800 and "
        f"{_shared(names.JOBS, _TODO)} >= max by (job) ({of(names.JOBS, _TODO)} offset 30m)",
        "5m",
        "ticket",
        "The oldest document in the queue has waited {{ $value | humanizeDuration }}, and the queue gets no shorter",
        "No `footnote worker` runs, or too few, or one document holds all up.",
    ),
    Alert(
        "FootnoteIngestFails",
        # One broken file is somebody's broken file. Three at a time are a cause: a password, a parser, a converter, a
        # full disk. A twentieth of all documents is a gap that answers show.
        f"{_shared(names.INGEST_FAILURES)} - {_shared(names.INGEST_FAILURES, window='1h offset 1h')} >= 3"
        f" or ({_shared(names.INGEST_FAILURES)} >= 3 and {_shared(names.INGEST_FAILURES)}"
        f" > 0.05 * ({_shared(names.INGEST_FAILURES)} + {_shared(names.DOCUMENTS)}))",
        "1m",
        "ticket",
        "Documents cannot be taken in",
        "`footnote docs findings` says which and why.",
    ),
    Alert(
        "FootnoteIndexBehind",
        # A replica follows within seconds, a large commit within minutes.
        f"min_over_time({of(names.BEHIND)}[15m]) > 0",
        "0s",
        "ticket",
        "{{ $labels.instance }} answers from {{ $value }} generations ago, and has for a quarter of an hour",
        "It cannot keep up or cannot read what was committed; what is new is not found there.",
    ),
    Alert(
        "FootnoteDiskFull",
        # A commit writes what it changes beside what is there; below a twentieth the next one may not fit.
        f"{_free()} < 0.05",
        "2m",
        "page",
        "{{ $value | humanizePercentage }} of the disk are left where {{ $labels.instance }} keeps its data",
        "Nothing is lost when it is full, but nothing is taken in and nothing is written down.",
    ),
    Alert(
        "FootnoteDiskFilling",
        # A new search index lies beside the old one until it is complete, and so does each table that is written anew.
        # A day ahead is a working day to do something; while more than two fifths are free, what grows is an ingest.
        f"{_free()} < 0.15 or (predict_linear({of(names.DISK_FREE)}[6h], 86400) < 0 and {_free()} < 0.4)",
        "30m",
        "ticket",
        "The disk of {{ $labels.instance }} is nearly full, or will be within a day",
        "Make room or a larger disk before the next large ingest.",
    ),
    Alert(
        "FootnoteFiguresOld",
        f"time() - ({of(names.KNOWN)} != 0) > 600",
        # They are looked at every few seconds; the other alerts of this group rest on them.
        "1m",
        "ticket",
        "{{ $labels.instance }} last read index and queue {{ $value | humanizeDuration }} ago",
        "What it tells of documents, queue, backups and monitoring is as old; most often the database is away.",
    ),
    Alert(
        "FootnoteAuditUnwritten",
        f"max by (job, instance) ({of(names.AUDIT_TROUBLE)}) > 0",
        # While it cannot be written nothing is answered, so this is an outage.
        "1m",
        "page",
        "{{ $labels.instance }} cannot write the audit log",
        "Requests are refused until it can; the log says what the disk or the database says.",
    ),
    Alert(
        "FootnoteBackupOld",
        # Twice a daily backup's distance: one may fail and be caught up. A new installation has two days to make one.
        f"(time() - ({_shared(names.BACKUP)} != 0) > 2 * 86400 or {_shared(names.BACKUP)} == 0)"
        f" and {_shared(names.DOCUMENTS, window='1h offset 2d')} > 0",
        "1h",
        "ticket",
        "{{ if eq $value 0.0 }}There has never been a backup"
        "{{ else }}The last backup is {{ $value | humanizeDuration }} old{{ end }}",
        "The schedule that runs `footnote backup` is not set, has stopped, or fails.",
    ),
)

ALERTS: Final = (*SERVICE, *QUALITY, *UPKEEP)
