"""Anything that is usable as `with`, as a decorator for every kind of function."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager, aclosing
from typing import Any, TypeVar, cast

Function = TypeVar("Function", bound=Callable[..., Any])
Fresh = Callable[[], AbstractContextManager[Any]]


class Decorator:
    """Measures each call of a function with a measurement of its own."""

    __slots__ = ()

    def fresh(self) -> Any:
        """What measures the next call: itself, where one object measures many at once."""
        return self

    def __call__(self, function: Function) -> Function:
        """The function, measured: plain, async, generator or async generator, as it was."""
        wrap = next(wrap for fits, wrap in _WRAPS if fits(function))
        return cast("Function", functools.wraps(function)(wrap(function, self.fresh)))


def _plain(function: Callable[..., Any], fresh: Fresh) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        with fresh():
            return function(*args, **kwargs)

    return wrapper


def _coroutine(function: Callable[..., Any], fresh: Fresh) -> Callable[..., Any]:
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        with fresh():
            return await function(*args, **kwargs)

    return wrapper


def _generator(function: Callable[..., Any], fresh: Fresh) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        with fresh():
            return (yield from function(*args, **kwargs))

    return wrapper


def _async_generator(function: Callable[..., Any], fresh: Fresh) -> Callable[..., Any]:
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        with fresh():
            async with aclosing(function(*args, **kwargs)) as items:
                async for item in items:
                    yield item

    return wrapper


_WRAPS: tuple[tuple[Callable[[Any], bool], Callable[..., Callable[..., Any]]], ...] = (
    (inspect.iscoroutinefunction, _coroutine),
    (inspect.isasyncgenfunction, _async_generator),
    (inspect.isgeneratorfunction, _generator),
    (lambda function: True, _plain),
)
