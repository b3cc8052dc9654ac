"""Make the training pairs: claim and evidence, supported or not, and which part of the claim is not.

    python -m benchmarks.checker.pairs --out pairs.jsonl --count 20000

Every claim comes with a near twin of the other label, so that no wording gives the label away: the claim changed,
the evidence changed, its source taken out in part or whole, or both sides changed alike (which is supported again).
"""

import argparse
import json
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from app.language.reading import read
from app.support.ground import gather
from benchmarks.checker.corrupt import KINDS, Change, Pool, changes
from benchmarks.checker.paraphrase import paraphrase
from benchmarks.checker.partial import Told, clause_missing, part_missing
from benchmarks.checker.sources import Source, paragraphs, sources
from benchmarks.checker.statements import statements

SHARES = {
    "clapnq": 0.46, "squad": 0.08, "handbook-18f": 0.08, "handbook-sourcegraph": 0.12, "scifact": 0.07, "fiqa": 0.09,
    "peps": 0.04, "docs-prometheus": 0.03, "docs-fastapi": 0.03,
}  # fmt: skip
"""Which corpora the claims come from."""
PARTIAL = 0.55
"""How often the twin of a claim lacks a part of it in its evidence."""
SEED = 20261123


@dataclass(frozen=True, slots=True)
class Pair:
    """One example. `spans` are the claim's unsupported characters, None where they are not known.

    `task` is `support`, or `answer` where the claim is a question and the label whether the evidence answers it.
    """

    claim: str
    evidence: str
    label: int
    kind: str
    spans: tuple[tuple[int, int], ...] | None = None
    task: str = "support"
    group: str = ""


def generate(count: int, *, seed: int = SEED) -> Iterator[Pair]:
    """Yield about `count` pairs of made claims, then SQuAD's statements and questions."""
    draw = random.Random(seed)
    homes = _homes()
    pools = {corpus: _pool(draw.sample(items, min(700, len(items)))) for corpus, items in homes.items()}
    made = 0
    while made < count:
        corpus = draw.choices(list(SHARES), list(SHARES.values()))[0]
        for pair in _twins(draw.choice(homes[corpus]), pools[corpus], draw):
            made += 1
            yield pair
    yield from _squad(draw)


@cache
def _homes() -> dict[str, list[Source]]:
    homes: dict[str, list[Source]] = {}
    for source in sources():
        if len(source.sentences) >= 2:
            homes.setdefault(source.corpus, []).append(source)
    return homes


def _pool(items: list[Source]) -> Pool:
    pool = Pool()
    for item in items:
        for sentence in item.sentences:
            pool.add(sentence)
    return pool


def _twins(source: Source, far: Pool, draw: random.Random) -> Iterator[Pair]:
    if draw.random() < PARTIAL:
        yield from _partial(source, draw)
        return
    taken = draw.choice(source.sentences)
    near = Pool()
    for sentence in source.sentences:
        if sentence != taken:
            near.add(sentence)
    claim = paraphrase(" ".join(taken.split()), draw, steps=draw.choice((0, 1, 2, 2, 3, 3)))
    if 20 < len(claim) < 300:
        for told in _changed(source, claim, taken, draw, near=near, far=far):
            yield _pair(told, source, draw)


def _partial(source: Source, draw: random.Random) -> Iterator[Pair]:
    text = _around(source, draw)
    if draw.random() < 0.65 or len(source.sentences) < 3:
        found = clause_missing(draw.choice(source.sentences), text, draw)
    else:
        count = draw.choice((2, 2, 3))
        found = part_missing(draw.sample(source.sentences, count), text, draw)
    for told in found:
        yield _pair(told, source, draw)


def _around(source: Source, draw: random.Random) -> str:
    """Return the passage among up to four neighbours of its document, as evidence that a reader has to search."""
    family = _families()[source.document]
    place = family.index(source)
    start, end = place - draw.choice((0, 0, 1, 2)), place + 1 + draw.choice((0, 0, 1, 2))
    return "\n\n".join(member.text for member in family[max(0, start) : end])


@cache
def _families() -> dict[str, list[Source]]:
    found: dict[str, list[Source]] = {}
    for items in _homes().values():
        for source in items:
            found.setdefault(source.document, []).append(source)
    return found


def _pair(told: Told, source: Source, draw: random.Random) -> Pair:
    title = source.title if draw.random() < 0.5 else ""
    evidence = gather(read(told.claim), told.text, title, budget=draw.choice((240, 320, 420, 480)))
    return Pair(
        told.claim, " ".join(evidence.split()), told.label, told.kind, told.spans, "support", source.document
    )


def _changed(
    source: Source, claim: str, taken: str, draw: random.Random, *, near: Pool, far: Pool
) -> Iterator[Told]:
    """Yield the claim as it is, then with itself, its source or both changed, or the source taken out."""
    plain = " ".join(taken.split())
    yield Told(claim, source.text, 1, "paraphrase", ())
    way = draw.random()
    if way < 0.1:
        yield Told(claim, source.text.replace(taken, ""), 0, "missing", None)
        return
    change = _chosen(changes(claim, draw, near=near, far=far), draw)
    if change and way < 0.85:
        yield Told(change.text, source.text, 0, change.kind, (change.span,))
        if way > 0.77:
            # The same change on both sides: supported again.
            told = _chosen(changes(plain, draw, near=near, far=far), draw)
            if told:
                said = paraphrase(told.text, draw, steps=1)
                yield Told(said, source.text.replace(taken, told.text), 1, "both changed", ())
        return
    found = changes(plain, draw, near=near, far=far)
    other = _chosen([change for change in found if change.kind != "appended"], draw)
    if other:
        yield Told(claim, source.text.replace(taken, other.text), 0, f"source {other.kind}", None)


def _chosen(found: list[Change], draw: random.Random) -> Change | None:
    return draw.choices(found, [KINDS[change.kind] for change in found])[0] if found else None


def _squad(draw: random.Random) -> Iterator[Pair]:
    """Yield statements, and questions with their own paragraph or (one in four) another of the article."""
    known: dict[str, list[str]] = {}
    for title, paragraph, questions in paragraphs():
        shown = title.replace("_", " ")
        for text, right, answer in statements(questions):
            evidence = gather(read(text), paragraph, shown, budget=320)
            at = text.find(answer)
            spans = ((at, at + len(answer)),) if not right and at >= 0 else () if right else None
            yield Pair(text, " ".join(evidence.split()), int(right), "statement", spans, "support", title)
        for asked in questions:
            text = str(asked["question"]).strip()
            yield question_pair(text, paragraph, shown, int(bool(asked["answers"])), "question")
            others = known.get(title)
            if others and draw.random() < 0.25:
                yield question_pair(text, draw.choice(others), shown, 0, "withheld")
        known.setdefault(title, []).append(paragraph)


def question_pair(text: str, paragraph: str, title: str, label: int, kind: str) -> Pair:
    """Return a question with what a paragraph holds of its words."""
    evidence = gather(read(text), paragraph, title, budget=640)
    return Pair(text, " ".join(evidence.split()), label, kind, None, "answer", title)


def main() -> None:
    """Write the pairs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=SEED)
    arguments = parser.parse_args()
    with arguments.out.open("w", encoding="utf-8") as file:
        for pair in generate(arguments.count, seed=arguments.seed):
            file.write(json.dumps(asdict(pair), ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
