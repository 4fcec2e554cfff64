"""What `configure` and the environment say."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tachograph.errors import ConfigError
from tachograph.home import ensure_home, home_path
from tachograph.journal.base import Journal

# At the top, not where it is used: an import on the flusher's thread would hold the import
# lock when the program forks, and the child could never import again.
from tachograph.journal.file import FileJournal
from tachograph.sdk.scrub import Scrubber

_FALSE = ("", "0", "false", "no", "off")


@dataclass(frozen=True)
class Settings:
    """How this process records."""

    service: str | None = None
    project: str | None = None
    #: Seconds between two samples of the process tree, 0.05 to 3600.
    interval_s: float = 1.0
    home: Path | None = None
    #: A journal to write to, for tests and brokers; otherwise files below `home`.
    journal: Journal | None = None
    enabled: bool = True
    #: Names that are secrets here, beside those that are everywhere.
    scrub: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)

    def changed(self, **given: Any) -> Settings:
        """These settings with others laid over. Raises ConfigError for what can't be taken."""
        allowed = ("service", "project", "interval_s", "home", "journal", "enabled", "scrub")
        for key in given:
            if key not in allowed:
                raise ConfigError(
                    f"configure() got {key!r}; it takes {', '.join(allowed)}. It is ignored"
                )
        given = {key: value for key, value in given.items() if value is not None}
        interval = given.get("interval_s", self.interval_s)
        if not isinstance(interval, int | float) or not 0.05 <= interval <= 3600:
            raise ConfigError(
                f"configure(interval_s={interval!r}): allowed are 0.05 to 3600 seconds; "
                f"it stays at {self.interval_s}"
            )
        if "home" in given:
            given["home"] = Path(given["home"])
        if "scrub" in given:
            given["scrub"] = _words(given["scrub"], self.scrub)
        return replace(self, **given)

    @property
    def scrubber(self) -> Scrubber:
        """What hides secrets, by the words of `scrub` and of TACHOGRAPH_SCRUB too."""
        return Scrubber((*self.scrub, *self.environ.get("TACHOGRAPH_SCRUB", "").split(",")))

    @property
    def disabled(self) -> bool:
        """Whether TACHOGRAPH_DISABLED, or configure, switched recording off."""
        flag = self.environ.get("TACHOGRAPH_DISABLED", "").strip().lower()
        return not self.enabled or flag not in _FALSE

    def open_journal(self) -> Journal:
        """The journal to write to; makes the home where there is none.

        Raises ConfigError or OSError when that can't be done.
        """
        if self.journal is not None:
            return self.journal
        url = self.environ.get("TACHOGRAPH_JOURNAL", "")
        scheme, _, rest = url.partition(":")
        if url and scheme != "file":
            raise ConfigError(
                f"TACHOGRAPH_JOURNAL={scheme}:... is not known to this version; "
                "use file:/path, or leave it out"
            )
        if rest:
            journal = FileJournal(Path(rest.removeprefix("//")).expanduser())
        else:
            home = self.home or home_path(self.environ)
            journal = FileJournal(ensure_home(home) / "journal")
        journal.enforce_cap()
        return journal


def _words(given: Any, before: tuple[str, ...]) -> tuple[str, ...]:
    words = tuple(given) if isinstance(given, list | tuple | set | frozenset) else ()
    if not words or not all(
        isinstance(word, str) and any(map(str.isalpha, word)) for word in words
    ):
        raise ConfigError(
            f"configure(scrub={given!r}): allowed is a list of names, as in ['iban', 'pin code']; "
            f"it stays at {list(before)}"
        )
    return words[:100]
