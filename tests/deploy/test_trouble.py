"""What tells of trouble can be read while there is some."""

from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from app.audit.audit import open_audit
from app.identity.keys import Keys
from app.settings import Settings
from tests.app.edge import serve, service
from vectorstore.errors import Unavailable
from vectorstore.telemetry import metrics
from vectorstore.telemetry.settings import TelemetrySettings


def test_metrics_tell_of_an_audit_log_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise Unavailable("The audit log cannot be written.")

    keys, audit = Keys(tmp_path / "keys.json"), open_audit(tmp_path)
    assert audit is not None
    settings = Settings(telemetry=TelemetrySettings(metrics=True))
    secrets = {kind: keys.create(kind, kind=kind).secret for kind in ("operator", "metrics")}  # type: ignore[arg-type]
    built = replace(service(keys=keys._cell, settings=settings), audit=audit)
    metrics.stop()
    try:
        with serve(built) as served, httpx.Client(base_url=served.url, trust_env=False) as client:
            monkeypatch.setattr(audit, "write", full)
            audit.trouble = "The audit log cannot be written."
            head = {kind: {"Authorization": f"Bearer {secret}"} for kind, secret in secrets.items()}
            assert client.post("/v1/search", json={"query": "q"}, headers=head["operator"]).status_code == 503
            told = client.get("/metrics", headers=head["metrics"])
            assert told.status_code == 200
            assert "footnote_audit_trouble 1.0" in told.text
            monkeypatch.undo()
            audit.trouble = ""
    finally:
        metrics.stop()
