"""A language model as judge: one label for one sentence, kept, counted and never guessed.

A reply that holds no label is asked for once more; then the score is an error. What the judge says gates only when
it has been calibrated against human labels (`footnote eval calibrate`).
"""

import hashlib
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

from eval.metrics.answer import factual_sentences
from eval.metrics.outcome import ERROR, NOT_APPLICABLE, Outcome, Score, ok
from eval.metrics.row import Prices
from prompts.loader import Prompt, load
from vectorstore.errors import FootnoteError, NotAllowed, Unavailable

if TYPE_CHECKING:
    from openai import OpenAI

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vectorstore.index.sqlite.database import SQLite, create_file

_TABLE = (
    "CREATE TABLE IF NOT EXISTS replies "
    "(key TEXT PRIMARY KEY, label TEXT NOT NULL, read INTEGER NOT NULL, written INTEGER NOT NULL)"
)


class JudgeCache:
    """Replies in a SQLite file; any thread may use it."""

    def __init__(self, path: Path) -> None:
        """Open the file, made if it is not there."""
        create_file(path)
        self._database = SQLite(path)
        with self._database.connection() as connection:
            connection.run(_TABLE)

    def get(self, key: str) -> str | None:
        """Return the label that is kept, or None."""
        with self._database.connection() as connection:
            row = connection.one("SELECT label FROM replies WHERE key = ?", (key,))
        return None if row is None else str(row[0])

    def put(self, key: str, label: str, *, read: int = 0, written: int = 0) -> None:
        """Keep a label and the tokens that it took."""
        with self._database.connection() as connection:
            connection.run("INSERT OR REPLACE INTO replies VALUES (?, ?, ?, ?)", (key, label, read, written))

    def close(self) -> None:
        """Close the file."""
        self._database.close()


@contextmanager
def open_cache(path: Path) -> Iterator[JudgeCache]:
    """Open a cache for a block."""
    cache = JudgeCache(path)
    try:
        yield cache
    finally:
        cache.close()


def key_of(said: Mapping[str, str | int]) -> str:
    """Return the address of what decides a reply: model, prompt's hash, texts, number of the repeat."""
    return hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


Reply: TypeAlias = tuple[str, int, int]
"""What the model wrote, and the tokens that it read and wrote."""
Ask: TypeAlias = Callable[[str, int], Reply]
"""Asks the model: (prompt, seed) → its reply; raises FootnoteError."""
_UNSUPPORTED = re.compile(r"\bNOT[ _-]SUPPORTED\b")
_WORD = re.compile(r"\w++")
SUPPORT: Final[Mapping[str, float]] = {"UNSUPPORTED": 0.0, "PARTLY": 0.5, "SUPPORTED": 1.0}
RELEVANCE: Final[Mapping[str, float]] = {"NOT": 0.0, "PARTLY": 0.5, "FULLY": 1.0}
NAMES = ("groundedness@judge", "groundedness_strict@judge", "answer_relevance@judge")
_AT_ONCE = 4


@dataclass(slots=True)
class Spent:
    """What the judge has cost so far; `stopped` says why it was not asked on."""

    calls: int = 0
    cached: int = 0
    cost: float = 0.0
    stopped: str = ""
    failures: list[str] = field(default_factory=list)


class _OutOfReach(Unavailable):
    """No connection, however often it was tried."""


class Judge:
    """Scores outcomes by a model's labels; `cache_only` answers from the cache alone."""

    def __init__(
        self,
        ask: Ask,
        *,
        model: str,
        cache: JudgeCache,
        repeats: int = 1,
        cache_only: bool = False,
        prices: Prices | None = None,
        at_once: int = _AT_ONCE,
    ) -> None:
        self._ask = ask
        self._model = model
        self._cache = cache
        self._repeats = repeats
        self._cache_only = cache_only
        self._prices = prices or Prices()
        self._at_once = at_once
        self._lock = threading.Lock()
        self.spent = Spent()
        self.spread: dict[str, float] = {}

    def scores(self, outcomes: Sequence[Outcome]) -> list[dict[str, Score]]:
        """Score outcomes, in order; what could not be judged is an error."""
        with ThreadPoolExecutor(self._at_once) as pool:
            found = list(pool.map(self._scored, outcomes))
        self._note_spread(found)
        return [_mean(runs) for runs in found]

    def versions(self) -> dict[str, str]:
        """Return each metric's version: the model and the prompts that decide it."""
        said = f"{self._model} {load('judge_support').hash} {load('judge_relevance').hash} {self._repeats}"
        return dict.fromkeys(NAMES, hashlib.sha256(said.encode()).hexdigest()[:8])

    def label(self, prompt: Prompt, labels: Mapping[str, float], *, run: int = 0, **texts: str) -> str | None:
        """Return one label, from the cache or the model; None when there is none to be had."""
        key = key_of({"model": self._model, "prompt": prompt.hash, "run": run, **texts})
        kept = self._cache.get(key)
        if kept in labels:
            with self._lock:
                self.spent.cached += 1
            return kept
        delimiter = f"=== {hashlib.sha256(key.encode()).hexdigest()[:12]} ==="
        question = prompt.fill(delimiter=delimiter, **texts)
        for attempt in range(2):
            repair = "" if attempt == 0 else f"\n\nReply with one of these words only: {', '.join(labels)}."
            reply = self._reply(question + repair, seed=run)
            if reply is None:
                return None
            found = read_label(reply[0], labels)
            if found is not None:
                self._cache.put(key, found, read=reply[1], written=reply[2])
                return found
        self._fail("The judge gave no label, twice.")
        return None

    def _reply(self, question: str, *, seed: int) -> Reply | None:
        with self._lock:
            if self._cache_only or self.spent.stopped:
                missing = "The cache does not hold every verdict." if self._cache_only else ""
                self.spent.stopped = self.spent.stopped or missing
                return None
            self.spent.calls += 1
        try:
            reply = self._ask(question, seed)
        except (NotAllowed, _OutOfReach) as error:
            # Every other question would hear the same, each after all its retries.
            with self._lock:
                self.spent.stopped = error.what
            return None
        except FootnoteError as error:
            self._fail(error.what)
            return None
        self._pay(reply)
        return reply

    def _pay(self, reply: Reply) -> None:
        with self._lock:
            prices = self._prices
            self.spent.cost += (reply[1] * prices.read + reply[2] * prices.written) / 1_000_000
            if prices.most and self.spent.cost >= prices.most:
                self.spent.stopped = (
                    f"The judge has cost {self.spent.cost:.4f}, the most allowed is {prices.most:g}."
                )

    def _fail(self, reason: str) -> None:
        with self._lock:
            self.spent.failures.append(reason)

    def _scored(self, outcome: Outcome) -> list[dict[str, Score]]:
        return [self._once(outcome, run) for run in range(self._repeats)]

    def _once(self, outcome: Outcome, run: int) -> dict[str, Score]:
        if outcome.error:
            return dict.fromkeys(NAMES, ERROR)
        sentences = factual_sentences(outcome)
        if not sentences:
            return dict.fromkeys(NAMES, NOT_APPLICABLE)
        evidence = "\n\n".join(passage.text for passage in outcome.passages)
        prompt = load("judge_support")
        labels = [
            self.label(prompt, SUPPORT, run=run, evidence=evidence, sentence=text) for text in sentences
        ]
        relevance = self.label(
            load("judge_relevance"), RELEVANCE, run=run, question=outcome.case.question, answer=outcome.answer
        )
        return _grounded(labels) | {
            "answer_relevance@judge": ERROR if relevance is None else ok(RELEVANCE[relevance])
        }

    def _note_spread(self, found: Sequence[Sequence[Mapping[str, Score]]]) -> None:
        """Keep how far the repeats of a case lie apart, the mean over cases."""
        for name in NAMES if self._repeats > 1 else ():
            values = [[run[name].value for run in runs if run[name].status == "ok"] for runs in found]
            apart = [max(row) - min(row) for row in values if len(row) > 1]
            if apart:
                self.spread[name] = sum(apart) / len(apart)


def read_label(reply: str, labels: Mapping[str, float]) -> str | None:
    """Find the one label in a reply, in whatever dress; None for none, or for several that differ."""
    text = _UNSUPPORTED.sub("UNSUPPORTED", _without_thoughts(reply).upper())
    found = labels.keys() & set(_WORD.findall(text))
    return found.pop() if len(found) == 1 else None


def _without_thoughts(reply: str) -> str:
    """Leave out what a model says to itself before it answers."""
    before, *thoughts = reply.split("<think>")
    return " ".join((before, *(thought.partition("</think>")[2] or thought for thought in thoughts)))


def openai_ask(*, base_url: str, model: str, api_key: str, retries: int = 5, timeout: float = 60.0) -> Ask:
    """Ask an OpenAI-compatible server; a server that says when to come back is asked again then."""
    from openai import OpenAI

    client = OpenAI(base_url=base_url, api_key=api_key or "none", max_retries=retries, timeout=timeout)
    return lambda question, seed: _asked(client, model, question, seed)


def _asked(client: "OpenAI", model: str, question: str, seed: int) -> Reply:
    import openai

    try:
        reply = client.chat.completions.create(
            model=model,
            messages=[{"role": "user", "content": question}],
            temperature=0,
            seed=seed,
            max_tokens=400,
        )
        text = reply.choices[0].message.content or ""
    except openai.APIStatusError as error:
        if error.status_code in {401, 403}:
            raise NotAllowed(
                "The judge's server refused the key.", "Set FOOTNOTE_EVAL_JUDGE_KEY to a valid key."
            ) from error
        raise Unavailable(f"The judge's server answered with HTTP status {error.status_code}.") from error
    except openai.APITimeoutError as error:
        raise Unavailable("The judge's server took too long to answer.") from error
    except openai.APIConnectionError as error:
        raise _OutOfReach("The judge's server cannot be reached.") from error
    except (openai.OpenAIError, AttributeError, IndexError, TypeError, ValueError) as error:
        raise Unavailable("The judge's server gave a damaged reply.") from error
    used = reply.usage
    return text, used.prompt_tokens if used else 0, used.completion_tokens if used else 0


def _grounded(labels: Sequence[str | None]) -> dict[str, Score]:
    """One sentence without a verdict makes the score an error: a mean over the rest would be another figure."""
    names = NAMES[:2]
    known = [label for label in labels if label is not None]
    if len(known) < len(labels):
        return dict.fromkeys(names, ERROR)
    supported = sum(label == "SUPPORTED" for label in known)
    return {names[0]: ok(supported / len(known)), names[1]: ok(supported == len(known))}


def _mean(runs: Sequence[Mapping[str, Score]]) -> dict[str, Score]:
    return {name: _together([run[name] for run in runs]) for name in NAMES}


def _together(scores: Sequence[Score]) -> Score:
    if any(score.status == "error" for score in scores):
        return ERROR
    values = [score.value for score in scores if score.status == "ok"]
    return ok(sum(values) / len(values)) if values else NOT_APPLICABLE
