"""Why a connection is lost, and whether it is worth another try."""

from __future__ import annotations

from websockets.exceptions import ConnectionClosed, InvalidStatus

from tachograph.client.replica import ClientRefused, is_final

#: What a server answers that is busy, or that is just starting behind a proxy.
_LATER = (429, 500, 502, 503, 504)


def reason(error: Exception) -> str:
    """In a few words. Raises ClientRefused when asking again the same way is of no use."""
    if isinstance(error, InvalidStatus):
        status = error.response.status_code
        if status in _LATER:
            return f"the server answered {status}"
        raise ClientRefused(_sentence(status)) from error
    if isinstance(error, ConnectionClosed) and error.rcvd is not None:
        if is_final(error.rcvd.code):
            raise ClientRefused(
                f"the server closed the connection: {error.rcvd.code} {error.rcvd.reason}".rstrip()
            ) from error
        return f"the server closed the connection ({error.rcvd.code})"
    return str(error) or type(error).__name__


def _sentence(status: int) -> str:
    if status == 421:
        return "the server doesn't know itself by that name; start it with --allow-host NAME"
    return (
        f"the server refused the connection (HTTP {status}): the token is missing or wrong "
        "(set TACHOGRAPH_TOKEN, or TACHOGRAPH_HOME to the server's home), or there are no topics "
        "at that address"
    )
