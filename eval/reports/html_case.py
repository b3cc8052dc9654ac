"""One case of the HTML report: question, answer with marked sentences, passages, what was before.

Everything that comes from a document, a question or a model goes through `escape`.
"""

import json
import re
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from html import escape

from eval.gate.baseline import Before
from eval.metrics.row import Row, Shown
from eval.reports.notes import lost, shortcomings
from vectorstore.language.marks import MARKER, numbers

_PIECE = re.compile(r"\s+|\S+")
_VERDICTS = {"supported", "partly", "unsupported"}


def case_html(row: Row, *, number: int, before: Before | None, newly: tuple[str, ...], fixed: bool) -> str:
    """Return the case as a closed `details` element; `newly` are the checks that it newly fails."""
    kinds = " ".join(_kinds(row, before, newly, fixed))
    tags = escape(json.dumps(row.tags), quote=True)
    return (
        f'<details class="case" id="case-{number}" data-kinds="{kinds}" data-tags="{tags}">'
        f'<summary><span class="says">{escape(row.question)}</span><span class="id">{escape(row.id)}</span>'
        f'<span class="lacks">{_chips(row, newly, fixed)}{_lacks(row)}</span></summary>'
        f'<div class="inside"><div class="columns"><div>{_answers(row, number, before)}</div>'
        f"<div>{_passages(row, number)}</div></div>{_scores(row, before)}</div></details>"
    )


def _kinds(row: Row, before: Before | None, newly: tuple[str, ...], fixed: bool) -> Iterator[str]:
    if newly:
        yield "newly"
    if fixed:
        yield "fixed"
    if row.failed or row.error:
        yield "failing"
    if row.refused:
        yield "refused"
    if row.unsure:
        yield "unsure"
    if row.critical:
        yield "critical"
    if row.unstable:
        yield "unstable"
    if any(sentence.verdict == "unsupported" for sentence in row.sentences):
        yield "unsupported"
    if before is not None and before.answer != row.answer:
        yield "changed"


def _chips(row: Row, newly: tuple[str, ...], fixed: bool) -> str:
    chips = [f'<span class="chip bad">newly fails {escape(check)}</span>' for check in newly]
    chips += ['<span class="chip bad">broke</span>'] if row.error else []
    chips += ['<span class="chip good">newly passes</span>'] if fixed else []
    chips += ['<span class="chip">critical</span>'] if row.critical else []
    chips += (
        [f'<span class="chip">unstable: {escape(", ".join(row.unstable))}</span>'] if row.unstable else []
    )
    return "".join(chips)


def _lacks(row: Row) -> str:
    found = [f"{escape(name)} {value:.2f}" for name, value in shortcomings(row).items()]
    return "lacks " + ", ".join(found) if found else "" if lost(row) else "nothing amiss"


def _answers(row: Row, number: int, before: Before | None) -> str:
    parts = ["<h3>Answer</h3>"]
    if row.error:
        parts.append(f'<p class="failed">{escape(row.error)}</p>')
    if row.answer:
        style = "answer refused" if row.refused else "answer"
        parts.append(f'<p class="{style}">{_marked(row, number)}</p>')
    if row.reference or not row.answerable:
        expected = escape(row.reference) or "The documents do not answer this: it should be refused."
        parts.append(f'<h3>Expected</h3><p class="reference">{expected}</p>')
    if before is not None and before.answer != row.answer:
        was = _gone(before.answer, row.answer) or "(nothing)"
        parts.append(f'<h3>Before</h3><p class="answer was-answer">{was}</p>')
    return "".join(parts)


def _gone(before: str, now: str) -> str:
    """Return what was said before, struck through where it is said no more."""
    old, new = _PIECE.findall(before), _PIECE.findall(now)
    told = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    pieces = []
    for kind, start, end, _, _ in told:
        text = escape("".join(old[start:end]))
        pieces.append(text if kind == "equal" or not text.strip() else f"<del>{text}</del>")
    return "".join(pieces)


def _marked(row: Row, number: int) -> str:
    """Return the answer with each checked sentence in a span that says how far it is supported."""
    pieces: list[str] = []
    at = 0
    for sentence in sorted(row.sentences, key=lambda one: one.start):
        if sentence.start < at or sentence.verdict not in _VERDICTS:
            continue
        pieces.append(_linked(row.answer[at : sentence.start], row, number))
        title = f"{sentence.verdict}, support {sentence.support:.2f}"
        body = _linked(row.answer[sentence.start : sentence.end], row, number)
        pieces.append(f'<span class="{sentence.verdict}" title="{title}">{body}</span>')
        at = sentence.end
    return "".join([*pieces, _linked(row.answer[at:], row, number)])


def _linked(text: str, row: Row, number: int) -> str:
    """Escape the text, its markers made links to the passages they name."""
    known = {passage.n for passage in row.passages}
    pieces: list[str] = []
    at = 0
    for marker in MARKER.finditer(text):
        pieces.append(escape(text[at : marker.start()]))
        for n in numbers(marker):
            link = f'<a class="marker" href="#passage-{number}-{n}">{n}</a>'
            pieces.append(link if n in known else f'<span class="unsupported">[{n}]</span>')
        at = marker.end()
    return "".join([*pieces, escape(text[at:])])


def _passages(row: Row, number: int) -> str:
    if not row.passages:
        return "<h3>Passages</h3><p class='soft'>None.</p>"
    listed = "".join(_passage(passage, row, number) for passage in row.passages)
    return f"<h3>Passages it was written from</h3>{listed}"


def _passage(passage: Shown, row: Row, number: int) -> str:
    page = f", page {passage.page}" if passage.page is not None else ""
    gold = any(passage.uri == doc or passage.uri.endswith(f"/{doc}") for doc in row.gold)
    mark = ' <span class="gold">✓ expected document</span>' if gold else ""
    quotes = [cited.quote for cited in row.citations if cited.n == passage.n]
    used = f" · cited {len(quotes)}×" if quotes else ""
    return (
        f'<details class="passage" id="passage-{number}-{passage.n}"><summary>{passage.n}. '
        f"{escape(passage.title or passage.uri)}{page} "
        f"<small>{escape(passage.uri)} · score {passage.score:.2f}{used}</small>{mark}</summary>"
        f"<p>{_quoted(passage.text, quotes)}</p></details>"
    )


def _quoted(text: str, quotes: Iterable[str]) -> str:
    spans = sorted({(at, at + len(quote)) for quote in quotes if quote and (at := text.find(quote)) >= 0})
    pieces: list[str] = []
    done = 0
    for start, end in spans:
        if start >= done:
            pieces.append(f"{escape(text[done:start])}<mark>{escape(text[start:end])}</mark>")
            done = end
    return "".join([*pieces, escape(text[done:])])


def _scores(row: Row, before: Before | None) -> str:
    shown = []
    for name, value in sorted(row.scores.items()):
        if value == "not_applicable":
            continue
        now = value if isinstance(value, str) else f"{value:.2f}"
        old = before.scores.get(name) if before is not None else None
        was = f" <small>was {old:.2f}</small>" if isinstance(old, int | float) and old != value else ""
        shown.append(f"<div><dt>{escape(name)}</dt><dd>{now}{was}</dd></div>")
    return f'<h3>Scores</h3><dl class="scores">{"".join(shown)}</dl>'
