"""`tacho watch TOPIC...`: topics in a terminal, or a JSON line for each change in a pipe."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from rich.table import Table

    from tachograph.client import Update

#: Members of an object that a line of the terminal shows.
_SHOWN = 6


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("topics", metavar="TOPIC", nargs="+", help="system, actions, your own ...")
    parser.add_argument("--project", metavar="P", help="of one project only")
    parser.add_argument("--rate", metavar="HZ", type=float, default=1.0, help="updates/s (1)")
    parser.add_argument("--url", metavar="URL", help="the dashboard (the one of this home)")
    parser.add_argument("--token", metavar="T", help="its token (TACHOGRAPH_TOKEN, or the home's)")
    parser.add_argument("--changes", action="store_true", help="JSON lines of what changed only")
    parser.add_argument("--json", action="store_true", help="JSON lines in a terminal too")
    parser.add_argument("--count", metavar="N", type=int, default=0, help="end after N updates")


def run(args: argparse.Namespace) -> int:
    """Show them until Ctrl-C, or as many as were asked for."""
    from tachograph.client import watch

    updates = watch(
        *args.topics,
        url=args.url,
        token=args.token,
        project=args.project,
        rate=args.rate,
        lost=_say_lost,
    )
    if args.count:
        updates = islice(updates, args.count)
    if sys.stdout.isatty() and not (args.json or args.changes):
        _show(updates)
    else:
        _print(updates, args.changes)
    return 0


def _say_lost(why: str, wait_s: float) -> None:
    print(f"tacho: {why}; next try in {wait_s:.1f} s", file=sys.stderr, flush=True)


def _print(updates: Iterator[Update], changes: bool) -> None:
    for update in updates:
        value = update.value if not changes or update.changes is None else update.changes
        key = "value" if value is update.value else "changes"
        line = {"topic": update.topic, "pos": update.pos, "at": update.at, key: value}
        try:
            sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
            sys.stdout.flush()
        except BrokenPipeError:  # `| head` has seen enough
            sys.stderr.close()
            return


def _show(updates: Iterator[Update]) -> None:
    from rich.live import Live

    values: dict[str, dict[str, Any]] = {}
    with Live(refresh_per_second=10) as live:
        for update in updates:
            values[update.topic] = update.value
            live.update(_table(values, update.changes or {}))


def _table(values: dict[str, dict[str, Any]], changes: dict[str, Any]) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, caption=time.strftime("%H:%M:%S"))
    for head in ("topic", "key", "value"):
        table.add_column(head, style="dim" if head == "topic" else "", overflow="fold")
    for topic, value in values.items():
        for key, member in sorted(value.items()):
            style = "bold" if key in changes else ""
            table.add_row(topic, key, shown(member), style=style)
    return table


def shown(member: Any) -> str:
    """A member of a value in one line: figures as they are, objects by what they hold."""
    if isinstance(member, float):
        return f"{member:,.3f}".rstrip("0").rstrip(".")
    if not isinstance(member, dict | list):
        return str(member)
    names = ", ".join(map(str, list(member)[:_SHOWN]))
    more = f", … {len(member)} in all" if len(member) > _SHOWN else ""
    return f"{names}{more}" if member else "nothing"
