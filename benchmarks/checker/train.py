"""Train the support checker on pairs; on two quiet cores in one go of well under two hours.

    python -m benchmarks.checker.pairs --out pairs.jsonl
    python -m benchmarks.checker.train --pairs pairs.jsonl --out checkpoint
    python -m benchmarks.checker.train --pairs summedits.jsonl --replay pairs.jsonl --start checkpoint --out tuned --rate 4e-5
    python -m benchmarks.checker.train … --device cuda --seed 2       # for sweeps

AdamW, linear warm-up over 6 % and decay to 0, binary cross-entropy on the verdict plus 0.3 of it on the tokens,
word embeddings frozen, bfloat16 where the processor has it, batches of like length. With `--minutes` the rate decays
by the clock where that runs ahead of the steps: the run ends whole on a busy machine (and is then not reproducible to
the last bit).
"""

import argparse
import json
import random
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from benchmarks.answers.support import auroc
from benchmarks.checker.model import Checker, half_precision, padded
from vectorstore.models.minilm import tokenizer_definition
from vectorstore.models.pair_model import MAX_TOKENS, kinds

BATCH_TOKENS = 2_048
TOKEN_LOSS = 0.3
WARM_UP = 0.06
_DEV_SHARE = 24


@dataclass(frozen=True, slots=True)
class Example:
    """One pair in tokens. `marks` are 1 for unsupported tokens, 0 for others of the claim, -1 where unknown."""

    tokens: np.ndarray[Any, Any]
    kinds: np.ndarray[Any, Any]
    marks: np.ndarray[Any, Any]
    label: int
    task: str
    kind: str
    weight: float


def examples(path: Path, tasks: Sequence[str]) -> tuple[list[Example], list[Example]]:
    """Read pairs; return those to train on and those held out, whole documents each (1 in 24)."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_buffer(tokenizer_definition())
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS, strategy="only_second")
    train, dev = [], []
    with path.open(encoding="utf-8") as file:
        for row in map(json.loads, file):
            if row["evidence"] and len(row["claim"]) < 600 and row["task"] in tasks:
                held = zlib.crc32(row["group"].encode()) % _DEV_SHARE == 0
                (dev if held else train).append(_example(tokenizer, row))
    return train, dev


def _example(tokenizer: Any, row: dict[str, Any]) -> Example:
    encoding = tokenizer.encode(row["claim"], row["evidence"])
    marks = np.full(len(encoding.ids), -1)
    if row["spans"] is not None:
        for place, ((start, end), segment) in enumerate(
            zip(encoding.offsets, encoding.type_ids, strict=True)
        ):
            if segment == 0 and end > start:
                marks[place] = any(start < last and end > first for first, last in row["spans"])
    return Example(
        np.array(encoding.ids),
        kinds(encoding.ids, encoding.type_ids),
        marks,
        row["label"],
        row["task"],
        row["kind"],
        row.get("weight", 1.0),
    )


def batches(items: list[Example], draw: random.Random) -> Iterator[list[Example]]:
    """Yield batches of about `BATCH_TOKENS` tokens, like lengths together, in random order."""
    order = draw.sample(items, len(items))
    found: list[list[Example]] = []
    for start in range(0, len(order), 1_200):
        block = sorted(order[start : start + 1_200], key=lambda item: len(item.tokens))
        cut: list[list[Example]] = []
        while block:
            size = 1
            while size < len(block) and len(block[size].tokens) * (size + 1) <= BATCH_TOKENS:
                size += 1
            cut.append(block[:size])
            block = block[size:]
        draw.shuffle(cut)
        found += cut
    yield from found


class Training:
    """One run: model, optimiser, schedule, log."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        torch.manual_seed(arguments.seed)
        torch.set_num_threads(arguments.threads)
        self.device = arguments.device
        self.model = Checker(device=self.device)
        if arguments.start:
            self.model.load(arguments.start)
        self.rate = arguments.rate
        self.minutes = arguments.minutes
        self.began = time.monotonic()
        kinds_table = self.model.encoder.embeddings.token_type_embeddings
        fresh = [
            parameter
            for part in (self.model.support, self.model.answer, self.model.token, kinds_table)
            for parameter in part.parameters()
        ]
        published = [*self.model.encoder.encoder.parameters()]
        self.optimiser = torch.optim.AdamW(
            [{"params": published, "scale": 1.0}, {"params": fresh, "scale": 5.0}],
            lr=self.rate,
            weight_decay=0.01,
        )

    def progress(self, done: float) -> float:
        """Return how much of the run is over, by steps or by the clock."""
        clock = (time.monotonic() - self.began) / 60 / self.minutes if self.minutes else 0.0
        return max(done, clock)

    def step(self, batch: list[Example], progress: float) -> float:
        """Learn from one batch; return its loss."""
        scale = min(1.0, progress / WARM_UP) if progress < WARM_UP else (1 - progress) / (1 - WARM_UP)
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate * group["scale"] * max(scale, 0.01)
        self.model.train()
        loss = self.loss(batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        return float(loss.detach())

    def run(self, batch: list[Example]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return the three heads' logits."""
        tokens = padded([item.tokens for item in batch]).to(self.device)
        sides = padded([item.kinds for item in batch]).to(self.device)
        mask = padded([np.ones(len(item.tokens)) for item in batch]).to(self.device)
        with half_precision(self.device):
            support, answer, token = self.model(tokens, mask, sides)
        return support.float(), answer.float(), token.float()

    def loss(self, batch: list[Example]) -> torch.Tensor:
        """Return the batch's loss."""
        support, answer, token = self.run(batch)
        asks = torch.tensor([item.task == "answer" for item in batch], device=self.device)
        labels = torch.tensor([float(item.label) for item in batch], device=self.device)
        weights = torch.tensor([item.weight for item in batch], device=self.device)
        verdict = torch.where(asks, answer, support)
        total = functional.binary_cross_entropy_with_logits(verdict, labels, weights)
        marks = padded([item.marks + 1 for item in batch]).to(self.device) - 1
        known = marks >= 0
        if known.any():
            wanted = marks[known].float()
            # Few tokens are unsupported: they count four times.
            total = total + TOKEN_LOSS * functional.binary_cross_entropy_with_logits(
                token[known], wanted, 1 + 3 * wanted
            )
        return total

    @torch.no_grad()
    def measure(self, items: list[Example]) -> dict[str, float]:
        """Return AUROC of the support and the answer head, and of support by kind of negative."""
        self.model.eval()
        scores = np.zeros(len(items))
        order = sorted(range(len(items)), key=lambda place: len(items[place].tokens))
        for start in range(0, len(order), 32):
            places = order[start : start + 32]
            support, answer, _ = self.run([items[place] for place in places])
            for row, place in enumerate(places):
                scores[place] = float((answer if items[place].task == "answer" else support)[row])
        labels = np.array([item.label == 1 for item in items])
        tasks = np.array([item.task for item in items])
        made = np.array([item.kind.removeprefix("source ") for item in items])
        found = {}
        for task in sorted(set(tasks)):
            chosen = tasks == task
            if 0 < labels[chosen].sum() < chosen.sum():
                found[task] = auroc(scores[chosen], labels[chosen])
        for kind in sorted(set(made[(tasks == "support") & ~labels])):
            chosen = (tasks == "support") & (labels | (made == kind))
            if labels[chosen].any():
                found[f"support, {kind}"] = auroc(scores[chosen], labels[chosen])
        return {name: round(value, 3) for name, value in found.items()}


def train(arguments: argparse.Namespace) -> None:
    """Train, save every few minutes, and print what was measured on the held-out documents."""
    draw = random.Random(arguments.seed)
    fitting, dev = examples(arguments.pairs, arguments.tasks)
    if arguments.replay:
        others, held = examples(arguments.replay, arguments.tasks)
        fitting += draw.sample(others, min(len(others), arguments.replayed))
        dev += held
    run = Training(arguments)
    tokens = sum(len(item.tokens) for item in fitting)
    print(f"{len(fitting)} pairs, {tokens} tokens, {len(dev)} held out", flush=True)
    steps, seen, saved, losses = 0, 0, time.monotonic(), []
    whole = tokens * arguments.epochs
    for epoch in range(arguments.epochs):
        for batch in batches(fitting, draw):
            progress = run.progress(seen / whole)
            if progress >= 1:
                break
            losses.append(run.step(batch, progress))
            steps += 1
            seen += sum(len(item.tokens) for item in batch)
            if steps % 50 == 0:
                speed = seen / (time.monotonic() - run.began)
                print(
                    f"{epoch} {steps} {progress:.3f} loss {np.mean(losses[-50:]):.4f} {speed:.0f} tokens/s",
                    flush=True,
                )
            if time.monotonic() - saved > 240:
                run.model.save(arguments.out, {"steps": steps, "tokens": seen})
                saved = time.monotonic()
    found = run.measure(dev)
    print(json.dumps(found, indent=2), flush=True)
    facts = {
        "steps": steps,
        "tokens": seen,
        "pairs": len(fitting),
        "seconds": round(time.monotonic() - run.began),
    }
    run.model.save(
        arguments.out, {**facts, "rate": arguments.rate, "seed": arguments.seed, "held out": found}
    )


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=Path, required=True)
    parser.add_argument("--replay", type=Path, help="more pairs, of which --replayed are mixed in")
    parser.add_argument("--replayed", type=int, default=4_000)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=Path, help="a checkpoint to go on from")
    parser.add_argument("--tasks", nargs="+", default=["support", "answer"])
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=0.0)
    parser.add_argument("--rate", type=float, default=1.5e-4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    train(parser.parse_args())


if __name__ == "__main__":
    main()
