"""Tensor expressions on tensors: the same as Python's own, as a graph too, and what fails is underlined."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import torch
from torch import Tensor, fx, nn

from yamlnet.catalog import lookup
from yamlnet.language.formula import parse
from yamlnet.network.construct import target_of
from yamlnet.network.formula import FormulaError, asks_batch, compute, emit

BATCH = 4
FORMULAS = [
    "mu + exp(0.5 * logvar) * randn_like(mu)",
    "-0.5 * mean(1 + logvar - mu ** 2 - exp(logvar))",
    "(x - mean(x, -1, keepdim=true)) / sqrt(var(x, -1, unbiased=false, keepdim=true) + 1e-5) * gain + bias",
    "softmax(q @ transpose(k, 1, 2) / 8 ** 0.5, dim=-1) @ v",
    "scaled_dot_product_attention(q, k, v, is_causal=true)",
    "one_hot(ids, 5) * 1.0",
    "cat([expand(token, [batch, -1, -1]), q], dim=1)[:, 0]",
    "gumbel_softmax(mu, tau=0.5, hard=true)",
    "x[:, 0]",
    "x[..., -1]",
    "x[:, null, 1:3]",
    "x[:, None, ..., ::2]",
    "x[1]",
    "x[-1, 0:-1]",
    "x[:, [0, 2]]",
    "x[[0, 2]]",
    "where(x > 0, x, 0)",
    "where(x > 0, 0, x)",
    "where(x == 0, 1.5, 2)",
    "clamp(x, min=0) + clamp(x, -1, 1) + clamp(x, max=gain)",
    "x // 2 + x % 3",
    "2 ** x - x ** 2 - pow(2, x) + -x * +x",
    "1 / (1 + exp(-x))",
    "(x != 0) * (x >= 0.5) + (x <= 0)",
    "logical_and(x > 0, logical_not(x >= 1)) * 1",
    "x < gain",
    "max(x, 1)[0] + max(x, dim=1, keepdim=false)[0]",
    "max(x, gain) - min(x, other=gain)",
    "maximum(x, gain)",
    "sum(x) / batch + 7 // 2 - 2 ** 10",
    "x[:batch // 2]",
    "reshape(x, [batch * 2, -1])",
    "view(input=x, size=[batch, 2, -1])",
    "permute(q, (0, 2, 1))",
    "flatten(q, 1)",
    "stack([mu, logvar], 1)",
    "chunk(x, 2, dim=1)[1] * split(x, [2, 4], 1)[0][:, :2][0, 0]",
    "tensor_split(x, 2, 1)[0] + tensor_split(x, [3], 1)[1]",
    "cat(unbind(q, 1), 1)",
    "einsum('bij,bkj->bik', q, k) + einsum('bij,bkj->bik', [q, k])",
    "mse_loss(mu, logvar, reduction='none')",
    "cross_entropy(mu, ids, label_smoothing=0.1)",
    "pad(x, [1, 1], value=2)",
    "float(ids)[:, null] + long(x)",
    "sort(x, 1, true)[0] - topk(x, 2)[0][:, :1]",
    "relu(x) * sigmoid(x) + tanh(x) - gelu(x, approximate='tanh') + leaky_relu(x, 0.1)",
    "lstm.1.0 + lstm.0",
    "output.mu - output.logvar",
    "detach(x) + (x + x)",
    "x",
    "normalize(x, dim=1) @ transpose(normalize(x, dim=1), 0, 1)",
    "masked_fill(x, x > 0.5, 0) + std(x, 1, keepdim=true, correction=0)",
    "var(x, [0, 1]) * prod(x, 1) + logsumexp(x, [1])",
    "unsqueeze(x, 1) * gain[null, null]",
]


def tensors() -> dict[str, Any]:
    generator = torch.Generator().manual_seed(1)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    values: dict[str, Any] = {
        "x": drawn(BATCH, 6),
        "gain": drawn(6),
        "bias": drawn(6),
        "token": drawn(1, 1, 8),
    }
    values |= {"mu": drawn(BATCH, 5), "logvar": drawn(BATCH, 5), "ids": torch.tensor([0, 4, 2, 1])}
    values |= {"q": drawn(BATCH, 3, 8), "k": drawn(BATCH, 3, 8), "v": drawn(BATCH, 3, 8)}
    values |= {"lstm.1.0": drawn(2), "lstm.0": drawn(2), "output.mu": drawn(3), "output.logvar": drawn(3)}
    return values


class Functions(dict[str, Any]):
    """The names of an expression, for Python itself: values, constants, and the catalogue's functions."""

    def __missing__(self, name: str) -> Any:
        entry = lookup.find(name, "function")
        assert entry is not None, name
        return target_of(entry.target)


def by_python(text: str, values: dict[str, Any]) -> Any:
    for dotted in sorted((name for name in values if "." in name), key=len, reverse=True):
        text = text.replace(dotted, dotted.replace(".", "_"))
    # Tensor.view takes its input first, by whatever name
    text = text.replace("view(input=x, ", "view(x, ")
    scope = {name.replace(".", "_"): value for name, value in values.items()}
    constants = {"batch": BATCH, "true": True, "false": False, "null": None}
    torch.manual_seed(0)
    return eval(text, {"__builtins__": {}}, Functions(scope | constants))


def graph_module(text: str) -> tuple[fx.GraphModule, list[Any]]:
    formula, graph, values = parse(text), fx.Graph(), tensors()
    nodes = {name: graph.placeholder(name.replace(".", "_")) for name in formula.names}
    batch = graph.call_method("size", (next(iter(nodes.values())), 0)) if "token" not in nodes else BATCH
    graph.output(emit(formula, graph, nodes, batch))
    graph.eliminate_dead_code()
    return fx.GraphModule(nn.Module(), graph), [values[name] for name in formula.names]


def run(module: Any, inputs: list[Any]) -> Any:
    torch.manual_seed(0)
    return module(*inputs)


def equal(a: Tensor, b: Tensor) -> bool:
    return a.dtype == b.dtype and torch.equal(a, b)


@pytest.mark.parametrize("text", FORMULAS)
def test_computing_is_what_python_makes_of_the_text(text: str) -> None:
    torch.manual_seed(0)
    found = compute(parse(text), tensors(), BATCH)
    assert equal(found, by_python(text, tensors()))


@pytest.mark.parametrize("text", FORMULAS)
def test_the_graph_gives_the_same_bits_and_travels(text: str) -> None:
    module, inputs = graph_module(text)
    torch.manual_seed(0)
    expected = compute(parse(text), tensors(), BATCH)
    travelled = [module, copy.deepcopy(module), pickle.loads(pickle.dumps(module))]
    exported = torch.export.export(module, tuple(inputs)).module()
    for each in (*travelled, exported, torch.compile(module, backend="eager", fullgraph=True)):
        assert equal(run(each, inputs), expected)


def test_the_generated_code_reads_as_it_is_written() -> None:
    module, _ = graph_module("mu + exp(0.5 * logvar)[:, 1:] * expand(mu, [batch, -1])")
    code = [line.split(";")[0].strip() for line in module.code.splitlines() if "=" in line]
    assert code == [
        "size = mu.size(0)",
        "mul = 0.5 * logvar",
        "exp = torch.exp(mul)",
        "getitem = exp[(slice(None, None, None), slice(1, None, None))]",
        "expand = mu.expand([size, -1])",
        "mul_1 = getitem * expand",
        "add = mu + mul_1",
    ]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("x + (mu @ gain) * 2", "(mu @ gain)"),
        ("exp(mu + x)", "mu + x"),
        ("1 + cross_entropy(mu, x)", "cross_entropy(mu, x)"),
        ("x[:, 7] * 2", "x[:, 7]"),
        ("view(x, [batch, 7])", "view(x, [batch, 7])"),
        ("x * 2\n- softmax(x, dim=3)", "softmax(x, dim=3)"),
        ("x / (1 // (batch - 4))", "1 // (batch - 4)"),
    ],
)
def test_what_fails_is_underlined(text: str, part: str) -> None:
    with pytest.raises(FormulaError) as caught:
        compute(parse(text), tensors(), BATCH)
    error = caught.value
    assert text[error.start : error.end].strip("()") == part.strip("()")
    assert error.__cause__ is error.error
    assert str(error) == str(error.error)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x + 1", False),
        ("x[:batch]", True),
        ("expand(x, [batch, -1])", True),
        ("mean(x, dim=1) / batch", True),
    ],
)
def test_who_asks_for_the_size_of_the_batch(text: str, expected: bool) -> None:
    assert asks_batch(parse(text)) is expected
