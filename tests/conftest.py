"""What many tests share: the real embedder, and a clean environment around every test."""

import logging
import os
import signal
import threading
import warnings
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.forked import SHARED
from tests.postgresql import postgresql_server, postgresql_url  # noqa: F401  fixtures
from tests.state import state  # noqa: F401  fixture
from vectorstore.models import encoder
from vectorstore.models.embed import Embedder
from vectorstore.open import open_embedder
from vectorstore.telemetry import logs

settings.register_profile(
    "busy",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=bool(os.environ.get("CI")),
)
settings.load_profile("busy")
"""A machine with other work to do fails no test, and CI tries the same examples each time: chance fails no change."""

_GRAPHS, _EMBEDDER, _PARSERS = SHARED


@pytest.fixture(scope="session", autouse=True)
def graphs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One folder for the embedders' graphs: 90 MB in each data folder that a test makes would fill a disk."""
    base = tmp_path_factory.getbasetemp()
    # The processes that share the tests have a folder each in the run's own.
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "graphs"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(_GRAPHS, str(folder))
        # A third of the default's time; what is about the default names it.
        patch.setenv(_EMBEDDER, "all-MiniLM-L6-v2")
        # A process that reads files takes longer to start than to read what most tests have.
        patch.setenv(_PARSERS, "1")
        yield folder


@pytest.fixture(scope="session", autouse=True)
def engines() -> Iterator[None]:
    """One engine for each graph: to compile one takes a second, and hundreds of tests want the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoder, "open_engine", lru_cache(maxsize=2)(encoder.open_engine))
        yield


@pytest.fixture(scope="session")
def embedder(graphs: Path) -> Embedder:
    """An embedder that comes with Footnote, loaded once."""
    return open_embedder("all-MiniLM-L6-v2", cache_dir=graphs)


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Let the processes that tests start hear Ctrl-C, also when the test run was put in the background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep a developer's settings, keys and network out of the tests."""
    for name in list(os.environ):
        if (name.startswith(("FOOTNOTE_", "OPENAI_")) and name not in SHARED) or name == "PORT":
            monkeypatch.delenv(name)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture(autouse=True)
def clean_log() -> Iterator[None]:
    """Take back how a command had lines logged in this process: its standard error was its test's."""
    showing, telling = warnings.showwarning, threading.excepthook
    yield
    root = logging.getLogger()
    if held := [each for each in root.handlers if isinstance(each, logs.Lines)]:
        for each in held:
            root.removeHandler(each)
        root.setLevel(logging.WARNING)
        for name in (*logs._ROOMS, *logs._WORDY):
            logging.getLogger(name).setLevel(logging.NOTSET)
        warnings.showwarning, threading.excepthook = showing, telling


@pytest.fixture
def shared_data() -> Path:
    """Published data sets beside the checkout; the test skips where they are absent."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the data sets in ../shared/data")
    return folder
