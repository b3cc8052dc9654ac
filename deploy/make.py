"""Write what Prometheus and Grafana read: `python -m deploy.make`.

    python -m deploy.make                                            # the files of this folder, anew
    python -m deploy.make --out DIR --docs https://HOST/docs/        # elsewhere, with links to a page that you serve
    python -m deploy.make --out DIR --pace 60                        # an hour as a minute, to see alerts fire

All of it is made from the one list of metrics, `vectorstore/telemetry/names.py`.
"""

import argparse
import json
import re
from pathlib import Path
from typing import Any, Final

import yaml

from deploy.alerts import QUALITY, QUALITY_RECORDS, SERVICE, UPKEEP, Alert, Record
from deploy.dashboard import dashboard

HERE: Final = Path(__file__).parent
DOCS: Final = "docs/"
_MADE: Final = "# Made by `python -m deploy.make`: change it there.\n"
_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_SPAN: Final = re.compile(r"(?<=\[)(\d+)([smhd])(?=\])|(?<=offset )(\d+)([smhd])\b")
_AHEAD: Final = re.compile(r", 86400\)")
"""How far `predict_linear` looks."""

SCRAPE: Final = """\
# An example: Prometheus beside one Footnote. Where there are several, list them, or let Prometheus find them.
global:
  scrape_interval: 15s
  evaluation_interval: 15s

rule_files:
  - rules.yml

scrape_configs:
  # Alerts go by job names that begin with `footnote`.
  - job_name: footnote
    # FOOTNOTE_METRICS_PORT, which wants no key. The service's own port (FOOTNOTE_METRICS) wants one of the kind
    # `metrics`, alone in a file that only Prometheus reads:
    # authorization: {credentials_file: footnote-metrics-key}
    static_configs:
      - targets: ["127.0.0.1:9464"]
"""

SOURCES: Final = """\
apiVersion: 1

datasources:
  - name: Prometheus
    uid: prometheus
    type: prometheus
    access: proxy
    url: ${PROMETHEUS_URL}
    isDefault: true
    jsonData:
      timeInterval: 15s
"""

PROVIDERS: Final = """\
apiVersion: 1

providers:
  - name: Footnote
    type: file
    allowUiUpdates: false
    options:
      path: /etc/grafana/dashboards
"""


def _faster(text: str, pace: float) -> str:
    """Shorten every span of time in an expression, to no less than five seconds."""

    def shortened(found: re.Match[str]) -> str:
        number, unit = (part for part in found.groups() if part)
        return f"{max(5, round(int(number) * _SECONDS[unit] / pace))}s"

    return text if pace == 1 else _AHEAD.sub(f", {86_400 / pace:.0f})", _SPAN.sub(shortened, text))


class _Yaml(yaml.SafeDumper):
    """YAML with texts of several lines as they are."""


_Yaml.add_representer(
    str,
    lambda yaml_, text: yaml_.represent_scalar(
        "tag:yaml.org,2002:str", text, style="|" if "\n" in text else None
    ),
)


def _lines(expression: str) -> str:
    """Return an expression with each condition on a line of its own."""
    return re.sub(r" (and|or) ", r"\n\1 ", expression)


def _group(name: str, interval: str, rules: tuple[Record | Alert, ...], pace: float, docs: str) -> Any:
    def rule(each: Record | Alert) -> dict[str, object]:
        expression = _lines(_faster(each.expression, pace))
        if isinstance(each, Record):
            return {"record": each.name, "expr": expression}
        return {
            "alert": each.name,
            "expr": expression,
            "for": _faster(f"[{each.holds}]", pace)[1:-1] if each.holds != "0s" else "0s",
            "labels": {"severity": each.severity},
            "annotations": {
                "summary": each.summary,
                "description": each.description,
                "runbook_url": f"{docs}operate.md#{each.name.lower()}",
            },
        }

    every = interval if pace == 1 else "1s"
    return {"name": f"footnote-{name}", "interval": every, "rules": [rule(each) for each in rules]}


def rules(*, pace: float = 1, docs: str = DOCS) -> str:
    """Return the rules as Prometheus reads them; `pace` divides every span of time, `docs` is where the pages lie."""
    groups = [
        _group("service", "15s", SERVICE, pace, docs),
        # A week is read each time.
        _group("quality", "5m", (*QUALITY_RECORDS, *QUALITY), pace, docs),
        _group("upkeep", "1m", UPKEEP, pace, docs),
    ]
    return _MADE + yaml.dump(
        {"groups": groups}, Dumper=_Yaml, sort_keys=False, width=10_000, allow_unicode=True
    )


def files(*, pace: float = 1, docs: str = DOCS) -> dict[str, str]:
    """Return every file by its path below this folder."""
    return {
        "prometheus/rules.yml": rules(pace=pace, docs=docs),
        "prometheus/prometheus.yml": _MADE + SCRAPE,
        "grafana/footnote.json": json.dumps(dashboard(), indent=2, ensure_ascii=False) + "\n",
        "grafana/provisioning/datasources/prometheus.yml": _MADE + SOURCES,
        "grafana/provisioning/dashboards/footnote.yml": _MADE + PROVIDERS,
    }


def main() -> None:
    """Write them."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--out", type=Path, default=HERE, help="Folder to write into.")
    asked.add_argument("--docs", default=DOCS, help="Where the documentation lies, with a slash at its end.")
    asked.add_argument("--pace", type=float, default=1, help="By how much all times are shortened.")
    given = asked.parse_args()
    for name, text in files(pace=given.pace, docs=given.docs).items():
        path = given.out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
