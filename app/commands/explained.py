"""Prints an explanation of a turn for a reader at the terminal."""

from collections.abc import Iterator

from app.explanation import Json


def explained_lines(told: Json) -> Iterator[str]:
    """Yield the explanation line by line."""
    if told["condensed"] != told["question"]:
        yield f"searched for   {told['condensed']}"
    for part in told["parts"]:
        yield f"part           {part}"
    yield f"model          {told['model']}" + (
        f", prompt {told['prompt_hash']}" if told["prompt_hash"] else ""
    )
    yield f"generation     {told['generation'] if told['generation'] is not None else 'none'}"
    yield from _answerability(told["answerability"])
    if told["timings"]:
        yield "timings        " + ", ".join(f"{lap['stage']} {lap['ms']:.0f} ms" for lap in told["timings"])
    if told["candidates"]:
        yield ""
        yield f"{'rank':>4} {'score':>6}  {'stages':<28} {'passage':<8} where"
    for found in told["candidates"]:
        yield _candidate(found)
    doubtful = [sentence for sentence in told["sentences"] if sentence["verdict"] != "supported"]
    yield ""
    yield f"{len(told['sentences'])} sentences checked, {len(doubtful)} not fully supported"


def _answerability(decision: Json | None) -> Iterator[str]:
    if decision is None:
        return
    sure = "answered" if decision["probability"] >= decision["threshold"] else "refused"
    yield f"answerable     {decision['probability']:.2f}, {sure} at {decision['threshold']:.2f}"
    if decision["missing"]:
        yield f"not found      {', '.join(decision['missing'])}"
    if decision["reasons"]:
        yield f"against it     {', '.join(decision['reasons'])}"


def _candidate(found: Json) -> str:
    stages = " ".join(f"{stage['name']}:{stage['rank']}" for stage in found["stages"])
    page = f", page {found['page']}" if found["page"] is not None else ""
    heading = f", {found['headings'][-1]}" if found["headings"] else ""
    went = f"[{found['passage']}]" if found["passage"] else "-"
    dropped = f"  ({found['dropped']})" if found["dropped"] else ""
    return (
        f"{found['rank']:>4} {found['score']:>6.3f}  {stages:<28} {went:<8} "
        f"{found['uri']}{page}{heading}{dropped}"
    )
