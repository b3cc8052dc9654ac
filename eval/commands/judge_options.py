"""What the flags of `--judge` mean: which model judges, what it may cost, where its verdicts are kept."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import typer

from app.calibration import Calibration
from app.settings import AnswerSettings, EvaluationSettings
from eval.judge import Judge, openai_ask
from eval.judge_cache import open_cache
from eval.prices import Prices
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
    settings = AnswerSettings()
    url = options.url or settings.llm_base_url or "https://api.openai.com/v1"
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
    return own or AnswerSettings().llm_api_key.get_secret_value()


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
