"""`tacho forget`: delete a source that is over, or a project, for good."""

from __future__ import annotations

import argparse
import sys

from tachograph.cli.kept import Kept, Known, kept
from tachograph.errors import ConfigError

#: A shorter beginning of an id is taken for a slip.
_SHORTEST = 4


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument(
        "target", metavar="PROJECT|SOURCE", help="a project, an id, or how only one id begins"
    )
    parser.add_argument("--yes", action="store_true", help="don't ask first")


def run(args: argparse.Namespace) -> int:
    """Find it, ask, forget it. 1: nothing of that name, or the answer was no."""
    known = kept()
    try:
        source, project = _find(known, args.target)
        if source is None and project is None:
            print(
                f"tacho: nothing here is called {args.target!r}; tacho sources --all lists what is",
                file=sys.stderr,
            )
            return 1
        _require_over(known, source, project)
        if not (args.yes or _agreed(_question(known, source, project))):
            print("Nothing was forgotten.")
            return 1
        print(_forgotten(known, source, project))
        return 0
    finally:
        known.close()


def _find(known: Kept, target: str) -> tuple[Known | None, str | None]:
    """A source, or a project, or neither."""
    by_id = {one.id: one for one in known.sources}
    if target in by_id:
        return by_id[target], None
    if target in known.projects:
        return None, target
    found = [one for id, one in by_id.items() if id.startswith(target)]
    if len(target) < _SHORTEST or not found:
        return None, None
    if len(found) > 1:
        some = ", ".join(one.id for one in found[:3])
        raise ConfigError(f"{len(found)} ids begin with {target!r} ({some} ...); say more of one")
    return found[0], None


def _of(known: Kept, project: str | None) -> list[Known]:
    return [one for one in known.sources if one.project == project]


def _require_over(known: Kept, source: Known | None, project: str | None) -> None:
    chosen = _of(known, project) if source is None else [source]
    alive = [f"{_plain(one.service)} ({one.id}, pid {one.pid})" for one in chosen if one.lives]
    if alive:
        verb = "run" if len(alive) > 1 else "runs"
        raise ConfigError(f"{', '.join(alive)} still {verb}; stop it first, then forget it")


def _question(known: Kept, source: Known | None, project: str | None) -> str:
    if source is not None:
        service, owner = _plain(source.service), _plain(source.project)
        return f"Forget the source {source.id} ({service} of {owner})?"
    count = _count(len(_of(known, project)))
    name = _plain(project or "")
    return f"Forget all of the project {name}: {count}, its history, and what it published?"


def _agreed(question: str) -> bool:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise ConfigError(
            "tacho forget deletes for good, and asks first; without a terminal to ask, add --yes"
        )
    try:
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        print()
        return False


def _forgotten(known: Kept, source: Known | None, project: str | None) -> str:
    if source is not None:
        known.forget_source(source.id)
        return (
            f"Forgotten: the source {source.id}. "
            f"What it did stays in the history of {_plain(source.service)}."
        )
    assert project is not None
    known.forget_project(project)
    return f"Forgotten: the project {_plain(project)}, {_count(len(_of(known, project)))}."


def _plain(text: str) -> str:
    """Without what would play with the terminal."""
    return "".join(c if c.isprintable() else "?" for c in text)


def _count(n: int) -> str:
    return f"{n} source" if n == 1 else f"{n} sources"
