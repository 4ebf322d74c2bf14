"""A name in; the same small network as PyTorch code and as a yamlnet file, out."""

from __future__ import annotations

from torch import Tensor, nn

NAMES = ("mlp", "lenet", "resnet")


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(after)
        self.shortcut = (
            nn.Identity() if (before, stride) == (after, 1) else nn.Conv2d(before, after, 1, stride=stride)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Images [batch, before, height, width] in, [batch, after, ...] out."""
        y = self.bn2(self.conv2(nn.functional.relu(self.bn1(self.conv1(x)))))
        return nn.functional.relu(y + self.shortcut(x))


def network(name: str) -> nn.Module:
    """The network for grey images of 28 x 28 and ten classes."""
    if name == "mlp":
        return nn.Sequential(
            nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10)
        )
    if name == "lenet":
        return nn.Sequential(
            *(nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2)),
            *(nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2)),
            *(nn.Flatten(), nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh()),
            nn.Linear(84, 10),
        )
    return nn.Sequential(
        *(nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()),
        *(BasicBlock(16, 16, 1), BasicBlock(16, 32, 2), BasicBlock(32, 64, 2)),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)),
    )


MODELS = {
    "mlp": "Sequential: [Flatten, Linear: 256, ReLU, Linear: 128, ReLU, Linear: 10]",
    "lenet": """Sequential:
    - {Conv2d: {out_channels: 6, kernel_size: 5, padding: 2}}
    - Tanh
    - {AvgPool2d: 2}
    - {Conv2d: {out_channels: 16, kernel_size: 5}}
    - Tanh
    - {AvgPool2d: 2}
    - Flatten
    - {Linear: 120}
    - Tanh
    - {Linear: 84}
    - Tanh
    - {Linear: 10}""",
    "resnet": """Sequential:
    - {Conv2d: {out_channels: 16, kernel_size: 3, padding: 1, bias: false}}
    - BatchNorm2d
    - ReLU
    - {BasicBlock: {channels: 16}}
    - {BasicBlock: {channels: 32, stride: 2, shortcut: true}}
    - {BasicBlock: {channels: 64, stride: 2, shortcut: true}}
    - {AdaptiveAvgPool2d: 1}
    - Flatten
    - {Linear: 10}""",
}

BLOCKS = """
blocks:
  BasicBlock:
    params: {channels: required, stride: 1, shortcut: false}
    ModuleDict:
      conv1: {Conv2d: {out_channels: $channels, kernel_size: 3, stride: $stride, padding: 1, bias: false}}
      bn1: BatchNorm2d
      relu1: ReLU
      conv2: {Conv2d: {out_channels: $channels, kernel_size: 3, padding: 1, bias: false}}
      bn2: BatchNorm2d
      shortcut:
        Conv2d: {out_channels: $channels, kernel_size: 1, stride: $stride}
        if: $shortcut
        from: input
      sum: {add, from: [bn2, shortcut]}
      out: {relu, from: sum}
"""


def document(name: str, folder: str, epochs: int, batch_size: int) -> str:
    """The yamlnet file that trains the network on the IDX files of a folder."""
    return f"""name: {name}
data:
  dataset: {{Idx: {{root: {folder}}}}}
  batch_size: {batch_size}
  transforms: [{{Normalize: {{mean: 0.1307, std: 0.3081}}}}]
model:
  {MODELS[name]}
loss: CrossEntropyLoss
metrics: [Accuracy]
optimizer: {{Adam: {{lr: 0.001}}}}
train: {{epochs: {epochs}}}
{BLOCKS if name == "resnet" else ""}"""
