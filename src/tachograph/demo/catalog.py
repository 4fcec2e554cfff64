"""The catalogue: this process walks and collects, three others hash and parse."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import sysconfig
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import tachograph as tacho
from tachograph.demo.crew import LOST, PROJECT, Answer, Crew, CrewLost, Stopped
from tachograph.demo.files import Content, Facts, find_duplicates, walk

#: Parsing takes most of the time, so it gets two of the three.
STEPS = ["hash", "parse", "parse"]
#: Files that may wait to be hashed, so that the walk isn't far ahead.
ROOM = 500
#: Hashing pauses when so many files wait to be parsed, and goes on when only so many do.
PARSE_HIGH, PARSE_LOW = 2_000, 300
#: Files between two looks for duplicates.
DUPLICATES_EVERY = 2_000
PUBLISH_S = 0.5
#: Python's own library, without what was installed into it.
LIBRARY = sysconfig.get_path("stdlib")
INSTALLED = ("site-packages", "dist-packages")


@dataclass
class Pass:
    """One way through the folder, and what it found."""

    number: int
    began: float
    found: int = 0
    size_bytes: int = 0
    contents: dict[str, Content] = field(default_factory=dict)
    kinds: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    functions: int = 0
    classes: int = 0
    lines: int = 0
    described: int = 0
    duplicates: int = 0
    duplicate_bytes: int = 0
    took_s: float = 0.0

    @property
    def done(self) -> int:
        """Files that went all the way, well or not."""
        return self.described + self.failures.total()

    def figures(self) -> dict[str, Any]:
        """What goes to the topic `tasks`."""
        return {
            "pass": self.number,
            "found": self.found,
            "done": self.done,
            "failed": self.failures.total(),
            "failures": dict(self.failures),
            "bytes": self.size_bytes,
            "functions": self.functions,
            "classes": self.classes,
            "lines": self.lines,
            "duplicates": self.duplicates,
            "duplicate_bytes": self.duplicate_bytes,
            "kinds": dict(self.kinds.most_common(10)),
        }


class Catalog:
    """Passes over one folder. It owns the queues; the crew has the files at work."""

    def __init__(self, root: str, crew: Crew, leave_out: Sequence[str] = ()) -> None:
        self.root = root
        self.leave_out = leave_out
        self.crew = crew
        self.before: dict[str, Content] = {}
        self._to_hash: deque[str] = deque()
        self._to_parse: deque[str] = deque()
        self._paused = False
        self._publish_at = 0.0

    def one_pass(self, number: int) -> Pass:
        """Walk the folder, and have every file hashed and described."""
        now = Pass(number, time.monotonic())
        paths = walk(self.root, self.leave_out)
        more = True
        while more or self._to_hash or self._to_parse or self.crew.at_work:
            while more and len(self._to_hash) < ROOM:
                path = next(paths, None)
                if path is None:
                    more = False
                else:
                    now.found += 1
                    self._to_hash.append(path)
            self._hand_out()
            if self.crew.at_work:
                self._collect(now)
            self._publish(now)
        now.duplicates, now.duplicate_bytes = find_duplicates(now.contents)
        now.took_s = time.monotonic() - now.began
        self._publish(now, at_once=True)
        return now

    def _hand_out(self) -> None:
        if len(self._to_parse) >= PARSE_HIGH:
            self._paused = True
        elif len(self._to_parse) <= PARSE_LOW:
            self._paused = False
        if not self._paused:
            self.crew.hand_out("hash", self._to_hash)
        self.crew.hand_out("parse", self._to_parse)
        waiting = len(self._to_hash) + len(self._to_parse)
        tacho.gauge("actions.queue_depth", unit="items").set(waiting)

    def _collect(self, now: Pass) -> None:
        answers = self.crew.answers()
        depth = tacho.gauge("events.queue_depth", unit="items")
        while answers:
            depth.set(self.crew.at_work + len(answers))
            answer = answers.popleft()
            with tacho.event(f"file {answer.step} done") as message:
                if answer.error == LOST:
                    message.fail(answer.error)
                self._take(now, answer)
        depth.set(self.crew.at_work)

    def _take(self, now: Pass, answer: Answer) -> None:
        result = answer.result
        if isinstance(result, Content):
            now.contents[answer.path] = result
            now.size_bytes += result.size_bytes
            self._to_parse.append(answer.path)
            if len(now.contents) % DUPLICATES_EVERY == 0:
                now.duplicates, now.duplicate_bytes = find_duplicates(now.contents)
        elif isinstance(result, Facts):
            now.described += 1
            now.kinds[result.kind] += 1
            now.lines += result.lines
            now.functions += result.functions
            now.classes += result.classes
        else:
            now.failures[answer.error] += 1

    def _publish(self, now: Pass, at_once: bool = False) -> None:
        if at_once or time.monotonic() >= self._publish_at:
            self._publish_at = time.monotonic() + PUBLISH_S
            tacho.publish("tasks", {"catalog": {"folder": self.root, **now.figures()}})

    def changes(self, now: Pass) -> str:
        """What is different from the pass before."""
        before, self.before = self.before, now.contents
        changed = sum(before[path] != now.contents[path] for path in before.keys() & now.contents)
        new, gone = len(now.contents.keys() - before), len(before.keys() - now.contents)
        return f"{changed} changed, {new} new, {gone} gone"


def summary(now: Pass, changes: str) -> str:
    """One line about a pass."""
    return (
        f"pass {now.number}: {now.found:,} files, {now.size_bytes / 2**20:,.1f} MiB "
        f"in {now.took_s:.1f} s; "
        f"{now.functions:,} functions in {now.kinds['python']:,} Python files, "
        f"{now.duplicates:,} duplicates, {now.failures.total():,} failed; {changes}"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the job. 0: done, 1: the workers are lost, 130: Ctrl-C."""
    args = _arguments().parse_args(argv)
    if args.nice and hasattr(os, "nice"):
        os.nice(args.nice)
    tacho.configure(service="catalog", project=PROJECT)
    context = multiprocessing.get_context(args.start_method)
    crew = Crew(context, STEPS, sys.stdin.fileno() if args.until_stdin_ends else None)
    try:
        own = args.path is None
        catalog = Catalog(LIBRARY if own else args.path, crew, INSTALLED if own else ())
        number = 0
        while args.repeat or not number:
            number += 1
            done = catalog.one_pass(number)
            print(summary(done, catalog.changes(done)), flush=True)
    except CrewLost as error:
        print(f"catalog: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, Stopped):
        return 130
    finally:
        crew.end()
    return 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="catalog", description="Catalogue a folder.")
    parser.add_argument("path", nargs="?", help=f"folder ({LIBRARY}, without {INSTALLED[0]})")
    parser.add_argument("--repeat", action="store_true", help="begin anew after each pass")
    parser.add_argument("--nice", type=int, default=0, metavar="N", help="lower the priority")
    parser.add_argument("--start-method", choices=multiprocessing.get_all_start_methods())
    parser.add_argument("--until-stdin-ends", action="store_true", help=argparse.SUPPRESS)
    return parser
