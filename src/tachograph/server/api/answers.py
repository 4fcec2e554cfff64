"""What every route answers with: JSON, and refusals that say what was seen and what is allowed."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import Query, Response
from fastapi.responses import JSONResponse

_TEXT = {"type": "string"}
_FACTS = {
    "type": "object",
    "properties": {"error": _TEXT, "seen": _TEXT, "allowed": {}},
    "required": ["error", "seen", "allowed"],
}


def says(description: str) -> dict[str, Any]:
    """How a refusal is described."""
    return {"description": description, "content": {"application/json": {"schema": _FACTS}}}


#: What the guard, and checks of parameters, may answer anywhere under /api.
REFUSALS: dict[int | str, dict[str, Any]] = {
    401: says("no token, or a wrong one"),
    403: says("this token, or a page of another site, may not do this"),
    404: says("nothing is there; a name with a line break has no address"),
    421: says("this server is not known by that Host"),
    422: says("a parameter is not allowed"),
    429: says("too many wrong tokens from this address"),
}
Project = Annotated[str | None, Query(max_length=200, description="only this project")]


def problem(status: int, error: str, seen: str, allowed: str) -> JSONResponse:
    """An error as JSON: what was seen, what is allowed."""
    return JSONResponse({"error": error, "seen": seen, "allowed": allowed}, status)


def answer(value: Any, headers: dict[str, str] | None = None) -> Response:
    """Any value as JSON."""
    return Response(msgspec.json.encode(value), media_type="application/json", headers=headers)
