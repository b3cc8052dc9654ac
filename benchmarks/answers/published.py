"""Texts that people have judged, as others publish them: WiCE, SummEdits, ClapNQ and SQuAD 2.0."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from eval.commands.calibrate import Labelled
from vectorstore.errors import NotFound
from vectorstore.language.sentences import sentence_spans
from vectorstore.text_file import numbered_lines, read_text


def published(folder: Path) -> dict[str, list[Labelled]]:
    """Read WiCE's claims and SummEdits' domains, and ClapNQ and SQuAD 2.0 that lie beside; raises NotFound."""
    sets: dict[str, list[Labelled]] = {}
    wice = folder / "wice" / "claim_dev.jsonl"
    if wice.is_file():
        sets["wice"] = list(_wice(_lines(wice)))
    for path in sorted((folder / "summedits").glob("summedits_*.json")):
        sets[path.stem] = list(_summedits(path.stem, json.loads(read_text(path))))
    if not sets:
        raise NotFound(f"{str(folder)!r} holds neither wice/ nor summedits/.", "Give the folder with --data.")
    if rows := _lines(clapnq_file(folder)):
        sets["clapnq"] = list(_clapnq(rows))
    if articles := _articles(folder):
        sets["squad2"] = list(_squad(articles))
    return sets


def answers_of_people(folder: Path) -> list[tuple[str, str]]:
    """Return ClapNQ's written answers, and the sentences of SQuAD's articles that answer, each with its set."""
    written = [
        ("ClapNQ answers", found["answer"])
        for row in _lines(clapnq_file(folder))
        for found in row["output"]
        if found["answer"].strip()
    ]
    return written + [("SQuAD answering sentences", text) for text in _answering(_articles(folder))]


def clapnq_file(folder: Path) -> Path:
    """Return where ClapNQ lies, beside the folder of judged texts."""
    return folder.parent / "clapnq" / "clapnq_dev_answerable.jsonl"


def _lines(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    return [json.loads(line) for _, line in numbered_lines(read_text(path))]


def _articles(folder: Path) -> list[dict[str, Any]]:
    path = folder.parent / "squad2" / "dev-v2.0.json"
    if not path.is_file():
        return []
    found: list[dict[str, Any]] = json.loads(read_text(path))["data"]
    return found


def _wice(rows: Sequence[dict[str, Any]]) -> Iterator[Labelled]:
    """Yield claims; those that are supported in part count as not supported."""
    for number, row in enumerate(rows):
        yield Labelled(
            id=f"wice-{number}",
            text=row["claim"],
            evidence="\n\n".join(part.strip() for part in row["evidence"] if part.strip()),
            supported=row["label"] == "supported",
            group=row["meta"]["claim_title"],
        )


def _summedits(name: str, rows: Sequence[dict[str, Any]]) -> Iterator[Labelled]:
    for number, row in enumerate(rows):
        yield Labelled(
            id=f"{name}-{number}",
            text=row["summary"],
            evidence=row["doc"],
            supported=int(row["label"]) == 1,
            group=row["doc"][:80],
        )


def _clapnq(rows: Sequence[dict[str, Any]]) -> Iterator[Labelled]:
    """Yield each written answer with its passage, and with what is left of that without the grounds chosen by people."""
    for row in rows:
        for number, found in enumerate(row["output"]):
            chosen = {_plain(sentence) for sentence in found["selected_sentences"]}
            sentences = [sentence for passage in row["passages"] for sentence in passage["sentences"]]
            rest = [sentence for sentence in sentences if _plain(sentence) not in chosen]
            if not found["answer"].strip() or not rest or len(rest) == len(sentences):
                continue
            title = row["passages"][0]["title"]
            for kind, kept in (("whole", sentences), ("rest", rest)):
                yield Labelled(
                    id=f"{row['id']}-{number}-{kind}",
                    text=found["answer"],
                    evidence=" ".join((title, "\n", *kept)),
                    supported=kind == "whole",
                    group=row["id"],
                )


def _squad(articles: Sequence[dict[str, Any]]) -> Iterator[Labelled]:
    """Yield "question answer" with the paragraph: people's answers, and the plausible ones that people call wrong."""
    for article in articles:
        for paragraph in article["paragraphs"]:
            for asked in paragraph["qas"]:
                answers = asked["answers"] or asked.get("plausible_answers") or []
                if answers:
                    yield Labelled(
                        id=asked["id"],
                        text=f"{asked['question'].strip().rstrip('?')} {answers[0]['text']}",
                        evidence=paragraph["context"],
                        supported=not asked["is_impossible"],
                        group=f"{article['title']}: {paragraph['context'][:60]}",
                    )


def _answering(articles: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield each sentence that holds an answer, once."""
    for article in articles:
        for paragraph in article["paragraphs"]:
            text = paragraph["context"]
            starts = {a["answer_start"] for asked in paragraph["qas"] for a in asked["answers"][:1]}
            for start, end in sentence_spans(text):
                if any(start <= place < end for place in starts):
                    yield text[start:end]


def _plain(text: str) -> str:
    return "".join(text.split())
