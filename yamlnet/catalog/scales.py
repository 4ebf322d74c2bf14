"""The scales that numbers can be on, and a loss in; on which of them it can't be computed out."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from yamlnet.catalog.entry import Call
from yamlnet.catalog.losses import loss_of


class Scale(StrEnum):
    """What is known of a network's numbers, in words."""

    ANY = "any number"
    ACTIVATED = "numbers outside of 0 and 1"
    SHARES = "numbers between 0 and 1"
    PROBABILITIES = "probabilities"
    LOGARITHMS = "logarithms of probabilities"


_RAW = {Scale.ANY, Scale.ACTIVATED}
_NORMALISED = {Scale.SHARES, Scale.PROBABILITIES, Scale.LOGARITHMS}

REFUSED: Mapping[str, frozenset[Scale]] = {
    "CrossEntropyLoss": frozenset(_NORMALISED),
    "NLLLoss": frozenset({*Scale} - {Scale.LOGARITHMS}),
    "KLDivLoss": frozenset({*Scale} - {Scale.LOGARITHMS}),
    "BCELoss": frozenset({*_RAW, Scale.LOGARITHMS}),
    "BCEWithLogitsLoss": frozenset(_NORMALISED),
    "MultiLabelSoftMarginLoss": frozenset(_NORMALISED),
}
"""The scales of its first input on which a loss is something else than it says."""

WANTED: Mapping[str, str] = {
    "CrossEntropyLoss": "raw numbers",
    "NLLLoss": "logarithms of probabilities",
    "KLDivLoss": "logarithms of probabilities",
    "BCELoss": "numbers between 0 and 1",
    "BCEWithLogitsLoss": "raw numbers",
    "MultiLabelSoftMarginLoss": "raw numbers",
}

_INSTEAD: Mapping[tuple[str, Scale], str] = {
    ("CrossEntropyLoss", Scale.LOGARITHMS): "NLLLoss",
    ("NLLLoss", Scale.ANY): "CrossEntropyLoss",
    ("BCELoss", Scale.ANY): "BCEWithLogitsLoss",
    ("BCEWithLogitsLoss", Scale.SHARES): "BCELoss",
    ("BCEWithLogitsLoss", Scale.PROBABILITIES): "BCELoss",
}
"""The loss that computes on that scale what this one does on its own."""

_BEFORE: Mapping[str, str] = {"NLLLoss": "LogSoftmax", "KLDivLoss": "LogSoftmax", "BCELoss": "Sigmoid"}
"""The layer that gives what a loss takes."""

_FUNCTIONS: Mapping[str, str] = {
    "CrossEntropyLoss": "cross_entropy",
    "NLLLoss": "nll_loss",
    "BCELoss": "binary_cross_entropy",
    "BCEWithLogitsLoss": "binary_cross_entropy_with_logits",
}


def refuses(call: Call, scale: Scale) -> bool:
    """Whether a loss isn't meant for numbers on this scale."""
    return scale in REFUSED.get(loss_of(call), ())


def cannot_run(call: Call, scale: Scale) -> bool:
    """Whether torch stops at the first number out of range, which is bound to come."""
    return loss_of(call) == "BCELoss" and scale in (Scale.ANY, Scale.LOGARITHMS)


def advice(call: Call, scale: Scale, layer: str) -> str:
    """What to write instead of a loss of numbers on this scale, which `layer` gives."""
    name = loss_of(call)
    instead = _INSTEAD.get((name, scale))
    if instead is not None and call.name != name:
        instead = _FUNCTIONS[instead]
    if scale in _NORMALISED and name not in _BEFORE:
        out = f"leave `{layer}` out" if layer != "expr" else "take what it was worked out of"
        own = "softmax" if name == "CrossEntropyLoss" else "sigmoid"
        return f"{out}, or write `{instead}`" if instead else f"{out}: the loss applies a {own} itself"
    first = f"end the network in `{_before(name)}`"
    if scale is Scale.PROBABILITIES and name in ("NLLLoss", "KLDivLoss"):
        first = "take `LogSoftmax` in place of `Softmax`"
    return f"{first}, or write `{instead}`" if instead else first


def _before(name: str) -> str:
    layer = _BEFORE[name]
    return layer if layer == "Sigmoid" else f"{layer}: 1"
