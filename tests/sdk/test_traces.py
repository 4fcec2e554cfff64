"""Failures are told whole: why, from where, and before what went well."""

from __future__ import annotations

import asyncio
import gc
import itertools
import linecache
import os
import subprocess
import sys
import traceback
import weakref
from collections.abc import Callable
from pathlib import Path
from time import time_ns

import pytest

import tachograph as tacho
from tachograph.model import SpanEnd
from tachograph.sdk import inbox as boxes
from tachograph.sdk import limits
from tachograph.sdk import recorder as recording
from tachograph.sdk.failure import INNER, OUTER
from tachograph.sdk.scope import current
from tachograph.sdk.source_lines import MAX_FILE_BYTES, MAX_FILES, MAX_KEPT, SourceLines
from tachograph.sdk.spans import Action
from tachograph.testing import Captured
from tests.programs import Program, eventually, states

#: What failures there may be of a name is a matter of time: each test has names of its own.
numbers = itertools.count()


def failed(recorded: Captured) -> list[SpanEnd]:
    """The failed spans that were told whole, oldest first."""
    return [end for frame in recorded.frames for end in frame.ended if end.error]


def trace_of(recorded: Captured, work: Callable[[], object]) -> str:
    """The traceback that an action of a new name leaves which does this."""
    name = f"work {next(numbers)}"
    with pytest.raises(BaseException), tacho.action(name):  # noqa: B017, PT011
        work()
    (end,) = [end for end in failed(recorded) if end.name == name]
    return end.trace


def divide() -> float:
    return 1 / len([])


def test_it_is_what_python_prints(recorded: Captured) -> None:
    """Line by line, with the source; only the marks below it are Python's alone."""
    printed = ""
    try:
        with tacho.action("divide"):
            divide()
    except ZeroDivisionError:
        printed = traceback.format_exc()
    (end,) = failed(recorded)
    expected = [line for line in printed.rstrip().split("\n") if line.strip(" ^~")]
    assert end.trace.split("\n") == expected
    assert "return 1 / len([])" in end.trace
    assert end.error == "ZeroDivisionError: division by zero"


@pytest.mark.parametrize("make", [tacho.action, tacho.event, tacho.span])
def test_every_kind_of_span_has_one(recorded: Captured, make: Callable[[str], object]) -> None:
    """As `with` and `async with`, and one span inside another."""

    async def work() -> None:
        async with make("outer"):  # type: ignore[attr-defined]
            with make("inner"):  # type: ignore[attr-defined]
                divide()

    with pytest.raises(ZeroDivisionError):
        asyncio.run(work())
    inner, outer = failed(recorded)
    assert (inner.name, outer.name) == ("inner", "outer")
    for end in (inner, outer):
        assert end.trace.count("in divide\n") == 1


def test_wrappers_of_ours_are_not_in_it(recorded: Captured) -> None:
    """A decorated function's traceback shows the function, and nothing of the decorator."""

    @tacho.action("decorated")
    def decorated() -> float:
        return divide()

    with pytest.raises(ZeroDivisionError):
        decorated()
    (end,) = failed(recorded)
    assert end.trace.count('File "') == 2
    assert "decorator.py" not in end.trace


def test_causes_and_contexts(recorded: Captured) -> None:
    """The first comes first, and between two stands how one led to the other."""

    def chain() -> None:
        try:
            try:
                divide()
            except ZeroDivisionError as error:
                raise KeyError("inner") from error
        except KeyError:
            raise ValueError("outer")  # noqa: B904

    trace = trace_of(recorded, chain)
    order = [
        "ZeroDivisionError: division by zero",
        "The above exception was the direct cause of the following exception:",
        "KeyError: 'inner'",
        "During handling of the above exception, another exception occurred:",
        "ValueError: outer",
    ]
    assert [line for line in trace.split("\n") if line in order] == order
    assert trace.count("Traceback (most recent call last):") == 3


def test_a_context_that_is_suppressed(recorded: Captured) -> None:
    """`from None` is respected."""

    def suppress() -> None:
        try:
            divide()
        except ZeroDivisionError:
            raise ValueError("alone") from None

    assert "ZeroDivision" not in trace_of(recorded, suppress)


def test_a_chain_that_bites_its_tail(recorded: Captured) -> None:
    """Each exception is told once, and of very long chains the last ones."""

    def circle() -> None:
        one, two = ValueError("one"), ValueError("two")
        one.__cause__, two.__cause__ = two, one
        raise one

    def long() -> None:
        error: Exception | None = None
        for number in range(1000):
            later = ValueError(f"number {number}")
            later.__cause__ = error
            error = later
        assert error is not None
        raise error

    assert trace_of(recorded, circle).count("ValueError") == 2
    trace = trace_of(recorded, long)
    assert "number 999" in trace
    assert "number 0" not in trace


def test_notes_and_groups(recorded: Captured) -> None:
    """Notes stand below the message; a group names what is in it, and where that is from."""

    def group() -> None:
        errors: list[Exception] = [ValueError(f"part {n}") for n in range(15)]
        try:
            divide()
        except ZeroDivisionError as error:
            errors.insert(0, error)
        errors.insert(1, ExceptionGroup("nested", [KeyError("x"), KeyError("y")]))
        whole = ExceptionGroup("several", errors)
        whole.add_note("while testing")
        raise whole

    trace = trace_of(recorded, group)
    assert "ExceptionGroup: several (17 sub-exceptions)\nwhile testing\n" in trace
    assert "  | ZeroDivisionError: division by zero, " in trace
    assert " in divide\n" in trace
    assert "  | ExceptionGroup: nested (2 sub-exceptions) (2 inside)\n" in trace
    assert "  | ValueError: part 7\n  | and 7 more" in trace


def test_an_exception_whose_text_cannot_be_made(recorded: Captured) -> None:
    """Its traceback is told all the same; notes that are none are left out."""

    class Hostile(Exception):
        __notes__ = "no list"  # type: ignore[assignment]

        def __str__(self) -> str:
            raise RuntimeError("no text")

    def work() -> None:
        raise Hostile

    trace = trace_of(recorded, work)
    assert trace.endswith("Hostile: (its text could not be made)")
    assert "in test_an_exception_whose_text_cannot_be_made.<locals>.work" in trace


def test_a_syntax_error_and_a_lack_of_memory(recorded: Captured) -> None:
    """Both are exceptions like others."""
    assert "SyntaxError: " in trace_of(recorded, lambda: compile("a b", "made up.py", "exec"))

    def no_memory() -> None:
        raise MemoryError

    assert trace_of(recorded, no_memory).endswith("\nMemoryError")


def test_an_end_without_a_traceback(recorded: Captured) -> None:
    """Where there is none, there is an error and no trace; the kind alone is enough."""
    for name, error in (("none", ValueError("bare")), ("kind", None)):
        span = tacho.action(name)
        span.__enter__()
        span.__exit__(ValueError, error, None)
    assert [(end.error, end.trace) for end in failed(recorded)] == [
        ("ValueError: bare", ""),
        ("ValueError", ""),
    ]


def failing(span: Action) -> None:
    span.fail("said first")
    divide()


def test_fail_by_hand(recorded: Captured) -> None:
    """A text has no traceback; an exception has the one that it was caught with."""
    with tacho.action("text") as span:
        span.fail("quota exceeded")
    with tacho.action("empty") as span:
        span.fail("")
    with tacho.action("caught") as span:
        try:
            divide()
        except ZeroDivisionError as error:
            span.fail(error)
    with tacho.action("new") as span:
        span.fail(ValueError("never raised"))
    with pytest.raises(ZeroDivisionError), tacho.action("both") as span:
        failing(span)
    text, empty, caught, new, both = failed(recorded)
    assert (text.error, text.trace) == ("quota exceeded", "")
    assert (empty.error, empty.trace) == ("failed", "")
    assert caught.trace.endswith("in divide\n    return 1 / len([])\n" + caught.error)
    assert (new.error, new.trace) == ("ValueError: never raised", "")
    assert (both.error, both.trace) == ("said first", "")


def test_cancellation_leaves_no_trace(recorded: Captured) -> None:
    """What is no failure has neither error nor traceback."""
    with pytest.raises(asyncio.CancelledError), tacho.action("cancelled"):
        raise asyncio.CancelledError
    assert failed(recorded) == []
    assert recorded.timer("action", "cancelled").errors == 0


def test_nothing_of_the_program_is_kept_alive(recorded: Captured) -> None:
    """Before anything is written, exception, frames and what is in them are gone."""

    class Thing:
        pass

    class Broken(Exception):
        pass

    gone: list[weakref.ref[object]] = []

    def work() -> None:
        thing, error = Thing(), Broken("with things")
        gone.extend((weakref.ref(thing), weakref.ref(error)))
        raise error

    recorder = recording.recorder()
    assert recorder is not None
    with recorder.turn:  # the flusher stands still
        try:
            with tacho.action("alive"):
                work()
        except Broken:
            pass
        gc.collect()
        assert [ref() for ref in gone] == [None, None]
    assert "in test_nothing" in failed(recorded)[0].trace


# -- limits ------------------------------------------------------------------


def test_deep_recursion_is_told_in_a_few_lines(recorded: Captured) -> None:
    """The same line in a row is one with a count; of others the outermost and the innermost."""

    def same(n: int) -> float:
        return same(n - 1) if n else divide()

    def even(n: int) -> float:
        return odd(n - 1) if n else divide()

    def odd(n: int) -> float:
        return even(n - 1)

    trace = trace_of(recorded, lambda: same(300))
    assert "  [Previous line repeated 300 more times]\n" in trace
    assert trace.count('File "') == 4
    trace = trace_of(recorded, lambda: even(300))
    assert trace.count('File "') == OUTER + INNER
    assert f"  [{304 - OUTER - INNER} calls left out]\n" in trace
    assert trace.endswith("ZeroDivisionError: division by zero")


@pytest.mark.parametrize("decorated", [True, False])
def test_a_stack_that_is_full(recorded: Captured, decorated: bool) -> None:
    """A span on each level down to where nothing can be called any more: each counts once, as an
    error, and none stays open."""
    entered = 0

    def dive() -> None:
        nonlocal entered
        entered += 1
        if decorated:
            measured()
        else:
            with tacho.action(name):
                dive()

    name = f"dive {decorated}"
    measured = tacho.action(name)(dive)
    with pytest.raises(RecursionError):
        dive()
    timer = recorded.timer("action", name)
    assert timer.count == timer.errors
    assert entered - 2 <= timer.count <= entered
    assert current() is None
    assert not recorded.state.open
    assert any("RecursionError: maximum recursion depth" in end.trace for end in failed(recorded))
    with tacho.action("after"):
        pass
    (after,) = [end for frame in recorded.frames for end in frame.ended if end.name == "after"]
    assert after.parent == 0


def test_long_traces_are_cut_in_the_middle(recorded: Captured) -> None:
    """8,000 characters: the beginning, and more of the end, which says what happened."""

    def work() -> None:
        error = ValueError("x\n" * 900 + "the end of the message")
        for _ in range(5):
            error.add_note("y\n" * 900)
        error.add_note("never told: the sixth note")
        raise error from ValueError("z\n" * 900)

    trace = trace_of(recorded, work)
    assert 7_500 < len(trace) <= limits.MAX_TRACE
    assert trace.startswith("ValueError: z\n")
    assert " characters left out ...\n" in trace
    assert trace.endswith("y\n" * 900)
    assert len(failed(recorded)[0].error) == limits.MAX_ERROR


def test_failures_come_before_successes(recorded: Captured) -> None:
    """One call in a thousand fails: its errors are there, with traces, and the sums are exact."""
    for number in range(5_000):
        try:
            with tacho.action("hot"):
                if number % 1000 == 999:
                    divide()
        except ZeroDivisionError:
            pass
    told = failed(recorded)
    assert len(told) == 5
    assert all("in divide" in end.trace for end in told)
    assert recorded.timer("action", "hot").errors == 5
    kept = sum(end.name == "hot" for frame in recorded.frames for end in frame.ended)
    assert recorded.losses() == {"span rate": 5_000 - kept}


def test_five_failures_a_second_of_one_name(recorded: Captured) -> None:
    """What is beyond is counted as sampled, and not even asked for its text."""
    asked = 0

    class Costly(Exception):
        def __str__(self) -> str:
            nonlocal asked
            asked += 1
            return "costly"

    tray = tacho.action("fails").tray
    tray.failures, tray.failures_renew = boxes.FAILURES_PER_NAME, float("inf")
    error = Costly()
    for _ in range(500):
        with pytest.raises(Costly), tacho.action("fails"):
            raise error
    told = [end for end in failed(recorded) if end.trace]
    assert len(told) == boxes.FAILURES_PER_NAME == 5
    # Those that the flusher saw running are told anyway, with their text.
    others = len(failed(recorded)) - len(told)
    assert asked <= 2 * len(told) + others
    assert recorded.timer("action", "fails").errors == 500
    assert recorded.losses()["span rate"] == 500 - len(told) - others


def test_a_hundred_failures_a_second_over_all_names(recorded: Captured) -> None:
    """However many names fail, traces have a bound; it is renewed by the flusher."""
    recorder = recording.recorder()
    assert recorder is not None
    with recorder.turn:
        boxes.inbox.failures = boxes.FAILURES_PER_SECOND
        for number in range(300):
            with pytest.raises(ZeroDivisionError), tacho.action(f"name {number}"):
                divide()
    assert sum(bool(end.trace) for end in failed(recorded)) == boxes.FAILURES_PER_SECOND == 100
    assert eventually(lambda: boxes.inbox.failures)


def test_long_ones_that_fail_often_have_their_error_without_a_trace(recorded: Captured) -> None:
    """A span that was shown as running ends with its error, whatever the rate is."""
    tray = tacho.action("long").tray
    tray.failures, tray.failures_renew = 0, float("inf")

    def work() -> None:
        assert len(recorded.state.open) == 1
        divide()

    with pytest.raises(ZeroDivisionError), tacho.action("long"):
        work()
    (end,) = failed(recorded)
    assert (end.error, end.trace) == ("ZeroDivisionError: division by zero", "")


# -- lines of source ---------------------------------------------------------


def test_a_file_that_was_changed_shows_nothing(tmp_path: Path) -> None:
    """What stands there now is not what runs. Nor is there anything of what is gone, huge or no
    file at all."""
    file, large, pipe = tmp_path / "job.py", tmp_path / "large.py", tmp_path / "pipe"
    file.write_text("first\n  second\n")
    large.write_text("#" * MAX_FILE_BYTES + "\n")
    os.mkfifo(pipe)
    (tmp_path / "codec.py").write_text("# coding: no-such-codec\n")
    sources = SourceLines(time_ns())
    places = [(str(file), 2), (str(file), 9), (str(large), 1), (str(pipe), 1), ("job.py", 1)]
    places += [(str(tmp_path / name), 1) for name in ("gone.py", "codec.py", "a\0b", "")]
    assert sources.of(places) == {(str(file), 2): "second"}
    os.utime(file, ns=(time_ns(), time_ns() + 10**9))
    assert linecache.getline(str(file), 2)  # what others remember of it is no better
    assert sources.of(places) == {}
    file.unlink()
    assert sources.of(places) == {}


def test_lines_of_many_files(tmp_path: Path) -> None:
    """Of so many files at a time, and so many lines in all; nothing is read twice."""
    for number in range(MAX_FILES + 5):
        (tmp_path / f"{number}.py").write_text("x = 1\n" * 200 + "y" * 1000, "utf-8")
    files = [str(tmp_path / f"{number}.py") for number in range(MAX_FILES + 5)]
    sources = SourceLines(time_ns())
    found: dict[tuple[str, int], str] = {}
    for _ in range(100):  # a slow machine reads a few files at a time
        found |= sources.of((file, 201) for file in files)
    assert set(found) == {(file, 201) for file in files[:MAX_FILES]}
    assert {len(line) for line in found.values()} == {200}
    for file in files:
        sources.of((file, line) for line in range(1, 202))
    assert len(sources._kept) <= MAX_KEPT


def test_cells_of_a_notebook_show_their_lines(recorded: Captured) -> None:
    """They are no files; whoever runs them leaves their source where Python looks for it."""
    code = "def cell():\n    return 1 / 0\n"
    linecache.cache["<cell 7>"] = (len(code), None, code.splitlines(True), "<cell 7>")
    try:
        names: dict[str, Callable[[], object]] = {}
        exec(compile(code, "<cell 7>", "exec"), names)
        trace = trace_of(recorded, names["cell"])
    finally:
        del linecache.cache["<cell 7>"]
    assert '  File "<cell 7>", line 2, in cell\n    return 1 / 0\n' in trace


# -- secrets, on their whole way ---------------------------------------------


def test_no_secret_leaves_the_process(recorded: Captured) -> None:
    """Attributes, errors, traces, labels, lines, stacks and last words: not one byte of it."""

    def connect(password: str) -> None:
        raise ConnectionError(f"no way to postgres://ann:{password}@db/x, token={password}")

    def work() -> None:
        assert recorded.state.open  # it is shown while it runs
        connect(password="hunter2")

    with pytest.raises(ConnectionError), tacho.action("connect", password="hunter2", n=1):
        work()
    tacho.counter("c", labels={"api_key": "hunter2", "to": "s3"}).add()
    tacho.timer("t", labels={"url": "http://ann:hunter2@host/"}).observe(1)
    tacho.publish("topic", {"at": "http://ann:hunter2@host/"})
    recorder = recording.recorder()
    assert recorder is not None
    recorder.tell("L", "WARNING password=hunter2")
    recorder.tell("S", "job.py:3 main\npassword='hunter2' x")
    assert failed(recorded)[0].attributes == {"password": "***", "n": 1}
    assert 'connect(password="***")' in failed(recorded)[0].trace
    assert recorded.counter("c", api_key="***", to="s3") == 1
    tacho.shutdown(timeout_s=5)
    journal = recorded.journal
    said = repr([frame for id in journal.sources() for frame in journal.frames(id)])
    assert "WARNING password=***" in said
    assert "hunter2" not in said


def test_last_words_and_commands_have_no_secrets(home: Path) -> None:
    """Of a program that ends by an exception, started with secrets, beside words of its own."""
    code = """
        import tachograph as tacho
        tacho.configure(scrub=["iban"])
        with tacho.action("pay", iban="DE99", pin="4711"):
            pass
        print("ready", flush=True)
        input()
        raise ValueError("password=hunter2 iban=DE99")
    """
    with Program(code, home, {"TACHOGRAPH_SCRUB": "pin, puk"}) as program:
        program.line()
        program.say("")
        program.wait()
    (state,) = states(home)
    assert state.reason == "ValueError: password=*** iban=***"
    assert "hunter2" not in repr(state.source.command)


def test_a_program_under_tacho_run_tells_no_secrets(home: Path) -> None:
    """Command, standard error, a key over many lines, and the exception it ends by."""
    code = """
import sys
print("password=hunter2 iban=DE99", file=sys.stderr)
print("-----BEGIN PRIVATE KEY-----\\nhunter2\\n-----END PRIVATE KEY-----", file=sys.stderr)
print("after", file=sys.stderr)
raise ValueError("redis://:hunter2@db iban=DE99")
"""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tachograph", "run", "--"),
            *(sys.executable, "-c", code, "--token", "hunter2", "--iban=DE99"),
        ],
        env={**os.environ, "TACHOGRAPH_HOME": str(home), "TACHOGRAPH_SCRUB": "iban"},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    (state,) = states(home)
    assert state.source.command[3:] == ("--token", "***", "--iban=***")
    told = [line.text for line in state.lines]
    assert told[:5] == [
        "password=*** iban=***",
        "-----BEGIN PRIVATE KEY-----",
        "***",
        "***",
        "after",
    ]
    assert state.reason == "exit 1, ValueError: redis://***:***@db iban=***"
    assert state.error.endswith("ValueError: redis://***:***@db iban=***\n")
    said = repr((state.source, state.lines, state.error, state.reason, state.stack))
    assert "hunter2" not in said
    assert "DE99" not in said


def test_words_that_are_none_are_warned_of(
    recorded: Captured, caplog: pytest.LogCaptureFixture
) -> None:
    """A wrong list is named with what is allowed, and changes nothing."""
    tacho.configure(scrub=["iban"])
    tacho.configure(scrub="iban")
    tacho.configure(scrub=["...", 7])
    assert caplog.text.count("allowed is a list of names") == 2
    with tacho.action("pay", iban="DE99"):
        pass
    (end,) = [end for frame in recorded.frames for end in frame.ended]
    assert end.attributes == {"iban": "***"}
