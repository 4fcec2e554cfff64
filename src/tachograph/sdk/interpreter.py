"""Which interpreter of the process this is."""

from __future__ import annotations

import _thread
from importlib import import_module


def in_subinterpreter() -> bool:
    """Whether it is not the main one; False where that can't be told."""
    is_main = getattr(_thread, "_is_main_interpreter", None)
    if is_main is not None:  # since Python 3.13
        return not is_main()
    try:
        interpreters = import_module("_xxsubinterpreters")
        return bool(interpreters.get_current() != interpreters.get_main())
    except (ImportError, AttributeError):
        return False
