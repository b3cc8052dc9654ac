"""The house holds: arrows run one way, heavy libraries stay unloaded, what is generated is up to date."""

import ast
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from app.cli import COMMANDS, load

ROOT = Path(__file__).parents[1]
ROOMS = ("app", "eval", "ingest", "prompts", "vectorstore")
HEAVY = (
    "torch",
    "sentence_transformers",
    "langchain",
    "langchain_openai",
    "faiss",
    "onnxruntime",
    "openai",
    "openvino",
    "tantivy",
)
WRAPPED_IN_ONE_FILE = (
    "faiss", "sqlite3", "tantivy", "onnxruntime", "openvino", "onnx", "torch", "sentence_transformers", "sqlalchemy",
    "langchain", "tiktoken", "pypdf", "pypdfium2", "docx", "pptx", "openpyxl", "redis", "uvicorn", "granian",
)  # fmt: skip


def sources() -> list[Path]:
    """All files that ship; the sample handbook's generator writes what the parsers read, and stays out of the wheel."""
    return [
        path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py")) if path.parent.name != "sample"
    ]


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names


def test_folders_import_only_folders_below_them() -> None:
    linter = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([linter, "--no-logo"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("vendor", WRAPPED_IN_ONE_FILE)
def test_a_vendor_is_imported_where_it_is_wrapped_and_nowhere_else(vendor: str) -> None:
    files = [str(path.relative_to(ROOT)) for path in sources() if vendor in imported(path)]
    assert len(files) <= 1, files


def test_no_file_outgrows_its_subject() -> None:
    long = {
        str(path.relative_to(ROOT)): n
        for path in sources()
        if (n := len(path.read_text().splitlines())) > 400
    }
    assert long == {}


def test_nothing_unpickles_or_evaluates() -> None:
    for path in sources():
        assert not imported(path) & {"pickle", "shelve", "marshal", "dill", "joblib"}, path


def test_text_of_an_answer_is_made_where_it_is_made_inert_and_nowhere_else() -> None:
    """`board.py` reads again what left before."""
    makers = set()
    for path in (ROOT / "app").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and getattr(node.func, "id", getattr(node.func, "attr", "")) == "Text"
            ):
                makers.add(path.name)
    assert makers == {"transcript.py", "board.py"}


@pytest.mark.parametrize("module", ["app.commands.serve", "app.cli"])
def test_starting_loads_no_heavy_library(module: str) -> None:
    code = f"import sys, {module}; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_help_is_quick() -> None:
    command = Path(sys.executable).parent / "footnote"
    best = min(_seconds([str(command), "--help"]) for _ in range(3))
    assert best < 0.5


def _seconds(command: list[str]) -> float:
    """Return the processor time: on a busy machine the clock tells how busy it is."""
    started = resource.getrusage(resource.RUSAGE_CHILDREN)
    # An installed command has its byte code.
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run(command, capture_output=True, check=True, env=kept)
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime - started.ru_utime - started.ru_stime


@pytest.mark.parametrize("name", COMMANDS)
def test_every_subcommand_in_the_table_exists(name: str) -> None:
    assert callable(load(COMMANDS[name].target))


def test_env_example_is_what_the_settings_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.configuration import env_example

    monkeypatch.chdir(tmp_path)
    assert (ROOT / ".env.example").read_text(encoding="utf-8") == env_example()


def test_texts_are_read_of_documents_that_a_snapshot_gave_for_the_caller() -> None:
    """`text` and `chunks` take no scope: what they are asked for must be a document's own id, never a caller's words."""
    found = 0
    for path in sorted((ROOT / "app").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            if (
                node.func.attr in {"text", "chunks"}
                and "snapshot" in ast.unparse(node.func.value)
                and node.args
            ):
                found += 1
                assert isinstance(node.args[0], ast.Attribute), f"{path}:{node.lineno}"
                assert node.args[0].attr == "id", f"{path}:{node.lineno}"
    assert found > 5
