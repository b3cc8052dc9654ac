"""`footnote eval compare`: two stored results, or two configurations asked now, in one paired report."""

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import typer

from eval.cases import Case, load_cases
from eval.commands import options
from eval.commands.configuration import Configuration, fill, opened, parse_configuration, ruler_of
from eval.commands.options import check_metrics
from eval.commands.run import SAMPLE, finish, leave, select
from eval.gate.baseline import baseline_of, read_folder
from eval.gate.compare import GATED, MIN_EFFECT, Tolerance
from eval.gate.compare import compare as compared
from eval.gate.conclusion import Exit, conclude
from eval.metrics.outcome import Ruler
from eval.run import Evaluation, evaluate, means_of
from ingest.sample import HANDBOOK
from ingest.settings import IngestSettings
from vectorstore.errors import BadInput


def compare(
    folders: options.Folders = None,
    a: options.SideA = None,
    b: options.SideB = None,
    data: options.Data = None,
    sample: options.Sample = False,
    docs: options.Docs = None,
    out: options.Out = Path("eval/out"),
    gate: options.Gated = None,
    min_effect: options.MinEffect = MIN_EFFECT,
    max_flips: options.MaxFlips = 0,
    repeat: options.Repeat = 1,
    tag: options.Tags = None,
    exit_zero: options.ExitZero = False,
) -> None:
    """Compare two results, or two configurations: settings, prompts, models, chunkers, generations of the index."""
    check_metrics(gate or ())
    tolerance = Tolerance(
        tuple(gate) if gate else GATED, min_effect=min_effect, max_flips=max_flips, allow_unreviewed=True
    )
    if folders:
        if len(folders) != 2 or a or b:
            raise BadInput("A comparison has two sides.", "Give two result folders, or --a … and --b ….")
        before, after = (_stored(folder) for folder in folders)
    else:
        sample = sample or data is None
        cases = select(load_cases(SAMPLE / "cases.jsonl" if data is None else data), tag or [])
        sides = [parse_configuration(name, pairs or []) for name, pairs in (("A", a), ("B", b))]
        before, after = _both(cases, sides, docs=HANDBOOK if sample else docs, repeat=repeat)
    baseline = baseline_of(before.rows, before.fingerprint, before.scorers, name="side A")
    comparison = compared(
        after.rows, baseline, fingerprint=after.fingerprint, scorers=after.scorers, tolerance=tolerance
    )
    conclusion = conclude(
        after, thresholds=(), tolerance=tolerance, comparison=comparison, require_baseline=True
    )
    finish(after, conclusion, out)
    leave(conclusion, exit_zero=exit_zero)


def _stored(folder: Path) -> Evaluation:
    """Read a result folder; its intervals are computed again from its cases."""
    rows, fingerprint, scorers = read_folder(folder)
    if not rows:
        typer.echo(f"{folder} holds no case.", err=True)
        raise typer.Exit(Exit.NO_CASES)
    return Evaluation(tuple(rows), means_of(rows), fingerprint, scorers, {}, {}, {})


def _both(
    cases: Sequence[Case], sides: Sequence[Configuration], *, docs: Path | None, repeat: int
) -> list[Evaluation]:
    """Evaluate both sides; where they cut and embed alike, over the same fresh index."""
    with ExitStack() as stack:
        index: Path | None = None
        if docs is not None and len({tuple(sorted(_making(side).items())) for side in sides}) == 1:
            index = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="footnote-eval-")))
            fill(index, docs, sides[0])
        found = []
        words: Ruler | None = None
        for side in sides:
            with opened(side, docs=None if index else docs, index=index) as target:
                embedder, own = target.parts.embedder, ruler_of(side, target)
                # Words weigh as in side A's index on both sides, or another chunker would look like another answer.
                words = words or own
                ruler = Ruler(own.tau, words.weight, words.words)
                found.append(evaluate(cases, target, embedder=embedder, repeat=repeat, ruler=ruler))
        return found


def _making(side: Configuration) -> Mapping[str, str]:
    """Return what decides how an index is made."""
    return {k: v for k, v in side.values.items() if k in IngestSettings.model_fields or k == "embedder"}
