"""The build hook: no wheel without the dashboard, and no Node when it is built already."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class DashboardHook(BuildHookInterface):
    """Brings src/tachograph/server/static up to date before anything is packed."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the dashboard, or stop with one sentence; an editable install only warns."""
        root = Path(self.root)
        dashboard = _dashboard(root)
        try:
            if not dashboard.is_fresh(root):
                dashboard.build(root)
        except dashboard.DashboardError as error:
            if version != "editable":
                self.app.abort(f"tachograph: {error}")
            self.app.display_warning(f"tachograph: no dashboard for now: {error}")


def _dashboard(root: Path) -> ModuleType:
    # The folder of the build is not on sys.path, whoever runs it.
    spec = importlib.util.spec_from_file_location("dashboard", root / "tools" / "dashboard.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
