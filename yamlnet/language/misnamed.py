"""A call in the notation of Python, Hydra or another configuration -> the same as this language writes it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from yamlnet.catalog import lookup
from yamlnet.catalog.entry import Entry, Kind
from yamlnet.language.expressions import Wrong, syntax
from yamlnet.language.plain import show, whole
from yamlnet.language.positional import by_name

FUNCTIONS = ("", "F", "torch", "functional", "nn.functional", "torch.nn.functional")
"""What stands before a function's name in Python; before a method's stands its value."""

DISCRIMINATORS = (
    "type",
    "name",
    "class",
    "class_name",
    "_target_",
    "target",
    "op",
    "layer",
    "kind",
    "module",
)
"""Keys that name a call elsewhere, where here the name is the key."""

ARGUMENTS = ("args", "kwargs", "params", "parameters", "config", "options", "arguments")
"""Keys that hold its arguments."""

CONTENTS = ("layers", "modules", "children", "nodes", "steps", "blocks")


def from_python(text: str, kinds: Sequence[Kind]) -> str | None:
    """`Conv2d(3, 16, kernel_size=3)` as `Conv2d: {out_channels: 16, kernel_size: 3}`; None for no such call.

    Arguments by place have PyTorch's order; sizes that are inferred are left out.
    """
    tree, entry = _parsed(text), called(text, kinds)
    if not isinstance(tree, ast.Call) or entry is None:
        return None
    said = _arguments(tree, entry)
    return None if said is None else written(entry, said)


def called(text: str, kinds: Sequence[Kind]) -> Entry | None:
    """The entry that a text calls as Python does; a method of a value is none."""
    tree = _parsed(text)
    if not isinstance(tree, ast.Call) or not isinstance(tree.func, ast.Name | ast.Attribute):
        return None
    path, _, name = ast.unparse(tree.func).rpartition(".")
    entry = next((entry for kind in kinds if (entry := lookup.find(name, kind)) is not None), None)
    is_method = entry is not None and entry.kind == "function" and path not in FUNCTIONS
    return None if is_method else entry


def written(entry: Entry, said: Mapping[str, Any]) -> str:
    """A call as a file writes it, the shortest way."""
    if not said:
        return entry.name
    if entry.positional is not None and [entry.positional.name] == list(said):
        return f"{entry.name}: {whole(said[entry.positional.name])}"
    return f"{entry.name}: {whole(dict(said))}"


def _parsed(text: str) -> ast.expr | None:
    try:
        return syntax(text, 0)
    except Wrong:
        return None


def _arguments(call: ast.Call, entry: Entry) -> dict[str, Any] | None:
    """The arguments by name; None where one isn't a plain value, or isn't the entry's."""
    supplied = call.args and not isinstance(call.args[0], ast.Constant)
    first = int(entry.kind in ("optimizer", "scheduler") and bool(supplied))
    given = call.args[first:]  # what is optimized, or scheduled, is given anyway
    try:
        placed = [_plain(value) for value in given]
        named = {str(keyword.arg): _plain(keyword.value) for keyword in call.keywords}
    except (ValueError, TypeError):
        return None
    found = by_name(entry, placed, named)
    return None if found is None else found[0]


def _plain(value: ast.expr) -> Any:
    plain = ast.literal_eval(value)
    return list(plain) if isinstance(plain, tuple) else plain


def is_arithmetic(text: str) -> bool:
    """Whether a text is a formula of named values, such as `a + 0.5 * b`."""
    tree = _parsed(text)
    return isinstance(tree, ast.BinOp | ast.UnaryOp | ast.Compare | ast.Subscript)


def discriminated(value: Mapping[str, Any], is_call: Callable[[str], bool]) -> tuple[str, str] | None:
    """The key that names a call, and how it is written here: `{type: Linear, out_features: 3}`."""
    key = next((key for key in DISCRIMINATORS if isinstance(value.get(key), str) and not is_call(key)), None)
    if key is None:
        return None
    name = value[key].rpartition(".")[2]
    if not is_call(name):
        return None
    rest = {k: v for k, v in value.items() if k != key}
    for other in (*ARGUMENTS, *CONTENTS):
        inner = rest.get(other)
        if isinstance(inner, dict) and len(rest) == 1:
            rest = inner
        elif isinstance(inner, list) and len(rest) == 1:
            return key, f"{name}: {show(inner)}"
    return key, f"{name}: {show(rest)}" if rest else name
