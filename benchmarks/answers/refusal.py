"""Fit and measure what ranks sentences and what decides to refuse, on SQuAD 2.0 (articles split as splits.toml says).

    python -m benchmarks.answers.refusal --cache FOLDER         # figures, with a threshold from the fitting half
    python -m benchmarks.answers.refusal --cache FOLDER --fit   # print weights fitted on the fitting half

Three kinds of questions: answerable, unanswerable as SQuAD's authors wrote them (close to the paragraph on
purpose), and withheld: an answerable one whose paragraph is taken out of the hits.
"""

import argparse
import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from app.events import Passage
from app.question import Part
from app.reader import answerable, rank
from app.reader.asked import ask
from app.reader.rank import Candidate
from benchmarks.answers.quotes import extract
from benchmarks.answers.splits import part_of
from benchmarks.answers.squad import Asked, found, open_index, questions
from benchmarks.answers.support import auroc, logistic
from benchmarks.kept_vectors import KeptVectors
from vectorstore.types import Hit

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Row:
    """A question, its hits, and whether they hold the answer."""

    asked: Asked
    hits: Sequence[Hit]
    kind: str
    fitting: bool

    @property
    def passages(self) -> list[Passage]:
        return [
            Passage(
                n, hit.document, hit.chunk.span, hit.chunk.text, (hit.chunk.id,), context=hit.chunk.context
            )
            for n, hit in enumerate(self.hits, start=1)
        ]

    def answers(self, candidate: Candidate) -> bool:
        """Say whether the candidate holds one of the answers, at its place."""
        line = candidate.line
        inside = any(line.start <= start < line.end for start in self.asked.starts)
        return inside and self.hits[candidate.passage].document.uri == self.asked.paragraph


def load(embedder: KeptVectors, folder: Path) -> list[Row]:
    """Search for every question, and note which part its article belongs to."""
    store = open_index(folder / "squad", embedder)
    asked = list(questions())
    embedder.embed_documents([item.text for item in asked])
    rows = []
    for item in asked:
        hits = found(store, embedder, item, limit=7)
        fitting = part_of(item.article) == "fitting"
        rows.append(Row(item, hits[:6], "answerable" if item.answerable else "unanswerable", fitting))
        if item.answerable:
            others = [hit for hit in hits if not _holds(hit, item)][:6]
            rows.append(Row(item, others, "withheld", fitting))
    store.close()
    return rows


def _holds(hit: Hit, item: Asked) -> bool:
    return hit.document.uri == item.paragraph or any(answer in hit.chunk.text for answer in item.answers)


def ranked(row: Row, embedder: KeptVectors) -> list[Candidate]:
    """Rank the sentences as the decision does."""
    question = Part(row.asked.text)
    return rank.rank(
        ask(question), row.passages, embedder=embedder, vector=embedder.embed_query(question.whole)
    )


def fit_rank(rows: Sequence[Row], embedder: KeptVectors) -> None:
    """Print the conditional-logit weights of the full and of the words-only ranking."""
    groups: list[tuple[Floats, int]] = []
    for row in rows:
        if row.fitting and row.kind == "answerable":
            chosen = rank.candidates(ask(Part(row.asked.text)), row.passages)
            right = [place for place, candidate in enumerate(chosen) if row.answers(candidate)]
            if right:
                vector = embedder.embed_query(row.asked.text)
                cosines = embedder.embed_documents([item.shown for item in chosen]) @ vector
                table = [[*item.signals.values(), c] for item, c in zip(chosen, cosines, strict=True)]
                groups.append((np.array(table), right[0]))
    names = [*(name for name in rank.WEIGHTS if name != "cosine"), "cosine"]
    columns = [list(rank.WEIGHTS).index(name) for name in names[:-1]] + [len(rank.WEIGHTS)]
    for label, kept in (("words and meaning", columns), ("words", columns[:-1])):
        weights = conditional([(table[:, kept], right) for table, right in groups])
        print(label, {name: round(float(value), 2) for name, value in zip(names, weights, strict=False)})


def conditional(groups: Sequence[tuple[Floats, int]], *, penalty: float = 2.0) -> Floats:
    """Return weights under which the right row of each group is likeliest, by Newton's method with halved steps."""
    weights = np.zeros(groups[0][0].shape[1])
    loss = np.inf
    step = np.zeros_like(weights)
    for _ in range(40):
        now, gradient, hessian = _curvature(groups, weights, penalty)
        if now > loss:
            step = step / 2
            weights = weights + step
            continue
        if loss - now < 1e-4:
            break
        loss, step = now, np.linalg.solve(hessian, gradient)
        weights = weights - step
    return weights


def _curvature(
    groups: Sequence[tuple[Floats, int]], weights: Floats, penalty: float
) -> tuple[float, Floats, Floats]:
    loss = float(penalty * weights @ weights / 2)
    gradient, hessian = penalty * weights, penalty * np.eye(len(weights))
    for table, right in groups:
        logits = table @ weights
        shares = np.exp(logits - logits.max())
        shares /= shares.sum()
        mean = shares @ table
        loss -= float(np.log(shares[right] + 1e-300))
        gradient = gradient + mean - table[right]
        hessian = hessian + (table * shares[:, None]).T @ table - np.outer(mean, mean)
    return loss, gradient, hessian


def decisions(rows: Sequence[Row], embedder: KeptVectors) -> tuple[Floats, Floats]:
    """Return each row's signals, and the best dense cosine of its hits: the baseline."""
    table, baseline = [], []
    for row in rows:
        best = ranked(row, embedder)
        signals = answerable.signals(ask(Part(row.asked.text)), best, row.passages) if best else {}
        table.append([signals.get(name, 0.0) for name in answerable.WEIGHTS])
        stages = [hit.stage("dense") for hit in row.hits]
        baseline.append(max((stage.score for stage in stages if stage), default=0.0))
    return np.array(table), np.array(baseline)


def fit_decision(table: Floats, kinds: npt.NDArray[np.str_], fitting: Flags) -> Floats:
    """Fit the logistic weights: half the mass answerable, a quarter each kind of unanswerable."""
    mass = {"answerable": 0.5, "unanswerable": 0.25, "withheld": 0.25}
    shares = np.zeros(len(kinds))
    for kind, share in mass.items():
        shares[(kinds == kind) & fitting] = share / ((kinds == kind) & fitting).sum()
    rows = np.hstack([table, np.ones((len(table), 1))])
    return logistic(
        rows[fitting], (kinds[fitting] == "answerable").astype(float), shares[fitting], penalty=3e-4
    )


def f1(refused: Flags, unanswerable: Flags) -> float:
    """Return the F1 of refusing: unanswerable questions are what is to be found."""
    right = float((refused & unanswerable).sum())
    return 2 * right / (refused.sum() + unanswerable.sum())


def report(name: str, values: Floats, kinds: npt.NDArray[np.str_], fitting: Flags) -> float:
    """Print one decision's figures; return the threshold with the best balance on the fitting half."""
    open_, hard, withheld = (kinds == kind for kind in ("answerable", "unanswerable", "withheld"))
    cuts = np.quantile(values[fitting], np.linspace(0.01, 0.99, 99))
    official = open_ | hard
    best = max(cuts, key=lambda cut: f1(values[official & fitting] < cut, hard[official & fitting]))
    even = max(
        cuts, key=lambda cut: (values[open_ & fitting] >= cut).mean() + (values[hard & fitting] < cut).mean()
    )
    seen = official & ~fitting
    print(
        f"{name:14} AUROC {auroc(values[seen], open_[seen]):.3f}, withheld "
        f"{auroc(values[~fitting & (open_ | withheld)], open_[~fitting & (open_ | withheld)]):.3f}; "
        f"best F1 {f1(values[seen] < best, hard[seen]):.3f}; balanced: F1 {f1(values[seen] < even, hard[seen]):.3f}, "
        f"refused {(values[hard & ~fitting] < even).mean():.2f} of unanswerable, "
        f"{(values[withheld & ~fitting] < even).mean():.2f} of withheld, {(values[open_ & ~fitting] < even).mean():.2f} of answerable"
    )
    return float(even)


async def quoted(row: Row, embedder: KeptVectors) -> bool:
    """Say whether the written answer holds one of the right answers word for word."""
    text = await extract(row.asked.text, row.passages, embedder)
    return any(answer in text for answer in row.asked.answers)


def main() -> None:
    """Fit or report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--fit", action="store_true")
    arguments = parser.parse_args()
    embedder = KeptVectors(arguments.cache)
    rows = load(embedder, arguments.cache)
    embedder.save()
    if arguments.fit:
        fit_rank(rows, embedder)
    kinds = np.array([row.kind for row in rows])
    fitting = np.array([row.fitting for row in rows])
    table, baseline = decisions(rows, embedder)
    embedder.save()
    shipped = np.array(
        [answerable.confidence(dict(zip(answerable.WEIGHTS, line, strict=True))) for line in table]
    )
    if arguments.fit:
        weights = fit_decision(table, kinds, fitting)
        print({n: round(float(v), 2) for n, v in zip((*answerable.WEIGHTS, "bias"), weights, strict=True)})
        report("fitted", np.hstack([table, np.ones((len(table), 1))]) @ weights, kinds, fitting)
    report("dense score", baseline, kinds, fitting)
    cut = report("shipped", shipped, kinds, fitting)
    held = [n for n, row in enumerate(rows) if row.kind == "answerable" and not row.fitting]
    right = np.array([asyncio.run(quoted(rows[n], embedder)) for n in held])
    print(
        f"exact answer in the answer: {right.mean():.3f} of {len(held)} answerable when always answering, "
        f"{(right & (shipped[held] >= cut)).mean():.3f} with refusals at {cut:.2f}"
    )


if __name__ == "__main__":
    main()
