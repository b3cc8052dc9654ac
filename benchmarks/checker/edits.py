"""Training pairs from the SummEdits domains that may be trained on; one is never read here.

    python -m benchmarks.checker.edits --out summedits.jsonl

An edited summary is inconsistent in what it does not share with the consistent versions of the same summary: only
the sentences with such words become negatives.
"""

import argparse
import difflib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from app.language.reading import read
from app.support.ground import gather
from benchmarks.checker.pairs import Pair
from benchmarks.checker.sources import DATA
from vectorstore.language.sentences import sentence_spans

HELD_OUT = "sales_call"
"""The domain that no training sees, chosen before anything was measured: news is most like what is trained on."""
DOMAINS = ("news", "qmsumm", "sales_call")


def summaries(domain: str) -> dict[str, list[dict[str, Any]]]:
    """Return a domain's rows by their document."""
    found: dict[str, list[dict[str, Any]]] = {}
    path = DATA / f"groundedness/summedits/summedits_{domain}.json"
    for row in json.loads(path.read_text(encoding="utf-8")):
        found.setdefault(row["doc"], []).append(row)
    return found


def pairs(domains: Sequence[str]) -> Iterator[Pair]:
    """Yield every sentence of a consistent summary as supported, the telling ones of an edited one as not."""
    for domain in domains:
        for document, rows in summaries(domain).items():
            right = [sentence for row in rows if row["label"] == 1 for sentence in _sentences(row["summary"])]
            for sentence in dict.fromkeys(right):
                yield _pair(sentence, document, 1, (), domain)
            known = frozenset(stem for sentence in right for stem in read(sentence).stems)
            for row in rows:
                if row["label"] == 0:
                    yield from _wrong(row["summary"], right, known, document, domain)


def _wrong(
    summary: str, right: Sequence[str], known: frozenset[str], document: str, domain: str
) -> Iterator[Pair]:
    changed = [sentence for sentence in _sentences(summary) if sentence not in right]
    telling = [sentence for sentence in changed if read(sentence).stems - known]
    if len(changed) > 1 and len(telling) != len(changed) and not telling:
        return
    for sentence in telling or changed:
        near = difflib.get_close_matches(sentence, right, 1, 0.3)
        yield _pair(sentence, document, 0, _spans(near[0], sentence) if near else None, domain)


def _spans(right: str, wrong: str) -> tuple[tuple[int, int], ...]:
    """Return the characters of `wrong` whose words are not in `right`."""
    words, other = right.split(), wrong.split()
    starts, at = [], 0
    for word in other:
        at = wrong.index(word, at)
        starts.append(at)
        at += len(word)
    found = []
    for tag, _, _, first, last in difflib.SequenceMatcher(None, words, other, autojunk=False).get_opcodes():
        if tag in ("replace", "insert"):
            found.append((starts[first], starts[last - 1] + len(other[last - 1])))
    return tuple(found)


def _sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)]


def _pair(
    sentence: str, document: str, label: int, spans: tuple[tuple[int, int], ...] | None, domain: str
) -> Pair:
    evidence = " ".join(gather(read(sentence), document, budget=420).split())
    return Pair(sentence, evidence, label, domain, spans, "support", document[:80])


def main() -> None:
    """Write the pairs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--without", default=HELD_OUT, choices=DOMAINS)
    arguments = parser.parse_args()
    with arguments.out.open("w", encoding="utf-8") as file:
        for pair in pairs([domain for domain in DOMAINS if domain != arguments.without]):
            file.write(json.dumps(asdict(pair), ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
