"""One browser and one stage for all of a file's tests of the widget; a fresh page for each."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.widget.browser import Watched, chromium
from tests.widget.stage import SCRIPTS, Stage, stage


# A file at a time: Playwright keeps an event loop running in this thread, which tests of other files start anew.
@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def served(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("stage")) as running:
        yield running


@pytest.fixture
def staged(served: Stage) -> Stage:
    served.scripts = dict(SCRIPTS)
    served.asked.clear()
    return served


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    # Motion is drawn by the processor here, and costs more than the pages do; `test_accessible` has tests of it.
    context = browser.new_context(
        viewport={"width": 1200, "height": 800}, locale="en-GB", reduced_motion="reduce"
    )
    context.set_default_timeout(30_000)
    yield context.new_page()
    # A request that is being answered by a test when it ends would fail in the one after it.
    for opened in context.pages:
        opened.unroute_all(behavior="ignoreErrors")
    context.close()


@pytest.fixture
def watched(page: Any) -> Watched:
    return Watched(page)
