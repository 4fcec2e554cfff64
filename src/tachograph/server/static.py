"""The built dashboard: files under `static/`, and index.html for every page of it."""

from __future__ import annotations

from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

STATIC = Path(__file__).parent / "static"
_NOT_BUILT = (
    "The dashboard's files are not here: this checkout has not built them. "
    "Run `make setup`, or install the wheel, which carries them.\n"
)


class Dashboard(StaticFiles):
    """Hashed assets are kept by browsers for ever, index.html never."""

    def __init__(self, directory: Path = STATIC) -> None:
        self._built = (directory / "index.html").exists()
        super().__init__(directory=directory, html=True, check_dir=False)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """A file, or the page for any path that is not a file's name."""
        if not self._built:
            return PlainTextResponse(_NOT_BUILT, 503)
        try:
            response = await super().get_response(path, scope)
        except HTTPException as error:
            if error.status_code != 404 or path.startswith(("api/", "assets/", "ws")):
                raise
            response = await super().get_response("index.html", scope)
            path = "index.html"
        kept = path.startswith("assets/")
        response.headers["Cache-Control"] = (
            "public, max-age=31536000, immutable" if kept else "no-cache"
        )
        return response
