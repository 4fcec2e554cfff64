"""A database file under a lease: one connection, one lock, whole transactions."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, cast

from tachograph.errors import StoreError
from tachograph.store.database import explained, open_owned, open_shared
from tachograph.store.lease import Lease

#: What the making of a row raises for values that can't be stored.
_UNFIT = (TypeError, ValueError, OverflowError)


class LeasedDatabase:
    """Waits up to `wait_s` for the lease, blocking; without it the file is opened for reading.

    Calls may come from any thread; `lock` is held during each, and by whoever needs several of
    them to belong together. A forked child is refused.
    """

    def __init__(self, path: str | os.PathLike[str], wait_s: float, steps: Sequence[str]) -> None:
        self.path = os.path.abspath(path)
        self.lock = threading.RLock()
        #: Transactions that were taken back: what is remembered of the tables may be wrong then.
        self.rollbacks = 0
        self._open = True
        self._lease = Lease(f"{self.path}.lease", wait_s)
        try:
            if self._lease.held:
                self._connection = open_owned(self.path, steps)
            else:
                self._connection = open_shared(self.path, len(steps))
        except BaseException:
            self._lease.release()
            raise

    @property
    def leased(self) -> bool:
        """Whether this process may write."""
        return self._open and self._lease.held

    def read(self, query: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """All rows that the query finds. Raises StoreError."""
        with self.lock:
            self._require_open()
            try:
                found = self._connection.execute(query, values).fetchall()
            except sqlite3.Error as error:
                raise explained(self.path, "read", error) from error
            return cast(list[tuple[Any, ...]], found)

    @contextmanager
    def transaction(self, doing: str) -> Iterator[sqlite3.Connection]:
        """All or nothing. Raises StoreError, with what was being done."""
        with self.lock:
            self.require_lease(doing)
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException as error:
                self.rollbacks += 1
                with suppress(sqlite3.Error):
                    if self._connection.in_transaction:
                        self._connection.execute("ROLLBACK")
                if isinstance(error, (sqlite3.Error, *_UNFIT)):
                    raise explained(self.path, doing, error) from error
                raise

    def require_lease(self, doing: str) -> None:
        """Raise StoreError where this process may not write."""
        self._require_open()
        if not self._lease.held:
            raise StoreError(
                f"{self.path}: can't {doing}, process {self._lease.holder or '?'} has the "
                "lease; stop it or give this server another home, until then it is live only"
            )

    def _require_open(self) -> None:
        if not self._open:
            raise StoreError(f"{self.path}: the store is closed; open it again")
        if not self._lease.is_ours:
            raise StoreError(
                f"{self.path}: the store was opened before this process was forked; "
                "open it again in this one"
            )

    def close(self) -> None:
        """Give the lease back. Never raises; does nothing in a forked child."""
        with self.lock:
            if self._open and self._lease.is_ours:
                with suppress(sqlite3.Error):
                    self._connection.close()
                self._lease.release()
            self._open = False
