"""How far a passage supports a sentence: one calibrated ruler, used live and by the evaluation."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import pairwise
from operator import itemgetter
from typing import TypeAlias

from app.events import Passage, Verdict
from app.language.reading import Line, Reading, Window, lines, read, whole, windows
from vectorstore.language.words import rarity, total
from vectorstore.types import Span

BUDGET = 480
"""Characters of evidence that the trained checker reads: about 110 tokens."""
_FRAME = 120


def gather(claim: Reading, text: str, context: str = "", *, budget: int = BUDGET) -> str:
    """Return the sentences that hold the claim's words, rarest words first, and the one before the best.

    Sentences stand in the passage's order with a `…` where some are left out, each new heading, table header or
    lead-in in front of the first that it frames. Empty if the passage holds none of the claim's words.
    """
    found = [line for line in lines(text, context) if line.kind != "rule"]
    stems = [_stems(line.text) for line in found]
    chosen: list[int] = []
    missing = set(claim.stems)
    used = 0
    while len(chosen) < len(found):
        best = max(
            (place for place in range(len(found)) if place not in chosen),
            key=lambda place: _worth(claim.stems, missing, stems[place], len(found[place].text)),
        )
        if _worth(claim.stems, missing, stems[best], len(found[best].text)) <= 0:
            break
        if chosen and used + len(found[best].text) > budget:
            break
        chosen.append(best)
        used += len(found[best].text)
        missing -= stems[best]
        before = best - 1
        if len(chosen) == 1 and before >= 0 and used + len(found[before].text) <= budget * 0.7:
            chosen.append(before)
            used += len(found[before].text)
            missing -= stems[before]
    return _joined(found, sorted(chosen))[: budget + 2 * _FRAME]


def _worth(wanted: frozenset[str], missing: set[str], held: frozenset[str], length: int) -> float:
    """Return the rarity of what a sentence adds, a little of what it repeats, long ones held back."""
    if held.isdisjoint(wanted):
        return 0.0
    new = sum(rarity(stem) for stem in missing & held)
    return (new + 0.25 * total(wanted & held)) / (1 + length / 600)


def _joined(found: Sequence[Line], places: Sequence[int]) -> str:
    parts: list[str] = []
    shown: set[str] = set()
    last = -1
    for place in places:
        if parts and place != last + 1:
            parts.append("…")
        new = [part for part in found[place].frame.split("\n") if part and part not in shown]
        shown.update(new)
        if new:
            parts.append(": ".join(new)[:_FRAME] + ":")
        parts.append(found[place].text)
        last = place
    return " ".join(parts)


@lru_cache(maxsize=8_192)
def _stems(text: str) -> frozenset[str]:
    return read(text).stems


Checker: TypeAlias = Callable[[str, str, float], float]
"""A trained checker: claim, gathered evidence and this ruler's log-odds → the probability of support by both."""

SUPPORTED = 0.5
"""From here on a sentence counts as supported."""
PARTLY = 0.3
"""From here on a sentence counts as partly supported."""

_BEGUN = re.compile(r"[\w.,-]")
_WORDED = 0.5
_COVERED = 0.75
"""Shares of a sentence's pairs of words, and of its words by rarity, that are its evidence's where it says the same."""
_GOES_ON = re.compile(r"\w|[.,]\d")
_BIAS = -6.2
_WEIGHTS = {
    "coverage": 3.6, "pairs": 0.8, "run": 0.1, "names": 0.5, "facts": 4.0, "counted": 0.6, "negation": -0.8, "opposites": -1.0,
    "rarest_missing": -0.5, "length": -0.2,
}  # fmt: skip
"""Fitted by `benchmarks/answers/support.py --fit` on WiCE, but for `facts`, `negation` and `opposites`: it holds few slips of that kind."""
_CEILING = _BIAS + sum(max(0.0, weight) for weight in _WEIGHTS.values())
OPPOSITES = {
    first: second
    for pair in (
        "increas decreas", "more less", "high low", "higher lower", "maximum minimum", "before after", "allow forbid",
        "allow prohibit", "includ exclud", "accept reject", "begin end", "start stop", "open clos", "always never",
        "mandator optional", "mandator voluntar", "internal external", "public privat", "positiv negativ", "agre disagre",
        "rise fall", "grow shrink", "larg small", "first last", "old young", "win lose", "success fail", "strong weak",
        "long short", "eas difficult", "cheap expensiv", "most least", "many few", "enabl disabl", "approv den",
        "satisf dissatisf", "complet incomplet", "possib impossib", "sure unsur", "buy sell", "add remov",
    )
    for first, second in (pair.split(), reversed(pair.split()))
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Grounding:
    """What a sentence rests on: the best passage, and in it the window that supports it most.

    `evidence` counts in the document's extracted text and `quote` is that text, verbatim. Without passages
    `passage` is None and the span is empty.
    """

    support: float
    verdict: Verdict
    passage: Passage | None
    evidence: Span
    quote: str


def support(
    sentence: str, evidence: str, *, context: str = "", checker: Checker | None = None, tau: float = SUPPORTED
) -> float:
    """Return the probability that the evidence supports the sentence.

    The best of its windows of one to three sentences counts. 1 if the sentence stands in the evidence word for
    word, 0 if it holds a number, date, unit or code that the evidence lacks. `context` is read with every window.
    A `checker` has its say in what is neither. `tau` is the probability that is to count as an even chance.
    """
    value = max((value for value, _, _ in _scored(read(sentence), [(evidence, context)])), default=0.0)
    return _calibrated(_heard(value, sentence, evidence, context, checker), tau)


def check(
    sentence: str, passages: Sequence[Passage], *, checker: Checker | None = None, tau: float = SUPPORTED
) -> Grounding:
    """Find the window that supports the sentence best; earlier passages and shorter windows win ties.

    The window is found by words; a `checker` then reads the sentence with its passage, unless that is beyond doubt.
    """
    texts = [(passage.text, context_of(passage)) for passage in passages]
    best: tuple[float, int, Window] | None = None
    for found in _scored(read(sentence), texts):
        if best is None or found[0] > best[0] + 1e-9 or _is_tighter(found, than=best):
            best = found
    if best is None:
        return Grounding(0.0, "unsupported", None, Span(0, 0), "")
    value, place, window = best
    passage = passages[place]
    value = _calibrated(_heard(value, sentence, passage.text, context_of(passage), checker), tau)
    start = passage.span.start + window.start
    evidence = Span(start, passage.span.start + window.end, _page(passage, start))
    return Grounding(value, verdict(value), passage, evidence, passage.text[window.start : window.end])


def in_its_words(claimed: str, found: Grounding) -> bool:
    """Say whether one sentence of the evidence says it nearly so: its figures, its denials, half of its pairs of words."""
    claim = read(claimed)
    if len(claim.order) < 2 or found.passage is None:
        return False
    held = (features(claim, line.framed) for line in lines(found.quote))
    return any(
        each["facts"] == 1.0
        and not each["negation"]
        and each["pairs"] >= _WORDED
        and each["coverage"] >= _COVERED
        for each in held
    )


def denies_alike(claimed: str, found: Grounding) -> bool:
    """Say whether a sentence denies something where its evidence does, and only there."""
    return read(claimed).negated == read(found.quote).negated


def read_ahead(passages: Sequence[Passage]) -> None:
    """Read what `check` will read of these passages: tens of milliseconds that the first sentence then need not wait."""
    for passage in passages:
        context = context_of(passage)
        whole(passage.text, context)
        windows(passage.text, context)


def _heard(value: float, sentence: str, evidence: str, context: str, checker: Checker | None) -> float:
    """Ask the checker, but not about what stands there word for word, is refuted, or shares no word."""
    if checker is None or not 0.0 < value < 1.0:
        return value
    return checker(sentence, gather(read(sentence), evidence, context), math.log(value / (1 - value)))


def _calibrated(value: float, tau: float) -> float:
    """Shift the log-odds so that `tau` becomes an even chance; what is beyond doubt stays so."""
    if tau == SUPPORTED or not 0.0 < value < 1.0:
        return value
    odds = value / (1 - value) * (1 - tau) / tau
    return odds / (1 + odds)


def _is_tighter(found: tuple[float, int, Window], *, than: tuple[float, int, Window]) -> bool:
    """Say whether a window supports as well as another of the same passage, with fewer words."""
    value, place, window = found
    best, home, held = than
    return place == home and value > best - 1e-9 and window.end - window.start < held.end - held.start


def verdict(value: float) -> Verdict:
    """Name a support probability."""
    if value >= SUPPORTED:
        return "supported"
    return "partly" if value >= PARTLY else "unsupported"


def features(claim: Reading, evidence: Reading) -> dict[str, float]:
    """Return what the ruler weighs; each between 0 and about 1."""
    covered = claim.stems & evidence.stems
    missing = claim.stems - covered
    whole = total(claim.stems) or 1.0
    pairs = set(pairwise(claim.order))
    opposed = sum(OPPOSITES.get(stem, "") in evidence.stems for stem in missing)
    return {
        "coverage": total(covered) / whole,
        "pairs": len(pairs & evidence.pairs) / len(pairs) if pairs else 1.0,
        "run": _longest_run(claim.order, evidence.pairs) / max(1, len(claim.order)),
        "names": len(claim.names & evidence.words) / len(claim.names) if claim.names else 1.0,
        "facts": _facts_held(claim, evidence),
        "counted": float(claim.facts.counted <= evidence.facts.counted | evidence.facts.numbers),
        "negation": float(claim.negated != evidence.negated),
        "opposites": min(1.0, opposed),
        "rarest_missing": max(map(rarity, missing), default=0.0) / 8.5,
        "length": math.log(1 + len(claim.order)) / 3,
    }


def contradicts(claim: Reading, evidence: Reading) -> bool:
    """Say whether the claim has a number, measure, month or code that the evidence lacks."""
    stated, known = claim.facts, evidence.facts
    return not (
        not known.lacking(stated)
        and stated.codes <= known.codes
        and stated.months <= known.months
        and _measures_agree(stated.measures, known.measures)
    )


def _facts_held(claim: Reading, evidence: Reading) -> float:
    """Return the share of the claim's numbers, codes and months that this window holds."""
    stated, known = claim.facts, evidence.facts
    hard = len(stated.numbers) + len(stated.codes) + len(stated.months)
    if not hard:
        return 1.0
    missing = len(known.lacking(stated)) + len(stated.codes - known.codes) + len(stated.months - known.months)
    return 1 - missing / hard


def _measures_agree(stated: frozenset[str], known: frozenset[str]) -> bool:
    """Units may be left out on one side (a table's header holds them), but not differ."""
    if stated <= known:
        return True
    units: dict[str, set[str]] = {}
    for measure in known:
        value, unit = measure.split("|")
        units.setdefault(value, set()).add(unit)
    return all(
        unit in units.get(value, {unit}) for value, unit in (measure.split("|") for measure in stated - known)
    )


def context_of(passage: Passage) -> str:
    """Add the document's title and date, which an answer may name."""
    return _headed(passage.document.title, passage.document.modified, passage.context)


@lru_cache(maxsize=1_024)
def _headed(title: str, modified: datetime | None, context: str) -> str:
    date = f"{modified.day} {modified:%B %Y}" if modified else ""
    return "\n".join(part for part in (title, date, context) if part)


def _scored(claim: Reading, texts: Sequence[tuple[str, str]]) -> list[tuple[float, int, Window]]:
    """Return each window with its score and its text's place, but for those that cannot be the best."""
    known = [whole(evidence, context) for evidence, context in texts]
    found: list[tuple[int, int, float, Window]] = []
    best = 0.0
    for place, share in _most_telling(claim, [each.stems for each in known]):
        if _most(share) < best - 1e-9:
            break
        refuted = contradicts(claim, known[place])
        near = [
            window
            for window in windows(*texts[place])
            if not window.keys or all(key <= claim.stems for key in window.keys)
        ]
        for at, held in _most_telling(claim, [window.stems for window in near]):
            if _most(held) < best - 1e-9:
                break
            value = score(claim, near[at], refuted=refuted)
            found.append((place, at, value, near[at]))
            best = max(best, value)
    return [(value, place, window) for place, _, value, window in sorted(found, key=itemgetter(0, 1))]


def _most_telling(claim: Reading, stems: Sequence[frozenset[str]]) -> list[tuple[int, float]]:
    """Return the places of these stems and the share of the claim's words that they hold, most first."""
    weights = {stem: rarity(stem) for stem in claim.stems}
    asked = math.fsum(weights.values()) or 1.0
    held = [
        (place, math.fsum(map(weights.__getitem__, claim.stems & each)) / asked)
        for place, each in enumerate(stems)
    ]
    return sorted(held, key=itemgetter(1), reverse=True)


def _most(covered: float) -> float:
    """Return the most that a window can score which holds this share of the claim's words."""
    return 1.0 if covered >= 1.0 else 1 / (1 + math.exp(-_CEILING + _WEIGHTS["coverage"] * (1 - covered)))


def score(claim: Reading, window: Window, *, refuted: bool) -> float:
    """Return the support probability of one claim by one window; `refuted` if the whole evidence contradicts it."""
    if not claim.words:
        return 0.0
    if len(claim.words) > 2 and _stands_in(claim.plain, window.plain):
        return 1.0
    if refuted or not claim.stems & window.stems:
        return 0.0
    if len(claim.words) > 2 and claim.spoken in window.reading.spoken:
        return 1.0
    weighed = sum(_WEIGHTS[name] * value for name, value in features(claim, window.reading).items())
    return 1 / (1 + math.exp(-_BIAS - weighed))


def _stands_in(claim: str, text: str) -> bool:
    """Say whether the claim stands there whole: `EUR 1` does not stand in `EUR 100` nor in `EUR 1.5`."""
    at = text.find(claim)
    while at >= 0:
        end = at + len(claim)
        if not _GOES_ON.match(text, end) and not _BEGUN.match(text[at - 1 : at]):
            return True
        at = text.find(claim, at + 1)
    return False


def _longest_run(order: tuple[str, ...], known: frozenset[tuple[str, str]]) -> int:
    """Return the most consecutive terms whose neighbours are neighbours in the evidence too."""
    longest = run = 0
    for pair in pairwise(order):
        run = run + 1 if pair in known else 0
        longest = max(longest, run)
    return longest + 1 if longest else 0


def _page(passage: Passage, offset: int) -> int | None:
    pages = passage.document.pages
    if not pages:
        return passage.span.page
    return max(1, sum(start <= offset for start in pages))
