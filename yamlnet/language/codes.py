"""A code in; why it stands for a mistake, a small file that makes it, and one that doesn't, out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from textwrap import dedent


@dataclass(frozen=True)
class Explanation:
    """Why a kind of mistake is one, and two small files: one that makes it, one that doesn't."""

    why: str
    wrong: str
    right: str


def _explained(why: str, wrong: str, right: str) -> Explanation:
    return Explanation(why, *(dedent(text).removeprefix("\n") for text in (wrong, right)))


EXPLANATIONS: Mapping[str, Explanation] = {
    "yaml-syntax": _explained(
        "A file that can't be read as YAML says nothing. Mostly a value begins with a character that YAML "
        "reads otherwise (`*`, `>`, `@`, `[`), a bracket isn't closed, or lines aren't indented alike. "
        "Tags, merge keys and second documents are left out of the language on purpose.",
        """
        model: {input: [4], Sequential: {head: {Linear: 2}}}
        init: [{name: *head, weight: zeros}]
        """,
        """
        model: {input: [4], Sequential: {head: {Linear: 2}}}
        init: [{name: "*head", weight: zeros}]
        """,
    ),
    "duplicate-key": _explained(
        "Of a key that is written twice only one value could count, and which one can't be seen.",
        """
        model:
          input: [4]
          Linear: {out_features: 2, bias: true, bias: false}
        """,
        """
        model:
          input: [4]
          Linear: {out_features: 2, bias: false}
        """,
    ),
    "unknown-key": _explained(
        "A key that a section or node doesn't have would be without effect. The arguments of a call stand "
        "under its name; what stands beside it are keys of the node.",
        """
        model:
          input: [4]
          ModuleDict:
            fc: {Linear: 2, form: input}
        """,
        """
        model:
          input: [4]
          ModuleDict:
            fc: {Linear: 2, from: input}
        """,
    ),
    "unknown-name": _explained(
        "A call names a class or function of the catalogue, in PyTorch's own spelling. `yamlnet list` shows "
        "all.",
        """
        model:
          input: [4]
          Sequential: [{Dense: 2}]
        """,
        """
        model:
          input: [4]
          Sequential: [{Linear: 2}]
        """,
    ),
    "unknown-parameter": _explained(
        "The class or function has no parameter of this name. Parameters have PyTorch's names; `yamlnet "
        "explain` and the call's name shows them.",
        """
        model:
          input: [3, 32, 32]
          Conv2d: {out_channels: 8, kernel_size: 3, strides: 2}
        """,
        """
        model:
          input: [3, 32, 32]
          Conv2d: {out_channels: 8, kernel_size: 3, stride: 2}
        """,
    ),
    "missing-key": _explained(
        "Something is needed here that has no default: an input's shape where there is no data, the loss of "
        "a training, the metric that a stop watches.",
        """
        model:
          Sequential: [{Linear: 2}]
        """,
        """
        model:
          input: [4]
          Sequential: [{Linear: 2}]
        """,
    ),
    "missing-parameter": _explained(
        "Input sizes are inferred, other parameters without a default must be said. `batch_first` must be "
        "said too, because PyTorch's default would mix the samples of a batch.",
        """
        model:
          input: [3, 32, 32]
          Conv2d: 8
        """,
        """
        model:
          input: [3, 32, 32]
          Conv2d: {out_channels: 8, kernel_size: 3}
        """,
    ),
    "wrong-type": _explained(
        "The value is of a kind that can't be meant here, such as a text where a number belongs. Truth "
        "values are `true` and `false`; `yes` and `on` are texts.",
        """
        model:
          input: [4]
          Linear: {out_features: 2, bias: no}
        """,
        """
        model:
          input: [4]
          Linear: {out_features: 2, bias: false}
        """,
    ),
    "wrong-value": _explained(
        "The value is of the right kind but can't be used: a number out of range, a word that isn't among "
        "the choices, two keys that exclude each other.",
        """
        model:
          input: [4]
          Dropout: 50
        """,
        """
        model:
          input: [4]
          Dropout: 0.5
        """,
    ),
    "unknown-reference": _explained(
        "`from`, `output` and the steps of a `forward` name values that exist when the node runs: nodes "
        "written above it in the same container, or `input`. Other containers can't be looked into.",
        """
        model:
          input: [4]
          ModuleDict:
            fc: {Linear: 4}
            sum: {add, from: [fc, skip]}
        """,
        """
        model:
          input: [4]
          ModuleDict:
            fc: {Linear: 4}
            sum: {add, from: [fc, input]}
        """,
    ),
    "missing-file": _explained(
        "Weights are read where the network is built, from a path relative to the file that says it. `check` "
        "only warns of a file that isn't there, because it may come later or be elsewhere.",
        """
        model:
          input: [4]
          Linear: 2
          weights: nowhere.safetensors
        """,
        """
        model:
          input: [4]
          Linear: 2
        """,
    ),
    "expression": _explained(
        "`$name` and `$(expression)` are worked out when the file is read, from `vars` and the data's "
        "facts. They know numbers, texts, lists, arithmetic and a few functions, and nothing else.",
        """
        vars: {width: 64}
        model:
          input: [4]
          Linear: $(widht * 2)
        """,
        """
        vars: {width: 64}
        model:
          input: [4]
          Linear: $(width * 2)
        """,
    ),
    "recursion": _explained(
        "A block may call itself as long as `if` ends it: past 64 levels, or 100,000 nodes, no end is "
        "in sight. A value that contains itself, and a file that extends itself, have none either.",
        """
        blocks:
          Tower: {params: {n: required}, Sequential: [{Linear: 4}, {Tower: $(n - 1)}]}
        model: {input: [4], Tower: 3}
        """,
        """
        blocks:
          Tower: {params: {n: required}, Sequential: [{Linear: 4}, {Tower: $(n - 1), if: $(n > 1)}]}
        model: {input: [4], Tower: 3}
        """,
    ),
    "shape-mismatch": _explained(
        "The layers are run on empty batches, and here PyTorch can't take what arrives. A shape leaves out "
        "the batch. As a warning: a function would mix the samples of a batch.",
        """
        model:
          input: [3, 8, 8]
          ModuleDict:
            conv: {Conv2d: {out_channels: 3, kernel_size: 3}}
            sum: {add, from: [conv, input]}
        """,
        """
        model:
          input: [3, 8, 8]
          ModuleDict:
            conv: {Conv2d: {out_channels: 3, kernel_size: 3, padding: 1}}
            sum: {add, from: [conv, input]}
        """,
    ),
    "dtype-mismatch": _explained(
        "A layer computes with one kind of numbers: `Embedding` takes integers, `Linear` floating-point "
        "numbers. An input is float32 unless it says otherwise.",
        """
        model:
          input: [20]
          Embedding: {num_embeddings: 100, embedding_dim: 8}
        """,
        """
        model:
          input: {shape: [20], dtype: int64}
          Embedding: {num_embeddings: 100, embedding_dim: 8}
        """,
    ),
    "loss-mismatch": _explained(
        "The loss or metric can't compare what the network gives with what the data holds, or PyTorch would "
        "compare the wrong numbers without a word.",
        """
        data: {dataset: MNIST5k}
        model: {Sequential: [Flatten, {Linear: 5}]}
        loss: CrossEntropyLoss
        optimizer: {AdamW: {lr: 0.001}}
        """,
        """
        data: {dataset: MNIST5k}
        model: {Sequential: [Flatten, {Linear: $num_classes}]}
        loss: CrossEntropyLoss
        optimizer: {AdamW: {lr: 0.001}}
        """,
    ),
    "schedule-mismatch": _explained(
        "A schedule that ends long after the training never shows its end; after one that is too short the "
        "learning rate stays where it shouldn't, or rises again. Lengths count steps, with `every: epoch` "
        "epochs; left out, they are inferred. It is a warning, but for `OneCycleLR`, which can't go on.",
        """
        data: {dataset: MNIST5k}
        model: {Sequential: [Flatten, {Linear: 10}]}
        loss: CrossEntropyLoss
        optimizer: {AdamW: {lr: 0.001}}
        scheduler: {CosineAnnealingLR: {T_max: 10}}
        train: {epochs: 10}
        """,
        """
        data: {dataset: MNIST5k}
        model: {Sequential: [Flatten, {Linear: 10}]}
        loss: CrossEntropyLoss
        optimizer: {AdamW: {lr: 0.001}}
        scheduler: CosineAnnealingLR
        train: {epochs: 10}
        """,
    ),
    "no-match": _explained(
        "A pattern is written to choose something. One that matches nothing is a typing error, or was left "
        "behind when the network changed.",
        """
        model: {input: [4], Sequential: {head: {Linear: 2}}}
        init: [{name: haed, weight: zeros}]
        """,
        """
        model: {input: [4], Sequential: {head: {Linear: 2}}}
        init: [{name: head, weight: zeros}]
        """,
    ),
    "unused-value": _explained(
        "A node's value goes nowhere, so that the node computes and trains for nothing. Mostly a `from` "
        "names the wrong node. It is a warning. An option that a command on a run doesn't read, such as "
        "`--set train.epochs=3` of `yamlnet evaluate`, is an error.",
        """
        model:
          input: [4]
          ModuleDict:
            left: {Linear: 4}
            right: {Linear: 4, from: input}
            out: {ReLU, from: left}
        """,
        """
        model:
          input: [4]
          ModuleDict:
            left: {Linear: 4}
            right: {Linear: 4, from: input}
            out: {add, from: [left, right]}
        """,
    ),
    "too-large": _explained(
        "Limits keep a file from taking all memory before it has done anything: 1 MiB of text, 64 levels, "
        "100,000 values, and a network, a sample and a training step that the device's memory can hold.",
        """
        model:
          input: [1_000_000]
          Linear: 1_000_000_000
        """,
        """
        model:
          input: [1_000_000]
          Linear: 100
        """,
    ),
    "outside-path": _explained(
        "A file that came from elsewhere must not read what it likes: its paths stay in its own folder, with "
        "`..` and links followed. Whoever runs yamlnet gives other paths on the command line "
        "(`--set data.dataset.Csv.path=/data/people.csv`), or a folder that paths may lead into "
        "(`--data-root /data`, or the variable YAMLNET_DATA_ROOT). What the machine shares, in /usr/share, "
        "may be read by any file.",
        """
        data:
          dataset: {Csv: {path: /elsewhere/people.csv}}
          fields: {size: {number: [height, weight]}, churn: category}
          target: churn
        model: {Linear: 2}
        """,
        """
        data:
          dataset: {Csv: {path: people.csv}}
          fields: {size: {number: [height, weight]}, churn: category}
          target: churn
        model: {Linear: 2}
        """,
    ),
    "not-allowed": _explained(
        "A dotted path leads to code that isn't of the catalogue. A file never has code run by itself: the "
        "person who runs yamlnet permits a package with `--allow PACKAGE`, each time anew.",
        """
        model: {input: [4], my_pkg.layers.Gate: 4}
        """,
        """
        model: {input: [4], Sequential: [{Linear: 8}, GLU]}
        """,
    ),
}
"""An explanation for every code, in the order of `CODES`."""

RUN_EXPLANATIONS = {
    "run-failure": "Some mistakes show only with the data: a number that an `Embedding` has no row for, a "
    "class that the loss doesn't know. The place is that of the layer, function, loss or "
    "metric; the help says what it took. The run ends with exit code 3.",
    "not-finite": "A number that is nan or infinite spoils all weights in a single step, so the run ends "
    "before that step is taken, with exit code 3 and a checkpoint of the state before it. The place "
    "is the first that gave such a number though it took none; the help names the samples. "
    "`train.non_finite: skip` leaves such steps out instead.",
}
"""What there is to know of each code of `RUN_CODES`."""
