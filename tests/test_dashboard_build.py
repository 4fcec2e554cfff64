"""The built dashboard: when it counts as fresh, and what a build without it says."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.checkout import copy_checkout, dashboard


def test_no_dashboard_and_no_node_is_one_sentence(tmp_path: Path) -> None:
    """A wheel without dashboard is refused in one sentence; an editable install only warns."""
    tree = copy_checkout(tmp_path / "tree")
    shutil.rmtree(dashboard().static(tree))

    def build(kind: str) -> subprocess.CompletedProcess[str]:
        code = f"import hatchling.build as b; b.build_{kind}({str(tmp_path)!r})"
        return subprocess.run(
            [sys.executable, "-c", code], cwd=tree, capture_output=True, text=True, check=False
        )

    refused = build("wheel")
    assert refused.returncode == 1
    assert refused.stderr.startswith("tachograph: no Node >= 999.0 ")
    assert len(refused.stderr.splitlines()) == 1
    warned = build("editable")
    assert warned.returncode == 0
    assert "no dashboard for now: no Node >= 999.0 " in warned.stdout + warned.stderr


def test_stamp_follows_the_sources(tmp_path: Path) -> None:
    """A changed source makes the built files stale; a changed test of the dashboard does not."""
    tree = copy_checkout(tmp_path / "tree")
    (tree / "web" / "src" / "any.test.ts").write_text("1")
    assert dashboard().is_fresh(tree)
    (tree / "web" / "src" / "any.ts").write_text("1")
    assert not dashboard().is_fresh(tree)
