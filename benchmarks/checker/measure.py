"""Measure a trained checker against human labels, beside the lexical ruler, on texts that it was not trained on.

    python -m benchmarks.checker.measure --model checkpoint
    python -m benchmarks.checker.measure --model checker.onnx
    python -m benchmarks.checker.measure --model checkpoint --cache FOLDER --sets wice sales_call

Sets: WiCE claims and SummEdits' domains. A text is supported as far as its weakest sentence. `rules` puts verbatim
sentences at 1 and those with a foreign number at 0; `both` adds the lexical ruler's evidence, weighed on WiCE's
other articles. Intervals: 2,000 paired bootstrap draws of documents.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from app.language.reading import read
from app.support import ground
from app.support.ground import gather
from benchmarks.answers.support import (
    Labelled,
    Scored,
    auroc,
    balanced,
    best_threshold,
    load,
    logistic,
    prepare,
)
from benchmarks.answers.support import fit as fit_ruler
from vectorstore.language.sentences import sentence_spans
from vectorstore.models.pair_model import PairModel

Floats = npt.NDArray[np.float64]
Predict = Callable[[list[tuple[str, str]]], Floats]
DRAWS = 2_000


@dataclass(frozen=True, slots=True)
class Parts:
    """One text's sentences: the lexical features of their windows, the model's logit, and 1, 0 or -1 for the rules."""

    windows: list[Floats]
    model: Floats
    rule: npt.NDArray[np.int8]

    def lexical(self, weights: Floats) -> Floats:
        """Return each sentence's best window under the ruler's weights."""
        return np.array([float((rows @ weights).max()) if len(rows) else -8.0 for rows in self.windows])


@dataclass(frozen=True, slots=True)
class Weights:
    """The lexical ruler's own, and what it and the model count for together."""

    ruler: Floats
    mix: Floats


def torch_predict(folder: Path, *, head: int = 0) -> Predict:
    """Return a head's logits as a function of pairs: 0 for support, 1 for answer."""
    import torch
    from tokenizers import Tokenizer

    from benchmarks.checker.model import Checker, half_precision, padded
    from vectorstore.models.minilm import tokenizer_definition
    from vectorstore.models.pair_model import MAX_TOKENS, kinds

    torch.set_num_threads(1)
    model = Checker()
    model.load(folder)
    model.eval()
    tokenizer = Tokenizer.from_buffer(tokenizer_definition())
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS, strategy="only_second")

    @torch.no_grad()
    def predict(pairs: list[tuple[str, str]]) -> Floats:
        rows = [tokenizer.encode(*pair) for pair in pairs]
        found = np.zeros(len(rows))
        order = sorted(range(len(rows)), key=lambda place: len(rows[place].ids))
        for start in range(0, len(order), 24):
            places = order[start : start + 24]
            tokens = padded([np.array(rows[place].ids) for place in places])
            sides = padded([kinds(rows[place].ids, rows[place].type_ids) for place in places])
            mask = padded([np.ones(len(rows[place].ids)) for place in places])
            with half_precision("cpu"):
                found[places] = model(tokens, mask, sides)[head].float().numpy()
        return found

    return predict


def onnx_predict(path: Path) -> Predict:
    """Return the exported model's support logits as a function of pairs."""
    model = PairModel(path)
    return lambda pairs: np.array([model.support(*pair) for pair in pairs])


def parts(items: list[Labelled], predict: Predict, prepared: list[Scored]) -> list[Parts]:
    """Score every sentence by both."""
    pairs, counts = [], []
    for item in items:
        sentences = [item.text[a:b] for a, b in sentence_spans(item.text)]
        pairs += [(text, " ".join(gather(read(text), item.evidence).split())) for text in sentences]
        counts.append(len(sentences))
    began = time.process_time()
    logits = iter(np.split(predict(pairs), np.cumsum(counts)[:-1]))
    took = (time.process_time() - began) / max(1, len(pairs))
    print(f"{len(pairs)} pairs, {took * 1_000:.1f} ms CPU each", flush=True)
    found = []
    for scored in prepared:
        windows = [features for features, _ in scored.sentences]
        rule = [_rule(fixed) for _, fixed in scored.sentences]
        found.append(Parts(windows, next(logits), np.array(rule, np.int8)))
    return found


def _rule(fixed: npt.NDArray[np.int8]) -> int:
    if (fixed == 1).any():
        return 1
    return 0 if (fixed == 0).any() or not len(fixed) else -1


def kept(name: str, items: list[Labelled], folder: Path | None) -> list[Scored]:
    """Return the lexical features, from the folder if they were kept there."""
    path = folder / f"{name}.npz" if folder else None
    if path and path.is_file():
        with np.load(path) as file:
            rows = iter(np.split(file["features"], np.cumsum(file["counts"])[:-1]))
            fixed = iter(np.split(file["fixed"], np.cumsum(file["counts"])[:-1]))
        return [
            Scored([(next(rows), next(fixed)) for _ in sentence_spans(item.text)], item.supported, item.group)
            for item in items
        ]
    found = prepare(items)
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        sentences = [sentence for item in found for sentence in item.sentences]
        np.savez(
            path,
            features=np.concatenate([rows for rows, _ in sentences]),
            fixed=np.concatenate([marks for _, marks in sentences]),
            counts=np.array([len(marks) for _, marks in sentences]),
        )
    return found


def combined(item: Parts, weights: Weights, *, rules: bool = True) -> float:
    """Return the weakest sentence's logit under weights for lexical, model and bias."""
    mix = weights.mix
    values = mix[0] * item.lexical(weights.ruler) + mix[1] * item.model + mix[2]
    if rules:
        values = np.where(item.rule == 1, 20.0, np.where(item.rule == 0, -20.0, values))
    return float(values.min(initial=20.0))


def fit(items: list[Parts], labels: npt.NDArray[np.bool_], ruler: Floats) -> Floats:
    """Weigh lexical and model evidence by the deciding sentence of each text that the rules leave open."""
    weights = np.array([1.0, 1.0, 0.0])
    for _ in range(5):
        rows, said = [], []
        for item, label in zip(items, labels, strict=True):
            open_ = np.flatnonzero(item.rule == -1)
            if len(open_):
                lexical = item.lexical(ruler)
                values = weights[0] * lexical[open_] + weights[1] * item.model[open_]
                place = open_[int(np.argmin(values))]
                rows.append([lexical[place], item.model[place], 1.0])
                said.append(float(label))
        said_ = np.array(said)
        shares = np.where(said_ == 1, 0.5 / said_.sum(), 0.5 / (1 - said_).sum())
        weights = logistic(np.array(rows), said_, shares)
    return weights


def difference(
    first: Floats, second: Floats, labels: npt.NDArray[np.bool_], groups: list[str]
) -> tuple[float, float]:
    """Return the 95 % paired bootstrap interval of AUROC(first) - AUROC(second), resampling documents."""
    generator = np.random.default_rng(0)
    names = np.array(groups)
    members = [np.flatnonzero(names == name) for name in dict.fromkeys(groups)]
    values = []
    for _ in range(DRAWS):
        drawn = np.concatenate([members[i] for i in generator.integers(0, len(members), len(members))])
        if 0 < labels[drawn].sum() < len(drawn):
            values.append(auroc(first[drawn], labels[drawn]) - auroc(second[drawn], labels[drawn]))
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def main() -> None:
    """Print one row a set."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--cache", type=Path, help="folder to keep lexical features in")
    parser.add_argument("--sets", nargs="*", default=["wice", "news", "qmsumm", "sales_call"])
    arguments = parser.parse_args()
    model: Path = arguments.model
    predict = onnx_predict(model) if model.suffix == ".onnx" else torch_predict(model)
    raw = load()
    began = time.process_time()
    names = tuple(dict.fromkeys(("wice", *arguments.sets)))
    prepared = {name: kept(name, raw[name], arguments.cache) for name in names}
    found = {}
    for name in names:
        found[name] = parts(raw[name], predict, prepared[name])
        if arguments.cache:
            logits = np.concatenate([item.model for item in found[name]])
            np.save(arguments.cache / f"{name}.{arguments.model.name}.npy", logits)
    print(f"{time.process_time() - began:.0f} CPU seconds")
    labels = np.array([item.supported for item in raw["wice"]])
    shipped = np.array([*ground._WEIGHTS.values(), ground._BIAS])  # noqa: SLF001
    print(
        json.dumps(
            {"mix of the shipped ruler and the model": fit(found["wice"], labels, shipped).round(3).tolist()}
        )
    )
    for name in arguments.sets:
        report(name, raw, found, prepared["wice"])


def report(
    name: str, raw: dict[str, list[Labelled]], found: dict[str, list[Parts]], wice: list[Scored]
) -> None:
    """Print AUROC of the lexical ruler, the model and both, and what they gain over the first."""
    items = raw[name]
    labels = np.array([item.supported for item in items])
    known = np.array([item.supported for item in raw["wice"]])
    groups = [item.group for item in items]
    scores = {
        way: np.zeros(len(items)) for way in ("lexical", "model", "model, rules", "both", "both, no rules")
    }
    for training, testing in _folds(name, groups, len(wice)):
        ruler = fit_ruler([[wice[i] for i in training]])
        mix = fit([found["wice"][i] for i in training], known[training], ruler)
        ways = {
            "lexical": (np.array([1.0, 0.0, 0.0]), True),
            "model": (np.array([0.0, 1.0, 0.0]), False),
            "model, rules": (np.array([0.0, 1.0, 0.0]), True),
            "both": (mix, True),
            "both, no rules": (mix, False),
        }
        for way, (weights, rules) in ways.items():
            for i in testing:
                scores[way][i] = combined(found[name][i], Weights(ruler, weights), rules=rules)
    for way, values in scores.items():
        low, high = difference(values, scores["lexical"], labels, groups)
        cut = best_threshold(values, labels)
        print(
            f"{name:11}{len(items):5} {way:15} AUROC {auroc(values, labels):.3f}, over lexical [{low:+.3f} {high:+.3f}], "
            f"best balanced accuracy {balanced(values, labels, cut):.3f}",
            flush=True,
        )


def _folds(name: str, groups: list[str], count: int) -> list[tuple[list[int], list[int]]]:
    """Return which WiCE claims to weigh on and which texts of the set to judge: other articles' ones for WiCE."""
    if name != "wice":
        return [(list(range(count)), list(range(len(groups))))]
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    even = [place for place, group in enumerate(groups) if numbers[group] % 2 == 0]
    odd = [place for place, group in enumerate(groups) if numbers[group] % 2 == 1]
    return [(even, odd), (odd, even)]


if __name__ == "__main__":
    main()
