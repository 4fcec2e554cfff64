"""Merge patches: what is sent turns the old value into the new one, exactly."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import example, given

from tachograph.core.patch import Json, apply, carried, compose, diff, normal
from tests.core.values import LOOSE_OBJECTS, OBJECTS, no_nulls, text


@given(OBJECTS, OBJECTS)
@example({"a": [1]}, {"a": [True]})
@example({"a": 1}, {"a": 1.0})
@example({"a": {"b": 1}}, {"a": {}})
@example({"a": 1}, {"a": {}})
def test_diff_and_apply(old: Json, new: Json) -> None:
    """Applying the difference of two values to the first gives the second, to the byte."""
    assert text(apply(old, diff(old, new))) == text(new)


@given(OBJECTS)
def test_no_difference(value: Json) -> None:
    """Equal values differ by nothing, the same object and a copy alike."""
    assert diff(value, value) == {}
    assert diff(value, copy.deepcopy(value)) == {}


@given(OBJECTS, OBJECTS)
def test_apply_leaves_the_old_value(old: Json, new: Json) -> None:
    """A value that was handed out never changes."""
    patch = diff(old, new)
    before = text(old), text(patch)
    apply(old, patch)
    assert (text(old), text(patch)) == before


@given(LOOSE_OBJECTS)
def test_normal(value: Json) -> None:
    """A normal value has no null member at any depth, and stays as it is."""
    assert no_nulls(normal(value))
    assert normal(normal(value)) == normal(value)


def test_normal_keeps_arrays() -> None:
    """A null in an array is a place without a figure, not a deletion."""
    assert normal({"a": [1, None], "b": None}) == {"a": [1, None]}


@given(OBJECTS, OBJECTS, OBJECTS)
@example({"a": {"x": 1}}, {}, {"a": {"y": 2}})
@example({"a": {"x": 1}}, {"a": 5}, {"a": {"y": 2}})
@example({"a": 5}, {"a": {"y": 2}}, {"a": {}})
def test_compose(first: Json, second: Json, third: Json) -> None:
    """One patch for two does what they do one after the other; where none can, there is none."""
    patch = compose(diff(first, second), diff(second, third))
    if patch is not None:
        assert text(apply(first, patch)) == text(third)


@pytest.mark.parametrize(
    ("first", "second", "both"),
    [
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": 1}, {"a": 2}, {"a": 2}),
        ({"a": 1}, {"a": None}, {"a": None}),
        ({"a": None}, {"a": 1}, {"a": 1}),
        ({"a": {"x": 1}}, {"a": {"y": 2}}, {"a": {"x": 1, "y": 2}}),
        ({"a": {"x": 1}}, {"a": None}, {"a": None}),
        ({"a": None}, {"a": {"x": 1}}, None),
        ({"a": 5}, {"a": {"x": 1}}, None),
        ({"b": {"a": 5}}, {"b": {"a": {"x": 1}}}, None),
    ],
)
def test_compose_cases(first: Json, second: Json, both: Json | None) -> None:
    """Only an object that comes back after it was deleted or replaced can't be composed."""
    assert compose(first, second) == both


@pytest.mark.parametrize(
    "value",
    [None, True, 0, -(1 << 63), (1 << 64) - 1, 0.5, "", "é", [1, [None]], {"a": {"": []}}],
)
def test_carried(value: Any) -> None:
    """What JSON, msgpack and a merge patch all carry."""
    assert carried(value)


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        1 << 64,
        -(1 << 63) - 1,
        b"bytes",
        {1: "a"},
        (1, 2),
        object(),
        [{"a": [float("nan")]}],
        nested(1000),
    ],
    ids=lambda value: type(value).__name__,
)
def test_not_carried(value: Any) -> None:
    """A value that would arrive as another one, or stop the one who sends it, is seen before."""
    assert not carried(value)


def test_depth_is_enough_for_people() -> None:
    """Thirty objects inside of each other are carried."""
    assert carried(nested(30))
