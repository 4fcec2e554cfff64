"""The public functions: names for what `spans`, `instruments` and `recorder` do.

None of them raises for a bad value: what can't be recorded is counted and warned of once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, overload

from tachograph.errors import ConfigError
from tachograph.model import Merge
from tachograph.sdk import lifecycle as _lifecycle
from tachograph.sdk import limits
from tachograph.sdk import recorder as recording
from tachograph.sdk.inbox import PUBLISHES, admit, inbox, refuse
from tachograph.sdk.instruments import Counter, Gauge, find_counter, find_gauge
from tachograph.sdk.spans import Action, Event, Work, maker
from tachograph.sdk.timers import Timer, new_timer, timer_tray, trays

#: Imported for what it hooks in; at the top, so that nothing is imported while recording.
_ = _lifecycle
Function = TypeVar("Function", bound=Callable[..., Any])
Labels = Mapping[str, str] | None


def configure(service: str | None = None, project: str | None = None, **options: Any) -> None:
    """Say who this program is, and begin to record.

    `service` defaults to the script's name, `project` to the name of the git root's folder.
    Options: `interval_s` (seconds between two samples of the process tree, 1.0), `home`
    (a directory), `enabled`, `scrub` (a list of names whose values are secret here, too). What
    can't be taken is warned of and ignored.
    """
    settings = recording.settings()
    for key, value in {"service": service, "project": project, **options}.items():
        try:
            settings = settings.changed(**{key: value})
        except ConfigError as error:
            recording.log.warning("tachograph: %s", error)
    recording.apply_settings(settings)
    try:
        recording.begin()
    except Exception as error:  # the edge: nothing of ours reaches the host
        recording.log.warning("tachograph: recording could not begin (%s)", error)


def _pairs(labels: Labels) -> tuple[tuple[str, str], ...]:
    if not labels:
        return ()
    try:
        return tuple(sorted((str(key), str(value)) for key, value in labels.items()))
    except Exception:
        refuse()
        return ()


def counter(name: str, unit: str = "", labels: Labels = None) -> Counter:
    """A sum that only grows: `counter("files.skipped").add(1)`."""
    return find_counter(name, unit, _pairs(labels))


def gauge(name: str, unit: str = "", labels: Labels = None, merge: Merge = "sum") -> Gauge:
    """A value that goes up and down: `gauge("queue.depth", unit="items").set(5)`.

    `merge` says how the values of several processes become one.
    """
    return find_gauge(name, unit, _pairs(labels), merge)


def timer(name: str, labels: Labels = None) -> Timer:
    """Durations without a span: as `with`, `async with`, decorator, or `.observe(seconds)`."""
    if labels:
        return new_timer(timer_tray(name, _pairs(labels)))
    try:
        tray = trays[name]
    except Exception:  # a new name, or something that is none
        tray = timer_tray(name, ())
    # As `new_timer`, without the call.
    timer = Timer()
    timer.tray = tray
    timer.start = 0.0
    timer.shared = False
    return timer


if TYPE_CHECKING:

    @overload
    def action(name: Function) -> Function: ...
    @overload
    def action(name: str, **attributes: Any) -> Action: ...
    def action(name: Any, **attributes: Any) -> Any:
        """Something the program does: timed, counted, success or failure.

        As `with`, `async with`, decorator (with or without a name), or `.record(duration_s)`.
        """

    @overload
    def event(name: Function) -> Function: ...
    @overload
    def event(name: str, **attributes: Any) -> Event: ...
    def event(name: Any, **attributes: Any) -> Any:
        """Something that happened to the program and was processed, as `action`;
        directly: `event("message").record(processing_s=0.05)`."""

    @overload
    def span(name: Function) -> Function: ...
    @overload
    def span(name: str, **attributes: Any) -> Work: ...
    def span(name: Any, **attributes: Any) -> Any:
        """Any other piece of work, kind `work`."""

else:
    action, event, span = maker(Action), maker(Event), maker(Work)


def publish(topic: str, value: Mapping[str, Any]) -> None:
    """Merge `value` (a JSON object) into a topic of your own, key by key; the latest wins.

    None deletes the key. Live on the page and over `/ws?topics=...`.
    """
    if not isinstance(value, Mapping):
        return refuse()
    try:
        news = limits.text(topic, limits.MAX_NAME), limits.json_value(dict(value))
    except Exception:
        return refuse()
    if inbox.room:
        inbox.room -= 1
    elif not admit():
        return None
    inbox.publishes.append(news)
    if len(inbox.publishes) > PUBLISHES:
        _drop_the_oldest()
    return None


def _drop_the_oldest() -> None:
    """The latest wins, so the oldest goes when the flusher doesn't come by."""
    try:
        inbox.publishes.popleft()
    except IndexError:  # it has just come
        return
    inbox.dropped += 1


def flush(timeout_s: float = 1.0) -> bool:
    """Write what was recorded so far, now. False when that failed or took too long."""
    recorder = recording.recorder()
    return recorder.flush(timeout_s) if recorder is not None else True


def shutdown(timeout_s: float = 1.0) -> None:
    """Write the rest and say goodbye. Happens by itself at the program's end."""
    recorder = recording.recorder()
    if recorder is not None and recorder.turn.is_mine:  # from a handler, amid a frame of ours
        recorder.turn.put_off(lambda: recording.end("ended", "", timeout_s))
    else:
        recording.end("ended", "", timeout_s)
