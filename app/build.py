"""Put the parts together: the only place that knows which implementation stands behind which seam."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from app import __version__
from app.answer.answerer import Answerer, LanguageModel, Plugged, PluggedModel
from app.events import Event
from app.keys import Keys
from app.question import Question
from app.reader.answerable import read_passages
from app.reader.extractive import EXTRACTIVE
from app.runs.records import Records, records_url
from app.runs.run import Run
from app.service import Health, Service, ServiceSettings
from app.settings import AnswerSettings, ServeSettings
from app.support import ground
from app.support.calibration import live_tau
from app.turn.retrieve import Found, Retriever, TokenCounter, open_counter
from app.turn.turn import Turn
from app.understand.condense import by_model, by_words
from ingest.confined.page_pictures import PagePictures
from ingest.originals import Originals
from ingest.settings import IngestSettings
from ingest.uploads import Uploads
from prompts.loader import load
from vectorstore.errors import Unavailable
from vectorstore.models.embed import Embedder
from vectorstore.models.pair_model import open_judge
from vectorstore.open import open_embedder, open_store
from vectorstore.plugins import plug_in
from vectorstore.refine import Refine, open_reranker
from vectorstore.settings import StoreSettings
from vectorstore.store import Store


@dataclass(frozen=True, slots=True)
class Parts:
    """What the entry points work with. `close` releases the store."""

    store: Store
    embedder: Embedder
    retriever: Retriever
    tokens: TokenCounter
    turn: Turn
    model: LanguageModel | None = None

    def close(self) -> None:
        """Release files and memory."""
        self.store.close()

    async def disconnect(self) -> None:
        """Close the connections to the language model, in the event loop that opened them."""
        if self.model is not None:
            await self.model.close()


def build(store_settings: StoreSettings, answer_settings: AnswerSettings) -> Parts:
    """Open the embedder and the store and wire a turn; raises FootnoteError subclasses."""
    retriever = open_retriever(store_settings, answer_settings)
    answerer = open_answerer(answer_settings)
    model = answerer if isinstance(answerer, LanguageModel) else None
    embedder = retriever.embedder
    turn = Turn(
        retriever=retriever,
        condense=partial(by_model, model.complete) if model else by_words,
        read=partial(read_passages, embedder=embedder, threshold=answer_settings.answer_threshold),
        model=answerer,
        check=partial(
            ground.check, judge=open_judge(answer_settings.support_model), tau=live_tau(answer_settings)
        ),
        fallback=answer_settings.llm_fallback,
        prompt_hash=load("answer").hash if model and not answer_settings.answerer else "",
        strict=answer_settings.strict,
        ahead=answer_settings.llm_ahead,
        complete=model.complete if model else None,
    )
    return Parts(retriever.store, embedder, retriever, retriever.tokens, turn, model)


def open_retriever(store_settings: StoreSettings, answer_settings: AnswerSettings) -> Retriever:
    """Open the embedder and the store and put the search together; raises FootnoteError subclasses."""
    embedder = open_configured_embedder(store_settings)
    store = open_configured_store(store_settings, embedder)
    return Retriever(
        store,
        embedder,
        open_counter(embedder),
        budget=answer_settings.context_tokens,
        most=answer_settings.passages,
    )


def open_configured_embedder(settings: StoreSettings) -> Embedder:
    """Open the embedder that the settings name."""
    return open_embedder(settings.embedder, cache_dir=Path(settings.data_dir) / "cache")


def open_configured_store(settings: StoreSettings, embedder: Embedder) -> Store:
    """Open the store that the settings describe."""
    return open_store(
        settings.data_dir,
        embedder_fingerprint=embedder.fingerprint,
        dimension=embedder.dimension,
        dense_weight=settings.dense_weight,
        recall_target=settings.recall_target,
        refine=Refine(
            distinct=settings.deduplicate,
            rerank=open_reranker(settings.reranker),
            depth=settings.rerank_depth,
        ),
    )


def open_answerer(settings: AnswerSettings) -> Answerer | None:
    """Open who is set to write answers, None for the documents' own sentences; raises BadInput and Unavailable."""
    if settings.answerer == EXTRACTIVE:
        return None
    if not settings.answerer:
        return build_answerer(settings) if settings.llm_model else None
    plugged = plug_in("answerer", settings.answerer, own=[EXTRACTIVE])
    try:
        inner = plugged.load()(settings)
        if not isinstance(inner, Answerer):
            raise TypeError(f"{type(inner).__name__} has no name and write")
    except Unavailable:
        raise
    except Exception as error:
        raise plugged.broken("cannot be opened", error) from error
    return PluggedModel(plugged, inner) if isinstance(inner, LanguageModel) else Plugged(plugged, inner)


def build_answerer(settings: AnswerSettings) -> LanguageModel:
    """Open the language model that the settings name; LangChain for `provider:model` without an address."""
    key = settings.llm_api_key.get_secret_value()
    if ":" in settings.llm_model and not settings.llm_base_url:
        from app.answer.langchain_model import LangChainAnswerer, open_chat_model

        return LangChainAnswerer(
            open_chat_model(settings.llm_model, api_key=key),
            name=settings.llm_model,
            first_token=settings.llm_first_token_seconds,
            idle=settings.llm_idle_seconds,
        )
    from app.answer.openai_compatible import ModelLimits, OpenAICompatibleAnswerer

    limits = ModelLimits(
        first_token=settings.llm_first_token_seconds,
        idle=settings.llm_idle_seconds,
        total=settings.llm_total_seconds,
        max_tokens=settings.llm_max_tokens,
        temperature=settings.llm_temperature,
    )
    return OpenAICompatibleAnswerer(
        base_url=settings.llm_base_url or "https://api.openai.com/v1",
        model=settings.llm_model,
        api_key=key,
        limits=limits,
    )


def build_service(
    parts: Parts,
    serve_settings: ServeSettings,
    answer_settings: AnswerSettings,
    store_settings: StoreSettings,
    ingest_settings: IngestSettings | None = None,
) -> Service:
    """Give the routes what they need; without settings for ingestion they take no documents."""

    async def search(question: Question, *, trail: bool = False, expect: str = "") -> Found:
        return await asyncio.to_thread(
            parts.retriever.trace,
            question,
            trail=trail,
            expect=expect,
            reveal=question.scope.unrestricted,
        )

    def health() -> Health:
        with parts.store.snapshot() as snapshot:
            info = snapshot.info()
        detail = f"tokens counted with {parts.tokens.name}"
        return Health(True, info.number, info.documents, info.chunks, detail)

    records = Records(records_url(serve_settings.records_url, store_settings.data_dir))

    async def record(run: Run, events: Sequence[Event]) -> None:
        await asyncio.to_thread(records.add, run.id, run.question, run.owner, events)

    return Service(
        turn=parts.turn.answer,
        search=search,
        store=parts.store,
        keys=Keys(store_settings.data_dir / "keys.json"),
        health=health,
        version=__version__,
        model_name="footnote",
        on_end=record,
        embedder=parts.embedder,
        on_close=parts.disconnect,
        records=records,
        written_by=parts.turn.written_by,
        pictures=PagePictures(Originals(store_settings.data_dir).of),
        uploads=_uploads(parts, store_settings, ingest_settings) if ingest_settings else None,
        settings=ServiceSettings(
            base_url=serve_settings.base_url.rstrip("/"),
            request_seconds=serve_settings.request_seconds,
            cors_origins=tuple(o.strip() for o in serve_settings.cors_origins.split(",") if o.strip()),
            max_upload_bytes=serve_settings.max_upload_mb * 1_000_000,
            max_question_chars=serve_settings.max_question_chars,
            inline_sources=serve_settings.inline_sources,
            openwebui_events=serve_settings.openwebui_events,
            max_concurrent_runs=serve_settings.max_concurrent_runs,
            max_queued_runs=serve_settings.max_queued_runs,
            max_caller_runs=serve_settings.max_caller_runs,
            max_caller_searches=serve_settings.max_caller_searches,
            top_k=answer_settings.top_k,
            mcp=find_spec("mcp") is not None,
            static_dir=Path(__file__).parent / "widget",
            records_days=serve_settings.records_days,
            runs_url=serve_settings.runs_url,
        ),
    )


def _uploads(parts: Parts, store_settings: StoreSettings, ingest_settings: IngestSettings) -> Uploads:
    return Uploads(parts.store, parts.embedder, data_dir=store_settings.data_dir, settings=ingest_settings)
