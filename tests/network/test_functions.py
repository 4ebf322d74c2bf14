"""Functions in a network: their parts, their forms, their tensors between options, and their mistakes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

import yamlnet
from tests.network.laws import same


def graph(nodes: str, inputs: str = "{x: [8, 6]}") -> str:
    return f"model:\n  inputs: {inputs}\n  ModuleDict:\n" + "".join(
        f"    {line}\n" for line in nodes.strip().splitlines()
    )


def run(text: str, *tensors: Tensor) -> Any:
    return yamlnet.build(text)(*tensors)


@pytest.fixture
def x() -> Tensor:
    return torch.rand(3, 8, 6, generator=torch.Generator().manual_seed(0))


def test_parts(x: Tensor) -> None:
    text = graph(
        """
halves: {chunk: {chunks: 2, dim: 1}}
best: {max: 2, from: halves.1}
sum: {add, from: [best.0, best.1]}
"""
    )
    values, indices = x.chunk(2, 1)[1].max(2)
    same(run(text, x), values + indices)


def test_tensors_behind_an_option_go_by_name() -> None:
    x, weight, bias = torch.rand(4, 6), torch.rand(6), torch.rand(6)
    inputs = "{x: [6], low: [6], high: [6]}"
    text = graph("y: {clamp: {max: 0.5}, from: [x, low]}\nz: {add, from: [y, high]}", inputs)
    assert check(text) == ["`clamp` can't take [6] and [6]"]
    text = graph("y: {clamp, from: {input: x, max: high}}\nz: {add, from: [y, low]}", inputs)
    same(run(text, x, weight.expand(4, 6), bias.expand(4, 6)), x.clamp(max=bias) + weight)


@pytest.mark.parametrize(
    "call",
    [
        "max: {dim: null, keepdim: false}",
        "std: {dim: null, unbiased: true, keepdim: false, correction: null}",
        "round: {decimals: null}",
        "sort: {dim: -1, descending: false, stable: null}",
        "clamp: {min: 0.5, max: null}",
        "tensor_split: {sections: 2, indices: null, dim: 1}",
    ],
)
def test_a_default_that_is_said_chooses_no_form(call: str, x: Tensor) -> None:
    name = call.partition(":")[0]
    found = run(f"model: {{input: [8, 6], {call}}}", x)
    said = {"clamp": {"min": 0.5}, "tensor_split": {"sections": 2, "dim": 1}}.get(name, {})
    same(found, getattr(torch, name)(x, **said))


def check(text: str) -> list[str]:
    return [found.message.partition(":")[0] for found in yamlnet.check(text)]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("cat: 1", "`cat` takes several tensors, and gets one"),
        ("where: 0", "`where` also needs `input`"),
        ("gather: 1", "`gather` also needs `index`"),
        ("squeeze", "`squeeze` needs `dim`"),
        ("roll: 1", "`roll` needs `dims`"),
        ("unbind", "`unbind` can't take [8, 6]"),
        ("max", "`max` mixes the samples of a batch"),
        ("one_hot: 3", "`one_hot` takes integers, and float32 arrives"),
        ("expand: [batch, 8, 7]", "`expand` can't take [8, 6]"),
        ("einsum: bi->b", "`einsum` can't take [8, 6]"),
    ],
)
def test_mistakes(call: str, message: str) -> None:
    assert check(f"model: {{input: [8, 6], {call}}}") == [message]


def test_judging_draws_no_number_of_the_callers() -> None:
    state = torch.get_rng_state()
    assert check("model: {input: [8, 6], randn_like}") == []
    assert torch.equal(torch.get_rng_state(), state)
