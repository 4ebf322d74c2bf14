"""The builder of a torchvision model and what is said in; the model's class and its arguments out."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any


class _Asked(Exception):
    """Carries the arguments out of a builder that was only asked."""

    def __init__(self, arguments: dict[str, Any]) -> None:
        super().__init__()
        self.arguments = arguments


def class_of(builder: Callable[..., Any]) -> Any:
    """The class that a builder says it returns."""
    return inspect.signature(builder, eval_str=True).return_annotation


def ask(builder: Callable[..., Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that a builder would construct its class with, given these, without doing so.

    Builders take `**kwargs`: what they fix, what they take and what they have as their own defaults shows in
    what they do only. No weights are downloaded, because that comes after constructing.

    Raises:
        TypeError, ValueError: the builder doesn't take this.
    """
    cls = class_of(builder)
    signature, constructor = inspect.signature(cls.__init__), cls.__init__

    def answer(*args: Any, **kwargs: Any) -> None:
        bound = signature.bind(*args, **kwargs)
        _, *names = bound.arguments
        found = {name: bound.arguments[name] for name in names}
        raise _Asked({**found, **found.pop("kwargs", {})})

    cls.__init__ = answer
    try:
        builder(**said)
    except _Asked as asked:
        return asked.arguments
    finally:
        cls.__init__ = constructor
    raise TypeError(f"{builder.__name__} constructs no {cls.__name__}")
