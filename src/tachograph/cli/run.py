"""`tacho run -- COMMAND`: record a program without a change to it."""

from __future__ import annotations

import argparse
import os

from tachograph.errors import ConfigError

# What comes before the program's start is paid by everybody: the recorder is imported after it.


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options, then the command."""
    parser.usage = "tacho run [--service S] [--project P] -- COMMAND..."
    parser.add_argument("--service", metavar="S", help="the program's name (its script's)")
    parser.add_argument("--project", metavar="P", help="the project (the git root's folder)")
    parser.add_argument("words", metavar="COMMAND", nargs=argparse.REMAINDER, help="the program")


def run(args: argparse.Namespace) -> int:
    """Run it and return its exit code; 128 + n when signal n ended it."""
    command = args.words[1:] if args.words[:1] == ["--"] else args.words
    if not command:
        raise ConfigError("tacho run needs a command: tacho run -- python job.py")
    if os.environ.get("TACHOGRAPH_DISABLED", "").strip().lower() not in ("", "0", "false", "no"):
        os.execvp(command[0], command)
    from tachograph.sdk import supervise

    source_id = supervise.new_id()
    child = supervise.start(command, source_id)

    from tachograph.sdk.identity import child_source
    from tachograph.sdk.recorder import Recorder
    from tachograph.sdk.settings import Settings

    settings = Settings()
    service = args.service or supervise.service_of(command)
    source = child_source(
        source_id, child.process.pid, command, service, args.project, settings.interval_s
    )
    return supervise.follow(child, Recorder(settings, source=source))
