"""What the public names stand for where nothing can be recorded: nothing.

A subinterpreter can't record. It may have no thread that outlives it (Python aborts the whole
process then), hears no signals, and compiled modules may not be loaded there. The main
interpreter goes on recording. Nor can the handler of a signal that has interrupted the loading
of just these names: nothing is imported at the top here that may be half loaded then.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Nothing:
    """Does nothing, as whatever it is used: decorator, context manager, instrument, class."""

    def __call__(self, *args: Any, **named: Any) -> Any:
        function = args[0] if len(args) == 1 and not named else None
        return function if callable(function) else self

    def __getattr__(self, name: str) -> Nothing:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __enter__(self) -> Nothing:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    async def __aenter__(self) -> Nothing:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass


nothing = Nothing()
_warned = False


def in_subinterpreter() -> Nothing:
    """Nothing, said once."""
    global _warned
    if not _warned:
        import logging

        _warned = True
        logging.getLogger("tachograph").warning(
            "tachograph: nothing is recorded in a subinterpreter; record in the main interpreter"
        )
    return nothing
