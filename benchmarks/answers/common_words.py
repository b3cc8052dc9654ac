"""Make the table of stems by frequency, from which a word's rarity is read.

    python -m benchmarks.answers.common_words     # writes vectorstore/language/common_words.txt

Counts come from the passages of MT-RAG and the open handbooks and documentation in ../shared/data.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from vectorstore.language.words import STOPWORDS, parts, stem, words

DATA = Path(__file__).parents[2] / "../shared/data"
HOUSE = Path(__file__).parents[2]
COMMON = 5_000
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
    """Write the table."""
    documents: Counter[str] = Counter()
    for text in passages():
        found = {part for word in words(text) for part in parts(word)}
        documents.update({stem(part) for part in found if part not in STOPWORDS and _PLAIN.fullmatch(part)})
    ranked = [item for item, count in documents.most_common() if count >= 4 and not _VULGAR.search(item)]
    (HOUSE / "vectorstore/language/common_words.txt").write_text(
        "\n".join(ranked[:COMMON]) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
