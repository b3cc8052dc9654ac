"""Name what is likely behind a change, in the order in which a person would look.

What is known comes first (turns that broke, documents that are gone, settings that differ), then what the
pattern of falls says about where the fault lies.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from eval.gate.compare import MIN_EFFECT, Change, Comparison
from eval.metrics.row import Row
from eval.metrics.summary import counted

_DERIVED = {"chunks", "documents"}
_MEANING = {
    "prompt": "the prompt prompts/answer.md has changed",
    "corpus": "the documents have changed",
    "chunker": "documents are cut differently",
    "embedder": "another embedder makes the vectors",
    "model": "another model writes the answers",
    "top_k": "another number of chunks is retrieved",
    "answer_threshold": "refusal has another threshold",
}


def causes(
    rows: Sequence[Row], comparison: Comparison | None, missing: Mapping[str, tuple[str, ...]]
) -> tuple[str, ...]:
    """Return one sentence for each likely cause, the most telling first; none when nothing speaks."""
    found = [*_broken(rows), *_gone(missing)]
    if comparison is not None:
        found += [*_settings(comparison), *_symptoms(rows, comparison)]
    return tuple(found)


def _broken(rows: Sequence[Row]) -> Iterator[str]:
    errors = Counter(row.error for row in rows if row.error)
    for message, count in errors.most_common(3):
        yield f"{counted(count)} could not be answered: {message}"


def _gone(missing: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    for doc, ids in sorted(missing.items(), key=lambda item: (-len(item[1]), item[0]))[:5]:
        needs = "needs" if len(ids) == 1 else "need"
        yield f"The document {doc} is not in the index; {counted(len(ids))} {needs} it ({_some(ids)})."


def _settings(comparison: Comparison) -> Iterator[str]:
    found = dict(comparison.differences or {})
    counts = {name: found.pop(name) for name in _DERIVED & found.keys()}
    for name, (before, after) in sorted(found.items()):
        meaning = _MEANING.get(name, "a setting has changed")
        if name == "corpus" and "documents" in counts:
            meaning += f": {' → '.join(counts['documents'])} of them"
        yield f"{name}: {before} → {after} ({meaning})."


def _symptoms(rows: Sequence[Row], comparison: Comparison) -> Iterator[str]:
    fell = {change.metric: change for change in comparison.changes if change.found.mean <= -MIN_EFFECT}
    retrieval = next((fell[name] for name in ("recall@5", "hit@5", "ndcg@5") if name in fell), None)
    if retrieval:
        yield f"Retrieval finds less of what the questions need: {_fall(retrieval)}."
    yield from _refusals(rows, comparison)
    citing = next((fell[name] for name in ("citation_precision", "citation_recall") if name in fell), None)
    if citing and "groundedness" not in fell:
        yield (
            "Markers point at passages that do not support their sentences, while the sentences stand in other "
            f"passages: {_fall(citing)}, with groundedness unchanged. Citations are shuffled or missing."
        )
    elif citing:
        yield f"Sentences have no marker that supports them: {_fall(citing)}."
    if "groundedness" in fell:
        yield f"Answers say what their passages do not hold: {_fall(fell['groundedness'])}."
    holding = next(
        (fell[name] for name in ("must_include", "nugget_recall", "answer_correctness") if name in fell), None
    )
    if holding and not retrieval:
        yield f"Answers lack what they held, though as much is found: {_fall(holding)}."


def _refusals(rows: Sequence[Row], comparison: Comparison) -> Iterator[str]:
    before = comparison.baseline.cases
    known = [row for row in rows if row.id in before and not row.error]
    answered = [r.id for r in known if not r.answerable and not r.refused and before[r.id].refused]
    refused = [r.id for r in known if r.answerable and r.refused and not before[r.id].refused]
    if answered:
        yield f"Refusals are gone from {counted(len(answered))} that the documents do not answer ({_some(answered)})."
    if refused:
        yield f"{counted(len(refused))} that were answered are refused now ({_some(refused)})."


def _fall(change: Change) -> str:
    return f"{change.metric} {change.before:.2f} → {change.after:.2f}"


def _some(ids: Sequence[str]) -> str:
    return ", ".join(ids[:4]) + (", …" if len(ids) > 4 else "")
