"""What a program is called that runs in a notebook's kernel."""

from __future__ import annotations

import os
import sys
from pathlib import Path

#: Where nobody says which notebook it is.
UNNAMED = "jupyter"


def notebook_service() -> str | None:
    """The notebook's name without its ending, where its server says it, otherwise "jupyter";
    None for a program that is no kernel."""
    # The kernel's own __main__ has given its place to the user's.
    if "ipykernel" not in sys.modules or not _is_kernel(sys.argv[0] if sys.argv else ""):
        return None
    user = vars(sys.modules["__main__"])
    # Jupyter's servers tell the kernel by the environment, VS Code by a variable in its cells.
    path = user.get("__vsc_ipynb_file__") or os.environ.get("JPY_SESSION_NAME", "")
    return Path(str(path)).stem or UNNAMED


def _is_kernel(script: str) -> bool:
    path = Path(script)
    return path.stem.endswith("kernel_launcher") or path.parent.name == "ipykernel"
