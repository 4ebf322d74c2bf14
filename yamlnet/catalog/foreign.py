"""A dotted path into an allowed package in; the entry of what it names, read from its signature, out.

This file alone imports what an experiment names.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any

from yamlnet.catalog import types
from yamlnet.catalog.allowed import Allowed
from yamlnet.catalog.annotations import role_of, type_of
from yamlnet.catalog.docstrings import summary
from yamlnet.catalog.entry import REQUIRED, Entry, Kind, Parameter
from yamlnet.catalog.inspection import parameters_of
from yamlnet.catalog.stubs import Declared
from yamlnet.diagnostics import YamlnetError, did_you_mean

KINDS: tuple[Kind, ...] = ("module", "function", "loss", "optimizer", "dataset")
"""What a dotted path may stand for."""

PLAIN = (bool, int, float, str, type(None))


class Refused(Exception):
    """A path that gives no entry: the code and words of the mistake."""

    def __init__(
        self, code: str, message: str, help: str | None = None, suggestion: str | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.help = help
        self.suggestion = suggestion


def is_target(target: str) -> bool:
    """Whether an entry's target is of this file: the module, a colon, and what it holds."""
    return ":" in target


def held(target: str) -> Any:
    """The class or function of an entry's target, out of its module, which has been imported."""
    module, _, names = target.partition(":")
    found: Any = sys.modules[module]
    for name in names.split("."):
        found = getattr(found, name)
    return found


def find(path: str, kinds: Sequence[Kind], allow: Allowed, said: Collection[str] = ()) -> Entry:
    """The entry of what a path names, which nothing is inferred for.

    `said` are the arguments' names: what takes `**options` takes each of them. Raises Refused.
    """
    first = path.partition(".")[0]
    if not set(kinds) & set(KINDS):
        raise Refused("unknown-name", f"`{path}` can't stand here", "only names of the catalogue can")
    if not allow.covers(path):
        message = f"`{path}` isn't in the catalogue, and may not run"
        own = first not in sys.stdlib_module_names
        help = (
            f"`--allow {first}` runs code of that package" if own else "it is no package of networks or data"
        )
        raise Refused("not-allowed", message, help)
    target, found = _followed(path, allow)
    kind = _kind(path, found, kinds)
    try:
        signature = inspect.signature(found)
        return _entry(kind, path, target, found, signature, said)
    except (TypeError, ValueError) as error:
        raise Refused("wrong-value", f"the parameters of `{path}` can't be read: {error}") from None


# -- the way to it ------------------------------------------------------------------------------


def _followed(path: str, allow: Allowed) -> tuple[str, Any]:
    """The target of a path, and what is there; nothing on the way belongs to another package."""
    first, *names = path.split(".")
    found: Any = _imported(first)
    if found is None:
        help = "installed packages and the working directory are searched"
        raise Refused("unknown-name", f"there is no package `{first}`", help)
    module, inside = found.__name__, list[str]()
    for position, name in enumerate(names, 1):
        so_far = ".".join([first, *names[:position]])
        holder, found = found, _member(found, name, so_far, allow)
        own = found.__name__ if isinstance(found, ModuleType) else str(getattr(found, "__module__", ""))
        submodule = isinstance(holder, ModuleType) and own == f"{holder.__name__}.{name}"
        if not (submodule or allow.covers(own)) and (callable(found) or isinstance(found, ModuleType)):
            message = f"`{so_far}` comes from `{own}`, whose code may not run"
            raise Refused("not-allowed", message)
        if isinstance(found, ModuleType):
            module, inside = found.__name__, []
        else:
            inside.append(name)
    return f"{module}:{'.'.join(inside)}", found


def _member(holder: Any, name: str, path: str, allow: Allowed) -> Any:
    """What a module or class holds under a name; a module's submodules are imported."""
    before = path.rpartition(".")[0]
    if not isinstance(holder, ModuleType | type) or name.startswith("__"):
        raise Refused("unknown-name", f"`{before}` has no `{name}`")
    try:
        found = getattr(holder, name, None)
    except (Exception, SystemExit) as error:  # a module's own `__getattr__`
        raise Refused("wrong-value", f"`{path}` can't be had: {reason(error)}") from None
    if found is None and isinstance(holder, ModuleType) and hasattr(holder, "__path__"):
        found = _imported(f"{holder.__name__}.{name}")
    if found is None:
        help, near = did_you_mean(name, _names(holder, allow))
        raise Refused("unknown-name", f"`{before}` has no `{name}`", help, near and f"{before}.{near}")
    return found


def _names(holder: ModuleType | type, allow: Allowed) -> Iterator[str]:
    """What of a module or class a file could name."""
    for name, value in vars(holder).items():
        own = value.__name__ if isinstance(value, ModuleType) else str(getattr(value, "__module__", ""))
        if not name.startswith("_") and allow.covers(own):
            yield name
    for found in pkgutil.iter_modules(getattr(holder, "__path__", ())):
        yield found.name


def _imported(name: str) -> ModuleType | None:
    """The module, None where there is none; what it prints goes to standard error.

    The working directory is searched last, so that nothing in it hides what is installed.
    """
    folder = str(Path.cwd())
    if not {folder, ""} & set(sys.path):
        sys.path.append(folder)
    importlib.invalidate_caches()
    try:
        with redirect_stdout(sys.stderr):
            return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and error.name == name:
            return None
        raise Refused("wrong-value", f"`{name}` can't be imported: {reason(error)}") from None


# -- what it is ---------------------------------------------------------------------------------


def _kind(path: str, found: Any, kinds: Sequence[Kind]) -> Kind:
    """What an object can be where one of `kinds` is wanted."""
    from torch import nn, optim

    bases: dict[Kind, type] = {"module": nn.Module, "loss": nn.Module, "optimizer": optim.Optimizer}
    for kind in kinds:
        if kind in bases:
            fits = isinstance(found, type) and issubclass(found, bases[kind])
        else:
            fits = callable(found) and not isinstance(found, nn.Module)
            fits = fits and not (kind == "function" and isinstance(found, type))
        if fits:
            return kind
    wanted = [_WANTED[kind] for kind in kinds if kind in _WANTED]
    is_not = f"neither {' nor '.join(wanted)}" if len(wanted) > 1 else f"not {wanted[0]}"
    raise Refused("wrong-value", f"`{path}` is {is_not}")


_WANTED: Mapping[Kind, str] = {
    "module": "a class of `torch.nn.Module`",
    "function": "a function",
    "loss": "a class of `torch.nn.Module`",
    "optimizer": "a class of `torch.optim.Optimizer`",
    "dataset": "a class or function",
}


def _entry(
    kind: Kind, path: str, target: str, found: Any, signature: inspect.Signature, said: Collection[str]
) -> Entry:
    variadic = {p.kind for p in signature.parameters.values()} & set(_VARIADIC)
    declared = parameters_of(signature)
    if kind == "function":
        if inspect.Parameter.VAR_POSITIONAL in variadic:
            raise Refused("wrong-value", f"`{path}` doesn't name the tensors that it takes")
        parameters = _arguments(declared)
    else:
        parameters = [_option(parameter) for parameter in declared]
    if kind == "optimizer":
        if not parameters:
            raise ValueError("it takes none")
        parameters[0] = Parameter(parameters[0].name, "any", supplied=True)
    by_name = {parameter.name: parameter for parameter in parameters}
    if inspect.Parameter.VAR_KEYWORD in variadic:
        by_name |= {name: Parameter(name, "any", None) for name in said if name not in by_name}
    inputs = _inputs(found) if kind in ("module", "loss") else ()
    return Entry(path, kind, target, by_name, summary(found.__doc__), inputs=inputs)


_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def _option(declared: Declared) -> Parameter:
    """A parameter that the file writes; a default that it has no words for is null, and goes unsaid."""
    expression, default = _type(declared), declared.default
    if default is not REQUIRED:
        default = list(default) if isinstance(default, tuple) else default
        default = default if _is_plain(default) else None
    return Parameter(declared.name, expression, default, keyword_only=declared.keyword_only)


def _arguments(declared: Sequence[Declared]) -> list[Parameter]:
    """A function's parameters: tensors by their annotation; without one, the first, and any may be."""
    found: list[Parameter] = []
    for parameter in declared:
        option = _option(parameter)
        role = "option" if parameter.annotation is None else role_of(parameter.annotation)
        if parameter.annotation is None and (parameter.default is REQUIRED or parameter.default is None):
            role = "either" if any(p.role != "option" for p in found) else "tensor"
        expression = (
            ("tensor | none" if option.default is None else "tensor") if role == "tensor" else option.type
        )
        found.append(
            Parameter(option.name, expression, option.default, role, keyword_only=option.keyword_only)
        )
    return found


def _type(declared: Declared) -> str:
    """The type expression of an annotation; `any` for one that isn't known."""
    try:
        expression = type_of(declared.annotation or "Any")
        types.parse(expression)
    except (SyntaxError, ValueError):
        return "any"
    return "any" if expression == "function" else expression


def _is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return type(value) in PLAIN


def _inputs(module: Any) -> tuple[Parameter, ...]:
    """What the forward of a module takes, but for what can't be a tensor."""
    declared = parameters_of(inspect.signature(module.forward))[1:]
    return tuple(
        Parameter(p.name, "tensor" if p.default is REQUIRED else "tensor | none", p.default, "tensor")
        for p in declared
        if p.annotation is None or "tensor" in _type(p) or _type(p) == "any"
    )


# -- what it does -------------------------------------------------------------------------------


def reason(error: BaseException) -> str:
    """The kind of an exception, and the first line of its text."""
    text = str(error).strip().split("\n")[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


@contextmanager
def blaming(allow: Allowed) -> Iterator[None]:
    """What code of an allowed package raises is one line that names its place, and no bug of yamlnet."""
    try:
        yield
    except YamlnetError:
        raise
    except (Exception, SystemExit) as error:
        place = _place(error, allow)
        if place is None:
            raise
        raise YamlnetError(f"{place} raised {reason(error)}") from error


def _place(error: BaseException, allow: Allowed) -> str | None:
    """Where in an allowed package an exception came through last."""
    place, trace = None, error.__traceback__
    while trace is not None:
        module = str(trace.tb_frame.f_globals.get("__name__", ""))
        if allow.covers(module):
            place = f"`{module}`, line {trace.tb_lineno},"
        trace = trace.tb_next
    return place
