"""What this source has published: the newest value of every key, told again by each checkpoint.

Pure. A key that was taken away is remembered as such, because the frame that said so may be
lost; where room is needed, those that went first are forgotten.
"""

from __future__ import annotations

from typing import Any

#: Topics of one source, and keys of one topic.
TOPICS = 1_000
KEYS = 10_000
_AT_ONCE = 1_000


class OwnTopics:
    """See the module. `every` is all of it, `news` what came since the last frame."""

    def __init__(self) -> None:
        self.every: dict[str, dict[str, Any]] = {}
        self.news: dict[str, dict[str, Any]] = {}
        self._full: set[str] = set()

    def publish(self, topic: str, value: dict[str, Any]) -> int:
        """Lay `value` over the topic, key by key; returns how many keys found no room."""
        kept = self.every.get(topic)
        if kept is None:
            if len(self.every) >= TOPICS:
                return len(value)
            kept = self.every[topic] = {}
        news, refused = self.news.setdefault(topic, {}), 0
        for key, one in value.items():
            if key not in kept and len(kept) >= KEYS and not self._make_room(topic, kept):
                refused += 1
                continue
            if one is None:
                self._full.discard(topic)
            # Anew at the end: what was said first comes first.
            kept.pop(key, None)
            kept[key] = news[key] = one
        return refused

    def _make_room(self, topic: str, kept: dict[str, Any]) -> bool:
        if topic in self._full:
            return False
        gone = [key for key, one in kept.items() if one is None][:_AT_ONCE]
        for key in gone:
            del kept[key]
        if not gone:
            self._full.add(topic)
        return bool(gone)
