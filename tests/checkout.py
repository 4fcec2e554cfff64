"""The checkout, copied to where nothing else stands: what builds of the package start from."""

from __future__ import annotations

import importlib.util
import json
import shutil
from functools import cache
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent
# .gitignore too, for hatchling follows it: built files are ignored, and packed all the same.
SOURCES = (
    ".gitignore",
    "README.md",
    "LICENSE",
    "pyproject.toml",
    "hatch_build.py",
    "requirements",
    "tools",
)
LEFT = shutil.ignore_patterns("__pycache__", "node_modules")


@cache
def dashboard() -> ModuleType:
    """tools/dashboard.py, which is part of no package."""
    spec = importlib.util.spec_from_file_location("dashboard", ROOT / "tools" / "dashboard.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def copy_checkout(target: Path) -> Path:
    """Copy the sources and the built dashboard, marked as fresh, to a new folder `target`.

    In the copy no Node is ever new enough, so whatever is built from it was built without.
    """
    if not dashboard().is_fresh(ROOT):
        dashboard().build(ROOT)
    target.mkdir()
    for name in SOURCES:
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, target / name)
    for name in ("src", "web"):
        shutil.copytree(ROOT / name, target / name, ignore=LEFT)
    package = target / "web" / "package.json"
    described = json.loads(package.read_text())
    package.write_text(json.dumps({**described, "engines": {"node": ">=999"}}))
    (dashboard().static(target) / ".stamp").write_text(dashboard().digest(target))
    return target
