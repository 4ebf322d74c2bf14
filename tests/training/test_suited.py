"""Losses and the scales of what arrives at them: what is refused, and that the advice mends it."""

from __future__ import annotations

import pytest

import yamlnet
from yamlnet.catalog.scales import REFUSED, WANTED, Scale

NODES = {
    Scale.ANY: "Identity",
    Scale.ACTIVATED: "ReLU",
    Scale.SHARES: "Sigmoid",
    Scale.PROBABILITIES: {"Softmax": 1},
    Scale.LOGARITHMS: {"LogSoftmax": 1},
}
OF_CLASSES = ("CrossEntropyLoss", "NLLLoss")


@pytest.mark.parametrize("scale", Scale)
@pytest.mark.parametrize("loss", REFUSED)
def test_a_loss_is_told_the_scales_that_it_is_not_meant_for(loss: str, scale: Scale) -> None:
    target = "target" if loss in OF_CLASSES else {"expr": "one_hot(target, 10)"}
    document = {
        "data": {"dataset": "MNIST5k"},
        "model": {"Sequential": ["Flatten", {"Linear": 10}, NODES[scale]]},
        "loss": {loss: {}, "from": ["output", target]},
        "optimizer": "AdamW",
    }
    found = yamlnet.check(document)
    assert [d.code for d in found] == ["loss-mismatch"] * (scale in REFUSED[loss])
    for diagnostic in found:
        stops = loss == "BCELoss" and scale in (Scale.ANY, Scale.LOGARITHMS)
        assert diagnostic.severity == ("error" if stops else "warning")
        assert WANTED[loss] in diagnostic.message
        assert diagnostic.help


def test_every_loss_with_refusals_says_what_it_wants() -> None:
    assert set(WANTED) == set(REFUSED)
