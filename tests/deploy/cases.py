"""For each alert what makes it fire and what must not: time series, `every` apart, and what fires at the end.

A series is written as promtool reads it: `0+5x60` begins at 0 and grows by 5 sixty times, `7x60` stays, `_` is missing.
"""

from collections.abc import Mapping
from dataclasses import dataclass

UP = {"up": "1x240", "footnote_ready": "1x240", "footnote_runs_limit": "64x240"}
DAY = 86_400
LONG = {"up": "1x300", "footnote_ready": "1x300", "footnote_documents": "50x300"}


@dataclass(frozen=True)
class Case:
    """`every` is how often series have a sample and rules are asked; `minutes` is how long it goes on.

    The cases are jobs of one Prometheus, beside each other, unless `alone`.
    """

    said: str
    series: Mapping[str, str]
    fires: tuple[str, ...] = ()
    minutes: int = 60
    every: str = "1m"
    alone: bool = False


def runs(outcome: str, instance: str = "a") -> str:
    return f'footnote_runs_total{{outcome="{outcome}",variant="settings",instance="{instance}"}}'


def sentences(verdict: str) -> str:
    return f'footnote_sentences_total{{verdict="{verdict}"}}'


def first(bound: str) -> str:
    return f'footnote_first_text_seconds_bucket{{le="{bound}"}}'


def two(metric: str, one: str, other: str) -> dict[str, str]:
    return {f'{metric}{{instance="a"}}': one, f'{metric}{{instance="b"}}': other}


FREE, SIZE = "footnote_data_free_bytes", "footnote_data_size_bytes"
TODO = 'footnote_jobs{state="todo"}'
REQUESTS = "footnote_requests_total"

CASES = (
    Case("all is quiet", UP),
    # FootnoteDown, FootnoteReplicaOut
    Case("the only process is gone for four minutes", {"up": "1x55 0x5"}, ("FootnoteDown",)),
    Case("nothing is scraped at all", {"up": "1x30 _x30"}, ("FootnoteDown",), alone=True),
    Case("one of two is gone for four minutes", two("up", "1x60", "1x55 0x5")),
    Case("one of two is gone for twenty minutes", two("up", "1x60", "1x40 0x20"), ("FootnoteReplicaOut",)),
    Case("a restart of a minute", {"up": "1x58 0x1 1x1"}),
    # FootnoteNotReady
    Case("no replica is ready", {"up": "1x60", **two("footnote_runs_limit", "64x60", "64x60"), **two("footnote_ready", "1x50 0x10", "1x50 0x10")}, ("FootnoteNotReady",)),
    Case("one of two is not ready for ten minutes", {"up": "1x60", **two("footnote_runs_limit", "64x60", "64x60"), **two("footnote_ready", "1x60", "1x50 0x10")}),
    Case("one of two is not ready for twenty minutes", {"up": "1x60", **two("footnote_runs_limit", "64x60", "64x60"), **two("footnote_ready", "1x60", "1x40 0x20")},
         ("FootnoteReplicaOut",)),
    Case("the index is read for three minutes after a start", {"up": "1x60", "footnote_ready": "0x3 1x57"}, minutes=3),
    Case("a worker answers no questions", {"up": "1x60", "footnote_ready": "0x60", "footnote_runs_limit": "0x60"}),
    # FootnoteAnswersFail
    Case("the model is down", {**UP, runs("answered"): "0+10x50 500x10", runs("failed"): "0x50 1+3x10"}, ("FootnoteAnswersFail",)),
    Case("one of two fails", {**UP, runs("answered"): "0x58 1x2", runs("failed"): "0x58 1x2"}),
    Case("little is asked and all fails", {**UP, runs("answered"): "20x60", runs("failed"): "0x20 1x15 2x10 3x15"},
         ("FootnoteAnswersFail",)),
    Case("six of a hundred fail", {**UP, runs("answered"): "0+10x60", runs("failed"): "0x50 0+0.6x10"}),
    Case("all are cancelled by their readers", {**UP, runs("cancelled"): "0+10x60", runs("answered"): "0x60"}),
    Case("failures of before a restart are none", {**UP, runs("answered"): "100+10x30 0+10x30", runs("failed"): "500x30 0x30"}),
    Case("one replica of two fails all",
         {**UP, runs("answered"): "0+10x60", runs("answered", "b"): "0+10x40 400x20",
          runs("failed"): "0x60", runs("failed", "b"): "0x40 0+10x20"}, ("FootnoteAnswersFail",)),
    Case("nothing was counted yet", {**UP, runs("answered"): "_x60"}),
    # FootnoteModelFails
    Case("the model is down, and documents are quoted instead",
         {**UP, runs("answered"): "0+3x60", 'footnote_model_failures_total{code="model_unavailable"}': "0x40 0+3x20"}, ("FootnoteModelFails",)),
    Case("the model fails once in twenty times",
         {**UP, runs("answered"): "0+20x60", 'footnote_model_failures_total{code="model_timeout"}': "0+1x60"}),
    # FootnoteServerErrors
    Case("a tenth of the requests are a server's error",
         {**UP, REQUESTS + '{status="2xx"}': "0+18x60", REQUESTS + '{status="5xx"}': "0x45 0+2x15"}, ("FootnoteServerErrors",)),
    Case("four errors of eight requests",
         {**UP, REQUESTS + '{status="2xx"}': "0x50 0+0.4x10", REQUESTS + '{status="5xx"}': "0x50 0+0.4x10"}),
    Case("a probe is told for four minutes that it is not ready",
         {**UP, REQUESTS + '{route="GET /readyz",status="5xx"}': "0x56 0+12x4", REQUESTS + '{route="GET /healthz",status="2xx"}': "0+6x60"}),
    Case("a third are a server's error, among many probes",
         {**UP, REQUESTS + '{route="GET /readyz",status="2xx"}': "0+36x60", REQUESTS + '{route="POST /v1/chat",status="2xx"}': "0+2x60",
          REQUESTS + '{route="POST /v1/chat",status="5xx"}': "0x45 0+1.2x15"}, ("FootnoteServerErrors",)),
    Case("clients' errors", {**UP, REQUESTS + '{status="2xx"}': "0+1x60", REQUESTS + '{status="4xx"}': "0+5x60"}),
    # FootnoteFirstTextSlow
    Case("a third begins late", {**UP, first("8.0"): "0+2x60", first("+Inf"): "0+3x60", "footnote_first_text_seconds_count": "0+3x60"},
         ("FootnoteFirstTextSlow",)),
    Case("the same, written without a point",
         {**UP, first("8"): "0+2x60", first("+Inf"): "0+3x60", "footnote_first_text_seconds_count": "0+3x60"}, ("FootnoteFirstTextSlow",)),
    Case("one of two begins late", {**UP, first("8.0"): "0x50 1x10", "footnote_first_text_seconds_count": "0x50 2x10"}),
    Case("one in twenty begins late", {**UP, first("8.0"): "0+19x60", "footnote_first_text_seconds_count": "0+20x60"}),
    # FootnoteAnswersWait
    Case("half as many wait as there are places, on both replicas",
         {**UP, **two("footnote_runs_waiting", "0x40 32x20", "0x40 32x20"), **two("footnote_runs_limit", "64x60", "64x60")},
         ("FootnoteAnswersWait",)),
    Case("one of two replicas has a few waiting",
         {**UP, **two("footnote_runs_waiting", "20x60", "0x60"), **two("footnote_runs_limit", "64x60", "64x60")}),
    Case("a burst of a minute", {**UP, "footnote_runs_waiting": "0x50 60x1 0x9", "footnote_runs_limit": "64x60"}),
    # FootnoteWrongKeys
    Case("a script tries keys", {**UP, "footnote_wrong_keys_total": "0x50 0+8x10"}, ("FootnoteWrongKeys",)),
    Case("a client goes on with its old key", {**UP, "footnote_wrong_keys_total": "0+2x60"}),
    Case("a replica begins anew after many wrong keys", {**UP, "footnote_wrong_keys_total": "900x50 0x10"}),
    # FootnoteBudgetsUsedUp
    Case("a tenth of the requests find their budget used up",
         {**UP, REQUESTS + '{status="2xx"}': "0+9x60", 'footnote_budget_refusals_total{budget="tokens"}': "0+1x60"},
         ("FootnoteBudgetsUsedUp",)),
    Case("one in a hundred", {**UP, REQUESTS + '{status="2xx"}': "0+99x60", 'footnote_budget_refusals_total{budget="tokens"}': "0+1x60"}),
    Case("three of five", {**UP, REQUESTS + '{status="2xx"}': "0x58 5x2", 'footnote_budget_refusals_total{budget="tokens"}': "0x58 3x2"}),
    # FootnoteOverloaded
    Case("the event loop is late all the time", {**UP, "footnote_event_loop_lag_seconds": "0.1x40 2x20"}, ("FootnoteOverloaded",)),
    Case("it is late now and then", {**UP, "footnote_event_loop_lag_seconds": "2x4 0.1x1 3x8 0.1x1 2x8 0.1x38"}, minutes=22),
    # FootnoteFilesOpen
    Case("many files are open", {**UP, "process_open_fds": "900x60", "process_max_fds": "1024x60"}, ("FootnoteFilesOpen",)),
    Case("half of them are", {**UP, "process_open_fds": "512x60", "process_max_fds": "1024x60"}),
    # FootnoteRefusalsUp
    Case("refusals go from a tenth to a third of all, on two replicas",
         {**UP, runs("answered"): "0+45x36 1620+30x12", runs("answered", "b"): "0+45x36 1620+30x12",
          runs("refused"): "0+5x36 180+15x12", runs("refused", "b"): "0+5x36 180+15x12"}, ("FootnoteRefusalsUp",), minutes=240, every="5m"),
    Case("nobody was ever refused before, and nothing was counted",
         {**UP, runs("answered"): "0+45x36 1620+30x12", runs("refused"): "_x36 0+20x12"}, ("FootnoteRefusalsUp",), minutes=240, every="5m"),
    Case("they go up by chance: five of ten", {**UP, runs("answered"): "0+45x36 1620x10 1625x2", runs("refused"): "0+5x36 180x10 185x2"},
         minutes=240, every="5m"),
    Case("they were always a half", {**UP, runs("answered"): "0+25x48", runs("refused"): "0+25x48"}, minutes=240, every="5m"),
    Case("a new installation is asked what it does not know", {**UP, runs("answered"): "0+1x60", runs("refused"): "0+4x60"}),
    Case("after a restart they are as they were", {**UP, runs("answered"): "0+45x40 0+45x8", runs("refused"): "0+5x40 0+5x8"}, minutes=240, every="5m"),
    # FootnoteUnsupportedUp
    Case("sentences lose their support", {**UP, sentences("supported"): "0+190x36 6840+140x12", sentences("unsupported"): "0+10x36 360+60x12"},
         ("FootnoteUnsupportedUp",), minutes=240, every="5m"),
    Case("few sentences, and most without support",
         {**UP, sentences("supported"): "0+190x36 6840+1x12", sentences("unsupported"): "0+10x36 360+5x12"}, minutes=240, every="5m"),
    Case("a little more than before", {**UP, sentences("supported"): "0+190x36 6840+180x12", sentences("unsupported"): "0+10x36 360+20x12"},
         minutes=240, every="5m"),
    # FootnoteQuestionsChanged, FootnoteMonitoringStopped
    Case("monitoring found a drift", {**UP, 'footnote_monitor_alarms{kind="drift"}': "1x60", 'footnote_monitor_alarms{kind="topics"}': "0x60"},
         ("FootnoteQuestionsChanged",)),
    Case("monitoring found nothing", {**UP, 'footnote_monitor_alarms{kind="drift"}': "0x60"}),
    # A test's clock begins at 0, so that what is long ago is a time below it.
    Case("questions were monitored 16 days ago", {**UP, "footnote_monitor_timestamp_seconds": f"{-16 * DAY}x90"}, ("FootnoteMonitoringStopped",), minutes=90),
    Case("questions were monitored a week ago", {**UP, "footnote_monitor_timestamp_seconds": f"{-7 * DAY}x90"}, minutes=90),
    Case("questions were never monitored", {**UP, "footnote_monitor_timestamp_seconds": "0x90"}, minutes=90),
    # FootnoteDocumentsWait
    Case("documents wait, and no worker takes them", {**UP, "footnote_oldest_job_seconds": "0+60x60", TODO: "5x60"},
         ("FootnoteDocumentsWait",)),
    Case("a large ingest goes on", {**UP, "footnote_oldest_job_seconds": "0+60x60", TODO: "9000-50x60"}),
    Case("a few wait for minutes", {**UP, "footnote_oldest_job_seconds": "0+10x60", TODO: "5x60"}),
    # FootnoteIngestFails
    Case("ten files fail at a time, told by both replicas",
         {**UP, **two("footnote_ingest_failures", "2x30 12x3", "2x30 12x3"), "footnote_documents": "9000x33"}, ("FootnoteIngestFails",),
         minutes=165, every="5m"),
    Case("one more file is broken", {**UP, "footnote_ingest_failures": "7x30 8x3", "footnote_documents": "9000x33"}, minutes=165, every="5m"),
    Case("the only replica began anew an hour ago, and told of none before it had looked",
         {**UP, "footnote_ingest_failures": "7x20 0x1 7x12", "footnote_documents": "9000x33"}, minutes=165, every="5m"),
    Case("a fifth of all failed long ago", {**UP, "footnote_ingest_failures": "20x60", "footnote_documents": "80x60"}, ("FootnoteIngestFails",)),
    Case("one of two files", {**UP, "footnote_ingest_failures": "1x60", "footnote_documents": "1x60"}),
    Case("a second replica begins", {**UP, **two("footnote_ingest_failures", "7x60", "_x50 7x10"), "footnote_documents": "9000x60"}),
    # FootnoteIndexBehind
    Case("a replica does not keep up", {**UP, **two("footnote_index_behind", "0x60", "0x40 1x20")}, ("FootnoteIndexBehind",)),
    Case("a replica catches up within minutes, again and again", {**UP, "footnote_index_behind": "0x10 3x10 0x1 2x10 0x1 1x10 0x1 1x10"}),
    # FootnoteDiskFull, FootnoteDiskFilling
    Case("a disk of two is full", {**UP, **two(FREE, "50x60", "50x55 4x5"), **two(SIZE, "100x60", "100x60")}, ("FootnoteDiskFull",)),
    Case("a disk is nearly full for an hour", {**UP, FREE: "12x60", SIZE: "100x60"}, ("FootnoteDiskFilling",)),
    Case("a disk will be full tomorrow", {**UP, FREE: "39-0.2x48", SIZE: "100x48"}, ("FootnoteDiskFilling",), minutes=240, every="5m"),
    Case("a search index is written anew", {**UP, FREE: "60x50 30x10", SIZE: "100x60"}),
    Case("a disk fills slowly", {**UP, FREE: "60-0.005x48", SIZE: "100x48"}, minutes=240, every="5m"),
    # FootnoteAuditUnwritten
    Case("the audit log cannot be written", {**UP, **two("footnote_audit_trouble", "0x60", "0x50 1x10")}, ("FootnoteAuditUnwritten",)),
    Case("it can", {**UP, "footnote_audit_trouble": "0x60"}),
    # FootnoteFiguresOld
    Case("the database is away", {**UP, "footnote_known_timestamp_seconds": "60+60x40 2460x20"}, ("FootnoteFiguresOld",)),
    Case("figures are looked at", {**UP, "footnote_known_timestamp_seconds": "50+60x60"}),
    Case("nothing was looked at yet", {**UP, "footnote_known_timestamp_seconds": "0x60"}),
    # FootnoteBackupOld
    Case("the last backup is three days old", {**LONG, "footnote_backup_timestamp_seconds": f"{-3 * DAY}x300"},
         ("FootnoteBackupOld",), minutes=3_000, every="10m"),
    Case("there has never been a backup", {**LONG, "footnote_backup_timestamp_seconds": "0x300"},
         ("FootnoteBackupOld",), minutes=3_000, every="10m"),
    Case("a replica has not read yet when the backup was",
         {**LONG, **two("footnote_backup_timestamp_seconds", "172000x300", "_x295 0x5")}, minutes=3_000, every="10m"),
    Case("a new installation has no backup yet", {**UP, "footnote_documents": "50x90", "footnote_backup_timestamp_seconds": "0x90"},
         minutes=90),
    Case("nothing is in the index, and nothing was saved",
         {**LONG, "footnote_documents": "0x300", "footnote_backup_timestamp_seconds": "0x300"}, minutes=3_000, every="10m"),
)  # fmt: skip
