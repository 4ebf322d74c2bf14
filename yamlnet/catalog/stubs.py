"""The folder of an installed torch in; the declared parameters of its functions out, without importing it.

Compiled functions have no signature that `inspect` could read, and those of `torch.nn.functional` say `None`
where the source says `BroadcastingList2[int]`: sources and the `.pyi` stubs beside them are read as text.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from yamlnet.catalog.entry import REQUIRED

UNREADABLE = object()
"""The default of a parameter that has one, where the source writes `...` or an expression."""

ALIASES = {"logsigmoid": "log_sigmoid"}
"""Functions that their stub calls by another name."""


@dataclass(frozen=True)
class Declared:
    """A parameter as torch declares it: the annotation is text, None where there is none."""

    name: str
    annotation: str | None
    default: Any = REQUIRED
    keyword_only: bool = False


Overload = tuple[Declared, ...]


@dataclass(frozen=True)
class Stubs:
    """Every overload of `torch.nn.functional`'s functions, of those compiled into `torch`, and of methods."""

    functional: Mapping[str, list[Overload]]
    compiled: Mapping[str, list[Overload]]
    methods: Mapping[str, list[Overload]]

    def functional_parameters(self, name: str) -> tuple[Declared, ...]:
        """The parameters of `torch.nn.functional.<name>`.

        A function that either returns indices or doesn't is declared as `<name>_with_indices`.
        """
        declared = self.functional.get(name) or self.functional.get(f"{name}_with_indices")
        return merge(declared) if declared else self.compiled_parameters(name)

    def compiled_parameters(self, name: str) -> tuple[Declared, ...]:
        """The parameters of `torch.<name>`; a `KeyError` where no stub declares it."""
        return merge(self.compiled[ALIASES.get(name, name)])

    def method_parameters(self, name: str) -> tuple[Declared, ...]:
        """The parameters of `torch.Tensor.<name>`, the tensor itself being the `input`."""
        return merge(self.methods[name])


def read(torch_folder: Path) -> Stubs:
    """The functions that the sources and stubs in torch's folder declare."""
    nn, compiled = torch_folder / "nn", torch_folder / "_C"
    return Stubs(
        functional=_overloads((nn / "functional.py", nn / "functional.pyi")),
        compiled=_overloads((compiled / "_VariableFunctions.pyi", compiled / "_nn.pyi")),
        methods=_methods(compiled / "__init__.pyi"),
    )


def merge(overloads: Iterable[Overload]) -> tuple[Declared, ...]:
    """One list of parameters that takes what any of the overloads takes, in the order of their places.

    What some overload does without isn't required, and what has no default then is null.
    """
    by_length = sorted(overloads, key=len, reverse=True)
    places: dict[str, int] = {}
    for overload in by_length:
        for place, parameter in enumerate(overload):
            places.setdefault(parameter.name, place)
    merged = [_merge_parameter(name, by_length) for name in places]
    return tuple(sorted(merged, key=lambda parameter: (parameter.keyword_only, places[parameter.name])))


def _merge_parameter(name: str, overloads: list[Overload]) -> Declared:
    found = [parameter for overload in overloads for parameter in overload if parameter.name == name]
    annotations = list(dict.fromkeys(p.annotation for p in found if p.annotation is not None))
    defaults = [p.default for p in found if p.default is not REQUIRED]
    readable = [default for default in defaults if default is not UNREADABLE]
    default: Any = REQUIRED
    if readable or defaults:
        default = (readable or defaults)[0]
    elif len(found) < len(overloads):
        default = None
    keyword_only = all(parameter.keyword_only for parameter in found)
    return Declared(name, " | ".join(annotations) or None, default, keyword_only)


def _overloads(files: Iterable[Path]) -> dict[str, list[Overload]]:
    found: dict[str, list[Overload]] = {}
    for file in files:
        for statement in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(statement, ast.FunctionDef) and _is_current(statement):
                found.setdefault(statement.name, []).append(tuple(_parameters(statement.args)))
    return found


def _methods(file: Path) -> dict[str, list[Overload]]:
    """Every overload of a tensor's methods but those that spell a list out: `expand(*size)`."""
    found: dict[str, list[Overload]] = {}
    for statement in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.ClassDef) and statement.name == "TensorBase":
            for method in statement.body:
                if isinstance(method, ast.FunctionDef) and method.args.vararg is None:
                    first, *others = _parameters(method.args)
                    itself = replace(first, name="input", annotation="Tensor")
                    found.setdefault(method.name, []).append((itself, *others))
    return found


def _is_current(function: ast.FunctionDef) -> bool:
    """Whether an overload is neither of the deprecated `add(self, alpha, other)` kind nor for named axes."""
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    annotations = (ast.dump(a.annotation) for a in arguments if a.annotation is not None)
    return not any(a.arg == "self" for a in arguments) and not any("EllipsisType" in a for a in annotations)


def _parameters(arguments: ast.arguments) -> Iterator[Declared]:
    positional = [*arguments.posonlyargs, *arguments.args]
    missing = len(positional) - len(arguments.defaults)
    for argument, default in zip(positional, [*[None] * missing, *arguments.defaults], strict=True):
        yield _declared(argument, default, keyword_only=False)
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield _declared(argument, default, keyword_only=True)


def _declared(argument: ast.arg, default: ast.expr | None, keyword_only: bool) -> Declared:
    annotation = None if argument.annotation is None else ast.unparse(argument.annotation)
    return Declared(argument.arg, annotation, REQUIRED if default is None else _value(default), keyword_only)


def _value(default: ast.expr) -> Any:
    try:
        value = ast.literal_eval(default)
    except ValueError:
        return UNREADABLE
    return UNREADABLE if value is ... else value
