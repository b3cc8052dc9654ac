"""What is counted and logged of answers that are over."""

import logging
from collections.abc import Callable

from app.runs.measured import Measured, measured
from app.runs.run import Run, report
from vectorstore.telemetry import names
from vectorstore.telemetry.logs import tell
from vectorstore.telemetry.metrics import count, observe
from vectorstore.telemetry.settings import TelemetrySettings

_log = logging.getLogger(__name__)


def counting(settings: TelemetrySettings) -> Callable[[Run], None]:
    """Return what is told of each run that is over."""

    def over(run: Run) -> None:
        try:
            figures = measured(run)
            count_answer(figures, settings)
            tell_answer(run.id, figures)
        except Exception as error:  # noqa: BLE001 - the run's edge: what cannot be counted harms no answer
            report(f"Run {run.id} could not be counted", error)

    return over


def tell_answer(run: str, figures: Measured) -> None:
    """Log a run that has ended."""
    tell(
        _log,
        "answer",
        level=logging.WARNING if figures.outcome == "failed" else logging.INFO,
        run_id=run,
        outcome=figures.outcome,
        code=figures.code,
        model=figures.model,
        variant=figures.variant,
        generation=figures.generation or None,
        first_ms=None if figures.first_ms is None else round(figures.first_ms, 1),
        ms=round(figures.total_ms, 1),
        input_tokens=figures.input_tokens or None,
        output_tokens=figures.output_tokens or None,
    )


def count_answer(figures: Measured, settings: TelemetrySettings) -> None:
    """Count a run that has ended."""
    count(names.RUNS, outcome=figures.outcome, variant=figures.variant or names.SETTINGS)
    if figures.code:
        count(names.RUN_FAILURES, code=figures.code)
    if figures.first_ms is not None:
        observe(names.FIRST_TEXT, figures.first_ms / 1_000)
    observe(names.RUN_SECONDS, figures.total_ms / 1_000)
    for stage, ms in figures.stages.items():
        if stage in names.VALUES["stage"]:
            observe(names.STAGE_SECONDS, ms / 1_000, stage=stage)
    if figures.probability is not None:
        observe(names.CONFIDENCE, figures.probability)
    if figures.condensed:
        if figures.found:
            observe(names.BEST_SCORE, figures.best)
        else:
            count(names.EMPTY)
    count(names.SENTENCES, figures.supported, verdict="supported")
    count(names.SENTENCES, figures.sentences - figures.supported, verdict="unsupported")
    count(names.MODEL_TOKENS, figures.input_tokens, direction="input")
    count(names.MODEL_TOKENS, figures.output_tokens, direction="output")
    count(
        names.MODEL_COST,
        (
            figures.input_tokens * settings.price_input_tokens
            + figures.output_tokens * settings.price_output_tokens
        )
        / 1e6,
    )


def count_rating(rating: str, variant: str) -> None:
    """Count what somebody thinks of an answer."""
    count(names.RATINGS, rating=rating, variant=variant or names.SETTINGS)
