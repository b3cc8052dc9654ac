"""Published questions as sets to ask a running service, each beside the documents that it is asked about.

    python -m benchmarks.answers.sets OUT [--data ../shared/data] [--limit 300] [--part reporting|fitting|both] [--only squad ...]
    footnote ingest OUT/squad/docs && footnote serve        # then ask OUT/squad/set.jsonl

OUT/NAME/docs holds one Markdown file a paragraph, OUT/NAME/set.jsonl one question a line: id, question, answerable,
must_include (all gold answers as one alternation), evidence (the answering sentence); OUT/NAME/search.jsonl every
question that its documents answer, with the uri of the one that does. Names:

    squad, xquad-en, xquad-de, xquad-es, xquad-ru, xquad-zh   the articles of one part of splits.toml
    clapnq                                                    all 300 passages, reported on only
    NAME-withheld                                             answerable questions whose paragraph is not in docs

Of SQuAD 2.0 there are the answerable questions and those that were written to mislead. In a withheld set every third
paragraph (of ClapNQ every second) is missing, and a question is left out where another paragraph of the same article
holds one of its answers. XQuAD's paragraphs have the same names in each language: questions in one can be asked over
those in another. `--limit` is for each kind of question in a set: those whose id
has the lowest SHA-256, so that a smaller set is part of a larger one; the documents are all there whatever the limit.
"""

import argparse
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from benchmarks.answers.splits import PART, part_of
from vectorstore.language.sentences import sentence_spans

DATA = Path(__file__).parents[2] / "../shared/data"
LANGUAGES = ("en", "de", "es", "ru", "zh")
NAMES = ("squad", *(f"xquad-{language}" for language in LANGUAGES), "clapnq")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, the answers that people gave, and the sentence that holds them: none where nothing answers."""

    id: str
    question: str
    answers: tuple[str, ...]
    quote: str = ""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One document: its path below the folder of documents, its article, its text and what is asked about it."""

    path: str
    article: str
    text: str
    asked: tuple[Asked, ...] = field(default=())


def squad(file: Path, part: PART | None) -> Iterator[Paragraph]:
    """Yield the paragraphs of one part, or all, of the articles of a file in SQuAD's format, versions 1.1 and 2.0."""
    for article in json.loads(file.read_text(encoding="utf-8"))["data"]:
        title = article["title"]
        if part and part_of(title) != part:
            continue
        folder = re.sub(r"[^\w-]+", "-", title).strip("-")
        for number, paragraph in enumerate(article["paragraphs"]):
            text = paragraph["context"]
            yield Paragraph(
                f"{folder}-{number:02}.md",
                title.replace("_", " "),
                text,
                tuple(_of_squad(row, text) for row in paragraph["qas"]),
            )


def _of_squad(row: dict[str, Any], text: str) -> Asked:
    answers = tuple(dict.fromkeys(answer["text"] for answer in row["answers"]))
    quote = ""
    if answers:
        place = row["answers"][0]["answer_start"]
        quote = next(text[a:b] for a, b in reversed(sentence_spans(text)) if a <= place)
    return Asked(row["id"], row["question"].strip(), answers, quote)


def clapnq(file: Path) -> Iterator[Paragraph]:
    """Yield ClapNQ's passages; what people answered at length counts as said when one sentence that they chose is shown."""
    asked: dict[tuple[str, str], list[Asked]] = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        passage = row["passages"][0]
        text = _plain(" ".join(passage["sentences"]))
        chosen = [sentence for output in row["output"] for sentence in output["selected_sentences"]]
        # Where nobody chose any, all of them count.
        answers = tuple(dict.fromkeys(filter(None, map(_plain, chosen or passage["sentences"]))))
        question = Asked(row["id"], row["input"].strip(), answers, answers[0])
        asked.setdefault((passage["title"], text), []).append(question)
    for number, ((title, text), questions) in enumerate(asked.items()):
        yield Paragraph(f"{number:03}.md", title, text, tuple(questions))


def _plain(text: str) -> str:
    return " ".join(text.replace("``", '"').replace("''", '"').split())


def withheld(paragraphs: Sequence[Paragraph], every: int) -> tuple[list[Paragraph], list[Paragraph]]:
    """Return the paragraphs that stay, and those taken out with the questions that nothing answers without them."""
    kept = [paragraph for place, paragraph in enumerate(paragraphs) if place % every]
    out = []
    for paragraph in paragraphs[::every]:
        beside = " ".join(other.text for other in kept if other.article == paragraph.article).casefold()
        asked = tuple(
            question
            for question in paragraph.asked
            if question.answers and not any(answer.casefold() in beside for answer in question.answers)
        )
        out.append(Paragraph(paragraph.path, paragraph.article, paragraph.text, asked))
    return kept, out


def said(answers: Iterable[str], text: str) -> str:
    """Return a pattern that any of the answers matches, whatever the white space, as whole words or numbers.

    The text is where they stand: one that does not stand alone there (Chinese has no spaces) need not do so elsewhere.
    """
    return "|".join(_alone(answer, text) for answer in sorted(set(answers), key=lambda it: (-len(it), it)))


def _alone(answer: str, text: str) -> str:
    pattern = r"\s+".join(map(re.escape, answer.split()))
    for kind in (r"\w", r"\d"):
        before = rf"(?<!{kind})" if re.match(kind, answer) else ""
        after = rf"(?!{kind})" if re.match(kind, answer[-1]) else ""
        if re.search(before + pattern + after, text):
            return before + pattern + after
    return pattern


def rows(
    paragraphs: Iterable[Paragraph], name: str, *, limit: int, missing: bool = False
) -> list[dict[str, object]]:
    """Return the set's rows in the order of the paragraphs; of the missing ones as unanswerable questions."""
    kinds: dict[bool, list[dict[str, object]]] = {True: [], False: []}
    for paragraph in paragraphs:
        for asked in paragraph.asked:
            row: dict[str, object] = {"id": asked.id, "question": asked.question}
            answerable = bool(asked.answers) and not missing
            row["answerable"] = answerable
            if answerable:
                row["must_include"] = [said(asked.answers, paragraph.text)]
                row["evidence"] = [{"doc": paragraph.path, "quote": asked.quote}]
            tag = "answerable" if answerable else "withheld" if missing else "misleading"
            kinds[answerable].append(row | {"tags": [name, tag], "group": paragraph.article})
    chosen = {str(row["id"]) for kind in kinds.values() for row in sorted(kind, key=_drawn)[:limit]}
    return [row for kind in kinds.values() for row in kind if row["id"] in chosen]


def _drawn(row: dict[str, object]) -> str:
    return hashlib.sha256(str(row["id"]).encode()).hexdigest()


def write(folder: Path, documents: Sequence[Paragraph], asked: Iterable[dict[str, object]]) -> None:
    """Write a set, its documents and what to search for into a folder that is not there yet; raises FileExistsError."""
    folder.mkdir(parents=True)
    for document in documents:
        path = folder / "docs" / document.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# {document.article}\n\n{document.text.strip()}\n", encoding="utf-8")
    searched = (
        {"question": one.question, "uri": document.path}
        for document in documents
        for one in document.asked
        if one.answers
    )
    for name, rows_ in (("set", asked), ("search", searched)):
        lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows_)
        (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")


def paragraphs_of(name: str, data: Path, part: PART | None) -> list[Paragraph]:
    """Read the paragraphs of the set of that name."""
    if name == "clapnq":
        return list(clapnq(data / "clapnq" / "clapnq_dev_answerable.jsonl"))
    if name == "squad":
        return list(squad(data / "squad2" / "dev-v2.0.json", part))
    return list(squad(data / "xquad" / f"xquad.{name.removeprefix('xquad-')}.json", part))


def main() -> None:
    """Write the sets."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--limit", type=int, default=300)
    parser.add_argument("--part", choices=[*get_args(PART), "both"], default="reporting")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES)
    arguments = parser.parse_args()
    for name in arguments.only:
        if name == "clapnq" and arguments.part == "fitting":
            continue
        part = None if arguments.part == "both" else arguments.part
        whole = paragraphs_of(name, arguments.data, part)
        kept, out = withheld(whole, 2 if name == "clapnq" else 3)
        for title, documents, asked in (
            (name, whole, rows(whole, name, limit=arguments.limit)),
            (f"{name}-withheld", kept, rows(out, name, limit=arguments.limit, missing=True)),
        ):
            write(arguments.out / title, documents, asked)
            print(f"{title}: {len(documents)} documents, {len(asked)} questions")


if __name__ == "__main__":
    main()
