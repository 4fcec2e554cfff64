"""`tacho sources`: what records on this machine, read straight from the journal."""

from __future__ import annotations

import argparse
import time

from tachograph.core.source import SourceState
from tachograph.errors import FrameError
from tachograph.frames import decode
from tachograph.journal.base import Journal
from tachograph.model import Position, Source
from tachograph.sdk.settings import Settings

_ROW = "{state:<11} {service:<24} {project:<18} {pid:>8}  {age:<12} {sent:>9} {lost:>6}"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("--all", action="store_true", help="those that ended over a day ago too")


def run(args: argparse.Namespace) -> int:
    """Print a row per source. Needs no server, and none needs to run."""
    journal = Settings().open_journal()
    now = time.time()
    states = [state for id in journal.sources() if (state := read(journal, id)) is not None]
    if not args.all:
        states = [s for s in states if not s.final or now - s.last_ns / 1e9 < 86_400]
    if not states:
        print("No source has recorded yet. Put `import tachograph` into a program and run it.")
        return 0
    print(_ROW.format(**_HEAD))
    for state in sorted(states, key=lambda one: one.source.started_ns):
        print(row(state, now))
    return 0


_HEAD = {
    "state": "STATE",
    "service": "SERVICE",
    "project": "PROJECT",
    "pid": "PID",
    "age": "LAST FRAME",
    "sent": "FRAMES",
    "lost": "LOST",
}


def read(journal: Journal, id: str) -> SourceState | None:
    """The state that a log's frames add up to, None when it holds no checkpoint."""
    state = SourceState(Source(id, "", "", "", 0, 0))
    position, more, torn = Position(id, 0), True, False
    while more:
        batch = journal.read(id, position)
        position, more = batch.position, batch.more
        state.gap(sum(gap.count for gap in batch.gaps))
        torn = batch.torn or (torn and not batch.frames)
        for encoded in batch.frames:
            try:
                state.apply(decode(encoded), encoded.seq)
            except FrameError:
                state.gap(1)
    if not state.source.pid:
        return None
    if not journal.alive(id):
        state.gap(int(torn))
        state.dead(state.last_ns)
    return state


def row(state: SourceState, now: float) -> str:
    """One line."""
    source = state.source
    return _ROW.format(
        state=state.state,
        service=_cut(source.service, 24),
        project=_cut(source.project, 18),
        pid=source.pid,
        age=f"{_age(now - state.last_ns / 1e9)} ago",
        sent=state.seq,
        lost=state.lost_total,
    )


def _cut(text: str, width: int) -> str:
    text = "".join(c if c.isprintable() else "?" for c in text)
    return text if len(text) <= width else text[: width - 1] + "…"


def _age(seconds: float) -> str:
    seconds = max(0, int(seconds))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
