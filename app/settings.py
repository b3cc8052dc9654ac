"""Settings of the service and of the language model, one class a concern; every default is written here."""

from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, AliasChoices, Field, SecretStr
from yaml import YAMLError

from app.access_settings import AuditSettings, BudgetSettings, IdentitySettings
from ingest.jobs.settings import QueueSettings
from ingest.settings import IngestSettings
from prompts.loader import load_file
from vectorstore.objects.settings import ObjectSettings
from vectorstore.settings import FootnoteSettings, StoreSettings
from vectorstore.telemetry.settings import TelemetrySettings


def _address(*schemes: str) -> AfterValidator:
    """Take an address of these schemes, without slashes at its end; or nothing."""

    def checked(address: str) -> str:
        if address and not address.startswith(tuple(f"{scheme}://" for scheme in schemes)):
            raise ValueError(f"write it like {schemes[0]}://host")
        return address.rstrip("/")

    return AfterValidator(checked)


def _folder(path: str) -> str:
    if path and not Path(path).is_dir():
        raise ValueError("there is no such folder")
    return path


def _prompt_file(path: str) -> str:
    if path:
        try:
            named = set(Template(load_file(Path(path)).text).get_identifiers())
        except OSError as error:
            raise ValueError("there is no such file") from error
        except (ValueError, KeyError, TypeError, YAMLError) as error:
            raise ValueError("it does not begin with front matter that gives a version") from error
        if named != {"delimiter"}:
            # Without it the model cannot tell passages from instructions.
            raise ValueError("it has to name ${delimiter} and no other value")
    return path


class ServeSettings(FootnoteSettings):
    """Where the service listens and what it lets through."""

    host: str = Field(
        default="127.0.0.1", description="Address to listen on; any but loopback needs an API key."
    )
    port: int = Field(
        default=8000,
        ge=0,
        le=65535,
        validation_alias=AliasChoices("FOOTNOTE_PORT", "PORT", "port"),
        description="Port to listen on; PORT is honoured too.",
    )
    server: Literal["uvicorn", "granian"] = Field(
        default="uvicorn",
        description="HTTP server; granian passes more streams per core and needs the extra [granian].",
    )
    uploads: bool = Field(
        default=True, description="Take documents over HTTP; with keys, from those with the right write."
    )
    max_upload_mb: int = Field(default=100, ge=1, description="Largest body of one upload, in megabytes.")
    max_body_bytes: int = Field(
        default=4_000_000, ge=1_000, description="Largest body of any other request, in bytes."
    )
    max_connections: int = Field(
        default=8_192,
        ge=1,
        description="Connections at the same time, or as many as there are file descriptors for; the one that waits "
        "longest for its request makes room.",
    )
    max_unfinished_per_address: int = Field(
        default=256,
        ge=1,
        description="Connections of one address (a proxy's too) whose request has not come whole.",
    )
    request_seconds: float = Field(
        default=30.0,
        gt=0,
        description="Longest time for a request's first line and headers, and longest silence in its body.",
    )
    heartbeat_seconds: float = Field(
        default=10.0, gt=0, le=3_600, description="Time between the comments that keep a quiet stream open."
    )
    send_timeout_seconds: float = Field(
        default=30.0,
        gt=0,
        le=3_600,
        description="Longest time that a stream's reader may take nothing before it is cut off.",
    )
    drain_seconds: float = Field(
        default=20.0,
        ge=0,
        le=3_600,
        description="Time that answers being written have to end in when the service stops.",
    )
    max_caller_searches: int = Field(
        default=16,
        ge=1,
        description="Searches and embeddings of one caller (a key; without keys an address) at the same time; four "
        "times as many wait, and beyond them that caller gets 429.",
    )

    @property
    def max_upload_bytes(self) -> int:
        """Return the largest body of one upload."""
        return self.max_upload_mb * 1_000_000


class ClientSettings(FootnoteSettings):
    """What clients and browsers are given beside answers."""

    base_url: Annotated[str, _address("https", "http")] = Field(
        default="",
        description="Public address for links in citations; empty: taken from the request.",
    )
    link_seconds: float = Field(
        default=86_400.0,
        ge=0,
        le=31_536_000,
        description="Time that a link in a citation opens its place without a key; 0: links carry no signature.",
    )
    cors_origins: str = Field(
        default="", description="Origins of pages that embed the widget, separated by commas."
    )
    static_dir: Annotated[str, AfterValidator(_folder)] = Field(
        default="", description="Folder with the files of the chat page and the widget; empty: as shipped."
    )
    mcp: bool = Field(default=True, description="Answer MCP at /mcp, where the extra [mcp] is installed.")
    inline_sources: Literal["off", "auto", "on"] = Field(
        default="off", description="Append a Markdown list of sources for clients that drop citations."
    )
    openwebui_events: bool = Field(default=False, description="Send Open WebUI its own citation events.")

    def origins(self) -> list[str]:
        """Return the origins whose pages may call the service."""
        return [origin.strip() for origin in self.cors_origins.split(",") if origin.strip()]


class RunSettings(FootnoteSettings):
    """How many answers are written at the same time, for how long, and how long they are kept to be resumed."""

    max_concurrent_runs: int = Field(
        default=64, ge=1, description="Answers written at the same time; more wait in a queue."
    )
    max_queued_runs: int = Field(
        default=256, ge=0, description="Answers that may wait; beyond it the service answers 503."
    )
    max_caller_runs: int = Field(
        default=160,
        ge=1,
        description="Answers of one caller (a key) being written or waiting; beyond it that caller gets 429.",
    )
    queue_seconds: float = Field(
        default=30.0, ge=0, le=3_600, description="Longest time that an answer may wait."
    )
    grace_seconds: float = Field(
        default=15.0,
        ge=0,
        le=3_600,
        description="Time that an answer goes on without a reader, so that a client can take it up again.",
    )
    kept_runs: int = Field(default=2_000, ge=1, description="Answers kept for clients that resume them.")
    kept_seconds: float = Field(
        default=600.0, ge=0, le=86_400, description="Time that an answer is kept for them after its end."
    )
    kept_chars: int = Field(
        default=64_000_000, ge=1, description="Most characters of all the answers kept for them."
    )
    max_answer_chars: int = Field(
        default=1_000_000, ge=1, description="Longest answer, in characters; a longer one fails."
    )
    runs_url: Annotated[str, _address("redis", "rediss", "unix")] = Field(
        default="",
        description="Redis (redis://host:6379/0) through which replicas share answers being written, so that any "
        "of them can resume and stop each; empty: kept in the process. Needs the extra [redis].",
    )


class RecordSettings(FootnoteSettings):
    """Where conversations and feedback are kept, and how long."""

    records_url: str = Field(
        default="",
        description="Database of conversations and feedback (any SQLAlchemy URL); empty: records.db in the data folder, or with FOOTNOTE_STORE a schema of their own in that database.",
    )
    records_days: int = Field(
        default=90,
        ge=0,
        le=36_500,
        description="Days that conversations and feedback are kept; what is older is erased when the service starts "
        "and daily. 0: kept until it is deleted.",
    )


class BackupSettings(FootnoteSettings):
    """Where backups are kept."""

    backup: str = Field(
        default="",
        description="Where `footnote backup` and `footnote restore` find the backups when the command names no place: a "
        "folder, or s3://bucket/prefix, gs://, az:// (extra [objects]), credentials as usual there. What is erased by a "
        "command is noted there at once.",
    )
    backup_days: int = Field(
        default=2,
        ge=1,
        le=400,
        description="Days after which `footnote doctor` says that the last backup is old.",
    )


class CacheSettings(FootnoteSettings):
    """Which answers are given again, to the same question of the same scope, generation, settings and prompt."""

    cache_answers: Literal["off", "exact", "near"] = Field(
        default="exact",
        description="exact: a first question word for word as before gets the answer of before, from memory; near: also "
        "one that differs only in articles, courtesies, case and stops; off: each is answered anew.",
    )
    cache_seconds: float = Field(default=3_600.0, gt=0, description="Time that an answer is given again.")
    cache_entries: int = Field(default=500, ge=1, description="Answers kept to be given again.")


Unsupported: TypeAlias = Literal["quote", "mark", "withhold"]


class AnswerSettings(FootnoteSettings):
    """How questions are answered."""

    max_question_chars: int = Field(
        default=8_000, ge=1, description="Longest question accepted, in characters."
    )
    unsupported: Unsupported = Field(
        default="quote",
        description="What becomes of a language model's sentences that the sources do not support. quote: nothing is "
        "shown before one is supported, later ones that are not are marked, and where none is the documents are quoted "
        "instead; mark: they are marked; withhold: they are rewritten once, and left out if that fails.",
    )
    top_k: int = Field(
        default=20, ge=1, le=50, description="Chunks retrieved for a question; neighbours become one passage."
    )
    passages: int = Field(default=6, ge=1, le=50, description="Passages that an answer may be written from.")
    context_tokens: int = Field(
        default=3_000, ge=200, description="Tokens of passages given to the language model."
    )
    support_model: str = Field(
        default="",
        description="A trained support checker that is heard beside the lexical one: a file that benchmarks.checker "
        "made (.onnx); empty: the lexical one alone.",
    )
    calibration: str = Field(
        default="",
        description="File that `footnote eval calibrate --write` made: its tau becomes the even chance of support, in "
        "answers and in evaluations; empty: as shipped.",
    )
    answer_threshold: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Confidence from which an answer is given as sure, where no language model writes it; empty: as fitted.",
    )
    unsure_threshold: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Confidence below which a question is refused as not in the documents; between the two the "
        "closest passage is quoted as unsure; empty: as fitted.",
    )


class ModelSettings(FootnoteSettings):
    """Which language model writes answers, and how long it may take."""

    answerer: str = Field(
        default="",
        description="Who writes answers: extractive, or the name of a plug-in's answerer. Empty: the language model "
        "if one is set, else extractive, which quotes the documents' own sentences.",
    )
    llm_base_url: Annotated[str, _address("https", "http")] = Field(
        default="",
        validation_alias=AliasChoices("FOOTNOTE_LLM_BASE_URL", "OPENAI_BASE_URL", "llm_base_url"),
        description="Address of an OpenAI-compatible server; falls back to OPENAI_BASE_URL.",
    )
    llm_model: str = Field(
        default="",
        description="Model name there, or provider:model for LangChain. Empty: answers are composed from the "
        "documents' own sentences, without a language model.",
    )
    llm_api_key: SecretStr = Field(
        default=SecretStr(""),
        validation_alias=AliasChoices("FOOTNOTE_LLM_API_KEY", "OPENAI_API_KEY", "llm_api_key"),
        description="Key for the language model; falls back to OPENAI_API_KEY.",
    )
    prompt: Literal["full", "short"] = Field(
        default="full",
        description="Instructions that a language model gets. full: eight rules; short: four sentences, for models of a "
        "few billion parameters and less, which lose long ones; what they write has to stand in the sources nearly so.",
    )
    prompt_file: Annotated[str, AfterValidator(_prompt_file)] = Field(
        default="",
        description="File with instructions of your own in place of those, in the form of prompts/answer.md: front "
        "matter with a version, and ${delimiter} where the lines around the passages are named.",
    )
    llm_temperature: float = Field(
        default=0.0, ge=0, le=2, description="Sampling temperature of the language model."
    )
    llm_max_tokens: int = Field(default=800, ge=1, description="Most tokens of one answer.")
    llm_connect_seconds: float = Field(default=5.0, gt=0, description="Longest time to connect.")
    llm_retries: int = Field(
        default=2,
        ge=0,
        le=10,
        description="How often a request that failed before its first token is repeated.",
    )
    llm_first_token_seconds: float = Field(
        default=20.0, gt=0, description="Longest wait for the first token."
    )
    llm_idle_seconds: float = Field(default=15.0, gt=0, description="Longest pause between two tokens.")
    llm_total_seconds: float = Field(default=120.0, gt=0, description="Longest time for one answer.")
    llm_fallback: bool = Field(
        default=False, description="Answer from the documents' own sentences when the language model is down."
    )

    @property
    def address(self) -> str:
        """The server's address; OpenAI's where none is set."""
        return self.llm_base_url or "https://api.openai.com/v1"


class EvaluationSettings(FootnoteSettings):
    """Keys that `footnote eval` sends."""

    eval_key: SecretStr = Field(
        default=SecretStr(""), description="Key that `footnote eval run --url` sends to the service it asks."
    )
    eval_judge_key: SecretStr = Field(
        default=SecretStr(""),
        description="Key for the model that judges answers; empty: FOOTNOTE_LLM_API_KEY.",
    )


class MonitorSettings(FootnoteSettings):
    """What `footnote monitor` looks at, and when it raises an alarm."""

    monitor_days: int = Field(
        default=7,
        ge=1,
        le=366,
        description="Days of questions that are looked at, and that one line of the history has.",
    )
    monitor_least: int = Field(
        default=3,
        ge=3,
        description="People, or conversations where nobody says who asks, that a topic is shown from.",
    )
    monitor_texts: bool = Field(
        default=False,
        description="Name topics by words of the questions that as many people used; else by the nearest headings alone.",
    )
    monitor_alarm: float = Field(
        default=0.03,
        gt=0,
        le=0.2,
        description="Share of windows without any change in which a kind of finding may raise an alarm.",
    )


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, a class a concern; what is not given comes from the environment."""

    store: StoreSettings = field(default_factory=StoreSettings)
    objects: ObjectSettings = field(default_factory=ObjectSettings)
    ingest: IngestSettings = field(default_factory=IngestSettings)
    queue: QueueSettings = field(default_factory=QueueSettings)
    serve: ServeSettings = field(default_factory=ServeSettings)
    client: ClientSettings = field(default_factory=ClientSettings)
    identity: IdentitySettings = field(default_factory=IdentitySettings)
    budgets: BudgetSettings = field(default_factory=BudgetSettings)
    audit: AuditSettings = field(default_factory=AuditSettings)
    telemetry: TelemetrySettings = field(default_factory=TelemetrySettings)
    runs: RunSettings = field(default_factory=RunSettings)
    records: RecordSettings = field(default_factory=RecordSettings)
    backup: BackupSettings = field(default_factory=BackupSettings)
    cache: CacheSettings = field(default_factory=CacheSettings)
    answer: AnswerSettings = field(default_factory=AnswerSettings)
    model: ModelSettings = field(default_factory=ModelSettings)
    evaluation: EvaluationSettings = field(default_factory=EvaluationSettings)
    monitor: MonitorSettings = field(default_factory=MonitorSettings)
