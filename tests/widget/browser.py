"""Debian's Chromium through Playwright, with every request and every complaint of a page written down."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def chromium() -> Iterator[Any]:
    """Start a browser, or skip the test where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    if not CHROMIUM.exists():
        pytest.skip("needs Chromium at /usr/bin/chromium")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


class Watched:
    """What a page asked of the network, and what its console complained of."""

    def __init__(self, page: Any) -> None:
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.on("request", self._request)
        page.on("pageerror", self._error)
        page.on("dialog", self._dialog)
        page.on("console", self._console)

    def _request(self, request: Any) -> None:
        self.requests.append(request.url)

    def _error(self, error: Any) -> None:
        self.complaints.append(str(error))

    def _dialog(self, dialog: Any) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _console(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            where = urlsplit(message.location.get("url", "")).path
            self.complaints.append(f"{message.text} [{where}]" if where else message.text)

    def foreign(self, *allowed: str) -> list[str]:
        """Return the requests that left the given origins."""
        homes = {urlsplit(origin).netloc for origin in allowed}
        return [
            url for url in self.requests if not url.startswith("data:") and urlsplit(url).netloc not in homes
        ]
