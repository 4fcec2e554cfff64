"""System, sources and gaps in a real browser, over a real server and real programs."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.dashboards import Dashboard
from tests.e2e.conftest import Window
from tests.programs import Program, eventually

pytestmark = pytest.mark.needs("chromium")

JOB = """
    import sys, tachograph as tacho
    tacho.configure(service=sys.stdin.readline().strip(), project="shop", interval_s=0.2)
    tacho.action("click").record(0.010)
    print("ready", flush=True)
    input()
"""
WAIT_MS = 30_000


def start(home: Path, service: str) -> Program:
    """A program of that service that has recorded, and lives."""
    program = Program(JOB, home)
    program.say(service)
    program.line()
    return program


@pytest.fixture
def two(home: Path) -> Iterator[tuple[Program, Program]]:
    """Two programs that live."""
    with start(home, "web") as web, start(home, "worker") as worker:
        yield web, worker


def causes(dashboard: Dashboard) -> list[str]:
    """Why points of all together are missing."""
    return list(dashboard.topic("system").get("gaps", {}).values())


def open_at(window: Window, dashboard: Dashboard, path: str) -> Page:
    """Log in by the launch link, then go there."""
    window.page.goto(dashboard.launch_url)
    window.page.goto(dashboard.url + path)
    return window.page


def test_each_process_stands_by_itself_and_one_can_be_chosen(
    two: tuple[Program, Program], window: Window, dashboard: Dashboard
) -> None:
    """A row each; the chosen one has charts of its own, an address, and a way back to all."""
    page = open_at(window, dashboard, "/system")
    rows = page.get_by_test_id("system-row")
    expect(rows).to_have_count(2, timeout=WAIT_MS)
    charts = page.get_by_test_id("system-charts")
    for track in ("system", "counts", "files"):
        expect(charts.get_by_test_id(f"track-{track}")).to_be_visible(timeout=WAIT_MS)
    # Nobody runs an event loop, and an empty chart would only take room.
    expect(page.get_by_role("columnheader", name="Loop lag")).to_have_count(0)
    row = rows.filter(has_text="worker")
    row.get_by_role("button").click()
    source = row.get_attribute("data-source")
    expect(page).to_have_url(re.compile(rf"/system\?source={source}$"))
    expect(charts).to_have_attribute("data-source", source or "")
    expect(charts).to_contain_text("CPU, all")
    expect(charts.get_by_test_id("track-system")).to_have_attribute(
        "data-points", re.compile("^[1-9]"), timeout=WAIT_MS
    )
    page.reload()
    expect(charts).to_contain_text("worker", timeout=WAIT_MS)
    charts.get_by_role("button", name="All together").click()
    expect(page).to_have_url(re.compile("/system$"))


def test_an_ended_process_keeps_its_last_figures_apart(
    two: tuple[Program, Program], window: Window, dashboard: Dashboard
) -> None:
    """It leaves the list of the living, dim, with when it ended."""
    page = open_at(window, dashboard, "/system")
    row = page.get_by_test_id("system-row").filter(has_text="worker")
    expect(row).to_have_count(1, timeout=WAIT_MS)
    two[1].say("")
    expect(row).to_have_class(re.compile("past"), timeout=WAIT_MS)
    expect(row).to_contain_text(re.compile(r"\d\d:\d\d:\d\d, ran"))
    expect(page.get_by_role("heading", name="Ended")).to_be_visible()


def test_a_gap_says_why_by_pointer_and_by_keyboard(
    two: tuple[Program, Program], window: Window, dashboard: Dashboard
) -> None:
    """Stopped programs leave a gap that names its cause."""
    page = open_at(window, dashboard, "/system")
    plot = page.get_by_test_id("track-system")
    expect(plot).to_have_attribute("data-points", re.compile("^([3-9]|..)"), timeout=WAIT_MS)
    for program in two:
        os.kill(program.pid, signal.SIGSTOP)
    try:
        assert eventually(lambda: [w for w in causes(dashboard) if "say nothing" in w][3:], 30.0)
    finally:
        for program in two:
            os.kill(program.pid, signal.SIGCONT)
    note = page.get_by_test_id("gap-note")
    page.get_by_test_id("crosshair").focus()
    for _ in range(40):
        page.keyboard.press("ArrowLeft")
        if note.is_visible() and "say nothing" in note.inner_text():
            break
    expect(note).to_contain_text(
        re.compile(r"No data \d\d:\d\d:\d\d to \d\d:\d\d:\d\d, .*say nothing")
    )
    handle = page.get_by_test_id("crosshair")
    expect(handle).to_have_attribute("aria-valuetext", re.compile("No data .*say nothing"))
    page.keyboard.press("Escape")
    expect(note).to_be_hidden()
    box = plot.bounding_box()
    assert box is not None
    for x in range(int(box["x"] + box["width"] - 80), int(box["x"] + 60), -6):
        page.mouse.move(x, box["y"] + 40)
        if note.is_visible() and "say nothing" in note.inner_text():
            break
    expect(note).to_contain_text("say nothing")


def test_an_ended_source_is_forgotten_when_somebody_says_so_twice(
    two: tuple[Program, Program], window: Window, dashboard: Dashboard
) -> None:
    """It asks first, takes the source away, and never offers it for one that lives."""
    page = open_at(window, dashboard, "/sources")
    rows = page.get_by_test_id("source-row")
    expect(rows).to_have_count(2, timeout=WAIT_MS)
    details = page.get_by_test_id("source-details")
    rows.filter(has_text="web").get_by_role("link").click()
    expect(details).to_contain_text("web live")
    expect(details.get_by_test_id("forget")).to_have_count(0)
    expect(details.get_by_test_id("source-charts")).to_be_visible(timeout=WAIT_MS)
    two[1].say("")
    row = rows.filter(has_text="worker")
    expect(row).to_have_attribute("data-state", "ended", timeout=WAIT_MS)
    row.get_by_role("link").click()
    details.get_by_test_id("forget").click()
    page.get_by_role("button", name="Keep it").click()
    expect(rows).to_have_count(2)
    details.get_by_test_id("forget").click()
    page.get_by_test_id("forget-sure").click()
    expect(rows).to_have_count(1, timeout=WAIT_MS)
    expect(page.get_by_role("status").filter(has_text="worker is forgotten")).to_be_visible()
    expect(details).to_have_count(0)


def test_a_source_that_lives_again_is_kept_and_the_answer_is_a_sentence(
    two: tuple[Program, Program], window: Window, dashboard: Dashboard
) -> None:
    """The server's refusal is told where one asked, and nothing goes."""
    page = open_at(window, dashboard, "/sources")
    rows = page.get_by_test_id("source-row")
    two[1].say("")
    row = rows.filter(has_text="worker")
    expect(row).to_have_attribute("data-state", "ended", timeout=WAIT_MS)
    row.get_by_role("link").click()
    page.get_by_test_id("forget").click()
    # Another program's address stands for one that came back in the meantime.
    living = rows.filter(has_text="web").get_attribute("data-source")
    page.route(
        re.compile("/api/sources/"),
        lambda route: route.continue_(url=f"{dashboard.url}/api/sources/{living}"),
    )
    page.get_by_test_id("forget-sure").click()
    expect(page.get_by_test_id("forget-answer")).to_contain_text("It lives, so it is kept.")
    page.get_by_role("button", name="Close", exact=True).last.click()
    expect(rows).to_have_count(2)
    window.said.clear()  # the 409 itself


@pytest.mark.parametrize(("theme", "width"), [("dark", 1440), ("light", 375)])
def test_processes_are_accessible_and_fit(
    two: tuple[Program, Program], chromium: Browser, dashboard: Dashboard, theme: str, width: int
) -> None:
    """axe finds nothing and nothing scrolls sideways, with one chosen and with one ended."""
    window = Window(chromium, theme, width)
    page = open_at(window, dashboard, "/system")
    two[1].say("")
    row = page.get_by_test_id("system-row").filter(has_text="worker")
    expect(row).to_have_class(re.compile("past"), timeout=WAIT_MS)
    source = page.get_by_test_id("system-row").first.get_attribute("data-source")
    ended = row.get_attribute("data-source")
    for path in (
        f"/system?source={source}",
        f"/sources?source={source}",
        f"/sources?source={ended}",
    ):
        page.goto(dashboard.url + path)
        expect(page.get_by_test_id("badge")).to_contain_text("Live", timeout=WAIT_MS)
        expect(page.locator("main h1")).to_be_attached()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        found = Axe().run(page)
        assert found.violations_count == 0, f"{path}: {found.generate_report()}"
    window.close()
