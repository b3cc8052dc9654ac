"""Does `footnote monitor` cry wolf, and does it see the wolf? Weeks made of real questions, with and without a change.

    python -m benchmarks.monitor --work /tmp/monitor            # what is reported
    python -m benchmarks.monitor --work /tmp/monitor --choose   # what the kernel and LIKE were chosen on

Chosen on PolicyQA and SelQA, reported on SQuAD 2.0, SciFact, MT-RAG and SEC 10-Q (`../shared/data`). A week has 200
questions in conversations of one to five, each about one paragraph (of MT-RAG: one conversation), against a
reference of 200. In a changed week a fifth comes from elsewhere.
"""

import argparse
import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.settings import MonitorSettings
from benchmarks.kept_vectors import KeptVectors
from eval.live.drift import Questions, drift
from eval.live.shares import wilson
from eval.live.topics import groups
from vectorstore.settings import DEFAULT_EMBEDDER

DATA = Path(__file__).parents[2] / "shared" / "data"
WEEK, FIFTH, REFUSED, PLANTED = 200, 40, 40, 10
SQUAD_MOST = 3_000


@dataclass(frozen=True)
class Pool:
    """Questions with their vectors, sorted by what they are about: a paragraph, a conversation."""

    vectors: np.ndarray
    about: dict[str, list[int]]

    def without(self, article: str) -> "Pool":
        return Pool(self.vectors, {k: v for k, v in self.about.items() if not k.startswith(article)})

    def only(self, article: str) -> "Pool":
        return Pool(self.vectors, {k: v for k, v in self.about.items() if k.startswith(article)})

    @property
    def longest(self) -> int:
        return max(map(len, self.about.values()))

    def asked(self, many: int, random: np.random.Generator, prefix: str, *, longest: int = 5) -> Questions:
        """Return so many questions, in conversations of one to five (or `longest`) about one thing."""
        names = list(self.about)
        rows: list[int] = []
        units: list[str] = []
        while len(rows) < many:
            held = self.about[names[random.integers(len(names))]]
            size = min(int(random.geometric(0.5)), 5, longest, len(held), many - len(rows))
            unit = f"{prefix}{len(units)}"
            rows += [held[at] for at in random.permutation(len(held))[:size]]
            units += [unit] * size
        return Questions(self.vectors[rows], tuple(units))


def both(first: Questions, second: Questions) -> Questions:
    return Questions(np.concatenate([first.vectors, second.vectors]), first.units + second.units)


def squad(path: Path) -> Iterator[tuple[str, str]]:
    for article in json.loads(path.read_text())["data"]:
        for place, paragraph in enumerate(article["paragraphs"]):
            for asked in paragraph["qas"]:
                yield asked["question"], f"{article['title']}/{place}"


def some(rows: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    every = list(rows)
    return [every[at] for at in sorted(np.random.default_rng(1).permutation(len(every))[:SQUAD_MOST])]


def selqa(data: Path) -> Iterator[tuple[str, str]]:
    seen = set()
    for part in ("dev", "test"):
        for row in json.loads((data / f"selqa/selqa-ass-{part}.json").read_text()):
            if row["question"] not in seen:
                seen.add(row["question"])
                yield row["question"], f"{row['topic']}/{row['article']}/{row['section']}"


def mtrag(data: Path, name: str) -> Iterator[tuple[str, str]]:
    for line in (data / f"mtrag/{name}/{name}_rewrite.jsonl").read_text().splitlines():
        row = json.loads(line)
        yield row["text"].replace("|user|:", "").strip(), row["_id"].split("<::>")[0]


def scifact(data: Path) -> Iterator[tuple[str, str]]:
    for line in (data / "scifact/queries.jsonl").read_text().splitlines():
        row = json.loads(line)
        yield row["text"], row["_id"]


def sec10q(data: Path) -> Iterator[tuple[str, str]]:
    with (data / "sec10q/qna_data.csv").open(encoding="utf-8-sig") as file:
        for place, row in enumerate(csv.DictReader(file)):
            yield row["Question"], str(place)


def pool(rows: Iterable[tuple[str, str]], embedder: KeptVectors) -> Pool:
    about: dict[str, list[int]] = {}
    vectors = []
    for question, name in rows:
        about.setdefault(name, []).append(len(vectors))
        vector = embedder.embed_query(question).astype(np.float16).astype(np.float32)
        vectors.append(vector / np.linalg.norm(vector))
    return Pool(np.stack(vectors), about)


def weeks(usual: Pool, other: Pool | None, repeats: int) -> int:
    """Return in how many weeks drift was found."""
    found = 0
    for repeat in range(repeats):
        random = np.random.default_rng(repeat)
        reference = usual.asked(WEEK, random, "r")
        now = usual.asked(WEEK if other is None else WEEK - FIFTH, random, "n")
        if other is not None:
            now = both(now, other.asked(FIFTH, random, "o", longest=usual.longest))
        p = drift(now, reference).p
        found += p is not None and p <= MonitorSettings().monitor_alarm
    return found


def planted(usual: Pool, other: Pool, repeats: int) -> int:
    """Return how often questions of another corpus, among those refused, are one of the first three topics."""
    found = 0
    for repeat in range(repeats):
        random = np.random.default_rng(repeat)
        reference = usual.asked(WEEK, random, "r")
        refused = both(
            usual.asked(REFUSED - PLANTED, random, "n", longest=1),
            other.asked(PLANTED, random, "o", longest=1),
        )
        answered = usual.asked(WEEK - REFUSED, random, "a")
        new = drift(refused, reference, permutations=1).new.tolist()
        for topic in groups(refused.vectors, refused.units, new, answered.vectors, least=3)[:3]:
            of_it = sum(place >= REFUSED - PLANTED for place in topic.places)
            if of_it >= PLANTED / 2 and of_it >= len(topic.places) / 2:
                found += 1
                break
    return found


def chosen_on(data: Path, embedder: KeptVectors) -> dict[str, tuple[Pool, Pool]]:
    policies, quiz = pool(some(squad(data / "policyqa/dev.json")), embedder), pool(selqa(data), embedder)
    pairs = {"PolicyQA + SelQA": (policies, quiz), "SelQA + PolicyQA": (quiz, policies)}
    return pairs | {
        f"SelQA + its {topic}": (quiz.without(topic), quiz.only(topic))
        for topic in ("FOOD", "MOVIES", "SPORT")
    }


def reported_on(data: Path, embedder: KeptVectors) -> dict[str, tuple[Pool, Pool]]:
    wiki = pool(some(squad(data / "squad2/dev-v2.0.json")), embedder)
    science, finance = pool(scifact(data), embedder), pool(mtrag(data, "fiqa"), embedder)
    filings, web = pool(sec10q(data), embedder), pool(mtrag(data, "clapnq"), embedder)
    pairs = {
        "SQuAD + FiQA": (wiki, finance), "SQuAD + CLAPnq": (wiki, web), "SQuAD + SEC 10-Q": (wiki, filings),
        "SciFact + FiQA": (science, finance), "SciFact + SQuAD": (science, wiki),
    }  # fmt: skip
    return pairs | {
        f"SQuAD + its {article}": (wiki.without(article), wiki.only(article))
        for article in ("Steam_engine", "European_Union_law", "Warsaw", "Immune_system")
    }


def measured(pairs: dict[str, tuple[Pool, Pool]], *, still: int, changed: int) -> dict[str, tuple[int, int]]:
    """Print, and return by what was simulated, in how many of how many weeks something was found."""
    found: dict[str, tuple[int, int]] = {}

    def told(name: str, hits: int, of: int) -> None:
        low, high = wilson(hits / of, of)
        found[name] = hits, of
        print(f"{name:50} {hits:4} of {of} weeks: {hits / of:.3f} ({low:.3f} – {high:.3f})", flush=True)

    for name, (usual, other) in pairs.items():
        told(f"a fifth is new: {name}", weeks(usual, other, changed), changed)
    for name, (usual, other) in pairs.items():
        told(f"{PLANTED} of {REFUSED} refused are planted: {name}", planted(usual, other, changed), changed)
    for name in dict.fromkeys(name.partition(" + ")[0] for name in pairs):
        usual = next(pair[0] for each, pair in pairs.items() if each.startswith(f"{name} + "))
        told(f"nothing changed: {name}", weeks(usual, None, still), still)
    return found


def main() -> None:
    """Run the simulations."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="Folder for vectors.")
    parser.add_argument("--data", type=Path, default=DATA, help="The data sets.")
    parser.add_argument("--choose", action="store_true", help="The sets that were chosen on.")
    parser.add_argument("--still", type=int, default=1_000, help="Weeks without a change.")
    parser.add_argument("--changed", type=int, default=200, help="Weeks with one.")
    options = parser.parse_args()
    embedder = KeptVectors(options.work, DEFAULT_EMBEDDER)
    pairs = (chosen_on if options.choose else reported_on)(options.data, embedder)
    embedder.save()
    print(f"Alarm from p = {MonitorSettings().monitor_alarm:g} down; 95 % intervals.")
    measured(pairs, still=options.still, changed=options.changed)


if __name__ == "__main__":
    main()
