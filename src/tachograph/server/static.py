"""The built dashboard: files under `static/`, and index.html for every page of it."""

from __future__ import annotations

from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocketClose

STATIC = Path(__file__).parent / "static"
#: What is missing here is missing; the page would be no answer.
_NO_PAGES = ("api", "ws", "assets")
_NOT_BUILT = (
    "The dashboard's files are not here: this checkout has not built them. "
    "Run `make setup`, or install the wheel, which carries them.\n"
)


class Dashboard(StaticFiles):
    """Hashed assets are kept by browsers for ever, index.html never."""

    def __init__(self, directory: Path = STATIC) -> None:
        self._built = (directory / "index.html").exists()
        super().__init__(directory=directory, html=True, check_dir=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A WebSocket comes here when no route takes it: it is refused."""
        if scope["type"] == "websocket":
            await WebSocketClose()(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    async def check_config(self) -> None:
        """A directory that isn't there is an answer here, not an error."""
        if self._built:
            await super().check_config()

    async def get_response(self, path: str, scope: Scope) -> Response:
        """A file, or the page for any path that is not a file's name."""
        no_page = path.partition("/")[0] in _NO_PAGES
        if no_page and not path.startswith("assets/"):
            raise HTTPException(404)
        if not self._built:
            return PlainTextResponse(_NOT_BUILT, 503)
        try:
            response = await super().get_response(path, scope)
        except HTTPException as error:
            if error.status_code != 404 or no_page:
                raise
            response = await super().get_response("index.html", scope)
            path = "index.html"
        kept = path.startswith("assets/")
        response.headers["Cache-Control"] = (
            "public, max-age=31536000, immutable" if kept else "no-cache"
        )
        return response
