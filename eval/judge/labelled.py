"""Texts that people have judged: supported by their evidence, or not."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from vectorstore.errors import BadInput, NotFound
from vectorstore.language.sentences import sentence_spans
from vectorstore.text_file import numbered_lines, read_text


class Labelled(BaseModel):
    """One judged text. `group` is what moves together, usually the document that the evidence is of."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(min_length=1)]
    text: Annotated[str, Field(min_length=1)]
    evidence: str
    supported: bool
    group: str = ""


class LabelledQuestion(BaseModel):
    """A question of which people say whether the documents answer it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(min_length=1)]
    question: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
    answerable: bool


def load_labels(path: Path) -> tuple[list[Labelled], list[LabelledQuestion]]:
    """Read a JSONL file of judged texts and questions; raises NotFound, or BadInput naming the line."""
    if not path.is_file():
        raise NotFound(f"There is no file {str(path)!r}.", "Give judged texts with --labels human.jsonl.")
    texts: list[Labelled] = []
    questions: list[LabelledQuestion] = []
    seen: set[str] = set()
    for number, line in numbered_lines(read_text(path)):
        place = f"{path.name}, line {number}"
        item = _parsed(line, place)
        if item.id in seen:
            raise BadInput(f"{place}: the id {item.id!r} is used twice.")
        seen.add(item.id)
        if isinstance(item, Labelled):
            texts.append(item)
        else:
            questions.append(item)
    return texts, questions


def _parsed(line: str, place: str) -> Labelled | LabelledQuestion:
    try:
        value = json.loads(line)
        kind = LabelledQuestion if isinstance(value, dict) and "question" in value else Labelled
        return kind.model_validate(value)
    except json.JSONDecodeError as error:
        raise BadInput(f"{place}: not JSON ({error.msg}).") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the object"
        raise BadInput(f"{place}: {where}: {first['msg'].lower()}.") from error


def weakest(item: Labelled, score: Callable[[str, str], float]) -> float:
    """Return the least supported sentence's score: a text is as good as that."""
    spans = sentence_spans(item.text)
    return min((score(item.text[start:end], item.evidence) for start, end in spans), default=0.0)
