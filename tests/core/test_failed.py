"""Failures: the last of each name are shown, all of them stored once, none without bound."""

from __future__ import annotations

import pytest

from tachograph.core import failed as failures
from tachograph.core.failed import KEEP, Failed
from tachograph.model import ErrorRecord, Source, SpanEnd

NOON_NS = 1_800_014_400_000_000_000


def source(id: str = "p1", project: str = "photos") -> Source:
    return Source(id, "catalog", project, "here", 7, NOON_NS)


def end(n: int, name: str = "click", kind: str = "action", error: str = "Oops") -> SpanEnd:
    return SpanEnd(n, 0, kind, name, NOON_NS + n, 0.5, 0.5, error, {"n": n}, f"trace {n}")  # type: ignore[arg-type]


def record(n: int, name: str = "click", project: str = "photos", id: str = "p0") -> ErrorRecord:
    return ErrorRecord(id, project, "catalog", "action", name, NOON_NS + n, 0.5, "Old")


def instants(failed: Failed, name: str = "click", project: str | None = None) -> list[int]:
    return [one.at_ns - NOON_NS for one in failed.recent("action", name, project)]


def test_only_what_failed() -> None:
    """A span without an error is none of them; the others are kept with all that is known."""
    failed = Failed()
    failed.add(source(), [end(1, error=""), end(2)])
    (one,) = failed.recent("action", "click")
    assert (one.source, one.error, one.trace, one.attributes) == ("p1", "Oops", "trace 2", {"n": 2})
    assert [record.at_ns for record in failed.take()] == [NOON_NS + 2]
    assert failed.take() == []


def test_newest_first() -> None:
    """The last twenty, the newest first, of one project or of all; kinds and names stay apart."""
    failed = Failed()
    for n in range(50):
        failed.add(source(f"p{n % 2}", ("photos", "music")[n % 2]), [end(n)])
    failed.add(source(), [end(99, "other"), end(98, kind="event")])
    assert instants(failed) == list(range(49, 29, -1))
    assert instants(failed, project="photos") == list(range(48, 9, -2))
    assert instants(failed, "nobody") == []


def test_after_a_restart() -> None:
    """What the store knows comes behind what failed since, whatever its order is; what both know
    is there once, and one name is asked for once."""
    failed = Failed()
    failed.add(source(), [end(100), end(101)])
    assert failed.incomplete("action", "click")
    stored = [*failed.take(), *(record(n) for n in (7, 5, 6)), record(3, project="music")]
    failed.restore("action", "click", stored)
    assert instants(failed) == [101, 100, 7, 6, 5, 3]
    assert instants(failed, project="music") == [3]
    assert not failed.incomplete("action", "click")
    assert failed.incomplete("action", "other")
    assert failed.take() == []


def test_the_stored_push_out_nothing_newer() -> None:
    """A store full of old failures leaves the new ones where they are."""
    failed = Failed()
    failed.add(source(), [end(1000 + n) for n in range(15)])
    failed.restore("action", "click", [record(n) for n in range(50)])
    assert instants(failed) == [*range(1014, 999, -1), *range(49, 44, -1)]
    assert len(instants(failed)) == KEEP


def test_names_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of too many names the one that failed longest ago goes, and can be asked for again."""
    monkeypatch.setattr(failures, "MAX_NAMES", 2)
    failed = Failed()
    failed.restore("action", "a", [record(1, "a")])
    for n, name in enumerate(("b", "a", "c")):
        failed.add(source(), [end(10 + n, name)])
    assert (instants(failed, "a"), instants(failed, "b"), instants(failed, "c")) == (
        [11, 1],
        [],
        [12],
    )
    assert not failed.incomplete("action", "a")
    failed.add(source(), [end(20, "d")])
    assert failed.incomplete("action", "a")


def test_a_store_that_takes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be stored waits for the next time, the oldest first; beyond the limit it is
    counted as dropped and still shown."""
    monkeypatch.setattr(failures, "MAX_WAITING", 4)
    failed = Failed()
    failed.add(source(), [end(1), end(2)])
    taken = failed.take()
    failed.add(source(), [end(3), end(4), end(5)])
    failed.give_back(taken)
    assert [one.at_ns - NOON_NS for one in failed.take()] == [1, 2, 3, 4]
    assert failed.dropped == 1
    assert instants(failed) == [5, 4, 3, 2, 1]


def test_forget() -> None:
    """A project that is forgotten leaves nothing, neither shown nor to be stored."""
    failed = Failed()
    failed.add(source("p1", "photos"), [end(1)])
    failed.add(source("p2", "music"), [end(2)])
    failed.forget("photos")
    assert instants(failed) == [2]
    assert [one.project for one in failed.take()] == ["music"]
