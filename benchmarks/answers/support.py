"""Fit and measure the support checker against human labels.

    python -m benchmarks.answers.support            # each set beside simpler measures
    python -m benchmarks.answers.support --fit      # print weights and bias fitted on WiCE

Sets: WiCE claims (supported or not; partly counts as not) and SummEdits summaries in three domains (consistent
or edited). A text of several sentences is supported as far as its weakest sentence. `fitted` weights and the
threshold come from the other half of the articles for WiCE, and from WiCE for SummEdits.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from app.language.reading import Reading, read, windows
from app.support import ground
from vectorstore.language.sentences import sentence_spans
from vectorstore.language.words import total

DATA = Path(__file__).parents[2] / "../shared/data/groundedness"
Floats = npt.NDArray[np.float64]
_NAMES = tuple(ground._WEIGHTS)  # noqa: SLF001


@dataclass(frozen=True, slots=True)
class Labelled:
    """A text, what it should rest on, and whether people say that it does."""

    text: str
    evidence: str
    supported: bool
    group: str


def load() -> dict[str, list[Labelled]]:
    """Read the four sets."""
    sets: dict[str, list[Labelled]] = {"wice": []}
    for line in (DATA / "wice/claim_dev.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        evidence = "\n\n".join(part.strip() for part in row["evidence"] if part.strip())
        sets["wice"].append(
            Labelled(row["claim"], evidence, row["label"] == "supported", row["meta"]["claim_title"])
        )
    for name in ("news", "qmsumm", "sales_call"):
        rows = json.loads((DATA / f"summedits/summedits_{name}.json").read_text(encoding="utf-8"))
        sets[name] = [Labelled(r["summary"], r["doc"], int(r["label"]) == 1, r["doc"][:80]) for r in rows]
    return sets


@dataclass(slots=True)
class Scored:
    """One text's sentences; for each its windows' features, and the rule's verdict where one applies."""

    sentences: list[tuple[Floats, npt.NDArray[np.int8]]]
    label: bool
    group: str

    def value(self, weights: Floats, *, rules: bool) -> float:
        """Return the weakest sentence's best window."""
        return min((self._sentence(i, weights, rules) for i in range(len(self.sentences))), default=0.0)

    def _sentence(self, place: int, weights: Floats, rules: bool) -> float:
        features, fixed = self.sentences[place]
        if not len(features):
            return 0.0
        values = 1 / (1 + np.exp(-features @ weights))
        if rules:
            values = np.where(fixed == 1, 1.0, np.where(fixed == 0, 0.0, values))
        return float(values.max())


def prepare(items: list[Labelled]) -> list[Scored]:
    """Compute every sentence's features once."""
    return [
        Scored(
            [_sentence(item.text[a:b], item.evidence) for a, b in sentence_spans(item.text)],
            item.supported,
            item.group,
        )
        for item in items
    ]


def _sentence(sentence: str, evidence: str) -> tuple[Floats, npt.NDArray[np.int8]]:
    claim = read(sentence)
    refuted = ground.contradicts(claim, read(evidence))
    rows, fixed = [], []
    for window in windows(evidence):
        if claim.stems.isdisjoint(window.reading.stems):
            continue
        values = ground.features(claim, window.reading)
        rows.append([*(values[name] for name in _NAMES), 1.0])
        verbatim = len(claim.words) > 2 and claim.spoken in window.reading.spoken
        fixed.append(1 if verbatim else 0 if refuted else -1)
    return np.array(rows).reshape(len(rows), len(_NAMES) + 1), np.array(fixed, np.int8)


def fit(sets: list[list[Scored]], *, rounds: int = 6) -> Floats:
    """Fit logistic weights; each set weighs the same, each text is judged by its deciding window."""
    weights = np.array([*ground._WEIGHTS.values(), ground._BIAS])  # noqa: SLF001
    for _ in range(rounds):
        rows, labels, shares = [], [], []
        for items in sets:
            positives = sum(item.label for item in items)
            for item in items:
                for features in _deciding(item, weights):
                    rows.append(features)
                    labels.append(float(item.label))
                    shares.append(0.5 / (positives if item.label else len(items) - positives))
        weights = logistic(np.array(rows), np.array(labels), np.array(shares) / np.sum(shares))
    return weights


def _deciding(item: Scored, weights: Floats) -> list[Floats]:
    best = []
    for features, fixed in item.sentences:
        open_rows = features[fixed == -1] if len(features) else features
        if len(open_rows):
            best.append(open_rows[int(np.argmax(open_rows @ weights))])
    if not best or item.label:
        return best
    return [min(best, key=lambda row: float(row @ weights))]


def logistic(rows: Floats, labels: Floats, shares: Floats, *, penalty: float = 1e-3) -> Floats:
    """Return weights that minimise the weighted log loss plus an L2 penalty, by Newton's method."""
    weights = np.zeros(rows.shape[1])
    ridge = np.full(rows.shape[1], penalty)
    ridge[-1] = 0
    for _ in range(30):
        values = 1 / (1 + np.exp(-rows @ weights))
        gradient = rows.T @ (shares * (values - labels)) + ridge * weights
        hessian = (rows * (shares * values * (1 - values))[:, None]).T @ rows + np.diag(ridge + 1e-9)
        step = np.linalg.solve(hessian, gradient)
        weights = weights - step
        if float(np.abs(step).max()) < 1e-8:
            break
    return weights


def auroc(scores: Floats, labels: npt.NDArray[np.bool_]) -> float:
    """Return the chance that a supported text scores above an unsupported one; ties count half."""
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    positives = int(labels.sum())
    negatives = len(labels) - positives
    return float((ranks[labels].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def balanced(scores: Floats, labels: npt.NDArray[np.bool_], threshold: float) -> float:
    """Return the mean of both classes' accuracy."""
    said = scores >= threshold
    return float((said[labels].mean() + (~said[~labels]).mean()) / 2)


def best_threshold(scores: Floats, labels: npt.NDArray[np.bool_]) -> float:
    """Return the threshold with the best balanced accuracy."""
    return float(max(np.unique(scores), key=lambda cut: balanced(scores, labels, float(cut))))


def interval(scores: Floats, labels: npt.NDArray[np.bool_], groups: list[str]) -> tuple[float, float]:
    """Return a 95 % bootstrap interval of AUROC, resampling documents."""
    generator = np.random.default_rng(0)
    members = [np.flatnonzero(np.array(groups) == name) for name in dict.fromkeys(groups)]
    values = []
    for _ in range(500):
        drawn = np.concatenate([members[i] for i in generator.integers(0, len(members), len(members))])
        if 0 < labels[drawn].sum() < len(drawn):
            values.append(auroc(scores[drawn], labels[drawn]))
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def overlap(text: str, evidence: str, *, weighted: bool) -> float:
    """Return the share of the text's stems that the evidence holds: the measure to beat."""
    claim, known = read(text), read(evidence)
    return _share(claim, known, weighted)


def _share(claim: Reading, known: Reading, weighted: bool) -> float:
    shared = claim.stems & known.stems
    if weighted:
        return total(shared) / (total(claim.stems) or 1.0)
    return len(shared) / (len(claim.stems) or 1)


def main() -> None:
    """Print the table or the weights."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--fit", action="store_true")
    arguments = parser.parse_args()
    raw = load()
    began = time.process_time()
    sets = {name: prepare(items) for name, items in raw.items()}
    count = sum(len(item.sentences) for items in sets.values() for item in items)
    print(
        f"{count} sentences, {1_000 * (time.process_time() - began) / count:.2f} ms each (reading the evidence included)"
    )
    if arguments.fit:
        weights = fit([sets["wice"]])
        print({name: round(float(value), 2) for name, value in zip((*_NAMES, "bias"), weights, strict=True)})
        return
    print(f"{'set':12}{'n':>5} | AUROC {'':16} | balanced accuracy, threshold from WiCE")
    print(
        f"{'':17} | {'overlap':>8}{'idf':>7}{'shipped':>9}{'fitted':>18} | {'overlap':>8}{'idf':>7}{'fitted':>8}"
    )
    for name in sets:
        report(name, raw, sets)


def report(name: str, raw: dict[str, list[Labelled]], sets: dict[str, list[Scored]]) -> None:
    """Print one set's row."""
    shipped = np.array([*ground._WEIGHTS.values(), ground._BIAS])  # noqa: SLF001
    measures: dict[str, Callable[[Labelled, Scored, Floats], float]] = {
        "overlap": lambda item, _, __: overlap(item.text, item.evidence, weighted=False),
        "idf": lambda item, _, __: overlap(item.text, item.evidence, weighted=True),
        "shipped": lambda _, scored, __: scored.value(shipped, rules=True),
        "fitted": lambda _, scored, weights: scored.value(weights, rules=True),
        "no rules": lambda _, scored, weights: scored.value(weights, rules=False),
    }
    labels = np.array([item.label for item in sets[name]])
    cells = {}
    for measure, compute in measures.items():
        scores, said = np.zeros(len(labels)), np.zeros(len(labels), np.bool_)
        for training, testing in _folds(name, sets):
            weights = fit([[sets["wice"][i] for i in training]])
            known = np.array([compute(raw["wice"][i], sets["wice"][i], weights) for i in training])
            cut = best_threshold(known, np.array([sets["wice"][i].label for i in training]))
            for i in testing:
                scores[i] = compute(raw[name][i], sets[name][i], weights)
                said[i] = scores[i] >= cut
        right = float((said[labels].mean() + (~said[~labels]).mean()) / 2)
        cells[measure] = (auroc(scores, labels), right, scores)
    low, high = interval(cells["fitted"][2], labels, [item.group for item in sets[name]])
    print(
        f"{name:12}{len(labels):5} | {cells['overlap'][0]:8.3f}{cells['idf'][0]:7.3f}{cells['shipped'][0]:9.3f}"
        f"{cells['fitted'][0]:7.3f} [{low:.3f} {high:.3f}] (no rules {cells['no rules'][0]:.3f}) | "
        f"{cells['overlap'][1]:8.3f}{cells['idf'][1]:7.3f}{cells['fitted'][1]:8.3f}"
    )


def _folds(name: str, sets: dict[str, list[Scored]]) -> list[tuple[list[int], list[int]]]:
    """Return which WiCE claims to fit on and which texts of the set to judge."""
    groups = {group: n for n, group in enumerate(dict.fromkeys(item.group for item in sets["wice"]))}
    even = [n for n, item in enumerate(sets["wice"]) if groups[item.group] % 2 == 0]
    odd = [n for n, item in enumerate(sets["wice"]) if groups[item.group] % 2 == 1]
    if name == "wice":
        return [(even, odd), (odd, even)]
    return [(even + odd, list(range(len(sets[name]))))]


if __name__ == "__main__":
    main()
