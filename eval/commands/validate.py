"""`footnote eval validate`: hold the scorers against what people say, beside measures without any model."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, TypeAlias

import numpy as np
import typer
from typer import Option

from app.ground import SUPPORTED, support
from app.language.rarity import total
from app.language.reading import read
from app.language.sentences import sentence_spans
from app.settings import AnswerSettings
from eval.labelled import Labelled, published
from eval.metrics.refusal import sounds_refused
from eval.statistics.agreement import Flags, Floats, auroc, balanced_accuracy, best_threshold, bootstrap
from vectorstore.embed import Embedder
from vectorstore.errors import BadInput

Scorer: TypeAlias = Callable[[Sequence[Labelled]], Floats]
"""Gives each text a number; more means better supported."""
_MIN_REFUSALS = 0.97


def validate(
    data: Annotated[Path, Option(help="Folder with wice/, summedits/ and, beside it, clapnq/.")],
    scorer: Annotated[list[str] | None, Option(help="Only these scorers.")] = None,
    limit: Annotated[int, Option(min=0, help="Texts a set, spread over it; 0: all.")] = 0,
    json_: Annotated[bool, Option("--json", help="Figures as JSON.")] = False,
) -> None:
    """Score texts that people have judged, and tell how far scorers and people agree."""
    table = {name: found for name, found in scorers().items() if not scorer or name in scorer}
    if unknown := set(scorer or ()) - scorers().keys():
        raise BadInput(f"There is no scorer {min(unknown)!r}.", f"There are {', '.join(scorers())}.")
    figures = []
    for name, items in published(data).items():
        figures += measured(name, _some(items, limit), table)
    refused = refusals(data.parent / "clapnq")
    if json_:
        typer.echo(json.dumps({"scorers": figures, "refusals": refused}, indent=2, sort_keys=True))
        return
    typer.echo(
        "| set | scorer | n | AUROC | balanced accuracy as shipped | calibrated on the set's other half |"
    )
    typer.echo("|---|---|---|---|---|---|")
    for row in figures:
        typer.echo("| " + " | ".join(str(row[key]) for key in _COLUMNS) + " |")
    for key, value in refused.items():
        typer.echo(f"{key}: {value}")


_COLUMNS = ("set", "scorer", "n", "auroc", "shipped", "calibrated")


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


def measured(name: str, items: Sequence[Labelled], table: Mapping[str, Scorer]) -> list[dict[str, object]]:
    """Measure every scorer on one set: AUROC, and balanced accuracy before and after calibration on it."""
    labels = np.array([item.supported for item in items])
    groups = [item.group or item.id for item in items]
    rows: list[dict[str, object]] = []
    for scorer, score in table.items():
        scores = score(items)
        cut = halves(scores, labels, groups)
        rows.append(
            {
                "set": name,
                "scorer": scorer,
                "n": len(items),
                "auroc": str(bootstrap(_auroc_of(scores, labels), labels, groups)),
                "shipped": str(
                    bootstrap(_balanced_of(scores, labels, np.full(len(labels), SUPPORTED)), labels, groups)
                ),
                "calibrated": str(bootstrap(_balanced_of(scores, labels, cut), labels, groups)),
            }
        )
    return rows


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


def refusals(clapnq: Path) -> dict[str, str]:
    """Return how often the wording of a refusal is told from that of an answer, on both sides."""
    from app.language.phrases import languages, say

    ours = [
        say(p, code).replace("{titles}", "Leave policy")
        for code in languages()
        for p in ("refused", "nothing")
    ]
    said = [(text, True) for text in [*ours, *_WORDINGS]]
    path = clapnq / "clapnq_dev_answerable.jsonl"
    if path.is_file():
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        said += [
            (found["answer"], False) for row in rows for found in row["output"] if found["answer"].strip()
        ]
    right = {
        kind: [sounds_refused(text) is kind for text, is_ in said if is_ is kind] for kind in (True, False)
    }
    shares = {kind: sum(found) / len(found) for kind, found in right.items() if found}
    accuracy = sum(shares.values()) / len(shares)
    verdict = "reached" if accuracy >= _MIN_REFUSALS else "missed"
    return {
        "refusals known by their words": f"{shares[True]:.3f} of {len(right[True])}",
        "answers of people taken for answers": f"{shares.get(False, 0.0):.3f} of {len(right[False])}",
        "balanced accuracy of the wording": f"{accuracy:.3f} (target {_MIN_REFUSALS}: {verdict})",
    }


_WORDINGS = (
    "I do not have enough information to answer this question.",
    "Based on the provided documents, I'm unable to determine the exact figure.",
    "The text does not say when the building opens.",
    "I could not find any mention of a bicycle allowance in the handbook.",
    "Sorry, the available sources don't provide that detail.",
    "There is not enough context to answer.",
    "That is not covered in the documents I have access to.",
    "The answer is not stated in the passages.",
    "No relevant information was found in the knowledge base.",
    "I cannot answer that with the information given.",
    "The handbook doesn't address this.",
    "It isn't specified in the policy.",
    "The excerpts give no information about this.",
    "I have no information on who the supplier is.",
    "This can't be determined from the context.",
    "Your documents do not appear to mention this topic.",
    "We don't know: nothing in the material says so.",
    "The question is outside the scope of the documents.",
    "As the context contains no details about salaries, I cannot say.",
    "Regrettably the sources provided are silent on this point.",
)
"""Written before the patterns were run on them, and not changed since."""


def weakest(item: Labelled, score: Callable[[str, str], float]) -> float:
    """Return the least supported sentence's score: a text is as good as that."""
    spans = sentence_spans(item.text)
    return min((score(item.text[start:end], item.evidence) for start, end in spans), default=0.0)


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
    from app.build import open_configured_embedder
    from vectorstore.settings import StoreSettings

    return open_configured_embedder(StoreSettings())


def _trained(model: str) -> Scorer:
    from vectorstore.pair_model import open_judge

    judge = open_judge(model)

    def score(sentence: str, evidence: str) -> float:
        return support(sentence, evidence, judge=judge)

    return lambda items: _each(items, lambda item: weakest(item, score))


def _auroc_of(scores: Floats, labels: Flags) -> Callable[[np.ndarray], float]:
    return lambda rows: auroc(scores[rows], labels[rows])


def _balanced_of(scores: Floats, labels: Flags, cuts: Floats) -> Callable[[np.ndarray], float]:
    above = (scores >= cuts).astype(np.float64)
    return lambda rows: balanced_accuracy(above[rows], labels[rows], 0.5)


def _some(items: Sequence[Labelled], limit: int) -> Sequence[Labelled]:
    if not limit or len(items) <= limit:
        return items
    step = len(items) / limit
    return [items[int(number * step)] for number in range(limit)]
