"""What the journal itself says: its logs, the programs behind them, what is damaged or lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from tachograph.cli.diagnosis.disk import size
from tachograph.cli.diagnosis.finding import Finding, note, ok, problem
from tachograph.cli.sources import read
from tachograph.core.source import SourceState
from tachograph.frames import VERSION
from tachograph.journal.file import FileJournal
from tachograph.model import Position

#: As the server takes it: a living source that says nothing for so long is silent.
SILENT_S = 2.0
#: Frames so far ahead of this machine's clock come from a clock that is wrong.
AHEAD_S = 5.0
SNIPPET = "python -c \"import tachograph as tacho; tacho.action('hello').record(0.1)\""


class Log(NamedTuple):
    """One source's log. `state` is None when it wasn't read, or holds nothing readable."""

    id: str
    alive: bool
    size_bytes: int
    state: SourceState | None = None
    damaged_bytes: int = 0
    too_new: bool = False
    looked_into: bool = False


def look(journal: FileJournal, in_time: Callable[[], bool]) -> list[Log]:
    """All logs, the newest first. They are read as long as `in_time` says so, the newest always."""
    found: list[Log] = []
    for id in reversed(journal.sources()):
        log = Log(id, journal.alive(id), journal.size_bytes(id))
        found.append(_read(journal, log) if not found or in_time() else log)
    return found


def _read(journal: FileJournal, log: Log) -> Log:
    position, more, damaged, too_new = Position(log.id, 0), True, 0, False
    while more:
        batch = journal.read(log.id, position)
        position, more = batch.position, batch.more
        damaged += batch.damaged_bytes
        too_new = too_new or any(encoded.version > VERSION for encoded in batch.frames)
    state = read(journal, log.id)
    return Log(log.id, log.alive, log.size_bytes, state, damaged, too_new, True)


def journal(root: str, logs: list[Log], errors: dict[str, str]) -> Iterator[Finding]:
    """How many logs there are, how large, and which can't be read."""
    total = size(sum(log.size_bytes for log in logs))
    yield ok("journal", f"{_count(len(logs), 'log')}, {total}, in {root}")
    if errors:
        first = next(iter(errors.values()))
        yield problem(
            "journal",
            f"{_count(len(errors), 'log')} can't be read: {first}",
            "files of this user",
            "run `tacho` as the user who records, or give that user a home of its own",
        )
    if any(log.too_new for log in logs):
        yield problem(
            "journal",
            f"{_count(sum(log.too_new for log in logs), 'log')} of a later version of tachograph",
            "frames that this version knows",
            "upgrade tachograph where the dashboard runs: pip install -U 'tachograph[server]'",
        )
    damaged = [log for log in logs if log.damaged_bytes]
    if damaged:
        worst = max(damaged, key=lambda log: log.damaged_bytes)
        yield note(
            "journal",
            f"{_count(len(damaged), 'damaged log')}, the worst {worst.id} with "
            f"{size(worst.damaged_bytes)}",
            "whole frames",
            "nothing: what stands before and behind is read, the rest is counted as lost; a full "
            "disk or a crash of the machine leaves such",
        )


def sources(logs: list[Log], now: float) -> Iterator[Finding]:
    """Who records and who has; when nobody, what to do."""
    if not logs:
        yield note(
            "sources",
            "no program has recorded here",
            "one log per process that records",
            f"record something as this user, with this environment: {SNIPPET}",
        )
        return
    known = [log.state for log in logs if log.state is not None]
    live = [log for log in logs if log.alive]
    seen = f"{len(live)} live{_names(live)}, {len(logs) - len(live)} ended"
    unread = sum(not log.looked_into for log in logs)
    seen += f", {unread} of them not looked into" if unread else ""
    if known:
        newest = max(known, key=lambda state: state.last_ns)
        at = f"{max(0.0, now - newest.last_ns / 1e9):.0f} s ago by {newest.source.service}"
        seen += f"; newest frame {at}"
    yield ok("sources", seen)
    yield from _silent(live, now)
    yield from _losses(known)
    yield from _ahead(known, now)


def _names(live: list[Log]) -> str:
    names = [
        f"{log.state.source.service} {log.state.source.pid}"
        for log in live
        if log.state is not None
    ]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f" ({', '.join(names[:3])}{more})" if names else ""


def _silent(live: list[Log], now: float) -> Iterator[Finding]:
    silent = [
        state
        for log in live
        if (state := log.state) is not None
        and now - state.last_ns / 1e9 > max(SILENT_S, 2 * state.source.interval_s)
    ]
    if silent:
        source = silent[0].source
        yield note(
            "sources",
            f"{_count(len(silent), 'process')} live without a word for long, such as "
            f"{source.service}, pid {source.pid}",
            f"a frame every {source.interval_s:g} s",
            "it is stopped (Ctrl-Z, a debugger), holds Python's lock, or its journal can't be "
            "written: see its warnings on the logger `tachograph`",
        )


def _losses(known: list[SourceState]) -> Iterator[Finding]:
    causes: dict[str, int] = {}
    for state in known:
        for reason, count in state.losses.items():
            causes[reason] = causes.get(reason, 0) + count
        if state.lost:
            causes["missing frames"] = causes.get("missing frames", 0) + state.lost
    if causes:
        yield note(
            "lost",
            ", ".join(f"{count} {reason}" for reason, count in sorted(causes.items())),
            "none",
            "what each of them means stands in the documentation, under Troubleshooting",
        )


def _ahead(known: list[SourceState], now: float) -> Iterator[Finding]:
    ahead = max((state.last_ns / 1e9 - now for state in known), default=0.0)
    if ahead > AHEAD_S:
        yield problem(
            "clock",
            f"the newest frame is {ahead:.0f} s ahead of this machine's clock",
            f"at most {AHEAD_S:.0f} s",
            "set the clock right (timedatectl set-ntp true) here, or where that program ran",
        )


def _count(number: int, noun: str) -> str:
    plural = "processes" if noun == "process" else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"
