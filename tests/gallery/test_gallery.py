"""Every gallery file builds the network that its twin, written by hand, is."""

from __future__ import annotations

import math
import subprocess
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import pytest
import torch
from torch import Tensor, fx, nn
from torch.utils._pytree import tree_leaves

import yamlnet
from tests.gallery.twin import Twin
from tests.network import laws
from yamlnet.language import check as language
from yamlnet.language import files
from yamlnet.language.dump import dump
from yamlnet.language.resolve import resolved

ROOT = Path(__file__).parents[2]
FILES = {path.stem: path for path in sorted((ROOT / "configs" / "gallery").glob("*.yaml"))}
TWINS: dict[str, Twin] = {
    name: twin
    for page in sorted(Path(__file__).parent.glob("twins_*.py"))
    for name, twin in import_module(f"tests.gallery.{page.stem}").TWINS.items()
}
PAIRS = sorted(FILES.keys() & TWINS.keys())
BATCHES = (3, 5)
SOUND = hasattr(torch.ops.torchvision, "deform_conv2d")
"""Whether torchvision can be imported without yamlnet's help: its operators fit the installed torch."""


def batches(name: str) -> list[laws.Inputs]:
    """The same inputs every time, for two batch sizes."""
    torch.manual_seed(0)
    return [TWINS[name].inputs(size) for size in BATCHES]


def test_every_file_has_a_twin() -> None:
    assert sorted(FILES) == sorted(TWINS)


def test_the_page_shows_every_file() -> None:
    page = (ROOT / "docs" / "gallery.md").read_text()
    assert [name for name in FILES if f"(../configs/gallery/{name}.yaml)" not in page] == []


@pytest.mark.parametrize("path", FILES.values(), ids=FILES)
def test_it_says_what_it_shows(path: Path) -> None:
    lines = path.read_text().splitlines()
    shown = next(number for number, line in enumerate(lines) if not line.startswith("# "))
    assert 1 <= shown <= 3
    assert yamlnet.check(path) == []


@pytest.mark.parametrize("path", FILES.values(), ids=FILES)
def test_its_resolved_document_builds_the_same(path: Path) -> None:
    document = dump(resolved(language.check(files.read(str(path)))))
    laws.same(yamlnet.build(document).state_dict(), yamlnet.build(path).state_dict())


@pytest.mark.parametrize("name", PAIRS)
def test_it_is_its_twin(name: str) -> None:
    built, twin = yamlnet.build(FILES[name]), TWINS[name].make()
    assert not TWINS[name].by_hand or layers(built) == layers(twin)
    laws.agrees(built, twin, batches(name))
    for inputs in batches(name):
        laws.same(gradients(built, inputs), gradients(twin, inputs))


@pytest.mark.parametrize("name", PAIRS)
def test_it_is_plain_torch(name: str) -> None:
    built = yamlnet.build(FILES[name])
    laws.survives_copies(built, batches(name)[0])
    for module in built.modules():
        assert not ours(type(module))
        if isinstance(module, fx.GraphModule):
            assert not any(ours(node.target) for node in module.graph.nodes)


@pytest.mark.parametrize("name", PAIRS)
def test_it_exports_and_compiles(name: str) -> None:
    built = yamlnet.build(FILES[name])
    exports(built, batches(name), TWINS[name].static)
    laws.compiles(built, batches(name)[0])


def test_it_runs_without_yamlnet(tmp_path: Path) -> None:
    alone = [name for name in PAIRS if "torchvision." not in FILES[name].read_text() or SOUND]
    for name in alone:
        built, inputs = yamlnet.build(FILES[name]), batches(name)[0]
        expected = tree_leaves(laws.outputs(built, inputs, training=False))
        torch.save((built, inputs, expected), tmp_path / f"{name}.pt")
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, *map(str, sorted(tmp_path.iterdir()))],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout.split()) == (0, alone), done.stderr


ELSEWHERE = """
import sys
from pathlib import Path
sys.modules["yamlnet"] = None
import torch
from torch.utils._pytree import tree_leaves
torch.set_num_threads(1)
for path in sys.argv[1:]:
    network, inputs, expected = torch.load(path, weights_only=False)
    torch.manual_seed(1)
    with torch.no_grad():
        found = tree_leaves(network(*inputs))
    assert all(map(torch.equal, found, expected)), path
    print(Path(path).stem)
"""
"""Loads the saved networks where yamlnet can't be imported, and holds them against what they gave here."""


@pytest.mark.parametrize(
    ("name", "choices"),
    [
        ("04_module_dict", ["activation=tanh", "activation=prelu"]),
        ("10_select", ["task=regression", "task=embedding"]),
        ("12_skipped_layers", ["mask.1=true", "mask.0=false"]),
    ],
)
def test_a_choice_changes_what_runs_and_no_weight(name: str, choices: Sequence[str]) -> None:
    inputs = batches(name)[0]
    networks = [yamlnet.build(FILES[name])]
    for choice in choices:
        key, _, value = choice.partition("=")
        chosen = {"true": True, "false": False}.get(value, value)
        networks.append(yamlnet.build(FILES[name], set={f"vars.{key}": chosen}))
    given = [laws.outputs(network, inputs, training=False) for network in networks]
    for network, output in zip(networks[1:], given[1:], strict=True):
        laws.same(network.state_dict(), networks[0].state_dict())
        assert not torch.equal(output, given[0])


@pytest.mark.parametrize("written", ["by hand", "as a file"])
def test_first_weights(written: str) -> None:
    network = TWINS["15_init"].make() if written == "by hand" else yamlnet.build(FILES["15_init"])
    for layer in (network[0], network[2]):
        weight, bias = layer.weight.detach(), layer.bias.detach()
        wide = weight if len(weight) < len(weight[0]) else weight.t()
        product = wide @ wide.t() / 2
        away = (product - torch.eye(len(product))).abs().max()
        assert 1e-4 < away < 1e-2
        bound = 1 / math.sqrt(len(weight[0]))
        assert 0.8 * bound < bias.abs().max() <= bound
        assert bias.min() < 0 < bias.max()


def layers(network: nn.Module) -> dict[str, str]:
    """The layers of torch.nn by qualified name, those without weights too; containers are no layers."""
    return {
        name: type(module).__name__
        for name, module in network.named_modules()
        if type(module).__module__.startswith("torch.nn.modules.")
        and not type(module).__module__.endswith((".container", ".module"))
    }


def gradients(network: nn.Module, inputs: laws.Inputs) -> dict[str, Tensor]:
    """The gradients of the sum of all that a network in training gives, by parameter."""
    network.train()
    network.zero_grad()
    torch.manual_seed(1)
    leaves = [value for value in tree_leaves(network(*inputs)) if value.is_floating_point()]
    total = torch.stack([value.sum() for value in leaves]).sum()
    if total.requires_grad:
        total.backward()
    return {name: value.grad for name, value in network.named_parameters() if value.grad is not None}


def ours(target: object) -> bool:
    """Whether a class or function is yamlnet's; a method's name is nobody's."""
    return str(getattr(target, "__module__", "")).startswith("yamlnet")


def exports(built: nn.Module, given: Sequence[laws.Inputs], static: str) -> None:
    """`torch.export` takes it, with a batch of any size but where that is known not to work."""
    expected = [laws.outputs(built, inputs, training=False) for inputs in given]
    sizes = None if static else tuple({0: torch.export.Dim("batch", min=2)} for _ in given[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exported = torch.export.export(built, given[0], dynamic_shapes=sizes).module()
    for inputs, wanted in list(zip(given, expected, strict=True))[: 1 if static else None]:
        torch.manual_seed(1)
        torch.testing.assert_close(exported(*inputs), wanted)
