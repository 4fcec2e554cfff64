"""What users published, by topic and key: the latest wins, per project and over all. Pure."""

from __future__ import annotations

from typing import Any

from tachograph.core.patch import Json, carried
from tachograph.core.session import reserved

#: Topics of users that are kept; a further one is refused.
MAX_TOPICS = 1_000


class Published:
    """Each key of each topic with the value that every project gave it last."""

    def __init__(self) -> None:
        self._topics: dict[str, dict[str, dict[str, tuple[int, Any]]]] = {}
        self._order = 0
        self.refused = 0

    def merge(self, topic: str, project: str, value: Json) -> bool:
        """Lay `value` over the topic; "" is no project, which every project sees.

        False, and counted, for a reserved topic, a value that can't be carried, one topic too
        many.
        """
        if reserved(topic) or not carried(value):
            self.refused += 1
            return False
        keys = self._topics.get(topic)
        if keys is None:
            if len(self._topics) >= MAX_TOPICS:
                self.refused += 1
                return False
            keys = self._topics[topic] = {}
        for key, one in value.items():
            self._order += 1
            keys.setdefault(key, {})[project] = (self._order, one)
        return True

    def topics(self) -> list[str]:
        """Names that somebody published to."""
        return sorted(self._topics)

    def value(self, topic: str, project: str | None) -> Json:
        """The topic as one project sees it, or all of them together."""
        value: Json = {}
        for key, by_project in self._topics.get(topic, {}).items():
            seen = [
                one
                for owner, one in by_project.items()
                if project is None or owner in ("", project)
            ]
            if seen:
                newest = max(seen, key=lambda one: one[0])[1]
                if newest is not None:
                    value[key] = newest
        return value

    def projects(self) -> set[str]:
        """Those that published something."""
        owners = {
            owner
            for keys in self._topics.values()
            for by_project in keys.values()
            for owner in by_project
        }
        return owners - {""}

    def forget(self, project: str) -> None:
        """Everything that a project published; topics that nobody else did are gone with it."""
        for topic, keys in tuple(self._topics.items()):
            for key, by_project in tuple(keys.items()):
                by_project.pop(project, None)
                if not by_project:
                    del keys[key]
            if not keys:
                del self._topics[topic]

    def dump(self) -> list[tuple[str, str, str, int, Any]]:
        """Everything, for the store."""
        return [
            (topic, key, project, order, value)
            for topic, keys in self._topics.items()
            for key, by_project in keys.items()
            for project, (order, value) in by_project.items()
        ]

    def load(self, rows: list[tuple[str, str, str, int, Any]]) -> None:
        """What `dump` gave."""
        for topic, key, project, order, value in rows:
            if reserved(topic):  # it wasn't when it was published
                continue
            self._topics.setdefault(topic, {}).setdefault(key, {})[project] = (order, value)
            self._order = max(self._order, order)
