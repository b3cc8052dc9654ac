"""The manifests as kubectl renders them: what the cluster would refuse, and what would only show at night."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from app.settings import ServeSettings
from ingest.jobs.settings import QueueSettings

FOLDER: Final = Path(__file__).parents[2] / "deploy" / "kubernetes"
OVERLAYS: Final = ("single", "replicated")
Manifest = dict[str, Any]


def rendered(overlay: Path) -> list[Manifest]:
    kubectl = shutil.which("kubectl") or shutil.which("kubectl", path=Path(sys.executable).parent)
    if kubectl is None:
        pytest.skip("needs kubectl, which renders kustomize")
    done = subprocess.run([kubectl, "kustomize", overlay], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [each for each in yaml.safe_load_all(done.stdout) if each]


@pytest.fixture(scope="module")
def manifests(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Manifest]]:
    """Each overlay, with the component that it has commented out."""
    copy = tmp_path_factory.mktemp("kubernetes") / "kubernetes"
    shutil.copytree(FOLDER, copy)
    for overlay in OVERLAYS:
        file = copy / "overlays" / overlay / "kustomization.yaml"
        with_monitoring = file.read_text().replace("# components:", "components:")
        assert with_monitoring != file.read_text()
        file.write_text(with_monitoring)
    return {overlay: rendered(copy / "overlays" / overlay) for overlay in OVERLAYS}


@pytest.fixture(params=OVERLAYS)
def overlay(request: pytest.FixtureRequest, manifests: dict[str, list[Manifest]]) -> list[Manifest]:
    found: list[Manifest] = manifests[request.param]
    return found


def of(manifests: list[Manifest], kind: str, name: str = "") -> list[Manifest]:
    return [each for each in manifests if each["kind"] == kind and each["metadata"]["name"].startswith(name)]


def pods(manifests: list[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """Yield every template of a pod with the name of what makes it."""
    for each in manifests:
        spec = each.get("spec", {})
        template = spec.get("jobTemplate", {}).get("spec", spec).get("template")
        if template:
            yield each["metadata"]["name"], template


def test_the_cluster_knows_every_field(overlay: list[Manifest]) -> None:
    validate = pytest.importorskip("kubernetes_validate").validate
    own = [each for each in overlay if not each["apiVersion"].startswith("monitoring.coreos.com")]
    assert len(own) > 10
    for each in own:
        validate(each, "1.37", strict=True)


def test_a_misspelt_field_is_refused(overlay: list[Manifest]) -> None:
    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    serve = of(overlay, "Deployment")[0]
    broken = {**serve, "spec": {**serve["spec"], "replica": 2}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, "1.37", strict=True)


def test_every_pod_is_restricted(overlay: list[Manifest]) -> None:
    """What the namespace's label demands (`restricted`), and a root file system that is read-only."""
    (namespace,) = of(overlay, "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    found = dict(pods(overlay))
    assert len(found) >= 5
    for name, template in found.items():
        spec = template["spec"]
        assert spec["automountServiceAccountToken"] is False, name
        assert spec["enableServiceLinks"] is False, name  # else FOOTNOTE_PORT is an address
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys(), name
        secure = spec["securityContext"]
        assert (secure["runAsNonRoot"], secure["runAsUser"]) == (True, 10001), name
        assert secure["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for volume in spec["volumes"]:
            assert "hostPath" not in volume, name
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, name
            assert container["resources"]["requests"].keys() >= {"cpu", "memory"}, name
            assert "memory" in container["resources"]["limits"], name
            assert ":" in container["image"], name
            assert not container["image"].endswith(":latest"), name
            written = {each["mountPath"] for each in container["volumeMounts"]}
            assert {"/data", "/tmp"} <= written, name


def test_answers_are_ended_before_a_pod_is_killed(overlay: list[Manifest]) -> None:
    (configuration,) = of(overlay, "ConfigMap")
    drain = float(configuration["data"]["FOOTNOTE_DRAIN_SECONDS"])
    assert drain >= ServeSettings.model_fields["drain_seconds"].default
    (serve,) = [each for each in of(overlay, "Deployment") if each["metadata"]["name"] == "footnote"]
    spec = serve["spec"]["template"]["spec"]
    stop = spec["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert spec["terminationGracePeriodSeconds"] >= stop + drain + 10
    for worker in of(overlay, "Deployment", "footnote-worker"):
        grace = worker["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
        assert grace >= QueueSettings.model_fields["queue_drain_seconds"].default + 10


def test_the_service_is_found_and_asked(overlay: list[Manifest]) -> None:
    (service,) = of(overlay, "Service")
    serve = of(overlay, "Deployment", "footnote")[0]
    template = serve["spec"]["template"]
    assert service["spec"]["selector"].items() <= template["metadata"]["labels"].items()
    container = template["spec"]["containers"][0]
    ports = {each["name"] for each in container["ports"]}
    assert service["spec"]["ports"][0]["targetPort"] in ports
    asked = {
        name: container[name]["httpGet"]["path"]
        for name in ("startupProbe", "readinessProbe", "livenessProbe")
    }
    # A database that is away makes no process start anew.
    assert asked == {"startupProbe": "/healthz", "readinessProbe": "/readyz", "livenessProbe": "/healthz"}


def test_no_secret_is_shipped(overlay: list[Manifest]) -> None:
    assert of(overlay, "Secret") == []
    examples = list(yaml.safe_load_all((FOLDER / "secret.example.yaml").read_text()))
    assert {value for each in examples for value in each["stringData"].values()} == {""}
    mounted = {each["metadata"]["name"] for each in examples}
    for name, template in pods(overlay):
        wanted = {each["secret"]["secretName"] for each in template["spec"]["volumes"] if "secret" in each}
        assert wanted == {"footnote"} <= mounted, name


def test_the_network_is_closed_but_for_what_is_named(overlay: list[Manifest]) -> None:
    closed, *_ = of(overlay, "NetworkPolicy", "footnote-closed")
    assert closed["spec"] == {
        "podSelector": {"matchLabels": {"app.kubernetes.io/name": "footnote"}},
        "policyTypes": ["Ingress", "Egress"],
    }
    for policy in of(overlay, "NetworkPolicy"):
        for rule in [*policy["spec"].get("ingress", []), *policy["spec"].get("egress", [])]:
            assert rule["ports"], policy["metadata"]["name"]
            assert rule.get("from") or rule.get("to"), policy["metadata"]["name"]


def test_volumes_and_budgets_fit_the_number_of_pods(manifests: dict[str, list[Manifest]]) -> None:
    (single,) = of(manifests["single"], "Deployment")
    assert (single["spec"]["replicas"], single["spec"]["strategy"]) == (1, {"type": "Recreate"})
    # One pod is never to spare: with a budget no node could be emptied.
    assert of(manifests["single"], "PodDisruptionBudget") == []
    serve, _ = of(manifests["replicated"], "Deployment")
    assert serve["spec"]["replicas"] >= 2
    (budget,) = of(manifests["replicated"], "PodDisruptionBudget")
    assert (
        budget["spec"]["selector"]["matchLabels"].items()
        <= serve["spec"]["template"]["metadata"]["labels"].items()
    )
    assert "emptyDir" in serve["spec"]["template"]["spec"]["volumes"][0]
    for found in manifests.values():
        claims = {each["metadata"]["name"] for each in of(found, "PersistentVolumeClaim")}
        for name, template in pods(found):
            for volume in template["spec"]["volumes"]:
                if claim := volume.get("persistentVolumeClaim"):
                    assert claim["claimName"] in claims, name


def test_a_worker_is_another_job_than_who_answers(overlay: list[Manifest]) -> None:
    """Else `FootnoteDown` finds somebody up while nobody answers."""
    (monitor,) = of(overlay, "PodMonitor")
    every, of_workers = monitor["spec"]["podMetricsEndpoints"][0]["relabelings"]
    assert every == {"targetLabel": "job", "replacement": "footnote"}
    assert (of_workers["regex"], of_workers["replacement"]) == ("worker", "footnote-worker")


def test_metrics_are_looked_for_where_they_are(overlay: list[Manifest]) -> None:
    (monitor,) = of(overlay, "PodMonitor")
    (configuration,) = of(overlay, "ConfigMap")
    for deployment in of(overlay, "Deployment"):
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        assert monitor["spec"]["selector"]["matchLabels"].items() <= labels.items()
        (expression,) = monitor["spec"]["selector"]["matchExpressions"]
        assert labels[expression["key"]] in expression["values"]
        ports = {
            each["name"]: each["containerPort"]
            for each in deployment["spec"]["template"]["spec"]["containers"][0]["ports"]
        }
        assert (
            str(ports[monitor["spec"]["podMetricsEndpoints"][0]["port"]])
            == configuration["data"]["FOOTNOTE_METRICS_PORT"]
        )


def test_the_rules_become_a_resource_as_the_page_says() -> None:
    rules = FOLDER.parent / "prometheus" / "rules.yml"
    if not rules.exists():
        pytest.skip("the rules are not there yet")
    page = (FOLDER.parents[1] / "docs" / "deploy.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^(\{ printf .*\}) \| kubectl apply", page, re.MULTILINE)
    done = subprocess.run(
        ["sh", "-c", command], cwd=FOLDER.parents[1], capture_output=True, text=True, check=True
    )
    made = yaml.safe_load(done.stdout)
    assert made["kind"] == "PrometheusRule"
    assert made["spec"] == yaml.safe_load(rules.read_text(encoding="utf-8"))
