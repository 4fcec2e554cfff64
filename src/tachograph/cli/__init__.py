"""The command `tacho`: argparse, one module per command, loaded when it is called.

Exit codes: 0 well, 1 a check failed, 2 wrong use or environment, said in one sentence.
"""

from __future__ import annotations

import sys

from tachograph.errors import MissingExtra, TachographError

# `tacho run` comes through here, and the program waits for it: argparse is for the others.
TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

#: Command -> what it does. Its module has `arguments(parser)` and `run(args) -> int`.
COMMANDS = {
    "dashboard": "serve the live page",
    "demo": "show a real job live: the dashboard, and four processes that catalogue files",
    "doctor": "say what is found here, what is missing, and why nothing is seen",
    "forget": "delete a source that is over, or a whole project, for good",
    "run": "record any command without a change to it",
    "sources": "list what records, or has recorded, on this machine",
    "watch": "show topics of a running dashboard as they change",
}
#: Modules whose absence means that an extra is not installed.
_EXTRAS = {"server": ("fastapi", "uvicorn", "rich", "itsdangerous", "starlette", "websockets")}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        if words[:1] == ["run"]:
            from tachograph.cli.run import run_at_once

            code = run_at_once(words[1:])
            if code is not None:
                return code
        return _run(words)
    except TachographError as error:
        return _fail(error)
    except KeyboardInterrupt:
        return 130


def _run(words: Sequence[str]) -> int:
    from importlib import import_module

    parser = _parser(words[0] if words else "")
    args = parser.parse_args(words)
    if not args.command:
        parser.print_help()
        return 2
    try:
        code: int = import_module(f"tachograph.cli.{args.command}").run(args)
        return code
    except ModuleNotFoundError as error:
        return _fail(_missing(error, args.command))


def _parser(chosen: str) -> argparse.ArgumentParser:
    import argparse
    from importlib import import_module

    from tachograph._version import __version__

    parser = argparse.ArgumentParser(
        prog="tacho", description="Live performance for Python programs."
    )
    parser.add_argument("--version", action="version", version=f"tachograph {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, text in COMMANDS.items():
        command = commands.add_parser(
            name, help=text, description=text[:1].upper() + text[1:] + "."
        )
        if name == chosen:
            import_module(f"tachograph.cli.{name}").arguments(command)
    return parser


def _missing(error: ModuleNotFoundError, command: str) -> TachographError:
    for extra, modules in _EXTRAS.items():
        if error.name and error.name.split(".")[0] in modules:
            return MissingExtra(f"tacho {command}", extra)
    raise error


def _fail(error: Exception) -> int:
    print(f"tacho: {error}", file=sys.stderr)
    return 2
