"""The options of `footnote eval`, each written once."""

import difflib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeAlias

import typer
from typer import Argument, Option

from app.settings import EvaluationSettings, ModelSettings
from app.support.calibration import Calibration
from eval.judge.judge import NAMES, Judge, open_cache, openai_ask
from eval.metrics.row import Prices
from eval.metrics.scorers import versions
from eval.run import plugged_metrics
from vectorstore.errors import BadInput

KAPPA = 0.6
"""The agreement with people from which on a judge may gate."""


@dataclass(frozen=True, slots=True)
class JudgeOptions:
    """The flags. `model` empty: no judge."""

    model: str = ""
    url: str = ""
    cache: Path = Path(".footnote-judge.db")
    cache_only: bool = False
    repeats: int = 1
    max_cost: float = 0.0
    price: str = ""
    calibration: Path | None = None


@contextmanager
def judging(options: JudgeOptions) -> Iterator[Judge | None]:
    """Open the judge that the flags name, or None; raises BadInput."""
    if not options.model:
        yield None
        return
    url = options.url or ModelSettings().address
    ask = openai_ask(base_url=url, model=options.model, api_key=judge_key())
    with open_cache(options.cache) as cache:
        judge = Judge(
            ask,
            model=options.model,
            cache=cache,
            repeats=options.repeats,
            cache_only=options.cache_only,
            prices=parse_prices(options.price, most=options.max_cost),
        )
        yield judge
        _told(judge)


def judge_key() -> str:
    """Return the key for the judge's server; that of the language model when it has none of its own."""
    own = EvaluationSettings().eval_judge_key.get_secret_value()
    return own or ModelSettings().llm_api_key.get_secret_value()


def parse_prices(text: str, *, most: float) -> Prices:
    """Read `--judge-price 0.15/0.60`: what a million tokens read and written cost; raises BadInput."""
    if most and not text:
        raise BadInput(
            "--max-cost needs to know what tokens cost.",
            "Add --judge-price 0.15/0.60 (per million, read/written).",
        )
    try:
        read, _, written = (text or "0").partition("/")
        return Prices(float(read), float(written or read), most)
    except ValueError as error:
        raise BadInput(
            f"{text!r} is no price.", "Write it like 0.15/0.60: a million tokens, read/written."
        ) from error


def check_gates(metrics: Sequence[str], options: JudgeOptions) -> None:
    """Raise BadInput when a judge's metric is to gate without a calibration that lets it."""
    wanted = [name for name in metrics if name.endswith("@judge")]
    if not wanted:
        return
    hint = "Run `footnote eval calibrate --labels human.jsonl --judge MODEL --write calibration.json`."
    if options.calibration is None:
        raise BadInput(f"{wanted[0]} may gate only when the judge is calibrated: give --calibration.", hint)
    found = Calibration.load(options.calibration)
    if found.scorer != f"judge:{options.model}":
        raise BadInput(f"The calibration is of {found.scorer!r}, not of judge:{options.model}.", hint)
    if found.kappa < KAPPA:
        raise BadInput(
            f"The judge agrees with people at kappa {found.kappa:.2f}; from {KAPPA} on it may gate.",
            "Let it report without gating, or take another model.",
        )


def _told(judge: Judge) -> None:
    spent = judge.spent
    typer.echo(f"Judge: {spent.calls} calls, {spent.cached} from the cache, cost {spent.cost:.4f}.", err=True)
    for name, value in sorted(judge.spread.items()):
        typer.echo(f"Judge, spread between repeats: {name} {value:.3f}", err=True)
    for reason in dict.fromkeys([spent.stopped, *spent.failures]):
        if reason:
            typer.echo(f"Judge: {reason}", err=True)


def check_metrics(names: Iterable[str]) -> None:
    """Raise BadInput for a name that no metric has: it would gate nothing."""
    known = sorted({*versions(), "answer_relevance", *NAMES, *plugged_metrics().names()})
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"There are {', '.join(known)}."
            raise BadInput(f"There is no metric {name!r}.", hint)


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
