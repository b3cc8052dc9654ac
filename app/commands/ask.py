"""`footnote ask`: one question answered in the terminal."""

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from app.audit.audit import note
from app.events import (
    Citations,
    Done,
    Event,
    Failed,
    Outcome,
    Passage,
    SentenceChecked,
    Sources,
    Status,
    Text,
)
from app.identity.grant import person_id, preview_of
from app.language.phrases import quoted
from app.question import Question
from app.turn.explanation import AnswerabilityShown, CandidateShown, Explanation, explanation
from vectorstore.errors import BadInput, Unavailable
from vectorstore.printable import printable, printable_json
from vectorstore.types import DEFAULT_TENANT, Generation

if TYPE_CHECKING:
    from app.build import Parts
    from app.settings import Settings
    from app.variants.standing import Variant


def explained_lines(told: Explanation) -> Iterator[str]:
    """Yield the explanation line by line."""
    if told.condensed != told.question:
        yield f"searched for   {told.condensed}"
    if told.outcome:
        yield f"outcome        {told.outcome}"
    for part in told.parts:
        yield f"part           {part}"
    yield f"model          {told.model}" + (f", prompt {told.prompt_hash}" if told.prompt_hash else "")
    yield f"generation     {told.generation if told.generation is not None else 'none'}"
    yield from _answerability(told.answerability)
    if told.timings:
        yield "timings        " + ", ".join(f"{lap.stage} {lap.ms:.0f} ms" for lap in told.timings)
    if told.candidates:
        yield ""
        yield f"{'rank':>4} {'score':>6}  {'stages':<28} {'passage':<8} where"
    for found in told.candidates:
        yield _candidate(found)
    doubtful = [sentence for sentence in told.sentences if sentence.verdict != "supported"]
    yield ""
    yield f"{len(told.sentences)} sentences checked, {len(doubtful)} not fully supported"


def _answerability(decision: AnswerabilityShown | None) -> Iterator[str]:
    if decision is None:
        return
    yield (
        f"answerable     {decision.probability:.2f}: sure from {decision.threshold:.2f}, "
        f"refused below {decision.unsure_threshold:.2f}"
    )
    if decision.missing:
        yield f"not found      {', '.join(decision.missing)}"
    if decision.reasons:
        yield f"against it     {', '.join(decision.reasons)}"


def _candidate(found: CandidateShown) -> str:
    stages = " ".join(f"{stage.name}:{stage.rank}" for stage in found.stages)
    page = f", page {found.page}" if found.page is not None else ""
    heading = f", {found.headings[-1]}" if found.headings else ""
    went = f"[{found.passage}]" if found.passage else "-"
    dropped = f"  ({found.dropped})" if found.dropped else ""
    return f"{found.rank:>4} {found.score:>6.3f}  {stages:<28} {went:<8} {found.uri}{page}{heading}{dropped}"


def ask(
    question: Annotated[str, typer.Argument(help="The question, in quotes.")],
    top_k: Annotated[int | None, typer.Option(min=1, max=50, help="Chunks to retrieve.")] = None,
    at: Annotated[int | None, typer.Option(min=0, help="Ask an earlier generation of the index.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object when done.")] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say what was searched, found, packed and left out, and why.")
    ] = False,
    as_user: Annotated[
        str | None, typer.Option(help="Ask as this user would, with what they may read.")
    ] = None,
    as_group: Annotated[
        list[str] | None, typer.Option(help="Ask as a member of this group would; may be repeated.")
    ] = None,
    tenant: Annotated[str, typer.Option(help="Whose documents.")] = DEFAULT_TENANT,
    variant: Annotated[
        str | None,
        typer.Option(
            help="Ask this variant. Default: the one that --as-user gets, else what answers everybody."
        ),
    ] = None,
) -> None:
    """Answer a question from the ingested documents, with numbered sources."""
    from app.build import build
    from app.settings import Settings
    from app.variants.standing import in_force

    if not question.strip():
        raise BadInput(
            "The question is empty.", 'Write it in quotes: footnote ask "How much leave do I get?"'
        )
    settings = in_force(configured := Settings())
    parts = build(configured)
    transcript = _Transcript(quiet=as_json)
    try:
        parts, settings, chosen = _chosen(
            parts, configured, settings, variant, person_id(tenant, as_user) if as_user else ""
        )
        pinned = at if at is not None or chosen is None else chosen.generation
        asked = Question(
            question.strip(),
            preview_of(tenant, as_user, as_group),
            top_k=top_k or settings.answer.top_k,
            at=None if pinned is None else Generation(pinned),
            variant=chosen.name if chosen else "",
        )
        parts.retriever.demand_documents(asked.at)
        asyncio.run(_follow(parts, asked, transcript))
    finally:
        parts.close()
    told = explanation(transcript.run, asked, transcript.events) if explain else None
    if as_json:
        shown = transcript.as_json() | ({"explanation": told.model_dump(mode="json")} if told else {})
        typer.echo(printable_json(shown, indent=2))
    elif told:
        typer.echo("")
        for line in explained_lines(told):
            typer.echo(printable(line))
    if transcript.failure is not None:
        raise Unavailable(transcript.failure.message)


def _chosen(
    parts: "Parts", configured: "Settings", settings: "Settings", name: str | None, owner: str
) -> "tuple[Parts, Settings, Variant | None]":
    """Return the parts with the turn of a variant, and its settings: the named one, or the one that an owner gets.

    `configured` are the settings of environment and files, `settings` those that the parts were opened with.
    """
    from app.build import open_variant
    from app.variants.standing import cell_of, standing
    from vectorstore.state.open import open_state

    now = standing(cell_of(open_state(settings.store)))
    found = now.find(name) if name else now.chosen(owner, "") if owner else None
    if found is None:
        return parts, settings, None
    changed = now.changes(found).applied(configured)
    turn, model = open_variant(changed, parts, settings.store)
    return replace(parts, turn=turn, model=model), changed, found


async def _follow(parts: "Parts", asked: Question, transcript: "_Transcript") -> None:
    try:
        async with aclosing(parts.turn.answer(asked, transcript.run)) as events:
            async for event in events:
                transcript.take(event)
    finally:
        await parts.disconnect()


class _Transcript:
    """Prints the answer as it streams and keeps what the closing lines need."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self.run = f"run_{uuid.uuid4().hex}"
        self.events: list[Event] = []
        self._passages: tuple[Passage, ...] = ()
        self._text = ""
        self._citations = Citations(())
        self._doubtful: list[SentenceChecked] = []
        self._outcome: Outcome = "answered"
        self.failure: Failed | None = None

    def take(self, event: Event) -> None:
        self.events.append(event)
        match event:
            case Status(stage, detail) if not self._quiet:
                typer.secho(f"{stage}… {detail}".rstrip(), err=True, dim=True)
            case Sources(passages):
                self._passages = passages
                note(run=self.run, read=sorted({each.document.id for each in passages}))
            case Text(delta):
                self._text += delta
                if not self._quiet:
                    typer.echo(delta, nl=False)
            case SentenceChecked() if event.verdict == "unsupported":
                self._doubtful.append(event)
            case Citations():
                self._citations = event
                note(cited=sorted({each.document.id for each in event.citations}))
            case Failed():
                self.failure = event
            case Done():
                self._outcome = event.outcome
                note(decided=event.outcome)
                if not self._quiet:
                    self._close()

    def _close(self) -> None:
        typer.echo("")
        cited = {citation.number: citation for citation in self._citations.citations}
        if cited:
            typer.echo("")
        for passage in self._passages:
            if passage.number in cited:
                typer.echo(f"[{passage.number}] {_place(passage)}")
                typer.secho(f"    {quoted(_short(cited[passage.number].quote))}", dim=True)
        for sentence in self._doubtful if self._outcome != "refused" else ():
            words = self._text[sentence.start : sentence.end]
            typer.secho(f"Not supported by the sources: {words}", err=True, fg="yellow")

    def as_json(self) -> dict[str, object]:
        return {
            "answer": self._text,
            "outcome": self._outcome,
            "refused": self._outcome == "refused",
            "citations": [
                {
                    "number": citation.number,
                    "uri": citation.document.uri,
                    "title": citation.document.title,
                    "page": citation.evidence.page,
                    "quote": citation.quote,
                    "start": citation.evidence.start,
                    "end": citation.evidence.end,
                    "support": round(citation.support, 3),
                }
                for citation in self._citations.citations
            ],
        }


def _place(passage: Passage) -> str:
    parts = [passage.document.title or passage.document.uri]
    if passage.span.page is not None:
        parts.append(f"page {passage.span.page}")
    if passage.headings:
        parts.append(passage.headings[-1])
    return printable(f"{', '.join(parts)} ({passage.document.uri})")


def _short(quote: str, width: int = 160) -> str:
    words = " ".join(printable(quote).split())
    return words if len(words) <= width else words[: width - 1] + "…"
