"""The lines of source that a traceback names, as far as they can be had quickly and are true.

Read on the flusher's thread. A file that was changed since this program began is not the one that
runs, so nothing of it is shown. What one look may cost is bounded by the size and the number of
files, and by a time after which no further file is opened; only a file system that doesn't answer
holds the flusher up, never the program.
"""

from __future__ import annotations

import linecache
import os
import stat
import tokenize
from collections.abc import Iterable
from itertools import islice
from time import perf_counter, time_ns

#: Larger files are not opened.
MAX_FILE_BYTES = 2 << 20
#: Files that are looked at for one traceback, and the time after which no further one is.
MAX_FILES = 20
PATIENCE_S = 0.05
#: Lines that are kept, of so many characters.
MAX_KEPT = 2_000
MAX_LINE = 200

#: A file's name and a line's number.
Place = tuple[str, int]

_began_ns = time_ns()


class SourceLines:
    """Lines by place. What was found once is kept."""

    def __init__(self, began_ns: int = _began_ns) -> None:
        self._began_ns = began_ns
        self._kept: dict[Place, str] = {}

    def of(self, places: Iterable[Place]) -> dict[Place, str]:
        """The lines that could be had, without the blanks around them. Never raises."""
        files: dict[str, set[int]] = {}
        for file, number in places:
            files.setdefault(file, set()).add(number)
        found: dict[Place, str] = {}
        until = perf_counter() + PATIENCE_S
        for file, numbers in islice(files.items(), MAX_FILES):
            if perf_counter() > until:
                break
            try:
                found.update(self._of_file(file, numbers))
            except (OSError, ValueError, SyntaxError, LookupError):
                pass  # gone, not readable, of no known encoding
        return found

    def _of_file(self, file: str, numbers: set[int]) -> dict[Place, str]:
        if not self._is_as_it_runs(file):
            return _from_memory(file, numbers)
        missing = [number for number in numbers if (file, number) not in self._kept]
        if missing:
            if len(self._kept) + len(missing) > MAX_KEPT:
                self._kept.clear()
                missing = list(numbers)
            self._kept.update(_read(file, missing))
        return {
            (file, number): self._kept[file, number]
            for number in numbers
            if (file, number) in self._kept
        }

    def _is_as_it_runs(self, file: str) -> bool:
        if not os.path.isabs(file):
            return False
        try:
            facts = os.stat(file)
        except (OSError, ValueError):
            return False
        changed_ns = max(facts.st_mtime_ns, facts.st_ctime_ns)
        whole = stat.S_ISREG(facts.st_mode) and facts.st_size <= MAX_FILE_BYTES
        return whole and changed_ns <= self._began_ns


def _read(file: str, numbers: list[int]) -> dict[Place, str]:
    wanted = set(numbers)
    with open(file, "rb") as lines:
        encoding, _ = tokenize.detect_encoding(lines.readline)
        lines.seek(0)
        return {
            (file, number): _tidy(line.decode(encoding, "replace"))
            for number, line in enumerate(islice(lines, max(wanted)), 1)
            if number in wanted
        }


def _from_memory(file: str, numbers: set[int]) -> dict[Place, str]:
    """Cells of notebooks and the like, which are no files: those who run them leave them here."""
    entry = linecache.cache.get(file)
    if entry is None or len(entry) != 4 or entry[1] is not None:
        return {}
    lines = entry[2]
    return {(file, n): _tidy(lines[n - 1]) for n in numbers if 0 < n <= len(lines)}


def _tidy(line: str) -> str:
    line = line.strip()
    return line if len(line) <= MAX_LINE else line[: MAX_LINE - 1] + "…"
