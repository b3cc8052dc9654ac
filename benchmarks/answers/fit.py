"""Fit the reader's weights, and say what each signal earns.

    python -m benchmarks.answers.fit --cache FOLDER            # figures, out of fold
    python -m benchmarks.answers.fit --cache FOLDER --write    # and app/reader/weights.json anew
    python -m benchmarks.answers.fit --cache FOLDER --reader multilingual-e5-small --write             # read by e5
    python -m benchmarks.answers.fit --cache FOLDER --reader multilingual-e5-small --across --write    # across languages

Sentences are ranked by a conditional logit (McFadden, 1974) over the candidates of a question; whether the likeliest
answers, by a logistic regression. Folds hold whole documents; sources weigh the same.
"""

import argparse
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold

from app.reader import rank as ranking
from app.reader.answerable import signals
from app.reader.asked import Asked, ask
from app.reader.rank import ACROSS
from app.settings import AnswerSettings
from app.turn.retrieve import Retriever, open_counter
from benchmarks.answers.fitting_data import FACTS, FACTS_ACROSS, SHARED, Sample, facts, office, squad
from benchmarks.answers.sets import LANGUAGES
from benchmarks.answers.squad import open_texts, paragraphs, questions
from vectorstore.models.e5 import E5
from vectorstore.models.embed import Embedder, RememberingEmbedder
from vectorstore.models.encoder import Encoder
from vectorstore.models.late_interaction import LateInteraction
from vectorstore.models.minilm import MINILM
from vectorstore.open import open_configured_embedder
from vectorstore.settings import StoreSettings

Floats = npt.NDArray[np.float64]
TARGET = Path(ranking.__file__).with_name("weights.json")
HANDBOOKS = ("handbook-18f", "handbook-sourcegraph", "docs-prometheus")
FOLDS = 8
_RIDGE, _LOOSE = 0.01, 0.03
_WORTH = {
    "office": 1.0,
    "office cut": 0.5,
    "office withheld": 0.5,
    "facts": 3.0,
    "squad": 0.3,
    "squad withheld": 0.3,
}
"""What each source weighs in deciding; those that are not named only rank."""
_FALSE, _REFUSED = 0.23, 0.02
_ASKED_IN_VAIN = {False: ("office",), True: ("squad withheld", "facts")}
"""What thresholds are chosen on, in one language and across languages: where nothing answers, office questions are posed."""


@dataclass(frozen=True)
class Read:
    """A sample as the reader sees it: its candidates' signals and which of them answer."""

    sample: Sample
    asked: Asked
    candidates: list[ranking.Candidate]
    right: npt.NDArray[np.bool_]

    def deviations(self, names: Sequence[str]) -> Floats:
        """Return the candidates' signals, shape (candidates, names), as deviations from their average."""
        return ranking.deviations([each.signals for each in self.candidates], names)


def samples(cache: Path, most: int, near: LateInteraction) -> Iterator[Sample]:
    """Yield everything that is fitted on, found by the default embedder and reranked by the reader."""
    yield from facts(_over(cache / "facts", _notes(FACTS), near))
    yield from squad(_over(cache / "squad", paragraphs("fitting"), near), most=most)
    handbooks = cache / "office"
    if not handbooks.exists():
        folders = [str(SHARED / "corpora" / name) for name in HANDBOOKS]
        environment = os.environ | {"FOOTNOTE_DATA_DIR": str(handbooks)}
        command = [sys.executable, "-c", "from app.cli import main; main()", "ingest", *folders]
        subprocess.run(command, env=environment, check=True)
    yield from office(_over(handbooks, (), near), SHARED / "office" / "dev.jsonl")


def samples_across(cache: Path, most: int, near: LateInteraction) -> Iterator[Sample]:
    """Yield the same of questions in another language than the passages: XQuAD's articles for fitting, facts of our own."""
    yield from facts(_over(cache / "facts-across", _notes(FACTS_ACROSS), near), FACTS_ACROSS)
    files = {language: SHARED / "xquad" / f"xquad.{language}.json" for language in LANGUAGES}
    asked = {language: {each.id: each.text for each in questions(file)} for language, file in files.items()}
    for language, file in files.items():
        retriever = _over(cache / f"xquad-{language}", paragraphs("fitting", file), near)
        for other in LANGUAGES:
            if other != language:
                yield from squad(
                    retriever, most=most // len(LANGUAGES) ** 2, file=file, question=asked[other]
                )


def _notes(file: Path) -> list[tuple[str, str, str]]:
    lines = [line.split("\t")[0] for line in file.read_text(encoding="utf-8").splitlines()]
    return [(f"{at}.md", f"Note {at}", line) for at, line in enumerate(lines)]


def _over(folder: Path, texts: Iterable[tuple[str, str, str]], near: LateInteraction) -> Retriever:
    answer, embedder = AnswerSettings(), _embedder()
    store = open_texts(folder, texts, embedder, near)
    return Retriever(store, embedder, near, open_counter(embedder), answer.context_tokens, answer.passages)


@lru_cache(maxsize=1)
def _embedder() -> Embedder:
    return RememberingEmbedder(open_configured_embedder(StoreSettings()))


def reader(name: str) -> Encoder:
    """Open the encoder of that name."""
    (model,) = (each for each in (MINILM, E5) if each.name == name)
    return Encoder(model, cache_dir=StoreSettings().cache)


def read(sample: Sample, near: LateInteraction) -> Read:
    """Gather the signals of a sample's sentences."""
    asked, tokens = ask(sample.part), near.asked(sample.part.whole)
    chunks = {hit.chunk.id: hit.chunk for hit in sample.hits}
    laid = ranking.lay(sample.passages, near, chunks)
    found = ranking.candidates(asked, laid, tokens=tokens)
    right = np.array([sample.holds(each.line) for each in found], bool)
    if sample.answerable and not right.any():
        right = np.array([sample.overlaps(each.line) for each in found], bool)
    return Read(sample, asked, found, right)


def fitted_sentence(rows: Sequence[Read], names: Sequence[str]) -> Floats:
    """Fit what ranks sentences: the log-likelihood that one which answers is taken, sources weighing the same."""
    held = [row for row in rows if row.right.any() and not row.right.all()]
    share = Counter(row.sample.source for row in held)
    tables = [(row.deviations(names), row.right, 1 / share[row.sample.source]) for row in held]

    def loss(weights: Floats) -> tuple[float, Floats]:
        total, slope = 0.0, np.zeros_like(weights)
        for table, right, worth in tables:
            score = table @ weights
            whole, part = softmax(score), softmax(np.where(right, score, -np.inf))
            total -= worth * (logsumexp(score[right]) - logsumexp(score))
            slope -= worth * ((part - whole) @ table)
        return total + _RIDGE * weights @ weights * len(share), slope + 2 * _RIDGE * weights * len(share)

    found: Floats = minimize(loss, np.zeros(len(names)), jac=True, method="L-BFGS-B").x
    return found


def answer_table(rows: Sequence[Read], weights: Mapping[str, float]) -> list[dict[str, float]]:
    """Return what the likeliest sentence of each sample tells, ranked by these weights."""
    return [signals(row.asked, ranking.sorted_by(row.candidates, weights)) for row in rows]


def fitted_answer(
    table: Sequence[Mapping[str, float]], rows: Sequence[Read], names: Sequence[str]
) -> tuple[Floats, float]:
    """Fit what decides, on standardised signals, both answers weighing the same; returned for them as they are."""
    used = [at for at, row in enumerate(rows) if row.sample.source in _WORTH]
    x = np.array([[table[at][name] for name in names] for at in used])
    y = np.array([rows[at].sample.answerable for at in used])
    kinds = [(rows[at].sample.source, rows[at].sample.answerable) for at in used]
    share = Counter(kinds)
    worth = np.array([_WORTH[source] / share[source, answerable] for source, answerable in kinds])
    for side in (y, ~y):
        worth[side] *= len(used) / 2 / worth[side].sum()
    middle, spread = x.mean(axis=0), x.std(axis=0) + 1e-6
    model = LogisticRegression(C=_LOOSE, max_iter=5_000).fit((x - middle) / spread, y, worth)
    slopes: Floats = model.coef_[0] / spread
    return slopes, float(model.intercept_[0] - slopes @ middle)


def folds(rows: Sequence[Read]) -> Iterator[tuple[list[int], list[int]]]:
    """Yield (fitted on, held out), whole documents in each."""
    groups = [row.sample.group for row in rows]
    for fitting, held in GroupKFold(FOLDS).split(rows, groups=groups):
        yield fitting.tolist(), held.tolist()


def out_of_fold(
    rows: Sequence[Read], sentence: Sequence[str], answer: Sequence[str]
) -> tuple[Floats, Floats]:
    """Return whether the first sentence is right and the confidence, each from weights fitted on other documents."""
    first, confidence = np.zeros(len(rows)), np.zeros(len(rows))
    for fitting, held in folds(rows):
        inner, outer = [rows[at] for at in fitting], [rows[at] for at in held]
        found = dict(zip(sentence, fitted_sentence(inner, sentence), strict=True))
        slopes, bias = fitted_answer(answer_table(inner, found), inner, answer)
        for at, row, told in zip(held, outer, answer_table(outer, found), strict=True):
            scores = row.deviations(sentence) @ np.array(list(found.values()))
            first[at] = row.right[int(scores.argmax())]
            odds = bias + slopes @ np.array([told[name] for name in answer])
            confidence[at] = 1 / (1 + np.exp(-odds))
    return first, confidence


def summed_up(rows: Sequence[Read], first: Floats, confidence: Floats) -> dict[str, float]:
    """Return per source the share of first sentences right, and what is sure where a quarter of the rest is."""
    source = np.array([row.sample.source for row in rows])
    open_ = np.array([row.sample.answerable for row in rows])
    found: dict[str, float] = {}
    for name in ("office", "squad", "facts"):
        if name not in source:
            continue
        mine, without = source == name, source == f"{name} withheld"
        found[f"{name} first"] = float(first[mine & open_].mean())
        for told, none in (("posed", mine & ~open_), ("withheld", without)):
            if not none.any():
                continue
            both = none | (mine & open_)
            found[f"{name} {told} auroc"] = float(roc_auc_score(open_[both], confidence[both]))
            bar = float(np.quantile(confidence[none], 0.75))
            found[f"{name} {told} sure"] = float((confidence[mine & open_] > bar).mean())
    return found


def without_answers(row: Read) -> Read | None:
    """Return a sample whose answering sentences are cut out of their passages: the topic is there, the answer is not."""
    kept = [
        each
        for each, right in zip(row.candidates, row.right, strict=True)
        if not (right or row.sample.holds(each.line) or row.sample.overlaps(each.line))
    ]
    if not row.sample.answerable or not kept:
        return None
    cut = replace(row.sample, source=f"{row.sample.source} cut", answerable=False, must=(), quotes=())
    return Read(cut, row.asked, kept, np.zeros(len(kept), bool))


def fitted(rows: Sequence[Read], sentence: Sequence[str], answer: Sequence[str]) -> dict[str, object]:
    """Fit on everything, for the file of weights."""
    found = dict(zip(sentence, fitted_sentence(rows, sentence), strict=True))
    slopes, bias = fitted_answer(answer_table(rows, found), rows, answer)
    rounded = {name: round(float(value), 4) for name, value in found.items()}
    told = {name: round(float(value), 4) for name, value in zip(answer, slopes, strict=True)}
    return {"sentence": rounded, "answer": told, "bias": round(bias, 4)}


def thresholds(rows: Sequence[Read], confidence: Floats, *, across: bool) -> dict[str, float]:
    """Choose from confidences out of fold: `_FALSE` of what is asked in vain sure, `_REFUSED` of the rest refused."""
    vain = _ASKED_IN_VAIN[across]
    mine = np.array([row.sample.source in vain for row in rows])
    held = np.array([row.sample.source in ("office", "squad", *vain) for row in rows])
    open_ = np.array([row.sample.answerable for row in rows])
    sure = float(np.quantile(confidence[mine & ~open_], 1 - _FALSE))
    return {
        "sure": round(sure, 3),
        "unsure": round(float(np.quantile(confidence[held & open_], _REFUSED)), 3),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run as described above; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cache", type=Path, required=True, help="folder for the indexes that are searched")
    parser.add_argument("--squad", type=int, default=400, help="questions of SQuAD")
    parser.add_argument("--reader", default=MINILM.name, choices=[MINILM.name, E5.name])
    parser.add_argument(
        "--across", action="store_true", help="questions in another language than the passages"
    )
    parser.add_argument("--write", action="store_true", help="write the weights")
    parser.add_argument("--ablate", action="store_true", help="say what each signal earns")
    options = parser.parse_args(arguments)
    near = LateInteraction(reader(options.reader), remember=4_000)
    found = (samples_across if options.across else samples)(options.cache, options.squad, near)
    rows = [row for sample in found if (row := read(sample, near)).candidates]
    rows += [cut for row in rows if (cut := without_answers(row))]
    sentence, answer = list(ranking.fitted("").sentence), list(ranking.fitted("").answer)
    first, confidence = out_of_fold(rows, sentence, answer)
    for name, value in summed_up(rows, first, confidence).items():
        print(f"{name:28} {value:.3f}")
    if options.ablate:
        for name in sentence:
            rest = summed_up(rows, *out_of_fold(rows, [each for each in sentence if each != name], answer))
            print(f"without {name:20} office first {rest['office first']:.3f}")
        for name in answer:
            rest = summed_up(rows, *out_of_fold(rows, sentence, [each for each in answer if each != name]))
            print(f"without {name:20} office auroc {rest['office posed auroc']:.3f}")
    if options.write:
        tables = json.loads(TARGET.read_text(encoding="utf-8"))
        name = options.reader + (ACROSS if options.across else "")
        chosen = thresholds(rows, confidence, across=options.across)
        tables[name] = fitted(rows, sentence, answer) | chosen
        TARGET.write_text(json.dumps(tables, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
