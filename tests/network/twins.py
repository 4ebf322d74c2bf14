"""Networks as files, and the same networks written by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from tests.network.laws import Inputs


@dataclass(frozen=True)
class Twin:
    """A file's model, the module written by hand, its inputs for a batch size, and what is built."""

    text: str
    module: Callable[[], nn.Module]
    inputs: Callable[[int], Inputs]
    chain: bool = False


def images(*shape: int) -> Callable[[int], Inputs]:
    return lambda size: (torch.rand(size, *shape),)


def lenet_layers() -> list[nn.Module]:
    return [
        nn.Conv2d(1, 6, kernel_size=5, padding=2),
        nn.Tanh(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(6 * 14 * 14, 10),
    ]


LIST = """
  input: [1, 28, 28]
  Sequential:
    - {Conv2d: {out_channels: 6, kernel_size: 5, padding: 2}}
    - Tanh
    - AvgPool2d: 2
    - Flatten
    - Dropout: 0.3
    - Linear: 10
"""

NAMED = """
  input: [1, 28, 28]
  Sequential:
    conv: {Conv2d: {out_channels: 6, kernel_size: 5, padding: 2}}
    tanh: Tanh
    pool: {AvgPool2d: 2}
    flat: Flatten
    drop: {Dropout: 0.3}
    head: {Linear: 10}
"""


def named_chain() -> nn.Module:
    chain = nn.Sequential()
    for name, layer in zip("conv tanh pool flat drop head".split(), lenet_layers(), strict=True):
        chain.add_module(name, layer)
    return chain


NESTED = """
  input: [8]
  Sequential:
    - [{Linear: 6}, ReLU]
    - {Sequential: {norm: BatchNorm1d, out: {Linear: 2}}}
"""


def nested_chain() -> nn.Module:
    inner = nn.Sequential()
    inner.add_module("norm", nn.BatchNorm1d(6))
    inner.add_module("out", nn.Linear(6, 2))
    return nn.Sequential(nn.Sequential(nn.Linear(8, 6), nn.ReLU()), inner)


FUNCTIONS = """
  input: [3, 8, 8]
  Sequential:
    - {Conv2d: {out_channels: 4, kernel_size: 3}}
    - relu
    - {max_pool2d: 2}
    - [{permute: [0, 2, 3, 1]}, {reshape: [batch, -1]}, {mul: 0.5}]
    - {Dropout: 0.5}
    - {Linear: 5}
"""


class Functions(nn.Sequential):
    def __init__(self) -> None:
        super().__init__()
        self.add_module("0", nn.Conv2d(3, 4, 3))
        self.add_module("4", nn.Dropout(0.5))
        self.add_module("5", nn.Linear(36, 5))

    def forward(self, input: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self[0](input)), 2)
        x = x.permute(0, 2, 3, 1).reshape(len(x), -1) * 0.5
        out: Tensor = self[2](self[1](x))
        return out


LONE_FUNCTION = """
  input: [3]
  softmax: -1
"""


class LoneFunction(nn.Module):
    def forward(self, input: Tensor) -> Tensor:
        return F.softmax(input, -1)


LONE_LAYER = """
  input: [3]
  Linear: 2
"""

BLOCK = """
  input: [4, 6, 6]
  ModuleDict:
    conv1: {Conv2d: {out_channels: 4, kernel_size: 3, padding: 1, bias: false}}
    bn1: BatchNorm2d
    relu: ReLU
    conv2: {Conv2d: {out_channels: 4, kernel_size: 3, padding: 1, bias: false}}
    bn2: BatchNorm2d
    sum: {add, from: [bn2, input]}
    out: {relu, from: sum}
"""


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(4, 4, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(4, 4, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(4)

    def forward(self, input: Tensor) -> Tensor:
        x = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(input)))))
        out: Tensor = self.relu(x + input)
        return out


NESTED_GRAPH = """
  input: [5]
  ModuleDict:
    left: {Linear: 4}
    right: {Linear: 4, from: input}
    mixed:
      inputs: [x, skip]
      from: [left, right]
      ModuleDict:
        fc: {Linear: 4}
        sum: {add, from: [fc, skip]}
    again: {mixed, from: {skip: left}}
    tail: [{Linear: 3}, {Tanh: }]
    last: {tail, from: {input: mixed}}
    both: {cat: {dim: 1}, from: [last, tail, again]}
"""


class Mixed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        out: Tensor = self.fc(x) + skip
        return out


class NestedGraph(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.left = nn.Linear(5, 4)
        self.right = nn.Linear(5, 4)
        self.mixed = Mixed()
        self.tail = nn.Sequential(nn.Linear(4, 3), nn.Tanh())

    def forward(self, input: Tensor) -> Tensor:
        left, right = self.left(input), self.right(input)
        mixed = self.mixed(left, right)
        again = self.mixed(mixed, skip=left)
        return torch.cat([self.tail(mixed), self.tail(again), again], dim=1)


OUTPUT_LIST = """
  input: [6]
  ModuleDict:
    trunk: {Linear: 4}
    mean: {Linear: 2}
    spread: {Linear: 3, from: trunk}
  output: [mean, spread, input]
"""


class Heads(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Linear(6, 4)
        self.mean = nn.Linear(4, 2)
        self.spread = nn.Linear(4, 3)

    def forward(self, input: Tensor) -> Any:
        trunk = self.trunk(input)
        return self.mean(trunk), self.spread(trunk), input


OUTPUT_MAPPING = OUTPUT_LIST.replace("[mean, spread, input]", "{mu: mean, sigma: spread, input: input}")


class NamedHeads(Heads):
    def forward(self, input: Tensor) -> Any:
        return dict(zip(("mu", "sigma", "input"), super().forward(input), strict=True))


OUTPUT_NAME = OUTPUT_LIST.replace("[mean, spread, input]", "mean")


class OneHead(Heads):
    def forward(self, input: Tensor) -> Any:
        return super().forward(input)[0]


PARTS = """
  input: [6]
  ModuleDict:
    heads:
      ModuleDict: {a: {Linear: 4}, b: {Linear: 4, from: input}}
      output: {first: a, rest: [b]}
    sum: {add, from: [heads.first, heads.second]}
""".replace("rest: [b]", "second: b")


class PartHeads(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(6, 4)
        self.b = nn.Linear(6, 4)

    def forward(self, input: Tensor) -> dict[str, Tensor]:
        return {"first": self.a(input), "second": self.b(input)}


class Parts(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.heads = PartHeads()

    def forward(self, input: Tensor) -> Tensor:
        heads = self.heads(input)
        out: Tensor = heads["first"] + heads["second"]
        return out


FORWARD = """
  input: [2, 5]
  ModuleDict:
    layers: {ModuleDict: {fc1: {Linear: 8}, fc2: {Linear: 4}}}
    activations: {ModuleDict: {relu: ReLU, sigmoid: Sigmoid}}
    trunk: {Sequential: {in: {Linear: 4}, act: {Dropout: 0.2}}}
    spare: {Linear: {in_features: 3, out_features: 2}}
  forward:
    - {flatten: {start_dim: 1}, name: flat}
    - {layers.fc1, name: hidden}
    - activations.relu
    - layers.fc2
    - {trunk, name: wide, from: flat}
    - {add, from: [wide, layers.fc2]}
    - {mul: 2, name: twice}
    - activations.relu
""".replace("{Sequential: {in:", "{Sequential: {first:")


class Forward(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleDict({"fc1": nn.Linear(10, 8), "fc2": nn.Linear(8, 4)})
        self.activations = nn.ModuleDict({"relu": nn.ReLU(), "sigmoid": nn.Sigmoid()})
        self.trunk = nn.Sequential()
        self.trunk.add_module("first", nn.Linear(10, 4))
        self.trunk.add_module("act", nn.Dropout(0.2))
        self.spare = nn.Linear(3, 2)

    def forward(self, input: Tensor) -> Tensor:
        flat = input.flatten(1)
        x = self.layers["fc2"](self.activations["relu"](self.layers["fc1"](flat)))
        out: Tensor = self.activations["relu"]((self.trunk(flat) + x) * 2)
        return out


SEVERAL = """
  inputs: {left: [1, 4, 4], ids: {shape: [3], dtype: int64}, right: {shape: [2], dtype: float64}}
  ModuleDict:
    flat: {Flatten, from: left}
    words: {Embedding: {num_embeddings: 11, embedding_dim: 6}, from: ids}
    bag: {mean: 1}
    all: {cat: {dim: 1}, from: [bag, flat, right]}
"""


class Several(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.flat = nn.Flatten()
        self.words = nn.Embedding(11, 6)

    def forward(self, left: Tensor, ids: Tensor, right: Tensor) -> Tensor:
        return torch.cat([self.words(ids).mean(1), self.flat(left), right], dim=1)


def several(size: int) -> Inputs:
    return torch.rand(size, 1, 4, 4), torch.randint(11, (size, 3)), torch.rand(size, 2, dtype=torch.float64)


ROOT_SUM = """
  inputs: {a: [3], b: [3]}
  add: {alpha: 2}
"""


class RootSum(nn.Module):
    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.add(a, b, alpha=2)


def pair(size: int) -> Inputs:
    return torch.rand(size, 3), torch.rand(size, 3)


RECURRENT = """
  input: [7, 5]
  ModuleDict:
    lstm: {LSTM: {hidden_size: 4, num_layers: 2, bidirectional: true, batch_first: true}}
    hidden: {permute: [1, 0, 2], from: lstm.1.0}
    flat: Flatten
    last: {Linear: 3, from: lstm.0}
    head: {Linear: 2, from: flat}
  output: [head, last]
"""


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(5, 4, num_layers=2, bidirectional=True, batch_first=True)
        self.flat = nn.Flatten()
        self.last = nn.Linear(8, 3)
        self.head = nn.Linear(16, 2)

    def forward(self, input: Tensor) -> Any:
        out, (hidden, _) = self.lstm(input)
        return self.head(self.flat(hidden.permute(1, 0, 2))), self.last(out)


ATTENTION = """
  inputs: {query: [4, 8], key: [6, 12]}
  ModuleDict:
    norm: {LayerNorm, from: query}
    attention:
      MultiheadAttention: {num_heads: 2, dropout: 0.1, batch_first: true}
      from: {key: key, value: key}
    sum: {add, from: [attention.0, query]}
  output: [sum, attention.1]
"""


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(8)
        self.attention = nn.MultiheadAttention(8, 2, dropout=0.1, kdim=12, vdim=12, batch_first=True)

    def forward(self, query: Tensor, key: Tensor) -> Any:
        value, weights = self.attention(self.norm(query), key, key)
        return value + query, weights


ENCODER_LAYER = """
  input: [4, 8]
  Sequential:
    - {TransformerEncoderLayer: {nhead: 2, dim_feedforward: 16, batch_first: true}}
"""

ENCODER = """
  input: [4, 8]
  Sequential:
    embed: {Linear: 12}
    encoder:
      TransformerEncoder:
        encoder_layer: {TransformerEncoderLayer: {nhead: 3, dim_feedforward: 16, batch_first: true}}
        num_layers: 2
        norm: LayerNorm
        enable_nested_tensor: false
"""


def encoder() -> nn.Module:
    chain = nn.Sequential()
    chain.add_module("embed", nn.Linear(8, 12))
    layer = nn.TransformerEncoderLayer(12, nhead=3, dim_feedforward=16, batch_first=True)
    norm = nn.LayerNorm(12)
    chain.add_module(
        "encoder", nn.TransformerEncoder(layer, num_layers=2, norm=norm, enable_nested_tensor=False)
    )
    return chain


TWINS = {
    "list": Twin(LIST, lambda: nn.Sequential(*lenet_layers()), images(1, 28, 28), chain=True),
    "mapping": Twin(NAMED, named_chain, images(1, 28, 28), chain=True),
    "nested": Twin(NESTED, nested_chain, images(8), chain=True),
    "functions": Twin(FUNCTIONS, Functions, images(3, 8, 8)),
    "lone function": Twin(LONE_FUNCTION, LoneFunction, images(3)),
    "block": Twin(BLOCK, Block, images(4, 6, 6)),
    "nested graph": Twin(NESTED_GRAPH, NestedGraph, images(5)),
    "output name": Twin(OUTPUT_NAME, OneHead, images(6)),
    "output list": Twin(OUTPUT_LIST, Heads, images(6)),
    "output mapping": Twin(OUTPUT_MAPPING, NamedHeads, images(6)),
    "parts": Twin(PARTS, Parts, images(6)),
    "forward": Twin(FORWARD, Forward, images(2, 5)),
    "several inputs": Twin(SEVERAL, Several, several),
    "root function": Twin(ROOT_SUM, RootSum, pair),
    "recurrent": Twin(RECURRENT, Recurrent, images(7, 5)),
    "attention": Twin(ATTENTION, Attention, lambda size: (torch.rand(size, 4, 8), torch.rand(size, 6, 12))),
    "encoder layer": Twin(
        ENCODER_LAYER,
        lambda: nn.Sequential(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)),
        images(4, 8),
        chain=True,
    ),
    "encoder": Twin(ENCODER, encoder, images(4, 8), chain=True),
}
