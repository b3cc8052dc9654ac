"""Every route under schemathesis: no 5xx, no answer that the OpenAPI document does not promise.

FOOTNOTE_FUZZ_EXAMPLES sets how many cases each operation gets beyond those that cover its schema.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.parts import ServiceSettings
from app.records import Records
from tests.app.edge import Served, serve, service

TOOL = Path(sys.executable).parent / "st"
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,negative_data_rejection,unsupported_method,missing_required_header"
)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    settings = ServiceSettings(max_concurrent_runs=100, max_queued_runs=10_000)
    records = Records(f"sqlite:///{tmp_path}/records.db")
    with serve(service(settings=settings, records=records)) as running:
        yield running


def fuzz(served: Served, folder: Path, *, examples: int, phases: str, seconds: int) -> str:
    if not TOOL.exists() and shutil.which("st") is None:
        pytest.skip("needs schemathesis")
    done = subprocess.run(
        [
            str(TOOL), "run", f"{served.url}/openapi.json", "--phases", phases, "--checks", CHECKS,
            "--max-examples", str(examples), "--seed", "1", "--no-color", "--generation-database", "none",
        ],
        cwd=folder, capture_output=True, text=True, timeout=seconds, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6_000:] + done.stderr[-2_000:]
    return done.stdout


@pytest.mark.timeout(400)
def test_a_short_fuzz_finds_nothing(served: Served, tmp_path: Path) -> None:
    said = fuzz(served, tmp_path, examples=5, phases="examples,fuzzing", seconds=300)
    print(re.search(r"\d+ generated.*", said))


@pytest.mark.slow
@pytest.mark.timeout(7_200)
def test_a_long_fuzz_finds_nothing(served: Served, tmp_path: Path) -> None:
    examples = int(os.environ.get("FOOTNOTE_FUZZ_EXAMPLES", "60"))
    said = fuzz(
        served, tmp_path, examples=examples, phases="examples,coverage,fuzzing,stateful", seconds=7_000
    )
    print(re.search(r"\d+ generated.*", said))
