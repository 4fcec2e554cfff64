"""A source's details, in a real browser over a real server and a real program."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.dashboards import Dashboard
from tests.e2e.conftest import Window
from tests.programs import Program

pytestmark = pytest.mark.needs("chromium")

JOB = """
    import tachograph as tacho
    tacho.configure(service="robot", project="shop", interval_s=0.2)
    tacho.action("click").record(0.010)
    print("ready", flush=True)
    input()
"""


def test_a_row_opens_its_source_and_escape_closes_it(
    window: Window, dashboard: Dashboard, home: Path
) -> None:
    """From the Overview to the details, which have an address, follow the program, and close."""
    page = window.page
    with Program(JOB, home) as job:
        job.line()
        page.goto(dashboard.launch_url)
        row = page.get_by_test_id("source-row")
        source = row.get_attribute("data-source")
        row.click()
        expect(page).to_have_url(re.compile(rf"/sources\?source={source}$"))
        details = page.get_by_test_id("source-details")
        expect(details).to_have_attribute("data-source", source or "")
        expect(details.get_by_role("heading", name="robot live")).to_be_focused()
        expect(details.get_by_test_id("source-command")).to_contain_text("python")
        expect(details.get_by_test_id("source-sent")).to_have_text(re.compile(r"^[1-9]"))
        assert Axe().run(page).violations_count == 0
        job.say("")
        expect(details.get_by_role("heading", name="robot ended")).to_be_visible(timeout=15_000)
    page.reload()
    expect(details.get_by_test_id("source-why")).to_contain_text("goodbye")
    page.keyboard.press("Escape")
    expect(details).to_have_count(0)
    expect(page).to_have_url(re.compile(r"/sources$"))
    page.locator("tr", has_text="robot").click()
    expect(details).to_be_visible()


def test_an_address_of_a_source_that_is_gone_says_so(
    window: Window, dashboard: Dashboard, home: Path
) -> None:
    """An old link explains itself instead of showing nothing."""
    with Program(JOB, home) as job:
        job.line()
        window.page.goto(dashboard.launch_url)
        window.page.goto(dashboard.url + "/sources?source=long-gone")
        expect(window.page.get_by_test_id("source-details")).to_contain_text("long-gone")
