"""The passages that training pairs are made of; none of what the checker is measured on."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from benchmarks.answers.splits import part_of
from benchmarks.answers.squad import FILE
from vectorstore.language.sentences import sentence_spans

DATA = Path(__file__).parents[2] / "../shared/data"
_CORPORA = {"handbook-18f": ".md", "handbook-sourcegraph": ".md", "docs-prometheus": ".md", "docs-fastapi": ".md", "peps": ".rst"}  # fmt: skip
_SIZE = 1_300
_DROPPED = re.compile(r"^---\n.*?\n---\n|```.*?```|<!--.*?-->|<[^>\n]{1,200}>|\{[%{].*?[}%]\}", re.DOTALL)
_IMAGE_OR_LINK = re.compile(r"!?\[([^\]\n]*)\](?:\([^)\n]*\)|\[[^\]\n]*\])")
_ROLE = re.compile(r":[a-z:]+:`([^`<\n]+?)(?:\s*<[^>`]*>)?`|`([^`<\n]+?)\s*<[^>`\n]*>`_{1,2}|``([^`\n]+)``")
_SPACED = re.compile(r"\s+([.,;:!?%)\]]|'s\b|n't\b|'re\b|'ve\b|'ll\b)|([(\[])\s+")
_SENTENCE = re.compile(r"[A-Z\"'“(][^|#{}<>\\=\[\]*_`~^]{28,300}[.!]\Z")


@dataclass(frozen=True)
class Source:
    """A passage of one document; `corpus` names where it is from, `document` what it is part of."""

    corpus: str
    document: str
    title: str
    text: str

    @cached_property
    def sentences(self) -> tuple[str, ...]:
        """The plain sentences that claims can be made of."""
        found = (self.text[a:b] for a, b in sentence_spans(self.text))
        return tuple(item for item in found if is_plain(item))


def is_plain(sentence: str) -> bool:
    """Say whether this is a whole sentence of prose, not a heading, a cell or a line of code."""
    letters = sum(character.isalpha() or character == " " for character in sentence)
    return bool(
        _SENTENCE.match(sentence)
        and "\n\n" not in sentence
        and 6 <= len(sentence.split()) <= 48
        and letters / len(sentence) > 0.85
    )


def sources() -> Iterator[Source]:
    """Yield every passage."""
    yield from _files()
    yield from _pooled("clapnq")
    yield from _pooled("fiqa")
    yield from _abstracts()
    for title, paragraph, _ in paragraphs():
        yield Source("squad", title, title.replace("_", " "), paragraph)


def paragraphs(*, fitting: bool = True) -> Iterator[tuple[str, str, list[dict[str, object]]]]:
    """Yield title, text and questions of SQuAD's paragraphs, of the articles for fitting or of the others."""
    for article in json.loads(FILE.read_text(encoding="utf-8"))["data"]:
        if (part_of(article["title"]) == "fitting") == fitting:
            for paragraph in article["paragraphs"]:
                yield article["title"], paragraph["context"], paragraph["qas"]


def _files() -> Iterator[Source]:
    for corpus, suffix in _CORPORA.items():
        for path in sorted((DATA / "corpora" / corpus).rglob(f"*{suffix}")):
            name = str(path.relative_to(DATA))
            for text in _cut(_prose(path.read_text(encoding="utf-8", errors="ignore"))):
                yield Source(corpus, name, path.stem.replace("-", " "), text)


def _pooled(name: str) -> Iterator[Source]:
    with (DATA / f"mtrag/{name}/corpus.jsonl").open(encoding="utf-8") as rows:
        for row in map(json.loads, rows):
            if "Reference desk" not in row["title"]:
                text = _SPACED.sub(
                    lambda m: m[1] or m[2], row["text"].replace("`` ", '"').replace(" ''", '"')
                )
                body = text.split("\n", 1)[-1] if text.startswith(row["title"]) else text
                yield Source(name, row["_id"].split("_")[0], row["title"], body[: 2 * _SIZE])


def _abstracts() -> Iterator[Source]:
    with (DATA / "scifact/corpus.jsonl").open(encoding="utf-8") as rows:
        for row in map(json.loads, rows):
            yield Source("scifact", row["_id"], "", row["text"][: 2 * _SIZE])


def _prose(text: str) -> str:
    text = _IMAGE_OR_LINK.sub(r"\1", _DROPPED.sub("", text))
    return _ROLE.sub(lambda m: m[1] or m[2] or m[3], text).replace("**", "").replace("`", "")


def _cut(text: str) -> Iterator[str]:
    block = ""
    for part in re.split(r"\n{2,}", text):
        if block and len(block) + len(part) > _SIZE:
            yield block
            block = ""
        block += part[:_SIZE].strip() + "\n\n"
    if block.strip():
        yield block
