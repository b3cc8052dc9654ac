"""Put the parts together: the only place that knows which implementation stands behind which seam."""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

from app import __version__
from app.answer.answerer import Answerer, LanguageModel, Plugged, PluggedModel
from app.answer.messages import answer_prompt
from app.audit.audit import open_audit
from app.events import Event
from app.identity.identity import Identity
from app.identity.keys import Keys
from app.people.people import People
from app.question import Question
from app.reader.answerable import read_passages
from app.reader.extractive import EXTRACTIVE
from app.runs.measured import measured
from app.runs.records import Records, records_url
from app.runs.run import Run
from app.runs.runs import OnEnd
from app.runs.trials import Trials
from app.service import Health, Search, Service
from app.settings import AnswerSettings, ModelSettings, Settings
from app.support import ground
from app.support.calibration import live_tau
from app.telemetry.gauges import Stock
from app.turn.cache import AnswerCache
from app.turn.retrieve import Found, Retriever, open_counter
from app.turn.suggestions import Starters
from app.turn.turn import Turn
from app.understand.condense import by_model, by_words
from app.variants.serving import Built, Variants
from app.variants.shadow import Shadows
from app.variants.standing import cell_of, in_force
from ingest.confined.page_pictures import PagePictures
from ingest.jobs.open import open_desk
from ingest.originals import open_originals
from ingest.uploads import Uploads
from vectorstore.errors import FootnoteError, Unavailable
from vectorstore.models.combined import Combined, open_combined
from vectorstore.models.embed import Embedder, RememberingEmbedder, TokenReader
from vectorstore.models.late_interaction import LateInteraction, LateInteractions, Near
from vectorstore.models.pair_model import open_checker
from vectorstore.open import open_configured_embedder, open_store
from vectorstore.plugins import plug_in
from vectorstore.refine import Rerank, Tuning, open_reranker
from vectorstore.settings import StoreSettings
from vectorstore.state.open import open_state
from vectorstore.store import Lag, Store

OpenStore: TypeAlias = Callable[[StoreSettings, Embedder, Near], Store]


@dataclass(frozen=True, slots=True)
class Parts:
    """What the entry points work with. `close` releases the store."""

    embedder: Embedder
    retriever: Retriever
    turn: Turn
    model: LanguageModel | None = None

    @property
    def store(self) -> Store:
        """The index."""
        return self.retriever.store

    def close(self) -> None:
        """Release files and memory."""
        self.store.close()

    async def disconnect(self) -> None:
        """Close the connections to the language model, in the event loop that opened them."""
        if self.model is not None:
            await self.model.close()


def build(
    settings: Settings, elsewhere: OpenStore | None = None, *, given: frozenset[str] = frozenset()
) -> Parts:
    """Open the embedder and the store and wire a turn; raises FootnoteError subclasses.

    `elsewhere` opens another store than the settings describe. What is promoted holds, but for the settings `given`.
    """
    settings = in_force(settings, given=given)
    retriever = open_retriever(settings.store, settings.answer, elsewhere)
    turn, model = open_turn(settings, retriever)
    return Parts(retriever.embedder, retriever, turn, model)


def open_turn(settings: Settings, retriever: Retriever) -> tuple[Turn, LanguageModel | None]:
    """Put a turn together over a search that is open; return it with the model to be closed. Raises as `build` does."""
    answer = settings.answer
    answerer = open_answerer(settings.model)
    model = answerer if isinstance(answerer, LanguageModel) else None
    prompt = answer_prompt(short=settings.model.prompt == "short", file=settings.model.prompt_file)
    turn = Turn(
        retriever=retriever,
        condense=partial(by_model, model.complete) if model else by_words,
        read=partial(
            read_passages,
            near=retriever.near,
            sure=answer.answer_threshold,
            unsure=answer.unsure_threshold,
        ),
        model=answerer,
        check=partial(ground.check, checker=open_checker(answer.support_model), tau=live_tau(answer)),
        fallback=settings.model.llm_fallback,
        strict=settings.model.prompt == "short",
        prompt_hash=prompt.hash if model and not settings.model.answerer else "",
        unsupported=answer.unsupported,
        complete=model.complete if model else None,
    )
    return turn, model


def open_variant(settings: Settings, parts: Parts, base: StoreSettings) -> tuple[Turn, LanguageModel | None]:
    """Put a variant's turn together, over the store, the embedder and the reranker that are open; raises as `build` does.

    `base` says how the store was opened.
    """
    stored, held = settings.store, parts.retriever
    last_steps: dict[str, Any] = {
        "distinct": stored.deduplicate,
        "depth": stored.rerank_depth,
    }  # Any: fields of Refine
    names = ("reranker", "reranker_model", "reranker_key")
    if any(getattr(stored, name) != getattr(base, name) for name in names):
        last_steps["rerank"] = open_rerank(stored, held.near)
    retriever = replace(
        held,
        budget=settings.answer.context_tokens,
        most=settings.answer.passages,
        tuning=Tuning(stored.dense_weight, lambda refine: replace(refine, **last_steps)),
    )
    return open_turn(settings, retriever)


def open_retriever(
    settings: StoreSettings, answer: AnswerSettings, elsewhere: OpenStore | None = None
) -> Retriever:
    """Open the embedder and the store and put the search together; raises FootnoteError subclasses."""
    embedder = open_configured_embedder(settings)
    near = open_near(embedder, settings)
    store = (elsewhere or open_configured_store)(settings, embedder, near)
    return Retriever(
        store,
        RememberingEmbedder(embedder),
        near,
        open_counter(embedder),
        budget=answer.context_tokens,
        most=answer.passages,
    )


def open_near(embedder: Embedder, settings: StoreSettings) -> Near:
    """Read token by token with the embedder where it can, else with the one that comes with Footnote."""
    if isinstance(embedder, TokenReader):
        return LateInteraction(embedder)
    combined = embedder if isinstance(embedder, Combined) else open_combined(settings.cache)
    return LateInteractions(LateInteraction(combined.minilm), LateInteraction(combined.e5))


def open_configured_store(settings: StoreSettings, embedder: Embedder, near: Near) -> Store:
    """Open the store that the settings describe, with the reranker that they name."""
    return open_store(settings, embedder, rerank=open_rerank(settings, near))


def open_rerank(settings: StoreSettings, near: Near) -> Rerank | None:
    """Open the reranker that the settings name, which `near` may be; raises Unavailable."""
    if settings.reranker == near.name:
        return near
    key = settings.reranker_key.get_secret_value()
    return open_reranker(settings.reranker, model=settings.reranker_model, key=key)


def open_answerer(settings: ModelSettings) -> Answerer | None:
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


def build_answerer(settings: ModelSettings) -> LanguageModel:
    """Open the language model that the settings name; LangChain for `provider:model` without an address."""
    if ":" in settings.llm_model and not settings.llm_base_url:
        from app.answer.langchain_model import LangChainAnswerer, open_chat_model

        key = settings.llm_api_key.get_secret_value()
        return LangChainAnswerer(open_chat_model(settings.llm_model, api_key=key), settings)
    from app.answer.openai_compatible import OpenAICompatibleAnswerer

    return OpenAICompatibleAnswerer(settings)


def behind(lag: Lag, *, away: float) -> str:
    """Say why a replica should get no questions now; nothing where it should. `away` is in seconds."""
    if lag.away_seconds > away:
        return f"The database has been away for {lag.away_seconds:.0f} seconds; answers rest on what was read before."
    if lag.behind is None:
        return "The search index is not read yet."
    if lag.behind > 1:
        return f"The search index is {lag.behind} generations behind."
    return ""


def build_service(parts: Parts, settings: Settings) -> Service:
    """Give the routes what they need."""
    data_dir = settings.store.data_dir
    parts.store.follow()
    state = open_state(settings.store)
    opened = in_force(settings)
    originals = open_originals(data_dir, settings.objects)
    records = Records(records_url(settings.records.records_url, state))
    audit = open_audit(state, settings.audit)
    shadows = Shadows(Trials(records), audit, places=settings.runs.max_concurrent_runs)
    variants = _variants(parts, settings, opened, shadows)

    def health() -> Health:
        with parts.store.snapshot() as snapshot:
            info = snapshot.info()
        detail = f"tokens counted with {parts.retriever.tokens.name}"
        lagging = behind(parts.store.lag(), away=settings.store.store_away_seconds)
        return Health(not lagging, info.number, info.documents, info.chunks, lagging or detail)

    desk = open_desk(settings.store, settings.queue)
    cache = AnswerCache(variants.answer, parts.store, settings.cache, variants.digest)
    return Service(
        turn=cache.answer,
        variants=variants,
        forget_answers=cache.clear,
        search=_searching(variants),
        store=parts.store,
        identity=Identity(Keys(state.cell("keys.json")), settings.identity),
        health=health,
        version=__version__,
        model_name="footnote",
        on_end=_recording(records, parts.retriever.embedder, variants),
        embedder=parts.embedder,
        on_close=partial(_close, variants, parts),
        records=records,
        people=People(records, state),
        audit=audit,
        pictures=PagePictures(originals.of, settings.ingest.limits()),
        stock=Stock(parts.store, state, desk).look,
        uploads=Uploads(
            parts.store,
            parts.embedder,
            data_dir=data_dir,
            settings=settings.ingest,
            desk=desk,
            originals=originals,
        )
        if settings.serve.uploads
        else None,
        settings=opened,
        starters=Starters(parts.retriever, parts.turn.read),
    )


def _variants(parts: Parts, settings: Settings, opened: Settings, shadows: Shadows) -> Variants:
    """Return who chooses between variants; `opened` are the settings that the parts were opened with."""
    return Variants(
        settings,
        cell_of(open_state(settings.store)),
        _built(parts.turn, None, opened),
        lambda changed: _built(*open_variant(changed, parts, opened.store), changed),
        shadows=shadows,
    )


def _built(turn: Turn, model: LanguageModel | None, settings: Settings) -> Built:
    return Built(turn, model, settings, settings_digest(settings, turn.prompt_hash))


def _searching(variants: Variants) -> Search:
    async def search(question: Question, *, trail: bool = False, expect: str = "") -> Found:
        return await asyncio.to_thread(
            variants.base.turn.retriever.trace,
            question,
            trail=trail,
            expect=expect,
            reveal=question.scope.unrestricted,
        )

    return search


async def _close(variants: Variants, parts: Parts) -> None:
    await variants.close()
    await parts.disconnect()


def settings_digest(settings: Settings, prompt: str) -> str:
    """Return what stands for all that an answer hangs on beside the question and the documents."""
    ruling = (settings.store, settings.answer, settings.model)
    told = "\n".join(each.model_dump_json() for each in ruling)
    return hashlib.sha256(f"{__version__}\n{prompt}\n{told}".encode()).hexdigest()


def _recording(records: Records, embedder: Embedder, variants: Variants) -> OnEnd:
    """Return what keeps a run that has ended, with its figures."""

    async def record(run: Run, events: Sequence[Event]) -> None:
        figures = measured(run)

        def add() -> None:
            vector = None
            # What was searched was embedded for it, and is remembered; else its server may be away. The record is kept.
            with suppress(FootnoteError):
                vector = embedder.embed_query(figures.condensed) if figures.condensed else None
            records.add(
                run.id,
                run.question,
                run.owner,
                events,
                figures=figures,
                vector=vector,
                embedder=embedder.fingerprint,
            )

        await asyncio.to_thread(add)
        variants.ended(run, figures)

    return record
