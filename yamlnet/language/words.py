"""A word of the language in; one sentence that says what it means, and a small file that uses it, out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from textwrap import dedent


@dataclass(frozen=True)
class Word:
    """What a container or a key means, and a small file that uses it."""

    meaning: str
    snippet: str


def _word(meaning: str, snippet: str) -> Word:
    return Word(meaning, dedent(snippet).removeprefix("\n"))


CONTAINERS: Mapping[str, Word] = {
    "Sequential": _word(
        "a chain: each node takes the value of the one before; a list, or a mapping that names the nodes",
        """
        model:
          input: [1, 28, 28]
          Sequential:
            - Flatten
            - Linear: 128
            - ReLU
            - Linear: 10
        """,
    ),
    "ModuleDict": _word(
        "a graph of named nodes, run in the order written; each takes the node before, or what `from` names",
        """
        model:
          input: [16, 8, 8]
          ModuleDict:
            conv: {Conv2d: {out_channels: 16, kernel_size: 3, padding: 1}}
            norm: BatchNorm2d
            sum: {add, from: [norm, input]}
            out: {relu, from: sum}
        """,
    ),
    "ModuleList": _word(
        "a list of modules that are only declared; a `forward` runs them by their numbers",
        """
        model:
          input: [16]
          ModuleDict:
            layers: {ModuleList: [{Linear: 32}, {Linear: 10}]}
          forward: [layers.0, relu, layers.1]
        """,
    ),
    "Parallel": _word(
        "branches that all take the same input; `merge` says how their results are put together",
        """
        model:
          input: [16, 8, 8]
          Parallel:
            narrow: {Conv2d: {out_channels: 8, kernel_size: 1}}
            wide: {Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}}
          merge: cat
          dim: 1
        """,
    ),
    "Residual": _word(
        "its input plus the result of its node, which have equal shapes",
        """
        model:
          input: [16]
          Sequential:
            - Residual: [{Linear: 16}, ReLU]
            - Linear: 10
        """,
    ),
    "Select": _word(
        "branches that all exist and keep their weights, of which the one that `choose` names runs",
        """
        model:
          input: [16]
          Sequential:
            - Linear: 32
            - {Select: {relu: ReLU, tanh: Tanh}, choose: relu}
            - Linear: 10
        """,
    ),
}

VALUES: Mapping[str, Word] = {
    "Parameter": _word(
        "a trained tensor of the given shape as a node: zeros, unless `init` says otherwise",
        """
        model:
          input: [16]
          ModuleDict:
            gain: {Parameter: [16], init: ones}
            out: {mul, from: [input, gain]}
        """,
    ),
    "Buffer": _word(
        "a tensor that is saved with the weights but not trained, as a node",
        """
        model:
          input: [16]
          ModuleDict:
            scale: {Buffer: {shape: [16], fill: 0.5}}
            out: {mul, from: [input, scale]}
        """,
    ),
    "ParameterList": _word(
        "several trained tensors, named by their numbers",
        """
        model:
          input: [16]
          ModuleDict:
            weights: {ParameterList: [[32, 16], [10, 32]]}
            hidden: {linear, from: [input, weights.0]}
            out: {linear, from: [hidden, weights.1]}
        """,
    ),
    "ParameterDict": _word(
        "several trained tensors with names",
        """
        model:
          input: [16]
          ModuleDict:
            affine: {ParameterDict: {gain: [16], shift: [16]}}
            scaled: {mul, from: [input, affine.gain]}
            out: {add, from: [scaled, affine.shift]}
        """,
    ),
    "expr": _word(
        "arithmetic on tensors as a node: names of the scope, numbers, slices and the catalogue's functions",
        """
        model:
          input: [16]
          ModuleDict:
            mu: {Linear: 8}
            logvar: {Linear: 8, from: input}
            sample: {expr: mu + exp(0.5 * logvar) * randn_like(mu)}
        """,
    ),
}

KEYS: Mapping[str, Word] = {
    "from": _word(
        "where a node's inputs come from: a name, a list of names, or a mapping by the inputs' names",
        """
        model:
          input: [16]
          ModuleDict:
            left: {Linear: 16}
            right: {Linear: 16, from: input}
            sum: {add, from: [left, right]}
        """,
    ),
    "init": _word(
        "where weights start: the document's list of rules, or beside a node initialisers for its own",
        """
        model:
          input: [16]
          Sequential: {body: {Linear: 32}, act: ReLU, head: {Linear: 10}}
        init:
          - {type: Linear, weight: {kaiming_normal: {nonlinearity: relu}}, bias: zeros}
          - {name: head, weight: orthogonal}
        """,
    ),
    "freeze": _word(
        "`true`: the node's parameters take no gradient, and training keeps its norms in evaluation mode",
        """
        model:
          input: [16]
          Sequential:
            - {Linear: 32, freeze: true}
            - ReLU
            - Linear: 10
        """,
    ),
    "tie": _word(
        "makes a node's parameter that of another node, of the same shape",
        """
        model:
          input: {shape: [20], dtype: int64}
          ModuleDict:
            embed: {Embedding: {num_embeddings: 100, embedding_dim: 32}}
            hidden: {Linear: 32}
            out: {Linear: {out_features: 100, bias: false}, tie: {weight: embed.weight}}
        """,
    ),
    "repeat": _word(
        "copies of a node one after another, each with its own parameters; `$i` counts from 0",
        """
        model:
          input: [16]
          Sequential:
            - {Sequential: [{Linear: 32}, ReLU], repeat: 3}
            - Linear: 10
        """,
    ),
    "if": _word(
        "whether the node is there; where it isn't, it stands for its first input",
        """
        vars: {dropout: 0.0}
        model:
          input: [16]
          Sequential:
            - Linear: 32
            - {Dropout: $dropout, if: $(dropout > 0)}
            - Linear: 10
        """,
    ),
    "name": _word(
        "in a `forward` list, a name for the step's value",
        """
        model:
          input: [16]
          ModuleDict: {fc: {Linear: 16}}
          forward:
            - {fc, name: hidden}
            - {add, from: [hidden, input]}
        """,
    ),
    "input": _word(
        "the shape of the network's input without the batch; in `from`, the input of the container",
        """
        model:
          input: {shape: [20], dtype: int64}
          Sequential:
            - Embedding: {num_embeddings: 100, embedding_dim: 32}
        """,
    ),
    "inputs": _word(
        "the inputs where there are several: names and shapes for the network, names elsewhere",
        """
        model:
          inputs: {left: [16], right: [8]}
          ModuleDict:
            pair:
              inputs: [a, b]
              from: [left, right]
              ModuleDict:
                joined: {cat: 1, from: [a, b]}
                out: {Linear: 10}
        """,
    ),
    "output": _word(
        "the result of a `ModuleDict`: a name, a list, or a mapping of names; the last node when left out",
        """
        model:
          input: [16]
          ModuleDict:
            body: {Linear: 32}
            classes: {Linear: 10, from: body}
            size: {Linear: 1, from: body}
          output: {classes: classes, size: size}
        """,
    ),
    "forward": _word(
        "the steps that run, where the `ModuleDict` beside it only declares modules",
        """
        model:
          input: [16]
          ModuleDict: {fc1: {Linear: 32}, fc2: {Linear: 10}}
          forward: [fc1, relu, fc2]
        """,
    ),
    "merge": _word(
        "how a `Parallel` puts its branches together: `cat`, `stack`, `add`, `mul`, `mean` or `none`",
        """
        model:
          input: [16]
          Parallel: [{Linear: 10}, {Linear: 10}]
          merge: mean
        """,
    ),
    "choose": _word(
        "the branch of a `Select` that runs",
        """
        model:
          input: [16]
          Select: {small: {Linear: 10}, large: [{Linear: 64}, ReLU, {Linear: 10}]}
          choose: small
        """,
    ),
    "weights": _word(
        "a file of weights to start from",
        """
        model:
          input: [16]
          Linear: 10
          weights: weights.safetensors
        """,
    ),
    "edit": _word(
        "changes to a network that is already there, run in order",
        """
        model:
          torchvision.resnet18: {weights: null}
          input: [3, 224, 224]
          edit:
            - {replace: fc, with: {Linear: 10}}
        """,
    ),
    "blocks": _word(
        "reusable parts of networks, called by their names like any layer; `params` are their parameters",
        """
        blocks:
          Dense:
            params: {width: required}
            Sequential: [{Linear: $width}, ReLU]
        model:
          input: [16]
          Sequential:
            - Dense: 32
            - Dense: {width: 64}
            - Linear: 10
        """,
    ),
    "vars": _word(
        "named values, used as `$name` or `$(expression)`",
        """
        vars: {width: 64}
        model:
          input: [16]
          Sequential: [{Linear: $width}, ReLU, {Linear: $(width // 2)}]
        """,
    ),
}

WORDS: Mapping[str, Word] = {**CONTAINERS, **VALUES, **KEYS}
"""Every word of the language that has an explanation."""
