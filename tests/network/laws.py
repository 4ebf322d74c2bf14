"""What must hold for every network that is built, told against the same network written by hand."""

from __future__ import annotations

import copy
import io
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.utils._pytree import tree_flatten

Inputs = tuple[Tensor, ...]
PLAIN = ("torch.", "builtins", "_operator")


def same(found: Any, expected: Any) -> None:
    """Both values have the same form, and their tensors the same bits."""
    (ours, form), (theirs, wanted) = tree_flatten(found), tree_flatten(expected)
    assert form == wanted
    for a, b in zip(ours, theirs, strict=True):
        if isinstance(b, Tensor):
            assert (a.dtype, a.shape) == (b.dtype, b.shape)
            assert torch.equal(torch.nan_to_num(a), torch.nan_to_num(b))
        else:
            assert a == b


def outputs(module: Callable[..., Any], inputs: Sequence[Tensor], training: bool, seed: int = 1) -> Any:
    """What a module gives for copies of these inputs, random numbers drawn from one seed."""
    if isinstance(module, nn.Module) and module.training != training:
        module.train(training)
    torch.manual_seed(seed)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        return module(*[value.clone() for value in inputs])


def agrees(built: nn.Module, twin: nn.Module, batches: Sequence[Inputs]) -> None:
    """Equal keys, weights that load both ways, equal outputs in training and evaluation."""
    ours, theirs = built.state_dict(), twin.state_dict()
    assert [(k, v.shape, v.dtype) for k, v in ours.items()] == [
        (k, v.shape, v.dtype) for k, v in theirs.items()
    ]
    assert [n for n, _ in built.named_parameters()] == [n for n, _ in twin.named_parameters()]
    built.load_state_dict(twin.state_dict())
    twin.load_state_dict(ours)
    for training in (True, False):
        for inputs in batches:
            twin.load_state_dict(built.state_dict())
            same(outputs(built, inputs, training), outputs(twin, inputs, training))
    same(built.state_dict(), twin.state_dict())


def needs_no_yamlnet(built: nn.Module) -> None:
    """No class and no function of yamlnet is inside."""
    for module in built.modules():
        assert type(module).__module__.startswith(PLAIN)
        if isinstance(module, fx.GraphModule):
            called = (node.target for node in module.graph.nodes if node.op == "call_function")
            assert all(target.__module__.startswith(("torch", *PLAIN)) for target in called)


def survives_copies(built: nn.Module, inputs: Inputs) -> None:
    """A deep copy and a saved and loaded network are the same."""
    before = copy.deepcopy(built.state_dict())
    stream = io.BytesIO()
    torch.save(built, stream)
    stream.seek(0)
    for copied in (copy.deepcopy(built), torch.load(stream, weights_only=False)):
        same(copied.state_dict(), before)
        assert [type(m).__name__ for m in copied.modules()] == [
            "GraphModule" if isinstance(m, fx.GraphModule) else type(m).__name__ for m in built.modules()
        ]
        for training in (False, True):
            built.load_state_dict(before)
            same(outputs(copied, inputs, training), outputs(built, inputs, training))
        built.load_state_dict(before)


def exports(built: nn.Module, batches: Sequence[Inputs]) -> None:
    """`torch.export` takes it with a dynamic batch, and what it exports gives the same."""
    built.eval()
    expected = [outputs(built, inputs, training=False) for inputs in batches]
    batch = torch.export.Dim("batch", min=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exported = torch.export.export(
            built, batches[0], dynamic_shapes=[{0: batch} for _ in batches[0]]
        ).module()
    for inputs, wanted in zip(batches, expected, strict=True):
        torch.testing.assert_close(exported(*inputs), wanted)


def compiles(built: nn.Module, inputs: Inputs) -> None:
    """`torch.compile` takes it whole."""
    torch._dynamo.reset()
    expected = outputs(built, inputs, training=False)
    compiled = torch.compile(built, fullgraph=True, backend="eager")
    with torch._dynamo.config.patch(allow_rnn=True):
        torch.testing.assert_close(outputs(compiled, inputs, training=False), expected)
