"""Live performance for Python programs.

    import tachograph as tacho

    @tacho.action
    def resize(path): ...

Then `tacho dashboard`. Names are loaded when they are first used, so that the import costs
next to nothing and brings no server code into your program.
"""

from __future__ import annotations

from tachograph._version import __version__

# Not from `typing`: the import is to cost next to nothing.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tachograph.errors import ConfigError, TachographError
    from tachograph.sdk.api import (
        action,
        configure,
        counter,
        event,
        flush,
        gauge,
        publish,
        shutdown,
        span,
        timer,
    )
    from tachograph.sdk.classes import (
        ActionMetrics,
        EventMetrics,
        MetricsCollector,
        SystemMetrics,
    )
    from tachograph.server.embed import DashboardServer

_HOMES = {
    "tachograph.errors": ("ConfigError", "TachographError"),
    "tachograph.sdk.api": (
        "action configure counter event flush gauge publish shutdown span timer".split()
    ),
    "tachograph.sdk.classes": "ActionMetrics EventMetrics MetricsCollector SystemMetrics".split(),
    "tachograph.server.embed": ("DashboardServer",),
}
_WHERE = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "ActionMetrics",
    "ConfigError",
    "DashboardServer",
    "EventMetrics",
    "MetricsCollector",
    "SystemMetrics",
    "TachographError",
    "__version__",
    "action",
    "configure",
    "counter",
    "event",
    "flush",
    "gauge",
    "publish",
    "shutdown",
    "span",
    "timer",
]


def __getattr__(name: str) -> Any:
    global _missed
    home = _WHERE.get(name)
    if home is None:
        raise AttributeError(f"module 'tachograph' has no attribute {name!r}")
    if not home.startswith("tachograph.sdk"):
        return _load(home, name)
    from _thread import get_ident

    thread = get_ident()
    if thread in _loading:
        # The handler of a signal has interrupted just that, and a half-loaded module is no use.
        from tachograph.sdk.refused import nothing

        _missed += 1
        return nothing
    _loading.add(thread)
    try:
        return _load_recording(home, name)
    finally:
        _loading.discard(thread)


#: Threads that are loading what records, and how often their handlers asked for it meanwhile.
_loading: set[int] = set()
_missed = 0


def _load_recording(home: str, name: str) -> Any:
    global _missed
    from tachograph.sdk.interpreter import in_subinterpreter

    if in_subinterpreter():
        from tachograph.sdk import refused

        return refused.in_subinterpreter()
    value = _load(home, name)
    if _missed:
        from tachograph.sdk.inbox import inbox

        inbox.dropped += _missed
        _missed = 0
    return value


def _load(home: str, name: str) -> Any:
    from importlib import import_module

    if home.startswith("tachograph.server"):
        from tachograph.errors import MissingExtra

        try:
            module = import_module(home)
        except ModuleNotFoundError as error:
            if error.name is None or error.name.startswith("tachograph"):
                raise
            raise MissingExtra(f"tachograph.{name}", "server") from error
    else:
        module = import_module(home)
    value = getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
