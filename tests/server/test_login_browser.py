"""The way in as a real browser takes it: what cookies it sends, what a page may read."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from starlette.types import Receive, Scope, Send

from tachograph.server.auth import Auth
from tachograph.server.guard import ROLE_KEY, Guard
from tests.server.listening import free_listener, listening

pytestmark = pytest.mark.needs("chromium")

TOKEN = "control-token-1"
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run")
QUIET = ("--disable-background-networking", "--disable-component-update", "--disable-sync")
CLOSED = "url => new Promise(told => new WebSocket(url).onclose = end => told(end.code))"


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """A page that says the role, a WebSocket that ends well."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": 1000})
        return
    page = f"<h1>{scope[ROLE_KEY]}</h1>".encode()
    headers = [(b"content-type", b"text/html")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": page})


@pytest.fixture(scope="module")
def home() -> Iterator[str]:
    """Our server's address. Another port is the same site to a browser, 127.0.0.1 another."""
    listener, port = free_listener("localhost")
    auth = Auth(TOKEN, cookie_key="k" * 43, port=port)
    with listening(listener, Guard(application, auth)):
        yield f"http://localhost:{port}"


@pytest.fixture(scope="module")
def elsewhere(home: str) -> Iterator[str]:
    """A page of another site, with links to us."""

    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        links = (
            f'<a id="launch" href="{home}/?token={TOKEN}">1</a><a id="plain" href="{home}/">2</a>'
        )
        headers = [(b"content-type", b"text/html")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": links.encode()})

    listener, port = free_listener()
    with listening(listener, page):
        yield f"http://127.0.0.1:{port}/"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The real one, once: starting it takes longer than a test."""
    with sync_playwright() as play:
        path = shutil.which("chromium")
        browser = play.chromium.launch(executable_path=path, args=[*FLAGS, *QUIET])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Somebody who has never been here."""
    with browser.new_context() as context:
        yield context.new_page()


def test_login(page: Page, home: str) -> None:
    """Without token the page says so, its form logs in, and the token leaves the address; a
    WebSocket learns that it needs one."""
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    socket = home.replace("http", "ws") + "/ws"
    page.goto(f"{home}/runs")
    assert page.inner_text("h1") == "This dashboard needs its token"
    assert page.evaluate("getComputedStyle(document.body).maxWidth") == "512px"
    assert page.evaluate(CLOSED, socket) == 4401
    page.fill("input", "wrong")
    page.click("button")
    assert page.inner_text("h1") == "This dashboard needs its token"
    page.fill("input", TOKEN)
    page.click("button")
    page.wait_for_url(f"{home}/")
    assert page.inner_text("h1") == "control"
    assert page.evaluate(CLOSED, socket) == 1000
    assert page.evaluate("document.cookie") == ""
    assert page.evaluate("fetch('/api/x', {method: 'POST'}).then(got => got.status)") == 200
    assert not [text for text in complaints if "Content Security Policy" in text]


def test_link_of_another_site(page: Page, home: str, elsewhere: str) -> None:
    """A link on another site's page logs in too, and a plain one finds the login again, though
    browsers keep Strict cookies back from both."""
    for link in ("#launch", "#plain"):
        page.goto(elsewhere)
        page.click(link)
        page.wait_for_selector("h1:text('control')")
        assert page.url == f"{home}/"
    page.reload()
    assert page.inner_text("h1") == "control"


def test_page_of_another_site(page: Page, home: str, elsewhere: str) -> None:
    """Another site's page, in a browser that is logged in, reads nothing, changes nothing,
    frames nothing and hears nothing."""
    page.goto(f"{home}/?token={TOKEN}")
    page.goto(elsewhere)
    failed = "fetch(url, options).then(got => got.status, () => 'failed')"
    for options in ({"credentials": "include"}, {"method": "POST", "credentials": "include"}):
        assert page.evaluate(f"([url, options]) => {failed}", [home, options]) == "failed"
    assert page.evaluate(CLOSED, home.replace("http", "ws") + "/ws") == 1006
    frame = "document.body.append(Object.assign(document.createElement('iframe'), {src: url}))"
    with page.expect_console_message(lambda message: "frame-ancestors" in message.text):
        page.evaluate(f"url => {{ {frame} }}", home)
