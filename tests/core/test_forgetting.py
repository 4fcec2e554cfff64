"""What the server keeps in memory of a project or a source, and how it is let go of."""

from __future__ import annotations

from tachograph.core.failed import Failed
from tachograph.core.published import Published
from tachograph.model import SpanEnd
from tests.core.program import NOON, Program, Reader


def failed_of(*programs: Program) -> Failed:
    failed = Failed()
    for program in programs:
        end = SpanEnd(1, 0, "action", "click", int(NOON * 1e9), 0.5, 0.5, "Oops")
        failed.add(program.source, [end])
    return failed


def test_published_values_of_a_project() -> None:
    """Its own go, a topic that nobody else published to with them; where it had the last word,
    the one before counts again."""
    published = Published()
    published.merge("tasks", "music", {"open": 1})
    published.merge("tasks", "photos", {"open": 2, "done": 3})
    published.merge("own", "photos", {"a": 1})
    published.merge("all", "", {"b": 1})
    assert published.projects() == {"music", "photos"}
    published.forget("photos")
    assert published.projects() == {"music"}
    assert published.topics() == ["all", "tasks"]
    assert published.value("tasks", None) == {"open": 1}
    assert published.value("tasks", "photos") == {}
    assert published.value("all", "photos") == {"b": 1}
    assert {row[2] for row in published.dump()} == {"music", ""}


def test_seconds_of_a_project() -> None:
    """What waits to be stored goes, series that are not stored yet and gauges that are not
    merged yet too; who records again has his series stored again."""
    reader, photos, music = Reader(), Program("p1"), Program("q1", project="music")
    for program in (photos, music):
        program.do(0.5)
        program.count(1)
        program.gauge("depth", 2.0)
        reader.read(program, NOON)
    reader.seconds.forget("photos")
    series, seconds = reader.seconds.take()
    assert {one.key.project for one in series} == {"music"}
    assert {key.project for row in seconds for key, _ in row.samples} == {"music"}
    photos.count(2)
    reader.read(photos, NOON + 1)
    series, seconds = reader.seconds.take()
    assert [one.key.name for one in series] == ["files"]
    assert [sample.value for row in seconds for _, sample in row.samples] == [2.0]


def test_failures_of_a_source() -> None:
    """Shown or waiting to be stored: those of the others stay."""
    failed = failed_of(Program("p1"), Program("p2"), Program("q1", project="music"))
    failed.forget_source("p1")
    assert [one.source for one in failed.recent("action", "click", "photos")] == ["p2"]
    assert [one.source for one in failed.take()] == ["p2", "q1"]
