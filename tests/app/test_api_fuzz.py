"""Every route under schemathesis: no 5xx, no answer that the OpenAPI document does not promise.

All 50,000 cases: `python -m pytest -m slow -s tests/app/test_api_fuzz.py`, in ten slices, each with its seed.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import httpx
import pytest

from tests import forked
from tests.app.test_api_shutdown import free_port, wait_until_ready

TOOL = Path(sys.executable).parent / "st"
ROOT = Path(__file__).parents[2]
SERVE = """
import sys, uvicorn
from dataclasses import replace
from pathlib import Path
from app.build import build_service
from app.access_settings import BudgetSettings
from app.http.application import create_app
from app.identity.keys import Keys
from app.settings import RunSettings, Settings
from tests.app.edge import ScriptedTurn
from tests.fakes.handbook import small_handbook
from vectorstore.settings import StoreSettings
folder = Path(sys.argv[2])
runs = RunSettings(max_concurrent_runs=100, max_queued_runs=10_000)
budgets = BudgetSettings(visitor_requests_per_minute=0, page_requests_per_minute=0, visitor_tokens_per_day=0,
    page_tokens_per_day=0)
settings = Settings(store=StoreSettings(data_dir=folder / "data"), runs=runs, budgets=budgets)
if sys.argv[4]:
    origins = ["https://page.example"] if sys.argv[4] == "page" else []
    made = Keys(folder / "data" / "keys.json").create("fuzz", kind=sys.argv[4], origins=origins)
    (folder / "secret").write_text(made.secret)
with small_handbook(folder) as parts:
    service = build_service(parts, settings)
    if sys.argv[3] == "scripted":
        service = replace(service, turn=ScriptedTurn())
    uvicorn.run(create_app(service), host="127.0.0.1", port=int(sys.argv[1]), log_level="error")
"""
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,negative_data_rejection,unsupported_method,missing_required_header"
)
REFUSED = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance"
)
"""What holds also where the key has no right: there a wrong body is not looked at."""
SLICES, CASES = 10, 5_000


@contextmanager
def service(folder: Path, *, turn: Literal["scripted", "real"], kind: str = "") -> Iterator[str]:
    """Serve a real index in a process of its own, with a key of a kind; with a scripted turn, answers cost nothing."""
    port = free_port()
    process = forked.script(SERVE, str(port), str(folder), turn, kind)
    try:
        wait_until_ready(f"http://127.0.0.1:{port}")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait(10)


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with service(tmp_path, turn="scripted") as address:
        yield address


def fuzz(
    url: str,
    folder: Path,
    *,
    examples: int,
    phases: str,
    seed: int = 1,
    seconds: int = 300,
    headers: Sequence[str] = (),
    checks: str = CHECKS,
) -> int:
    """Return how many cases were tried, all of which passed."""
    if not TOOL.exists():
        pytest.skip("needs schemathesis (the extra [fuzz])")
    done = subprocess.run(
        [
            str(TOOL), "run", f"{url}/openapi.json", "--phases", phases, "--checks", checks,
            "--max-examples", str(examples), "--seed", str(seed), "--no-color", "--generation-database", "none",
            *(part for header in headers for part in ("--header", header)),
        ],
        cwd=folder, capture_output=True, text=True, timeout=seconds, check=False,
        env=os.environ | {"SCHEMATHESIS_HOOKS": "tests.app.fuzz_hooks", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6_000:] + done.stderr[-2_000:]
    counted = re.search(r"(\d+) generated, (\d+) passed", done.stdout)
    assert counted is not None
    assert counted[1] == counted[2]
    print(f"{url}: {counted[0]} ({phases}, seed {seed})")
    return int(counted[1])


@pytest.mark.timeout(400)
def test_hundreds_of_cases_find_nothing(url: str, tmp_path: Path) -> None:
    assert fuzz(url, tmp_path, examples=8, phases="examples,fuzzing") >= 150


@pytest.mark.slow
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("seed", range(1, SLICES + 1))
def test_fifty_thousand_cases_in_ten_slices_find_nothing(url: str, tmp_path: Path, seed: int) -> None:
    tried = 0
    while tried < CASES:
        # The cases that cover the schema are the same for every seed: they count once.
        phases = "fuzzing" if seed > 1 or tried else "examples,coverage,fuzzing,stateful"
        examples = 80 if "stateful" in phases else 250
        tried += fuzz(
            url, tmp_path, examples=examples, phases=phases, seed=1_000 * seed + tried, seconds=1_000
        )


def as_kind(folder: Path, kind: str, *, examples: int, phases: str) -> int:
    """Fuzz as the holder of a key of a kind, or as one whose key is wrong. What is refused promises less."""
    known = "" if kind == "wrong" else kind
    with service(folder, turn="scripted", kind=known or "server") as address:
        secret = (folder / "secret").read_text() if known else "fn_00000000_" + "x" * 43
        headers = [
            f"Authorization: Bearer {secret}",
            *(["Origin: https://page.example"] if kind == "page" else []),
        ]
        if kind == "page":
            asked = dict(header.split(": ", 1) for header in headers)
            token = httpx.post(f"{address}/v1/visitors", headers=asked).json()["token"]
            headers[0] = f"Authorization: Bearer {token}"
        return fuzz(
            address, folder, examples=examples, phases=phases, headers=headers, checks=REFUSED, seconds=1_000
        )


@pytest.mark.timeout(400)
@pytest.mark.parametrize("kind", ["page"])
def test_with_a_kind_of_key_some_cases_find_nothing(tmp_path: Path, kind: str) -> None:
    assert as_kind(tmp_path, kind, examples=2, phases="examples,fuzzing") >= 50


@pytest.mark.slow
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("kind", ["operator", "server", "page", "ingest", "wrong"])
def test_with_each_kind_of_key_thousands_of_cases_find_nothing(tmp_path: Path, kind: str) -> None:
    assert as_kind(tmp_path, kind, examples=60, phases="examples,coverage,fuzzing") >= 2_000


@pytest.mark.slow
@pytest.mark.timeout(1_200)
def test_the_real_thing_stands_a_fuzz_as_well(tmp_path: Path) -> None:
    """The answerer that needs no model, so that filters and queries reach the turn too."""
    with service(tmp_path, turn="real") as address:
        fuzz(address, tmp_path, examples=20, phases="examples,coverage,fuzzing", seconds=1_000)
