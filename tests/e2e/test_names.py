"""Lists of names and the page of one, in a real browser over a real server and real programs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.dashboards import Dashboard
from tests.e2e.conftest import Window
from tests.programs import Program

pytestmark = pytest.mark.needs("chromium")

MANY = """
    import sys, tachograph as tacho
    first, end = int(sys.stdin.readline()), int(sys.stdin.readline())
    tacho.configure(service=f"robot-{first}", project="shop", interval_s=0.2)
    for n in range(first, end):
        tacho.action(f"step {n:05d}").record(0.001 * (n + 1))
    print("ready", flush=True)
    input()
"""
ODD = "GET /albums/{id}?a=%2F, #é"
FAILING = f"""
    import json, tachograph as tacho
    tacho.configure(service="importer", project="shop", interval_s=0.2)
    @tacho.action
    def load(text):
        return json.loads(text)
    for _ in range(3):
        try:
            load("nonsense")
        except ValueError:
            pass
    tacho.action({ODD!r}).record(0.25)
    tacho.event("message").record(processing_s=0.002)
    with tacho.action("wait"):
        print("ready", flush=True)
        input()
"""
HALF = 5_000
ALL = 2 * HALF
#: The first pages of a busy machine take their time.
WAIT_MS = 30_000


@pytest.fixture
def many(home: Path) -> Iterator[None]:
    """Ten thousand names, of two programs: one alone may have no more than that with its gauges."""
    with ExitStack() as stack:
        for first in (0, HALF):
            program = stack.enter_context(Program(MANY, home))
            program.say(f"{first}\n{first + HALF}")
            program.line()
        yield


@pytest.fixture
def failing(home: Path) -> Iterator[Program]:
    """A program that failed three times alike, and runs on."""
    with Program(FAILING, home) as program:
        program.line()
        yield program


def open_at(window: Window, dashboard: Dashboard, path: str) -> Page:
    """Log in by the launch link, then go there."""
    window.page.goto(dashboard.launch_url)
    window.page.goto(dashboard.url + path)
    return window.page


def names(page: Page) -> list[str | None]:
    """The names of the rows in the document, from above."""
    return [row.get_attribute("data-name") for row in page.get_by_test_id("name-row").all()]


def test_ten_thousand_names_are_found_sorted_and_few_of_them_drawn(
    many: None, window: Window, dashboard: Dashboard
) -> None:
    """Any of them by scrolling, sorting, searching and by service; the document stays small."""
    page = open_at(window, dashboard, "/actions")
    rows, found = page.get_by_test_id("name-row"), page.get_by_test_id("names-found")
    expect(found).to_have_text(f"{ALL:,} names", timeout=WAIT_MS)
    expect(rows.first).to_have_attribute("data-name", f"step {ALL - 1:05d}")
    page.get_by_role("button", name="p95", exact=True).click()
    expect(page).to_have_url(re.compile("sort=p95"))
    page.get_by_role("button", name="p95", exact=True).click()
    expect(rows.first).to_have_attribute("data-name", "step 00000", timeout=WAIT_MS)
    assert rows.count() < 200
    page.get_by_role("button", name="Action", exact=True).click()
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    expect(page.locator(f"[data-name='step {ALL - 1:05d}']")).to_be_in_viewport(timeout=WAIT_MS)
    assert rows.count() < 200
    head = page.locator(".list th").first.bounding_box()
    assert head is not None
    assert 0 <= head["y"] < 200
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("step 0499")
    expect(found).to_have_text(f"10 of {ALL:,} names", timeout=WAIT_MS)
    expect(rows.first).to_have_attribute("data-name", "step 04990")
    page.get_by_test_id("service").select_option(f"robot-{HALF}")
    expect(page.locator("main")).to_contain_text("No action is called “step 0499” in robot-5000")
    page.get_by_role("button", name="Show all").click()
    expect(found).to_have_text(f"{ALL:,} names", timeout=WAIT_MS)


def test_rows_stay_under_the_pointer_and_keys_go_from_row_to_row(
    window: Window, dashboard: Dashboard, home: Path
) -> None:
    """The order is held while the pointer or the focus is there, and is the right one after."""
    code = """
        import tachograph as tacho
        tacho.configure(service="robot", project="shop", interval_s=0.2)
        for n in range(5):
            for _ in range(10 - n):
                tacho.action(f"step {n}").record(0.001)
        while True:
            print("ready", flush=True)
            for _ in range(50):
                tacho.action(input()).record(0.001)
    """
    with Program(code, home) as program:
        program.line()
        page = open_at(window, dashboard, "/actions?sort=count")
        before = [f"step {n}" for n in range(5)]
        expect(page.get_by_test_id("name-row")).to_have_count(5, timeout=WAIT_MS)
        assert names(page) == before
        page.get_by_test_id("name-row").nth(2).hover()
        expect(page.get_by_test_id("list-note")).to_have_text("order held")
        program.say("\n".join(["step 4"] * 50))
        row = page.locator("[data-name='step 4']")
        expect(row).to_contain_text("56", timeout=WAIT_MS)
        assert names(page) == before
        page.mouse.move(400, 5)
        expect(page.get_by_test_id("name-row").first).to_have_attribute("data-name", "step 4")
        expect(page.get_by_test_id("list-note")).to_have_text("")
        page.keyboard.press("/")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowDown")
        expect(page.locator(":focus")).to_have_text("step 0")
        expect(page.get_by_test_id("list-note")).to_have_text("order held")
        page.keyboard.press("End")
        expect(page.locator(":focus")).to_have_text("step 3")
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile("/actions/step%203$"))


def test_a_name_opens_with_its_traceback_and_the_way_back_is_where_one_was(
    failing: Program, window: Window, dashboard: Dashboard
) -> None:
    """Equal errors are one line; the program's own calls are told from the library's."""
    page = open_at(window, dashboard, "/actions?sort=name&q=loa")
    page.locator("[data-name='load']").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("load")
    group = page.get_by_test_id("error-group")
    expect(group).to_have_count(1, timeout=WAIT_MS)
    expect(group).to_contain_text("JSONDecodeError: Expecting value")
    expect(group).to_contain_text("3 ×")
    group.get_by_role("button").first.click()
    trace = page.get_by_test_id("traceback")
    expect(trace).to_contain_text("Traceback (most recent call last)")
    expect(trace.locator("[data-own=true]").first).to_contain_text("in load")
    expect(trace.locator("[data-own=false]").first).to_contain_text("json")
    source = group.get_by_role("link", name="importer").first
    expect(source).to_have_attribute("href", re.compile(r"/sources\?source="))
    expect(page.get_by_test_id("track-calls")).to_have_attribute(
        "data-points", re.compile("^[1-9]"), timeout=WAIT_MS
    )
    assert Axe().run(page).violations_count == 0
    page.get_by_role("navigation", name="Breadcrumb").get_by_role("link").click()
    expect(page).to_have_url(re.compile(r"/actions\?sort=name&q=loa$"))
    expect(page.get_by_role("searchbox")).to_have_value("loa")


def test_any_name_has_a_page(failing: Program, window: Window, dashboard: Dashboard) -> None:
    """Slashes, percent signs, commas: whatever is in a name stays in it, over a restart too."""
    page = open_at(window, dashboard, "/actions")
    page.get_by_role("link", name=ODD).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(ODD)
    expect(page.locator(".figures")).to_contain_text("250 ms", timeout=WAIT_MS)
    expect(page).to_have_url(dashboard.url + "/actions/" + quote(ODD, safe=""))
    page.reload()
    expect(page.locator(".figures")).to_contain_text("250 ms", timeout=WAIT_MS)
    page.goto(dashboard.url + "/actions/wait")
    expect(page.get_by_test_id("running-calls")).to_contain_text("importer", timeout=WAIT_MS)
    page.goto(dashboard.url + "/actions/nobody")
    expect(page.get_by_test_id("name-unknown")).to_contain_text('tacho.action("nobody")')
    page.goto(dashboard.url + "/events/message")
    expect(page.locator(".figures")).to_contain_text("2.00 ms", timeout=WAIT_MS)


def test_the_palette_finds_a_name_that_the_page_does_not_show(
    many: None, window: Window, dashboard: Dashboard
) -> None:
    """Asked of the server, whatever the page knows."""
    page = open_at(window, dashboard, "/system")
    expect(page.get_by_test_id("badge")).to_contain_text("Live", timeout=WAIT_MS)
    page.keyboard.press("Control+k")
    expect(page.get_by_test_id("palette")).to_be_visible(timeout=WAIT_MS)
    page.keyboard.type("step 00007")
    found = page.get_by_role("option", name="step 00007")
    expect(found).to_be_visible(timeout=WAIT_MS)
    found.click()
    expect(page).to_have_url(re.compile("/actions/step%2000007$"))


@pytest.mark.parametrize(("theme", "width"), [("dark", 375), ("light", 1440)])
def test_names_are_accessible_and_fit(
    failing: Program, chromium: Browser, dashboard: Dashboard, theme: str, width: int
) -> None:
    """axe finds nothing and nothing scrolls sideways, with names and without."""
    window = Window(chromium, theme, width)
    page = open_at(window, dashboard, "/actions")
    for path in ("/actions", "/events", "/actions/load", "/actions/nobody", "/actions?q=none"):
        page.goto(dashboard.url + path)
        expect(page.get_by_test_id("badge")).to_contain_text("Live", timeout=WAIT_MS)
        expect(page.locator("main h1")).to_be_attached()
        errors = page.locator(".error-head")
        if path == "/actions/load":
            errors.click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        found = Axe().run(page)
        assert found.violations_count == 0, f"{path}: {found.generate_report()}"
    window.close()
