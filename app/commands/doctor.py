"""`footnote doctor`: check what an answer depends on, and say what to do."""

import asyncio
import base64
import hashlib
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib.machinery import PathFinder
from importlib.metadata import PackageNotFoundError, distribution, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app import __version__
from app.commands import elsewhere
from app.commands.exit_codes import FINDINGS
from app.commands.finding import Finding
from vectorstore.errors import FootnoteError

if TYPE_CHECKING:
    from app.answer.answerer import LanguageModel
    from app.settings import Settings
    from vectorstore.models.embed import Embedder

_PACKAGES = ("app", "eval", "footnote", "ingest", "prompts", "vectorstore")
_LIBRARIES = (
    "faiss-cpu",
    "tantivy",
    "onnxruntime",
    "openai",
    "langchain",
    "fastapi",
    "sse-starlette",
    "pypdf",
)
_FIRST_FILES = frozenset(f"{name}/__init__.py" for name in _PACKAGES)
_MARKS = {"ok": "✓", "note": "·", "wrong": "✗"}
_COLOURS = {"ok": "green", "note": "blue", "wrong": "red"}


Security = Annotated[bool, typer.Option("--security", help="Say instead what is open, to whom, and why.")]


def doctor(*, security: Security = False) -> None:
    """Check the model, the index, the language model, the versions, and every server that is set."""
    findings = list(_open()) if security else examine()
    for finding in findings:
        typer.secho(f"{_MARKS[finding.state]} ", fg=_COLOURS[finding.state], nl=False)
        typer.echo(f"{finding.about}: {finding.says}")
        if finding.do:
            typer.echo(f"    {finding.do}")
    if any(finding.state == "wrong" for finding in findings):
        raise typer.Exit(FINDINGS)


def _open() -> Iterator[Finding]:
    from app.commands.security import openings
    from app.settings import Settings

    return openings(Settings())


def examine() -> list[Finding]:
    """Run every check; a check that fails does not stop the next."""
    findings = [_attempt("Packages", _packages), _attempt("Versions", _versions)]
    findings.append(_attempt("Plug-ins", _plug_ins))
    findings.append(_attempt("Settings", _settings))
    if findings[-1].state == "wrong":
        return findings  # every other check reads them
    findings.append(_attempt("Data folder", _data_dir))
    findings += [_attempt(about, check) for about, check in elsewhere.checks()]
    findings.append(_attempt("OCR", _ocr))
    embedder: list[Embedder] = []
    findings.append(_attempt("Embedder", lambda: _embedder(embedder)))
    if embedder:
        findings.append(_attempt("Reranker", lambda: _reranker(embedder[0])))
        findings.append(_attempt("Index", lambda: _index(embedder[0])))
        findings.append(_attempt("Languages", lambda: _languages(embedder[0])))
        findings.append(_attempt("Tokenizer", lambda: _tokenizer(embedder[0])))
    findings += [_attempt("Support checker", _checker), _attempt("Language model", _language_model)]
    return findings


def _attempt(about: str, check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except FootnoteError as error:
        return Finding(about, "wrong", error.what, error.hint)


def _in_force() -> "Settings":
    """Return the settings that answer everybody: with a promoted variant, where one is."""
    from app.settings import Settings
    from app.variants.standing import in_force

    return in_force(Settings())


def _packages() -> Finding:
    home = Path(__file__).parents[2]
    for name in _PACKAGES:
        spec = find_spec(name)
        if spec is None or spec.origin is None or Path(spec.origin).parents[1] != home:
            found = spec.origin if spec else "nowhere"
            return Finding(
                "Packages",
                "wrong",
                f"the package {name!r} is found at {found}, not in Footnote's own folder.",
                "Rename what stands there, or run footnote where it is not found.",
            )
    if _stranger():
        return Finding(
            "Packages",
            "wrong",
            "the distribution named footnote is installed here; it is another project's, this one is footnote-rag.",
            f"Take it out: {sys.executable} -m pip uninstall footnote"
            + ("; then install Footnote's own wheel again, whose files it shares." if _shares(home) else ""),
        )
    for file in _written_over():
        return Finding(
            "Packages",
            "wrong",
            f"{file} is not what Footnote put there: another package has been written over it.",
            "Install Footnote's own wheel again, in an environment of its own.",
        )
    for name, file in _hiding(home):
        return Finding(
            "Packages",
            "note",
            f"{file} hides Footnote's package {name!r} from programs that are run in this folder.",
            "Rename it where one of them is to import footnote; the commands work.",
        )
    return Finding("Packages", "ok", f"Footnote {__version__}")


def _stranger() -> bool:
    try:
        entry_points = distribution("footnote").entry_points
    except PackageNotFoundError:
        return False
    # Footnote itself bore the name once.
    return not any(entry.value == "app.cli:main" for entry in entry_points)


def _shares(home: Path) -> bool:
    """Say whether the stranger's distribution has put files into our packages."""
    listed = distribution("footnote").files or ()
    return any(
        (home / name) in Path(str(each.locate())).resolve().parents for each in listed for name in _PACKAGES
    )


def _written_over() -> Iterator[Path]:
    """Yield the first files of our packages that differ from the record of their installation."""
    try:
        listed = distribution("footnote-rag").files or ()
    except PackageNotFoundError:
        return
    for each in listed:
        file = Path(str(each.locate()))
        if each.hash is not None and each.hash.mode == "sha256" and each.as_posix() in _FIRST_FILES:
            found = hashlib.sha256(file.read_bytes() if file.is_file() else b"").digest()
            if base64.urlsafe_b64encode(found).rstrip(b"=").decode() != each.hash.value:
                yield file


def _hiding(home: Path) -> Iterator[tuple[str, Path]]:
    """Yield what a program in the working directory would import in the place of our packages."""
    for name in _PACKAGES:
        spec = PathFinder.find_spec(name, [str(Path.cwd())])
        if spec and spec.origin and home not in Path(spec.origin).resolve().parents:
            yield name, Path(spec.origin)


def _plug_ins() -> Finding:
    from app.reader.extractive import EXTRACTIVE
    from ingest.parse.sniff import ENDINGS
    from vectorstore.plugins import KINDS, passed_over, plug_ins

    ours = {"parser": ENDINGS, "answerer": frozenset([EXTRACTIVE])}
    wrong, fine = list[str](), list[str]()
    for kind in KINDS:
        own = ours.get(kind, frozenset())
        wrong += passed_over(kind, own=own)
        for each in plug_ins(kind, own=own).values():
            try:
                each.load()
                fine.append(str(each))
            except FootnoteError as error:
                wrong.append(error.what)
    if wrong:
        return Finding("Plug-ins", "wrong", " ".join(wrong), "Mend or uninstall them; all else works.")
    return Finding("Plug-ins", "ok", ", ".join(fine) or "none")


def _versions() -> Finding:
    return Finding("Versions", "ok", ", ".join(f"{name} {version(name)}" for name in _LIBRARIES))


def _settings() -> Finding:
    from app.configuration import check

    passed_over = check()
    return Finding("Settings", "note" if passed_over else "ok", " ".join(passed_over) or "all known.")


def _ocr() -> Finding:
    from ingest.settings import IngestSettings

    tesseract = IngestSettings().tesseract()
    if tesseract is None:
        return Finding("OCR", "note", "off; pages without a text layer are named, not read.")
    if tesseract.problem:
        do = "Debian: apt install tesseract-ocr, and tesseract-ocr-deu or the like for each language."
        return Finding("OCR", "wrong", f"{tesseract.problem}.", do)
    return Finding("OCR", "ok", f"on, {IngestSettings().ocr_languages}")


def _data_dir() -> Finding:
    from vectorstore.settings import StoreSettings

    folder = StoreSettings().data_dir
    nearest = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    if not os.access(nearest, os.W_OK):
        return Finding(
            "Data folder",
            "wrong",
            f"{folder} cannot be written.",
            "Set FOOTNOTE_DATA_DIR to a folder of yours.",
        )
    return Finding("Data folder", "ok", str(folder))


def _embedder(found: "list[Embedder]") -> Finding:
    from vectorstore.open import open_configured_embedder
    from vectorstore.settings import StoreSettings

    started = time.perf_counter()
    embedder = open_configured_embedder(StoreSettings())
    embedder.embed_query("ready")
    found.append(embedder)
    seconds = time.perf_counter() - started
    return Finding(
        "Embedder", "ok", f"{embedder.name}, {embedder.dimension} dimensions, ready in {seconds:.1f} s"
    )


def _reranker(embedder: "Embedder") -> Finding:
    from app.build import open_near, open_rerank
    from vectorstore.models.served import ServedReranker

    settings = _in_force().store
    rerank = open_rerank(settings, open_near(embedder, settings))
    if rerank is None:
        return Finding("Reranker", "ok", "none; passages keep the order of the search.")
    # A search goes on without what a server fails to give; here its reason is wanted.
    score = rerank.scores if isinstance(rerank, ServedReranker) else rerank
    started = time.perf_counter()
    score("Is it ready?", ["It is ready.", "It rains."])
    return Finding("Reranker", "ok", f"{settings.reranker} answered in {time.perf_counter() - started:.1f} s")


def _index(embedder: "Embedder") -> Finding:
    from vectorstore.open import open_store
    from vectorstore.settings import StoreSettings

    store = open_store(StoreSettings(), embedder)
    try:
        with store.snapshot() as snapshot:
            info = snapshot.info()
    finally:
        store.close()
    if not info.documents:
        return Finding("Index", "note", "empty.", "Add documents: footnote ingest ./docs")
    return Finding(
        "Index", "ok", f"generation {info.number}, {info.documents} documents, {info.chunks} chunks"
    )


def _languages(embedder: "Embedder") -> Finding:
    from ingest.report import beyond, language_of
    from ingest.settings import IngestSettings
    from vectorstore.open import open_store
    from vectorstore.settings import StoreSettings
    from vectorstore.types import Scope

    with closing(open_store(StoreSettings(), None)) as store, store.snapshot() as snapshot:
        scope = Scope(IngestSettings().tenant, unrestricted=True)
        languages = Counter(map(language_of, snapshot.documents(scope=scope)))
    unread, do = beyond(languages, embedder.name)
    if unread:
        return Finding("Languages", "note", unread, do)
    named = (f"{code or 'not told'} {count:,}" for code, count in languages.most_common())
    return Finding("Languages", "ok", ", ".join(named) or "no documents.")


def _tokenizer(embedder: "Embedder") -> Finding:
    from app.turn.retrieve import open_counter

    counter = open_counter(embedder)
    counter.count("ready")
    if counter.name.startswith("tiktoken"):
        return Finding("Tokenizer", "ok", counter.name)
    return Finding(
        "Tokenizer",
        "note",
        f"{counter.name}; tiktoken's vocabulary is not on this machine.",
        "Exact budgets for OpenAI models: put o200k_base in TIKTOKEN_CACHE_DIR.",
    )


def _checker() -> Finding:
    from app.support.calibration import live_tau
    from vectorstore.models.pair_model import open_checker

    settings = _in_force().answer
    checker, tau = open_checker(settings.support_model), live_tau(settings)
    if checker is not None:
        checker("It is ready.", "It is ready.", 0.0)  # loads it
    by = "words and the trained checker" if checker else "words"
    return Finding(
        "Support checker", "ok", by + (f", calibrated to {tau:.2f}" if settings.calibration else "")
    )


async def _say_ready(model: "LanguageModel") -> None:
    try:
        await model.complete("Reply with the word ready.")
    finally:
        await model.close()


def _language_model() -> Finding:
    settings = _in_force().model
    if settings.answerer:
        from app.build import open_answerer

        open_answerer(settings)
        return Finding("Language model", "ok", f"answers are written by {settings.answerer}.")
    if not settings.llm_model:
        return Finding(
            "Language model",
            "note",
            "none set; answers are composed from the documents' own sentences.",
            "To use one: FOOTNOTE_LLM_MODEL, with FOOTNOTE_LLM_BASE_URL and FOOTNOTE_LLM_API_KEY.",
        )
    from app.build import build_answerer

    answerer = build_answerer(settings)
    started = time.perf_counter()
    asyncio.run(_say_ready(answerer))
    return Finding(
        "Language model", "ok", f"{answerer.name} answered in {time.perf_counter() - started:.1f} s"
    )
