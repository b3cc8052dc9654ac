"""A configuration to evaluate: settings as KEY=VALUE over those of the environment, and an index that fits them."""

import difflib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import SecretStr, ValidationError

from app.settings import AnswerSettings, ModelSettings, Settings
from app.support.calibration import live_tau, ruler_tau
from eval.metrics.outcome import Ruler, corpus_ruler
from eval.targets.target import InProcess
from ingest.settings import IngestSettings
from prompts.loader import prompts_from
from vectorstore.errors import BadInput, NotFound
from vectorstore.settings import FootnoteSettings, StoreSettings
from vectorstore.types import Generation

if TYPE_CHECKING:
    from app.build import Parts

_CLASSES: tuple[type[FootnoteSettings], ...] = (StoreSettings, IngestSettings, AnswerSettings, ModelSettings)
_OWN = ("at", "prompts")
_UNNAMED = frozenset(
    ("data_dir", "keep_generations", "embedder", "top_k", "llm_model", "llm_base_url", "llm_api_key", "llm_fallback", "calibration",
     "llm_retries", "max_question_chars", "prompt_file")
)  # fmt: skip
"""What a fingerprint leaves out: what the target names itself, where things lie, and what is secret."""
Class = TypeVar("Class", bound=FootnoteSettings)


@dataclass(frozen=True, slots=True)
class Configuration:
    """What differs from the settings of the environment; `at` is a generation, `prompts` a folder of prompts."""

    name: str = ""
    values: Mapping[str, str] = field(default_factory=dict)

    def settings(self, kind: type[Class]) -> Class:
        """Return the settings of a room; raises BadInput for a value that does not fit."""
        own = {key: value for key, value in self.values.items() if key in kind.model_fields}
        try:
            return kind(**own)
        except ValidationError as error:
            first = error.errors()[0]
            raise BadInput(
                f"{first['loc'][0]}={first['input']!r} does not fit: {first['msg'].lower()}."
            ) from error

    def needs_ingest(self) -> bool:
        """Say whether an index made with the settings of the environment does not fit."""
        return any(key in IngestSettings.model_fields or key == "embedder" for key in self.values)


def parse_configuration(name: str, pairs: Sequence[str]) -> Configuration:
    """Read KEY=VALUE pairs, several in one argument divided by commas or spaces; raises BadInput."""
    known = {key for kind in _CLASSES for key in kind.model_fields} | set(_OWN)
    values: dict[str, str] = {}
    for pair in (part for given in pairs for part in given.replace(",", " ").split()):
        key, equals, value = pair.partition("=")
        key = key.lower().removeprefix("footnote_")
        if not equals:
            raise BadInput(f"{pair!r} is not KEY=VALUE.", "Write it like --a top_k=5, or --b at=41.")
        if key not in known:
            near = difflib.get_close_matches(key, sorted(known), n=1)
            hint = f"Did you mean {near[0]!r}?" if near else "Run `footnote config show` for the list."
            raise BadInput(f"{key!r} is not a setting that an evaluation can vary.", hint)
        values[key] = value
    return Configuration(name, values)


@contextmanager
def opened(
    configuration: Configuration, *, docs: Path | None = None, index: Path | None = None
) -> Iterator[InProcess]:
    """Open the turn over the configured index, over the one at `index`, or over a fresh one of the folder `docs`."""
    if docs is None and index is None and configuration.needs_ingest():
        raise BadInput(
            "These settings decide how documents are cut or embedded, so that an index has to be made with them.",
            "Give the documents with --docs FOLDER, or use --sample.",
        )
    from app.build import build
    from app.variants.standing import in_force

    with ExitStack() as stack:
        if docs is not None:
            index = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="footnote-eval-")))
            fill(index, docs, configuration)
        stored = configuration.settings(StoreSettings)
        stored = stored if index is None else stored.model_copy(update={"data_dir": index})
        given = frozenset(configuration.values)
        if folder := configuration.values.get("prompts"):
            given |= {"prompt_file"}
            stack.enter_context(prompts_from(_folder(folder)))
        answers, model = configuration.settings(AnswerSettings), configuration.settings(ModelSettings)
        configured = Settings(store=stored, answer=answers, model=model)
        parts = build(configured, given=given)
        stack.callback(parts.close)
        yield in_process(parts, configuration, in_force(configured, given=given))


def in_process(parts: "Parts", configuration: Configuration, held: Settings) -> InProcess:
    """Name in the target's fingerprint what holds: what the configuration sets, and a promoted variant."""
    named = {key: value for kind in (held.store, held.answer, held.model) for key, value in _named(kind)}
    cut = configuration.settings(IngestSettings)
    named["chunker"] = f"{cut.chunk_tokens} tokens, {cut.chunk_overlap} repeated"
    named["tau"] = f"{live_tau(held.answer):g}"
    at = configuration.values.get("at")
    if at is not None and not at.isdecimal():
        raise BadInput(f"at={at!r} is not a generation.", "`footnote index generations` lists them.")
    return InProcess(parts, held.answer.top_k, Generation(int(at)) if at else None, named)


def ruler_of(configuration: Configuration, target: InProcess | None = None) -> Ruler:
    """Return what to measure with: the calibrated tau, and the words of the index where one is asked."""
    tau = ruler_tau(configuration.settings(AnswerSettings))
    return Ruler(tau) if target is None else corpus_ruler(target.chunks(), tau=tau)


def _named(settings: FootnoteSettings) -> Iterator[tuple[str, str]]:
    """Yield the settings that can change an answer; those of a language model only where one is set."""
    modelled = bool(getattr(settings, "llm_model", ""))
    for key in type(settings).model_fields:
        value = getattr(settings, key)
        secret = isinstance(value, SecretStr) or key in _UNNAMED or key.endswith("_seconds")
        if not secret and (modelled or not key.startswith("llm_")):
            yield key, f"{value:g}" if isinstance(value, float) else str(value)


def fill(index: Path, docs: Path, configuration: Configuration) -> None:
    """Make an index of a folder of documents."""
    from ingest.run import Ingestion, Request

    stored = configuration.settings(StoreSettings).model_copy(update={"data_dir": index})
    ingestion = Ingestion(configuration.settings(IngestSettings), stored)
    ingestion.carry_out(ingestion.plan(Request((docs,))))


def _folder(path: str) -> Path:
    folder = Path(path)
    if not folder.is_dir():
        raise NotFound(f"There is no folder {path!r}.", "prompts= takes a folder with answer.md in it.")
    return folder
