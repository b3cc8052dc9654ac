"""What other packages add: the page's examples, installed and run by the real commands, and what breaks alone."""

import asyncio
import json
import mimetypes
import re
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from app.build import open_answerer
from app.settings import ModelSettings
from ingest.parse.dispatch import PARSERS
from ingest.parse.sniff import ENDINGS
from tests.fakes.handbook import write_documents
from tests.test_command_line import footnote
from tests.test_library import LEAVE, blocks
from vectorstore.errors import Unavailable
from vectorstore.models.embed import Embedder
from vectorstore.open import open_store
from vectorstore.plugins import _found
from vectorstore.settings import StoreSettings
from vectorstore.types import Scope

ENTRIES = {
    group.removeprefix("footnote."): entry
    for block in blocks("toml")
    for group, entry in tomllib.loads(block)["project"]["entry-points"].items()
}
FILES = {
    block.partition("\n")[0].removeprefix("# "): block for block in blocks("python") if block.startswith("# ")
}
DRAWING = json.dumps(
    {
        "elements": [
            {"type": "text", "text": "The rotor turns at 3,411 revolutions."},
            {"type": "arrow", "points": [[0, 0], [40, 0]]},
        ]
    }
)


def install(
    site: Path,
    name: str,
    files: Mapping[str, str],
    entries: Mapping[str, Mapping[str, str]],
    version: str = "1.0",
) -> Path:
    """Put a distribution where `pip install --target` would; return the folder for PYTHONPATH."""
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = [
        f"[footnote.{group}]\n" + "".join(f"{key} = {value}\n" for key, value in table.items())
        for group, table in entries.items()
    ]
    (info / "entry_points.txt").write_text("\n".join(lines))
    for file, text in files.items():
        (site / file).parent.mkdir(parents=True, exist_ok=True)
        (site / file).write_text(textwrap.dedent(text), encoding="utf-8")
    return site


def of_the_page(site: Path, *groups: str) -> str:
    for group in groups:
        (value,) = ENTRIES[group].values()
        file = f"{value.partition(':')[0]}.py"
        install(site, f"example-{group}", {file: FILES[file]}, {group: ENTRIES[group]})
    return str(site)


def ingested(folder: Path, *arguments: str, **environment: str) -> dict[str, Any]:
    done = footnote(folder, "ingest", *arguments, "--json", **environment)
    assert done.returncode in {0, 1}, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


Found = Callable[..., str]


@pytest.fixture
def found(embedder: Embedder) -> Found:
    """What a search in a folder's index finds for a member of a group, or for the operator."""

    def search(folder: Path, text: str, *groups: str) -> str:
        scope = Scope(groups=frozenset(groups), unrestricted=not groups)
        store = open_store(StoreSettings(data_dir=folder / "data"), embedder)
        try:
            with store.snapshot() as snapshot:
                hits = snapshot.search(text, embedder.embed_query(text), scope=scope, limit=50)
                return "\n".join(hit.chunk.text for hit in hits)
        finally:
            store.close()

    return search


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("company")
    write_documents(folder)
    assert len(ingested(folder, "docs")["added"]) == 3
    return folder


# --- parsers ---


def test_a_parser_of_the_page_reads_its_files_and_a_change_of_it_has_them_read_again(
    tmp_path: Path, found: Found
) -> None:
    docs = write_documents(tmp_path)
    (docs / "turbines.EXCALIDRAW").write_text(DRAWING)
    assert "docs/turbines.EXCALIDRAW" in ingested(tmp_path, "docs")["added"]
    assert "elements" in found(tmp_path, "rotor")  # as JSON
    site = of_the_page(tmp_path / "site", "parsers")
    report = ingested(tmp_path, "docs", PYTHONPATH=site)
    assert (report["updated"], report["unchanged"]) == (["docs/turbines.EXCALIDRAW"], 3)
    said = found(tmp_path, "rotor")
    assert "The rotor turns at 3,411 revolutions" in said
    assert "elements" not in said
    assert ingested(tmp_path, "docs", PYTHONPATH=site)["unchanged"] == 4
    assert ingested(tmp_path, "docs")["updated"] == ["docs/turbines.EXCALIDRAW"]


CONFINED = """
    import os, socket, subprocess
    from pathlib import Path

    from ingest.parse.writer import ExtractWriter
    from . import beside

    def parse(source, limits):
        writer = ExtractWriter(limits)
        writer.paragraph(f"This was read by {beside.WHO}, for file {source.name}.")
        for what, attempt in {
            "secret": lambda: Path(SECRET).read_text(),
            "listing": lambda: os.listdir(Path(SECRET).parent),
            "writing": lambda: Path(SECRET).with_name("new").write_text("x"),
            "network": lambda: socket.create_connection(("127.0.0.1", 9), timeout=1).close(),
            "process": lambda: subprocess.run(["/bin/true"]),
            "environment": lambda: os.environ["FOOTNOTE_LLM_API_KEY"],
        }.items():
            try:
                attempt()
            except (OSError, KeyError):
                continue
            writer.finding(f"{what} was open.")
        return writer.finish("application/x-sealed")
"""


def test_a_parser_runs_confined_from_a_folder_beside_the_installed_packages(
    tmp_path: Path, found: Found
) -> None:
    probe = subprocess.run(
        [sys.executable, "-c", "from ingest.confined.confine import allow_reading_only as a; print(a([]))"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    secret = tmp_path / "site" / "secret.txt"
    code = f"SECRET = {str(secret)!r}\n" + textwrap.dedent(CONFINED)
    site = install(
        tmp_path / "site",
        "sealed-reader",
        {
            "sealed/__init__.py": code,
            "sealed/beside.py": "WHO = 'a package of two files'\n",
            "secret.txt": "secret",
        },
        {"parsers": {".SEALED": "sealed:parse"}},
    )
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "one.sealed").write_bytes(b"\x00\x01 binary \x02")
    report = ingested(tmp_path, "docs", PYTHONPATH=str(site), FOOTNOTE_LLM_API_KEY="k")
    assert report["added"] == ["docs/one.sealed"], report
    assert "a package of two files" in found(tmp_path, "which package read this")
    if "True" not in probe.stdout:
        pytest.skip("this kernel has no Landlock: what is open is not held against it")
    assert report["findings"] == []


BROKEN_PARSERS = {
    "no module": ("absent:parse", "", "cannot be loaded (ModuleNotFoundError: No module named 'absent')"),
    "no name": ("reader:absent", "", "cannot be loaded (AttributeError"),
    "no value": ("", "", "cannot be loaded"),
    "breaks at import": ("reader:parse", "raise RuntimeError('not today')", "cannot be loaded (RuntimeError: not today)"),
    "leaves at import": ("reader:parse", "raise SystemExit(3)", "cannot be loaded (SystemExit: 3)"),
    "breaks": ("reader:parse", "def parse(source, limits): return {}['x']", "broke on this file (KeyError)."),
    "gives nothing": ("reader:parse", "def parse(source, limits): return None", "broke on this file (TypeError)."),
    "dies": ("reader:parse", "def parse(source, limits):\n    import os; os._exit(9)", "exit status 9"),
    "readers in metadata": (
        "reader:parse",
        "from ingest.parse.writer import ExtractWriter\ndef parse(source, limits):\n    w = ExtractWriter(limits)\n"
        "    w.paragraph('x')\n    return w.finish('a/b', metadata={'allowed_readers': ('hr',)})",
        "does not decide who may read",
    ),
    "readers as one text": (
        "reader:parse",
        "from ingest.parse.writer import ExtractWriter\ndef parse(source, limits):\n    w = ExtractWriter(limits)\n"
        "    w.paragraph('x')\n    return w.finish('a/b', readers='hr')",
        "broke on this file",
    ),
}  # fmt: skip


def test_broken_parsers_are_one_sentence_each_and_cost_their_files_alone(tmp_path: Path) -> None:
    docs, site = write_documents(tmp_path), tmp_path / "site"
    for number, (value, code, _) in enumerate(BROKEN_PARSERS.values()):
        (docs / f"a.zz{number}").write_text(f"Some text of a type of its own, number {number}.")
        named = value.replace("reader", f"reader{number}")
        install(site, f"broken{number}", {f"reader{number}.py": code}, {"parsers": {f"zz{number}": named}})
    report = ingested(tmp_path, "docs", PYTHONPATH=str(site))
    assert len(report["added"]) == 3
    failed = {str(each["uri"]): str(each["message"]) for each in report["failed"]}
    assert len(failed) == len(BROKEN_PARSERS)
    for number, (how, (_, _, says)) in enumerate(BROKEN_PARSERS.items()):
        said = failed[f"docs/a.zz{number}"]
        assert says in said, how
        if "loaded" in says or "Error)" in says:
            assert f"The parser 'zz{number}' of broken{number} 1.0" in said


def test_a_parser_that_is_mended_reads_what_it_failed_on(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.zzz").write_text("x")
    site = install(
        tmp_path / "site", "reader", {"reader.py": "raise OSError"}, {"parsers": {"zzz": "reader:parse"}}
    )
    assert ingested(tmp_path, "docs", PYTHONPATH=str(site))["failed"]
    (site / "reader.py").write_text(
        "from ingest.parse.writer import ExtractWriter\ndef parse(source, limits):\n    w = ExtractWriter(limits)\n"
        "    w.paragraph('The mended one.')\n    return w.finish(source.media_type)\n"
    )
    assert ingested(tmp_path, "docs", PYTHONPATH=str(site))["added"] == ["docs/a.zzz"]


def test_footnotes_own_endings_stay_its_own_and_two_of_one_name_are_neither(tmp_path: Path) -> None:
    docs = write_documents(tmp_path)
    (docs / "a.zzz").write_text("Plain words of a file that two want to read.")
    everything = dict.fromkeys([*ENDINGS, "zzz"], "greedy:parse")
    site = install(tmp_path / "site", "greedy", {"greedy.py": "raise RuntimeError"}, {"parsers": everything})
    install(tmp_path / "site", "second", {}, {"parsers": {"ZZZ": "greedy:parse"}})
    report = ingested(tmp_path, "docs", PYTHONPATH=str(site))
    assert (len(report["added"]), report["failed"]) == (4, [])
    told = footnote(tmp_path, "doctor", PYTHONPATH=str(site), FOOTNOTE_PORT="none").stdout
    assert "The parser 'md' of greedy 1.0 is not used: Footnote has one of that name itself." in told
    assert "The parser 'zzz' of second 1.0 is not used: greedy 1.0 brings one of that name too." in told


def test_each_type_that_is_read_here_has_its_ending_among_ours() -> None:
    for media_type in PARSERS:
        known = {each.lstrip(".") for each in mimetypes.guess_all_extensions(media_type)}
        assert not known or known & ENDINGS, media_type


# --- answerers ---


def asked(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return footnote(folder, "ask", LEAVE, "--json", **environment)


def test_the_answerer_of_the_page_writes_where_the_setting_names_it(company: Path, tmp_path: Path) -> None:
    site = of_the_page(tmp_path / "site", "answerers")
    done = asked(company, PYTHONPATH=site, FOOTNOTE_ANSWERER="opening")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["answer"].startswith("It begins like this: ")
    assert told["citations"][0]["uri"] == "docs/leave.md"
    for nobody in ({}, {"FOOTNOTE_ANSWERER": "extractive"}):
        assert "It begins" not in asked(company, PYTHONPATH=site, **nobody).stdout
    wrong = asked(company, PYTHONPATH=site, FOOTNOTE_ANSWERER="openning")
    assert wrong.returncode == 2
    assert "No answerer 'openning' is installed. There are: extractive, opening." in " ".join(
        wrong.stderr.split()
    )


WRITER = """
    from app.answer.answerer import Written
    class Writer:
        name = "x"
        def __init__(self, settings): {init}
        async def write(self, question, *, passages, history):
            {write}
"""
BROKEN_ANSWERERS = {
    "at import": ("raise ValueError('no licence')", "cannot be loaded (ValueError: no licence)"),
    "when opened": (WRITER.format(init="raise ValueError('no key')", write="yield ''"), "cannot be opened (ValueError: no key)"),
    "no answerer": ("def Writer(settings): return 7", "cannot be opened (TypeError: int has no name and write)"),
    "at once": (WRITER.format(init="pass", write="raise KeyError('x'); yield ''"), "broke (KeyError)."),
    "on the way": (WRITER.format(init="pass", write="yield 'Staff get'; raise KeyError('x')"), "broke (KeyError)."),
    "by what it writes": (WRITER.format(init="pass", write="yield 7"), "broke (TypeError)."),
}  # fmt: skip


@pytest.fixture
def on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that this process imports from, and finds plug-ins in."""
    site = tmp_path / "site"
    monkeypatch.syspath_prepend(site)
    _found.cache_clear()
    yield site
    _found.cache_clear()


def test_broken_answerers_are_one_sentence_each_that_names_them(on_the_path: Path) -> None:
    async def written(name: str) -> None:
        answerer = open_answerer(ModelSettings(answerer=name))
        assert answerer is not None
        async for _ in answerer.write(LEAVE, passages=[], history=[]):
            pass

    for number, (code, _) in enumerate(BROKEN_ANSWERERS.values()):
        file = f"writer{number}"
        install(
            on_the_path,
            f"broken{number}",
            {f"{file}.py": code},
            {"answerers": {f"x{number}": f"{file}:Writer"}},
        )
    for number, (_, says) in enumerate(BROKEN_ANSWERERS.values()):
        with pytest.raises(Unavailable) as raised:
            asyncio.run(written(f"x{number}"))
        assert f"The answerer 'x{number}' of broken{number} 1.0 {says}" in str(raised.value)


def test_a_broken_answerer_ends_the_command_with_a_sentence(company: Path, tmp_path: Path) -> None:
    code = BROKEN_ANSWERERS["on the way"][0]
    site = install(
        tmp_path / "site", "broken-writer", {"writer.py": code}, {"answerers": {"x": "writer:Writer"}}
    )
    done = asked(company, PYTHONPATH=str(site), FOOTNOTE_ANSWERER="x")
    assert done.returncode == 3, done.stderr
    assert "The answerer 'x' of broken-writer 1.0 broke (KeyError)." in done.stderr
    assert "Traceback" not in done.stderr


def test_where_it_is_set_the_documents_own_sentences_stand_in_for_a_broken_answerer(
    company: Path, tmp_path: Path
) -> None:
    code = BROKEN_ANSWERERS["at once"][0]
    site = install(
        tmp_path / "site", "broken-writer", {"writer.py": code}, {"answerers": {"x": "writer:Writer"}}
    )
    done = asked(company, PYTHONPATH=str(site), FOOTNOTE_ANSWERER="x", FOOTNOTE_LLM_FALLBACK="true")
    assert done.returncode == 0, done.stderr
    assert "25 days" in json.loads(done.stdout)["answer"]


def test_what_an_answerer_writes_is_made_inert_and_one_without_an_end_is_ended(
    company: Path, tmp_path: Path
) -> None:
    code = WRITER.format(
        init="pass", write="yield 'Full-time staff get 25 days ![x](http://evil.example/a). [1]'"
    )
    site = install(tmp_path / "site", "writer", {"writer.py": code}, {"answerers": {"x": "writer:Writer"}})
    done = asked(company, PYTHONPATH=str(site), FOOTNOTE_ANSWERER="x")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["citations"]
    assert "![x](" not in told["answer"]


# --- metrics ---

CASES = [
    {"id": "leave", "question": LEAVE, "reviewed": True, "must_include": ["25 days"]},
    {"id": "taxi", "question": "Who approves a taxi?", "reviewed": True},
]


def evaluated(
    company: Path, tmp_path: Path, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    (tmp_path / "cases.jsonl").write_text("".join(f"{json.dumps(case)}\n" for case in CASES))
    return footnote(
        tmp_path, "eval", "run", "--data", "cases.jsonl", "--out", "out", *arguments,
        FOOTNOTE_DATA_DIR=str(company / "data"), **environment,
    )  # fmt: skip


def test_the_metric_of_the_page_is_scored_gated_and_versioned(company: Path, tmp_path: Path) -> None:
    site = of_the_page(tmp_path / "site", "metrics")
    done = evaluated(company, tmp_path, "--fail-under", "brevity=0.1", PYTHONPATH=site)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"brevity +\d\.\d", done.stdout)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["metrics"]["brevity"]
    assert len(summary["scorers"]["brevity"]) == 8
    unknown = evaluated(company, tmp_path, "--fail-under", "brevity=0.1")
    assert (unknown.returncode, "There is no metric 'brevity'" in unknown.stderr) == (2, True)


def test_broken_metrics_are_left_out_with_a_sentence_each_and_the_others_stand(
    company: Path, tmp_path: Path
) -> None:
    code = """
        from eval.metrics.outcome import Score, ok
        seen = []
        def breaks(outcome): raise KeyError("x")
        def second(outcome):
            seen.append(outcome)
            return ok(1 / (2 - len(seen)))
        def large(outcome): return ok(1.5)
        def nan(outcome): return ok(float("nan"))
        def bare(outcome): return 0.5
        def mine(outcome): return ok(0)
        def fine(outcome): return ok(0.25)
    """
    names = ["breaks", "second", "large", "nan", "bare", "absent", "fine"]
    entries = {name: f"scores:{name}" for name in names} | {
        "groundedness": "scores:mine",
        "[red]": "scores:fine",
    }
    site = install(tmp_path / "site", "scores", {"scores.py": code}, {"metrics": entries})
    done = evaluated(company, tmp_path, PYTHONPATH=str(site))
    assert done.returncode == 0, done.stdout + done.stderr
    report = (tmp_path / "out" / "report.md").read_text()
    for name in ("breaks", "second", "large", "nan", "bare"):
        assert f"The metric '{name}' of scores 1.0 broke and is left out" in report
    assert "The metric 'absent' of scores 1.0 cannot be loaded" in report
    assert "The metric 'groundedness' of scores 1.0 is not used" in report
    metrics = json.loads((tmp_path / "out" / "summary.json").read_text())["metrics"]
    assert "0.25" in str(metrics["fine"])
    assert metrics["groundedness"] != metrics["fine"]
    assert not {"breaks", "second", "large", "nan", "bare", "absent"} & metrics.keys()


# --- sources ---


def tickets(folder: Path, *given: dict[str, object]) -> None:
    (folder / "tickets.json").write_text(json.dumps(given))


ONE = {"queue": "hr", "id": 1, "text": "# Bonus\n\nThe bonus of the board is 12 marbles."}
TWO = {
    "queue": "it",
    "id": 2,
    "text": "# Printer\n\nThe printer is called Gutenberg.",
    "groups": ["it", "hr"],
}


def test_the_source_of_the_page_is_ingested_updated_and_pruned(tmp_path: Path, found: Found) -> None:
    site = of_the_page(tmp_path / "site", "sources")
    tickets(tmp_path, ONE, TWO)
    report = ingested(tmp_path, "--source", "tickets", PYTHONPATH=site)
    assert sorted(report["added"]) == ["source:tickets/hr/1.md", "source:tickets/it/2.md"]
    assert ingested(tmp_path, "--source", "tickets", PYTHONPATH=site)["unchanged"] == 2
    assert "marbles" in found(tmp_path, "bonus of the board", "staff")
    assert "Gutenberg" in found(tmp_path, "name of the printer", "it")
    assert "Gutenberg" not in found(tmp_path, "name of the printer", "staff")
    # fewer readers of the same text are a change
    tickets(tmp_path, ONE, TWO | {"groups": ["hr"]})
    assert ingested(tmp_path, "--source", "tickets", PYTHONPATH=site)["updated"] == ["source:tickets/it/2.md"]
    assert "Gutenberg" not in found(tmp_path, "name of the printer", "it")
    # silence opens nothing
    tickets(tmp_path, {key: value for key, value in TWO.items() if key != "groups"})
    ingested(tmp_path, "--source", "tickets", "--prune", "--yes", PYTHONPATH=site)
    assert "Gutenberg" not in found(tmp_path, "name of the printer", "staff")
    assert "marbles" not in found(tmp_path, "bonus of the board")


def test_the_operators_rules_hold_for_what_a_source_gives_and_its_readers_only_narrow(
    tmp_path: Path, found: Found
) -> None:
    site = of_the_page(tmp_path / "site", "sources")
    (tmp_path / "footnote.toml").write_text('[[rules]]\npath = "hr/"\nreaders = ["hr"]\n')
    matter = "---\nreaders: [it]\n---\n"
    tickets(
        tmp_path,
        ONE,
        ONE | {"id": 3, "groups": ["hr", "sales"], "text": "The canteen serves purple soup."},
        ONE | {"id": 4, "groups": ["sales"], "text": "The garage has an orange door."},
        TWO | {"id": 5, "text": f"{matter}The lobby has a silver clock."},
    )
    ingested(tmp_path, "--source", "tickets", PYTHONPATH=site)
    seen = {
        group: found(tmp_path, "bonus soup door clock", group) for group in ("hr", "sales", "it", "staff")
    }
    who = {
        word: [group for group, said in seen.items() if word in said]
        for word in ("marbles", "purple", "orange", "silver")
    }
    assert who == {"marbles": ["hr"], "purple": ["hr"], "orange": [], "silver": ["it"]}
    # the flag is the operator's word for all of the source, also for what comes later; it opens nothing
    (tmp_path / "footnote.toml").unlink()
    ingested(tmp_path, "--source", "tickets", "--acl", "board", PYTHONPATH=site)
    tickets(tmp_path, {"queue": "new", "id": 9, "text": "The vault holds copper coins."}, TWO)
    ingested(tmp_path, "--source", "tickets", PYTHONPATH=site)
    assert "copper" not in found(tmp_path, "vault coins", "staff")
    assert "copper" in found(tmp_path, "vault coins", "board")
    ingested(tmp_path, "--source", "tickets", "--acl", "", PYTHONPATH=site)
    assert "copper" in found(tmp_path, "vault coins", "staff")
    assert "Gutenberg" not in found(tmp_path, "name of the printer", "staff")


def test_what_a_source_gives_wrong_fails_alone_and_opens_nothing(tmp_path: Path, found: Found) -> None:
    code = """
        import os, tempfile
        from datetime import datetime, UTC
        from pathlib import Path
        from ingest.sources.elsewhere import SourceDocument as D
        def documents():
            for uri in ("../a", "/a", "a//b", "./hr/a", "hr/../a", "", "a\\\\b", 7, "https://x/y"):
                yield D(uri, b"Words that must not go in.")
            for readers in ("hr", ["hr"], frozenset(), {""}, {7}, False):
                yield D(f"readers-{readers!r}", b"Words that must not go in.", readers=readers)
            yield b"Words that must not go in."
            yield D("absent.md", Path("absent.md"))
            yield D("folder.md", Path("."))
            yield D("pipe.md", Path("/dev/zero"))
            yield D("text.md", "Words that must not go in.")
            yield D("dated.md", b"Words that must not go in.", modified=7)
            yield D("large.md", b"x" * 2_000_001)
            yield D("twice.md", b"Once.")
            yield D("twice.md", b"Words that must not go in.")
            with tempfile.TemporaryDirectory() as folder:
                (Path(folder) / "x").write_bytes(b"<html><body><p>The lamp is green.</p></body></html>")
                yield D("lamp", Path(folder) / "x", media_type="text/html", modified=datetime(2020, 5, 4, tzinfo=UTC))
            yield D("readme.meta.yaml", b"readers: [hr]")
            yield D("x" * 400 + ".md", "Ein langer Name. \U0001f600".encode())
    """
    site = install(tmp_path / "site", "odd", {"odd.py": code}, {"sources": {"odd": "odd:documents"}})
    report = ingested(tmp_path, "--source", "odd", PYTHONPATH=str(site), FOOTNOTE_MAX_FILE_MB="1")
    added = {str(uri).removeprefix("source:odd/") for uri in report["added"]}
    assert added == {"twice.md", "lamp", "x" * 400 + ".md"}
    assert "must not go in" not in found(tmp_path, "Words that must not go in")
    assert "The lamp is green" in found(tmp_path, "lamp")
    assert len(report["failed"]) > 15


def test_a_source_that_breaks_is_one_sentence_removes_nothing_and_the_rest_goes_in(
    tmp_path: Path, found: Found
) -> None:
    docs, site = write_documents(tmp_path), tmp_path / "site"
    whole = (
        "from ingest.sources.elsewhere import SourceDocument as D\n"
        "def documents():\n    yield D('a.md', b'The first of SOURCE.')\n    yield D('b.md', b'The second of SOURCE.')\n"
    )
    second = "yield D('b.md', b'The second of SOURCE.')"
    broken = {
        "start": "raise RuntimeError('down')",
        "halfway": whole.replace(second, "raise RuntimeError('down')"),
        "leaving": whole.replace(second, "raise SystemExit('down')"),
        "nothing": "def documents(): return None",
    }
    named = [part for name in broken for part in ("--source", name)]
    for name in broken:
        install(
            site,
            name,
            {f"{name}.py": whole.replace("SOURCE", name)},
            {"sources": {name: f"{name}:documents"}},
        )
    assert len(ingested(tmp_path, *named, PYTHONPATH=str(site))["added"]) == 8
    for name, code in broken.items():
        (site / f"{name}.py").write_text(code.replace("SOURCE", name))
    report = ingested(tmp_path, str(docs), *named, "--prune", "--yes", PYTHONPATH=str(site))
    assert (len(report["added"]), report["removed"]) == (3, [])
    for name, failure in zip(broken, report["failed"], strict=True):
        assert f"The source '{name}' of {name} 1.0" in failure["message"]
        assert f"The second of {name}" in found(tmp_path, f"second of {name}")


def test_a_source_that_is_not_installed_or_is_watched_is_a_mistake_of_usage(tmp_path: Path) -> None:
    done = footnote(tmp_path, "ingest", "--source", "wiki")
    assert (done.returncode, "No source 'wiki' is installed." in done.stderr) == (2, True)
    done = footnote(tmp_path, "ingest", "--source", "wiki", "--watch")
    assert (done.returncode, "cannot be watched" in done.stderr) == (2, True)


def test_no_folder_takes_the_addresses_of_a_source(tmp_path: Path) -> None:
    folder = tmp_path / "source:tickets"
    folder.mkdir()
    (folder / "a.md").write_text("The cat is called Ada.")
    assert ingested(tmp_path, "source:tickets")["added"] == ["source_tickets/a.md"]


# --- all of them ---


def test_doctor_lists_what_is_installed_and_names_what_is_broken(tmp_path: Path) -> None:
    site = of_the_page(tmp_path / "site", "parsers", "answerers", "metrics", "sources")
    told = footnote(tmp_path, "doctor", PYTHONPATH=site, FOOTNOTE_PORT="none").stdout
    for name in ("parser 'excalidraw'", "answerer 'opening'", "metric 'brevity'", "source 'tickets'"):
        assert f"the {name} of example-" in told
    install(tmp_path / "site", "broken", {}, {"metrics": {"x": "absent:x"}})
    told = footnote(tmp_path, "doctor", PYTHONPATH=site, FOOTNOTE_PORT="none").stdout
    assert "✗ Plug-ins: The metric 'x' of broken 1.0 cannot be loaded" in told


def test_nothing_looks_for_plug_ins_before_one_can_be_used(company: Path, tmp_path: Path) -> None:
    site = install(tmp_path / "site", "loud", {"loud.py": "raise SystemExit('loaded')"}, {
        "parsers": {"zzz": "loud:x"}, "answerers": {"x": "loud:x"}, "metrics": {"x": "loud:x"}, "sources": {"x": "loud:x"},
    })  # fmt: skip
    for arguments in (["ask", LEAVE], ["ingest", "docs"], ["--help"]):
        done = footnote(company, *arguments, PYTHONPATH=str(site))
        assert (done.returncode, "loaded" in done.stderr) == (0, False), done.stderr
