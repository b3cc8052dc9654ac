"""What lies in deploy/ is what the generator makes, and names no metric that the service does not give."""

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.alerts import ALERTS
from deploy.make import HERE, files
from tests.docs.test_links import anchors
from vectorstore.telemetry.names import METRICS, PROCESS

ROOT = Path(__file__).parents[2]
OF_PROMETHEUS = {"up", "ALERTS"}
_METRIC = re.compile(r"\b(?:footnote|process)_\w+|\bup\b|\bALERTS\b")
_TEXT = re.compile(r'"[^"]*"')


def told() -> set[str]:
    """Every name that a scrape has."""
    endings = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
    return {each.name + ending for each in METRICS for ending in endings[each.kind]} | set(PROCESS)


def named(expression: str) -> set[str]:
    """The metrics of an expression, without what a rule recorded (`job:…:…`)."""
    plain = re.sub(r"job:\w+:\w+", "", _TEXT.sub("", expression))
    return set(_METRIC.findall(plain))


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return files()


@pytest.fixture(scope="module")
def rules(made: dict[str, str]) -> list[dict[str, Any]]:
    return [
        rule for group in yaml.safe_load(made["prometheus/rules.yml"])["groups"] for rule in group["rules"]
    ]


@pytest.fixture(scope="module")
def dashboard(made: dict[str, str]) -> dict[str, Any]:
    return json.loads(made["grafana/footnote.json"])


def queries(dashboard: dict[str, Any]) -> list[str]:
    return [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]


def test_the_files_are_what_the_generator_makes(made: dict[str, str]) -> None:
    """Otherwise: python -m deploy.make."""
    assert {name: (HERE / name).read_text(encoding="utf-8") for name in made} == made


def test_no_expression_names_a_metric_that_nobody_gives(rules: Any, dashboard: Any) -> None:
    expressions = [rule["expr"] for rule in rules] + queries(dashboard)
    assert len(expressions) > 80
    assert {name for each in expressions for name in named(each)} - told() - OF_PROMETHEUS == set()


def test_every_metric_is_shown(dashboard: Any) -> None:
    shown = {name for each in queries(dashboard) for name in named(each)}
    missing = [
        each.name for each in METRICS if not shown & {each.series, f"{each.name}_bucket", f"{each.name}_sum"}
    ]
    assert missing == []
    assert set(PROCESS) <= shown


def test_what_a_rule_reads_of_others_is_recorded(rules: Any) -> None:
    recorded = {rule["record"] for rule in rules if "record" in rule}
    assert {name for rule in rules for name in re.findall(r"job:\w+:\w+", rule["expr"])} == recorded


def test_every_alert_says_whom_it_calls_and_where_it_is_told(rules: Any) -> None:
    sections = anchors(ROOT / "docs" / "operate.md")
    alerts = [rule for rule in rules if "alert" in rule]
    assert len(alerts) == len(ALERTS) == len({rule["alert"] for rule in alerts})
    for rule in alerts:
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
        page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
        assert (page, anchor in sections) == ("docs/operate.md", True), rule["alert"]


def test_panels_stand_beside_each_other_and_say_what_they_show(dashboard: Any) -> None:
    """The bounds are those of Grafana's schema of dashboards."""
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        assert at["h"] > 0
        if panel["type"] == "row":
            continue
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert [target["refId"] for target in panel["targets"]] == sorted(
            {target["refId"] for target in panel["targets"]}
        )
        steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        assert steps[0]["value"] is None
        values = [step["value"] for step in steps[1:]]
        assert values == sorted(values)
    for one, other in combinations((panel["gridPos"] for panel in panels), 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, (one, other)


def test_every_query_is_of_the_chosen_jobs_and_instances(dashboard: Any) -> None:
    variables = {each["name"] for each in dashboard["templating"]["list"]}
    assert variables == {"datasource", "job", "instance"}
    for query in queries(dashboard):
        selectors = re.findall(r"\b(?:footnote_\w+|process_\w+|up)\b(\{[^}]*\})?", _unquoted(query))
        assert all("job=~" in each and "instance=~" in each for each in selectors), query


def _unquoted(query: str) -> str:
    return _TEXT.sub('""', query)


@pytest.mark.parametrize("pace", [60])
def test_all_times_are_shortened_alike(pace: int, made: dict[str, str]) -> None:
    """So that an alert can be seen to fire without waiting for an hour."""
    fast = files(pace=pace)["prometheus/rules.yml"]
    assert "[1h]" in made["prometheus/rules.yml"]
    assert not re.search(r"\[\d+[mhd]\]|offset \d+[mhd]", fast)
    assert "[60s]" in fast
