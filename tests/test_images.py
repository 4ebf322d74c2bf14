"""Images of any size through a whole run: trained, resumed, evaluated and predicted."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

import yamlnet
from tests.data.reference import v2
from yamlnet import api, resuming
from yamlnet.diagnostics import ConfigError, YamlnetError
from yamlnet.training.observer import Silent

COUNT = 12
NORMALIZE = {"Normalize": {"mean": [0.4, 0.5, 0.6], "std": 0.25}}
EVALUATION: list[Any] = [{"Resize": 18}, {"CenterCrop": 16}, NORMALIZE]
TRAINING: list[Any] = [
    {"RandomResizedCrop": 16},
    "RandomHorizontalFlip",
    {"RandomApply": [{"ColorJitter": 0.4}, {"GaussianBlur": 3}]},
    {"ColorJitter": {"brightness": 0.2, "hue": 0.1}},
    {"RandomRotation": 10},
    NORMALIZE,
    {"RandomErasing": {"value": "random"}},
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of two classes in many sizes."""
    root = tmp_path_factory.mktemp("pictures")
    drawn = torch.Generator().manual_seed(0)
    for number in range(COUNT):
        height, width = 17 + number % 5, 30 - number % 4
        values = torch.randint(0, 256 if number % 2 else 128, (height, width, 3), generator=drawn)
        path = root / ("dark", "bright")[number % 2] / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(values.to(torch.uint8).numpy()).save(path)
    return root


def experiment(folder: Path, **data: Any) -> dict[str, Any]:
    transforms = {"train": TRAINING, "evaluation": EVALUATION}
    said = {"validation": 3, "test": 3, "batch_size": 2, "transforms": transforms, **data}
    layers = [
        {"Conv2d": {"out_channels": 4, "kernel_size": 3}},
        "ReLU",
        "Flatten",
        {"Linear": "$num_classes"},
    ]
    return {
        "data": {"dataset": {"ImageFolder": {"root": str(folder)}}, **said},
        "model": {"Sequential": layers},
        "loss": "CrossEntropyLoss",
        "optimizer": {"AdamW": {"lr": 0.003}},
        "train": {"epochs": 2, "checkpoint": {"every": 1, "keep": 20}},
    }


def digest(run: Path) -> Any:
    return json.loads((run / "manifest.json").read_text())["weights_digest"]


def test_a_run_is_repeated_and_resumed_to_the_same_bits(folder: Path, tmp_path: Path) -> None:
    straight = yamlnet.train(experiment(folder), runs=tmp_path).path
    again = yamlnet.train(straight / "resolved.yaml", runs=tmp_path).path
    assert digest(again) == digest(straight)
    for step in (5, 3, 2):  # in the middle of an epoch and at an end
        (again / "result.json").unlink()
        for checkpoint in (again / "checkpoints").iterdir():
            if int(checkpoint.name.removeprefix("step-")) > step:
                shutil.rmtree(checkpoint)
        resuming.resume(again, (), Silent())
        assert digest(again) == digest(straight)


def test_what_is_predicted_is_what_torchvision_would_show(folder: Path, tmp_path: Path) -> None:
    run = yamlnet.train(experiment(folder), runs=tmp_path).path
    network = yamlnet.load(run)
    theirs = v2.Compose(
        [
            v2.Resize(18),
            v2.CenterCrop(16),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize([0.4, 0.5, 0.6], [0.25]),
        ]
    )
    files = sorted(map(str, folder.rglob("*.png")))
    found = api.predict(run, files)
    for file, predicted in zip(files, found, strict=True):
        image = v2.functional.pil_to_tensor(Image.open(file))
        with torch.inference_mode():
            expected = network(theirs(image).unsqueeze(0)).softmax(1)[0]
        assert torch.allclose(predicted.answers["output"].values, expected, atol=1e-5)
    assert set(api.evaluate(run, "train")) == {"train.loss"}


def test_sizes_are_known_before_the_pictures_are_read(folder: Path) -> None:
    network = yamlnet.build({**experiment(folder), "model": {"Sequential": ["Flatten", {"Linear": 2}]}})
    assert network[1].in_features == 3 * 16 * 16
    absent = experiment(folder / "absent")
    absent["model"] = {"Sequential": [{"Conv2d": {"out_channels": 4, "kernel_size": 17}}]}
    assert [found.code for found in yamlnet.check(absent)] == ["shape-mismatch"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"transforms": []}, "the images of the train split differ in size, and can't make a batch: `"),
        ({"transforms": {"train": TRAINING}}, "the images of the validation split differ in size"),
        ({"transforms": EVALUATION, "augment": [{"RandomCrop": 25}]}, "can't cut 25 x 25 out of an image of"),
    ],
)
def test_pictures_that_stay_different_are_named(
    folder: Path, tmp_path: Path, data: dict[str, Any], words: str
) -> None:
    with pytest.raises(YamlnetError, match=words) as caught:
        yamlnet.train(experiment(folder, **data), runs=tmp_path)
    assert not isinstance(caught.value, ConfigError)


def test_augmented_pictures_of_different_sizes_are_resized_after(folder: Path, tmp_path: Path) -> None:
    augment = [
        "RandomHorizontalFlip",
        {"RandomAffine": 5},
        {"RandomCrop": {"size": 25, "pad_if_needed": True}},
    ]
    data = {"transforms": [{"Resize": [12, 12]}, NORMALIZE], "augment": augment}
    assert yamlnet.train(experiment(folder, **data), runs=tmp_path).steps == 6


def test_images_are_made_larger_and_of_one_colour(tmp_path: Path) -> None:
    text = """
data:
  dataset: MNIST5k
  batch_size: 500
  transforms: [{Pad: 2}, {Resize: 16}, RGB, {Normalize: {mean: [0.1, 0.2, 0.3], std: 0.5}}]
model: {Sequential: [Flatten, {Linear: 10}]}
loss: CrossEntropyLoss
optimizer: {AdamW: {lr: 0.001}}
train: {steps: 2}
"""
    run = yamlnet.train(text, runs=tmp_path)
    assert run.metrics["parameters"] == 3 * 16 * 16 * 10 + 10
    Image.new("RGB", (28, 28), (200, 10, 10)).save(tmp_path / "a.png")
    (predicted,) = api.predict(run.path, [str(tmp_path / "a.png")])
    assert len(predicted.answers["output"].values) == 10
    Image.new("L", (20, 30)).save(tmp_path / "b.png")
    with pytest.raises(YamlnetError, match="is 30 x 20, and the network takes images of 16 x 16"):
        api.predict(run.path, [str(tmp_path / "b.png")])
