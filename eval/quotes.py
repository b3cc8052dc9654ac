"""Gold quotes that stand in no document: a mistake in the questions, told with its line."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from eval.cases import Case
from vectorstore.errors import BadInput
from vectorstore.text_file import numbered_lines, read_text

_WORD = re.compile(r"\w+")


def check_quotes(cases: Sequence[Case], texts: Mapping[str, str], path: Path) -> None:
    """Raise BadInput for the first quote that its document does not hold, word for word.

    Case, punctuation and the bars of a table do not count. A document that is not in `texts` is not looked for:
    that it is missing is a finding of the run.
    """
    spoken: dict[str, str] = {}
    for case in cases:
        for doc, quote in ((evidence.doc, evidence.quote) for evidence in case.evidence if evidence.quote):
            uris = [uri for uri in texts if uri == doc or uri.endswith(f"/{doc}")]
            for uri in uris:
                spoken.setdefault(uri, _spoken(texts[uri]))
            if uris and not any(_spoken(quote) in spoken[uri] for uri in uris):
                raise BadInput(
                    f"{path.name}, line {_line(path, case.id)}: evidence.quote: the document {doc!r} does not hold it.",
                    "Copy the quote from the document.",
                )


def _line(path: Path, case: str) -> int:
    return next((number for number, known in _ids(path) if known == case), 0)


def _ids(path: Path) -> Iterator[tuple[int, object]]:
    for number, line in numbered_lines(read_text(path)):
        yield number, json.loads(line).get("id")


def _spoken(text: str) -> str:
    return f" {' '.join(_WORD.findall(text.lower()))} "
