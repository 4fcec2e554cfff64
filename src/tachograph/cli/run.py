"""`tacho run -- COMMAND`: record a program without a change to it."""

from __future__ import annotations

import os

from tachograph.errors import ConfigError

# What comes before the program's start is paid by everybody. So nothing is imported here that
# Python has not loaded for itself, and the recorder comes when the program is under way.
TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

_OPTIONS = ("--service", "--project")


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options, then the command."""
    import argparse

    parser.usage = "tacho run [--service S] [--project P] -- COMMAND..."
    parser.add_argument("--service", metavar="S", help="the program's name (its script's)")
    parser.add_argument("--project", metavar="P", help="the project (the git root's folder)")
    parser.add_argument("words", metavar="COMMAND", nargs=argparse.REMAINDER, help="the program")


def run(args: argparse.Namespace) -> int:
    """Run it and return its exit code; 128 + n when signal n ended it."""
    command = args.words[1:] if args.words[:1] == ["--"] else args.words
    if not command:
        raise ConfigError("tacho run needs a command: tacho run -- python job.py")
    return _record(command, args.service, args.project)


def run_at_once(words: Sequence[str]) -> int | None:
    """As `run`, from the words behind `tacho run` and without argparse; None where these are
    not plain options and a command."""
    options: dict[str, str] = {}
    rest = list(words)
    while rest and rest[0].startswith("-"):
        word = rest.pop(0)
        if word == "--":
            break
        name, mark, value = word.partition("=")
        if name not in _OPTIONS or not (mark or rest):
            return None
        options[name] = value if mark else rest.pop(0)
    return _record(rest, options.get("--service"), options.get("--project")) if rest else None


def _record(command: Sequence[str], service: str | None, project: str | None) -> int:
    from tachograph.sdk import supervise

    if os.environ.get("TACHOGRAPH_DISABLED", "").strip().lower() not in ("", "0", "false", "no"):
        supervise.become(command)
    source_id = supervise.new_id()
    child = supervise.start(command, source_id)
    child.give_way()

    from tachograph.sdk.identity import child_source
    from tachograph.sdk.recorder import Recorder
    from tachograph.sdk.settings import Settings

    settings = Settings()
    name = service or supervise.service_of(command)
    source = child_source(
        source_id, child.pid, command, name, project, settings.interval_s, settings.scrubber
    )
    return supervise.follow(child, Recorder(settings, source=source))
