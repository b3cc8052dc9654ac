"""Where the support of a sentence is found."""

from app.events import Passage
from app.ground import check
from tests.app.edge import HANDBOOK
from vectorstore.types import ChunkId, Span

TEXT = (
    "Interns have a section of their own below.\n\n## 1. How much leave you have\n\n"
    "Staff receive 28 working days of paid leave. The same holds at every site."
)


def test_of_windows_that_support_as_well_the_tightest_is_the_evidence() -> None:
    passage = Passage(1, HANDBOOK, Span(7, 7 + len(TEXT)), TEXT, (ChunkId("chk_1"),), score=0.5)
    found = check("Staff receive 28 working days of paid leave.", [passage])
    assert found.support == 1
    assert found.quote == "Staff receive 28 working days of paid leave."
    assert found.evidence.start == 7 + TEXT.index("Staff")
