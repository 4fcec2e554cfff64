"""The text of a traceback, as Python would print it, from the facts that `failure` took.

Owned by the flusher. Secrets are taken out piece by piece: of a line of source its literals, of
messages and notes whatever looks like one.
"""

from __future__ import annotations

from collections.abc import Iterator

from tachograph.sdk import limits
from tachograph.sdk.failure import OUTER, Call, Raised
from tachograph.sdk.scrub import Scrubber
from tachograph.sdk.source_lines import Place, SourceLines

_LINKS = {
    "cause": "\nThe above exception was the direct cause of the following exception:\n",
    "context": "\nDuring handling of the above exception, another exception occurred:\n",
}
#: Of a text that is too long, so much of its beginning stays; the rest is its end.
_HEAD = limits.MAX_TRACE // 4


class Traces:
    """See the module."""

    def __init__(self, sources: SourceLines | None = None) -> None:
        self._sources = sources or SourceLines()

    def text(self, raised: tuple[Raised, ...], scrub: Scrubber) -> str:
        """The traceback to the first of these, those that led to it before it; "" without any."""
        if not any(one.calls for one in raised):
            return ""
        lines = self._sources.of((call.file, call.line) for one in raised for call in one.calls)
        parts = [part for one in reversed(raised) for part in _told(one, lines, scrub)]
        text = "\n".join(parts)
        return shortened(limits.text(text, len(text)))  # a lone surrogate has no UTF-8


def _told(one: Raised, lines: dict[Place, str], scrub: Scrubber) -> Iterator[str]:
    if one.link:
        yield _LINKS[one.link]
    if one.calls:
        yield "Traceback (most recent call last):"
    for number, call in enumerate(one.calls):
        if number == OUTER and one.missing:
            yield f"  [{one.missing} calls left out]"
        yield from _call(call, lines, scrub)
    message = scrub.text(one.message)
    yield f"{one.kind}: {message}" if message else one.kind
    yield from map(scrub.text, one.notes)
    for member in one.members:
        yield f"  | {scrub.text(member)}"


def _call(call: Call, lines: dict[Place, str], scrub: Scrubber) -> Iterator[str]:
    yield f'  File "{call.file[-300:]}", line {call.line}, in {call.function[-limits.MAX_NAME :]}'
    line = lines.get((call.file, call.line))
    if line:
        yield f"    {scrub.code(line)}"
    if call.times > 1:
        yield f"  [Previous line repeated {call.times - 1} more times]"


def shortened(text: str) -> str:
    """At most MAX_TRACE characters of a text: lines in the middle go, the end says what failed."""
    if len(text) <= limits.MAX_TRACE:
        return text
    head = text[: text.rfind("\n", 0, _HEAD) + 1 or _HEAD]
    room = limits.MAX_TRACE - len(head) - 60
    start = text.find("\n", len(text) - room) + 1 or len(text) - room
    left_out = start - len(head)
    return f"{head}... {left_out:,} characters left out ...\n{text[start:]}"
