"""The Overview in a real browser, over a real server and a real program."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tachograph.cli.dashboard import launch_page
from tests.dashboards import Dashboard
from tests.e2e.conftest import Window
from tests.programs import Program

pytestmark = pytest.mark.needs("chromium")

JOB = """
    import sys, threading
    import tachograph as tacho
    tacho.configure(service="robot", project="shop", interval_s=0.2)
    for n in range(200):
        tacho.action("click").record(0.010, success=n % 20 != 0)
        tacho.action("type").record(0.030)
        tacho.event("message").record(processing_s=0.002)
    tacho.gauge("actions.queue_depth", unit="items").set(7)
    tacho.gauge("events.queue_depth", unit="items").set(3)
    with tacho.action("wait for <input>"):
        print("ready", flush=True)
        input()
"""
CARDS = {
    "cpu": "%",
    "memory": "MiB|GiB",
    "actions": "/min",
    "success": "%",
    "action-queue": "items",
    "event-queue": "items",
    "errors": "in ",
    "processes": "thread",
}
PAGES = ("/", "/pipelines", "/actions", "/system", "/quality", "/metrics", "/alerts", "/sources")


@pytest.fixture
def job(home: Path) -> Iterator[Program]:
    """A program that has recorded, and lives."""
    with Program(JOB, home) as program:
        program.line()
        yield program


def value(page: Page, card: str) -> str:
    """What a card shows."""
    return page.get_by_test_id(f"card-{card}").get_by_test_id("value").inner_text()


def open_page(window: Window, dashboard: Dashboard, path: str = "/") -> Page:
    """Log in by the launch link, then go where wanted."""
    window.page.goto(dashboard.launch_url)
    if path != "/":
        window.page.goto(dashboard.url + path)
    return window.page


def test_the_empty_page_turns_live_by_itself(
    window: Window, dashboard: Dashboard, home: Path
) -> None:
    """It teaches, waits, and with the first source it is the Overview; nobody reloads."""
    page = open_page(window, dashboard)
    expect(page.get_by_test_id("empty")).to_be_visible()
    expect(page.get_by_test_id("badge")).to_contain_text("Listening")
    with Program(JOB, home) as program:
        program.line()
        expect(page.get_by_test_id("overview")).to_be_visible(timeout=15_000)
        expect(page.get_by_test_id("badge")).to_contain_text("Live")


def test_the_cards_show_what_the_api_says(
    window: Window, dashboard: Dashboard, job: Program
) -> None:
    """Each of the eight figures, with its unit."""
    page = open_page(window, dashboard)
    expect(page.get_by_test_id("card-actions")).to_contain_text("400")
    shown = {
        card: re.sub(r"\s+", " ", page.get_by_test_id(f"card-{card}").inner_text())
        for card in CARDS
    }
    assert value(page, "success") == "97.5"
    assert value(page, "action-queue") == "7"
    assert value(page, "event-queue") == "3"
    assert value(page, "errors") == "10"
    assert value(page, "processes") == "1"
    for card, unit in CARDS.items():
        assert re.search(unit, shown[card]), shown[card]
    expect(page.get_by_test_id("card-cpu")).to_contain_text("%")
    expect(page.get_by_test_id("current-action")).to_contain_text("wait for <input>")
    row = page.get_by_test_id("action-row").filter(has_text="click")
    expect(row).to_contain_text("200")


def test_charts_draw_a_point_a_tick(window: Window, dashboard: Dashboard, job: Program) -> None:
    """All four tracks grow while the program lives."""
    page = open_page(window, dashboard)
    for track in ("system", "actions", "queues", "errors"):
        plot = page.get_by_test_id(f"track-{track}")
        expect(plot).to_be_visible()
        expect(plot).to_have_attribute(
            "data-points", re.compile(r"^([3-9]|\d\d+)$"), timeout=15_000
        )


def test_a_program_that_ended_stays_with_its_last_figures(
    window: Window, dashboard: Dashboard, job: Program
) -> None:
    """The source is shown as ended, totals stay, nothing falls to 0."""
    page = open_page(window, dashboard)
    expect(page.get_by_test_id("source-row").first).to_have_attribute("data-state", "live")
    job.say("")
    expect(page.get_by_test_id("source-row").first).to_have_attribute(
        "data-state", "ended", timeout=15_000
    )
    expect(page.get_by_test_id("card-errors")).to_contain_text("10")
    page.reload()
    expect(page.get_by_test_id("overview")).to_be_visible()
    expect(page.get_by_test_id("card-errors")).to_contain_text("10")


def test_the_page_survives_a_restart_of_the_server(
    window: Window, home: Path, job: Program
) -> None:
    """It says that it reconnects, and is live again without a reload."""
    first = Dashboard(home)
    page = open_page(window, first)
    expect(page.get_by_test_id("badge")).to_contain_text("Live")
    first.kill()
    expect(page.get_by_test_id("badge")).not_to_contain_text("Live", timeout=15_000)
    with Dashboard(home, "--port", first.url.rpartition(":")[2]):
        expect(page.get_by_test_id("badge")).to_contain_text("Live", timeout=40_000)
        expect(page.get_by_test_id("card-errors")).to_contain_text("10")
    # The browser reports the refused connections itself.
    window.said.clear()


def test_without_a_token_nothing_is_shown(window: Window, dashboard: Dashboard) -> None:
    """The login page says where the token is."""
    window.page.goto(dashboard.url)
    expect(window.page.locator("body")).to_contain_text("tacho dashboard")
    expect(window.page.get_by_test_id("badge")).to_have_count(0)
    window.said.clear()  # the 401 itself


@pytest.mark.parametrize(
    ("theme", "width", "filled"),
    [("dark", 1440, True), ("light", 375, True), ("light", 1440, False), ("dark", 375, False)],
)
def test_every_page_is_accessible_and_fits(
    chromium: Browser, home: Path, theme: str, width: int, filled: bool
) -> None:
    """axe finds nothing, nothing scrolls sideways, with data and without."""
    with ExitStack() as stack:
        if filled:
            stack.enter_context(Program(JOB, home)).line()
        dashboard = stack.enter_context(Dashboard(home))
        window = Window(chromium, theme, width)
        page = open_page(window, dashboard)
        for path in PAGES:
            page.goto(dashboard.url + path)
            ready = "Live" if filled else "Listening"
            expect(page.get_by_test_id("badge")).to_contain_text(ready)
            expect(page.locator("main h1")).to_be_attached()
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
            found = Axe().run(page)
            assert found.violations_count == 0, f"{path}: {found.generate_report()}"
        window.close()


def test_the_browser_is_let_in_by_a_file_that_only_its_owner_reads(
    window: Window, dashboard: Dashboard, home: Path
) -> None:
    """The token stands in no command line, and the page opens all the same."""
    page = launch_page(home, dashboard.launch_url)
    assert page.stat().st_mode & 0o777 == 0o600
    window.page.goto(page.as_uri())
    expect(window.page.get_by_test_id("badge")).to_be_visible(timeout=15_000)
    assert "token" not in window.page.url
    window.said.clear()  # the first answer asks for the cookie once more
