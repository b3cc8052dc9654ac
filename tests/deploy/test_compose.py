"""The compose file: what the engine would refuse, and what it would let in."""

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from app.settings import ServeSettings
from ingest.jobs.settings import QueueSettings

FILE: Final = Path(__file__).parents[2] / "deploy" / "compose.yaml"
OURS: Final = {"migrate", "service", "worker", "ingest", "backup", "monitor"}
Compose = dict[str, Any]


@pytest.fixture(scope="module")
def compose() -> Compose:
    """The file with nothing set in the environment."""
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", FILE.read_text(encoding="utf-8"))
    found: Compose = yaml.safe_load(text)
    return found


def without_extensions(compose: Compose) -> str:
    return json.dumps({name: value for name, value in compose.items() if not name.startswith("x-")})


def test_it_is_a_compose_file(compose: Compose) -> None:
    compose_spec = pytest.importorskip("compose_spec")
    parsed = compose_spec.PyCompose.from_json(without_extensions(compose))
    parsed.validate()  # what services name is there
    assert set(parsed.service_names()) > OURS
    for broken in ('"reed_only": true', '"read_only": "perhaps"'):
        with pytest.raises(ValueError, match=r"extension|boolean"):
            compose_spec.PyCompose.from_json(without_extensions(compose).replace('"read_only": true', broken))


def test_every_service_is_shut_off(compose: Compose) -> None:
    for name, service in compose["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not service.get("privileged"), name
        assert not re.search(r":latest$", service["image"]) or name in OURS, name


def test_nothing_is_published_but_on_loopback(compose: Compose) -> None:
    published = {
        name: service["ports"] for name, service in compose["services"].items() if "ports" in service
    }
    assert published.keys() == {"service", "grafana"}
    for ports in published.values():
        assert all(port.startswith("127.0.0.1:") for port in ports)
    assert compose["networks"]["inside"] == {"internal": True}
    for name in ("postgresql", "redis", "prometheus"):
        assert compose["services"][name]["networks"] == ["inside"], name


def test_secrets_come_from_files(compose: Compose) -> None:
    for name, secret in compose["secrets"].items():
        assert secret == {"file": f"./secrets/{name}"}
    words = re.compile(r"password|passwd|secret|token|_key", re.IGNORECASE)
    for name, service in compose["services"].items():
        assert set(service.get("secrets", [])) <= compose["secrets"].keys(), name
        for variable, value in service.get("environment", {}).items():
            assert not words.search(variable) or str(value).startswith("/run/secrets"), variable
    assert "deploy/secrets" in (FILE.parents[1] / ".gitignore").read_text().replace("/deploy", "deploy")


def test_all_that_lasts_tells_whether_it_is_well(compose: Compose) -> None:
    for name, service in compose["services"].items():
        if name == "service":  # the image's own
            continue
        check = service["healthcheck"]
        assert check.get("disable") if service["restart"] in {"no", "on-failure"} else check["test"], name
        for other, wish in service.get("depends_on", {}).items():
            if wish["condition"] == "service_healthy":
                assert "test" in compose["services"][other]["healthcheck"]


def test_what_was_begun_is_ended_before_it_is_killed(compose: Compose) -> None:
    def grace(name: str) -> int:
        return int(compose["services"][name]["stop_grace_period"].removesuffix("s"))

    assert grace("service") >= ServeSettings.model_fields["drain_seconds"].default + 10
    assert grace("worker") >= QueueSettings.model_fields["queue_drain_seconds"].default + 10


def test_what_is_mounted_is_there(compose: Compose) -> None:
    operators = {"./documents"}
    for service in compose["services"].values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("./") and source not in operators:
                assert (FILE.parent / source).exists(), source
            elif not source.startswith("./"):
                assert source in compose["volumes"], source


def test_the_folders_of_new_volumes_belong_to_who_writes_there(compose: Compose) -> None:
    steps = (FILE.parent / "image.sh").read_text(encoding="utf-8")
    (made,) = re.findall(r"install -d -m 0700 -o 10001 -g 10001 (.*)", steps)
    named = [each.split(":") for name in OURS for each in compose["services"][name]["volumes"]]
    assert {target for source, target, *_ in named if source in compose["volumes"]} == set(made.split())


def test_prometheus_asks_where_metrics_are(compose: Compose) -> None:
    # From a file: an engine refuses to write an inline one into a container that is read-only.
    assert "configs" not in compose
    mounted = dict(each.split(":")[1::-1] for each in compose["services"]["prometheus"]["volumes"])
    file = FILE.parent / mounted["/etc/prometheus/prometheus.yml"]
    scraped = yaml.safe_load(file.read_text(encoding="utf-8"))["scrape_configs"]
    targets = {target for job in scraped for config in job["static_configs"] for target in config["targets"]}
    for target in targets:
        name, _, port = target.partition(":")
        assert compose["services"][name]["environment"]["FOOTNOTE_METRICS_PORT"] == port
    assert all(job["job_name"].startswith("footnote") for job in scraped)
