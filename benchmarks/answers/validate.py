"""Hold the scorers against what people say, beside measures without any model."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, TypeAlias, TypeVar

import numpy as np
import typer
from typer import Option

from app.language.reading import read
from app.settings import AnswerSettings
from app.support.ground import SUPPORTED, support
from benchmarks.answers.published import published
from benchmarks.answers.wording import refusals
from eval.commands.calibrate import Labelled, weakest
from eval.judge.agreement import Flags, Floats, auroc, balanced_accuracy, best_threshold, bootstrap
from vectorstore.errors import BadInput
from vectorstore.language.sentences import sentence_spans
from vectorstore.language.words import total
from vectorstore.models.embed import Embedder

Scorer: TypeAlias = Callable[[Sequence[Labelled]], Floats]
"""Gives each text a number; more means better supported."""
T = TypeVar("T")


def validate(
    data: Annotated[Path, Option(help="Folder with wice/, summedits/ and, beside it, clapnq/ and squad2/.")],
    scorer: Annotated[list[str] | None, Option(help="Only these scorers.")] = None,
    only: Annotated[list[str] | None, Option("--set", help="Only these sets.")] = None,
    limit: Annotated[int, Option(min=0, help="Texts a set, spread over it; 0: all.")] = 0,
    json_: Annotated[bool, Option("--json", help="Figures as JSON.")] = False,
) -> None:
    """Score texts that people have judged, and tell how far scorers and people agree."""
    every = published(data)
    table = _chosen(scorers(), scorer, "scorer")
    sets = {name: _some(items, limit) for name, items in _chosen(every, only, "set").items()}
    scored = {name: {label: score(items) for label, score in table.items()} for name, items in sets.items()}
    figures = [row for name, items in sets.items() for row in measured(name, items, scored[name])]
    moved = transferred(scored, sets, scorer=next(iter(table)))
    refused = refusals(data)
    if json_:
        body = {"scorers": figures, "thresholds": moved, "refusals": refused}
        typer.echo(json.dumps(body, indent=2, sort_keys=True))
        return
    _tell(_COLUMNS, figures)
    if moved:
        typer.echo(
            "\nA threshold chosen on one set, used on another, beside one from the set's other half:\n"
        )
        _tell(_THRESHOLDS, moved)
    typer.echo("")
    for key, value in refused.items():
        typer.echo(f"{key}: {value}")


_COLUMNS = {
    "set": "set",
    "scorer": "scorer",
    "n": "n",
    "auroc": "AUROC",
    "shipped": "balanced accuracy as shipped",
    "calibrated": "calibrated on the set's other half",
}
_THRESHOLDS = {
    "to": "set",
    "scorer": "scorer",
    "from": "threshold of",
    "foreign": "balanced accuracy",
    "own": "with its own",
    "gain": "gain, paired",
}


def _tell(columns: Mapping[str, str], rows: Sequence[Mapping[str, object]]) -> None:
    typer.echo(f"| {' | '.join(columns.values())} |")
    typer.echo("|" + "---|" * len(columns))
    for row in rows:
        typer.echo("| " + " | ".join(str(row[key]) for key in columns) + " |")


def _chosen(found: Mapping[str, T], names: Sequence[str] | None, kind: str) -> dict[str, T]:
    if unknown := set(names or ()) - found.keys():
        raise BadInput(f"There is no {kind} {min(unknown)!r}.", f"There are {', '.join(found)}.")
    return {name: value for name, value in found.items() if not names or name in names}


def scorers() -> dict[str, Scorer]:
    """Return every scorer of support by name; the trained checker is there when its file is set."""
    found: dict[str, Scorer] = {
        "footnote": lambda items: _each(items, lambda item: weakest(item, support)),
        "token overlap": lambda items: _each(items, _overlap),
        "idf coverage": lambda items: _each(items, _coverage),
        "embedding cosine": _cosine,
    }
    model = AnswerSettings().support_model
    if model:
        found["footnote, trained"] = _trained(model)
    return found


def measured(name: str, items: Sequence[Labelled], scored: Mapping[str, Floats]) -> list[dict[str, object]]:
    """Measure every scorer on one set: AUROC, and balanced accuracy before and after calibration on it."""
    labels, groups = _labels(items), _groups(items)
    rows: list[dict[str, object]] = []
    for scorer, scores in scored.items():
        shipped = (scores >= SUPPORTED).astype(np.float64)
        own = (scores >= halves(scores, labels, groups)).astype(np.float64)
        rows.append(
            {
                "set": name,
                "scorer": scorer,
                "n": len(items),
                "auroc": str(bootstrap(_auroc_of(scores, labels), labels, groups)),
                "shipped": str(bootstrap(_decided(shipped, labels), labels, groups)),
                "calibrated": str(bootstrap(_decided(own, labels), labels, groups)),
            }
        )
    return rows


def _labels(items: Sequence[Labelled]) -> Flags:
    return np.array([item.supported for item in items])


def _groups(items: Sequence[Labelled]) -> list[str]:
    return [item.group or item.id for item in items]


def halves(scores: Floats, labels: Flags, groups: Sequence[str]) -> Floats:
    """Return each text's threshold, chosen on the documents of the other half."""
    place = {group: number % 2 for number, group in enumerate(dict.fromkeys(groups))}
    side = np.array([place[group] for group in groups])
    cuts = np.full(len(scores), SUPPORTED)
    for half in (0, 1):
        other = side != half
        if 0 < labels[other].sum() < other.sum():
            cuts[side == half] = best_threshold(scores[other], labels[other])
    return cuts


def transferred(
    scored: Mapping[str, Mapping[str, Floats]], sets: Mapping[str, Sequence[Labelled]], *, scorer: str
) -> list[dict[str, object]]:
    """Decide each set by the threshold that fits another, and by one of its own (from its other half's documents)."""
    rows: list[dict[str, object]] = []
    for target, items in sets.items():
        labels, groups, scores = _labels(items), _groups(items), scored[target][scorer]
        own = (scores >= halves(scores, labels, groups)).astype(np.float64)
        for source in sets.keys() - {target}:
            cut = best_threshold(scored[source][scorer], _labels(sets[source]))
            foreign = (scores >= cut).astype(np.float64)
            figures: dict[str, object] = {
                "from": f"{source} ({cut:.2f})",
                "to": target,
                "scorer": scorer,
                "foreign": str(bootstrap(_decided(foreign, labels), labels, groups)),
                "own": str(bootstrap(_decided(own, labels), labels, groups)),
                "gain": str(bootstrap(_gain(own, foreign, labels), labels, groups)),
            }
            rows.append(figures)
    return sorted(rows, key=lambda row: (str(row["to"]), str(row["from"])))


def _each(items: Sequence[Labelled], score: Callable[[Labelled], float]) -> Floats:
    return np.array([score(item) for item in items], dtype=np.float64)


def _overlap(item: Labelled) -> float:
    claim, known = read(item.text), read(item.evidence)
    return len(claim.stems & known.stems) / (len(claim.stems) or 1)


def _coverage(item: Labelled) -> float:
    claim, known = read(item.text), read(item.evidence)
    return total(claim.stems & known.stems) / (total(claim.stems) or 1.0)


def _cosine(items: Sequence[Labelled]) -> Floats:
    """Compare each text with the nearest sentence of its evidence."""
    embedder = _embedder()
    known: dict[str, np.ndarray] = {}
    texts = embedder.embed_documents([item.text for item in items])
    values = []
    for item, vector in zip(items, texts, strict=True):
        if item.evidence not in known:
            spans = sentence_spans(item.evidence)
            known[item.evidence] = embedder.embed_documents([item.evidence[a:b] for a, b in spans] or [""])
        values.append(float((known[item.evidence] @ vector).max()))
    return np.array(values, dtype=np.float64)


def _embedder() -> Embedder:
    from vectorstore.open import open_configured_embedder
    from vectorstore.settings import StoreSettings

    return open_configured_embedder(StoreSettings())


def _trained(model: str) -> Scorer:
    from vectorstore.models.pair_model import open_checker

    checker = open_checker(model)

    def score(sentence: str, evidence: str) -> float:
        return support(sentence, evidence, checker=checker)

    return lambda items: _each(items, lambda item: weakest(item, score))


def _auroc_of(scores: Floats, labels: Flags) -> Callable[[np.ndarray], float]:
    return lambda rows: auroc(scores[rows], labels[rows])


def _decided(said: Floats, labels: Flags) -> Callable[[np.ndarray], float]:
    return lambda rows: balanced_accuracy(said[rows], labels[rows], 0.5)


def _gain(own: Floats, foreign: Floats, labels: Flags) -> Callable[[np.ndarray], float]:
    return lambda rows: (
        balanced_accuracy(own[rows], labels[rows], 0.5) - balanced_accuracy(foreign[rows], labels[rows], 0.5)
    )


def _some(items: Sequence[Labelled], limit: int) -> Sequence[Labelled]:
    if not limit or len(items) <= limit:
        return items
    step = len(items) / limit
    return [items[int(number * step)] for number in range(limit)]


if __name__ == "__main__":
    typer.run(validate)
