"""What a run took and cost, in the words of every report; nothing of it gates, and none of it is in summary.json."""

from eval.run import Evaluation


def running(found: Evaluation) -> list[str]:
    """Return a line each on the answers, the scorers and the judge, as far as they are known."""
    took, lines = found.seconds, []
    if "answer, p95" in took:
        first = f", their first text {took['first text, p50']:.2f} s" if "first text, p50" in took else ""
        lines.append(
            f"Answers took {took['answer, p50']:.2f} s in the middle, {took['answer, p95']:.2f} s at the 95th percentile{first}."
        )
    if "tokens read, mean" in took:
        cost = took.get("cost of an answer, mean")
        price = "" if cost is None else f", {cost:.6f} an answer at --price"
        lines.append(
            f"{took['tokens read, mean']:.0f} tokens read and {took['tokens written, mean']:.0f} written an answer{price}."
        )
    if "scorers, CPU seconds" in took:
        lines.append(f"The scorers took {took['scorers, CPU seconds']:.1f} s of processor time.")
    if "judge, calls" in took:
        lines.append(
            f"The judge was asked {took['judge, calls']:.0f} times, {took['judge, from the cache']:.0f} verdicts came from "
            f"the cache, cost {took['judge, cost']:.4f}."
        )
    if found.spread:
        told = ", ".join(f"{name} {value:.3f}" for name, value in sorted(found.spread.items()))
        lines.append(f"Between its repeats the judge varies within a case, on average, by: {told}.")
    return lines
