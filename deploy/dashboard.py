"""What an operator sees in Grafana: the panels, by what they are about, and the classic dashboard model around them.

The model: https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/.
"""

from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from deploy.alerts import of, where
from vectorstore.telemetry import names
from vectorstore.telemetry.names import Metric

Kind: TypeAlias = Literal["timeseries", "stat"]
Query: TypeAlias = tuple[str, str]
"""An expression, and the legend of its series."""

SCOPE: Final = 'job=~"$job",instance=~"$instance"'
_SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
_WIDTH: Final = 24
_GREEN, _YELLOW, _RED = "green", "yellow", "red"


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel. `unit` is Grafana's id of a unit; `steps` are values from which on a colour holds, a stat's alone."""

    title: str
    about: str
    unit: str
    queries: tuple[Query, ...]
    kind: Kind = "timeseries"
    width: int = 8
    steps: tuple[tuple[float, str], ...] = ()
    base: str = _GREEN
    most: float | None = None
    stacked: bool = False


def _of(metric: Metric, matchers: str = "", ending: str = "") -> str:
    return of(metric, f"{SCOPE},{matchers}" if matchers else SCOPE, ending)


def _rate(metric: Metric, by: str = "", matchers: str = "") -> str:
    over = f" by ({by})" if by else ""
    return f"sum{over} (rate({_of(metric, matchers)}[$__rate_interval]))"


def _quantile(share: float, metric: Metric, by: str = "") -> str:
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, sum by ({labels}) (rate({_of(metric, ending='_bucket')}[$__rate_interval])))"


def _quantiles(metric: Metric) -> tuple[Query, ...]:
    return tuple((_quantile(share, metric), f"p{share * 100:.0f}") for share in (0.5, 0.95, 0.99))


def _once(metric: Metric, matchers: str = "", by: str = "") -> str:
    """Return what replicas share, once."""
    over = f" by ({by})" if by else ""
    return f"max{over} ({_of(metric, matchers)})"


def _age(metric: Metric) -> str:
    return f"time() - (max ({_of(metric)}) > 0)"


def _asked(outcome: str) -> str:
    """Return the share of the answers that ended so, of those that ended as they should."""
    return f"{_rate(names.RUNS, matchers=where(outcome=outcome))} / {_rate(names.RUNS, matchers=_ENDED)}"


_ENDED: Final = 'outcome=~"answered|unsure|refused"'
_PROCESS: Final = f"{{{SCOPE}}}"

NOW: Final = (
    Panel(
        "Alerts", "Alerts that fire.", "none",
        (('count (ALERTS{alertname=~"Footnote.*", alertstate="firing"}) or vector(0)', "firing"),),
        "stat", 3, ((1, _RED),),
    ),
    Panel("Up", "Processes that answer a scrape.", "none", ((f"sum (up{_PROCESS})", "up"),), "stat", 3, ((1, _GREEN),), _RED),
    Panel("Ready", names.READY.help, "none", ((f"sum ({_of(names.READY)})", "ready"),), "stat", 3, ((1, _GREEN),), _RED),
    Panel("Answers", "Answers that ended, a minute.", "none", ((f"60 * {_rate(names.RUNS)}", "answers a minute"),), "stat", 3),
    Panel("Failed", "Share of the answers that failed.", "percentunit",
          ((f"{_rate(names.RUNS, matchers=where(outcome='failed'))} / {_rate(names.RUNS)}", "failed"),),
          "stat", 3, ((0.02, _YELLOW), (0.1, _RED))),
    Panel("Refused", "Share of the questions that the documents do not answer.", "percentunit",
          ((_asked("refused"), "refused"),), "stat", 3),
    Panel("First text, p95", names.FIRST_TEXT.help, "s", ((_quantile(0.95, names.FIRST_TEXT), "p95"),),
          "stat", 3, ((4, _YELLOW), (8, _RED))),
    Panel("Version", "The version that runs.", "none",
          ((f"max by (version) ({_of(names.BUILD)})", "{{version}}"),), "stat", 3),
)  # fmt: skip

TRAFFIC: Final = (
    Panel("Requests by status", "Requests a second, by class of status.", "reqps",
          ((_rate(names.REQUESTS, "status"), "{{status}}"),), stacked=True),
    Panel("Requests by route", "Requests a second, by route.", "reqps",
          ((_rate(names.REQUESTS, "route"), "{{route}}"),), stacked=True),
    Panel("Time to respond, p95", names.REQUEST_SECONDS.help, "s",
          ((_quantile(0.95, names.REQUEST_SECONDS, "area"), "{{area}}"),)),
    Panel("Answers by outcome", "Answers a minute, by how they ended.", "none",
          ((f"60 * {_rate(names.RUNS, 'outcome')}", "{{outcome}}"),), stacked=True),
    Panel("Wrong keys", "Requests a minute that showed a key, token, header or link that lets nobody in, by which it was.", "none",
          ((f"60 * {_rate(names.WRONG_KEYS, 'door')}", "{{door}}"),)),
    Panel("Refused by budgets", "Requests a minute that were refused with 429, by what was used up.", "none",
          ((f"60 * {_rate(names.BUDGET_REFUSALS, 'budget')}", "{{budget}}"),), stacked=True),
)  # fmt: skip

TIMES: Final = (
    Panel("Time to first text", names.FIRST_TEXT.help, "s", _quantiles(names.FIRST_TEXT)),
    Panel("Time to the end", names.RUN_SECONDS.help, "s", _quantiles(names.RUN_SECONDS)),
    Panel("Stages, p95", names.STAGE_SECONDS.help, "s",
          ((_quantile(0.95, names.STAGE_SECONDS, "stage"), "{{stage}}"),)),
)  # fmt: skip

QUALITY: Final = (
    Panel("Best score", f"{names.BEST_SCORE.help} The lower line: a tenth of the questions find less.", "none",
          ((_quantile(0.5, names.BEST_SCORE), "median"), (_quantile(0.1, names.BEST_SCORE), "p10")), most=1),
    Panel("Confidence", names.CONFIDENCE.help, "percentunit",
          ((_quantile(0.5, names.CONFIDENCE), "median"), (_quantile(0.1, names.CONFIDENCE), "p10")), most=1),
    Panel("Nothing found", "Share of the answers for which the search found nothing at all.", "percentunit",
          ((f"{_rate(names.EMPTY)} / {_rate(names.RUNS)}", "nothing found"),), most=1),
    Panel("Supported sentences", "Share of the answers' sentences that the passages support.", "percentunit",
          ((f"{_rate(names.SENTENCES, matchers=where(verdict='supported'))} / {_rate(names.SENTENCES)}", "supported"),), most=1),
    Panel("Refused and unsure", "Shares of the answers that refuse, and that say they are unsure.", "percentunit",
          ((_asked("refused"), "refused"), (_asked("unsure"), "unsure")), most=1),
    Panel("Ratings", "Ratings an hour.", "none", ((f"3600 * {_rate(names.RATINGS, 'rating')}", "{{rating}}"),), stacked=True),
    Panel("Answers by variant", "Answers a minute, by variant and outcome; a variant without a name is the settings.", "none",
          ((f"60 * {_rate(names.RUNS, 'variant, outcome')}", "{{variant}} {{outcome}}"),), width=12),
    Panel("Share of good ratings by variant", "Of the ratings since the beginning of what is shown.", "percentunit",
          ((f"sum by (variant) (increase({_of(names.RATINGS, where(rating='up'))}[$__range]))"
            f" / sum by (variant) (increase({_of(names.RATINGS)}[$__range]))", "{{variant}}"),), width=12, most=1),
)  # fmt: skip

MODEL: Final = (
    Panel("Answers that failed, by code", "Answers a minute that failed.", "none",
          ((f"60 * {_rate(names.RUN_FAILURES, 'code')}", "{{code}}"),), width=6, stacked=True),
    Panel("The model's failures, by code", "A minute, those too that documents were quoted instead of.", "none",
          ((f"60 * {_rate(names.MODEL_FAILURES, 'code')}", "{{code}}"),), width=6, stacked=True),
    Panel("Tokens", "Tokens a second that the language model read and wrote.", "none",
          ((_rate(names.MODEL_TOKENS, "direction"), "{{direction}}"),), width=6),
    Panel("Cost", "An hour, by the prices that are set, in their currency.", "none",
          ((f"3600 * {_rate(names.MODEL_COST)}", "an hour"),), width=6),
)  # fmt: skip

QUEUES: Final = (
    Panel("Answers at work", "Answers at work or waiting, those that wait, and the places there are, over all replicas.", "none",
          ((f"sum ({_of(names.RUNS_ACTIVE)})", "at work or waiting"), (f"sum ({_of(names.RUNS_WAITING)})", "waiting"),
           (f"sum ({_of(names.RUNS_LIMIT)})", "places"))),
    Panel("Documents in the queue", names.JOBS.help, "none", ((_once(names.JOBS, by="state"), "{{state}}"),), stacked=True),
    Panel("Oldest document in the queue", names.JOB_AGE.help, "s", ((_once(names.JOB_AGE), "oldest"),)),
)  # fmt: skip

INDEX: Final = (
    Panel("Generation", f"{names.GENERATION.help} Lines that part: a replica is behind.", "none",
          ((_of(names.GENERATION), "{{instance}}"),), width=6),
    Panel("Generations behind", names.BEHIND.help, "none", ((_of(names.BEHIND), "{{instance}}"),), width=6),
    Panel("Documents and chunks", "What is in the index.", "short",
          ((_once(names.DOCUMENTS), "documents"), (_once(names.CHUNKS), "chunks")), width=6),
    Panel("Failures of ingest", names.INGEST_FAILURES.help, "none", ((_once(names.INGEST_FAILURES), "failures"),), width=6),
    Panel("Last change", "How long ago a document was last taken in or out.", "s", ((_age(names.CHANGED), "age"),), "stat", 6),
    Panel("Last backup", "How long ago the last backup was complete; nothing: never.", "s",
          ((_age(names.BACKUP), "age"),), "stat", 6, ((86_400 * 1.5, _YELLOW), (86_400 * 2, _RED))),
    Panel("Last monitoring", "How long ago questions were last monitored; nothing: never.", "s",
          ((_age(names.MONITORED), "age"),), "stat", 6),
    Panel("Audit log", names.AUDIT_TROUBLE.help, "none",
          ((f"max ({_of(names.AUDIT_TROUBLE)})", "trouble"),), "stat", 6, ((1, _RED),)),
    Panel("Drift of questions", f"{names.DRIFT.help} Small: they are not.", "none",
          ((_once(names.DRIFT), "p-value"),), width=12, most=1),
    Panel("Findings of monitoring", names.DRIFTED.help, "none", ((_once(names.DRIFTED, by="kind"), "{{kind}}"),), width=12),
)  # fmt: skip

CACHES: Final = (
    Panel("Hits", "Share of what was looked for in a cache and was there.", "percentunit",
          ((f"{_rate(names.CACHE, 'cache', where(result='hit'))} / {_rate(names.CACHE, 'cache')}", "{{cache}}"),), width=12, most=1),
    Panel("Looked for", "Look-ups a second, by cache and result.", "ops",
          ((_rate(names.CACHE, "cache, result"), "{{cache}} {{result}}"),), width=12, stacked=True),
)  # fmt: skip

PROCESS: Final = (
    Panel("Disk, free", "Share of the disk that is free where the data folder lies.", "percentunit",
          ((f"{_of(names.DISK_FREE)} / {_of(names.DISK_SIZE)}", "{{instance}}"),), width=6, most=1),
    Panel("CPU", "Processor cores at work.", "none",
          ((f"rate(process_cpu_seconds_total{_PROCESS}[$__rate_interval])", "{{instance}}"),), width=6),
    Panel("Memory", "Memory in use, of each process.", "bytes",
          ((f"process_resident_memory_bytes{_PROCESS}", "{{instance}}"),), width=6),
    Panel("Open files", "Open files and connections, as a share of how many there may be.", "percentunit",
          ((f"process_open_fds{_PROCESS} / process_max_fds{_PROCESS}", "{{instance}}"),), width=6, most=1),
    Panel("Running for", "Time since the process began.", "s",
          ((f"time() - process_start_time_seconds{_PROCESS}", "{{instance}}"),)),
    Panel("Event loop", names.LOOP_LAG.help, "s", ((_of(names.LOOP_LAG), "{{instance}}"),)),
    Panel("Age of these figures", "How long ago index, queue and disk were last looked at.", "s",
          ((f"time() - ({_of(names.KNOWN)} > 0)", "{{instance}}"),)),
)  # fmt: skip

ROWS: Final = (
    ("Now", NOW),
    ("Traffic", TRAFFIC),
    ("Times", TIMES),
    ("Quality of answers", QUALITY),
    ("Language model", MODEL),
    ("Queues", QUEUES),
    ("Index and upkeep", INDEX),
    ("Caches", CACHES),
    ("Disk and process", PROCESS),
)


def _drawn(panel: Panel, number: int, x: int, y: int) -> dict[str, Any]:
    steps: list[dict[str, str | float | None]] = [{"color": panel.base, "value": None}]
    steps += [{"color": colour, "value": value} for value, colour in panel.steps]
    defaults: dict[str, Any] = {"unit": panel.unit, "thresholds": {"mode": "absolute", "steps": steps}}
    options: dict[str, Any]
    if panel.kind == "stat":
        defaults["color"] = {"mode": "thresholds"}
        is_name = panel.title == "Version"
        options = {
            "colorMode": "value",
            "graphMode": "none",
            "justifyMode": "auto",
            "orientation": "auto",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "textMode": "name" if is_name else "auto",
        }
    else:
        defaults |= {"min": 0, "color": {"mode": "palette-classic"}}
        defaults |= {} if panel.most is None else {"max": panel.most}
        defaults["custom"] = {
            "drawStyle": "line",
            "fillOpacity": 20 if panel.stacked else 5,
            "lineWidth": 1,
            "showPoints": "never",
            "spanNulls": False,
            "stacking": {"group": "A", "mode": "normal" if panel.stacked else "none"},
        }
        options = {
            "legend": {"calcs": ["lastNotNull"], "displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        }  # fmt: skip
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": _SOURCE,
        "gridPos": {"x": x, "y": y, "w": panel.width, "h": 4 if panel.kind == "stat" else 8},
        "targets": [
            {
                "refId": chr(ord("A") + place),
                "datasource": _SOURCE,
                "editorMode": "code",
                "expr": expression,
                "legendFormat": legend,
                "range": True,
            }
            for place, (expression, legend) in enumerate(panel.queries)
        ],
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": options,
    }


def _panels() -> list[dict[str, Any]]:
    """Lay the panels out from left to right, a row below the other."""
    drawn: list[dict[str, Any]] = []
    y = 0
    for title, panels in ROWS:
        at = {"x": 0, "y": y, "w": _WIDTH, "h": 1}
        drawn.append(
            {"id": len(drawn) + 1, "type": "row", "title": title, "collapsed": False, "gridPos": at, "panels": []}
        )  # fmt: skip
        x, y, tallest = 0, y + 1, 0
        for panel in panels:
            if x + panel.width > _WIDTH:
                x, y, tallest = 0, y + tallest, 0
            drawn.append(_drawn(panel, len(drawn) + 1, x, y))
            x, tallest = x + panel.width, max(tallest, drawn[-1]["gridPos"]["h"])
        y += tallest
    return drawn


def _variable(name: str, label: str, query: str) -> dict[str, Any]:
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": _SOURCE,
        "definition": query,
        "query": {"query": query, "refId": f"Variable-{name}"},
        "refresh": 2,
        "sort": 1,
        "includeAll": True,
        "allValue": ".*",
        "multi": True,
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "hide": 0,
        "options": [],
        "regex": "",
        "skipUrlSync": False,
    }


def dashboard() -> dict[str, Any]:
    """Return the dashboard as Grafana reads it."""
    ready = names.READY.series
    source = {
        "name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "regex": "",
        "current": {}, "hide": 0, "includeAll": False, "multi": False, "options": [], "refresh": 1, "skipUrlSync": False,
    }  # fmt: skip
    firing = {
        "name": "Alerts",
        "datasource": _SOURCE,
        "enable": True,
        "hide": False,
        "iconColor": _RED,
        "expr": 'ALERTS{alertname=~"Footnote.*", alertstate="firing", job=~"$job|"}',
        "titleFormat": "{{alertname}}",
        "textFormat": "{{instance}}",
        "step": "60s",
    }
    return {
        "uid": "footnote",
        "title": "Footnote",
        "description": "Traffic, times, quality and upkeep of Footnote. What each alert means: docs/operate.md.",
        "tags": ["footnote"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "timezone": "browser",
        "time": {"from": "now-6h", "to": "now"},
        "refresh": "1m",
        "annotations": {"list": [firing]},
        "templating": {
            "list": [
                source,
                _variable("job", "Job", f"label_values({ready}, job)"),
                _variable("instance", "Instance", f'label_values({ready}{{job=~"$job"}}, instance)'),
            ]
        },
        "links": [],
        "panels": _panels(),
    }
