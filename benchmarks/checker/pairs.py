"""Make the training pairs: claim and evidence, supported or not, and which part of the claim is not.

    python -m benchmarks.checker.pairs --out pairs.jsonl --count 20000

Every claim comes with a near twin of the other label, so that no wording gives the label away: the claim changed,
the evidence changed, its source taken out, or both sides changed alike (which is supported again).
"""

import argparse
import json
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from app.evidence import gather
from app.language.reading import read
from app.language.words import word_set
from benchmarks.checker.corrupt import KINDS, Change, Pool, changes
from benchmarks.checker.paraphrase import paraphrase
from benchmarks.checker.sources import Source, paragraphs, sources
from benchmarks.checker.statements import statements

SHARES = {
    "clapnq": 0.36, "squad": 0.05, "handbook-18f": 0.09, "handbook-sourcegraph": 0.15, "scifact": 0.08, "fiqa": 0.12,
    "peps": 0.06, "docs-prometheus": 0.05, "docs-fastapi": 0.04,
}  # fmt: skip
"""Which corpora the claims come from."""
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
    places = draw.sample(range(len(source.sentences)), 1)
    merged = draw.random() < 0.25 and len(source.sentences) > 2
    if merged:
        places.append(draw.choice([n for n in range(len(source.sentences)) if n not in places]))
    taken = [source.sentences[place] for place in places]
    near = Pool()
    for sentence in source.sentences:
        if sentence not in taken:
            near.add(sentence)
    plain = [" ".join(item.split()) for item in taken]
    steps = draw.choice((0, 1, 1, 2, 2, 3))
    claim = _merge([paraphrase(item, draw, steps=steps) for item in plain], draw)
    if not 20 < len(claim) < 300:
        return
    yield from _labelled(source, claim, taken, draw, near=near, far=far, merged=merged)


def _labelled(
    source: Source, claim: str, taken: list[str], draw: random.Random, *, near: Pool, far: Pool, merged: bool
) -> Iterator[Pair]:
    title = source.title if draw.random() < 0.5 else ""
    budget = draw.choice((240, 320, 320, 420))

    def pair(said: str, text: str, label: int, kind: str, spans: tuple[tuple[int, int], ...] | None) -> Pair:
        evidence = gather(read(said), text, title, budget=budget)
        return Pair(said, " ".join(evidence.split()), label, kind, spans, "support", source.document)

    yield pair(claim, source.text, 1, "merged" if merged else "paraphrase", ())
    way = draw.random()
    if way < 0.16:
        gone = draw.choice(taken)
        yield pair(claim, source.text.replace(gone, ""), 0, "half missing" if merged else "missing", None)
        return
    change = _chosen(changes(claim, draw, near=near, far=far), draw)
    if change and way < 0.88:
        yield pair(change.text, source.text, 0, change.kind, (change.span,))
        if way > 0.8 and not merged:
            # The same change on both sides: supported again.
            told = _chosen(changes(" ".join(taken[0].split()), draw, near=near, far=far), draw)
            if told:
                said = paraphrase(told.text, draw, steps=1)
                yield pair(said, source.text.replace(taken[0], told.text), 1, "both changed", ())
        return
    other = _chosen(
        [c for c in changes(" ".join(taken[0].split()), draw, near=near, far=far) if c.kind != "appended"],
        draw,
    )
    if other:
        yield pair(claim, source.text.replace(taken[0], other.text), 0, f"source {other.kind}", None)


def _chosen(found: list[Change], draw: random.Random) -> Change | None:
    return draw.choices(found, [KINDS[change.kind] for change in found])[0] if found else None


def _merge(parts: list[str], draw: random.Random) -> str:
    if len(parts) == 1:
        return parts[0]
    first, second = parts
    if draw.random() < 0.4:
        return f"{first} {second}"
    head = second.split()[0]
    if head in _LOWERED:
        second = head.lower() + second[len(head) :]
    return first.rstrip(".! ") + draw.choice((", and ", " and ", "; ", ", while ")) + second


_LOWERED = word_set("The A An This That These It He She They We You There In On At For To If When All Some")


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
