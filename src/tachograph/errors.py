"""Every error that Tachograph raises on purpose."""

from __future__ import annotations


class TachographError(Exception):
    """Base of all of them. Facts travel as attributes, the sentence says what to do."""


class ConfigError(TachographError):
    """A value that the user gave is out of what is allowed."""


class FrameError(TachographError):
    """Bytes that are not a frame, or a frame that this version can't read."""


class FrameTooNew(FrameError):
    """A frame of a later major version: a newer server is needed to read it."""

    def __init__(self, seen: int, known: int) -> None:
        super().__init__(
            f"frame version {seen}, this program reads up to {known}; "
            "upgrade tachograph where the dashboard runs"
        )
        self.seen = seen
        self.known = known


class JournalError(TachographError):
    """The journal can't be written or read; the message names path and cause."""


class StoreError(TachographError):
    """The history store can't be opened, migrated or written."""


class MissingExtra(TachographError):
    """An optional part is used whose packages are not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f'{what} needs more packages: pip install "tachograph[{extra}]"')
        self.extra = extra
