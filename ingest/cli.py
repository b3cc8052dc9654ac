"""`footnote ingest`: add, update and remove documents."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from ingest.plan import Plan
from ingest.progress import Output, display
from ingest.report import Failure, Report
from ingest.run import Ingestion, Request, no_documents, removes_much, stdin_source
from ingest.settings import IngestSettings
from ingest.sources.discover import Source
from ingest.sources.elsewhere import FetchedSources, fetched_sources, plugged_source
from ingest.sources.fetch import Fetcher
from vectorstore.errors import BadInput, FootnoteError
from vectorstore.settings import StoreSettings
from vectorstore.telemetry.logs import set_up
from vectorstore.telemetry.settings import TelemetrySettings

if TYPE_CHECKING:
    from threading import Event


def watch_paths(
    paths: Sequence[Path], again: Callable[[], None], *, data_dir: Path, stop: "Event | None" = None
) -> None:
    """Call `again` after each burst of changes, until interrupted or `stop` is set.

    Hidden files and the index itself are not watched.
    """
    from watchfiles import Change, watch

    own = data_dir.resolve()

    def is_document(_: Change, changed: str) -> bool:
        path = Path(changed)
        return own not in path.parents and path != own and not path.name.startswith((".", "~$"))

    # The first timeout comes when the watch stands: what changed before that is looked for once.
    caught_up = False
    changed = watch(
        *paths,
        watch_filter=is_document,
        stop_event=stop,
        raise_interrupt=True,
        rust_timeout=1_000,
        yield_on_timeout=True,
    )
    for changes in changed:
        if changes or not caught_up:
            caught_up = True
            again()


_FINDINGS = 1
_INTERRUPTED = 130


Paths: TypeAlias = Annotated[
    list[str] | None, typer.Argument(help="Files and folders, or - for standard input.")
]
Include: TypeAlias = Annotated[
    list[str] | None, typer.Option(metavar="GLOB", help="Only these files of a folder, such as '*.pdf'.")
]
Exclude: TypeAlias = Annotated[
    list[str] | None, typer.Option(metavar="GLOB", help="Not these, such as 'archive/'.")
]
_GROUPS = "Groups that may read these documents, now and in later runs; '' is all."
Groups: TypeAlias = Annotated[str | None, typer.Option(metavar="GROUP,…", help=_GROUPS)]
_URLS = "Also fetch these URLs, one on a line (needs FOOTNOTE_URL_HOSTS)."
Urls: TypeAlias = Annotated[Path | None, typer.Option(metavar="FILE", help=_URLS)]
Sources: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="Also take what this plug-in's source gives; may be repeated."),
]
Again: TypeAlias = Annotated[bool, typer.Option(help="Try again what failed and has not changed since.")]
_WAIT = "Wait while another process writes the index; with a queue, until workers are done."
Wait: TypeAlias = Annotated[bool, typer.Option(help=_WAIT)]
_STRICT = "Exit with 1 for findings too (no text, text left out, files gone), not only for failures."
Strict: TypeAlias = Annotated[bool, typer.Option(help=_STRICT)]


def ingest_command(
    paths: Paths = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Print the plan, change nothing.")] = False,
    prune: Annotated[bool, typer.Option(help="Remove documents whose files are gone.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Prune without asking, however much.")] = False,
    include: Include = None,
    exclude: Exclude = None,
    acl: Groups = None,
    collection: Annotated[str | None, typer.Option(help="Collection that these documents belong to.")] = None,
    urls: Urls = None,
    source: Sources = None,
    name: Annotated[str, typer.Option(help="File name of standard input, such as notes.md.")] = "",
    jobs: Annotated[int | None, typer.Option(min=1, help="Processes that read documents.")] = None,
    retry_failed: Again = False,
    watch: Annotated[bool, typer.Option(help="Go on, and ingest again whenever a file changes.")] = False,
    wait: Wait = False,
    strict: Strict = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of the summary.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no list of failures.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Every finding and skipped file.")] = False,
) -> None:
    """Add documents to the index: new and changed files only, unchanged ones are skipped.

    Reads PDF, Word, PowerPoint, Excel, OpenDocument, RTF, HTML, Markdown, reStructuredText, EPUB, e-mail, CSV, JSON,
    notebooks, subtitles, calendars, plain text, and what zip folders and messages hold. A document is known by its
    folder's name and its path inside the folder. Front matter, side-cars (FILE.meta.yaml) and the rules tables in
    footnote.toml give it readers, tags, a language; a .footnoteignore lists what to leave out.
    """
    set_up(TelemetrySettings())
    paths = paths or []
    request = Request(
        _files(paths, urls, source or [], watch=watch),
        include=tuple(include or ()),
        exclude=tuple(exclude or ()),
        readers=None if acl is None else frozenset(filter(None, map(str.strip, acl.split(",")))),
        collection=collection,
        prune=prune,
        retry_failed=retry_failed,
        wait=wait,
    )
    settings = IngestSettings() if jobs is None else IngestSettings(ingest_jobs=jobs)
    stored = StoreSettings()
    output = Output(as_json=as_json, quiet=quiet, verbose=verbose)
    ingestion = Ingestion(settings, stored)
    with _stdin(paths, name, settings) as stdin, _fetched(urls, source or [], settings) as fetched:
        plan = ingestion.plan(request, stdin=stdin, fetched=fetched)
        if dry_run:
            output.plan(plan)
            raise typer.Exit(_FINDINGS if strict and not plan.report().is_clean else 0)
        if removes_much(plan) and not yes:
            _confirm(plan)
        report = _carry_out(ingestion, plan, request, output)
        if ingestion.sample and all(mixed := ingestion.sample_and_others()):
            output.mixed(mixed[0], ingestion.sample[0], stored.data_dir)
        if watch and not report.interrupted:
            _watch(ingestion, request, output, data_dir=stored.data_dir, before=report)
    if report.interrupted or watch:
        raise typer.Exit(_INTERRUPTED)
    if report.failed or (strict and not report.is_clean):
        raise typer.Exit(_FINDINGS)


def _files(paths: list[str], urls: Path | None, names: list[str], *, watch: bool) -> tuple[Path, ...]:
    files = tuple(Path(path) for path in paths if path != "-")
    if not paths and urls is None and not names:
        raise BadInput("There is nothing to ingest.", "Name files or folders, or a list with --urls.")
    if watch and (len(files) < len(paths) or urls is not None or names):
        what = "Standard input" if len(files) < len(paths) else "A source" if names else "A list of URLs"
        raise BadInput(f"{what} cannot be watched.", "Name a folder.")
    return files


def _stdin(paths: list[str], name: str, settings: IngestSettings) -> AbstractContextManager[Source | None]:
    if "-" not in paths:
        return nullcontext()
    return stdin_source(sys.stdin.buffer, name, max_bytes=settings.limits().max_file_bytes)


@contextmanager
def _fetched(urls: Path | None, names: list[str], settings: IngestSettings) -> Iterator[FetchedSources]:
    fetched = FetchedSources()
    with ExitStack() as kept:
        if urls is not None:
            fetched.add(kept.enter_context(fetched_sources(urls, _fetcher(settings))))
        for name in dict.fromkeys(names):
            most = settings.limits().max_file_bytes
            fetched.add(kept.enter_context(plugged_source(name, max_bytes=most)))
        yield fetched


def _fetcher(settings: IngestSettings) -> Fetcher:
    hosts = settings.fetch_hosts()
    if not hosts:
        raise BadInput(
            "Documents are not fetched by URL unless their hosts are listed.",
            "Set FOOTNOTE_URL_HOSTS, for example to docs.example.org.",
        )
    return Fetcher(hosts)


def _confirm(plan: Plan) -> None:
    """Ask before removing much; without a terminal to ask on, refuse."""
    what = (
        f"{len(plan.removals):,} of {plan.known:,} documents would be removed, because their files are gone"
    )
    if not sys.stdin.isatty():
        raise BadInput(f"{what}.", "Check that the folder is complete, then repeat with --yes.")
    if not typer.confirm(f"{what}. Remove them?", err=True):
        raise BadInput("Nothing was changed.")


def _carry_out(ingestion: Ingestion, plan: Plan, request: Request, output: Output) -> Report:
    with display(quiet=output.quiet) as progress:
        report = ingestion.carry_out(plan, wait=request.wait, progress=progress)
    done = (report.unchanged, report.chunks, report.queued, report.removed, report.interrupted)
    if not any((*done, report.failed, report.without_text)):
        raise no_documents(request)
    output.report(report, embedder=ingestion.embedder)
    return report


def _watch(ingestion: Ingestion, request: Request, output: Output, *, data_dir: Path, before: Report) -> None:
    """Ingest after every change, and say what fails or is gone that was not told `before`; returns when interrupted."""
    told: set[Failure | str] = {*before.failed, *before.without_text, *before.gone}

    def again() -> None:
        nonlocal told
        try:
            plan = ingestion.plan(request)
            if removes_much(plan):
                raise BadInput(
                    f"{len(plan.removals):,} of {plan.known:,} files are gone; their documents stay.",
                    "Run `footnote ingest --prune --yes` to remove them.",
                )
            told, known = {*plan.failed, *plan.gone}, told
            if plan.steps or plan.removals or told - known:
                _carry_out(ingestion, plan, request, output)
        except FootnoteError as error:
            # a folder that is being rewritten is wrong for a moment; watching goes on
            typer.echo(f"{error}", err=True)

    typer.echo("Watching for changes; Ctrl-C ends it.", err=True)
    with suppress(KeyboardInterrupt):
        watch_paths(request.paths, again, data_dir=data_dir)
