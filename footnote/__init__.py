"""Footnote as a library: documents in, questions out, without knowledge of asyncio.

    from footnote import Footnote, Scope, Text

    with Footnote("data") as footnote:
        footnote.ingest("docs")
        for event in footnote.ask("How long is parental leave?", scope=Scope(unrestricted=True)):
            if isinstance(event, Text):
                print(event.delta, end="")

Nothing heavy is loaded before it is needed; what an event holds is written in `app/events.py`.
"""

import asyncio
import logging
import threading
import uuid
from collections.abc import Callable, Coroutine, Generator, Iterable, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import aclosing
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self, TypeVar

if TYPE_CHECKING:
    from app.build import Parts
    from app.events import Cancelled as Cancelled
    from app.events import Citations as Citations
    from app.events import Done as Done
    from app.events import Event as Event
    from app.events import Failed as Failed
    from app.events import Sources as Sources
    from app.events import Text as Text
    from app.question import Message as Message
    from app.question import Question
    from ingest.report import Report as Report
    from vectorstore.errors import FootnoteError as FootnoteError
    from vectorstore.types import Hit as Hit
    from vectorstore.types import Scope as Scope

_WHERE: Final = {
    **dict.fromkeys(("Cancelled", "Citations", "Done", "Event", "Failed", "Sources", "Text"), "app.events"),
    "Message": "app.question",
    "Report": "ingest.report",
    "FootnoteError": "vectorstore.errors",
    **dict.fromkeys(("Hit", "Scope"), "vectorstore.types"),
}
__all__ = ["Footnote", *_WHERE]  # noqa: PLE0604 - names, all of them text
_Value = TypeVar("_Value")
_log = logging.getLogger(__name__)
_MOST: Final = 200
"""Hits of one search."""


def __getattr__(name: str) -> object:
    """Load a word of Footnote's vocabulary when it is first used."""
    if name not in _WHERE:
        raise AttributeError(f"This is Footnote's module `footnote` ({__file__}); it has no {name!r}.")
    _check_packages()
    return getattr(import_module(_WHERE[name]), name)


def _check_packages() -> None:
    """Raise ImportError when a stranger's module stands where one of Footnote's packages is looked for."""
    home = Path(__file__).resolve().parents[1]
    for name in ("app", "ingest", "prompts", "vectorstore"):
        spec = find_spec(name)
        if spec is None or spec.origin is None or Path(spec.origin).resolve().parents[1] != home:
            found = spec.origin if spec and spec.origin else "nowhere"
            raise ImportError(
                f"Footnote's package {name!r} is found at {found}, not beside {__file__}: rename what stands in its "
                "way, or run from another folder."
            )


class Footnote:
    """An index and what answers from it, with the settings that the commands read.

    Safe in threaded programs, also where an event loop runs. A context manager; `close` it otherwise.
    """

    def __init__(self, data_dir: str | Path | None = None) -> None:
        """Read the settings; `data_dir` wins over them. Opens nothing yet.

        Raises ImportError when a stranger's module hides a package, BadInput for a setting that does not fit.
        """
        _check_packages()
        from app.configuration import check
        from app.settings import Settings
        from vectorstore.settings import StoreSettings

        for passed_over in check():
            _log.warning("%s", passed_over)
        stored = StoreSettings() if data_dir is None else StoreSettings(data_dir=Path(data_dir))
        # A program may change its folder meanwhile.
        stored = stored.model_copy(update={"data_dir": stored.data_dir.absolute()})
        self._settings = Settings(store=stored)
        self._lock = threading.Lock()
        self._opened: _Opened | None = None
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ingest(self, *paths: str | Path, readers: Iterable[str] | None = None) -> "Report":
        """Add files and folders, changed ones again, as `footnote ingest` does, and say what became of each.

        `readers` are the groups that may read them, now and in later runs; an empty list is everyone, None leaves
        it to rules, side-cars and what was said before. Ctrl-C keeps what is done. Raises NotFound for a missing
        path, BadInput when there is nothing to ingest, Busy while another process writes.
        """
        from ingest.run import Ingestion, Request
        from vectorstore.errors import BadInput

        if not paths:
            raise BadInput("There is nothing to ingest.", "Name files or folders.")
        if isinstance(readers, str):
            raise BadInput("The readers are one text.", f"Give a list of groups: [{readers!r}].")
        groups = None if readers is None else frozenset(readers)
        ingestion = Ingestion(self._settings.ingest, self._settings.store)
        report = ingestion.carry_out(ingestion.plan(Request(tuple(map(Path, paths)), readers=groups)))
        if report.interrupted:
            raise KeyboardInterrupt
        return report

    def search(self, text: str, *, scope: "Scope", limit: int | None = None) -> "list[Hit]":
        """Return the chunks nearest to a text that the scope may read, best first, at most `limit`."""
        from vectorstore.errors import BadInput

        asked = self._question(text, scope, limit=limit)

        async def found(parts: "Parts") -> "list[Hit]":
            return list((await asyncio.to_thread(parts.retriever.trace, asked)).hits)

        try:
            return self._begin(found).result()
        except CancelledError:
            raise BadInput("This Footnote was closed meanwhile.", "Open a new one.") from None

    def ask(
        self, text: str, *, scope: "Scope", history: Sequence["Message"] = ()
    ) -> "Generator[Event, None, None]":
        """Answer from the documents that the scope may read: the turn's events, as they come.

        `Text` holds what is written, `Citations` what it rests on; the last is `Done`, `Failed` or `Cancelled`.
        Closing the iterator stops the turn; one that is never begun asks nothing.
        """
        return self._events(self._question(text, scope, history=history))

    def close(self) -> None:
        """Stop what is being answered, and release connections, files and memory. May be called twice."""
        with self._lock:
            opened, self._opened, self._closed = self._opened, None, True
        if opened is None:
            return
        try:
            asyncio.run_coroutine_threadsafe(_stop(opened.parts), opened.loop).result()
        finally:
            opened.loop.call_soon_threadsafe(opened.loop.stop)
            opened.thread.join()
            opened.loop.close()
            opened.parts.close()

    def _question(
        self, text: str, scope: "Scope", *, limit: int | None = None, history: Sequence["Message"] = ()
    ) -> "Question":
        from app.question import Message, Question
        from vectorstore.errors import BadInput
        from vectorstore.types import Scope

        if not isinstance(scope, Scope):
            raise BadInput(
                "It is not said who asks.",
                'Give scope=Scope(groups=frozenset({"hr"})), or Scope(unrestricted=True) for the operator.',
            )
        if not isinstance(scope.groups, frozenset):
            raise BadInput("The scope's groups are no frozenset.", 'Write Scope(groups=frozenset({"hr"})).')
        if not isinstance(text, str) or not text.strip():
            raise BadInput("The question is empty.", "Ask in words.")
        if limit is not None and not 1 <= limit <= _MOST:
            raise BadInput(f"The limit {limit!r} does not fit.", f"Give a number from 1 to {_MOST}.")
        if not all(isinstance(each, Message) for each in history):
            raise BadInput("The history holds what is no Message.", 'Give Message("user", "…") and so on.')
        from app.variants.standing import in_force

        most = in_force(self._settings).answer.top_k if limit is None else limit
        return Question(text.strip(), scope, history=tuple(history), top_k=most)

    def _events(self, question: "Question") -> "Generator[Event, None, None]":
        from app.events import Cancelled

        arriving: SimpleQueue[Event | None] = SimpleQueue()

        async def follow(parts: "Parts") -> None:
            async with aclosing(parts.turn.answer(question, f"run_{uuid.uuid4().hex}")) as events:
                async for event in events:
                    arriving.put(event)

        following = self._begin(follow)
        following.add_done_callback(lambda _: arriving.put(None))
        try:
            while (event := arriving.get()) is not None:
                yield event
            if following.cancelled():
                yield Cancelled("shutdown")
            else:
                following.result()
        finally:
            following.cancel()

    def _build(self) -> "Parts":
        from app.build import build

        return build(self._settings)

    def _begin(self, work: "Callable[[Parts], Coroutine[Any, Any, _Value]]") -> "Future[_Value]":
        """Start work in the event loop's thread; raises BadInput once closed."""
        from vectorstore.errors import BadInput

        with self._lock:
            if self._closed:
                raise BadInput("This Footnote is closed.", "Open a new one.")
            if self._opened is None:
                parts, loop = self._build(), asyncio.new_event_loop()
                # Nobody who forgets to close it waits for it at the end.
                thread = threading.Thread(target=loop.run_forever, name="footnote", daemon=True)
                thread.start()
                self._opened = _Opened(parts, loop, thread)
            return asyncio.run_coroutine_threadsafe(work(self._opened.parts), self._opened.loop)


class _Opened(NamedTuple):
    parts: "Parts"
    loop: asyncio.AbstractEventLoop
    thread: threading.Thread


async def _stop(parts: "Parts") -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for each in others:
        each.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    try:
        await parts.disconnect()
    finally:
        await asyncio.get_running_loop().shutdown_default_executor()
