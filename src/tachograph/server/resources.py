"""What a process that is nothing but a dashboard allows itself. Not for one inside a program."""

from __future__ import annotations

import gc
import sys

#: Collections of the youngest objects; each 20th of them, of the next; each 100th of those, of all.
_THRESHOLDS = (20_000, 20, 100)


def claim() -> None:
    """As many open files as the system allows (each viewer is one), and few full collections of
    garbage: one holds the event loop for a quarter of a second when 10,000 names are known."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
    if sys.platform != "win32":
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):  # macOS says that there is no limit, and has one
            pass
