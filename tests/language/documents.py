"""Documents to test with: the shipped experiments, the cases that can be read, and a few richer texts."""

from __future__ import annotations

from pathlib import Path

from yamlnet.diagnostics import Span
from yamlnet.language.check import Checked, check
from yamlnet.language.files import Text

ROOT = Path(__file__).parent.parent.parent
CONFIGS = tuple(sorted((ROOT / "configs").glob("*.yaml")))
CASES = tuple(sorted((ROOT / "tests" / "cases").glob("*.yaml")))

RICH = {
    "graph": """\
version: 1
name: rich-graph
seed: 3
vars: {width: 8, act: ReLU, rate: $(width / 100), sizes: [4, "$(width * 2)"], price: 5$$}
data:
  dataset: MNIST5k
  validation: 500
  augment: [{RandomCrop: {size: 28, padding: 1}}, RandomHorizontalFlip]
  transforms: {train: [{Normalize: {mean: [0.1], std: [0.3]}}], evaluation: []}
model:
  ModuleDict:
    conv: {Conv2d: {out_channels: $width, kernel_size: 3, padding: same}}
    act: $act
    side: {Conv2d: {out_channels: "$(sizes[0])", kernel_size: [3, 3], padding: 1}, from: conv}
    both: {cat: {dim: 1}, from: [act, side]}
    head: [Flatten, {Dropout: $rate}, {Linear: $num_classes}]
  output: {logits: head, features: both}
init:
  - {type: [Conv2d, Linear], weight: {kaiming_normal: {nonlinearity: relu}}, bias: zeros}
  - {name: head, weight: [{orthogonal: {gain: 1.4}}, {add_noise: 0.01}]}
loss: {CrossEntropyLoss: {label_smoothing: 0.1}, from: [output.logits, target]}
metrics: {hits: {Accuracy: {top_k: 3}, from: [output.logits, target]}}
optimizer:
  AdamW: 0.002
  groups: [{match: ["*.bias"], weight_decay: 0}, {match: head, lr: 1e-4}]
scheduler: {ReduceLROnPlateau: {factor: 0.5}, metric: validation.hits}
train:
  steps: 40
  evaluate: 10
  device: cpu
  clip: {value: 0.5}
  ema: 0.9
  stop: {metric: validation.loss, patience: 2}
  checkpoint: {every: 20, keep: 2, best: validation.hits}
expect: {test.hits: ">= 0.1", parameters: "< 1e6"}
""",
    "forward": """\
data: {dataset: {FashionMNIST: {root: fashion}}, validation: 0.2}
model:
  input: [1, 28, 28]
  ModuleDict:
    layers: {ModuleDict: {fc1: {Linear: 16}, fc2: {Linear: 10}}}
    act: {GELU: {approximate: tanh}}
  forward:
    - {flatten: {start_dim: 1}, name: flat}
    - layers.fc1
    - {act, name: hidden}
    - layers.fc2
loss: CrossEntropyLoss
metrics: [Accuracy, {F1Score: {average: macro}}]
optimizer: {SGD: {lr: 0.1, momentum: 0.9}}
scheduler:
  SequentialLR:
    schedulers: [{LinearLR: {start_factor: 0.1}}, CosineAnnealingLR]
    milestones: [10]
train: {epochs: 2}
""",
    "several": """\
name: several
model:
  inputs: {image: [1, 28, 28], ids: {shape: [16], dtype: int64}}
  output: [mix, pooled]
  ModuleDict:
    words: {Embedding: {num_embeddings: 100, embedding_dim: 8}, from: ids}
    states: {LSTM: {hidden_size: 12, batch_first: true}}
    pooled: {mean: {dim: 1}, from: states.0}
    pixels: {Flatten, from: image}
    mix: {Bilinear: 4, from: [pixels, pooled]}
""",
}


def text_of(content: str, file: str = "net.yaml") -> Text:
    return Text(content, file, ROOT, "net", content.encode("utf-8", "surrogatepass"))


def checked(content: str, *options: str) -> Checked:
    return check(text_of(content), options)


def cut(text: str, span: Span) -> str:
    """The characters of a span."""
    lines = text.split("\n")[span.line - 1 : span.end_line]
    lines[-1] = lines[-1][: span.end_column - 1]
    lines[0] = lines[0][span.column - 1 :]
    return "\n".join(lines)
