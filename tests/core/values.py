"""Made-up JSON values for properties, and equality as JSON sees it."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import strategies as st

_encoder = msgspec.json.Encoder(order="sorted")

#: Few keys and few values, so that two made-up objects often have something in common.
KEYS = st.sampled_from(["a", "b", "c", ""])
SCALARS: list[Any] = [0, 1, 2, 0.0, 1.0, True, False, "", "x"]
ARRAYS: list[Any] = [[], [1], [True], [1.0], [1, None], [{"a": 1}], [{"a": None}], [[0]], [[False]]]


def _objects(leaves: list[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects of objects of objects. By hand: `st.recursive` takes five times as long."""
    leaf = st.sampled_from(leaves)
    inner = st.dictionaries(KEYS, leaf, max_size=2)
    middle = st.dictionaries(KEYS, leaf | inner, max_size=3)
    return st.dictionaries(KEYS, leaf | middle, max_size=4)


#: Objects without null members: what a topic holds.
OBJECTS = _objects([*SCALARS, *ARRAYS])
#: Objects in which nulls stand anywhere: what users send.
LOOSE_OBJECTS = _objects([*SCALARS, *ARRAYS, None])


def text(value: Any) -> bytes:
    """The value as JSON, keys sorted: 1, 1.0 and true differ here, as they do for a client."""
    return _encoder.encode(value)


def no_nulls(value: Any) -> bool:
    """Whether no object in it has a null member. Arrays may hold nulls."""
    if isinstance(value, dict):
        return all(inner is not None and no_nulls(inner) for inner in value.values())
    return True
