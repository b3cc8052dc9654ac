"""The fitted weights: `weights.json`, made by `python -m benchmarks.answers.fit`, never by hand."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_TABLE = json.loads(Path(__file__).with_name("weights.json").read_text(encoding="utf-8"))

SENTENCE: Final[Mapping[str, float]] = _TABLE["sentence"]
"""What a sentence's signals weigh, as deviations from the other candidates' average."""
ANSWER: Final[Mapping[str, float]] = _TABLE["answer"]
"""What the signals of the likeliest sentence weigh in deciding whether it answers."""
BIAS: Final[float] = _TABLE["bias"]
SURE: Final[float] = _TABLE["sure"]
"""The confidence from which an answer is sure, by default."""
UNSURE: Final[float] = _TABLE["unsure"]
"""The confidence below which a question is refused, by default."""
