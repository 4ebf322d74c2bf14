"""Files that would take all time or memory, by name, and what is told of each."""

from __future__ import annotations

from collections.abc import Mapping

Case = tuple[str | bytes, set[str]]
LINEAR = "model: {input: [4], Linear: %s}\n"
TRAINED = """\
data: {dataset: MNIST5k%s}
model: {Sequential: [Flatten, %s, {Linear: 10}]}
loss: CrossEntropyLoss
optimizer: %s
"""


def linear(value: str) -> str:
    """A network of one layer with that argument."""
    return LINEAR % value


def trained(data: str = "", layer: str = "ReLU", optimizer: str = "SGD") -> str:
    """A whole experiment."""
    return TRAINED % (data, layer, optimizer)


def doubled(first: str, line: str, count: int) -> str:
    """A line, and then one that says the one before twice, again and again."""
    return first + "".join(line.format(i=i, b=i - 1) for i in range(1, count))


def many(line: str, count: int) -> str:
    """A line for each number."""
    return "".join(line.format(i=i) for i in range(count))


BLOCKS = "blocks:\n  B0: {Linear: 4}\n"
TEXTS: Mapping[str, Case] = {
    "aliases": (doubled("a0: &a0 [x, x]\n", "a{i}: &a{i} [*a{b}, *a{b}]\n", 60), {"too-large"}),
    "merge keys": ("a: &a {x: 1}\nb: {<<: [*a, *a], <<: *a}\n", {"yaml-syntax"}),
    "flow lists": ("model: " + "[" * 100_000, {"too-large"}),
    "flow mappings": ("model: " + "{a: " * 100_000 + "}" * 100_000, {"too-large"}),
    "block lists": ("- " * 100_000 + "x", {"too-large"}),
    "block mappings": ("\n".join(" " * i + "a:" for i in range(1_400)), {"too-large"}),
    "a scalar of 50 MB": (b'name: "' + b"a" * 50_000_000 + b'"\n', {"too-large"}),
    "50 MB of dashes": (b"-" * 50_000_000, {"too-large"}),
    "dashes": ("-\n" * 500_000, {"too-large"}),
    "a power": (linear("$(9**9**9)"), {"expression"}),
    "a product": (linear("$('a'*10**12)"), {"expression"}),
    "a list's product": (linear('"$([0]*10**12)"'), {"expression"}),
    "parentheses": (linear('"$(' + "(" * 50_000 + "1" + ")" * 50_000 + ')"'), {"expression"}),
    "signs": (linear('"$(' + "-" * 900 + '1)"'), {"expression"}),
    "vars that double": (
        doubled("vars:\n  a0: xx\n", "  a{i}: $a{b}$a{b}\n", 60) + linear("2"),
        {"expression"},
    ),
    "a formula": (
        "model: {input: [4], ModuleDict: {a: {expr: " + "input + " * 20_000 + "input}}}",
        {"expression"},
    ),
    "blocks that double": (
        doubled(BLOCKS, "  B{i}: [B{b}, B{b}]\n", 60) + "model: {input: [4], Sequential: [B59]}\n",
        {"recursion"},
    ),
    "blocks that call themselves twice": (
        "blocks: {B: {params: {n: 3}, Sequential: [{B: $(n + 1)}, {B: $(n + 1)}]}}\n"
        "model: {input: [4], B: 1}\n",
        {"recursion"},
    ),
    "repeats in repeats": (
        "model: {input: [4], Sequential: [{repeat: 1000, Sequential: [{repeat: 1000, Sequential: "
        "[{repeat: 1000, Sequential: [ReLU]}]}]}]}\n",
        {"too-large"},
    ),
    "a repeat": ("model: {input: [4], Sequential: [{Linear: 10, repeat: 1e9}]}\n", {"too-large"}),
    "no number of copies": ("model: {input: [4], Sequential: [{ReLU, repeat: .nan}]}\n", {"wrong-type"}),
    "an integer": (linear("9" * 5_000), {"too-large"}),
    "a hexadecimal": (linear("0x" + "f" * 5_000), {"too-large"}),
    "infinity": (linear(".inf"), {"wrong-type"}),
    "NUL": (b"model: {input: [4], Linear: 2}\n\x00", {"yaml-syntax"}),
    "bytes": (b"model: {input: [4], Linear: \xff\xfe}\n", {"yaml-syntax"}),
    "UTF-16": (linear("2").encode("utf-16"), {"yaml-syntax"}),
    "a surrogate": (linear("2") + 'name: "\\ud800"\n', {"yaml-syntax"}),
    "unknown keys": (many("key{i}: 1\n", 40_000), {"missing-key", "unknown-key", "too-large"}),
    "unknown parameters": (
        linear("{" + many("k{i}: 1, ", 40_000) + "}"),
        {"unknown-parameter", "too-large"},
    ),
    "unknown names": (
        "model:\n  input: [4]\n  Sequential:\n" + many("    - Lin{i}\n", 30_000),
        {"unknown-name", "too-large"},
    ),
    "unknown values": (
        "model:\n  input: [4]\n  ModuleDict:\n" + many("    k{i}: {{ReLU, from: q{i}}}\n", 15_000),
        {"unknown-reference", "too-large"},
    ),
    "duplicate keys": ("model: {input: [4], ReLU}\n" + "name: a\n" * 40_000, {"duplicate-key", "too-large"}),
    "a long name": ("model: {input: [4], " + "L" * 1_000 + ": 3}\n", {"unknown-name"}),
    "long names that are alike": (
        "model: {input: [4], ModuleDict: {" + "a" * 1_000 + ": ReLU, b: {ReLU, from: " + "a" * 999 + "}}}\n",
        {"unknown-reference"},
    ),
    "a long list": (
        "model: {input: [3, 8, 8], Conv2d: {out_channels: 3, kernel_size: [" + "3," * 90_000 + "]}}\n",
        {"wrong-type"},
    ),
    "dollars": (linear("2") + 'name: "' + "$a" * 200_000 + '"\n', {"expression"}),
    "a file that can't be named": ("extends: " + "a" * 100_000 + "\n" + linear("2"), {"wrong-value"}),
    "NUL in a file's name": ('extends: "a\\0b"\n' + linear("2"), {"wrong-value"}),
    "a device": ("extends: /dev/zero\n" + linear("2"), {"outside-path"}),
    "files that aren't there": ("extends: [" + many("no{i}.yaml, ", 40_000) + "]\n", {"wrong-value"}),
}
"""What is told without torch."""

SHAPES: Mapping[str, Case] = {
    "a chain of vars": ("vars:\n  k0: 1\n" + doubled("", "  k{i}: $k{b}\n", 9_000) + linear("$k8999"), set()),
    "a byte order mark": (b"\xef\xbb\xbf" + linear("2").encode(), set()),
    "more axes than torch has": ("model: {input: [" + "2, " * 70 + "], Flatten}", {"too-large"}),
    "a sample that can't be counted": ("model: {input: [3037000500, 3037000500], Linear: 3}", {"too-large"}),
    "an infinite size": ("model: {input: [.inf], Linear: 3}", {"wrong-type"}),
    "a layer": (trained(layer="{Linear: 1_000_000_000}"), {"too-large"}),
    "a step": (trained(layer="{Linear: 3_000_000}"), {"too-large"}),
    "a batch": (trained(", batch_size: 1e12"), {"too-large"}),
    "an image": (
        "model: {input: [3, 1e6, 1e6], Sequential: [{Conv2d: {out_channels: 8, kernel_size: 3}}]}",
        {"too-large"},
    ),
    "an input": ("model: {input: [1_000_000_000_000], Linear: 10}", {"too-large"}),
    "an embedding": (
        "model: {input: {shape: [4], dtype: int64}, Embedding: {num_embeddings: 1e9, embedding_dim: 512}}",
        {"too-large"},
    ),
    "more than can be counted": (
        "model: {input: {shape: [4], dtype: int64}, Embedding: {num_embeddings: 1e18, embedding_dim: 512}}",
        {"too-large"},
    ),
    "a kernel": (
        "model: {input: [3, 8, 8], Conv2d: {out_channels: 64, kernel_size: 100_000, padding: 100_000}}",
        {"too-large"},
    ),
    "a parameter": ("model: {input: [4], ModuleDict: {w: {Parameter: [1e6, 1e6]}, a: ReLU}}", {"too-large"}),
    "a buffer in a formula": (
        "model: {input: [4], ModuleDict: {w: {Buffer: {shape: [1e6, 1e6]}}, a: {expr: input * mean(w)}}}",
        {"too-large"},
    ),
    "layers in a layer": (
        "model: {input: [5, 8], LSTM: {hidden_size: 8, num_layers: 1_000_000, batch_first: true}}",
        {"too-large"},
    ),
    "copies in a layer": (
        "model: {input: [5, 8], TransformerEncoder: {num_layers: 1_000_000, encoder_layer: "
        "{TransformerEncoderLayer: {nhead: 2, batch_first: true}}}}",
        {"too-large"},
    ),
    "padding": ("model: {input: [3, 8, 8], ZeroPad2d: 1_000_000}", {"too-large"}),
    "a function": (
        "model: {input: {shape: [4], dtype: int64}, Sequential: [{one_hot: 1e10}]}",
        {"too-large"},
    ),
    "a long pattern": (
        linear("2") + f'init: [{{name: "{"[!" * 20_000}", weight: zeros}}]\n',
        {"no-match"},
    ),
    "a pattern of many stars": (
        linear("2") + f'init: [{{name: "{"*a" * 200}*b", weight: zeros}}]\n',
        {"no-match"},
    ),
    "a crop": (
        trained(", augment: [{RandomCrop: {size: 1e6, padding: 1e6}}]"),
        {"shape-mismatch"},
    ),
}
"""What torch must be asked for, or isn't told before."""
