"""A real Chromium, driven by Playwright, against a real `tacho dashboard`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.dashboards import Dashboard

FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """One browser for all tests; each gets a context of its own."""
    with sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def dashboard(home: Path) -> Iterator[Dashboard]:
    """A dashboard over this test's home."""
    with Dashboard(home) as running:
        yield running


class Window:
    """A page, and what its console said."""

    def __init__(self, browser: Browser, theme: str = "dark", width: int = 1440) -> None:
        self.context = browser.new_context(
            viewport={"width": width, "height": 900 if width > 700 else 800},
            color_scheme="light" if theme == "light" else "dark",
        )
        self.page: Page = self.context.new_page()
        self.said: list[str] = []
        self.page.on(
            "console",
            lambda message: (
                self.said.append(message.text) if message.type in ("error", "warning") else None
            ),
        )
        self.page.on("pageerror", lambda error: self.said.append(str(error)))

    def close(self) -> None:
        """Close it; a page that complained has failed."""
        self.context.close()
        assert self.said == []


@pytest.fixture
def window(chromium: Browser, dashboard: Dashboard) -> Iterator[Window]:
    """A page of 1440 pixels in the dark theme; closed before its server goes."""
    window = Window(chromium)
    yield window
    window.close()
