"""`from` of a term of the loss, or of a metric -> the values that it names, in the order of the call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from yamlnet.catalog.entry import Call
from yamlnet.diagnostics import Mistake, Path, listed, plural
from yamlnet.language.calls import BROKEN, Written, unknown_key
from yamlnet.language.expressions import UNKNOWN, Wrong
from yamlnet.language.formula import parse
from yamlnet.language.nodes import Expression
from yamlnet.language.plain import kind_of

DEFAULT = ("output", "target")

Read = tuple[dict[str, Any], list[Mistake]]
"""`inputs`, what a call takes in order, and the `names` that the file gives them, where it does."""


def read_sources(written: Written, path: Path, call: Call) -> Read:
    """What `from` names: values of the output and the batch, and expressions of them."""
    given = written.sides.get("from", list(DEFAULT))
    place = (*path, "from")
    if isinstance(given, dict) and "expr" not in given and given:
        return _named(given, place, call)
    items = given if isinstance(given, list) else [given]
    if not items or not all(isinstance(i, str | dict) or i is UNKNOWN for i in items) or given == {}:
        message = f"`from` is a list of names, not {kind_of(given)}"
        help = "`output`, a part of it such as `output.heads`, or a field of the batch such as `target`"
        return {"inputs": list(DEFAULT)}, [Mistake("wrong-type", place, message, help)]
    read: list[Any] = []
    mistakes: list[Mistake] = []
    for position, item in enumerate(items):
        source, wrong = _source(item, (*place, position) if items is given else place)
        read.append(source)
        mistakes += wrong
    if not mistakes and not _takes_any_number(call):
        tensors = call.entry.tensors
        least = len([p for p in tensors if p.required])
        if not least <= len(items) <= len(tensors):
            words = listed(f"`{p.name}`" for p in tensors if p.required)
            message = f"`{call.name}` takes {words} from `from`, and gets {plural(len(items), 'name')}"
            mistakes.append(Mistake("wrong-value", place if "from" in written.sides else path, message))
    return {"inputs": read}, mistakes


def _takes_any_number(call: Call) -> bool:
    """Whether nothing is known of what it takes, or it is a function of a list of tensors."""
    tensors = call.entry.tensors
    return call is BROKEN or not tensors or tensors[0].role == "tensors"


def _named(given: Mapping[str, Any], place: Path, call: Call) -> Read:
    """Inputs by the names that PyTorch gives them; the first is the output where it isn't named."""
    read: dict[str, Any] = {}
    mistakes: list[Mistake] = []
    for name, item in given.items():
        if isinstance(item, str | dict) or item is UNKNOWN:
            read[name], wrong = _source(item, (*place, name))
        else:
            message = f"`{name}` is the name of a value, not {kind_of(item)}"
            read[name], wrong = "output", [Mistake("wrong-type", (*place, name), message)]
        mistakes += wrong
    if call is BROKEN or not call.entry.tensors:
        return {"inputs": list(read.values())}, mistakes
    if call.entry.tensors[0].role == "tensors":
        message = f"`{call.name}` takes a list of tensors, which have no names"
        return {"inputs": list(read.values())}, [*mistakes, Mistake("wrong-type", place, message)]
    takes = [tensor for tensor in call.entry.tensors if tensor.name not in call.arguments]
    names = [tensor.name for tensor in takes]
    mistakes += [
        unknown_key(name, (*place, name), names, f"in `from` of `{call.name}`")
        for name in read
        if name not in names
    ]
    read = {names[0]: "output", **read}
    last = max((names.index(name) for name in read if name in names), default=0)
    missing = [t.name for i, t in enumerate(takes) if t.name not in read and (t.required or i < last)]
    if missing and not mistakes:
        words = " and ".join(f"`{name}`" for name in missing)
        mistakes.append(Mistake("missing-parameter", place, f"`{call.name}` also needs {words}", at="key"))
    ordered = [name for name in names if name in read]
    return {"inputs": [read[name] for name in ordered], "names": ordered}, mistakes


def _source(value: Any, path: Path) -> tuple[Any, list[Mistake]]:
    if not isinstance(value, dict):
        return "output" if value is UNKNOWN else value, []
    if "expr" not in value:
        message, help = "`from` takes names and `{expr: ...}` here", "a term has no nodes; the model has"
        return "output", [Mistake("wrong-type", path, message, help)]
    mistakes = [unknown_key(key, (*path, key), ("expr",), "beside `expr`") for key in value if key != "expr"]
    source, wrong = read_expression(value["expr"], (*path, "expr"))
    return source, mistakes + wrong


def read_expression(value: Any, path: Path) -> tuple[Any, list[Mistake]]:
    """A tensor expression; `output` stands for one with a mistake."""
    if value is UNKNOWN:
        return "output", []
    text = str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
    if not isinstance(text, str):
        message, help = f"`expr` is a text, not {kind_of(value)}", 'expr: "mean(output.mu ** 2)"'
        return "output", [Mistake("wrong-type", path, message, help)]
    try:
        return Expression(path=path, formula=parse(text)), []
    except Wrong as wrong:
        part = (wrong.start, wrong.end)
        return "output", [Mistake("expression", path, str(wrong), wrong.help, part=part, worked_out=True)]


def read_formula(written: Written, path: Path) -> Read:
    """A term or metric that is an expression by itself: `{expr: ...}`."""
    mistakes: list[Mistake] = []
    if "from" in written.sides:
        message, help = "`expr` has no `from`", "an expression names what it takes"
        mistakes.append(Mistake("unknown-key", (*path, "from"), message, help, at="key"))
    source, wrong = read_expression(written.argument, written.path)
    return {"call": None, "inputs": [source]}, mistakes + wrong
