"""The house holds: arrows run one way, heavy libraries stay unloaded, what is generated is up to date."""

import ast
import os
import re
import resource
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from app.cli import COMMANDS, load
from tests.house import LONG_FILE, LONG_FUNCTION, House

ROOT = Path(__file__).parents[1]
ROOMS = ("app", "eval", "footnote", "ingest", "prompts", "vectorstore")
HEAVY = (
    "torch",
    "sentence_transformers",
    "langchain",
    "langchain_openai",
    "faiss",
    "onnxruntime",
    "openai",
    "openvino",
    "py3langid",
    "tantivy",
    "pymilvus",
)
WRAPPED_IN_ONE_FILE = (
    "faiss", "sqlite3", "tantivy", "onnxruntime", "openvino", "onnx", "torch", "sentence_transformers",
    "tiktoken", "pypdf", "pypdfium2", "docx", "pptx", "openpyxl", "uvicorn", "granian",
    "py3langid", "limits", "cryptography", "obstore", "pymilvus", "prometheus_client", "pythonjsonlogger",
    "opentelemetry",
)  # fmt: skip


def sources() -> list[Path]:
    """All files that ship; the sample handbook's generator writes what the parsers read, and stays out of the wheel."""
    return [
        path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py")) if path.parent.name != "sample"
    ]


@cache
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


def test_redis_is_imported_once_for_answers_and_once_for_events() -> None:
    files = {str(path.relative_to(ROOT)) for path in sources() if "redis" in imported(path)}
    assert files == {"app/runs/redis_format.py", "ingest/jobs/redis_stream.py"}


def test_only_records_and_migrations_speak_sqlalchemy() -> None:
    files = {str(path.relative_to(ROOT)) for path in sources() if "sqlalchemy" in imported(path)}
    assert {each.replace("revisions/", "") for each in files} == {
        "app/runs/live.py",
        "app/runs/records.py",
        "app/runs/record_tables.py",
        "app/runs/0001_records.py",
        "app/runs/0002_measures.py",
        "app/runs/0003_trials.py",
        "app/runs/trials.py",
        "vectorstore/index/postgresql/migrate.py",
    }


@pytest.fixture(scope="module")
def house() -> House:
    return House()


def test_no_file_outgrows_its_subject(house: House) -> None:
    assert {path: lines for path, lines in house.lines.items() if lines > LONG_FILE} == {}


def test_no_function_outgrows_a_screen(house: House) -> None:
    assert house.long_functions == {}


def test_the_house_gets_no_more_rooms(house: House) -> None:
    """Whoever adds a file finds one to take away; the parsers have a file for each kind of document.

    Who calls, how much, what is written down and what is forgotten came later, with rooms of their own; so did a
    second database, and what several machines share. The audit log and its people are in files or in rows: four files.
    Documents that wait for workers on other machines have a room too.
    Search goes on in files, in PostgreSQL or in Milvus, and LangChain has a door. An index moves between engines and is
    erased from both, with replicas that say so: ten files.
    What an operator sees, tries and saves has rooms of its own: telemetry, variants, backup, and what is live; its two
    commands, and what reads live runs from the records, lie where such things lie.
    """
    parsers = sum(path.startswith("ingest/parse/") for path in house.lines)
    people = sum(path.startswith(("app/identity/", "app/audit/", "app/people/")) for path in house.lines)
    operating = sum(
        path.startswith(
            ("vectorstore/telemetry/", "app/telemetry/", "app/variants/", "app/backup/", "eval/live/")
        )
        for path in house.lines
    )
    jobs = sum(path.startswith("ingest/jobs/") for path in house.lines)
    assert parsers <= 60
    assert jobs <= 12
    assert people <= 24
    assert operating <= 35
    assert len(house.lines) - parsers - people - jobs - operating <= 336


@pytest.mark.parametrize(("package", "most"), [("app", 14), ("ingest", 18), ("vectorstore", 14), ("eval", 6)])
def test_the_top_of_a_package_holds_only_what_every_stage_needs(
    house: House, package: str, most: int
) -> None:
    assert house.top(package) <= most


def test_what_is_counted_is_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "app/turn").mkdir(parents=True)
    (tmp_path / "eval").mkdir()
    for path, text in {
        "app/__init__.py": "",
        "app/turn/__init__.py": "",
        "app/turn/long.py": "def long() -> None:\n" + "    pass\n" * LONG_FUNCTION,
        "app/turn/short.py": "def short() -> None:\n" + "    pass\n" * (LONG_FUNCTION - 1),
        "app/asked.py": "import os.path\nfrom app.turn import short\nfrom app.turn.long import long\n",
        "eval/run.py": "def run() -> None:\n    import app.turn.long\n    import app.turn.long as again\n",
    }.items():
        (tmp_path / path).write_text(text)
    house = House(tmp_path)
    assert house.long_functions == {"app.turn.long.long": LONG_FUNCTION + 1}
    assert house.arrows == {
        ("app.asked", "app.turn.short"),
        ("app.asked", "app.turn.long"),
        ("eval.run", "app.turn.long"),
    }
    assert house.crumbs() == ["app/turn/short.py"]
    counted = house.figures()
    assert (counted["files"], counted["files at the top of app"]) == (6, 2)
    assert (counted["arrows in app"], counted["arrows in app, room to room"]) == (2, 1)
    assert counted["arrows between packages"] == 1


def test_nothing_unpickles_or_evaluates() -> None:
    for path in sources():
        assert not imported(path) & {"pickle", "shelve", "marshal", "dill", "joblib"}, path


def test_text_of_an_answer_is_made_where_it_is_made_inert_and_nowhere_else() -> None:
    """`redis_format.py` reads again what left before."""
    makers = set()
    for path in (ROOT / "app").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and getattr(node.func, "id", getattr(node.func, "attr", "")) == "Text"
            ):
                makers.add(path.name)
    assert makers == {"transcript.py", "redis_format.py"}


@pytest.mark.parametrize("module", ["app.commands.serve", "app.cli", "footnote"])
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


def test_the_page_names_every_file_at_the_top_of_app_and_every_room() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    top = [path.name for path in (ROOT / "app").glob("*.py") if path.name != "__init__.py"]
    rooms = [path.parent.name for path in (ROOT / "app").glob("*/__init__.py")]
    assert [name for name in top if f"`{name}`" not in page] == []
    assert [name for name in rooms if not re.search(rf"\b{name}\b", page)] == []
