"""Makes this checkout ready to run: `make setup`.

Each step remembers in .make/ what it was made from, and runs again only when that differs; a step
that was cut short has written nothing, so it is simply done again. Standard library only.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST = (3, 11)
NEWER = ("python3.14", "python3.13", "python3.12", "python3.11")

STAMPS = ROOT / ".make"
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
UV = VENV / "bin" / "uv"

# Debian package: what is left out without it. The package's name is the program's, too.
PROGRAMS = {"chromium": "the tests in a browser", "nginx": "the test behind a reverse proxy"}


class SetupError(Exception):
    """Setup can't go on; the sentence says what to do."""


def say(text: str) -> None:
    """One line to the person who waits."""
    print(f"setup: {text}", file=sys.stderr, flush=True)


def run(*command: object, what: str) -> None:
    """Run a command quietly; when it fails, show its output and say what it was for."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        print(done.stdout[-8000:], file=sys.stderr)
        raise SetupError(
            f"{what} failed: `{Path(str(command[0])).name}` ended with {done.returncode}, its "
            "output stands above; mend that and run `make setup` again"
        )


def step(name: str, made_from: str, action: Callable[[], None]) -> None:
    """Do `action` unless it was done before with the same `made_from`."""
    stamp = STAMPS / name
    if stamp.is_file() and stamp.read_text() == made_from:
        return
    stamp.unlink(missing_ok=True)
    action()
    stamp.write_text(made_from)


def content(*names: str) -> str:
    """One hash over the files of these names."""
    total = hashlib.sha256()
    for name in names:
        total.update(hashlib.sha256((ROOT / name).read_bytes()).digest())
    return total.hexdigest()


def on_debian_as_root() -> bool:
    """Whether apt-get may be used."""
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    return root and Path("/etc/debian_version").exists() and shutil.which("apt-get") is not None


def debian(*packages: str) -> None:
    """Install Debian packages; only where on_debian_as_root()."""
    say(f"installing {', '.join(packages)} from Debian")
    run("apt-get", "update", "-qq", what="reading Debian's package lists")
    options = ("-y", "-qq", "--no-install-recommends")
    run("apt-get", "install", *options, *packages, what=f"installing {', '.join(packages)}")


def programs() -> None:
    """Programs that some tests run. Absent ones are named, for a run without them says less."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing and on_debian_as_root():
        debian(*missing)
        return
    for name in missing:
        say(f"left out: {PROGRAMS[name]}; {name} is not installed, which takes root on Debian")


def make_venv() -> None:
    """An empty .venv of this interpreter. A whole one is kept, whoever made it."""
    if is_whole(VENV):
        return
    say(f"making .venv with Python {'.'.join(map(str, sys.version_info[:3]))}")
    try:
        import ensurepip  # noqa: F401
    except ImportError:
        package = f"python3.{sys.version_info[1]}-venv"
        if not on_debian_as_root():
            raise SetupError(
                f"this Python has no ensurepip; install Debian's {package} as root"
            ) from None
        debian(package)
    run(sys.executable, "-m", "venv", "--clear", VENV, what="making .venv")


def is_whole(venv: Path) -> bool:
    """Whether `venv` stands where it was made, is new enough, and has pip."""
    question = (
        "import sys, importlib.util as u; "
        f"sys.exit(not (sys.version_info >= {OLDEST} and u.find_spec('pip')))"
    )
    try:
        # Where a path is too long for a #! line, pip's script has it on the second.
        head = (venv / "bin" / "pip").read_text().splitlines()[:3]
        asked = subprocess.run(
            [str(venv / "bin" / "python"), "-c", question], capture_output=True, check=False
        )
    except (OSError, UnicodeDecodeError):
        return False
    return f"{venv}/" in "".join(head) and asked.returncode == 0


def identity() -> str:
    """Changes when .venv is made anew: what was installed into the old one is gone then."""
    made = (VENV / "pyvenv.cfg").stat()
    return f"{VENV} {made.st_mtime_ns} {made.st_ino}"


def bootstrap() -> None:
    """pip brings uv, which brings the rest in seconds."""
    say("installing uv")
    pip = (PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    run(*pip, "--require-hashes", "-r", "requirements/bootstrap.txt", what="installing uv")


def requirements(purpose: str) -> None:
    """Install one hashed lock."""
    name = f"requirements/{purpose}.txt"

    def action() -> None:
        say(f"installing {name}")
        pip = (UV, "pip", "install", "--quiet", "--python", PYTHON)
        run(*pip, "--require-hashes", "-r", name, what=f"installing {name}")

    step(purpose, f"{identity()} {content(name)}", action)


def built_dashboard() -> None:
    """The page that the server serves; takes a Node from PyPI when the machine has none."""
    import dashboard

    try:
        if dashboard.is_fresh(ROOT):
            return
        if dashboard.find_node(ROOT) is None:
            say("no Node that is new enough: taking one from PyPI")
            requirements("node")
        say("building the dashboard")
        dashboard.build(ROOT)
    except dashboard.DashboardError as error:
        raise SetupError(str(error)) from None


def package() -> None:
    """Tachograph itself, editable."""
    say("installing tachograph, editable")
    pip = (UV, "pip", "install", "--quiet", "--python", PYTHON)
    options = ("--no-deps", "--no-build-isolation", "--reinstall-package", "tachograph")
    run(*pip, *options, "--editable", ROOT, what="installing tachograph")


def setup(purposes: list[str]) -> None:
    """All steps, in order."""
    programs()
    make_venv()
    if not UV.is_file():
        (STAMPS / "bootstrap").unlink(missing_ok=True)
    step("bootstrap", f"{identity()} {content('requirements/bootstrap.txt')}", bootstrap)
    for purpose in purposes:
        requirements(purpose)
    built_dashboard()
    parts = ("pyproject.toml", "hatch_build.py", "src/tachograph/_version.py")
    step("package", f"{identity()} {content(*parts)}", package)


@contextmanager
def alone() -> Iterator[None]:
    """One setup at a time in this checkout; a second one waits."""
    import fcntl

    STAMPS.mkdir(exist_ok=True)
    with (STAMPS / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another setup of this checkout")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def with_new_enough_python() -> None:
    """Go on under a newer interpreter when this one is too old and another is on PATH."""
    if sys.version_info >= OLDEST:
        return
    newer = next(filter(None, map(shutil.which, NEWER)), None)
    if newer is None:
        seen = ".".join(map(str, sys.version_info[:3]))
        raise SetupError(
            f"Python {seen} is too old, 3.11 or later is needed; install one and name it: "
            "`make setup PYTHON=/path/to/python3`"
        )
    os.execv(newer, [newer, *sys.argv])


def main(extra_purposes: list[str]) -> int:
    """Set up for development, and for what else was named (docs)."""
    try:
        with_new_enough_python()
        with alone():
            setup(["dev", *extra_purposes])
    except SetupError as error:
        print(f"setup: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
