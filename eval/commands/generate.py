"""`footnote eval generate`: a first set of questions from your own documents, for a person to review."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer
from typer import Option

from eval.cases import HARVESTED, Case, load_cases
from eval.commands import options
from eval.generation import Text, offline
from vectorstore.errors import BadInput
from vectorstore.printable import printable


def generate(
    docs: options.Docs = None,
    out: Annotated[Path, Option(help="File to write the questions to.")] = Path("cases.jsonl"),
    withhold: Annotated[
        list[str] | None,
        Option(help="A document that will be left out of the index: its questions have no answer."),
    ] = None,
    most: Annotated[int, Option(min=1, help="Questions of a kind for one document.")] = 5,
    judge: Annotated[
        str, Option("--model", help="Also let this model write questions (OpenAI-compatible).")
    ] = "",
    judge_url: Annotated[
        str, Option("--model-url", help="The model's server; else FOOTNOTE_LLM_BASE_URL.")
    ] = "",
    force: Annotated[bool, Option("--force", help="Write over an existing file.")] = False,
) -> None:
    """Make questions from documents: none of them gates before `footnote eval review` has accepted it."""
    if out.exists() and not force:
        raise BadInput(f"{str(out)!r} exists already.", "Give another --out, or --force.")
    texts = read_texts(docs)
    held = frozenset(text.uri for text in texts if any(_names(text.uri, name) for name in withhold or ()))
    if lost := [name for name in withhold or () if not any(_names(uri, name) for uri in held)]:
        raise BadInput(f"There is no document {lost[0]!r} to withhold.")
    cases = _few(offline(texts, withheld=held), most)
    if judge:
        cases += _modelled([text for text in texts if text.uri not in held], judge, judge_url, most)
    if not cases:
        typer.echo("The documents gave no question.", err=True)
        raise typer.Exit(5)
    write_cases(cases, out)
    kinds = Counter("model" if "model" in case.tags else case.tags[1] for case in cases)
    unanswerable = sum(not case.answerable for case in cases)
    told = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    typer.echo(
        f"{len(cases)} questions in {out} ({told}; {unanswerable} without an answer), none reviewed yet."
    )
    if held:
        typer.echo(f"Leave out of the index: {', '.join(sorted(held))}")
    typer.echo(f"Next: footnote eval review --data {out}", err=True)


def read_texts(docs: Path | None) -> list[Text]:
    """Return every document's text and uri, from a fresh index of a folder or the configured one."""
    from eval.commands.configuration import opened, parse_configuration

    with opened(parse_configuration("generate", []), docs=docs) as target:
        return [Text(uri, text) for uri, text in target.texts().items()]


def write_cases(cases: Sequence[Case], path: Path) -> None:
    """Write one case a line, without what is as it would be anyway."""
    lines = [case.model_dump_json(exclude_defaults=True) for case in cases]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _modelled(texts: Sequence[Text], model: str, url: str, most: int) -> list[Case]:
    from app.settings import ModelSettings
    from eval.commands.options import judge_key
    from eval.generation import modelled
    from eval.judge.judge import openai_ask

    dropped: Counter[str] = Counter()
    ask = openai_ask(base_url=url or ModelSettings().address, model=model, api_key=judge_key())
    cases = modelled(texts, ask, per_document=most, dropped=dropped)
    for reason, count in dropped.most_common():
        typer.echo(f"Dropped {count}: {reason}.", err=True)
    return cases


def _few(cases: Sequence[Case], most: int) -> list[Case]:
    """Keep the first few of each kind and document."""
    seen: Counter[tuple[str, ...]] = Counter()
    kept = []
    for case in cases:
        kind = (case.group, *case.tags)
        seen[kind] += 1
        if seen[kind] <= most:
            kept.append(case)
    return kept


def _names(uri: str, name: str) -> bool:
    return uri == name or uri.endswith(f"/{name}")


_KEYS = "a accept · e edit · r reject · s skip · q quit"


def review(
    data: Annotated[Path, Option(help="Questions, one JSON object a line; changed in place.")],
) -> None:
    """Show every question that nobody has reviewed; each decision is written at once."""
    cases = {case.id: case for case in load_cases(data)}
    waiting = [case for case in cases.values() if not case.reviewed]
    accepted = rejected = 0
    for number, case in enumerate(waiting, start=1):
        _show(case, f"{number} of {len(waiting)}")
        decided = _decided(case)
        if decided == "quit":
            break
        if isinstance(decided, Case):
            cases[case.id] = decided
            accepted += 1
        elif decided == "reject":
            del cases[case.id]
            rejected += 1
        write_cases(list(cases.values()), data)
    left = sum(not case.reviewed for case in cases.values())
    typer.echo(f"{accepted} accepted, {rejected} rejected, {left} left to review.")


def _show(case: Case, place: str) -> None:
    typer.echo(f"\n[{place}] {case.id}  {', '.join(case.tags)}")
    for turn in case.history:
        typer.echo(f"  {turn.role.capitalize():9} {printable(turn.text)}")
    typer.echo(f"  Question  {printable(case.question)}")
    if case.note:
        typer.echo(f"  Note      {printable(case.note)}")
    typer.echo(
        f"  Answer    {case.reference or ('(not in the documents)' if not case.answerable else '(open)')}"
    )
    for evidence in case.evidence:
        typer.echo(f"  Evidence  {evidence.doc}: {evidence.quote}")


def _decided(shown: Case) -> Case | Literal["reject", "quit", "skip"]:
    while True:
        key = typer.prompt(_KEYS, default="s", show_default=False).strip().lower()[:1]
        match key:
            case "a" if HARVESTED in shown.tags:
                return _edited(shown)  # what the documents say to it, nobody has said yet
            case "a":
                return shown.model_copy(update={"reviewed": True})
            case "e":
                return _edited(shown)
            case "r":
                return "reject"
            case "q":
                return "quit"
            case "s":
                return "skip"


def _edited(case: Case) -> Case:
    question = typer.prompt("Question", default=case.question).strip()
    answerable = typer.confirm("Do the documents answer it?", default=case.answerable)
    reference = typer.prompt("Answer", default=case.reference).strip() if answerable else ""
    return case.model_copy(
        update={
            "question": question or case.question,
            "answerable": answerable,
            "reference": reference,
            "evidence": case.evidence if answerable else (),
            "reviewed": True,
        }
    )
