"""The options of `footnote eval`, each written once."""

from pathlib import Path
from typing import Annotated, TypeAlias

from typer import Argument, Option

Data: TypeAlias = Annotated[Path | None, Option(help="Questions, one JSON object a line.")]
Sample: TypeAlias = Annotated[bool, Option("--sample", help="The sample handbook and its questions.")]
Docs: TypeAlias = Annotated[
    Path | None, Option(help="Ask a fresh index of this folder, not the configured one.")
]
Out: TypeAlias = Annotated[Path, Option(file_okay=False, help="Folder for the report and its data.")]
FailUnder: TypeAlias = Annotated[
    list[str] | None, Option(help="A gate: groundedness=0.9, or over_refusal<=0.1.")
]
Thresholds: TypeAlias = Annotated[Path | None, Option(help="A TOML file of gates.")]
BaselineFile: TypeAlias = Annotated[
    Path | None, Option("--baseline", help="Fail when something got worse than in this file.")
]
UpdateBaseline: TypeAlias = Annotated[
    bool, Option("--update-baseline", help="Write --baseline from this run instead.")
]
RequireBaseline: TypeAlias = Annotated[
    bool, Option("--require-baseline", help="Exit 4 when the baseline is missing or not comparable.")
]
Gated: TypeAlias = Annotated[
    list[str] | None, Option("--gate", help="A metric that decides, instead of the usual.")
]
MinEffect: TypeAlias = Annotated[float, Option(min=0, help="Smallest drop of a mean that fails.")]
MaxFlips: TypeAlias = Annotated[int, Option(min=0, help="Cases, none critical, that may newly fail a check.")]
Repeat: TypeAlias = Annotated[int, Option(min=1, help="Ask every case this often, to see what varies.")]
Quarantine: TypeAlias = Annotated[Path | None, Option(help='TOML of id = "reason": cases that do not gate.')]
AllowUnreviewed: TypeAlias = Annotated[
    bool, Option("--allow-unreviewed", help="Let cases gate that nobody has reviewed.")
]
MaxErrorRate: TypeAlias = Annotated[float, Option(min=0, max=1, help="Share of cases that may break.")]
Tags: TypeAlias = Annotated[list[str] | None, Option("--tag", help="Only cases with this tag.")]
Settings: TypeAlias = Annotated[list[str] | None, Option("--set", help="A setting for this run: KEY=VALUE.")]
TopK: TypeAlias = Annotated[int | None, Option(min=1, max=50, help="Chunks to retrieve.")]
Mlflow: TypeAlias = Annotated[str, Option(help="Also log to this MLflow tracking address.")]
ExitZero: TypeAlias = Annotated[bool, Option("--exit-zero", help="Report, but let no gate fail the run.")]
Answers: TypeAlias = Annotated[Path | None, Option(help="Score recorded answers instead of asking.")]
Url: TypeAlias = Annotated[str, Option(help="Ask this server: a Footnote, or any OpenAI-compatible one.")]
UrlModel: TypeAlias = Annotated[str, Option(help="Model to ask for at --url, by chat completions.")]
JudgeModel: TypeAlias = Annotated[
    str, Option("--judge", help="Also let this model judge (OpenAI-compatible).")
]
JudgeUrl: TypeAlias = Annotated[str, Option(help="The judge's server; else FOOTNOTE_LLM_BASE_URL.")]
JudgeCacheFile: TypeAlias = Annotated[Path, Option("--judge-cache", help="Where verdicts are kept.")]
CacheOnly: TypeAlias = Annotated[bool, Option("--cache-only", help="Take verdicts from the cache alone.")]
JudgeRepeats: TypeAlias = Annotated[int, Option(min=1, help="Judge everything this often; tells the spread.")]
JudgePrice: TypeAlias = Annotated[str, Option(help="Price of a million tokens, read/written: 0.15/0.60.")]
Price: TypeAlias = Annotated[
    str, Option(help="What the answering model's million tokens cost, read/written: 0.15/0.60.")
]
MaxCost: TypeAlias = Annotated[float, Option(min=0, help="Stop judging when it has cost this much.")]
CalibrationFile: TypeAlias = Annotated[
    Path | None, Option("--calibration", help="What calibrate wrote; lets a judge gate.")
]
Folders: TypeAlias = Annotated[
    list[Path] | None, Argument(help="Two result folders: before, then after.", metavar="[A B]")
]
SideA: TypeAlias = Annotated[list[str] | None, Option("--a", help="Before: KEY=VALUE settings.")]
SideB: TypeAlias = Annotated[list[str] | None, Option("--b", help="After: KEY=VALUE settings.")]
