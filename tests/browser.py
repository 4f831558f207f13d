"""Debian's chromium, driven by Playwright: pages as a person on a phone or at a desk gets them."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.optional import missing, require

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
SIZES = {"phone": {"width": 390, "height": 844}, "desk": {"width": 1280, "height": 800}}


@dataclass
class Seen:
    """A page that is open, and what happened while it was opened."""

    page: Any
    complaints: list[str] = field(default_factory=list)
    """Messages on the console and errors of scripts."""
    requests: list[str] = field(default_factory=list)
    """Addresses that were fetched, the page itself among them."""

    def box(self, selector: str) -> dict[str, float]:
        """Where the first such element is."""
        found = self.page.locator(selector).first.bounding_box()
        assert found is not None, selector
        return dict(found)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """The browser, with an empty profile; a counted skip where it is not installed."""
    playwright = require("playwright.sync_api")
    path = shutil.which("chromium")
    if path is None:
        missing("chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@contextlib.contextmanager
def opened(browser: Any, path: Path, size: str = "phone", **settings: Any) -> Iterator[Seen]:
    """A file in a fresh context."""
    context = browser.new_context(viewport=SIZES[size], **settings)
    seen = Seen(context.new_page())
    seen.page.on("console", lambda message: seen.complaints.append(message.text))
    seen.page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    seen.page.on("request", lambda request: seen.requests.append(request.url))
    seen.page.goto(path.as_uri())
    try:
        yield seen
    finally:
        context.close()
