"""`footnote eval calibrate`: agreement with your own labels, and the thresholds that fit your documents."""

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from typer import Option

from app.reader.answerable import Thresholds, calibrated
from app.settings import AnswerSettings
from app.support.calibration import RULER, TRAINED, Calibration
from app.support.ground import support
from eval.cases import parsed_line
from eval.commands import options
from eval.judge.agreement import (
    Estimate,
    Flags,
    Floats,
    auroc,
    balanced_accuracy,
    best_threshold,
    bootstrap,
    confusion,
    corrected_mean,
    kappa,
    reliability,
)
from vectorstore.errors import BadInput, NotFound
from vectorstore.language.sentences import sentence_spans
from vectorstore.models.pair_model import open_checker
from vectorstore.text_file import numbered_lines, read_text

LEAST = 50
"""Labels; with fewer a threshold is a guess."""


class Labelled(BaseModel):
    """One judged text. `group` is what moves together, usually the document that the evidence is of."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(min_length=1)]
    text: Annotated[str, Field(min_length=1)]
    evidence: str
    supported: bool
    group: str = ""


class LabelledQuestion(BaseModel):
    """A question of which people say whether the documents answer it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(min_length=1)]
    question: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
    answerable: bool


def calibrate(
    labels: Annotated[Path, Option(help="Judged texts and questions, one JSON object a line.")],
    docs: options.Docs = None,
    write: Annotated[Path | None, Option(help="Keep the calibration in this file.")] = None,
    judge: options.JudgeModel = "",
    judge_url: options.JudgeUrl = "",
    judge_cache: options.JudgeCacheFile = Path(".footnote-judge.db"),
    cache_only: options.CacheOnly = False,
    pool: Annotated[
        Path | None, Option(help="A cases.jsonl: its mean groundedness, set right by labels.")
    ] = None,
    over_refusal: Annotated[
        float, Option(min=0, max=1, help="Share of answerable questions that may be refused.")
    ] = 0.05,
    false_answers: Annotated[
        float, Option(min=0, max=1, help="Share of unanswerable questions that may be answered as sure.")
    ] = 0.25,
) -> None:
    """Compare the checker (or a judge) with people, and choose thresholds for these documents."""
    texts, questions = load_labels(labels)
    if max(len(texts), len(questions)) < LEAST:
        raise BadInput(
            f"{labels.name} holds {len(texts)} judged texts and {len(questions)} questions.",
            f"A threshold needs at least {LEAST} of one kind.",
        )
    trained = AnswerSettings().support_model
    scorer = f"judge:{judge}" if judge else TRAINED if trained else RULER
    thresholds = (
        _thresholds(questions, docs, over_refusal, false_answers) if len(questions) >= LEAST else None
    )
    if len(texts) >= LEAST:
        scores = (
            _judge_scores(texts, judge, judge_url, judge_cache, cache_only=cache_only)
            if judge
            else _scores(texts, trained)
        )
        found = _agreed(scorer, texts, scores)
        if pool is not None:
            _tell_corrected(pool, scores, np.array([item.supported for item in texts]), found.tau)
    else:
        found = Calibration(
            scorer=scorer, labels=len(questions), kappa=0, balanced_accuracy=0, tau=0.5, tau_low=0, tau_high=1
        )  # fmt: skip
    if thresholds is not None:
        sure, unsure = round(thresholds.sure, 3), round(thresholds.unsure, 3)
        typer.echo(f"set FOOTNOTE_ANSWER_THRESHOLD={sure} and FOOTNOTE_UNSURE_THRESHOLD={unsure}")
        found = found.model_copy(update={"answer_threshold": sure, "unsure_threshold": unsure})
    if write is not None:
        found.save(write)
        typer.echo(f"Calibration written: {write}", err=True)


def _scores(texts: Sequence[Labelled], trained: str) -> Floats:
    """Score by what checks live answers: words, and the trained checker where one is set."""
    score = partial(support, checker=open_checker(trained))
    return np.array([weakest(item, score) for item in texts], dtype=np.float64)


def _judge_scores(
    texts: Sequence[Labelled], model: str, url: str, cache: Path, *, cache_only: bool
) -> Floats:
    """Let the judge label every text; raises BadInput when it leaves one without a verdict."""
    from eval.commands.options import JudgeOptions, judging
    from eval.judge.judge import SUPPORT
    from prompts.loader import load

    with judging(JudgeOptions(model, url, cache, cache_only)) as judge:
        prompt = load("judge_support")
        said = [
            judge.label(prompt, SUPPORT, evidence=item.evidence, sentence=item.text) if judge else None
            for item in texts
        ]
    if missing := sum(label is None for label in said):
        raise BadInput(
            f"The judge gave no verdict on {missing} of {len(texts)} texts; nothing was calibrated."
        )
    return np.array([SUPPORT[label] for label in said if label is not None], dtype=np.float64)


def _agreed(scorer: str, texts: Sequence[Labelled], scores: Floats) -> Calibration:
    """Print how far the scorer agrees with people, and return it; raises BadInput for labels of one kind."""
    labels = np.array([item.supported for item in texts])
    if not 0 < labels.sum() < len(labels):
        raise BadInput("All labels are of one kind.", "Judge supported and unsupported texts, some of each.")
    groups = [item.group or item.id for item in texts]
    tau = bootstrap(lambda rows: best_threshold(scores[rows], labels[rows]), labels, groups)
    counts = confusion(scores, labels, tau.value)
    agreement = kappa(counts)
    balanced = bootstrap(
        lambda rows: balanced_accuracy(scores[rows], labels[rows], tau.value), labels, groups
    )
    area = bootstrap(lambda rows: auroc(scores[rows], labels[rows]), labels, groups)
    typer.echo(f"{scorer} against {len(labels)} human labels")
    _tell(tau=tau, auroc=area, balanced_accuracy=balanced)
    typer.echo(f"kappa: {agreement:.3f}")
    typer.echo("people \\ scorer   supported  unsupported")
    typer.echo(f"supported          {counts.true_supported:9} {counts.missed:12}")
    typer.echo(f"unsupported        {counts.false_supported:9} {counts.true_unsupported:12}")
    typer.echo("reliability: mean score → share that people call supported (texts)")
    for mean, share, count in reliability(scores, labels):
        typer.echo(f"  {mean:.2f} → {share:.2f} ({count})")
    return Calibration(
        scorer=scorer,
        labels=len(labels),
        kappa=round(agreement, 4),
        balanced_accuracy=round(balanced.value, 4),
        tau=round(tau.value, 4),
        tau_low=round(tau.low, 4),
        tau_high=round(tau.high, 4),
    )


def _tell(**figures: Estimate) -> None:
    for name, value in figures.items():
        typer.echo(f"{name.replace('_', ' ')}: {value}")


def _tell_corrected(pool: Path, scores: Floats, labels: Flags, tau: float) -> None:
    """Say what mean people would give to the sentences of a result, from what the checker gave."""
    from eval.metrics.row import read_rows

    said = [sentence.support >= tau for row in read_rows(pool) for sentence in row.sentences]
    if said:
        plain = np.array(said, dtype=np.float64)
        found = corrected_mean(plain, (scores >= tau).astype(np.float64), labels)
        typer.echo(
            f"supported sentences in {pool.name}: {plain.mean():.3f} by the checker, {found} set right by labels"
        )


def _thresholds(
    questions: Sequence[LabelledQuestion], docs: Path | None, over_refusal: float, false_answers: float
) -> Thresholds:
    """Ask how sure the turn is of each question, choose the thresholds and say what they come to."""
    from eval.commands.configuration import opened, parse_configuration

    with opened(parse_configuration("calibrate", []), docs=docs) as target:
        sure = target.confidences([item.question for item in questions])
    answerable = [item.answerable for item in questions]
    found = calibrated(sure, answerable, over_refusal=over_refusal, false_answers=false_answers)
    outcomes = [found.outcome(value) for value in sure]
    counts = {
        f"{outcome}, {'answerable' if holds else 'not'}": sum(
            each == outcome and other == holds for each, other in zip(outcomes, answerable, strict=True)
        )
        for holds in (True, False)
        for outcome in ("answered", "unsure", "refused")
    }
    typer.echo(json.dumps({"questions": len(sure)} | counts))
    return found


def load_labels(path: Path) -> tuple[list[Labelled], list[LabelledQuestion]]:
    """Read a JSONL file of judged texts and questions; raises NotFound, or BadInput naming the line."""
    if not path.is_file():
        raise NotFound(f"There is no file {str(path)!r}.", "Give judged texts with --labels human.jsonl.")
    texts: list[Labelled] = []
    questions: list[LabelledQuestion] = []
    seen: set[str] = set()
    for number, line in numbered_lines(read_text(path)):
        place = f"{path.name}, line {number}"
        item = parsed_line(line, place, _labelled)
        if item.id in seen:
            raise BadInput(f"{place}: the id {item.id!r} is used twice.")
        seen.add(item.id)
        if isinstance(item, Labelled):
            texts.append(item)
        else:
            questions.append(item)
    return texts, questions


def _labelled(value: Any) -> Labelled | LabelledQuestion:
    kind = LabelledQuestion if isinstance(value, dict) and "question" in value else Labelled
    return kind.model_validate(value)


def weakest(item: Labelled, score: Callable[[str, str], float]) -> float:
    """Return the least supported sentence's score: a text is as good as that."""
    spans = sentence_spans(item.text)
    return min((score(item.text[start:end], item.evidence) for start, end in spans), default=0.0)
