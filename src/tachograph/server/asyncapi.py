"""The live protocol described for machines: an AsyncAPI 3 document over the messages' types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from tachograph._version import __version__
from tachograph.core.messages import FROM_CLIENT, FROM_SERVER
from tachograph.core.session import DEFAULT_TOPICS, RATES

Json = dict[str, Any]
_TEXT: Json = {"type": "string"}
_QUERY: Json = {
    "project": {**_TEXT, "description": "only this project"},
    "rate": {
        "type": "number",
        "default": 1.0,
        "description": f"updates a second, the nearest of {', '.join(map(str, RATES))}",
    },
    "since": {**_TEXT, "description": "topic:pos,... of what the client holds"},
    "format": {"enum": ["delta", "full"], "default": "delta"},
}
_TOPICS: Json = {
    **_TEXT,
    "default": ",".join(DEFAULT_TOPICS),
    "description": "names with commas between them; others by a message",
}


def document(fixed: Mapping[str, Iterable[str]]) -> Json:
    """The document; `fixed` are the addresses whose topics stand in the path."""
    kinds = (*FROM_SERVER, *FROM_CLIENT)
    _, schemas = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    addresses = {"live": ("/ws", {"topics": _TOPICS} | _QUERY)}
    for path in fixed:
        addresses[path.removeprefix("/ws/")] = (path, _QUERY)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Tachograph",
            "version": __version__,
            "description": "Topics live: snapshots, merge patches, and positions to go on from.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {name: _channel(*given) for name, given in addresses.items()},
        "operations": {
            operation: _operation(addresses[name][0], name, action, kinds)
            for name in addresses
            for operation, action, kinds in (
                (f"send-{name}", "send", FROM_SERVER),
                (f"receive-{name}", "receive", FROM_CLIENT),
            )
        },
        "components": {
            "messages": {kind.__name__: _message(kind) for kind in kinds},
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _channel(address: str, query: Json) -> Json:
    return {
        "address": address,
        "messages": {
            kind.__name__: {"$ref": f"#/components/messages/{kind.__name__}"}
            for kind in (*FROM_SERVER, *FROM_CLIENT)
        },
        "bindings": {
            "ws": {
                "method": "GET",
                "query": {"type": "object", "properties": query},
                "bindingVersion": "0.1.0",
            }
        },
    }


def _operation(address: str, channel: str, action: str, kinds: Iterable[type]) -> Json:
    whose = "what the server says" if action == "send" else "what a client may say"
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": f"{whose} at {address}",
        "security": [{"$ref": "#/components/securitySchemes/token"}],
        "messages": [{"$ref": f"#/channels/{channel}/messages/{one.__name__}"} for one in kinds],
    }


def _message(kind: type) -> Json:
    return {
        "name": kind.__name__,
        "summary": (kind.__doc__ or "").strip().splitlines()[0],
        "payload": {"$ref": f"#/components/schemas/{kind.__name__}"},
    }
