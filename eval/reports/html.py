"""The report as one HTML file: nothing is fetched, nothing from a document can act, light and dark.

A content security policy with the hashes of our own style and script is the second lock behind escaping.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from eval.gate.compare import GATED, Change, Comparison
from eval.gate.conclusion import Conclusion, Exit
from eval.metrics.row import Row
from eval.metrics.summary import Mean, counted
from eval.reports.html_case import case_html
from eval.reports.notes import LIMITS, headlines, lost, notes, ordered, printed, running
from eval.run import Evaluation

_PAGE = Path(__file__).parent / "page"
_FILTERS = (
    ("newly", "Newly failing"), ("fixed", "Newly passing"), ("failing", "Failing"), ("unsupported", "Unsupported"),
    ("changed", "Changed"), ("unsure", "Unsure"), ("refused", "Refused"), ("critical", "Critical"), ("unstable", "Unstable"),
)  # fmt: skip
_MEANS = {
    "hit": "a passage holds the expected quote", "recall": "expected quotes found", "mrr": "how early the first stands",
    "ndcg": "how early all stand", "groundedness": "sentences that the passages support",
    "groundedness_strict": "answers with every sentence supported", "citation_recall": "sentences with a supporting marker",
    "citation_precision": "markers that support their sentence", "citation_validity": "markers that resolve, verbatim",
    "abstention_accuracy": "answered or refused as expected", "refusal_of_unanswerable": "unanswerable ones refused",
    "over_refusal": "answerable ones refused; less is better", "must_include": "holds what it must",
    "context_precision": "relevant passages stand before others", "false_answer_rate": "unanswerable ones answered as sure; less is better",
    "answer_correctness": "rare words shared with the reference (F1)", "answer_precision": "of its rare words, those of the reference",
    "answer_recall": "of the reference's rare words, those it holds", "nugget_recall": "expected facts held, weighted",
    "nugget_vital": "vital facts held",
    "right": "answered as sure, with what must be said", "wrong": "answered as sure, without it; less is better",
    "unsure": "answerable ones of which it is not sure; less is better",
    "answer_relevance": "fits its own question best; never gates",
}  # fmt: skip


def html(found: Evaluation, conclusion: Conclusion) -> str:
    """Return the whole page."""
    main = (
        f"{_head(found, conclusion)}{_metrics(found, conclusion.comparison)}{_differences(conclusion.comparison)}"
        f"{_cases(found, conclusion.comparison)}<footer>{_running(found)}<p>{escape(LIMITS)}</p>{_fingerprint(found)}</footer>"
    )
    script = (_PAGE / "report.js").read_text(encoding="utf-8")
    return page(f"Evaluation: {conclusion.headline}", main, script=script)


def page(title: str, main: str, *, script: str = "") -> str:
    """Return a page of its own around HTML that is made inert already."""
    style = (_PAGE / "report.css").read_text(encoding="utf-8")
    scripts = f" script-src {_hash(script)};" if script else ""
    policy = f"default-src 'none'; style-src {_hash(style)};{scripts} base-uri 'none'; form-action 'none'"
    made = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title><style>{style}</style></head><body><main>{main}"
        f"</main>{f'<script>{script}</script>' if script else ''}</body></html>\n"
    )
    return made.replace("\0", "\ufffd")


def _head(found: Evaluation, conclusion: Conclusion) -> str:
    good = conclusion.exit is Exit.PASSED
    word, _, rest = conclusion.headline.partition(":")
    causes = "".join(f"<li>{escape(cause)}</li>" for cause in conclusion.causes)
    block = (
        f'<section class="causes{"" if good else " bad"}"><h3>{"What is different" if good else "Likely causes"}</h3>'
        f"<ol>{causes}</ol></section>"
        if causes
        else ""
    )
    gates = "".join(
        f'<li class="{"passed" if v.passed else "failed"}">{"✓" if v.passed else "✗"} {escape(v.gate)} '
        f"<small>{escape(v.says)}</small></li>"
        for v in conclusion.thresholds
    )
    figures = "".join(
        f"<div><dt>{name}</dt><dd>{figure.partition(' (')[0]} <small>{figure[len(figure.partition(' (')[0]) :]}</small></dd><p>{limit}</p></div>"
        for name, figure, limit in headlines(found)
    )
    told = "".join(f"<li>{escape(note)}</li>" for note in notes(found, conclusion))
    return (
        f'<p class="eyebrow">Footnote evaluation, {counted(len(found.rows))}</p>'
        f'<h1><span class="{"passed" if good else "failed"}">{"✓" if good else "✗"} {escape(word.capitalize())}</span>'
        f"{escape(':' + rest if rest else '')}</h1>{block}<dl class='figures'>{figures}</dl>"
        f"{f'<ul class=gates>{gates}</ul>' if gates else ''}{f'<ul class=notes>{told}</ul>' if told else ''}"
    )


def _metrics(found: Evaluation, comparison: Comparison | None) -> str:
    changes = {change.metric: change for change in comparison.changes} if comparison else {}
    head = (
        '<th>metric</th><th class="chart"></th><th>mean</th><th>95 % interval</th><th class="wide">cases</th>'
    )
    head += (
        '<th class="wide">before</th><th>change</th><th class="wide">90 % interval</th><th></th>'
        if changes
        else ""
    )
    rows = "".join(
        _metric(name, mean, changes.get(name), printed(name, found))
        for name, mean in _told_first(found, changes)
    )
    legend = "● now, with its 95 % interval" + (" · ○ before, on the cases that both have" if changes else "")
    return (
        f'<h2>Scores</h2><div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
        f'<p class="soft">{legend}</p>'
    )


def _told_first(found: Evaluation, changes: Mapping[str, Change]) -> list[tuple[str, Mean]]:
    """Return the means: what fell, then what gates by default, then the rest by name."""

    def place(name: str) -> tuple[bool, int, str]:
        fell = name in changes and changes[name].status in {"fail", "inconclusive"}
        return not fell, GATED.index(name) if name in GATED else len(GATED), name

    return [(name, found.means[name]) for name in sorted(found.means, key=place)]


def _metric(name: str, mean: Mean, change: Change | None, figures: tuple[str, str]) -> str:
    said = _MEANS.get(name.partition("@")[0], "")
    line = (
        f"<tr><td>{escape(name)}<small>{escape(said)}</small></td><td class='chart'>{_chart(mean, change)}</td>"
        f"<td>{figures[0]}</td><td class='soft'>{figures[1]}</td><td class='soft wide'>{mean.n}</td>"
    )
    if change is None:
        return line + "</tr>"
    colour = {"fail": "failed" if change.gated else "fair", "inconclusive": "fair", "better": "passed"}
    word = {"fail": "worse", "inconclusive": "unclear", "better": "better", "pass": ""}[change.status]
    moved = f"{change.after - change.before:+.3f}" if change.found.moved else "0"
    interval = f"{change.interval[0]:+.3f} – {change.interval[1]:+.3f}" if change.found.moved else ""
    return (
        f"{line}<td class='soft wide'>{change.before:.3f}</td><td>{moved}</td><td class='soft wide'>{interval}</td>"
        f'<td class="{colour.get(change.status, "")}">{word}</td></tr>'
    )


def _chart(mean: Mean, change: Change | None) -> str:
    def x(value: float) -> str:
        return f"{5 + 200 * min(max(value, 0.0), 1.0):.1f}"

    was = (
        f'<circle class="was" cx="{x(change.before)}" cy="13" r="4"/>'
        if change and change.found.moved
        else ""
    )
    return (
        f'<svg viewBox="0 0 210 26" role="img" aria-label="{mean.value:.3f}"><line class="axis" x1="5" x2="205" y1="13" y2="13"/>'
        f'<line class="range" x1="{x(mean.low)}" x2="{x(mean.high)}" y1="13" y2="13"/>{was}'
        f'<circle class="now" cx="{x(mean.value)}" cy="13" r="4"/></svg>'
    )


def _differences(comparison: Comparison | None) -> str:
    if comparison is None or not comparison.differences:
        return ""
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td><code>{escape(before)}</code></td><td><code>{escape(after)}</code></td></tr>"
        for name, (before, after) in comparison.differences.items()
    )
    return (
        "<h2>What was different</h2><div class='scroll'><table><thead><tr><th>setting</th><th>before</th><th>now</th></tr>"
        f"</thead><tbody>{rows}</tbody></table></div>"
    )


def _cases(found: Evaluation, comparison: Comparison | None) -> str:
    rows = ordered(found.rows, comparison)
    before = comparison.baseline.cases if comparison and not comparison.not_comparable else {}
    newly = comparison.flipped if comparison else {}
    fixed = {flip.id for flip in comparison.fixed} if comparison else set()
    told = [
        case_html(
            row, number=n, before=before.get(row.id), newly=newly.get(row.id, ()), fixed=row.id in fixed
        )
        for n, row in enumerate(rows, start=1)
    ]
    text = "".join(told)
    buttons = "".join(
        f'<button type="button" value="{kind}" aria-pressed="false">{name}</button>'
        for kind, name in _FILTERS
        if any(kind in one.partition('data-kinds="')[2].partition('"')[0].split() for one in told)
    )
    tags = "".join(
        f"<option>{escape(tag)}</option>" for tag in sorted({tag for row in rows for tag in row.tags})
    )
    return (
        f"<h2>Cases, the worst first</h2>{_strip(rows, newly)}"
        '<div class="filters"><input id="search" type="search" placeholder="Search questions, answers, passages" '
        'aria-label="Search"><select id="tag" aria-label="Tag"><option value="">every tag</option>'
        f'{tags}</select><button type="button" value="all" aria-pressed="true">All</button>{buttons}'
        f'<small id="count" aria-live="polite"></small></div>{text}'
    )


def _strip(rows: Sequence[Row], newly: dict[str, tuple[str, ...]]) -> str:
    """Return one square a case: a picture of how much is amiss, and where to click."""
    squares = "".join(
        f'<a href="#case-{n}" class="{_amount(row)}{" flip" if row.id in newly else ""}" '
        f'title="{escape(row.id, quote=True)}" aria-label="{escape(row.id, quote=True)}"></a>'
        for n, row in enumerate(rows, start=1)
    )
    framed = "<span>framed: newly failing</span>" if newly else ""
    return (
        f'<div class="strip">{squares}</div><div class="key"><span>green: nothing amiss</span>'
        f"<span>amber: something lacks</span><span>red: a check fails</span>{framed}</div>"
    )


def _amount(row: Row) -> str:
    return "much" if row.failed or row.error else "some" if lost(row) else "fine"


def _fingerprint(found: Evaluation) -> str:
    named = " · ".join(
        f"{escape(name)} <code>{escape(value)}</code>" for name, value in sorted(found.fingerprint.items())
    )
    return f"<p>{named}</p>"


def _running(found: Evaluation) -> str:
    return "".join(f"<p>{escape(line)}</p>" for line in running(found))


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
