"""Outcomes for tests of metrics: passages, an answer, and the citations that its markers stand for."""

from typing import Any

from app.events import Passage
from eval.cases import Case
from eval.metrics.outcome import Outcome
from eval.targets.recorded import Answer, outcome_of
from vectorstore.types import Document, DocumentId, Span

LEAVE = "Full-time staff get 25 days of annual leave. Unused days expire on 31 March of the next year."
TRAVEL = "Meals on business travel are refunded up to EUR 40 a day. Receipts are due within 30 days."


def passage(number: int, text: str, *, uri: str = "doc.md") -> Passage:
    document = Document(DocumentId(f"doc_{number}"), uri, "", "text/markdown", "0")
    return Passage(number, document, Span(0, len(text)), text, ())


def answered(answer: str, *texts: str, refused: bool = False, **case: Any) -> Outcome:
    """An outcome whose `[n]` markers cite the n-th text."""
    fields: dict[str, Any] = {"id": "case", "question": "What is it?"} | case
    said = Answer.model_validate(
        {
            "id": fields["id"],
            "answer": answer,
            "refused": refused,
            "passages": [{"doc": f"doc{n}.md", "text": text} for n, text in enumerate(texts, start=1)],
        }
    )
    return outcome_of(Case.model_validate(fields), said)
