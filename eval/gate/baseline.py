"""The committed baseline: each case's scores and answer, and the fingerprint they were made with.

One case a line, so that a change of the baseline is a readable difference in a pull request.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from eval.metrics.row import Kept, Row, read_rows
from vectorstore.errors import BadInput, NotFound
from vectorstore.text_file import read_text

FORMAT = 1


class Before(BaseModel):
    """A case as it was."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    digest: str
    group: str = ""
    answer: str = ""
    refused: bool = False
    documents: tuple[str, ...] = ()
    scores: dict[str, Kept] = {}
    passed: dict[str, float] = {}
    runs: int = 1


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a run is held against."""

    fingerprint: Mapping[str, str]
    scorers: Mapping[str, str]
    cases: Mapping[str, Before]
    name: str = field(default="the baseline")


def baseline_of(
    rows: Iterable[Row],
    fingerprint: Mapping[str, str],
    scorers: Mapping[str, str],
    *,
    name: str = "the baseline",
) -> Baseline:
    """Keep what a comparison needs of an evaluation."""
    cases = {
        row.id: Before(
            digest=row.digest,
            group=row.group,
            answer=row.answer,
            refused=row.refused,
            documents=tuple(dict.fromkeys(passage.uri for passage in row.passages)),
            scores=row.scores,
            passed=row.passed,
            runs=row.runs,
        )
        for row in rows
        if not row.error
    }
    return Baseline(dict(fingerprint), dict(scorers), cases, name)


def save_baseline(baseline: Baseline, path: Path) -> None:
    """Write the file, byte for byte the same for the same evaluation."""
    lines = [
        f"    {json.dumps(name, ensure_ascii=False)}: {_line(before.model_dump())}"
        for name, before in sorted(baseline.cases.items())
    ]
    head = {"format": FORMAT, "fingerprint": baseline.fingerprint, "scorers": baseline.scorers}
    parts = [f'  "{name}": {_line(value)}' for name, value in head.items()]
    body = ",\n".join([*parts, '  "cases": {\n' + ",\n".join(lines) + "\n  }"])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{\n" + body + "\n}\n", encoding="utf-8")


def load_baseline(path: Path) -> Baseline:
    """Read a baseline file; raises NotFound, or BadInput for one that cannot be read."""
    if not path.is_file():
        raise NotFound(f"There is no baseline {str(path)!r}.", "Make one with --update-baseline.")
    try:
        body = json.loads(read_text(path))
        if body["format"] != FORMAT:
            raise BadInput(f"{path.name} has format {body['format']!r}, which this version cannot read.")
        cases = {name: Before.model_validate(before) for name, before in body["cases"].items()}
        return Baseline(body["fingerprint"], body["scorers"], cases)
    except json.JSONDecodeError as error:
        raise BadInput(f"{path.name}, line {error.lineno}: not JSON ({error.msg}).") from error
    except (KeyError, TypeError, AttributeError, ValidationError) as error:
        raise BadInput(
            f"{path.name} is not a baseline: {_first_line(error)}.", "Make it anew with --update-baseline."
        ) from error


def read_folder(folder: Path) -> tuple[Sequence[Row], Mapping[str, str], Mapping[str, str]]:
    """Read a result folder: its cases, its fingerprint, its scorers' versions."""
    summary = folder / "summary.json"
    if not summary.is_file():
        raise NotFound(
            f"There is no {str(summary)!r}.", "Give a folder that `footnote eval run --out` wrote."
        )
    try:
        body: dict[str, Any] = json.loads(read_text(summary))
        return read_rows(folder / "cases.jsonl"), body["fingerprint"], body["scorers"]
    except json.JSONDecodeError as error:
        raise BadInput(f"{summary.name}, line {error.lineno}: not JSON ({error.msg}).") from error
    except KeyError as error:
        raise BadInput(f"{summary.name} lacks {error}.", "Run the evaluation again.") from error


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
