"""Files of weights and the modules that start from them -> what fits, and the modules with it loaded."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor, nn

from yamlnet.diagnostics import Mistake, YamlnetError, did_you_mean, plural
from yamlnet.language.nodes import Node, Weights, walk
from yamlnet.network.foreign_weights import NO_STATE_DICT, UnreadableError, read_foreign, require_short

FileOf = Callable[[Weights], Path]
"""Where a file of weights is."""

DTYPES = {
    **{f"F{bits}": getattr(torch, f"float{bits}") for bits in (16, 32, 64)},
    **{f"I{bits}": getattr(torch, f"int{bits}") for bits in (8, 16, 32, 64)},
    **{f"U{bits}": getattr(torch, f"uint{bits}") for bits in (8, 16, 32, 64)},
    "BF16": torch.bfloat16,
    "BOOL": torch.bool,
    "C64": torch.complex64,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
}
"""What safetensors calls the element types of torch."""

COUNTERS = "num_batches_tracked"
"""What norms count, and files of old releases of torch leave out."""


@dataclass
class Loading:
    """Loads weights, or judges whether they would load; and notes what was wrong and what was left out.

    `loaded` are the parameters that a file filled. Without `file_of` there is nothing to load.
    """

    file_of: FileOf | None = None
    mistakes: list[Mistake] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    loaded: set[Tensor] = field(default_factory=set)

    @property
    def num_errors(self) -> int:
        """How many of the mistakes are more than warnings."""
        return sum(mistake.severity == "error" for mistake in self.mistakes)

    def judge(self, module: nn.Module, root: Node) -> None:
        """Compares names and shapes, from the head of each file; one that isn't there is a warning."""
        for part, weights, file in self.parts(module, root):
            place = weights.file_path
            try:
                given = read(file, head=True)
            except FileNotFoundError:
                message, help = f"there is no file `{weights.file}`", "it is needed to build the network"
                self.mistakes.append(Mistake("missing-file", place, message, help, severity="warning"))
            except UnreadableError as error:
                self.mistakes.append(
                    Mistake("wrong-value", place, f"`{weights.file}` can't be read: {error}")
                )
            else:
                fit, wrong = fitted(part, weights, given)
                self.mistakes += wrong
                self.notes += [] if wrong or weights.strict else [fit.told(weights)]

    def load(self, module: nn.Module, root: Node) -> None:
        """Copies each file's tensors into the module that it stands beside.

        Raises:
            YamlnetError: a file isn't there, can't be read, or doesn't fit.
        """
        for part, weights, file in self.parts(module, root):
            fit, wrong = fitted(part, weights, _loaded(file, head=True))
            if wrong:
                raise YamlnetError(wrong[0].message, wrong[0].help, exit_code=1)
            given = _loaded(file, only=set(fit.taken.values()))
            own = part.state_dict(keep_vars=True)
            with torch.no_grad():
                for name, source in fit.taken.items():
                    own[name].copy_(given[source])
                    self.loaded.add(own[name])
            self.notes += [] if weights.strict else [fit.told(weights)]
        self.loaded |= pretrained(module, root)

    def parts(self, module: nn.Module, root: Node) -> Iterator[tuple[nn.Module, Weights, Path]]:
        """The modules that weights stand beside, those of an inner one later: they win."""
        for name, node in walk(root):
            weights = node.beside.weights
            if weights is not None and self.file_of is not None:
                yield module.get_submodule(name), weights, self.file_of(weights)


def read(file: Path, head: bool = False, only: Collection[str] | None = None) -> dict[str, Tensor]:
    """The tensors of a file by name, on the CPU; of its `head` alone, without their numbers.

    Of safetensors `only` those that are named are read.

    Raises:
        FileNotFoundError: it isn't there.
        UnreadableError: it is something else than a state dict.
    """
    if not os.path.exists(file):  # which holds for names that are too long, too
        raise FileNotFoundError(file)
    try:
        if file.suffix != ".safetensors":
            return read_foreign(file, head)
        with safe_open(file, framework="pt") as opened:
            names = [name for name in opened.keys() if only is None or name in only]  # noqa: SIM118
            require_short(names)
            if not head:
                return {name: opened.get_tensor(name) for name in names}
            return {name: _empty(opened.get_slice(name)) for name in names}
    except UnreadableError:
        raise
    except Exception as error:  # whatever the readers of two formats raise is their judgement of the file
        words = str(error).strip().split("\n")[0]
        if "Weights only load failed" in words:
            words = NO_STATE_DICT
        raise UnreadableError(words or type(error).__name__) from error


def _loaded(file: Path, head: bool = False, only: Collection[str] | None = None) -> dict[str, Tensor]:
    """What `read` gives; that there is nothing to read is no mistake of the file any more."""
    try:
        return read(file, head, only)
    except FileNotFoundError:
        raise YamlnetError(f"can't read the weights: there is no file `{file}`") from None
    except UnreadableError as error:
        raise YamlnetError(f"can't read the weights `{file}`: {error}") from None


def _empty(tensor: Any) -> Tensor:
    """A tensor of a safetensors file without its numbers."""
    dtype = DTYPES.get(tensor.get_dtype())
    if dtype is None:
        raise UnreadableError(f"its element type {tensor.get_dtype()} is unknown")
    return torch.empty(tensor.get_shape(), dtype=dtype, device="meta")


@dataclass(frozen=True)
class Fit:
    """How a file's tensors fit a module.

    `taken` leads from the module's names to the file's; `missing` are names that only the module has,
    `unused` those that only the file has, `unequal` the names that have two shapes.
    """

    taken: Mapping[str, str]
    missing: Sequence[str]
    unused: Sequence[str]
    unequal: Sequence[str]

    def told(self, weights: Weights) -> str:
        """What was loaded and what wasn't, in a line."""
        total = len(self.taken) + len(self.missing) + len(self.unequal)
        parts = [f"`{weights.file}`: {len(self.taken)} of {plural(total, 'tensor')} loaded"]
        parts += [f"not in it {_listed(self.missing)}"] if self.missing else []
        parts += [f"of another shape {_listed(self.unequal)}"] if self.unequal else []
        parts += [f"left over {_listed(self.unused)}"] if self.unused else []
        return "; ".join(parts)


def fitted(module: nn.Module, weights: Weights, given: Mapping[str, Tensor]) -> tuple[Fit, list[Mistake]]:
    """How tensors of these names and shapes fit a module, and what is wrong with that."""
    state = module.state_dict()
    own = {name: tensor.shape for name, tensor in state.items()}
    sources, wrong = _renamed(weights, given)
    both = [name for name in own if name in sources]
    unequal = [name for name in both if own[name] != given[sources[name]].shape]
    taken = {name: sources[name] for name in both if name not in unequal}
    missing = [name for name in own if name not in sources and name.rpartition(".")[2] != COUNTERS]
    unused = [source for name, source in sources.items() if name not in own]
    fit = Fit(taken, missing, unused, unequal)
    if not wrong and not taken and own:
        message = f"nothing in `{weights.file}` has a name and shape of this module"
        wrong = [Mistake("wrong-value", weights.file_path, message, _advice(fit, own, sources, weights))]
    elif not wrong and weights.strict and (missing or unused):
        said = [f"lacks {_listed(missing)}"] if missing else []
        said += [f"holds {_listed(unused)}, which the module hasn't"] if unused else []
        message = f"`{weights.file}` " + ", and ".join(said)
        wrong = [Mistake("wrong-value", weights.file_path, message, _advice(fit, own, sources, weights))]
    elif not wrong and weights.strict and unequal:
        name = unequal[0]
        message = f"`{name}` is {list(own[name])}, and in `{weights.file}` {list(given[sources[name]].shape)}"
        more = f"; so do {len(unequal) - 1} more" if len(unequal) > 1 else ""
        help = f"`strict: false` leaves out what doesn't fit{more}"
        wrong = [Mistake("shape-mismatch", weights.file_path, message, help)]
    for name in taken if not wrong else ():
        if _kind(state[name]) != _kind(given[sources[name]]):
            dtypes = [
                str(dtype).removeprefix("torch.") for dtype in (state[name].dtype, given[sources[name]].dtype)
            ]
            message = f"`{name}` is {dtypes[0]}, and in `{weights.file}` {dtypes[1]}"
            return fit, [Mistake("dtype-mismatch", weights.file_path, message)]
    return fit, wrong


def _kind(tensor: Tensor) -> str:
    """What sort of numbers a tensor holds: whole ones of any size, truth values too, are one."""
    return "complex" if tensor.is_complex() else "float" if tensor.is_floating_point() else "whole"


def _renamed(weights: Weights, given: Mapping[str, Any]) -> tuple[dict[str, str], list[Mistake]]:
    """The name in the file of each name in the module, as `rename` says."""
    sources: dict[str, str] = {}
    used: set[str] = set()
    for source in given:
        matching = {old: inner for old in weights.rename if (inner := _inner(old, source)) is not None}
        used |= matching.keys()
        first = next(iter(matching), None)
        name = source if first is None else weights.rename[first].replace("*", matching[first])
        if name in sources:
            message = f"`{sources[name]}` and `{source}` both become `{name}`"
            return sources, [Mistake("wrong-value", (*weights.path, "rename"), message, at="key")]
        sources[name] = source
    for old in weights.rename:
        if old not in used:
            help, suggestion = did_you_mean(old, given)
            message = f"nothing in `{weights.file}` is named `{old}`"
            place = (*weights.path, "rename", old)
            return sources, [
                Mistake("no-match", place, message, help if suggestion else None, suggestion, at="key")
            ]
    return sources, []


def _inner(pattern: str, name: str) -> str | None:
    """What the `*` of a pattern stands for in a name, None where it doesn't match."""
    before, star, after = pattern.partition("*")
    inner = name[len(before) : len(name) - len(after)]
    return inner if before + inner + after == name and (star or not inner) else None


def _advice(fit: Fit, own: Mapping[str, Any], sources: Mapping[str, str], weights: Weights) -> str | None:
    """A `rename` where the names differ by a prefix, else `strict: false` where some would do."""
    for name in fit.unused[:1]:
        parts = name.split(".")
        for count in range(1, len(parts)):
            prefix = ".".join(parts[:count]) + "."
            if name.removeprefix(prefix) in own:
                return f'`rename: {{"{prefix}*": "*"}}` leaves out `{prefix}`'
    for name in fit.missing[:1]:
        parts = name.split(".")
        for count in range(1, len(parts)):
            prefix = ".".join(parts[:count]) + "."
            if name.removeprefix(prefix) in sources:
                return f'`rename: {{"*": "{prefix}*"}}` puts `{prefix}` before its names'
    return "`strict: false` loads what fits" if fit.taken and weights.strict else None


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:3])
    return shown + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def pretrained(network: nn.Module, root: Node) -> set[Tensor]:
    """The parameters of torchvision's models that come with weights."""
    found: set[Tensor] = set()
    for name, node in walk(root):
        call = getattr(node, "call", None)
        if call is not None and call.name.startswith("torchvision.") and call.arguments.get("weights"):
            found.update(network.get_submodule(name).parameters())
    return found
