"""The package as users get it: what it depends on, what it contains, and that its page opens."""

from __future__ import annotations

import contextlib
import email
import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from http.cookiejar import CookieJar
from pathlib import Path
from typing import NamedTuple

import pytest
from packaging.requirements import Requirement

from tests.checkout import ROOT, copy_checkout

UV = Path(sys.executable).with_name("uv")
EXTRAS = {
    "server": {
        "fastapi",
        "httpx2",
        "itsdangerous",
        "opentelemetry-proto",
        "prometheus-client",
        "rich",
        "simpleeval",
        "uvicorn",
        "uvloop",
        "watchfiles",
        "websockets",
    },
    "quality": {"coverage", "defusedxml", "pathspec"},
    "sql": {"aiomysql", "aiosqlite", "asyncpg", "sqlalchemy"},
    "redis": {"redis"},
    "nats": {"nats-py"},
    "alerts": {"apprise"},
    "postgres": {"asyncpg"},
    "profile": {"py-spy"},
    "export": {"pyarrow"},
}


class Environment(NamedTuple):
    """A virtual environment with nothing in it but what the test installed."""

    path: Path

    def install(self, *what: str) -> None:
        """Install with the versions of the lock."""
        run(
            UV,
            "pip",
            "install",
            "-q",
            "--python",
            self.path,
            "-c",
            ROOT / "requirements/dev.txt",
            *what,
        )

    def command(self, name: str, *arguments: str) -> list[str]:
        """A program of this environment."""
        return [str(self.path / "bin" / name), *arguments]

    def variables(self, **more: str) -> dict[str, str]:
        """A PATH with this environment alone, so no Node; nothing of the checkout on Python's."""
        kept = {
            name: os.environ[name] for name in ("TACHOGRAPH_HOME", "TMPDIR") if name in os.environ
        }
        return {**kept, "PATH": str(self.path / "bin"), "COLUMNS": "200", **more}


def run(*command: object, cwd: Path = ROOT) -> str:
    """Run a command that must succeed, and give its output."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the unpacked sdist without Node."""
    place = tmp_path_factory.mktemp("wheel")
    tree = copy_checkout(place / "tree")
    build = (UV, "build", "-q", "--no-build-isolation", "--python", sys.executable)
    run(*build, "--out-dir", place / "dist", tree)
    (found,) = (place / "dist").glob("*.whl")
    return found


@pytest.fixture(scope="module")
def new_environment(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Environment]:
    """Makes empty environments of this Python."""

    def make(name: str) -> Environment:
        path = tmp_path_factory.mktemp(name) / "venv"
        run(UV, "venv", "-q", "--python", sys.executable, path)
        return Environment(path)

    return make


@pytest.fixture(scope="module")
def base(wheel: Path, new_environment: Callable[[str], Environment]) -> Environment:
    """`pip install tachograph`."""
    environment = new_environment("base")
    environment.install(f"tachograph @ {wheel.as_uri()}")
    return environment


@contextlib.contextmanager
def running(
    command: list[str], variables: dict[str, str], cwd: Path
) -> Iterator[subprocess.Popen[str]]:
    """A program that is interrupted at the end, as by Ctrl-C, and has to go by itself."""
    process = subprocess.Popen(
        command, env=variables, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        yield process
        process.send_signal(signal.SIGINT)
        process.wait(20)
    finally:
        process.kill()
        process.communicate()


def launch_url(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Read what the program prints up to its address, and give (origin, token)."""
    seen = []
    assert process.stdout is not None
    for line in process.stdout:
        seen.append(line)
        found = re.search(r"(http://[\w.]+:\d+)/\?token=([\w.~-]+)", line)
        if found:
            return found[1], found[2]
    raise AssertionError("no address with a token in:\n" + "".join(seen))


def test_wheel_opens_its_page_without_node(
    wheel: Path, new_environment: Callable[[str], Environment], home: Path, tmp_path: Path
) -> None:
    """In an empty environment without Node, `tacho dashboard` serves the page and its scripts."""
    environment = new_environment("server")
    environment.install(f"tachograph[server] @ {wheel.as_uri()}")
    command = environment.command("tacho", "dashboard", "--no-open", "--port", "0")
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    with running(command, environment.variables(), tmp_path) as process:
        origin, token = launch_url(process)
        with browser.open(f"{origin}/healthz") as health:
            assert health.status == 200
        with browser.open(f"{origin}/?token={token}") as page:
            assert page.url == f"{origin}/"
            html = page.read().decode()
        scripts = re.findall(r"\bsrc=\"(/assets/[^\"]+\.js)\"", html)
        assert scripts
        with browser.open(origin + scripts[0]) as script:
            body = script.read()
    with zipfile.ZipFile(wheel) as packed:
        assert packed.read(f"tachograph/server/static{scripts[0]}") == body
    assert home.is_dir()


def test_base_install_is_small(base: Environment) -> None:
    """Users' environments get msgspec and psutil, and nothing else."""
    listed = json.loads(run(UV, "pip", "list", "--format", "json", "--python", base.path))
    assert {package["name"] for package in listed} == {"tachograph", "msgspec", "psutil"}


def test_base_install_names_the_missing_extra(base: Environment, tmp_path: Path) -> None:
    """Without the server's packages, `tacho dashboard` says what to install and ends with 2."""
    done = subprocess.run(
        base.command("tacho", "dashboard", "--no-open"),
        env=base.variables(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "tachograph[server]" in done.stderr
    assert "Traceback" not in done.stderr


def test_metadata_lists_every_extra(wheel: Path) -> None:
    """Each extra brings exactly its packages, and `all` brings every one of them."""
    with zipfile.ZipFile(wheel) as packed:
        (name,) = (name for name in packed.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = email.message_from_bytes(packed.read(name))
    wanted = [Requirement(line) for line in metadata.get_all("Requires-Dist", [])]

    def brought(extra: str) -> set[str]:
        return {
            need.name
            for need in wanted
            if need.marker is not None
            and need.marker.evaluate({"extra": extra})
            and not need.marker.evaluate({"extra": ""})
        }

    assert {need.name for need in wanted if need.marker is None} == {"msgspec", "psutil"}
    offered = metadata.get_all("Provides-Extra", [])
    assert {extra: brought(extra) for extra in offered} == {
        **EXTRAS,
        "all": set().union(*EXTRAS.values()),
    }


def test_importing_tachograph_loads_no_server() -> None:
    """`import tachograph` in a user's program leaves the server, its packages and the CLI alone."""
    code = "import sys, tachograph; print(*sorted(sys.modules))"
    loaded = run(sys.executable, "-c", code).split()
    refused = ("server", "cli", "client", "probes", "store", "integrations")
    heavy = {"fastapi", "starlette", "pydantic", "uvicorn", "httpx2", "rich", "sqlalchemy"}
    assert "tachograph" in loaded
    assert [
        name for name in loaded if name.startswith(tuple(f"tachograph.{r}" for r in refused))
    ] == []
    assert heavy & set(loaded) == set()


def test_locks_name_no_host() -> None:
    """The locks hold versions and hashes, so that they install from whichever registry is set."""
    locks = [*(ROOT / "requirements").glob("*.txt"), ROOT / "web" / "package-lock.json"]
    assert len(locks) > 3
    naming = re.compile(
        r"^.*(?:--(?:extra-)?index-url|--find-links|@ \w+://|\"resolved\").*$", re.M
    )
    assert {path.name: naming.findall(path.read_text()) for path in locks} == {
        path.name: [] for path in locks
    }
