"""A layer and what arrives at it -> its class and arguments, the sizes that aren't said inferred."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

from yamlnet.catalog.entry import Call, Inferred
from yamlnet.diagnostics import Mistake
from yamlnet.language.calls import settled
from yamlnet.language.expressions import UNKNOWN
from yamlnet.language.nodes import Layer
from yamlnet.network import failures, words
from yamlnet.network.construct import Construction, arguments, empty_module
from yamlnet.network.probe import Probe


class Sizes:
    """Infers sizes from values that `probe` knows; what doesn't fit is returned as a mistake.

    `categories` has how many a value's numbers are of, by its id; UNKNOWN until the data is read.
    """

    def __init__(self, probe: Probe, categories: Mapping[int, Any]) -> None:
        self.probe = probe
        self.categories = categories

    def construction(self, layer: Layer, given: Sequence[Any]) -> tuple[Construction | None, list[Mistake]]:
        """The layer's class and arguments: what is said, and the sizes that follow from the inputs.

        Where a size that is said isn't the one that arrives, it is made for the latter, so that what follows
        is judged too.
        """
        sizes, wrong = self.inferred(layer.call, given)
        if wrong is not None:
            mended = self.mended(layer, given)
            return None if mended is None else self.construction(mended, given)[0], [wrong]
        call, mistakes = self.resolved(layer.call, given)
        if mistakes:
            return None, mistakes
        said = arguments(call)
        if any(value is UNKNOWN for value in (*said.values(), *sizes.values())):
            return None, []
        for name, value in said.items():
            if isinstance(value, Layer):
                said[name], mistakes = self.argument(value, given)
                if said[name] is None:
                    return None, mistakes
        return Construction(layer.call.entry.target, {**sizes, **said}), []

    def resolved(self, call: Call, given: Sequence[Any]) -> tuple[Call, list[Mistake]]:
        """The call with the arguments that wait for its inferred sizes worked out and checked."""
        known: dict[str, Any] = {}
        for parameter in call.entry.parameters.values():
            if parameter.inferred is not None:
                known[parameter.name] = call.arguments.get(
                    parameter.name, self.size(parameter.inferred, given)
                )
        known = {name: UNKNOWN if size is None else size for name, size in known.items()}
        return settled(call, known)

    def argument(self, layer: Layer, given: Sequence[Any]) -> tuple[Construction | None, list[Mistake]]:
        """A layer that is another one's argument: its sizes follow from the same inputs."""
        said, mistakes = self.construction(layer, given)
        if said is None:
            return None, mistakes
        module, error = empty_module(said)
        if module is None:
            return None, [failures.refused(layer.call, error, said.arguments)]
        return said, []

    def inferred(self, call: Call, given: Sequence[Any]) -> tuple[dict[str, Any], Mistake | None]:
        """The sizes that follow from the inputs; those that are said are held against them."""
        sizes: dict[str, Any] = {}
        for parameter in call.entry.parameters.values():
            rule = parameter.inferred
            if rule is None:
                continue
            size = self.size(rule, given)
            said = call.arguments.get(parameter.name)
            if said is not None:
                if size is not None and size is not UNKNOWN:
                    wrong = words.contradiction(call, parameter, said, size, given[rule.input])
                    if wrong is not None:
                        return {}, wrong
            elif size is None and rule.only_if_different is None and self.mixes(rule, given):
                return {}, words.of_batch(call, parameter)
            elif size is None and rule.only_if_different is None:
                return {}, words.cannot_infer(call, parameter, rule, given)
            elif size is not None and self.differs(call, rule, size, given):
                sizes[parameter.name] = (size,) if rule.form == "tuple" else size
        return sizes, None

    def mended(self, layer: Layer, given: Sequence[Any]) -> Layer | None:
        """The layer without the sizes that are said; None where it may be the inputs' axes that are wrong."""
        call, unsaid = layer.call, []
        for name, parameter in call.entry.parameters.items():
            if parameter.inferred is not None and name in call.arguments:
                value = given[parameter.inferred.input] if parameter.inferred.input < len(given) else None
                if not isinstance(value, Tensor) or (parameter.inferred.axis != 1 and value.dim() != 2):
                    return None
                if call.arguments[name] in value.shape[1:]:  # meant for another axis
                    return None
                unsaid.append(name)
        said = {name: value for name, value in call.arguments.items() if name not in unsaid}
        return replace(layer, call=replace(call, arguments=said)) if unsaid else None

    def size(self, rule: Inferred, given: Sequence[Any]) -> Any:
        """The size that a rule finds, None where the inputs have no such axis, or are no categories."""
        value = given[rule.input] if rule.input < len(given) else None
        if rule.axis is None:
            return self.categories.get(id(value))
        return self.probe.axis(value, rule.axis) if isinstance(value, Tensor) else None

    def mixes(self, rule: Inferred, given: Sequence[Any]) -> bool:
        """Whether the axis is there, and is one that the batch is part of; of a single number it isn't."""
        value = given[rule.input] if rule.input < len(given) else None
        if rule.axis is None or not isinstance(value, Tensor) or not -value.dim() <= rule.axis < value.dim():
            return False
        return value.dim() > 1 or not self.probe.plain(value)

    def differs(self, call: Call, rule: Inferred, size: int, given: Sequence[Any]) -> bool:
        """Whether a size that counts only where it differs from another one does."""
        if rule.only_if_different is None:
            return True
        other = call.entry.parameters[rule.only_if_different].inferred
        return other is None or self.size(other, given) != size
