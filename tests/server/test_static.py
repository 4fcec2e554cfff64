"""The page's files: what is kept by browsers, what never is, and which paths are the page."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from tachograph.server.static import Dashboard

pytestmark = pytest.mark.anyio


@pytest.fixture
def built(tmp_path: Path) -> httpx2.AsyncClient:
    """A client of a page that was built."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<p>the page")
    (tmp_path / "icon.svg").write_text("<svg/>")
    (tmp_path / "assets" / "index-abc.js").write_text("let a")
    (tmp_path.parent / "secret").write_text("secret")
    transport = httpx2.ASGITransport(app=Dashboard(tmp_path), raise_app_exceptions=False)
    return httpx2.AsyncClient(transport=transport, base_url="http://localhost")


async def test_files(built: httpx2.AsyncClient) -> None:
    """Assets carry their content's hash in the name and are kept for ever; everything else is
    asked for again each time."""
    asset = await built.get("/assets/index-abc.js")
    assert (asset.status_code, asset.text) == (200, "let a")
    assert asset.headers["cache-control"] == "public, max-age=31536000, immutable"
    for path, content in (("/", "<p>the page"), ("/icon.svg", "<svg/>")):
        answer = await built.get(path)
        assert (answer.text, answer.headers["cache-control"]) == (content, "no-cache")


@pytest.mark.parametrize("path", ["/actions", "/runs/some.id", "/apis", "/wsx", "/metrics"])
async def test_pages(built: httpx2.AsyncClient, path: str) -> None:
    """Any address that is no file's is a page of the application, so that it can be reloaded."""
    answer = await built.get(path)
    assert (answer.status_code, answer.text) == (200, "<p>the page")
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", ["/assets/old-123.js", "/api/x", "/api", "/ws/x"])
async def test_no_pages(built: httpx2.AsyncClient, path: str) -> None:
    """An asset of an older version, or a route that isn't there, is missing: the page in its
    place would be taken for what was asked."""
    assert "the page" not in (await built.get(path)).text


async def test_nothing_outside(built: httpx2.AsyncClient) -> None:
    """No path leads out of the directory."""
    for path in ("/../secret", "/%2e%2e/secret", "/assets/..%2f..%2fsecret", "//etc/passwd"):
        answer = await built.get(path)
        assert "secret" not in answer.text
        assert "root:" not in answer.text
