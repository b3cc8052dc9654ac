"""The module `footnote` as a program uses it: what the page says runs, and who asks is always said."""

import asyncio
import gc
import inspect
import os
import re
import resource
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import AsyncGenerator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.answer.answerer import Piece, Written
from app.build import Parts
from app.build import build as build_parts
from footnote import Cancelled, Done, Footnote, FootnoteError, Scope, Sources, Text
from tests.fakes.handbook import write_documents
from tests.test_command_line import environment_of, footnote
from tests.test_distribution import STRANGER, build

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "library.md"
EVERYTHING = Scope(unrestricted=True)
ENDS_EARLY = {"FOOTNOTE_PORT": "none"}
"""The doctor has looked at the packages by then, and loads no model."""
LEAVE = "How many days of annual leave do full-time staff get?"


def blocks(language: str) -> list[str]:
    """The page's code blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)


def python(folder: Path, code: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a folder, as a user would who has Footnote installed."""
    (folder / "program.py").write_text(code, encoding="utf-8")
    return subprocess.run(
        [sys.executable, "program.py"],
        cwd=folder,
        env=environment_of(**more),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an index of three documents in ./data, and one that only hr may read."""
    folder = tmp_path_factory.mktemp("company")
    docs = write_documents(folder)
    (folder / "closed").mkdir()
    (folder / "closed" / "pay.md").write_text("# Pay\n\nThe chief accountant earns 91,000 euros a year.\n")
    with Footnote(folder / "data") as opened:
        report = opened.ingest(docs)
        assert sorted(report.added) == ["docs/expenses.md", "docs/gateway.txt", "docs/leave.md"]
        assert report.failed == []
        assert opened.ingest(str(folder / "closed"), readers=["hr"]).added == ["closed/pay.md"]
        assert opened.ingest(docs).unchanged == 3
    return folder


@pytest.fixture
def opened(company: Path) -> Iterator[Footnote]:
    with Footnote(company / "data") as one:
        yield one


def test_the_examples_of_the_page_run(tmp_path: Path) -> None:
    write_documents(tmp_path)
    first, second = (block for block in blocks("python") if block.startswith("from footnote import"))
    done = python(tmp_path, first)
    assert done.returncode == 0, done.stderr
    assert "3 added" in done.stdout
    assert "docs/leave.md" in done.stdout
    assert "25 days of annual leave" in done.stdout
    done = python(tmp_path, second)
    assert done.returncode == 0, done.stderr
    assert "no/such/folder" in done.stdout
    assert "extractive" in done.stdout


def test_importing_it_is_quick_and_loads_nothing_heavy(tmp_path: Path) -> None:
    heavy = (
        "faiss",
        "torch",
        "numpy",
        "tantivy",
        "onnxruntime",
        "openai",
        "fastapi",
        "app",
        "ingest",
        "vectorstore",
    )
    done = python(tmp_path, f"import footnote, sys; print([one for one in {heavy!r} if one in sys.modules])")
    assert done.stdout.strip() == "[]", done.stderr
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    spent = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", "import footnote"], cwd=ROOT, check=True, env=kept)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(spent) < 0.3


def test_every_word_of_its_vocabulary_is_there_and_no_other() -> None:
    import footnote as module

    for name in module.__all__:
        assert getattr(module, name) is not None
    with pytest.raises(AttributeError, match="Footnote's module"):
        _ = module.FootnoteText


@pytest.mark.parametrize("call", [Footnote.ask, Footnote.search])
def test_who_asks_cannot_be_left_out(opened: Footnote, call: Any) -> None:
    with pytest.raises(TypeError, match="scope"):
        call(opened, LEAVE)
    parameter = inspect.signature(call).parameters["scope"]
    assert (parameter.kind, parameter.default) == (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.empty)
    for nobody in (None, True, "hr", frozenset({"hr"}), {}):
        with pytest.raises(FootnoteError, match="not said who asks"):
            call(opened, LEAVE, scope=nobody)
    for empty in ("", "  \n"):
        with pytest.raises(FootnoteError, match="empty"):
            call(opened, empty, scope=EVERYTHING)


def test_an_answer_comes_as_a_plain_iterator_of_events(opened: Footnote) -> None:
    events = list(opened.ask(LEAVE, scope=EVERYTHING))
    assert "25 days" in "".join(event.delta for event in events if isinstance(event, Text))
    assert isinstance(events[-1], Done)
    assert [type(event).__name__ for event in events].count("Done") == 1


def test_a_scope_sees_what_it_may_and_nothing_else(opened: Footnote) -> None:
    question = "What does the chief accountant earn?"

    def told(scope: Scope) -> str:
        seen = [hit.chunk.text for hit in opened.search(question, scope=scope)]
        seen += [repr(event) for event in opened.ask(question, scope=scope)]
        return " ".join(seen)

    assert "91,000" in told(Scope(groups=frozenset({"hr"})))
    assert "91,000" in told(EVERYTHING)
    for stranger in (Scope(), Scope(groups=frozenset({"sales"})), Scope("other", unrestricted=True)):
        assert "91,000" not in told(stranger)


def test_it_answers_where_an_event_loop_runs_and_in_many_threads(opened: Footnote) -> None:
    async def inside() -> list[str]:
        return [type(event).__name__ for event in opened.ask(LEAVE, scope=EVERYTHING)]

    assert asyncio.run(inside())[-1] == "Done"
    ended: list[object] = []
    threads = [
        threading.Thread(target=lambda: ended.append([*opened.ask(LEAVE, scope=EVERYTHING)][-1]))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [type(one) for one in ended] == [Done] * 6


class Endless:
    """Writes for ever, and notes that it was closed."""

    name = "endless"

    def __init__(self) -> None:
        self.closed = threading.Event()

    async def write(self, question: str, **_: object) -> AsyncGenerator[Piece, None]:
        try:
            while True:
                yield "Staff get 25 days. [1] "
                await asyncio.sleep(0.01)
            yield Written()
        finally:
            self.closed.set()


@pytest.fixture
def endless(company: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Footnote, Endless]]:
    writer = Endless()

    def with_endless(*settings: Any) -> Parts:
        parts = build_parts(*settings)
        return replace(parts, turn=replace(parts.turn, model=writer))

    monkeypatch.setattr("app.build.build", with_endless)
    with Footnote(company / "data") as one:
        yield one, writer


@pytest.mark.parametrize("how", ["closed", "collected", "left by an error"])
def test_an_iterator_that_is_left_early_stops_the_turn(endless: tuple[Footnote, Endless], how: str) -> None:
    opened, writer = endless
    events = opened.ask(LEAVE, scope=EVERYTHING)
    for event in events:
        if isinstance(event, Text):
            break
    assert not writer.closed.is_set()
    if how == "closed":
        events.close()
    elif how == "collected":
        del events
        gc.collect()
    else:
        with pytest.raises(ZeroDivisionError):
            events.throw(ZeroDivisionError())
    assert writer.closed.wait(10)


def test_an_iterator_that_is_never_begun_asks_nothing(endless: tuple[Footnote, Endless]) -> None:
    opened, _ = endless
    opened.ask(LEAVE, scope=EVERYTHING).close()
    assert opened._opened is None


def test_closing_ends_what_is_being_written_and_refuses_what_comes_later(
    endless: tuple[Footnote, Endless],
) -> None:
    opened, writer = endless
    heard: list[object] = []
    writing = threading.Event()

    def listen() -> None:
        for event in opened.ask(LEAVE, scope=EVERYTHING):
            heard.append(event)
            if isinstance(event, Text):
                writing.set()

    thread = threading.Thread(target=listen)
    thread.start()
    assert writing.wait(60)
    opened.close()
    thread.join(10)
    assert not thread.is_alive()
    assert heard[-1] == Cancelled("shutdown")
    assert writer.closed.is_set()
    opened.close()
    with pytest.raises(FootnoteError, match="closed"):
        next(opened.ask(LEAVE, scope=EVERYTHING))
    with pytest.raises(FootnoteError, match="closed"):
        opened.search(LEAVE, scope=EVERYTHING)


def test_a_program_that_forgets_to_close_it_ends(company: Path) -> None:
    code = (
        "from footnote import Footnote, Scope\n"
        "asking = Footnote('data').ask('How many days of leave?', scope=Scope(unrestricted=True))\n"
        "print(next(asking).model)\n"
    )
    started = time.monotonic()
    done = python(company, code)
    assert (done.returncode, done.stdout.strip()) == (0, "extractive"), done.stderr
    assert time.monotonic() - started < 60


def test_it_reads_the_settings_of_the_commands_and_a_folder_that_is_given_wins(
    company: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "footnote.toml").write_text(f'data_dir = "{company / "data"}"\ntop_k = 2\n')
    with Footnote() as one:
        assert len(one.search("annual leave", scope=EVERYTHING)) == 2
        assert len(one.search("annual leave", scope=EVERYTHING, limit=1)) == 1
    (tmp_path / ".env").write_text("FOOTNOTE_DATA_DIR=nowhere\n")
    assert Footnote()._settings.store.data_dir == Path("nowhere").absolute()
    monkeypatch.setenv("FOOTNOTE_DATA_DIR", "elsewhere")
    assert Footnote()._settings.store.data_dir == Path("elsewhere").absolute()
    assert Footnote("given")._settings.store.data_dir == Path("given").absolute()
    assert not any((tmp_path / name).exists() for name in ("nowhere", "elsewhere", "given"))
    monkeypatch.setenv("FOOTNOTE_TOPK", "x")
    with pytest.raises(FootnoteError, match="Did you mean 'FOOTNOTE_TOP_K'"):
        Footnote("given")


def test_readers_that_are_one_text_or_a_path_that_is_missing_are_one_sentence(
    opened: Footnote, tmp_path: Path
) -> None:
    with pytest.raises(FootnoteError, match="Give a list of groups"):
        opened.ingest(tmp_path, readers="hr")
    with pytest.raises(FootnoteError, match="absent"):
        opened.ingest(tmp_path / "absent")
    with pytest.raises(FootnoteError, match="no supported documents"):
        opened.ingest(tmp_path)


# --- names in the way ---


@pytest.mark.parametrize("place", ["app.py", "app/__init__.py", "ingest.py", "vectorstore.py", "prompts.py"])
def test_a_strangers_package_in_the_way_of_ours_is_one_sentence(tmp_path: Path, place: str) -> None:
    file, name = tmp_path / place, place.partition("/")[0].removesuffix(".py")
    file.parent.mkdir(exist_ok=True)
    file.write_text("")
    done = python(tmp_path, "from footnote import Footnote\nFootnote()\n")
    said = done.stderr.strip().splitlines()[-1]
    assert said.startswith(f"ImportError: Footnote's package {name!r} is found at {file}")
    again = python(tmp_path, f"import {name}\nfrom footnote import Scope\n")
    assert f"ImportError: Footnote's package {name!r} is found at" in again.stderr


def test_a_folder_of_that_name_that_is_no_package_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "footnote").mkdir()
    done = python(tmp_path, "from footnote import Footnote\nprint(Footnote())\n")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("file", ["footnote.py", "footnote/__init__.py", "app.py"])
def test_a_file_in_the_working_folder_that_hides_ours_is_told_and_the_commands_work(
    tmp_path: Path, file: str
) -> None:
    stranger = tmp_path / file
    stranger.parent.mkdir(exist_ok=True)
    stranger.write_text("raise SystemExit('this is a stranger')\n")
    done = footnote(tmp_path, "--version")
    assert (done.returncode, done.stderr) == (0, "")
    done = footnote(tmp_path, "doctor", **ENDS_EARLY)
    name = file.partition("/")[0].removesuffix(".py")
    assert f"· Packages: {stranger} hides Footnote's package {name!r} from programs" in done.stdout
    assert "this is a stranger" not in done.stdout + done.stderr


def test_a_strangers_module_on_the_path_is_told_by_its_file(tmp_path: Path) -> None:
    stranger = tmp_path / "lib" / "footnote.py"
    stranger.parent.mkdir()
    stranger.write_text("raise SystemExit('this is a stranger')\n")
    done = footnote(tmp_path, "doctor", PYTHONPATH=str(stranger.parent), **ENDS_EARLY)
    assert f"✗ Packages: the package 'footnote' is found at {stranger}" in done.stdout
    assert footnote(tmp_path, "--version", PYTHONPATH=str(stranger.parent)).returncode == 0


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Footnote as its wheel installs it."""
    folder = tmp_path_factory.mktemp("wheel")
    with zipfile.ZipFile(build(ROOT, folder / "dist")) as wheel:
        wheel.extractall(folder / "site")
    return folder / "site"


def doctor_at(site: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the doctor of an installation beside this one."""
    code = "import sys; sys.argv[1:] = ['doctor']; from app.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=environment_of(PYTHONPATH=str(site), **ENDS_EARLY),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_another_package_that_was_written_over_ours_is_told(site: Path, tmp_path: Path) -> None:
    clean = doctor_at(site, tmp_path)
    assert "✓ Packages" in clean.stdout, clean.stdout + clean.stderr
    file = site / "footnote" / "__init__.py"
    ours = file.read_bytes()
    try:
        file.write_text("class Stranger: pass\n")
        done = doctor_at(site, tmp_path)
    finally:
        file.write_bytes(ours)
    assert f"✗ Packages: {file} is not what Footnote put there" in done.stdout


def test_the_strangers_distribution_at_the_same_place_is_told_with_what_it_shares(
    site: Path, tmp_path: Path
) -> None:
    info = site / f"{STRANGER}-0.1.3.dist-info"
    info.mkdir()
    try:
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {STRANGER}\nVersion: 0.1.3\n")
        (info / "RECORD").write_text("footnote/__init__.py,,\n")
        done = doctor_at(site, tmp_path)
    finally:
        for file in info.iterdir():
            file.unlink()
        info.rmdir()
    assert (
        "✗ Packages: the distribution named footnote is installed here; it is another project's"
        in done.stdout
    )
    assert "then install Footnote's own wheel again" in done.stdout


def test_sources_come_before_the_first_text(opened: Footnote) -> None:
    kinds = [type(event) for event in opened.ask(LEAVE, scope=EVERYTHING)]
    assert kinds.index(Sources) < kinds.index(Text)


@pytest.mark.parametrize("limit", [0, -1, 201, 10**9])
def test_a_limit_that_does_not_fit_is_refused(tmp_path: Path, limit: int) -> None:
    with Footnote(tmp_path) as footnote, pytest.raises(FootnoteError, match="limit"):
        footnote.search("leave", scope=Scope(unrestricted=True), limit=limit)


def test_an_index_stays_where_it_is_when_the_program_goes_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    footnote = Footnote("data")
    monkeypatch.chdir("/")
    assert footnote._settings.store.data_dir == tmp_path / "data"


def test_what_is_no_scope_history_or_question_is_refused_with_a_sentence(tmp_path: Path) -> None:
    everything = Scope(unrestricted=True)
    with Footnote(tmp_path) as footnote:
        for ask in (
            lambda: footnote.search("leave", scope=Scope(groups=["hr"])),  # type: ignore[arg-type]
            lambda: footnote.ask(None, scope=everything),  # type: ignore[arg-type]
            lambda: footnote.ask("Leave?", scope=everything, history=[("user", "Hi")]),  # type: ignore[list-item]
            footnote.ingest,
        ):
            with pytest.raises(FootnoteError):
                ask()
