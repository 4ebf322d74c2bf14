"""First weights depend on the seed, a parameter's name and its rules, and on nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import yamlnet
from yamlnet.catalog.lookup import names
from yamlnet.seeds import seed_of

LAYERS = {"first": {"Linear": 6}, "act": "ReLU", "second": {"Linear": 4}}
PLAIN = {"model": {"input": [5], "Sequential": LAYERS}}


def weights(init: Any = None, seed: int = 0, model: dict[str, Any] | None = None) -> dict[str, Tensor]:
    file = {"seed": seed, "model": model or PLAIN["model"]}
    return yamlnet.build(file if init is None else {**file, "init": init}).state_dict()


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def drawn(name: str, seed: int = 0) -> torch.Generator:
    """The generator that a parameter's initialisers draw from."""
    return torch.Generator().manual_seed(seed_of(seed, "init", name))


def graph(order: list[str]) -> dict[str, Any]:
    nodes = {name: {"Linear": 6, "from": "input"} for name in order}
    return {"input": [5], "ModuleDict": nodes, "output": sorted(order)}


def test_the_seed_alone_decides() -> None:
    rules = [{"type": "Linear", "weight": "orthogonal"}]
    for init in (None, rules):
        assert same(weights(init), weights(init))
        first, other = weights(init), weights(init, seed=1)
        assert all(not torch.equal(first[key], other[key]) for key in first if "weight" in key)


def test_the_order_of_nodes_does_not_matter() -> None:
    rules = [{"name": "b", "weight": "kaiming_normal", "bias": "normal"}]
    there, back = graph(["a", "b", "c"]), graph(["c", "b", "a"])
    assert same(
        dict(sorted(weights(rules, model=there).items())), dict(sorted(weights(rules, model=back).items()))
    )


def test_the_order_of_unrelated_rules_does_not_matter() -> None:
    rules = [{"name": "first", "weight": "normal"}, {"name": "second", "weight": "uniform"}]
    assert same(weights(rules), weights(rules[::-1]))
    alone = weights(rules[:1])
    assert torch.equal(alone["first.weight"], weights(rules)["first.weight"])


def test_layers_differ_from_each_other() -> None:
    found = weights(model=graph(["a", "b"]))
    assert not torch.equal(found["a.weight"], found["b.weight"])


def test_what_no_rule_names_is_torchs_own() -> None:
    found = weights([{"name": "second", "weight": "zeros"}], seed=3)
    with torch.random.fork_rng():
        torch.manual_seed(seed_of(3, "weights", "first"))
        first = nn.Linear(5, 6)
        torch.manual_seed(seed_of(3, "weights", "second"))
        second = nn.Linear(6, 4)
    assert torch.equal(found["first.weight"], first.weight)
    assert torch.equal(found["first.bias"], first.bias)
    assert torch.equal(found["second.bias"], second.bias)
    assert not found["second.weight"].any()


ARGUMENTS: dict[str, dict[str, Any]] = {
    "constant": {"val": 0.25},
    "normal": {"mean": 1.0, "std": 2.0},
    "sparse": {"sparsity": 0.3},
    "trunc_normal": {"std": 0.5, "a": -0.6, "b": 0.6},
    "uniform": {"a": -2.0, "b": 3.0},
    "xavier_normal": {"gain": 2.0},
    "dirac": {"groups": 2},
}
WITHOUT_GENERATOR = {"constant", "dirac", "eye", "ones", "zeros"}


@pytest.mark.parametrize("name", [name for name in names("init") if name != "add_noise"])
def test_every_initialiser_is_torchs_own(name: str) -> None:
    options = ARGUMENTS.get(name, {})
    if name == "dirac":
        model: dict[str, Any] = {
            "input": [2, 8],
            "Sequential": {"first": {"Conv1d": {"out_channels": 4, "kernel_size": 3}}},
        }
        expected = torch.full((4, 2, 3), 9.0)
    else:
        model, expected = PLAIN["model"], torch.full((6, 5), 9.0)
    found = weights([{"name": "first", "weight": {name: options or None}}], model=model)["first.weight"]
    random = {} if name in WITHOUT_GENERATOR else {"generator": drawn("first.weight")}
    getattr(nn.init, f"{name}_")(expected, **options, **random)
    assert torch.equal(found, expected)


def test_the_later_rule_wins() -> None:
    rules = [
        {"type": "Linear", "weight": "ones", "bias": "ones"},
        {"name": "sec*", "weight": "zeros"},
        {"name": "first", "b*": {"constant": 3}},
    ]
    found = weights(rules)
    assert [found[name].unique().item() for name in found] == [1.0, 3.0, 0.0, 1.0]


def test_a_list_runs_one_after_another() -> None:
    found = weights([{"name": "first", "weight": [{"orthogonal": {"gain": "relu"}}, {"add_noise": 0.01}]}])
    generator = drawn("first.weight")
    expected = nn.init.orthogonal_(torch.empty(6, 5), gain=2**0.5, generator=generator)
    expected.add_(torch.empty(6, 5).normal_(generator=generator), alpha=0.01)
    assert torch.equal(found["first.weight"], expected)


def test_a_gain_is_a_nonlinearitys() -> None:
    named, number = ([{"weight": {"xavier_uniform": {"gain": gain}}}] for gain in ("tanh", 5 / 3))
    assert same(weights(named), weights(number))


def test_parts_of_a_layer_have_rules_too() -> None:
    lstm = {"LSTM": {"hidden_size": 4, "batch_first": True}}
    model: dict[str, Any] = {"input": [7, 6], "ModuleDict": {"lstm": lstm}, "output": "lstm.0"}
    found = weights([{"type": "LSTM", "weight_hh*": "orthogonal", "bias_*": "zeros"}], model=model)
    square = found["lstm.weight_hh_l0"].T @ found["lstm.weight_hh_l0"]
    torch.testing.assert_close(square, torch.eye(4))
    assert not found["lstm.bias_ih_l0"].any()
    layer = {"TransformerEncoderLayer": {"nhead": 2, "batch_first": True}}
    model = {"input": [7, 6], "Sequential": {"block": layer}}
    found = weights(
        [{"name": "block.self_attn", "in_proj_weight": "ones"}, {"name": "*.linear1", "bias": "ones"}],
        model=model,
    )
    assert found["block.self_attn.in_proj_weight"].unique().item() == 1
    assert found["block.linear1.bias"].unique().item() == 1


@pytest.mark.parametrize(
    "rule",
    [
        {"name": "third", "weight": "zeros"},
        {"type": "Conv2d", "weight": "zeros"},
        {"type": "Linear", "wieght": "zeros"},
        {"type": "ReLU", "weight": "zeros"},
    ],
)
def test_a_rule_that_matches_nothing(rule: dict[str, str]) -> None:
    found = yamlnet.check({**PLAIN, "init": [rule]})
    assert [(d.code, d.path[:2]) for d in found] == [("no-match", ("init", 0))]


@pytest.mark.parametrize(
    "rule", [{"bias": "xavier_normal"}, {"weight": "dirac"}, {"name": "first", "bias": "orthogonal"}]
)
def test_an_initialiser_that_cannot_set_a_parameter(rule: dict[str, str]) -> None:
    assert [found.code for found in yamlnet.check({**PLAIN, "init": [rule]})] == ["wrong-value"]


def test_a_bias_that_is_not_there_is_no_mistake() -> None:
    model = {"input": [5], "Sequential": {"first": {"Linear": {"out_features": 2, "bias": False}}}}
    assert list(weights([{"type": "Linear", "bias": "zeros"}], model=model)) == ["first.weight"]


def test_the_number_of_threads_does_not_matter() -> None:
    model = {"input": [256], "Sequential": [{"Linear": 256}]}
    threads, found = torch.get_num_threads(), []
    try:
        for number in (1, 2):
            torch.set_num_threads(number)
            found.append(weights([{"weight": "orthogonal"}], model=model))
    finally:
        torch.set_num_threads(threads)
    assert same(*found)


def test_the_world_is_left_as_it_was() -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        torch.manual_seed(5)
        state = torch.get_rng_state()
        weights([{"weight": "orthogonal"}])
        yamlnet.check(json.dumps({**PLAIN, "init": [{"weight": "orthogonal"}]}, indent=1))
        assert torch.equal(torch.get_rng_state(), state)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)


def test_a_buffer_is_drawn_by_the_initialiser_beside_it() -> None:
    graph = {"noise": {"Buffer": [4], "init": "normal"}, "sum": {"add": None, "from": ["input", "noise"]}}
    built = [yamlnet.build({"seed": s, "model": {"input": [4], "ModuleDict": graph}}) for s in (0, 0, 1)]
    first, again, other = (dict(model.named_buffers())["noise"] for model in built)
    assert first.abs().min() > 0
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
