"""The networks of gallery files 1 to 15, written by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from tests.gallery.twin import Twin, rand


class MLP(nn.Module):
    """A perceptron with one hidden layer."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(784, 128)
        self.relu = nn.ReLU()
        self.fc2 = nn.Linear(128, 10)

    def forward(self, input: Tensor) -> Tensor:
        return self.fc2(self.relu(self.fc1(input)))


def sequential() -> nn.Sequential:
    """A named chain that begins with a plain one."""
    chain = nn.Sequential()
    chain.add_module("features", nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU()))
    chain.add_module("classifier", nn.Linear(64, 10))
    return chain


class ListMLP(nn.Module):
    """Layers in a list, with one ReLU between all of them."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(784, 256), nn.Linear(256, 128), nn.Linear(128, 10)])
        self.relu = nn.ReLU()

    def forward(self, input: Tensor) -> Tensor:
        x = input
        for layer in self.layers[:-1]:
            x = self.relu(layer(x))
        return self.layers[-1](x)


class DictMLP(nn.Module):
    """A perceptron whose activation is chosen by name."""

    def __init__(self, activation: str = "relu") -> None:
        super().__init__()
        self.layers = nn.ModuleDict({"fc1": nn.Linear(784, 128), "fc2": nn.Linear(128, 10)})
        self.activations = nn.ModuleDict({"relu": nn.ReLU(), "tanh": nn.Tanh(), "prelu": nn.PReLU()})
        self.activation = activation

    def forward(self, input: Tensor) -> Tensor:
        x = self.layers["fc1"](input)
        x = self.activations[self.activation](x)
        return self.layers["fc2"](x)


class LeNet(nn.Module):
    """LeNet for colour images, with functional ReLU and pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, kernel_size=5)
        self.conv2 = nn.Conv2d(6, 16, kernel_size=5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, input: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.conv1(input)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = torch.flatten(x, 1)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)


class SharedDropout(nn.Module):
    """A perceptron for MNIST with one dropout in two places."""

    def __init__(self) -> None:
        super().__init__()
        self.flatten = nn.Flatten()
        self.fc1 = nn.Linear(784, 128)
        self.dropout = nn.Dropout(0.2)
        self.fc2 = nn.Linear(128, 64)
        self.fc3 = nn.Linear(64, 10)

    def forward(self, input: Tensor) -> Tensor:
        x = self.flatten(input)
        x = self.dropout(F.relu(self.fc1(x)))
        x = self.dropout(F.relu(self.fc2(x)))
        return self.fc3(x)


class Normalise(nn.Module):
    """Images by ImageNet's mean and standard deviation."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1))
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1))

    def forward(self, input: Tensor) -> Tensor:
        return (input - self.mean) / self.std


class ParameterMLP(nn.Module):
    """A perceptron of parameters alone, without layers."""

    def __init__(self) -> None:
        super().__init__()
        shapes = [(32, 20), (32, 32), (10, 32)]
        self.weights = nn.ParameterList([torch.empty(shape) for shape in shapes])
        self.biases = nn.ParameterList([torch.zeros(outputs) for outputs, _ in shapes])
        for weight in self.weights:
            nn.init.kaiming_uniform_(weight, nonlinearity="relu")

    def forward(self, input: Tensor) -> Tensor:
        x = F.relu(F.linear(input, self.weights[0], self.biases[0]))
        x = F.relu(F.linear(x, self.weights[1], self.biases[1]))
        return F.linear(x, self.weights[2], self.biases[2])


class TiedAutoencoder(nn.Module):
    """An autoencoder that decodes with the encoder's weight, transposed."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(20, 8, bias=False)
        self.biases = nn.ParameterList([torch.zeros(8), torch.zeros(20)])
        self.gains = nn.ParameterDict({"latent": torch.ones(8), "result": torch.ones(20)})

    def forward(self, input: Tensor) -> Tensor:
        latent = torch.tanh(self.gains["latent"] * (self.encoder(input) + self.biases[0]))
        decoded = F.linear(latent, self.encoder.weight.t(), self.biases[1])
        return self.gains["result"] * decoded


class SelectedHead(nn.Module):
    """Three heads on one trunk, of which one runs."""

    def __init__(self, task: str = "classification") -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(100, 64), nn.ReLU())
        self.heads = nn.ModuleDict(
            {
                "classification": nn.Linear(64, 10),
                "regression": nn.Linear(64, 1),
                "embedding": nn.Linear(64, 16, bias=False),
            }
        )
        self.task = task

    def forward(self, input: Tensor) -> Tensor:
        return self.heads[self.task](self.trunk(input))


class TwoHeads(nn.Module):
    """Two heads on one trunk, results by name."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(100, 64), nn.ReLU())
        self.classification = nn.Linear(64, 10)
        self.regression = nn.Linear(64, 1)

    def forward(self, input: Tensor) -> dict[str, Tensor]:
        x = self.trunk(input)
        return {"label": self.classification(x), "value": self.regression(x)}


class SkippedLayers(nn.Module):
    """Layers of which a mask says which run."""

    def __init__(self, mask: Sequence[bool] = (True, False, True)) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(20, 20) for _ in mask])
        self.head = nn.Linear(20, 10)
        self.mask = mask

    def forward(self, input: Tensor) -> Tensor:
        x = input
        for layer, runs in zip(self.layers, self.mask, strict=True):
            if runs:
                x = layer(x)
        return self.head(F.relu(x))


class Tree(nn.Module):
    """A node joins the results of its branches and combines them; at depth 0 stands a leaf."""

    def __init__(self, depth: int, width: int = 2) -> None:
        super().__init__()
        self.depth = depth
        if depth == 0:
            self.leaf = nn.Sequential(nn.Linear(10, 20), nn.ReLU(), nn.Linear(20, 10))
        else:
            self.branches = nn.ModuleList([Tree(depth - 1, width) for _ in range(width)])
            self.combine = nn.Linear(10 * width, 10)

    def forward(self, input: Tensor) -> Tensor:
        if self.depth == 0:
            return self.leaf(input)
        return self.combine(torch.cat([branch(input) for branch in self.branches], dim=1))


class LearnedDepth(nn.Module):
    """Draws one of five depths by Gumbel-softmax and gives that depth's result."""

    depths: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(5))
        self.register_buffer("depths", torch.arange(1.0, 6.0))
        for number in range(1, 6):
            self.add_module(f"layer{number}", nn.Sequential(nn.Linear(10, 20), nn.ReLU(), nn.Linear(20, 10)))

    def forward(self, input: Tensor) -> dict[str, Tensor]:
        x, results = input, []
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4, self.layer5):
            x = layer(x)
            results.append(x)
        drawn = F.gumbel_softmax(self.logits, hard=True)
        return {"result": drawn @ torch.stack(results, dim=1), "depth": (drawn * self.depths).sum()}


def orthogonal() -> nn.Sequential:
    """Orthogonal weights with a little noise, biases uniform within 1 / sqrt(fan_in)."""
    chain = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 32))
    for layer in (chain[0], chain[2]):
        nn.init.orthogonal_(layer.weight, gain=nn.init.calculate_gain("relu"))
        bound = 1 / math.sqrt(layer.in_features)
        nn.init.uniform_(layer.bias, -bound, bound)
        with torch.no_grad():
            layer.weight.add_(torch.randn_like(layer.weight), alpha=0.001)
    return chain


TWINS = {
    "01_mlp": Twin(MLP, rand(784)),
    "02_sequential": Twin(sequential, rand(784)),
    "03_module_list": Twin(ListMLP, rand(784)),
    "04_module_dict": Twin(DictMLP, rand(784)),
    "05_lenet": Twin(LeNet, rand(3, 32, 32)),
    "06_shared_dropout": Twin(SharedDropout, rand(1, 28, 28)),
    "07_normalise": Twin(Normalise, rand(3, 32, 32)),
    "08_parameter_list": Twin(ParameterMLP, rand(20)),
    "09_tied_autoencoder": Twin(TiedAutoencoder, rand(20)),
    "10_select": Twin(SelectedHead, rand(100)),
    "11_two_heads": Twin(TwoHeads, rand(100)),
    "12_skipped_layers": Twin(SkippedLayers, rand(20)),
    "13_tree": Twin(lambda: Tree(depth=3), rand(10)),
    "14_learned_depth": Twin(LearnedDepth, rand(10)),
    "15_init": Twin(orthogonal, rand(64)),
}
