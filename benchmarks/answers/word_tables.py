"""Make the two word tables: stems by frequency, and each stem's nearest stems by meaning.

    python -m benchmarks.answers.word_tables --cache FOLDER     # writes vectorstore/language/common_words.txt and app/reader/near_words.txt

Counts come from the passages of MT-RAG and the open handbooks and documentation in ../shared/data; nearness is the
cosine of the default embedder's vectors of single words.
"""

import argparse
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.kept_vectors import KeptVectors
from vectorstore.language.words import STOPWORDS, parts, stem, words

DATA = Path(__file__).parents[2] / "../shared/data"
HOUSE = Path(__file__).parents[2]
COMMON, KNOWN = 5_000, 9_000
NEAREST, LEAST = 5, 0.6
_LINK = re.compile(r"https?://\S+|\]\([^)]*\)")
_PLAIN = re.compile(r"[a-z]{2,18}")
_VULGAR = re.compile(r"shit|fuck|porn|bitch|nigg|cunt|\bass\b|damn|crap|sexy|rape|whore|racist|\bhell\b")


def passages() -> Iterator[str]:
    """Yield stretches of general and of office English."""
    for name in ("clapnq", "fiqa"):
        with (DATA / f"mtrag/{name}/corpus.jsonl").open(encoding="utf-8") as rows:
            for row in rows:
                yield json.loads(row)["text"]
    for folder in ("handbook-18f", "handbook-sourcegraph", "docs-prometheus"):
        for path in sorted((DATA / "corpora" / folder).rglob("*.md")):
            text = _LINK.sub("", path.read_text(encoding="utf-8", errors="ignore"))
            for start in range(0, len(text), 1_200):
                yield text[start : start + 1_200]


def main() -> None:
    """Write both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cache", type=Path, required=True)
    folder = parser.parse_args().cache
    documents: Counter[str] = Counter()
    forms: dict[str, Counter[str]] = {}
    for text in passages():
        seen = {
            part
            for word in words(text)
            for part in parts(word)
            if part not in STOPWORDS and _PLAIN.fullmatch(part)
        }
        documents.update({stem(part) for part in seen})
        for part in seen:
            forms.setdefault(stem(part), Counter())[part] += 1
    ranked = [item for item, count in documents.most_common() if count >= 4 and not _VULGAR.search(item)]
    (HOUSE / "vectorstore/language/common_words.txt").write_text(
        "\n".join(ranked[:COMMON]) + "\n", encoding="utf-8"
    )
    known = ranked[:KNOWN]
    embedder = KeptVectors(folder)
    vectors = embedder.embed_documents([forms[item].most_common(1)[0][0] for item in known])
    embedder.save()
    lines = []
    for number, item in enumerate(known):
        cosines = vectors @ vectors[number]
        cosines[number] = 0
        best = np.argsort(-cosines)[:NEAREST]
        near = [
            f"{known[other]}{round(float(cosines[other]) * 100)}" for other in best if cosines[other] >= LEAST
        ]
        if near:
            lines.append(" ".join((item, *near)))
    (HOUSE / "app/reader/near_words.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
