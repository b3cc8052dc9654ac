"""A monitoring as an operator reads it: in the terminal, and as one page."""

from collections.abc import Iterator, Sequence
from html import escape as html_escape

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from eval.live.monitor import Found, Topic
from eval.live.shares import KINDS, Difference, Line, Share
from eval.reports.html import page
from vectorstore.printable import printable

NEAR = "A heading names what lies near a topic in the documents, not its answer."
_WRITTEN = (
    " An evaluation's questions are written, not asked: where this is said each time, add what people ask (`footnote "
    "eval harvest`), or hold questions against these days from now on (`footnote monitor --set-reference window`)."
)
_COLUMNS = ("questions", "people", *(kind.name for kind in KINDS), "first word", "whole answer")


def headline(found: Found) -> str:
    """Say in one line whether there is something to look at."""
    count = sum(found.alarms.values())
    said = "nothing stands out" if not count else "1 finding" if count == 1 else f"{count} findings"
    asked = f"{_many(found.now.questions, 'question')} of {_people(found.now.people)}"
    return f"{said}; {found.since:%Y-%m-%d} to {found.until:%Y-%m-%d}, {asked}"


def findings(found: Found) -> Iterator[str]:
    """Yield a sentence for each finding, and what to do."""
    if found.alarms["drift"]:
        new = "; ".join(map(_about, found.strange[:3]))
        said = f" What is new: {new}." if new else ""
        yield f"People ask other things than the reference holds (p = {found.p:.4f}).{said}{'' if found.is_live else _WRITTEN}"
    for topic in found.topics:
        if topic.is_new:
            yield f"New, and without a sure answer: {_about(topic)}. Add a document, or say where else to ask."
    for each in found.changed:
        yield f"More are {each.kind} than in the windows before: {_against(each)}."
    for each in found.unequal:
        word = "More" if each.is_worse else "Fewer"
        yield f"{word} are {each.kind} in the group {each.name} than outside it: {_against(each)}."


def show(found: Found, console: Console) -> None:
    """Print it."""
    colour, mark = ("red", "✗") if found.has_alarms else ("green", "✓")
    console.print(f"[bold {colour}]{mark} {escape(headline(found))}[/]")
    for sentence in findings(found):
        console.print(f"  → {_inert(sentence)}")
    console.print(f"Held against {_inert(found.reference)}{_chance(found)}.")
    if found.topics:
        console.print("\n[bold]What people ask and the documents do not say[/]")
        for number, topic in enumerate(found.topics, start=1):
            console.print(f"{number:3}. {_inert(_about(topic))}. {_inert(_more(topic))}")
        console.print(NEAR, style="dim")
    for title, lines in _tables(found):
        console.print(f"\n[bold]{title}[/]")
        table = Table(box=None, pad_edge=False)
        for name in ("", *_COLUMNS):
            table.add_column(name, justify="right" if name else "left", no_wrap=True)
        for each in lines:
            table.add_row(_inert(each.name), *_cells(each))
        console.print(table)
    for note in found.notes:
        console.print(_inert(note), style="dim")


def html(found: Found) -> str:
    """Return the page: nothing is fetched, and nothing from a document or a group's name can act."""
    kind, mark = ("failed", "✗") if found.has_alarms else ("passed", "✓")
    said = "".join(f"<li>{_h(sentence)}</li>" for sentence in findings(found))
    told = f'<section class="causes bad"><h3>What to look at</h3><ol>{said}</ol></section>' if said else ""
    listed = "".join(
        f"<li>{_h(_about(topic))}<br><small>{_h(_more(topic))}</small></li>" for topic in found.topics
    )
    topics = (
        f'<h2>What people ask and the documents do not say</h2><ol>{listed}</ol><p class="soft">{NEAR}</p>'
        if listed
        else ""
    )
    heads = "".join(f"<th>{name}</th>" for name in ("", *_COLUMNS))
    tables = "".join(
        f'<h2>{title}</h2><div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody>'
        + "".join(
            f"<tr><td>{_h(each.name)}</td>{''.join(f'<td>{_h(cell)}</td>' for cell in _cells(each))}</tr>"
            for each in lines
        )
        + "</tbody></table></div>"
        for title, lines in _tables(found)
    )
    kinds = "".join(f"<li>{kind.name}: {kind.says}</li>" for kind in KINDS)
    notes = "".join(f"<li>{_h(note)}</li>" for note in found.notes)
    return page(
        f"Monitoring: {headline(found)}",
        f'<p class="eyebrow">Footnote monitoring</p><h1><span class="{kind}">{mark}</span> {_h(headline(found))}</h1>'
        f"{told}<h3>Held against</h3><p>{_h(found.reference)}{_h(_chance(found))}.</p>{topics}{tables}"
        f"<footer><ul class=notes>{kinds}<li>In parentheses the 95 % interval; questions of one person count together.</li>{notes}</ul></footer>",
    )


def _tables(found: Found) -> Iterator[tuple[str, Sequence[Line]]]:
    yield f"How it went, by {found.days} days", found.history
    if found.groups:
        yield "By group, in this window", found.groups
    if found.variants:
        yield "By variant, in this window", found.variants


def _cells(each: Line) -> tuple[str, ...]:
    shares = (_share(each.shares.get(kind.name)) for kind in KINDS)
    return str(each.questions), str(each.people), *shares, _times(each.first_ms), _times(each.total_ms)


def _share(found: Share | None) -> str:
    if found is None:
        return "–"
    return f"{100 * found.value:.0f} % ({100 * found.low:.0f}–{100 * found.high:.0f})"


def _times(found: tuple[float, float] | None) -> str:
    return "–" if found is None else f"{found[0] / 1_000:.1f} s, p95 {found[1] / 1_000:.1f}"


def _chance(found: Found) -> str:
    return (
        ""
        if found.p is None
        else f" (p = {found.p:.4f}; {found.units[0]} people or conversations against {found.units[1]})"
    )


def _against(each: Difference) -> str:
    return (
        f"{_share(each.here)} against {_share(each.elsewhere)}, p = {each.p:.4f} with all comparisons counted"
    )


def _about(topic: Topic) -> str:
    return f"{_name(topic)} ({_many(topic.questions, 'question')} of {_people(topic.people)})"


def _name(topic: Topic) -> str:
    near = " and ".join(f"“{heading}”" for heading in topic.near)
    named = f"near {near}" if near else "near nothing in the documents"
    return f"{', '.join(topic.words)}: {named}" if topic.words else named


def _more(topic: Topic) -> str:
    return (
        f"{topic.refused} refused, {topic.unsure} unsure. Of the questions about this {100 * topic.share:.0f} % had no sure "
        f"answer, and {100 * topic.new:.0f} % are unlike all of the reference."
    )


def _people(count: int) -> str:
    return f"{count} people or conversations" if count != 1 else "1 person or conversation"


def _many(count: int, name: str) -> str:
    return f"{count} {name}" if count == 1 else f"{count} {name}s"


def _inert(text: str) -> str:
    return escape(printable(text))


def _h(text: str) -> str:
    return html_escape(printable(text))
