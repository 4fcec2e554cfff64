"""What runs here: Python, platform, this package, and which of its extras are there."""

from __future__ import annotations

import importlib.util
import platform
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator

from tachograph.cli.diagnosis.finding import Finding, note, ok, problem

#: Extra -> the modules that its packages bring.
EXTRAS = {
    "server": (
        "fastapi httpx2 itsdangerous opentelemetry prometheus_client rich simpleeval uvicorn "
        "uvloop watchfiles websockets"
    ).split(),
    "quality": ["coverage", "defusedxml", "pathspec"],
    "sql": ["aiomysql", "aiosqlite", "asyncpg", "sqlalchemy"],
    "redis": ["redis"],
    "nats": ["nats"],
    "alerts": ["apprise"],
    "postgres": ["asyncpg"],
    "profile": ["py_spy"],
    "export": ["pyarrow"],
}
#: These have no module, or none on that platform.
_NO_MODULE = frozenset(("py_spy", "uvloop") if sys.platform == "win32" else ("py_spy",))
OLDEST = (3, 11)


def python(
    version: tuple[int, ...] = sys.version_info[:3],
    implementation: str = platform.python_implementation(),
    free_threaded: bool = bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    system: str = sys.platform,
) -> Iterator[Finding]:
    """The interpreter and the platform that `tacho` itself runs on."""
    text = ".".join(map(str, version))
    seen = f"{implementation} {text}{' free-threaded' if free_threaded else ''}"
    seen += f", {platform.platform(terse=True)} {platform.machine()}"
    if version < OLDEST:
        yield problem("python", seen, "Python 3.11 or later", "run it with a newer Python")
    elif implementation != "CPython" or free_threaded:
        yield note(
            "python",
            seen,
            "CPython with its lock is what is tested",
            "expect little; figures that look wrong are a bug to report",
        )
    else:
        yield ok("python", seen)
    if system != "linux":
        yield note(
            "platform",
            f"{system}: followed by polling, figures of processes by psutil",
            "Linux is what is tested",
            "nothing; what doesn't work here is a bug to report",
        )


def package(version: str, file: str | None, executable: str = sys.executable) -> Iterator[Finding]:
    """Which tachograph this is. The programs that record may have another."""
    where = (file or "an unknown place").removesuffix("/__init__.py")
    yield ok("tachograph", f"{version}, from {where}, by {executable}")


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def extras(is_there: Callable[[str], bool] = _is_there) -> Iterator[Finding]:
    """The server's packages by themselves, for they are what most people miss; then the others."""
    lacking = {extra: _lacking(modules, is_there) for extra, modules in EXTRAS.items()}
    missing = lacking.pop("server")
    if missing:
        yield note(
            "server",
            f"not installed here: {', '.join(missing)}",
            "needed by `tacho dashboard`, `tacho demo` and DashboardServer, not for recording",
            _install(["server"]) + ", here or in another environment of this user",
        )
    else:
        yield ok("server", "its packages are installed")
    absent = [extra for extra, modules in lacking.items() if modules]
    present = [extra for extra, modules in lacking.items() if not modules]
    seen = f"installed: {', '.join(present) or 'none'}"
    if absent:
        seen += f"; not: {', '.join(absent)} ({_install(absent)}, when they are wanted)"
    yield ok("extras", seen)


def _lacking(modules: Iterable[str], is_there: Callable[[str], bool]) -> list[str]:
    return [name for name in modules if name not in _NO_MODULE and not is_there(name)]


def _install(extras: Iterable[str]) -> str:
    return f"pip install 'tachograph[{','.join(extras)}]'"
