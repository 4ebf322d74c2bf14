"""What is built is the network that a hand would have written."""

from __future__ import annotations

import pytest
from torch import fx, nn

import yamlnet
from tests.network import laws
from tests.network.twins import LONE_LAYER, TWINS, Twin


def built(twin: Twin) -> nn.Module:
    return yamlnet.build(f"model:{twin.text}")


@pytest.fixture(params=TWINS.values(), ids=TWINS)
def twin(request: pytest.FixtureRequest) -> Twin:
    chosen: Twin = request.param
    return chosen


def test_it_agrees_with_the_twin(twin: Twin) -> None:
    laws.agrees(built(twin), twin.module(), [twin.inputs(3), twin.inputs(5)])


def test_it_needs_no_yamlnet(twin: Twin) -> None:
    model = built(twin)
    assert isinstance(model, fx.GraphModule) == (not twin.chain)
    assert (type(model) is nn.Sequential) == twin.chain
    laws.needs_no_yamlnet(model)


def test_it_survives_copies(twin: Twin) -> None:
    laws.survives_copies(built(twin), twin.inputs(3))


def test_it_exports(twin: Twin) -> None:
    laws.exports(built(twin), [twin.inputs(3), twin.inputs(5)])


def test_it_compiles(twin: Twin) -> None:
    laws.compiles(built(twin), twin.inputs(3))


def test_a_layer_alone_is_that_layer() -> None:
    model = yamlnet.build(f"model:{LONE_LAYER}")
    assert type(model) is nn.Linear
    assert list(model.state_dict()) == ["weight", "bias"]
