"""What every test gets: a home of its own, asyncio for async tests, and reproducible properties."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections import defaultdict
from pathlib import Path

import hypothesis
import pytest

hypothesis.settings.register_profile("local", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "local")

# Also before, between and after tests nothing may reach the home of whoever runs them. It goes
# at exit, after the goodbye of a recorder: what is registered first is called last.
_SESSION_HOME = tempfile.TemporaryDirectory(prefix="tachograph-tests-", ignore_cleanup_errors=True)
atexit.register(_SESSION_HOME.cleanup)

_LEFT_OUT: pytest.StashKey[dict[str, int]] = pytest.StashKey()


def pytest_configure() -> None:
    """Take the environment's TACHOGRAPH_* away, for good, and give a home of this session."""
    for name in [name for name in os.environ if name.startswith("TACHOGRAPH_")]:
        del os.environ[name]
    os.environ["TACHOGRAPH_HOME"] = _SESSION_HOME.name


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A TACHOGRAPH_HOME that no other test has."""
    path = tmp_path / "home"
    monkeypatch.setenv("TACHOGRAPH_HOME", str(path))
    return path


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests run on asyncio: the server does."""
    return "asyncio"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take out the tests whose program this machine lacks, and put the browser's tests last."""
    left_out: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        for program in (mark.args[0] for mark in item.iter_markers("needs")):
            if shutil.which(program) is None:
                left_out[program].append(item)
                break
    gone = {item for missing in left_out.values() for item in missing}
    if gone:
        config.hook.pytest_deselected(items=sorted(gone, key=items.index))
        items[:] = [item for item in items if item not in gone]
    # Playwright's loop counts as running in this thread until the last of them is over, and no
    # other test could run one.
    items.sort(key=lambda item: "e2e" in item.path.parts)
    config.stash[_LEFT_OUT] = {program: len(missing) for program, missing in left_out.items()}


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say which tests did not run, and why."""
    for program, count in config.stash.get(_LEFT_OUT, {}).items():
        terminalreporter.write_line(
            f"left out: {count} tests that run {program}, which is not installed here; "
            "`make setup` installs it as root on Debian"
        )
