"""The processes that work for the catalogue: one pipe each, and no lock that they share.

With a queue that several processes read, the one that is killed while it waits takes the
queue's lock with it, and the others wait for ever. The end of a pipe is noticed.
"""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from typing import Any, NamedTuple

import tachograph as tacho
from tachograph.demo import files

PROJECT = "catalog"
STEPS: dict[str, Callable[[str], Any]] = {"hash": files.hash_file, "parse": files.describe}
#: Files that are handed to one worker at a time, so that it never waits for the next.
WINDOW = 8
#: Workers that may die one after the other without having done anything.
PATIENCE = 5
#: The error of a file whose worker died.
LOST = "WorkerLost"

# Under fork a worker inherits our ends of the other pipes, and must not hold them open.
_our_ends: list[Connection[str, Answer]] = []


class Answer(NamedTuple):
    """What became of a file: `result` None, and why."""

    step: str
    path: str
    result: Any
    error: str = ""


class CrewLost(Exception):
    """Workers die faster than they work."""


class Stopped(Exception):
    """The one who started us is gone, or has had enough."""


def serve(connection: Connection[Answer, str], step: str) -> None:
    """A worker's life: take a file, do the step, send what came of it, until the pipe ends."""
    # Ctrl-C reaches every process of the terminal; who began the work also ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while _our_ends:
        _our_ends.pop().close()
    tacho.configure(service=f"catalog-{step}", project=PROJECT)
    try:
        while True:
            connection.send(_answer(step, connection.recv()))
    except (EOFError, ConnectionError):
        pass


def _answer(step: str, path: str) -> Answer:
    try:
        with tacho.event(f"file to {step}"):
            return Answer(step, path, STEPS[step](path))
    except Exception as error:
        return Answer(step, path, None, type(error).__name__)


class Worker:
    """One process, our end of its pipe, and the files that it has not answered yet."""

    def __init__(self, context: BaseContext, step: str) -> None:
        self.step = step
        self.answered = 0
        self.at_work: deque[str] = deque()
        self.connection, theirs = context.Pipe()
        _our_ends.append(self.connection)
        self.process = context.Process(target=serve, args=(theirs, step), daemon=True)  # type: ignore[attr-defined]
        self.process.start()
        theirs.close()

    def send(self, path: str) -> None:
        """Hand over a file."""
        self.at_work.append(path)
        try:
            self.connection.send(path)
        except ConnectionError:
            pass  # `receive` sees the same end

    def receive(self) -> Iterator[Answer]:
        """What it has answered. Raises EOFError when it is gone."""
        while self.connection.poll():
            try:
                answer = self.connection.recv()
            except OSError as error:  # it went in the middle of an answer
                raise EOFError from error
            self.at_work.popleft()
            self.answered += 1
            yield answer

    def let_go(self) -> None:
        """Close the pipe, so that it goes by itself."""
        if not self.connection.closed:
            self.connection.close()
            _our_ends.remove(self.connection)

    def end(self) -> None:
        """Wait until it is gone, and make it go if it doesn't."""
        self.let_go()
        self.process.join(5)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.process.close()


class Crew:
    """Workers for each step.

    A worker that dies is replaced. The file that it had at work is answered as lost, for it
    may be the cause; those that it had not begun go to the next one. `lifeline` is a
    descriptor; when it can be read, or has ended, that means: stop.
    """

    def __init__(self, context: BaseContext, steps: list[str], lifeline: int | None = None) -> None:
        self._context = context
        self._lifeline = lifeline
        self._idle_deaths = 0
        self.workers = [Worker(context, step) for step in steps]

    @property
    def at_work(self) -> int:
        """Files that were handed out and are not answered yet."""
        return sum(len(worker.at_work) for worker in self.workers)

    def hand_out(self, step: str, paths: deque[str]) -> None:
        """Give files to the workers of this step, as many as they can take."""
        for worker in self.workers:
            while paths and worker.step == step and len(worker.at_work) < WINDOW:
                worker.send(paths.popleft())

    def answers(self) -> deque[Answer]:
        """Wait until a worker has something to say. Raises Stopped or CrewLost."""
        waiting: list[Connection[str, Answer] | int] = [
            worker.connection for worker in self.workers
        ]
        if self._lifeline is not None:
            waiting.append(self._lifeline)
        ready = wait(waiting)
        if self._lifeline in ready:
            raise Stopped
        answers: deque[Answer] = deque()
        for index, worker in enumerate(self.workers):
            if worker.connection not in ready:
                continue
            try:
                answers += worker.receive()
            except EOFError:
                answers += self._replace(index, worker)
        return answers

    def _replace(self, index: int, worker: Worker) -> list[Answer]:
        """A new worker for the one that is gone; the answer for what it had at work."""
        self._idle_deaths = 0 if worker.answered else self._idle_deaths + 1
        if self._idle_deaths >= PATIENCE:
            raise CrewLost(f"{PATIENCE} processes for {worker.step} died before they did anything")
        tacho.counter("workers.lost", unit="processes").add()
        worker.end()
        fresh = self.workers[index] = Worker(self._context, worker.step)
        paths = list(worker.at_work)
        for path in paths[1:]:
            fresh.send(path)
        return [Answer(worker.step, path, None, LOST) for path in paths[:1]]

    def end(self) -> None:
        """Let everybody go, and wait until they are gone."""
        for worker in self.workers:
            worker.let_go()
        for worker in self.workers:
            worker.end()
