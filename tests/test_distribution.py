"""What people install: its name is never a stranger's, its wheels hold what runs, its variables are known."""

import ast
import hashlib
import os
import re
import shlex
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from app.configuration import CLASSES, KEYS_OF_VARIANTS, NO_SETTINGS, settings
from tests.test_command_line import footnote
from vectorstore.errors import Unavailable
from vectorstore.models import e5, minilm
from vectorstore.open import open_embedder
from vectorstore.refine import open_reranker

ROOT = Path(__file__).parents[1]
ROOMS = ("app", "eval", "footnote", "ingest", "prompts", "vectorstore")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
STRANGER = "footnote"
"""A distribution of this name on the package index is another project's."""

_NAME = r"['\"]?footnote(?:\\*\[[^\]]*\])?(?:[=<>~!@][^\s'\"]*)?['\"]?(?=[\s`'\"),.:;&|]|$)"
_INSTALLS = re.compile(
    # the name among what an installer is given
    rf"\b(?:pip[3x]?|uv|poetry|pdm|rye|conda|mamba)\b(?:[ \t]+[^\s`;&|]+)*?[ \t]+(?:install|add|run|inject|download)\b"
    rf"(?:[ \t]+[^\s`;&|]+)*?[ \t]+{_NAME}"
    rf"|\buvx(?:[ \t]+[^\s`;&|]+)*?[ \t]+{_NAME}"
    rf"|(?<![\w./-]){STRANGER}\\*\["  # its extras
    rf"|(?:^|['\"])[ \t]*(?:-[ \t]+)?{STRANGER}[ \t]*(?:[=~]=|>=?|<|@)"  # a requirement
    rf"|(?:version|distribution|requires|metadata)\(['\"]{STRANGER}['\"]\)",  # an installed one
    re.MULTILINE,
)


def tracked() -> list[Path]:
    """All files that are committed."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("needs a git checkout")
    return [path for name in listed.stdout.decode().split("\0") if name and (path := ROOT / name).is_file()]


def texts() -> dict[str, str]:
    """What is committed and is text; of Python also its strings, put together as they are at run time."""
    found = {}
    for path in tracked():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        if path.suffix == ".py":
            strings = [node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)]
            text = "\n".join([text, *(each for each in strings if isinstance(each, str))])
        found[str(path.relative_to(ROOT))] = text
    return found


def installs_the_stranger(text: str) -> list[str]:
    return [match[0] for match in _INSTALLS.finditer(text.replace("\\\n", " "))]


@pytest.mark.parametrize(
    "line",
    [
        "pip install {}", "pip3 install -U {}", "pip install '{}[mcp]'", 'pip install "{}[mcp,redis]"',
        "python -m pip install --quiet {}==0.1.0", "pipx install {}", "pipx run {} demo", "uv tool install {}",
        "uvx {} demo", "uvx --python 3.12 {}", "uv pip install x {}", "poetry add {}", "conda install -c forge {}",
        "pip install \\\n  {}", "run `pip install {}`.", "pip install {}; ls", "{}>=0.1", '  "{}~=1.0",', "- {}==1",
        "r'{}\\[models\\]'", "version('{}')",
    ],
)  # fmt: skip
def test_the_search_for_the_strangers_name_finds_every_spelling(line: str) -> None:
    assert installs_the_stranger(line.format(STRANGER))


@pytest.mark.parametrize(
    "line",
    [
        "pip install {}-rag", "pip install dist/{}_rag-*.whl", "pipx inject {}-rag mcp", "pip uninstall {}",
        "`pip install -e '.[mcp]'`, then `{} mcp`", "pip install x && {} demo", "pip install x; {} serve",
        "git clone x/{}", 'answer["{}"]["citations"]', "pip install ./{}", '"{}"',
    ],
)  # fmt: skip
def test_the_search_for_the_strangers_name_leaves_our_own(line: str) -> None:
    assert installs_the_stranger(line.format(STRANGER)) == []


def test_nothing_that_is_committed_tells_anyone_to_install_the_stranger() -> None:
    allowed = {"app/commands/doctor.py"}  # looks whether it is installed
    found = {name: lines for name, text in texts().items() if (lines := installs_the_stranger(text))}
    assert {name: lines for name, lines in found.items() if name not in allowed} == {}
    assert PROJECT["project"]["name"] == f"{STRANGER}-rag"


def _mlflow(_: Path) -> object:
    from eval.reports.ci import log_run

    return log_run(None, None, ROOT, tracking="")  # type: ignore[arg-type]


def _granian(_: Path) -> object:
    from app.http.server import serve_with_granian

    return serve_with_granian(None, None, None)  # type: ignore[func-returns-value, arg-type]


def _mcp(_: Path) -> object:
    from app.http.mcp_server import mcp_server

    return mcp_server(None, None)  # type: ignore[arg-type]


def _redis(_: Path) -> object:
    from app.runs.redis_format import check_board

    return check_board("redis://127.0.0.1:1")  # type: ignore[func-returns-value]


def _openvino(folder: Path) -> object:
    from vectorstore.models.encoder import Encoder

    return Encoder(minilm.MINILM, cache_dir=folder, engine="openvino")


@pytest.mark.parametrize(
    ("missing", "asked"),
    [
        ("mlflow", _mlflow),
        ("granian", _granian),
        ("mcp", _mcp),
        ("redis", _redis),
        ("openvino", _openvino),
        ("sentence_transformers", lambda folder: open_embedder("some/model", cache_dir=folder)),
        ("sentence_transformers", lambda _: open_reranker("some/model")),
    ],
)
def test_where_an_optional_package_is_missing_the_hint_installs_it_and_nothing_of_ours(
    missing: str, asked: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == missing]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(Unavailable) as raised:
        asked(tmp_path)
    command = raised.value.hint.removeprefix("Run: ").partition(", or ")[0]
    python, *words = shlex.split(command)
    assert (python, words[:3]) == (sys.executable, ["-m", "pip", "install"])
    extras = [name for extra in PROJECT["project"]["optional-dependencies"].values() for name in extra]
    known = {re.split(r"[\[><=;]", each)[0] for each in extras}
    named = [word for word in words[3:] if not word.startswith("-")]
    assert named
    assert set(named) <= known


def test_hints_about_pip_are_written_in_one_place() -> None:
    files = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    assert [str(path) for path in files if "pip install" in path.read_text(encoding="utf-8")] == []


def test_doctor_says_when_the_strangers_distribution_is_installed(tmp_path: Path) -> None:
    info = tmp_path / "site" / f"{STRANGER}-0.1.3.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {STRANGER}\nVersion: 0.1.3\n")
    done = footnote(tmp_path, "doctor", PYTHONPATH=str(info.parent))
    assert done.returncode == 1
    assert "another project's" in done.stdout
    assert "pip uninstall footnote" in done.stdout


def known_variables() -> set[str]:
    return {name for setting in settings() for name in setting.names} | NO_SETTINGS


def test_every_variable_that_is_written_down_is_a_setting_or_told_apart_from_one() -> None:
    invented = {
        "FOOTNOTE_TOPK",
        "FOOTNOTE_STOR",
        "FOOTNOTE_OF_ANOTHER_PROGRAM",
    }  # by the tests of unknown ones
    gone = {"FOOTNOTE_STRICT", "FOOTNOTE_LLM_AHEAD"}  # the changelog says what has taken their place
    begun = {"FOOTNOTE_LLM", "FOOTNOTE_VARIANT_KEY"}  # how several begin
    found = {
        name: place
        for place, text in texts().items()
        for name in re.findall(r"(?<![A-Za-z0-9_])FOOTNOTE_[A-Z0-9_]*[A-Z0-9]", text)
    }
    assert len(found) > 60
    assert {
        name: place
        for name, place in found.items()
        if name not in known_variables() | invented | gone | begun and not name.startswith(KEYS_OF_VARIANTS)
    } == {}


def test_no_variable_is_read_past_the_settings() -> None:
    reads = re.compile(r"(?:environ(?:\.get)?|getenv)[\[(]\s*f?['\"]FOOTNOTE_")
    files = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    assert [str(path) for path in files if reads.search(path.read_text(encoding="utf-8"))] == []
    assert len({key for kind in CLASSES for key in kind.model_fields}) == sum(
        len(kind.model_fields) for kind in CLASSES
    )


def build(folder: Path, out: Path) -> Path:
    """Build a folder's wheel with what is installed, asking no index."""
    pytest.importorskip("hatchling", reason="needs hatchling: make dev")
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = out.glob("*.whl")
    return wheel


def test_the_wheel_holds_every_committed_file_of_the_packages_but_what_is_left_out(tmp_path: Path) -> None:
    left_out = ("eval/sample/baseline.json", "ingest/sample/make.py", "ingest/sample/sources/")
    names = [path.relative_to(ROOT).as_posix() for path in tracked()]
    wanted = {name for name in names if name.startswith(tuple(f"{room}/" for room in ROOMS))}
    wanted = {name for name in wanted if not name.startswith(left_out)}
    wheel = build(ROOT, tmp_path)
    assert wheel.name.startswith("footnote_rag-")
    assert wheel.stat().st_size < 5_000_000
    with zipfile.ZipFile(wheel) as opened:
        held = set(opened.namelist())
    assert wanted - held == set()
    for part in ("footnote/__init__.py", "footnote/py.typed", "app/widget/widget.js", "prompts/answer.md", "app/language/phrases.toml", "ingest/sample/handbook/hr/annual-leave.md"):  # fmt: skip
        assert part in held
    assert not [name for name in held if name.startswith(left_out)]


@pytest.mark.slow
def test_the_weights_wheel_holds_the_published_files_and_their_licence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = build(ROOT / "weights", tmp_path / "dist")
    with zipfile.ZipFile(wheel) as opened:
        opened.extractall(tmp_path / "site")
        names = opened.namelist()
    assert [name for name in names if name.endswith(("LICENSE", "NOTICE"))]
    monkeypatch.syspath_prepend(tmp_path / "site")
    for published in (minilm.PUBLISHED, e5.PUBLISHED):
        folder = replace(published, places=published.places[-1:]).folder()
        assert tmp_path in folder.parents
        for name, seal in published.seals.items():
            assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == seal


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_two_wheels_answer_in_an_empty_environment_from_another_folder(tmp_path: Path) -> None:
    wheels = [build(ROOT, tmp_path / "a"), build(ROOT / "weights", tmp_path / "b")]
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True, timeout=120)
    command = [tmp_path / "venv/bin/python", "-m", "pip", "install", "--quiet", *wheels]
    empty = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    installed = subprocess.run(command, env=empty, capture_output=True, text=True, timeout=280, check=False)
    if installed.returncode:
        pytest.skip(f"needs a package index for the dependencies: {installed.stderr[-200:]}")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    own = str(tmp_path / "venv/bin/footnote")
    from tests.app.test_demo import asked, demo

    with demo(elsewhere, command=own) as address:
        assert "28 working days" in asked(address)
    assert sorted(path.name for path in elsewhere.iterdir()) == ["demo-data"]
