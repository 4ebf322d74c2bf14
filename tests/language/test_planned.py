"""What isn't in the language yet is said where someone tries it."""

from __future__ import annotations

import pytest

import yamlnet
from yamlnet.language.check import check
from yamlnet.language.files import read

FILE = """
data: {dataset: MNIST5k}
model: {Sequential: [Flatten, {Linear: 10}]}
loss: CrossEntropyLoss
optimizer: AdamW
"""


@pytest.mark.parametrize(
    ("option", "first"),
    [
        ("optimizer.AdamW.lr=0.1,0.2", "optimizer.AdamW.lr=0.1"),
        ("optimizer.AdamW.lr=[0.1, 0.2]", "optimizer.AdamW.lr=0.1"),
        ("optimizer=Adam,SGD", "optimizer=Adam"),
        ("train.epochs=3, 5", "train.epochs=3"),
        ("seed=[1, 2]", "seed=1"),
        ("data.batch_size=32,64", "data.batch_size=32"),
        ("data.dataset=MNIST,KMNIST", "data.dataset=MNIST"),
    ],
)
def test_several_values_of_an_option_are_several_runs(option: str, first: str) -> None:
    [diagnostic] = check(read(FILE), [option]).diagnostics
    help = f"sweeps aren't in the language yet: train once for each value, with `--set {first}`"
    assert diagnostic.help == help


@pytest.mark.parametrize("option", ["seed=a,b", "train.epochs=[1, x]", "model.Sequential.1.Linear=[3, 4]"])
def test_other_lists_are_no_sweeps(option: str) -> None:
    [diagnostic] = check(read(FILE), [option]).diagnostics
    assert "sweeps" not in str(diagnostic.help)


def test_a_list_of_vars_is_just_a_list() -> None:
    assert (
        yamlnet.check(FILE + "vars: {rates: [0.1, 0.2]}\n", set={"optimizer.AdamW.lr": "$(rates[1])"}) == []
    )
