"""Where a new span belongs: which spans are open around it, on this thread or in this task.

Open spans are a chain of nodes, innermost first. A context variable says where the chain
begins, so that a task, or a thread that is given a context, finds the span that was open
where it was made. But setting one costs more than all else that a span does together. A
thread without an event loop therefore has its variable set once, and its spans only change
what the `Scope` in it holds. Where a loop runs, tasks take turns on one thread and share
nothing but the variable: there each span sets it, to a scope of its own.

Nothing is ever reset by a token: a generator may be closed in another context than it began in.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from functools import partial
from threading import get_ident
from typing import TYPE_CHECKING, Any
from weakref import ref

from tachograph.sdk.inbox import inbox

if TYPE_CHECKING:
    from tachograph.sdk.spans import Span

#: An open span: the span or a Note, the node around it, its start by perf_counter, and the
#: seconds of its children so far. A list, because nothing else is made and read as quickly.
#: At its end the node around it becomes None. One that has failed is longer: its Failure follows.
Node = list[Any]
SPAN, PARENT, START, CHILDREN, FAILURE = range(5)
#: What is around the outermost span. What it gathers as seconds of children means nothing.
ROOT: Node = [None, None, 0.0, 0.0]
#: Instead of a thread: this scope belongs to one span in a task.
TASK = -1


class Note:
    """What only few nodes have beside their span. A span that sees one at its end looks closer."""

    __slots__ = ("foreign", "listed", "number", "silent", "span")

    def __init__(self, span: Span) -> None:
        self.span = span
        #: The flusher gives it, to itself and others it speaks of. 0: not yet.
        self.number = 0
        #: The flusher has it among the open ones, and waits for its end.
        self.listed = False
        #: Shown while it runs, not counted.
        self.silent = False
        #: Began before a fork: its end is the parent process's.
        self.foreign = False


def note_of(node: Node) -> Note:
    """The node's note; from now on it has one."""
    if not isinstance(node[SPAN], Note):
        node[SPAN] = Note(node[SPAN])
    note: Note = node[SPAN]
    return note


class Scope:
    """Where a chain begins. `thread` is the one whose spans change it, as `get_ident` gives it."""

    __slots__ = ("thread", "top")

    def __init__(self, thread: int, top: Node) -> None:
        self.thread = thread
        self.top = top

    def find(self, span: Span) -> Node | None:
        """The innermost open node of a span."""
        return next((node for node in self if is_of(node, span)), None)

    def remove(self, node: Node) -> None:
        """End a node, wherever in this chain it is, or if it is in none."""
        around = node[PARENT]
        node[PARENT] = None
        if self.top is node:
            self.top = around
            return
        for inner in self:
            if inner[PARENT] is node:
                inner[PARENT] = around

    def __iter__(self) -> Iterator[Node]:
        """The open nodes, innermost first."""
        node = self.top
        while node[PARENT] is not None:
            yield node
            node = node[PARENT] or ROOT


NOWHERE = Scope(0, ROOT)
place: ContextVar[Scope] = ContextVar("tachograph.place", default=NOWHERE)


def is_of(node: Node, span: Span) -> bool:
    """Whether this is one of the span's nodes."""
    what = node[SPAN]
    return what is span or (isinstance(what, Note) and what.span is span)


def current() -> Span | None:
    """The innermost open span around the caller."""
    for node in place.get():
        what = node[SPAN]
        return what.span if isinstance(what, Note) else what
    return None


def here() -> Scope:
    """This thread's own scope. The first span of a thread begins with what its context says."""
    where = place.get()
    if where.thread != get_ident():
        where = Scope(get_ident(), where.top)
        inbox.scopes[where.thread] = where
        place.set(where)
    return where


def somewhere(span: Span) -> tuple[Scope, Node] | None:
    """An open node of a span that is not around the caller, with a scope that has it."""
    for scope in (*inbox.scopes.values(), *inbox.opened):
        node = scope.find(span)
        if node is not None:
            return scope, node
    for node in list(inbox.listed.values()):
        if is_of(node, span):
            return NOWHERE, node
    return None


def disown() -> None:
    """In a forked child: what is open here, others will end."""
    nodes = [node for scope in (*inbox.scopes.values(), *inbox.opened) for node in scope]
    for node in (*nodes, *inbox.listed.values()):
        note_of(node).foreign = True
    inbox.scopes.clear()
    place.set(NOWHERE)


def forget_dead_threads() -> None:
    """Let go of scopes whose threads are gone, when there are many."""
    if len(inbox.scopes) > 64:
        alive = sys._current_frames()
        for thread in list(inbox.scopes):
            if thread not in alive:
                inbox.scopes.pop(thread, None)


# -- is there a loop? ---------------------------------------------------------

#: So many event loops are remembered at once.
MAX_LOOPS = 16
#: As long as it isn't imported, no loop runs; this imports nothing.
_asyncio = partial(sys.modules.get, "asyncio.events")


class Loops:
    """Whether a loop runs on this thread: the quickest way to ask that can be had."""

    __slots__ = ("known", "running")

    def __init__(self) -> None:
        self.running: Callable[[], object] = _asyncio
        #: Loops of asyncio's kind that were seen running, by their id. Nobody is kept alive.
        self.known: dict[int, ref[Any]] = {}

    def look_again(self) -> None:
        """Frameworks may have been imported since the last time."""
        if "trio" in sys.modules:
            # Every kind of loop sets these while it runs. Slower, as there is more to build.
            self.running = lambda: sys.get_asyncgen_hooks().firstiter
        else:
            self.running = getattr(_asyncio(), "_get_running_loop", _asyncio)

    def certainly(self) -> bool:
        """The answer, when the quick one was yes: perhaps asyncio was only just imported."""
        if self.running is _asyncio:
            self.look_again()
        found = self.running()
        if found is None or found is _asyncio():
            return False
        if id(found) not in self.known:
            self.notice()
        return True

    def notice(self) -> None:
        """Remember the loop that runs on this thread, if one does."""
        running = getattr(_asyncio(), "_get_running_loop", None)
        loop = running() if running is not None else None
        if loop is None or id(loop) in self.known or len(self.known) >= MAX_LOOPS:
            return
        try:
            # Its id is free for another only after this was called.
            self.known[id(loop)] = ref(loop, partial(self.known.pop, id(loop)))
        except TypeError:  # a kind that can't be referred to
            pass


loops = Loops()
