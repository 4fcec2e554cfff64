"""`python -m benchmarks`: run them, each in a process of its own, and show what they found."""

from __future__ import annotations

import argparse
import datetime
import sys
from pathlib import Path

from benchmarks import machine
from benchmarks.report import page, terminal
from benchmarks.run import NAMES, measured

SECONDS = 20.0


def main() -> int:
    """See the module."""
    args = _arguments()
    facts, results = machine.facts(), []
    for name in args.only or NAMES:
        result = measured(name, args.seconds)
        results.append(result)
        print(terminal(result), flush=True)
    if args.write:
        command = " ".join(["python -m benchmarks", *sys.argv[1:]])
        today = datetime.date.today().isoformat()
        args.write.write_text(page(results, facts, command, today))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, help="for each benchmark, about (%(default)s)"
    )
    parser.add_argument(
        "--only", action="append", choices=NAMES, metavar="NAME", help=", ".join(NAMES)
    )
    parser.add_argument("--write", type=Path, metavar="FILE", help="a page in Markdown")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
