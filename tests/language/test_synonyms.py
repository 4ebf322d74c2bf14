"""Names of other tools: what they are said to mean is there, and none of them is ours already."""

from __future__ import annotations

import pytest

import yamlnet
from yamlnet.catalog import lookup
from yamlnet.language import misnamed
from yamlnet.language.synonyms import EXAMPLES, NAMES, PARAMETERS, key_meant, names_meant
from yamlnet.language.validate import SECTION_KEYS
from yamlnet.language.vocabulary import CONTAINERS

CALLS = {
    "Linear(784, 10)": "Linear: 10",
    "nn.Linear(784, out_features=10, bias=False)": "Linear: {out_features: 10, bias: false}",
    "ReLU()": "ReLU",
    "torch.nn.Conv2d(3, 16, (3, 3))": "Conv2d: {out_channels: 16, kernel_size: [3, 3]}",
    "Linear(width)": None,
    "Linear(*sizes)": None,
    "Linear(1, 2, 3, 4, 5)": None,
    "Nothing()": None,
    "Linear": None,
    "print('x')": None,
    "Linear(" * 50: None,
}


@pytest.mark.parametrize("kind", NAMES)
def test_what_a_name_means_is_in_the_catalogue(kind: str) -> None:
    for theirs, meant in NAMES[kind].items():  # type: ignore[index]
        for name in meant:
            kinds = ("module", "function") if kind in ("module", "function") else (kind,)
            assert name in CONTAINERS or any(lookup.find(name, one) for one in kinds), (theirs, name)  # type: ignore[arg-type]


def test_what_a_parameter_means_is_a_parameter() -> None:
    known = {
        parameter
        for kind in ("module", "function", "loss", "optimizer", "scheduler", "dataset")
        for name in lookup.names(kind)  # type: ignore[arg-type]
        for parameter in lookup.find(name, kind).options  # type: ignore[arg-type, union-attr]
    }
    assert {meant for several in PARAMETERS.values() for meant in several} <= known


def test_examples_can_be_pasted() -> None:
    for place, example in EXAMPLES.items():
        section = place.partition(".")[0]
        text = (
            "data: {dataset: MNIST5k, validation: 0.1}\nmodel: {Sequential: [Flatten, {Linear: 10}]}\n"
            f"loss: CrossEntropyLoss\noptimizer: AdamW\n{section}: {{{example}}}\n"
        )
        assert yamlnet.check(text) == []


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (("epochs",), "`train`"),
        (("train", "lr"), "the optimizer"),
        (("train", "max_epochs"), "`epochs`"),
        (("train", "seed"), "the top of the file"),
        (("data", "val_split"), "`validation`"),
        (("data", "shuffle"), "shuffled anew"),
        (("criterion",), "`loss`"),
        (("nonsense",), None),
        (("train", "nonsense"), None),
    ],
)
def test_a_key_of_another_tool_leads_to_ours(path: tuple[str, ...], words: str | None) -> None:
    found = key_meant(path, SECTION_KEYS)
    assert (found is None) == (words is None)
    if found is not None and words is not None:
        assert words in found[0]


@pytest.mark.parametrize(("text", "written"), CALLS.items())
def test_a_call_of_pythons_is_written_as_ours(text: str, written: str | None) -> None:
    assert misnamed.from_python(text, ("module",)) == written


def test_case_and_underscores_do_not_matter() -> None:
    assert names_meant("Global_Average_Pooling2D", ("module",)) == ("AdaptiveAvgPool2d",)
