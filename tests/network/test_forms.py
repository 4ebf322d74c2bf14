"""Whatever can be written shorter is the same network as its long form: names, first weights, outputs."""

from __future__ import annotations

import pickle

import pytest
import torch

import yamlnet
from tests.network import laws

PAIRS = {
    "a list is a chain": (
        "{body: [{Linear: 8}, ReLU], head: {Linear: 3}}",
        "{body: {Sequential: [{Linear: 8}, ReLU]}, head: {Linear: 3}}",
    ),
    "repeat in a list": ("[{Linear: 8, repeat: 3}, ReLU]", "[{Linear: 8}, {Linear: 8}, {Linear: 8}, ReLU]"),
    "repeat counts": (
        "[{Linear: $(4 * i + 4), repeat: 3}]",
        "[{Linear: 4}, {Linear: 8}, {Linear: 12}]",
    ),
    "repeat under a name": (
        "{layers: {Linear: $(i + 4), repeat: 2}, head: ReLU}",
        "{layers: [{Linear: 4}, {Linear: 5}], head: ReLU}",
    ),
    "repeat under names": (
        '{"layer$(i + 1)": {Linear: $(i + 4), repeat: 2}, head: ReLU}',
        "{layer1: {Linear: 4}, layer2: {Linear: 5}, head: ReLU}",
    ),
    "repeat none": ("[{Linear: 8, repeat: 0}, {Linear: 3}]", "[{Linear: 3}]"),
    "repeat a list": (
        "[{Sequential: [{Linear: 8}, ReLU], repeat: 2}]",
        "[[{Linear: 8}, ReLU], [{Linear: 8}, ReLU]]",
    ),
    "repeat within repeat": (
        "[{Sequential: [{Linear: $(i + 4), repeat: 2}], repeat: 2}]",
        "[[{Linear: 4}, {Linear: 5}], [{Linear: 4}, {Linear: 5}]]",
    ),
    "if false in a list": (
        "[{Linear: 8}, {Dropout: 0.5, if: false}, {Linear: 3}]",
        "[{Linear: 8}, {Linear: 3}]",
    ),
    "if true": ("[{Linear: 8, if: $(1 < 2)}, {Linear: 3}]", "[{Linear: 8}, {Linear: 3}]"),
    "a node that is a value": ("[$act, {Linear: 3}]", "[{LeakyReLU: 0.2}, {Linear: 3}]"),
    "a list that is a value": ("[$stem, {Linear: 3}]", "[[{Linear: 8}, Tanh], {Linear: 3}]"),
    "a block": ("[{Block: 8}, Block]", "[[{Linear: 8}, {Dropout: 0.0}], [{Linear: 6}, {Dropout: 0.0}]]"),
    "a block of blocks": ("[{Tower: {depth: 2}}]", "[[[[{Linear: 6}], {Linear: 6}], {Linear: 6}]]"),
    "a default that uses a parameter": ("[{Wide: {width: 3}}]", "[[{Linear: 3}, {Linear: 6}]]"),
    "a block hides a class": ("[{Bilinear: 4}]", "[{Linear: 4}]"),
    "inferred sizes": (
        "[{Linear: $(in_features * 2)}, {Linear: $(in_features // 3)}]",
        "[{Linear: 12}, {Linear: 4}]",
    ),
}
MIXED = "{Mix: , from: [a, input]}"
GRAPHS = {
    "if false": (
        "{a: {Linear: 6}, gone: {Linear: 9, from: input, if: false}, sum: {add, from: [a, gone]}}",
        "{a: {Linear: 6}, sum: {add, from: [a, input]}}",
    ),
    "if false, the next takes its input": (
        "{a: {Linear: 6}, gone: {Linear: 9, if: false}, c: {Linear: 3}}",
        "{a: {Linear: 6}, c: {Linear: 3}}",
    ),
    "repeat with other inputs": (
        "{a: {Linear: 6}, mixed: {Mix: , from: [a, input], repeat: 2}}",
        "{a: {Linear: 6}, mixed: {ModuleDict: {one: {Mix: , from: [x, y]}, two: {Mix: , from: [one, y]}},"
        " inputs: [x, y], from: [a, input]}}",
    ),
    "repeat with other inputs under names": (
        '{a: {Linear: 6}, "mix_$i": {Mix: , from: [a, input], repeat: 2}}',
        "{a: {Linear: 6}, mix_0: {Mix: , from: [a, input]}, mix_1: {Mix: , from: [mix_0, input]}}",
    ),
    "repeat with inputs by name under names": (
        '{a: {Linear: 6}, "mix_$i": {Mix: , from: {y: input, x: a}, repeat: 2}}',
        "{a: {Linear: 6}, mix_0: {Mix: , from: [a, input]}, mix_1: {Mix: , from: [mix_0, input]}}",
    ),
    "a function of inputs by name, repeated": (
        '{a: {Linear: 6}, "sub_$i": {sub, from: {other: input, input: a}, repeat: 2}}',
        "{a: {Linear: 6}, sub_0: {sub, from: [a, input]}, sub_1: {sub, from: [sub_0, input]}}",
    ),
    "a module of inputs by name called again, repeated": (
        '{a: {Linear: 6}, m: Mix, "m$i": {m, from: {y: input, x: m}, repeat: 2}}'.replace("Mix", MIXED),
        "{a: {Linear: 6}, m: Mix, m0: {m, from: [m, input]}, m1: {m, from: [m0, input]}}".replace(
            "Mix", MIXED
        ),
    ),
    "repeat with inputs by name in forward": (
        "{a: {Linear: 6}, m: {Mix: }}; [a, {m, from: {y: input, x: a}, repeat: 2}]",
        "{a: {Linear: 6}, m: {Mix: }}; [a, {m, from: [a, input], name: b}, {m, from: [b, input]}]",
    ),
    "a module called again, repeated": (
        "{a: {Linear: 6}, again: {a, repeat: 3}}",
        "{a: {Linear: 6}, b: a, c: a, d: a}",
    ),
    "Residual of a layer": (
        "{a: {Residual: {Linear: 6}}}",
        "{a: {Linear: 6}, sum: {add, from: [input, a]}}",
    ),
    "Residual of a function": (
        "{a: {Linear: 6}, b: {Residual: tanh}}",
        "{a: {Linear: 6}, b: {expr: a + tanh(a)}}",
    ),
    "Residual of a chain": (
        "{a: {Residual: [{Linear: 8}, {Linear: 6}]}}",
        "{a: [{Linear: 8}, {Linear: 6}], sum: {add, from: [input, a]}}",
    ),
    "Residual of a Residual": (
        "{a: {Residual: {Residual: {Linear: 6}}}}",
        "{a: {Linear: 6}, sum: {add, from: [input, a]}, whole: {add, from: [input, sum]}}",
    ),
    "Parallel cat": (
        "{p: {Parallel: [{Linear: 2}, {Linear: 3}], merge: cat}}",
        "{p: {ModuleList: [{Linear: 2}, {Linear: 3}]}}; [{p.0, from: input}, {p.1, from: input},"
        " {cat: 1, from: [p.0, p.1]}]",
    ),
    "Parallel mean": (
        "{p: {Parallel: {a: {Linear: 3}, b: {Linear: 3}}, merge: mean}}",
        "{p: {ModuleDict: {a: {Linear: 3}, b: {Linear: 3}}}}; [{p.a, from: input}, {p.b, from: input},"
        " {expr: 'mean(stack([p.a, p.b]), 0)'}]",
    ),
    "Parallel mul of three": (
        "{p: {Parallel: [{Linear: 3, repeat: 3}], merge: mul}}",
        "{p: {ModuleList: [{Linear: 3, repeat: 3}]}}; [{p.0, from: input}, {p.1, from: input},"
        " {p.2, from: input}, {expr: 'p.0 * p.1 * p.2'}]",
    ),
    "Select": (
        "{s: {Select: {a: {Linear: 3}, b: {Linear: 5}}, choose: b}}",
        "{s: {ModuleDict: {a: {Linear: {in_features: 6, out_features: 3}}, b: {Linear: 5}}}}; [s.b]",
    ),
    "an expression": (
        "{a: {Linear: 6}, b: {expr: a * 2 + input}}",
        "{a: {Linear: 6}, b: {mul: 2}, c: {add, from: [b, input]}}",
    ),
    "an expression repeated under names": (
        '{a: {Linear: 6}, "b$i": {expr: a * 2 + input, repeat: 2}}',
        "{a: {Linear: 6}, b0: {expr: a * 2 + input}, b1: {expr: b0 * 2 + input}}",
    ),
    "Residual of a function in a chain": (
        "{a: [{Linear: 6}, {Residual: relu}, {Residual: {Residual: {expr: input * 2}}}]}",
        "{a: [{Linear: 6}], b: {expr: a + relu(a)}, c: {expr: b + (b + b * 2)}}",
    ),
    "ties of copies": (
        "{a: {Linear: 6}, b: {Linear: 6, tie: {weight: a.weight}, repeat: 2}}",
        "{a: {Linear: 6}, b: {Linear: 6, tie: {weight: a.weight}}, c: {Linear: 6, tie: {weight: a.weight}}}",
    ),
    "a parameter": (
        "{w: {Parameter: {shape: [6], fill: 2}}, out: {mul, from: [input, w]}}",
        "{w: {Parameter: {shape: [6], fill: 2}}, out: {expr: input * w}}",
    ),
}
SHARED = """
vars: {act: {LeakyReLU: 0.2}, stem: [{Linear: 8}, Tanh]}
blocks:
  Block: {params: {size: 6, p: 0.0}, Sequential: [{Linear: $size}, {Dropout: $p}]}
  Tower:
    params: {depth: required}
    Sequential: [{Tower: $(depth - 1), if: $(depth > 0)}, {Linear: 6}]
  Wide: {params: {width: required, end: $(width * 2)}, Sequential: [{Linear: $width}, {Linear: $end}]}
  Bilinear: {params: {size: required}, Linear: $size}
  Mix: {inputs: [x, y], ModuleDict: {up: {Linear: {out_features: 6}, from: x}, sum: {add, from: [up, y]}}}
model:
  input: [6]
"""


def built(text: str) -> torch.nn.Module:
    return yamlnet.build(SHARED + text)


def same(short: str, long: str) -> None:
    one, other = built(short), built(long)
    if list(one.state_dict()) == list(other.state_dict()):
        laws.same(one.state_dict(), other.state_dict())
    other.load_state_dict(dict(zip(other.state_dict(), one.state_dict().values(), strict=True)))
    for given in (torch.rand(3, 6), torch.rand(5, 6)):
        laws.same(laws.outputs(one, (given,), training=True), laws.outputs(other, (given,), training=True))


@pytest.mark.parametrize("name", PAIRS)
def test_chains(name: str) -> None:
    short, long = PAIRS[name]
    one, other = (f"  Sequential: {text}" for text in (short, long))
    same(one, other)
    assert list(built(one).state_dict()) == list(built(other).state_dict())


@pytest.mark.parametrize("name", GRAPHS)
def test_graphs(name: str) -> None:
    short, long = GRAPHS[name]
    parts = [text.partition("; ") for text in (short, long)]
    one, other = (f"  ModuleDict: {nodes}\n" + f"  forward: {run}" * bool(run) for nodes, _, run in parts)
    same(one, other)


def test_copies_with_several_inputs_are_the_same_when_loaded() -> None:
    network = built("  ModuleDict: {a: {expr: input * 3}, b: {sub, from: [a, input], repeat: 2}}")
    given = torch.rand(3, 6)
    expected = given * 3 - given - given
    assert torch.equal(network(given), expected)
    assert torch.equal(pickle.loads(pickle.dumps(network))(given), expected)


def test_a_tied_parameter_is_initialised_under_either_name() -> None:
    tied = "b: {Linear: 6, tie: {weight: a.weight}, init: {weight: ones}}"
    network = built(f"  ModuleDict: {{a: {{Linear: 6}}, {tied}}}")
    assert network.a.weight is network.b.weight
    assert bool((network.a.weight == 1).all())


def test_inputs_have_the_names_that_the_file_gives_them() -> None:
    network = yamlnet.build(
        "model: {inputs: {one: [3], max: [3], input_2: [3]},"
        " ModuleDict: {d: {expr: one + 2 * max + 4 * input_2}}}"
    )
    one, two, four = torch.rand(3, 2, 3)
    assert torch.equal(network(one=one, max=two, input_2=four), one + 2 * two + 4 * four)


def test_only_the_chosen_branch_runs() -> None:
    network = built("  Select: {a: {Linear: 3}, b: {Linear: 3}}\n  choose: b")
    ran = []
    for name in "ab":
        network.get_submodule(name).register_forward_hook(lambda *_, name=name: ran.append(name))
    network(torch.rand(2, 6))
    assert ran == ["b"]
