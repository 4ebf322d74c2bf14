"""A document as it is written -> a warning for each named value that no `$` of it names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from yamlnet.diagnostics import Mistake, Path, did_you_mean

_NAME = re.compile(r"[^\W\d]\w*")


def unread(whole: Any, without_options: Any, own: Any) -> Iterator[Mistake]:
    """Warns of `vars` that nothing uses, and of parameters that their block doesn't.

    A value that only an option names is an error, as the option has no effect. `own` is the file itself: what
    it extends may have values for other files. A document without any `$` is one that is worked out.
    """
    names, known = _names(whole), _under(without_options, "vars")
    for name in _under(whole, "vars"):
        if name not in names and name not in known:
            used = [f"vars.{other}" for other in known if other in names]
            help, suggestion = did_you_mean(f"vars.{name}", used)
            message = f"nothing uses `${name}`, so that the option has no effect"
            yield Mistake("unused-value", ("vars", name), message, help, suggestion, at="key")
        elif names and name not in names and name in _under(own, "vars"):
            yield _unused(("vars", name), f"nothing uses `${name}`")
    for block in _under(own, "blocks"):
        used_here = _names(_under(whole, "blocks", block))
        for name in _under(own, "blocks", block, "params"):
            if name not in used_here:
                yield _unused(("blocks", block, "params", name), f"`{block}` doesn't use `${name}`")


def _unused(path: Path, message: str) -> Mistake:
    return Mistake("unused-value", path, message, severity="warning", at="key")


def _under(value: Any, *path: str) -> Mapping[str, Any]:
    """The mapping at a path, empty where there is none."""
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _names(value: Any) -> set[str]:
    """Every name in a text that has a `$`, and more: nothing that is used is missing."""
    found: set[str] = set()
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str) and "$" in one:
            found.update(_NAME.findall(one))
        elif isinstance(one, dict):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, list):
            waiting += one
    return found
