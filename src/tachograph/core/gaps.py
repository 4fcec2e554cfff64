"""Why a chart has no figures at an instant, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from tachograph.core.source import SourceState

NOBODY = "no program was running"
SUSPENDED = "the machine was suspended"
STOOD_STILL = "this server stood still"
NOT_SERVED = "this server was not running"
NOTHING = "no figures were recorded"
#: The loss that counts frames; all other ones count records.
UNWRITTEN = "journal not writable"

_ENDS = {
    "ended": "has ended",
    "failed": "has failed",
    "terminated": "was terminated",
    "killed": "was killed",
}


def silence(states: Iterable[SourceState]) -> str:
    """Why none of these has figures now."""
    living = [state for state in states if not state.final]
    if not living:
        return NOBODY
    newest = max(living, key=lambda state: state.last_ns)
    who = newest.source.service
    if len(living) > 1:
        who += f" and {len(living) - 1} more"
    if newest.state == "live":
        return f"{who} {'have' if len(living) > 1 else 'has'} not been measured yet"
    say = "say" if len(living) > 1 else "says"
    return f"{who} {say} nothing since {clock(newest.last_ns)}"


def end(state: SourceState) -> str:
    """Why a source that is over has none."""
    return f"{state.source.service} {_ENDS[state.state]}"


def clock(at_ns: int) -> str:
    """The time of day."""
    seconds = at_ns // 1_000_000_000 % 86_400
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02} UTC"


class Lost:
    """What a source has lost, told once: each time what is new since the last time."""

    def __init__(self, state: SourceState) -> None:
        self._frames = missing(state)
        self._losses = dict(state.losses)

    def news(self, state: SourceState) -> str:
        """As words, "" without."""
        service, told = state.source.service, []
        frames = missing(state)
        if frames > self._frames:
            told.append(_are_missing(frames - self._frames, "frame", service))
        self._frames = frames
        if state.losses != self._losses:
            for reason, count in sorted(state.losses.items()):
                more = count - self._losses.get(reason, 0)
                if more > 0:
                    what = "frame" if reason == UNWRITTEN else "record"
                    told.append(f"{_are_missing(more, what, service)}: {reason}")
            self._losses = dict(state.losses)
        return "; ".join(told)


def _are_missing(count: int, what: str, service: str) -> str:
    few = count == 1
    return f"{count} {what}{'' if few else 's'} of {service} {'is' if few else 'are'} missing"


def missing(state: SourceState) -> int:
    """Frames that the source sent and that never arrived."""
    return max(state.lost, state.seq - state.received)
