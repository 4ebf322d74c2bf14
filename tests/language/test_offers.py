"""What a diagnostic offers to write: applied, it is no mistake any more, and means what was meant."""

from __future__ import annotations

import pytest

import yamlnet

IMAGES = "{model: {input: [1, 28, 28], Sequential: [%s]}}"
VECTORS = "{model: {input: [10, 28], Sequential: [{%s}, {expr: 'input[0]'}]}}"
CHANNELS = "{model: {input: [16, 8, 8], Sequential: [%s]}}"
INDICES = "{model: {input: {shape: [16], dtype: int64}, Sequential: [%s]}}"
CONVOLUTIONS = """
model:
  input: [1, 28, 28]
  ModuleDict:
    conv1: {Conv2d: {out_channels: 4, kernel_size: 3, padding: 1}}
    relu1: ReLU
    conv2: {Conv2d: {out_channels: 4, kernel_size: 3, padding: 1}}
    %s
"""
TRAINED = """
data: {dataset: MNIST5k, validation: 0.1}
model: {Sequential: [Flatten, {Linear: 10}]}
vars: {rate: 0.01, text: fast}
loss: CrossEntropyLoss
%s
"""
METRICS = TRAINED % "optimizer: AdamW\n%s"
RESULTS = METRICS % "metrics: [Accuracy]\n%s"

OFFERS = [
    (IMAGES, "Conv2d: [1, 8, 3]", "Conv2d: {out_channels: 8, kernel_size: 3}"),
    (IMAGES, "Conv2d: [8, 3]", "Conv2d: {out_channels: 8, kernel_size: 3}"),
    (IMAGES, "Conv2d: [1, 8, 3, 2, 1]", "Conv2d: {out_channels: 8, kernel_size: 3, stride: 2, padding: 1}"),
    (IMAGES, "{Conv2d: [1, 8, 3], padding: 1}", "Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}"),
    (CHANNELS, "GroupNorm: [4, 16]", "GroupNorm: 4"),
    (CHANNELS, "BatchNorm2d: [16, 0.1]", "BatchNorm2d: {eps: 0.1}"),
    (CHANNELS, "LayerNorm: [[16, 8, 8], 0.1]", "LayerNorm: {normalized_shape: [16, 8, 8], eps: 0.1}"),
    (
        CHANNELS,
        "ConvTranspose2d: [16, 8, 2, 2]",
        "ConvTranspose2d: {out_channels: 8, kernel_size: 2, stride: 2}",
    ),
    (INDICES, "Embedding: [100, 8]", "Embedding: {num_embeddings: 100, embedding_dim: 8}"),
    (VECTORS, "LSTM: [28, 64, 2]", "LSTM: {hidden_size: 64, num_layers: 2, batch_first: true}"),
    (IMAGES, "AvgPool2d 2", "AvgPool2d: 2"),
    (IMAGES, "Dropout p=0.5", "Dropout: 0.5"),
    (IMAGES, "avgpool2d 2", "AvgPool2d: 2"),
    (IMAGES, "'Flatten[1]'", "Flatten: 1"),
    (IMAGES, "BatchNorm2d(1)", "BatchNorm2d: 1"),
    (IMAGES, '"nn.Conv2d(1, 8, 3, padding=1)"', "Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}"),
    (IMAGES, "\"Conv2d(8, 3, padding='same')\"", "Conv2d: {out_channels: 8, kernel_size: 3, padding: same}"),
    (IMAGES, "F.leaky_relu(0.1)", "leaky_relu: 0.1"),
    (CONVOLUTIONS, "out: nn.AvgPool2d(2)", "out: {AvgPool2d: 2}"),
    (CONVOLUTIONS, "sum: torch.add(conv2, relu1)", 'sum: {expr: "add(conv2, relu1)"}'),
    (CONVOLUTIONS, "sum: {add, from: conv2, relu1}", "sum: {add, from: [conv2, relu1]}"),
    (CONVOLUTIONS, "sum: {add, from: (conv2, relu1)}", "sum: {add, from: [conv2, relu1]}"),
    (CONVOLUTIONS, "sum: {from: conv2, relu1, add}", "sum: {add, from: [conv2, relu1]}"),
    (CONVOLUTIONS, "sum: {add, conv2, relu1}", "sum: {add, from: [conv2, relu1]}"),
    (CONVOLUTIONS, "sum: {add, from: conv2 relu1}", "sum: {add, from: [conv2, relu1]}"),
    (CONVOLUTIONS, "sum: {add, from: [conv2 relu1]}", "sum: {add, from: [conv2, relu1]}"),
    (CONVOLUTIONS, "sum: add\n    from: [conv2, relu1]", "sum: {add, from: [conv2, relu1]}"),
    (CONVOLUTIONS, "sum: {cat, from: [conv2, relu1], dim: 1}", "sum: {cat: {dim: 1}, from: [conv2, relu1]}"),
    (TRAINED, "optimizer: Adam 0.01", "optimizer: {Adam: 0.01}"),
    (TRAINED, "optimizer: {SGD: [0.1, 0.9]}", "optimizer: {SGD: {lr: 0.1, momentum: 0.9}}"),
    (TRAINED, "optimizer: {Adam: {betas: (0.9, 0.99)}}", "optimizer: {Adam: {betas: [0.9, 0.99]}}"),
    (TRAINED, "optimizer: {Adam: {betas: '0.9, 0.99'}}", "optimizer: {Adam: {betas: [0.9, 0.99]}}"),
    (TRAINED, "optimizer: {Adam: {amsgrad: Flase}}", "optimizer: {Adam: {amsgrad: false}}"),
    (TRAINED, "optimizer: {Adam: {lr: rate}}", "optimizer: {Adam: {lr: $rate}}"),
    (METRICS, "metrics: [Top5Accuracy]", "metrics: [{Accuracy: {top_k: 5}}]"),
    (METRICS, "metrics: [top_3_accuracy]", "metrics: [{Accuracy: {top_k: 3}}]"),
    (METRICS, "metrics: [{TopKAccuracy: {k: 3}}]", "metrics: [{Accuracy: {top_k: 3}}]"),
    (METRICS, "metrics: [recall@2]", "metrics: [{Recall: {top_k: 2}}]"),
    (RESULTS, "train: {deterministic: 1}", "train: {deterministic: true}"),
    (RESULTS, "expect: {parameters: '<= 100,000'}", 'expect: {parameters: "<= 100_000"}'),
    (RESULTS, "expect: {parameters: 'under 1.5M'}", 'expect: {parameters: "< 1_500_000"}'),
    (RESULTS, "expect: {test.accuracy: '=>95%'}", 'expect: {test.accuracy: ">= 0.95"}'),
    (RESULTS, "expect: {test.accuracy: '> = 0,9'}", 'expect: {test.accuracy: ">= 0.9"}'),
    (RESULTS, "expect: {test.loss: 0.3}", 'expect: {test.loss: "<= 0.3"}'),
    (RESULTS, "expect: {test.loss: {max: 0.3}}", 'expect: {test.loss: "<= 0.3"}'),
    (RESULTS, "name: my run", "name: my-run"),
]


@pytest.mark.parametrize(("document", "wrong", "right"), OFFERS)
def test_what_is_offered_is_right(document: str, wrong: str, right: str) -> None:
    [diagnostic] = _errors(document % wrong)
    offered = (diagnostic.help or "").partition("`")[2].rpartition("`")[0].split("`:")[0]
    assert offered
    assert offered in right
    assert _errors(document % right) == []


@pytest.mark.parametrize(
    ("document", "wrong"),
    [
        (IMAGES, "Conv2d: [16, 32]"),
        (IMAGES, "Conv2d 8 3"),
        (IMAGES, "x.view(-1)"),
        (IMAGES, "{Conv2d: {out_channels: 8, kernel_size: 3, bias: auto}}"),
        (CONVOLUTIONS, "sum: {expr: 'conv2 + relu1[:, 0:2]'}"),
        (CONVOLUTIONS, "sum: {add, from: conv2, later}"),
        (CONVOLUTIONS, "sum: {conv1, from: conv2, later}"),
        (TRAINED, "optimizer: {Adam: {lr: auto}}"),
        (TRAINED, "optimizer: {Adam: {weight_decay: Flase}}"),
        (TRAINED, "optimizer: {Adam: {lr: text}}"),
        (RESULTS, "expect: {parameters: '<= 0,123,456'}"),
    ],
)
def test_nothing_is_offered_where_it_is_not_known(document: str, wrong: str) -> None:
    [diagnostic] = _errors(document % wrong)
    assert diagnostic.suggestion is None
    assert "write" not in (diagnostic.help or "")
    assert "would give" not in (diagnostic.help or "")


def _errors(text: str) -> list[yamlnet.Diagnostic]:
    return [diagnostic for diagnostic in yamlnet.check(text) if diagnostic.severity == "error"]
